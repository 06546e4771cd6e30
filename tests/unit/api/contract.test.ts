// The shape of a response stands once, in api/: routes and commands name it there, and declare none of their own.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import * as api from '../../../api/index.ts';

const ROOT = new URL('../../..', import.meta.url).pathname;
const filesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(ROOT, folder, name));

/** A file as it is parsed, and the names that it imports from api/. */
function read(path: string, text = readFileSync(path, 'utf8')) {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const fromApi = new Set<string>();
  for (const statement of file.statements) {
    if (!ts.isImportDeclaration(statement) || !/\/api\/index\.ts/.test(statement.moduleSpecifier.getText())) continue;
    const bindings = statement.importClause?.namedBindings;
    if (bindings && ts.isNamedImports(bindings)) for (const one of bindings.elements) fromApi.add(one.name.text);
  }
  return { file, fromApi };
}

function walk(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  node.forEachChild((child) => walk(child, see));
}

const placeOf = (file: ts.SourceFile, node: ts.Node): string =>
  `${relative(ROOT, file.fileName)}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${node.getText().slice(0, 60)}`;

/** Schemas of a route that are not named in api/. */
function shapesInRoutes({ file, fromApi }: ReturnType<typeof read>): string[] {
  const found: string[] = [];
  // `const params = RecordParams` and `const { body, response } = BULK[action]` only pass a name on.
  const passed = new Set(fromApi);
  walk(file, (node) => {
    if (!ts.isVariableDeclaration(node) || !node.initializer || !isNamed(node.initializer, fromApi)) return;
    if (ts.isIdentifier(node.name)) passed.add(node.name.text);
    else for (const one of node.name.elements) if (ts.isBindingElement(one)) passed.add(one.name.getText());
  });
  const check = (node: ts.Node): void => {
    if (!isNamed(node, passed)) found.push(placeOf(file, node));
  };
  walk(file, (node) => {
    if (!ts.isPropertyAssignment(node) || node.name.getText() !== 'schema') return;
    if (!ts.isObjectLiteralExpression(node.initializer)) return;
    for (const one of node.initializer.properties) {
      const name = one.name?.getText() ?? '';
      if (['params', 'querystring', 'body', 'headers'].includes(name))
        check(ts.isPropertyAssignment(one) ? one.initializer : one.name!);
      if (name !== 'response' || !ts.isPropertyAssignment(one)) continue;
      if (!ts.isObjectLiteralExpression(one.initializer)) check(one.initializer);
      else
        for (const response of one.initializer.properties)
          if (ts.isPropertyAssignment(response) && !/^\{.*content: \{ 'text\//s.test(response.initializer.getText()))
            check(response.initializer);
    }
  });
  return found;
}

/** `Name`, `NAMES[key]`, `ref(Name)`, `described('words', Name)`. */
function isNamed(node: ts.Node, names: ReadonlySet<string>): boolean {
  if (ts.isIdentifier(node)) return names.has(node.text);
  if (ts.isElementAccessExpression(node)) return isNamed(node.expression, names);
  if (ts.isCallExpression(node) && ['ref', 'described'].includes(node.expression.getText()))
    return isNamed(node.arguments[node.arguments.length - 1]!, names);
  return false;
}

/** Types of responses that a command does not take from api/. */
function shapesInCommands({ file, fromApi }: ReturnType<typeof read>): string[] {
  const found: string[] = [];
  walk(file, (node) => {
    if (!ts.isCallExpression(node) || !node.typeArguments || !ts.isPropertyAccessExpression(node.expression)) return;
    const { name, expression } = node.expression;
    if (!['get', 'post', 'delete'].includes(name.text) || !/(^|\.)client$/.test(expression.getText())) return;
    for (const type of node.typeArguments) {
      const whole = ts.isTypeReferenceNode(type) && type.typeName.getText() === 'Pick' ? type.typeArguments![0]! : type;
      if (!ts.isTypeReferenceNode(whole) || !fromApi.has(whole.typeName.getText())) found.push(placeOf(file, type));
    }
  });
  return found;
}

test.each(filesIn('server/routes').map((path) => [relative(ROOT, path), path]))(
  '%s declares no shape of a request or a response: its schemas are those of api/',
  (_, path) => {
    expect(shapesInRoutes(read(path))).toEqual([]);
  },
);

test('every command takes the types of the responses of Tandem from api/', () => {
  const files = filesIn('cli').map((path) => read(path));
  expect(files.flatMap(shapesInCommands)).toEqual([]);
  expect(files.filter(({ fromApi }) => fromApi.size > 0).length).toBeGreaterThan(10);
});

test('server and command line declare no type with the name of a type in api/', () => {
  const declared = (path: string): { name: string; place: string }[] => {
    const { file } = read(path);
    return file.statements.flatMap((one) =>
      ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one)
        ? [{ name: one.name.text, place: placeOf(file, one) }]
        : [],
    );
  };
  const shapes = new Set(filesIn('api').flatMap((path) => declared(path).map(({ name }) => name)));
  expect(shapes.size).toBeGreaterThan(40);
  const twice = [...filesIn('server'), ...filesIn('cli')].flatMap(declared).filter(({ name }) => shapes.has(name));
  expect(twice).toEqual([]);
});

describe('the check finds', () => {
  const head = "import { RunPage, ref } from '../../api/index.ts';\n";

  test.each([
    ['an object of a route', "app.get('/x', { schema: { response: { 200: object({ a: text }) } } })"],
    ['a JSON schema of a route', "app.get('/x', { schema: { response: { 200: { type: 'object' } } } })"],
    ['a schema of the file itself', "const own = {}; app.get('/x', { schema: { body: own } })"],
    ['a changed one', "app.get('/x', { schema: { response: { 200: { ...RunPage, description: '' } } } })"],
  ])('%s', (_, text) => {
    expect(shapesInRoutes(read('server/routes/x.ts', head + text))).toHaveLength(1);
  });

  test.each([
    ['an inline type', 'client.get<{ runs: string[] }>(path)'],
    ['an interface of the file itself', 'interface Run { id: string }\ncontext.client.post<Run>(path)'],
    ['a part of it', "client.get<Pick<Own, 'a'>>(path)"],
  ])('%s of a command', (_, text) => {
    expect(shapesInCommands(read('cli/x.ts', head + text))).toHaveLength(1);
  });

  test('nothing wrong in code that uses the types of api/', () => {
    const route = "app.get('/x', { schema: { response: { 200: ref(RunPage), ...problems(404) } } })";
    expect(shapesInRoutes(read('server/routes/x.ts', head + route))).toEqual([]);
    expect(shapesInCommands(read('cli/x.ts', `${head}client.get<RunPage>(path)`))).toEqual([]);
  });
});

test('every schema that has a name of its own is among those that OpenAPI lists, each once', () => {
  const named = Object.values(api).flatMap((one) => {
    const id = (one as { readonly $id?: unknown } | null)?.$id;
    return typeof id === 'string' ? [id] : [];
  });
  const shared = api.SHARED.map((one) => (one as { readonly $id?: string }).$id);
  expect(new Set(shared).size).toBe(shared.length);
  expect([...new Set(named)].sort()).toEqual([...shared].sort());
});

test('no schema of api/ allows members that it does not declare', () => {
  const open: string[] = [];
  const visit = (schema: unknown, at: string): void => {
    if (typeof schema !== 'object' || schema === null) return;
    const { type, properties, additionalProperties } = schema as Readonly<Record<string, unknown>>;
    const isObject = type === 'object' || (Array.isArray(type) && type.includes('object'));
    if (isObject && additionalProperties === undefined) open.push(at);
    if (isObject && properties !== undefined && additionalProperties !== false) open.push(at);
    for (const [name, value] of Object.entries(schema)) visit(value, `${at}.${name}`);
  };
  for (const [name, schema] of Object.entries(api)) if (typeof schema === 'object') visit(schema, name);
  expect(open).toEqual([]);
});

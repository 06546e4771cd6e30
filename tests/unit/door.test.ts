/** engine/index.ts, the one door to the engine: what it exports is described where it is defined, and somebody needs it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DOOR = 'engine/index.ts';
/** Folders that import nothing else of the engine (.dependency-cruiser.cjs). Tests may go past the door, so they do not count. */
const USERS = ['server', 'cli', 'api', 'bench', 'scripts'];
/** Stands for a program that embeds the engine and brings a connector: it imports of the engine what such a program can. */
const EMBEDDING = 'tests/integration/connectors/lines.ts';
/** Thrown by a connector whose lists can be read on: the one of `EMBEDDING` makes no checkpoints. */
const THROWN = ['CheckpointLost'];

/** The text of a file, by its path from the root. */
type Read = (path: string) => string;
const fromDisk: Read = (path) => readFileSync(join(ROOT, path), 'utf8');

/** Parsed files by their text: most are asked for many times. */
const parsed = new Map<string, ts.SourceFile>();
function parse(path: string, read: Read): ts.SourceFile {
  const text = read(path);
  const key = `${path}\n${text}`;
  const file = parsed.get(key) ?? ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  parsed.set(key, file);
  return file;
}

/** A name that a file imports or passes on. */
interface Passed {
  readonly name: string;
  /** What it is called in the file that it is from. */
  readonly there: string;
  /** Path of that file; undefined: the file itself. */
  readonly from: string | undefined;
}

const namesIn = (
  file: ts.SourceFile,
  elements: readonly (ts.ImportSpecifier | ts.ExportSpecifier)[],
  module: ts.Expression | undefined,
): Passed[] =>
  elements.map(({ name, propertyName }) => ({
    name: name.text,
    there: (propertyName ?? name).text,
    from: module && ts.isStringLiteral(module) ? posix.join(posix.dirname(file.fileName), module.text) : undefined,
  }));

const importsOf = (file: ts.SourceFile): Passed[] =>
  file.statements.filter(ts.isImportDeclaration).flatMap(({ importClause, moduleSpecifier }) => {
    const bindings = importClause?.namedBindings;
    return namesIn(file, bindings && ts.isNamedImports(bindings) ? bindings.elements : [], moduleSpecifier);
  });

const exportsOf = (file: ts.SourceFile): Passed[] =>
  file.statements
    .filter(ts.isExportDeclaration)
    .flatMap(({ exportClause, moduleSpecifier }) =>
      namesIn(file, exportClause && ts.isNamedExports(exportClause) ? exportClause.elements : [], moduleSpecifier),
    );

function defines(statement: ts.Statement, wanted: string): boolean {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.some(({ name }) => ts.isIdentifier(name) && name.text === wanted);
  const named =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    ts.isEnumDeclaration(statement);
  return named && statement.name?.text === wanted;
}

/** The statement that defines a name, found through every file that only passes it on. */
function definitionOf(path: string, name: string, read: Read): [ts.SourceFile, ts.Statement] | undefined {
  const file = parse(path, read);
  const own = file.statements.find((statement) => defines(statement, name));
  if (own) return [file, own];
  const passed = exportsOf(file).find((one) => one.name === name);
  const next = passed?.from === undefined ? importsOf(file).find((one) => one.name === passed?.there) : passed;
  return next?.from === undefined ? undefined : definitionOf(next.from, next.there, read);
}

/** A docstring with words in it ends on the line above; a comment on the file as a whole has an empty line after it. */
function isDescribed([file, statement]: [ts.SourceFile, ts.Statement]): boolean {
  const last = ts.getLeadingCommentRanges(file.text, statement.pos)?.at(-1);
  if (!last) return false;
  const between = file.text.slice(last.end, statement.getStart(file));
  return /^\/\*\*.*\w/s.test(file.text.slice(last.pos, last.end)) && /^\r?\n$/.test(between);
}

/** Names of the door without a docstring, each with the file from which the door has it. */
const undescribed = (read: Read): string[] =>
  exportsOf(parse(DOOR, read)).flatMap(({ name, there, from }) => {
    const definition = definitionOf(from ?? DOOR, there, read);
    return definition && isDescribed(definition) ? [] : [`${name} (${definition?.[0].fileName ?? from})`];
  });

test('every name that engine/index.ts exports has a docstring directly above its definition', () => {
  expect(undescribed(fromDisk)).toEqual([]);
});

test('an export of engine/index.ts without a docstring is found, also where files between only pass it on', () => {
  const files: Record<string, string> = {
    [DOOR]: `
      export { bare, described, detached, empty, line, lost, type Passed } from './a.ts';
      export { renamed as other } from './a.ts';`,
    'engine/a.ts': `
/** On the file as a whole. */

export const detached = 1;
/** What it is. */
export const described = 1;
export const bare = 1;
/** */
export const empty = 1;
// A comment for those who edit the file.
export const line = 1;
import type { Passed } from './b/c.ts';
export type { Passed };
export { renamed } from './b/c.ts';`,
    'engine/b/c.ts': `
export interface Passed {}
export function renamed() {}`,
  };
  expect(undescribed((path) => files[path]!)).toEqual([
    'bare (engine/a.ts)',
    'detached (engine/a.ts)',
    'empty (engine/a.ts)',
    'line (engine/a.ts)',
    'lost (engine/a.ts)',
    'Passed (engine/b/c.ts)',
    'other (engine/b/c.ts)',
  ]);
});

test('engine/index.ts does nothing but pass names on, one by one', () => {
  const file = parse(DOOR, fromDisk);
  const others = file.statements.filter(
    (one) => !(ts.isExportDeclaration(one) && one.exportClause && ts.isNamedExports(one.exportClause)),
  );
  expect(others.map((one) => one.getText(file))).toEqual([]);
});

/** Names of types that a statement mentions; of a function those of what goes in and comes out. */
function typesIn(statement: ts.Statement): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node)) return;
    if (ts.isTypeReferenceNode(node) && ts.isIdentifier(node.typeName)) found.push(node.typeName.text);
    if (ts.isExpressionWithTypeArguments(node) && ts.isIdentifier(node.expression)) found.push(node.expression.text);
    ts.forEachChild(node, visit);
  };
  visit(statement);
  return found;
}

test('every name that engine/index.ts exports is imported by a user of it, or is in the signature of another', () => {
  const files = USERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.[cm]?[jt]s$/.test(name))
      .map((name) => posix.join(folder, name.replaceAll('\\', '/'))),
  );
  const used = new Set(
    [...files, EMBEDDING].flatMap((path) => {
      const file = parse(path, fromDisk);
      return [...importsOf(file), ...exportsOf(file)].filter(({ from }) => from === DOOR).map(({ there }) => there);
    }),
  );
  const exported = exportsOf(parse(DOOR, fromDisk));
  const inSignatures = exported.flatMap(({ name, there, from }) => {
    const definition = definitionOf(from ?? DOOR, there, fromDisk);
    return definition ? typesIn(definition[1]).filter((type) => type !== name) : [];
  });
  const needed = new Set([...used, ...inSignatures, ...THROWN]);
  const names = exported.map(({ name }) => name);
  expect(names.length).toBeGreaterThan(100);
  expect(names.filter((name) => !needed.has(name))).toEqual([]);
});

test('a program that brings a connector imports of the engine nothing but the door, and works with its types', () => {
  const ofEngine = importsOf(parse(EMBEDDING, fromDisk)).filter(({ from }) => from?.startsWith('engine/'));
  expect(ofEngine.length).toBeGreaterThan(5);
  expect(ofEngine.filter(({ from }) => from !== DOOR)).toEqual([]);
});

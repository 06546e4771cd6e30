// Calls every operation of an OpenAPI document with good and with bad input, and says where an answer is not as declared.
import { connect } from 'node:net';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { ERRORS } from '../../../engine/errors.ts';

type Schema = Readonly<Record<string, unknown>>;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
}

export interface Operation {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  /** Asks for no token. */
  readonly open: boolean;
  readonly parameters: readonly Parameter[];
  /** Of its JSON body; undefined where it declares none. */
  readonly body: Schema | undefined;
  /** The document's responses by status. */
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

export interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload?: string | Buffer;
}

export interface Got {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export type Send = (sent: Sent) => Promise<Got>;

/** Good values for what a schema cannot tell: `operation.name` or just `name`; asked again for each call. */
export type Values = Readonly<Record<string, unknown | (() => unknown)>>;

// biome-ignore lint/suspicious/noExplicitAny: the document is looked into as it comes
export function operationsOf(document: any): Operation[] {
  const found: Operation[] = [];
  for (const [path, methods] of Object.entries<Record<string, Record<string, unknown>>>(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      // biome-ignore lint/suspicious/noExplicitAny: as above
      const { operationId, parameters = [], requestBody, responses, security } = operation as any;
      found.push({
        id: operationId,
        method: method.toUpperCase(),
        path,
        open: Array.isArray(security) && security.length === 0,
        parameters,
        body: requestBody?.content['application/json']?.schema,
        responses,
      });
    }
  }
  // What is looked at first is still there; what is taken away goes last.
  const order = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
  return found.sort((a, b) => order.indexOf(a.method) - order.indexOf(b.method));
}

const pointer = (text: string): string => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));

/** @returns what is wrong with an answer: one that the document does not declare, or whose body breaks its schema */
export function checker(document: object): (operation: Operation, got: Got) => string | undefined {
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { binary: true } });
  ajv.addSchema(document, 'openapi');
  const compiled = new Map<string, ValidateFunction>();
  return ({ path, method, responses }, got) => {
    const declared = responses[String(got.status)];
    if (!declared) return `answers ${got.status}, which the document does not declare: ${got.text.slice(0, 200)}`;
    if (declared.content === undefined) return got.text === '' ? undefined : `answers a body with ${got.status}`;
    const type = got.type.split(';', 1)[0]?.trim() ?? '';
    if (!Object.hasOwn(declared.content, type)) return `answers ${got.status} as ${type}, which is not declared`;
    if (!type.endsWith('json')) return undefined;
    const where = ['paths', path, method.toLowerCase(), 'responses', String(got.status), 'content', type, 'schema'];
    const ref = `openapi#/${where.map(pointer).join('/')}`;
    const validate = compiled.get(ref) ?? ajv.compile({ $ref: ref });
    compiled.set(ref, validate);
    const body: unknown = JSON.parse(got.text);
    if (!validate(body))
      return `answers ${got.status} with ${ajv.errorsText(validate.errors)}: ${got.text.slice(0, 300)}`;
    return got.status >= 400 && type === 'application/problem+json' ? faultOfProblem(got) : undefined;
  };
}

/** What is wrong with a problem document (RFC 9457), from any origin. */
export function faultOfProblem(got: Got): string | undefined {
  if (!got.type.startsWith('application/problem+json')) return `answers ${got.status} as ${got.type}`;
  const { type, title, status, detail, code, remedy } = JSON.parse(got.text) as Record<string, unknown>;
  if (typeof code !== 'string' || !Object.hasOwn(ERRORS, code)) return `has the code ${code}, which is not in the list`;
  if (type !== `/errors/${code}`) return `has the type ${type}`;
  if (status !== got.status) return `says ${status} in its body and ${got.status} outside`;
  for (const text of [title, detail, remedy]) if (typeof text !== 'string' || text === '') return 'leaves a text empty';
  if (/\bat .+:\d+:\d+|node_modules|\/engine\/|\/server\//.test(got.text)) return `tells of its inside: ${got.text}`;
  return undefined;
}

/** What no client library would send, as it stands on the wire. */
export async function raw(base: string, text: string): Promise<Got> {
  const { hostname, port } = new URL(base);
  const answer = await new Promise<string>((resolve, reject) => {
    let got = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.on('data', (data) => {
      got += data;
    });
    socket.on('close', () => resolve(got));
    // What is refused early may be cut while it is still sent.
    socket.on('error', (error) => (got === '' ? reject(error) : resolve(got)));
  });
  const [head = '', body = ''] = answer.split('\r\n\r\n', 2);
  const [status, ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  return { status: Number(status?.split(' ')[1]), type: headers['content-type'] ?? '', text: body, headers };
}

// ---------------------------------------------------------------- good input

/** The schema's own example of a value, where it says enough; else undefined. */
function plainValue(schema: Schema): unknown {
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  if (schema.type === 'boolean') return false;
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 1;
  return undefined;
}

export class Inputs {
  private readonly document: object;
  private readonly values: Values;

  constructor(document: object, values: Values) {
    this.document = document;
    this.values = values;
  }

  /** @throws Error where nobody said what a good value is */
  async good({ id }: Operation, name: string, schema: Schema): Promise<unknown> {
    for (const key of [`${id}.${name}`, name]) {
      if (!Object.hasOwn(this.values, key)) continue;
      const value = this.values[key];
      return typeof value === 'function' ? await value() : value;
    }
    const value = plainValue(this.resolve(schema));
    if (value !== undefined) return value;
    throw new Error(
      `Nobody knows a good value for "${name}" of the operation "${id}": add "${id}.${name}" (or "${name}") to GOOD in walk.test.ts.`,
    );
  }

  resolve(schema: Schema): Schema {
    if (typeof schema.$ref !== 'string') return schema;
    let at: unknown = this.document;
    for (const part of schema.$ref.split('/').slice(1)) at = (at as Record<string, unknown>)[part];
    return at as Schema;
  }

  /** Required properties only. */
  async body(operation: Operation): Promise<unknown> {
    if (Object.hasOwn(this.values, `${operation.id}.body`)) return this.good(operation, 'body', {});
    if (!operation.body) return undefined;
    const schema = this.resolve(operation.body);
    const body: Record<string, unknown> = {};
    for (const name of (schema.required ?? []) as string[])
      body[name] = await this.good(operation, name, (schema.properties as Record<string, Schema>)[name] ?? {});
    return body;
  }

  /** The least good request. */
  async request(operation: Operation, changes: Changes = {}): Promise<Sent> {
    let path = operation.path;
    const query = new URLSearchParams();
    for (const { name, in: place, required, schema } of operation.parameters) {
      const changed = changes.parameter?.name === name ? changes.parameter.value : undefined;
      if (place === 'path') {
        const raw = changed ?? encodeURIComponent(String(await this.good(operation, name, schema)));
        path = path.replace(`{${name}}`, () => raw);
      } else if (changed !== undefined) query.append(name, changed);
      else if (required) query.append(name, String(await this.good(operation, name, schema)));
    }
    for (const [name, value] of changes.query ?? []) query.append(name, value);
    const body = 'body' in changes ? changes.body : await this.body(operation);
    const payload = changes.payload ?? (body === undefined ? undefined : JSON.stringify(body));
    return {
      method: operation.method,
      url: query.size === 0 ? path : `${path}?${query}`,
      headers: {
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...changes.headers,
      },
      ...(payload === undefined ? {} : { payload }),
    };
  }
}

export interface Changes {
  /** Path parameters as they stand in the address, queries before they are encoded. */
  readonly parameter?: { readonly name: string; readonly value: string };
  readonly query?: readonly (readonly [string, string])[];
  readonly body?: unknown;
  readonly payload?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

// ---------------------------------------------------------------- bad input

export interface Bad {
  readonly what: string;
  readonly changes: Changes;
  /** The only right status; undefined: any declared one that refuses. */
  readonly status?: number | undefined;
  /** Also a good answer is one: the text may name something. */
  readonly mayFit?: boolean;
}

const LONG = 'x'.repeat(4_000);
const HOSTILE = [
  'nothing-like-that',
  '__proto__',
  'constructor',
  'toString',
  '../../etc',
  "' OR 1=1 --",
  '{{7*7}}',
  'ä\u0000\n',
  '*',
  LONG,
];
/** As they stand in the address. */
const HOSTILE_PARTS = [...HOSTILE.map(encodeURIComponent), '%00', '%ED%A0%80', '%zz', '%', 'a%2Fb', '~'];

// Over 60 lines: one list of bad inputs: those of parameters, then those of the body.
export async function badInputs(inputs: Inputs, operation: Operation): Promise<Bad[]> {
  const bad: Bad[] = [];
  const writes = operation.method !== 'GET';
  for (const parameter of operation.parameters) {
    const { name } = parameter;
    const schema = inputs.resolve(parameter.schema);
    if (parameter.in === 'path') {
      for (const value of HOSTILE_PARTS)
        bad.push({ what: `path ${name}=${value.slice(0, 30)}`, changes: { parameter: { name, value } } });
      continue;
    }
    if (parameter.required)
      bad.push({ what: `without ${name}`, changes: { parameter: { name, value: '' } }, mayFit: false });
    for (const value of wrongTexts(schema))
      bad.push({ what: `query ${name}=${value.slice(0, 30)}`, changes: { parameter: { name, value } }, status: 400 });
    if (isFreeText(schema)) {
      for (const value of HOSTILE)
        bad.push({
          what: `query ${name}=${value.slice(0, 30)}`,
          changes: { parameter: { name, value } },
          mayFit: true,
        });
    }
    const twice = await inputs.good(operation, name, schema).then(String);
    bad.push({
      what: `query ${name} twice`,
      changes: { parameter: { name, value: twice }, query: [[name, twice]] },
      status: 400,
    });
  }
  if (!operation.open)
    for (const name of ['nope', '__proto__', 'constructor'])
      bad.push({ what: `unknown query ${name}`, changes: { query: [[name, '1']] }, status: 400 });
  if (operation.body) {
    const good = await inputs.body(operation);
    for (const { what, value } of wrongValues(inputs, inputs.resolve(operation.body), good, 'body'))
      bad.push({ what, changes: { body: value }, status: 400 });
    for (const payload of [
      '{"scan": ',
      '{]',
      '\uFEFF\uFEFF{}',
      "{'a':1}",
      '{"__proto__": {"scan": "full"}}',
      '{"constructor": {"prototype": {"scan": "full"}}}',
      `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
      `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
      'NaN',
      Buffer.from([0xff, 0xfe, 0x7b, 0x7d]),
    ])
      bad.push({ what: `body ${payload.toString().slice(0, 30)}`, changes: { payload }, status: 400 });
    bad.push({
      what: 'a form',
      changes: { payload: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      status: 415,
    });
    bad.push({
      what: 'XML',
      changes: { payload: '<a/>', headers: { 'content-type': 'application/xml' } },
      status: 415,
    });
    bad.push({ what: 'no type', changes: { payload: '{}', headers: { 'content-type': '' } }, status: 415 });
    bad.push({
      what: 'a type that is none',
      changes: { payload: '{}', headers: { 'content-type': '//;;' } },
      status: 415,
    });
  }
  if (writes)
    bad.push({
      what: 'a huge body',
      changes: { payload: JSON.stringify({ a: 'x'.repeat(2 * 1024 * 1024) }) },
      status: 413,
    });
  return bad;
}

const isFreeText = ({ type, enum: names, pattern }: Schema): boolean => type === 'string' && !names && !pattern;

/** Texts of a query that its schema refuses. */
function wrongTexts({ type, minimum, maximum, enum: names, pattern, minLength, maxLength }: Schema): string[] {
  const wrong: string[] = [];
  if (type === 'integer' || type === 'number') {
    wrong.push('x', '1e400', '--1', '1,5', 'NaN', '[]');
    if (type === 'integer') wrong.push('1.5');
    if (typeof minimum === 'number') wrong.push(String(minimum - 1));
    if (typeof maximum === 'number') wrong.push(String(maximum + 1), '99999999999999999999');
  }
  if (type === 'boolean') wrong.push('maybe', '2');
  if (names) wrong.push('nope', '__proto__', 'FULL', '');
  if (pattern) wrong.push('!\u0000', `${LONG}!`);
  if (typeof minLength === 'number' && minLength > 0) wrong.push('');
  if (typeof maxLength === 'number') wrong.push('x'.repeat(maxLength + 1));
  return wrong;
}

/** Bodies in which one thing is wrong. */
function wrongValues(inputs: Inputs, schema: Schema, good: unknown, where: string): { what: string; value: unknown }[] {
  const types = [schema.type].flat();
  const wrong: { what: string; value: unknown }[] = [];
  const add = (value: unknown): void =>
    void wrong.push({ what: `${where} = ${JSON.stringify(value)?.slice(0, 40)}`, value });
  if (types[0] === undefined) return wrong;
  if (!types.includes('string')) add('text');
  if (!types.includes('integer') && !types.includes('number')) add(7);
  if (!types.includes('boolean')) add(true);
  if (!types.includes('null')) add(null);
  if (!types.includes('array')) add([good]);
  if (!types.includes('object')) add({ a: 1 });
  if (Array.isArray(schema.enum)) add('nope');
  if (typeof schema.pattern === 'string') add('!\u0000');
  if (typeof schema.minLength === 'number' && schema.minLength > 0) add('');
  if (typeof schema.maxLength === 'number') add('x'.repeat(schema.maxLength + 1));
  if (typeof schema.minimum === 'number') add(schema.minimum - 1);
  if (typeof schema.maximum === 'number') add(schema.maximum + 1);
  if (types.includes('integer')) add(1.5);
  if (types.includes('array') && schema.items)
    for (const { what, value } of wrongValues(inputs, inputs.resolve(schema.items as Schema), undefined, `${where}[]`))
      wrong.push({ what, value: [value] });
  if (types.includes('object')) {
    const whole = (typeof good === 'object' && good !== null ? good : {}) as Record<string, unknown>;
    const properties = (schema.properties ?? {}) as Record<string, Schema>;
    if (schema.additionalProperties === false) {
      wrong.push({ what: `${where}.nope`, value: { ...whole, nope: 1 } });
      wrong.push({ what: `${where}.toString`, value: { ...whole, toString: 'x' } });
    }
    for (const name of (schema.required ?? []) as string[]) {
      const { [name]: _, ...rest } = whole;
      wrong.push({ what: `${where} without ${name}`, value: rest });
    }
    for (const [name, inner] of Object.entries(properties))
      for (const { what, value } of wrongValues(inputs, inputs.resolve(inner), whole[name], `${where}.${name}`))
        wrong.push({ what, value: { ...whole, [name]: value } });
    if (typeof schema.additionalProperties === 'object' && schema.additionalProperties !== null)
      for (const { what, value } of wrongValues(inputs, schema.additionalProperties as Schema, undefined, `${where}.*`))
        wrong.push({ what, value: { ...whole, any: value } });
  }
  return wrong;
}

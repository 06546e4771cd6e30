/** One system file: text in, checked and compiled SystemConfig out. */
import { asTandemError } from '../errors.ts';
import { compileExpression } from '../expression/compile.ts';
import type { Expression } from '../expression/expression.ts';
import type { Form } from '../expression/forms.ts';
import { parsePath } from '../expression/path.ts';
import { isObject } from '../json.ts';
import type { Json, JsonObject } from '../types.ts';
import { parseDuration } from './duration.ts';
import { checkSecrets, type Env, fillEnv, pointer, variablesIn } from './env.ts';
import { shortHash } from './hash.ts';
import { lackedBy, lackMessage } from './optional.ts';
import { createReport, type Report } from './report.ts';
import { schemaPlace } from './schema-path.ts';
import type {
  AuthConfig,
  CreateConfig,
  EntityConfig,
  FindConfig,
  JsonSchema,
  ListConfig,
  OperationConfig,
  PagingConfig,
  Problem,
  SinceConfig,
  SystemConfig,
  UpdateConfig,
  WebhookConfig,
} from './types.ts';
import { schemaFaults } from './validate.ts';
import { isFault, parseYaml, type YamlPath } from './yaml.ts';

/** The entity schemas by name (`keap/companies`), each with its text, or undefined where the file is faulty. */
export type EntitySchemas = ReadonlyMap<string, { readonly schema: JsonSchema; readonly text: string } | undefined>;

export interface SystemInput {
  readonly file: string;
  readonly text: string;
  readonly env: Env;
  /** JSON Schema of the file format. */
  readonly format: JsonSchema;
  readonly schemas: EntitySchemas;
}

export interface Loaded<T> {
  /** Undefined where the file has problems. */
  readonly value: T | undefined;
  /** What the file calls itself, where that is known. */
  readonly name: string | undefined;
  readonly problems: readonly Problem[];
}

export function loadSystem(input: SystemInput): Loaded<SystemConfig> {
  const document = parseYaml(input.text);
  if (isFault(document))
    return { value: undefined, name: undefined, problems: [{ ...document, file: input.file, where: '' }] };
  const report = createReport(input.file, document);
  checkSecrets(document.value, report);
  const { value, filled } = fillEnv(document.value, input.env, report);
  const name = isObject(value) && typeof value.system === 'string' ? value.system : undefined;
  const numbers = numbersFromEnv(input.format, value, filled);
  const missing = new Set(
    report.problems.filter((problem) => problem.code === 'CONFIG_ENV').map((problem) => problem.where),
  );
  for (const fault of schemaFaults(input.format, numbers)) {
    const before = report.problems.length;
    report.add('CONFIG_SCHEMA', fault.path, fault.message, fault.of);
    // What a missing variable leaves behind is no second fault.
    if (missing.has(report.problems[before]!.where)) report.problems.pop();
  }
  if (report.problems.length > 0) return { value: undefined, name, problems: report.problems };
  const credentials = isObject(document.value) ? variablesIn(document.value.auth) : [];
  const system = { ...build(numbers as unknown as SystemFile, input, report), credentials };
  return { value: report.problems.length === 0 ? system : undefined, name, problems: report.problems };
}

/** A text from the environment becomes a number where the format wants one. */
function numbersFromEnv(format: JsonSchema, value: Json, filled: ReadonlySet<string>): Json {
  if (filled.size === 0) return value;
  const copy = structuredClone(value);
  for (const fault of schemaFaults(format, copy)) {
    if (
      fault.keyword !== 'type' ||
      !filled.has(pointer(fault.path)) ||
      !fault.types.some((type) => type === 'integer' || type === 'number')
    )
      continue;
    const parent = fault.path.slice(0, -1).reduce<Json | undefined>((item, key) => (item as never)?.[key], copy);
    const last = fault.path.at(-1);
    if (parent === undefined || parent === null || last === undefined) continue;
    const text = (parent as unknown as Record<string | number, Json>)[last];
    if (typeof text === 'string' && /^\d+(\.\d+)?$/.test(text.trim()))
      (parent as unknown as Record<string | number, Json>)[last] = Number(text);
  }
  return copy;
}

// ---------------------------------------------------------------- building what the schema has let through

interface OperationFile {
  method?: string;
  path: string;
  query?: Record<string, string | number | boolean>;
}
type SearchFile = Record<string, Record<string, string | number | boolean>>;
interface EntityFile {
  title?: string;
  fields?: Record<string, { title: string }>;
  schema: string;
  id: string;
  modified?: string;
  created?: string;
  deleted?: { field: string; values?: (string | number | boolean)[] };
  archived?: { field: string; values?: (string | number | boolean)[] };
  normalize?: string;
  denormalize?: string;
  optional?: { param: string; names?: string[] };
  cache?: string;
  lag?: string;
  equal?: Form[];
  list?: OperationFile & {
    items?: string;
    paging: PagingConfig & { first?: number };
    since?: { kind: 'filter' | 'newest-first'; query: Record<string, string | number | boolean>; overlap?: string };
  };
  read?: OperationFile & { items?: string; exists?: string };
  find?: OperationFile & { items?: string; by: SearchFile; unsafe?: string; prefix?: SearchFile };
  create?: OperationFile & { idempotency?: string; answer?: 'record' | 'id' };
  update?: OperationFile & {
    mask?: string;
    maskStyle?: 'comma' | 'repeat';
    nested?: 'whole' | 'merge';
    version?: string;
    answer?: 'record' | 'none';
  };
  delete?: OperationFile;
  events?: string[];
}
interface QuotaFile {
  remaining: string;
  part?: number;
  reset?: string;
  window?: string;
}
interface SystemFile {
  system: string;
  title?: string;
  description?: string;
  connector?: string;
  baseUrl: string;
  auth: AuthConfig;
  headers?: Record<string, string>;
  timeout?: string;
  concurrency?: number;
  limits?: { requests: number; per: string }[];
  quota?: QuotaFile | QuotaFile[];
  retry?: { statuses?: number[] };
  errors?: { throttled?: string; message?: string };
  account?: OperationFile & { cache?: string };
  entities: Record<string, EntityFile>;
  webhooks?: {
    events: string;
    handshake?: string;
    signature?: { header: string; secret: string; format: 'hex' | 'base64' | 'timestamped'; tolerance?: string };
    register?: {
      list: OperationFile & { items?: string };
      create: OperationFile & { body: JsonObject };
      remove?: OperationFile;
      fields: { key: string; event: string; url: string; status?: string };
      verify?: OperationFile & { when: string[] };
    };
  };
}

const SEARCHED = {
  value: 'the value searched for',
  prefix: 'the beginning of the value searched for',
} as const;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

function build(file: SystemFile, input: SystemInput, report: Report): Omit<SystemConfig, 'credentials'> {
  if (!URL.canParse(file.baseUrl))
    report.add('CONFIG_SCHEMA', ['baseUrl'], 'Must be a web address, such as https://api.example.com/v2.');
  const entities: Record<string, EntityConfig> = {};
  const eventOwners = new Map<string, string>();
  for (const [name, entity] of Object.entries(file.entities)) {
    entities[name] = buildEntity(file, name, entity, input, report);
    for (const [i, event] of (entity.events ?? []).entries()) {
      const owner = eventOwners.get(event);
      if (owner)
        report.add(
          'CONFIG_DUPLICATE',
          ['entities', name, 'events', i],
          `The event "${event}" belongs to "${owner}" already.`,
        );
      eventOwners.set(event, name);
    }
  }
  const schemaTexts = Object.values(file.entities).map((entity) => input.schemas.get(entity.schema)?.text ?? '');
  const auth = file.auth.kind === 'oauth2' ? { ...file.auth, scope: file.auth.scope } : file.auth;
  return {
    name: file.system,
    title: file.title ?? file.system,
    description: file.description ?? '',
    file: input.file,
    version: shortHash(input.text, ...schemaTexts),
    connector: file.connector ?? 'http',
    baseUrl: file.baseUrl.replace(/\/+$/, ''),
    auth,
    headers: file.headers ?? {},
    timeout: duration(file.timeout, 30 * SECOND),
    limits: (file.limits ?? []).map((limit) => ({ requests: limit.requests, per: duration(limit.per, SECOND) })),
    concurrency: file.concurrency ?? 4,
    quota: [file.quota ?? []].flat().map(({ remaining, part, reset, window }) => ({
      remaining,
      part: part === undefined ? undefined : part - 1,
      reset,
      window: window === undefined ? undefined : duration(window, MINUTE),
    })),
    retry: { statuses: file.retry?.statuses ?? [] },
    errors: {
      throttled:
        file.errors?.throttled === undefined
          ? undefined
          : expression(file.errors.throttled, report, ['errors', 'throttled']),
      message: file.errors?.message,
    },
    account: file.account && {
      ...buildOperation(file.account, 'GET', [], [], report, ['account']),
      cache: duration(file.account.cache, HOUR),
    },
    entities,
    webhooks: file.webhooks ? buildWebhooks(file.webhooks, report) : undefined,
  };
}

// Over 60 lines: one part of an entity after the other, each with its own checks. They share the schema and the report.
function buildEntity(
  file: SystemFile,
  name: string,
  entity: EntityFile,
  input: SystemInput,
  report: Report,
): EntityConfig {
  const at = (...rest: (string | number)[]): YamlPath => ['entities', name, ...rest];
  const schema = entitySchema(entity.schema, input, report, at('schema'));
  const checkPath = (source: string, path: YamlPath, of: 'value' | 'key' = 'value'): void => {
    try {
      const parsed = parsePath(source);
      if (!parsed) {
        report.add('CONFIG_PATH', path, `"${source}" is no simple path, such as id or email_address.email.`, of);
        return;
      }
      const place = schema ? schemaPlace(schema, parsed.steps) : undefined;
      if (place && !place.found) report.add('CONFIG_PATH', path, place.message, of);
    } catch (error) {
      report.addError(path, asTandemError(error));
    }
  };
  checkPath(entity.id, at('id'));
  if (entity.modified !== undefined) checkPath(entity.modified, at('modified'));
  if (entity.created !== undefined) checkPath(entity.created, at('created'));
  for (const key of ['deleted', 'archived'] as const) if (entity[key]) checkPath(entity[key].field, at(key, 'field'));
  const operation = (key: 'read' | 'delete', method: string): OperationConfig | undefined =>
    entity[key] && buildOperation(entity[key], method, ['id'], ['id'], report, at(key));
  const read = operation('read', 'GET');
  if (entity.read?.exists !== undefined) {
    checkTemplates({ exists: entity.read.exists }, ['id'], report, at('read'));
    if (!entity.read.exists.includes('{id}'))
      report.add('CONFIG_SCHEMA', at('read', 'exists'), 'The path must hold {id}.');
    if (entity.read.items === undefined)
      report.add(
        'CONFIG_SCHEMA',
        at('read', 'exists'),
        '"exists" is for a record that is read through a list: add "items".',
        'key',
      );
  }

  let list: ListConfig | undefined;
  if (entity.list) {
    list = {
      ...buildOperation(entity.list, 'GET', [], [], report, at('list')),
      items: entity.list.items ?? '',
      paging:
        entity.list.paging.kind === 'page'
          ? { ...entity.list.paging, first: entity.list.paging.first ?? 1 }
          : entity.list.paging,
      since: buildSince(entity.list.since, report, at('list', 'since')),
    };
    if (list.since && entity.modified === undefined)
      report.add(
        'CONFIG_SCHEMA',
        at('list', 'since'),
        '"since" needs the path of the time of modification: add "modified" to the entity.',
        'key',
      );
    checkPaging(entity.list, report, at('list'));
  }
  let find: FindConfig | undefined;
  if (entity.find) {
    const search = (key: 'by' | 'prefix', place: 'value' | 'prefix'): Record<string, Record<string, string>> => {
      const made: Record<string, Record<string, string>> = {};
      for (const [field, query] of Object.entries(entity.find?.[key] ?? {})) {
        const where = at('find', key, field);
        checkPath(field, where, 'key');
        made[field] = texts(query);
        if (!Object.values(made[field]).some((text) => text.includes(`{${place}}`)))
          report.add(
            'CONFIG_SCHEMA',
            where,
            `One of these query parameters must hold {${place}}, ${SEARCHED[place]}.`,
            'key',
          );
        checkTemplates(made[field], [place], report, where);
      }
      return made;
    };
    find = {
      ...buildOperation(entity.find, 'GET', [], [], report, at('find')),
      items: entity.find.items ?? '',
      by: search('by', 'value'),
      unsafe: entity.find.unsafe ?? '',
      prefix: search('prefix', 'prefix'),
    };
  }
  let create: CreateConfig | undefined;
  if (entity.create) {
    create = {
      ...buildOperation(entity.create, 'POST', [], [], report, at('create')),
      idempotency: entity.create.idempotency,
      answer: entity.create.answer ?? 'record',
    };
    if (create.answer === 'id' && !entity.read)
      report.add(
        'CONFIG_OPERATION',
        at('create', 'answer'),
        '"answer: id" needs the operation "read", to read what was made.',
      );
  }
  let update: UpdateConfig | undefined;
  if (entity.update) {
    update = {
      ...buildOperation(entity.update, 'PATCH', ['id'], ['id'], report, at('update')),
      mask: entity.update.mask,
      maskStyle: entity.update.maskStyle ?? 'comma',
      nested: entity.update.nested ?? 'merge',
      version: entity.update.version,
      answer: entity.update.answer ?? 'record',
    };
    if (update.answer === 'none' && !entity.read)
      report.add(
        'CONFIG_OPERATION',
        at('update', 'answer'),
        '"answer: none" needs the operation "read", to read what was written.',
      );
  }
  for (const path of Object.keys(entity.fields ?? {})) checkPath(path, at('fields', path), 'key');
  for (const [i, property] of (entity.optional?.names ?? []).entries()) checkPath(property, at('optional', 'names', i));
  const built: EntityConfig = {
    system: file.system,
    name,
    title: entity.title ?? name,
    fields: entity.fields ?? {},
    schema: schema ?? {},
    id: entity.id,
    modified: entity.modified,
    created: entity.created,
    deleted: entity.deleted && { field: entity.deleted.field, values: entity.deleted.values },
    archived: entity.archived && { field: entity.archived.field, values: entity.archived.values },
    normalize: entity.normalize === undefined ? undefined : expression(entity.normalize, report, at('normalize')),
    denormalize:
      entity.denormalize === undefined
        ? undefined
        : expression(entity.denormalize, report, at('denormalize'), file.account !== undefined),
    optional: entity.optional,
    cache: entity.cache === undefined ? undefined : duration(entity.cache, 0),
    lag: duration(entity.lag, MINUTE),
    equal: entity.equal ?? [],
    list,
    read: read && { ...read, items: entity.read?.items, exists: entity.read?.exists },
    find,
    create,
    update,
    delete: operation('delete', 'DELETE'),
    events: entity.events ?? [],
  };
  checkOptional(built, report, at);
  return built;
}

/** What the file itself reads of a record must be asked for. */
function checkOptional(entity: EntityConfig, report: Report, at: (...rest: string[]) => YamlPath): void {
  const { optional, modified, created, deleted, archived, id, find } = entity;
  if (!optional) return;
  const check = (source: string | undefined, path: YamlPath, of: 'value' | 'key', only?: string): void => {
    const root = source === undefined ? undefined : quietRoot(source);
    if (root === undefined) return;
    const lacking = lackedBy(entity, root).filter((name) => only === undefined || name === only);
    if (lacking.length > 0)
      report.add('CONFIG_OPERATION', path, `${entity.name} ${lackMessage(root, lacking, optional.param)}.`, of);
  };
  check(id, at('id'), 'value');
  check(modified, at('modified'), 'value');
  check(created, at('created'), 'value');
  check(deleted?.field, at('deleted', 'field'), 'value');
  check(archived?.field, at('archived', 'field'), 'value');
  for (const field of Object.keys(find?.by ?? {})) check(field, at('find', 'by', field), 'key', 'find');
}

function quietRoot(source: string): string | undefined {
  try {
    return parsePath(source)?.root;
  } catch {
    return undefined;
  }
}

/** Names that APIs give to the number of records in a page. */
const PAGE_SIZE = /^(per[_-]?page|page[_-]?size|page\[size\]|limit|size|count|take|rows|max[_-]?results|\$?top)$/i;

/** What the query and `paging` say of the same thing must be the same. */
function checkPaging(
  { paging, query = {}, path, since }: NonNullable<EntityFile['list']>,
  report: Report,
  at: YamlPath,
): void {
  const queries: [YamlPath, Record<string, string | number | boolean>][] = [
    [[...at, 'query'], query],
    [[...at, 'since', 'query'], since?.query ?? {}],
    [[...at, 'path'], Object.fromEntries(new URLSearchParams(path.split('?')[1] ?? ''))],
  ];
  for (const [where, values] of queries) {
    for (const [name, value] of Object.entries(values)) {
      const place = where.at(-1) === 'path' ? where : [...where, name];
      if ('param' in paging && name === paging.param)
        report.add('CONFIG_SCHEMA', place, `"paging" sets ${name} for each page; remove it here.`, 'key');
      else if (
        'size' in paging &&
        PAGE_SIZE.test(name) &&
        Number(value) !== paging.size &&
        !Number.isNaN(Number(value))
      )
        report.add(
          'CONFIG_SCHEMA',
          place,
          `A page has ${value} records here and ${paging.size} in "paging"; write the same.`,
        );
    }
  }
}

function entitySchema(name: string, input: SystemInput, report: Report, path: YamlPath): JsonSchema | undefined {
  if (!input.schemas.has(name)) {
    report.add('CONFIG_REFERENCE', path, `There is no file schemas/${name}.schema.json.`);
    return undefined;
  }
  const found = input.schemas.get(name);
  if (!found) report.add('CONFIG_REFERENCE', path, `The file schemas/${name}.schema.json has faults of its own.`);
  return found?.schema;
}

function buildOperation(
  operation: OperationFile,
  method: string,
  needed: readonly string[],
  allowed: readonly string[],
  report: Report,
  path: YamlPath,
): OperationConfig {
  const query = texts(operation.query ?? {});
  for (const name of needed) {
    if (!operation.path.includes(`{${name}}`) && !Object.values(query).some((text) => text.includes(`{${name}}`))) {
      report.add('CONFIG_SCHEMA', [...path, 'path'], `The path must hold {${name}}.`);
    }
  }
  checkTemplates({ path: operation.path }, allowed, report, path);
  checkTemplates(query, allowed, report, [...path, 'query']);
  return { method: operation.method ?? method, path: operation.path, query };
}

function buildSince(
  since: NonNullable<EntityFile['list']>['since'],
  report: Report,
  path: YamlPath,
): SinceConfig | undefined {
  if (!since) return undefined;
  const query = texts(since.query);
  if (since.kind === 'filter' && !Object.values(query).some((text) => text.includes('{since}'))) {
    report.add(
      'CONFIG_SCHEMA',
      [...path, 'query'],
      'One of these query parameters must hold {since}, the time to read from.',
      'key',
    );
  }
  checkTemplates(query, ['since'], report, [...path, 'query']);
  return { kind: since.kind, query, overlap: duration(since.overlap, 2 * MINUTE) };
}

function buildWebhooks(webhooks: NonNullable<SystemFile['webhooks']>, report: Report): WebhookConfig {
  const at = (...rest: (string | number)[]): YamlPath => ['webhooks', ...rest];
  const { register, signature } = webhooks;
  return {
    events: expression(webhooks.events, report, at('events')),
    handshake: webhooks.handshake,
    signature: signature && {
      header: signature.header,
      secret: signature.secret,
      format: signature.format,
      tolerance: duration(signature.tolerance, 5 * MINUTE),
    },
    register: register && {
      list: {
        ...buildOperation(register.list, 'GET', [], [], report, at('register', 'list')),
        items: register.list.items ?? '',
      },
      create: {
        ...buildOperation(register.create, 'POST', [], [], report, at('register', 'create')),
        body: register.create.body,
      },
      remove:
        register.remove &&
        buildOperation(register.remove, 'DELETE', ['key'], ['key'], report, at('register', 'remove')),
      fields: {
        key: register.fields.key,
        event: register.fields.event,
        url: register.fields.url,
        status: register.fields.status,
      },
      verify: register.verify && {
        ...buildOperation(register.verify, 'POST', ['key'], ['key'], report, at('register', 'verify')),
        when: register.verify.when,
      },
    },
  };
}

/** @param account whether `$account()` may be called */
function expression(source: string, report: Report, path: YamlPath, account?: boolean): Expression {
  try {
    const compiled = compileExpression(source);
    const { link, record, find } = compiled.calls;
    if (compiled.calls.account && !account)
      report.add(
        'CONFIG_EXPRESSION',
        path,
        account === undefined
          ? 'Only "denormalize" can call $account().'
          : '$account() needs the key "account" of the system file.',
      );
    if (link.length + record.length + find.length > 0)
      report.add(
        'CONFIG_EXPRESSION',
        path,
        '$link, $record and $find are for mappings; a system file cannot call them.',
      );
    return compiled;
  } catch (error) {
    report.addError(path, asTandemError(error));
    return { source, evaluate: async () => undefined };
  }
}

/** `{name}` is a place to fill in; a misspelt one would be sent as it stands. */
function checkTemplates(
  values: Readonly<Record<string, string>>,
  allowed: readonly string[],
  report: Report,
  path: YamlPath,
): void {
  for (const [key, text] of Object.entries(values)) {
    for (const match of text.matchAll(/\{([A-Za-z_]+)\}/g)) {
      if (allowed.includes(match[1]!)) continue;
      const known =
        allowed.length > 0
          ? `; known here: ${allowed.map((name) => `{${name}}`).join(', ')}.`
          : '; nothing is filled in here.';
      report.add('CONFIG_SCHEMA', [...path, key], `{${match[1]}} is not known${known}`);
    }
  }
}

const duration = (text: string | undefined, standard: number): number =>
  text === undefined ? standard : (parseDuration(text) ?? standard);
const texts = (values: Readonly<Record<string, string | number | boolean>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));

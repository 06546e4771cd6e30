/** The HTTP kind of connector: what a system file declares, as requests. */
import type { EntityConfig, FindConfig, OperationConfig, PagingConfig, SystemConfig } from '../../config/types.ts';
import { asTandemError, TandemError } from '../../errors.ts';
import { stableJson } from '../../expression/values.ts';
import { restoreExact } from '../../json.ts';
import { sleep, takeTurns } from '../../timing.ts';
import type { JsonObject, SystemRecord } from '../../types.ts';
import type {
  Capabilities,
  Change,
  Connector,
  ConnectorHost,
  CreateOptions,
  ListOptions,
  Operation,
  Page,
  Unidentified,
  WriteOptions,
} from '../connector.ts';
import { FORMS } from './etag.ts';
import { type HttpCheckpoint, isNumbered, type PageSource, type RawPage, readPages } from './pages.ts';
import { createPager, itemsOf } from './paging.ts';
import { isObject, readPath } from './paths.ts';
import { toId, toMillis, toRecord } from './record.ts';
import { createBody, maskOf, updateBody } from './request-body.ts';
import { headerOf } from './response.ts';
import { pageLimits } from './response-body.ts';
import { type Reading, readSettled } from './settled.ts';
import { fillPath, fillQuery } from './template.ts';
import { type Call, createTransport, type HttpResponse, type Transport } from './transport.ts';

/** Milliseconds that one page of a list waits in all for quota, before the whole list is given up for later. */
const LIST_PATIENCE = 300_000;
/** A search that goes on for more pages than this, or finds more records, is no search. */
const FIND_PAGES = 20;
const FIND_RECORDS = 1_000;
/** Records without an id that a page names one by one. */
const UNIDENTIFIED = 10;
/** Milliseconds that reading back what was just written waits for quota: giving up would cost a search for it later. */
const WRITTEN_PATIENCE = 30_000;

/**
 * @param transport carries the requests; a check puts one of its own in place of it, which sees every response
 * @throws TandemError STARTUP_REFUSED where the system cannot be used as it is set up
 */
export function openHttpConnector(
  config: SystemConfig,
  host: ConnectorHost,
  transport: Transport = createTransport(config, host),
): Connector {
  function entityOf(name: string): EntityConfig {
    const entity = Object.hasOwn(config.entities, name) ? config.entities[name] : undefined;
    if (entity !== undefined) return entity;
    throw new TandemError('CONFIG_REFERENCE', `${config.name} has no entity '${name}'`, { system: config.name });
  }

  function offered<T>(operation: T | undefined, name: Operation, entity: string): T {
    if (operation !== undefined) return operation;
    const words = `${config.name} does not offer to ${name} ${entity}`;
    throw new TandemError('OPERATION_UNSUPPORTED', words, { system: config.name, entity });
  }

  async function check(name: string): Promise<void> {
    const operation = offered(entityOf(name).list, 'list', name);
    const call = callOf(operation, name, 'list');
    for (const [key, value] of Object.entries(createPager(operation.paging).first.query)) call.query.set(key, value);
    await transport.send({ ...call, once: true });
  }

  /** Pages of raw records. */
  const pages = (
    call: Omit<Call, 'query'> & { query: URLSearchParams },
    entity: EntityConfig,
    items: string,
    paging: PagingConfig,
    from?: HttpCheckpoint,
  ): AsyncGenerator<RawPage> => {
    const limits = pageLimits('size' in paging ? paging.size : undefined);
    const patience = call.operation === 'list' ? LIST_PATIENCE : 0;
    const source: PageSource = {
      entity,
      items,
      paging,
      whole: call.operation === 'list',
      located: (work) => located(entity, work),
      send(wanted, first) {
        const query = new URLSearchParams(call.query);
        for (const [name, value] of Object.entries(wanted.query)) query.set(name, value);
        const more = { query, url: wanted.url, list: items, limits, single: wanted.open && !first };
        return sendPatiently({ ...call, ...more }, patience, first);
      },
    };
    return readPages(source, from);
  };

  /**
   * Waits for quota, and for a system that is down, up to `patience` milliseconds in all: a list must not begin again
   * because of a moment without.
   * @param first nothing is lost by beginning again: a system that is down is not waited for
   */
  async function sendPatiently(call: Call, patience: number, first = false): Promise<HttpResponse> {
    const end = performance.now() + patience;
    for (;;) {
      try {
        return await transport.send(call);
      } catch (error) {
        const passes =
          error instanceof TandemError &&
          (error.code === 'SYSTEM_THROTTLED' || (error.code === 'SYSTEM_DOWN' && !first));
        const wait = passes ? error.context.retryAfter : undefined;
        if (wait === undefined || performance.now() + wait > end) throw error;
        await sleep(wait, call.signal);
      }
    }
  }

  function located<T>(entity: EntityConfig, work: () => T): T {
    try {
      return work();
    } catch (error) {
      const { code, message, context } = asTandemError(error);
      throw new TandemError(code, `${config.name}, ${entity.name}: ${message}`, {
        ...context,
        system: config.name,
        entity: entity.name,
      });
    }
  }

  async function* list(name: string, options: ListOptions = {}): AsyncGenerator<Page> {
    const entity = entityOf(name);
    const operation = offered(entity.list, 'list', name);
    const { signal, from } = options;
    const read = (since?: string, begin?: unknown): AsyncGenerator<Page, Reading> =>
      readOnce(entity, operation, { signal, from: begin, ...(since === undefined ? {} : { since }) });
    const changesOnly = options.since !== undefined && operation.since !== undefined;
    if (changesOnly || !isNumbered(operation.paging)) yield* readOnce(entity, operation, options);
    else yield* readSettled(read, operation.since !== undefined, from);
  }

  async function* readOnce(
    entity: EntityConfig,
    operation: NonNullable<EntityConfig['list']>,
    options: ListOptions,
  ): AsyncGenerator<Page, Reading> {
    const { since } = operation;
    // Made below.
    const from = options.from as HttpCheckpoint | undefined;
    const start =
      options.since === undefined || since === undefined
        ? undefined
        : cutoff(options.since, options.overlap ?? since.overlap, entity);
    const query = fillQuery(operation.query, {});
    if (start !== undefined && since !== undefined) {
      for (const [key, value] of fillQuery(since.query, { since: new Date(start).toISOString() }))
        query.set(key, value);
    }
    const stopAt = since?.kind === 'newest-first' ? start : undefined;
    const call = { ...callOf(operation, entity.name, 'list'), query, signal: options.signal };
    const reading = { pages: 0, shifted: false, listedAt: undefined as number | undefined };
    for await (const one of pages(call, entity, operation.items, operation.paging, from)) {
      const { raw, number, listedAt, request, lastId } = one;
      if (raw.length > 0) reading.pages = number;
      reading.shifted ||= one.shifted;
      reading.listedAt = listedAt;
      const checkpoint: HttpCheckpoint = { number, listedAt, shifted: reading.shifted, request, lastId };
      const page = { ...(await readPage(entity, raw)), number, listedAt, checkpoint };
      const old =
        stopAt === undefined
          ? -1
          : page.records.findIndex(({ modified }) => modified !== undefined && Date.parse(modified) < stopAt);
      yield old < 0 ? page : { ...page, records: page.records.slice(0, old) };
      if (old >= 0) break;
    }
    return reading;
  }

  async function read(name: string, id: string, patience = 0): Promise<SystemRecord | undefined> {
    const entity = entityOf(name);
    const operation = offered(entity.read, 'read', name);
    const call = callOf(operation, name, 'read', { id });
    try {
      const answer = await sendPatiently({ ...call, single: operation.items === undefined }, patience);
      if (operation.items === undefined) return await recordOf(entity, answer);
      const [found, ...more] = itemsOf(answer.body, operation.items);
      if (more.length > 0) {
        const words = `${config.name} answered several records of ${name} where one was asked for by its id`;
        throw new TandemError('SYSTEM_BAD_RESPONSE', words, { system: config.name, entity: name });
      }
      if (found !== undefined) return await recordOf(entity, { ...answer, body: found });
      if (operation.exists === undefined) return undefined;
      // A list may lag behind, or be empty by mistake: neither is a deletion. A 404 here is one.
      await transport.send(callOf({ method: 'GET', path: operation.exists, query: {} }, name, 'read', { id }));
      const words = `${config.name} has a record of ${name} that its list does not show`;
      throw new TandemError('SYSTEM_BAD_RESPONSE', words, { system: config.name, entity: name });
    } catch (error) {
      if (error instanceof TandemError && error.code === 'SYSTEM_NOT_FOUND') return undefined;
      throw withId(error, id);
    }
  }

  async function find(name: string, field: string, given: string): Promise<SystemRecord[]> {
    const value = given.trim();
    const entity = entityOf(name);
    const operation = offered(entity.find, 'find', name);
    const by = offered(
      Object.hasOwn(operation.by, field) ? operation.by[field] : undefined,
      'find',
      `${name} by ${field}`,
    );
    const wanted = canonical(value);
    // Without a value a filter would let everything through.
    if (wanted === '') return [];
    const query = fillQuery(operation.query, { value });
    for (const [key, text] of searchOf(operation, name, field, by, value)) query.set(key, text);
    // A search of the list's own path is paged as the list is; a prefix search may need more than its first page.
    const paging: PagingConfig = entity.list?.path === operation.path ? entity.list.paging : { kind: 'none' };
    const found = new Map<string, SystemRecord>();
    let count = 0;
    const call = { ...callOf(operation, name, 'find', { value }), query, values: [value] };
    for await (const { raw } of pages(call, entity, operation.items, paging)) {
      if (++count > FIND_PAGES) throw tooMany(name, field);
      const { records } = await readPage(entity, raw);
      for (const record of records) {
        if (canonical(readPath(record.data, field)) === wanted) found.set(record.id, record);
      }
      if (found.size > FIND_RECORDS) throw tooMany(name, field);
    }
    return [...found.values()];
  }

  /**
   * The query of a search. What it finds is compared again, so a value that the syntax cannot hold may be searched by its
   * beginning.
   */
  function searchOf(
    { unsafe, prefix: byPrefix }: FindConfig,
    name: string,
    field: string,
    by: Readonly<Record<string, string>>,
    value: string,
  ): URLSearchParams {
    const at = [...unsafe].map((one) => value.indexOf(one)).filter((one) => one >= 0);
    if (at.length === 0) return fillQuery(by, { value });
    const prefix = value.slice(0, Math.min(...at)).trim();
    const query = Object.hasOwn(byPrefix, field) ? byPrefix[field] : undefined;
    if (query !== undefined && prefix !== '') return fillQuery(query, { prefix });
    const words = `${config.name} cannot be searched for ${name} by ${field} with a value that holds one of ${[...unsafe].join(' ')}`;
    throw new TandemError('OPERATION_UNSUPPORTED', words, { system: config.name, entity: name });
  }

  function tooMany(entity: string, field: string): TandemError {
    const words = `The search of ${entity} by ${field} finds too many records to be checked`;
    return new TandemError('SYSTEM_BAD_RESPONSE', words, { system: config.name, entity });
  }

  async function create(name: string, data: JsonObject, options: CreateOptions = {}): Promise<SystemRecord> {
    const entity = entityOf(name);
    const operation = offered(entity.create, 'create', name);
    const headers =
      operation.idempotency === undefined || options.idempotencyKey === undefined
        ? {}
        : { [operation.idempotency]: options.idempotencyKey };
    const body = await written(entity, createBody(entity.schema, data), data);
    const call = callOf(operation, name, 'create');
    const answer = await transport.send({ ...call, body, headers, guard: options.guard });
    const received = Date.now();
    const id = toId(readPath(answer.body, entity.id));
    try {
      const record =
        operation.answer === 'record'
          ? await recordOf(entity, answer)
          : id === undefined
            ? undefined
            : await read(name, id, WRITTEN_PATIENCE);
      if (record?.modified !== undefined) await noteClock(name, Date.parse(record.modified), received);
      if (record !== undefined) return record;
    } catch (error) {
      throw created(name, id, error);
    }
    throw created(name, id, undefined);
  }

  async function noteClock(entity: string, modified: number, received: number): Promise<void> {
    // The record is created all the same. Where Redis is gone, the commit that follows says so.
    await host.clock.noteCreate(entity, modified, received).catch(() => {});
  }

  /** @param record the whole normalized record, with what is only read */
  async function written(entity: EntityConfig, body: JsonObject, record: JsonObject): Promise<JsonObject> {
    if (entity.denormalize === undefined) return body;
    const place = { system: config.name, entity: entity.name };
    let made: unknown;
    try {
      made = restoreExact(await entity.denormalize.evaluate(body, { record, account }), body);
    } catch (error) {
      const { code, message, context } = asTandemError(error);
      throw new TandemError(code, message, { ...context, ...place, cause: error });
    }
    if (isObject(made)) return made as JsonObject;
    throw new TandemError('EXPRESSION_FAILED', `'denormalize' of ${entity.name} did not make an object`, place);
  }

  let knownAccount: { until: number; body: Promise<unknown> } | undefined;

  /** What describes the account: asked once, and kept as long as the system file says. */
  async function account(): Promise<unknown> {
    const operation = config.account;
    if (operation === undefined) return undefined;
    if (knownAccount === undefined || knownAccount.until <= host.now()) {
      const body = transport.send({ ...callOf(operation, 'account', 'read'), single: true }).then(({ body }) => body);
      knownAccount = { until: host.now() + operation.cache, body };
    }
    try {
      return await knownAccount.body;
    } catch (error) {
      knownAccount = undefined;
      const { code, message, context } = asTandemError(error);
      throw new TandemError(code, `What describes the account cannot be read: ${message}`, context);
    }
  }

  /** The record is there, only what it looks like is not known: the caller can link it by its id. */
  function created(entity: string, id: string | undefined, cause: unknown): TandemError {
    const words =
      id === undefined
        ? `${config.name} answered the creation of a record of ${entity} without a usable id`
        : `The record of ${entity} was created in ${config.name}, and could not be read after`;
    return new TandemError('OUTCOME_UNKNOWN', words, {
      system: config.name,
      entity,
      ...(id === undefined ? {} : { id }),
      ...(cause === undefined ? {} : { cause }),
    });
  }

  async function update(name: string, id: string, change: Change, { guard }: WriteOptions = {}): Promise<SystemRecord> {
    const entity = entityOf(name);
    const operation = offered(entity.update, 'update', name);
    const normalized = updateBody(operation, entity.schema, change.data, change.changed);
    if (Object.keys(normalized).length > 0) {
      const body = await written(entity, normalized, change.data);
      const call = callOf(operation, name, 'update', { id });
      for (const [param, text] of maskOf(operation, body)) call.query.append(param, text);
      try {
        const answer = await sendVersioned({ ...call, body, guard }, entity, id, change);
        if (operation.answer === 'record' && answer.body !== undefined) return await recordOf(entity, answer);
      } catch (error) {
        throw withId(error, id);
      }
    }
    const record = await read(name, id, WRITTEN_PATIENCE);
    if (record !== undefined) return record;
    const words = `The record of ${name} is gone from ${config.name}`;
    throw new TandemError('SYSTEM_NOT_FOUND', words, { system: config.name, entity: name, id });
  }

  /** Per entity: in which form the system took a version last. */
  const forms = new Map<string, (tag: string) => string>();

  /**
   * Sends an update on the condition that the record still has the version that was read. Where the system says that it
   * has not, and the record is the same all the same, the version is tried in other forms.
   */
  async function sendVersioned(call: Call, entity: EntityConfig, id: string, change: Change): Promise<HttpResponse> {
    const header = entity.update?.version;
    if (header === undefined || change.version === undefined) return await transport.send(call);
    const send = (version: string): Promise<HttpResponse> =>
      transport.send({ ...call, headers: { [header]: version }, conditional: true });
    const known = forms.get(entity.name) ?? FORMS[0]!;
    const tried = new Set([known(change.version)]);
    try {
      return await send(known(change.version));
    } catch (error) {
      const refused = asTandemError(error);
      if (refused.code !== 'RECORD_CHANGED' || change.before === undefined) throw error;
      const now = await read(entity.name, id, WRITTEN_PATIENCE);
      if (now === undefined || stableJson(now.data) !== stableJson(change.before)) throw error;
      if (refused.context.status !== 412)
        throw new TandemError(
          'SYSTEM_REJECTED',
          refused.message.replace(/^[^:]*/, `${config.name} rejected the record`),
          refused.context,
        );
      for (const form of now.version === undefined ? [] : FORMS) {
        const version = form(now.version!);
        if (tried.has(version)) continue;
        tried.add(version);
        try {
          const answer = await send(version);
          forms.set(entity.name, form);
          return answer;
        } catch (again) {
          if (asTandemError(again).code !== 'RECORD_CHANGED') throw again;
        }
      }
      const words = `${config.name} refuses the version (${header}) that it gave itself, and the record of ${entity.name} did not change`;
      throw new TandemError('VERSION_REFUSED', words, { ...refused.context, cause: error });
    }
  }

  async function remove(name: string, id: string, { guard }: WriteOptions = {}): Promise<void> {
    const operation = offered(entityOf(name).delete, 'delete', name);
    try {
      await transport.send({ ...callOf(operation, name, 'delete', { id }), guard });
    } catch (error) {
      if (error instanceof TandemError && error.code === 'SYSTEM_NOT_FOUND') return;
      throw withId(error, id);
    }
  }

  async function recordOf(entity: EntityConfig, answer: HttpResponse): Promise<SystemRecord> {
    const version = entity.update?.version === undefined ? undefined : headerOf(answer.headers, 'etag');
    return await toRecord(entity, answer.body, version);
  }

  return {
    capabilities: (name) => capabilitiesOf(entityOf(name)),
    check,
    list,
    read: (entity, id) => read(entity, id),
    find,
    create,
    update,
    delete: remove,
    close: () => transport.close(),
  };
}

function capabilitiesOf({ modified, list, read, find, create, update, delete: remove }: EntityConfig): Capabilities {
  return {
    modified: modified !== undefined,
    list: list && { since: list.since !== undefined },
    read: read !== undefined,
    find: Object.keys(find?.by ?? {}),
    create: create && { returns: create.answer, idempotent: create.idempotency !== undefined },
    update: update && {
      returns: update.answer === 'record' ? 'record' : 'nothing',
      versioned: update.version !== undefined,
    },
    delete: remove !== undefined,
  };
}

function callOf(
  operation: OperationConfig,
  entity: string,
  name: Operation,
  values: { id?: string; value?: string } = {},
): Call & { query: URLSearchParams } {
  return {
    entity,
    operation: name,
    method: operation.method,
    path: fillPath(operation.path, values),
    template: operation.path,
    query: fillQuery(operation.query, values),
    single: values.id !== undefined,
  };
}

async function readPage(entity: EntityConfig, raw: readonly unknown[]): Promise<Omit<Page, 'number'>> {
  const records: SystemRecord[] = [];
  const failed: { id: string; error: TandemError }[] = [];
  const first: Unidentified[] = [];
  let count = 0;
  const turn = takeTurns();
  for (const [position, item] of raw.entries()) {
    try {
      records.push(await toRecord(entity, item));
    } catch (cause) {
      const error = asTandemError(cause);
      const { id } = error.context;
      if (id !== undefined) failed.push({ id, error });
      else if (++count <= UNIDENTIFIED) first.push({ position, error });
    }
    await turn();
  }
  return { records, failed, unidentified: { count, first } };
}

function cutoff(since: string, overlap: number, entity: EntityConfig): number {
  const ms = toMillis(since);
  if (ms !== undefined) return ms - overlap;
  throw new TandemError('BAD_REQUEST', `'${since}' is no time`, { system: entity.system, entity: entity.name });
}

function canonical(value: unknown): string {
  return value === undefined || value === null || isObject(value) ? '' : String(value).trim().toLowerCase();
}

function withId(error: unknown, id: string): TandemError {
  const { code, message, context } = asTandemError(error);
  return new TandemError(code, message, { ...context, id });
}

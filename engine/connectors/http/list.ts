/** Lists of an entity: all its records or those that changed, and the pages that searches share with them. */
import type { EntityConfig, PagingConfig } from '../../config/types.ts';
import { asTandemError, TandemError } from '../../errors.ts';
import { takeTurns } from '../../timing.ts';
import type { SystemRecord } from '../../types.ts';
import type { ListOptions, Page, Unidentified } from '../connector.ts';
import type { Call } from './call.ts';
import { callOf, entityOf, type HttpSystem, located, offered, sendPatiently } from './http-system.ts';
import { type HttpCheckpoint, isNumbered, type PageSource, type RawPage, readPages } from './pages.ts';
import { createPager } from './paging.ts';
import { pageLimits } from './response-body.ts';
import { type Reading, readSettled } from './settled.ts';
import { fillQuery } from './template.ts';
import { isDeleted, toMillis, toRecord } from './to-record.ts';

/** Milliseconds that one page of a list waits in all for quota, before the whole list is given up for later. */
const LIST_PATIENCE = 300_000;

/** Records without an id that a page names one by one. */
const UNIDENTIFIED = 10;

export async function check(http: HttpSystem, name: string): Promise<void> {
  const operation = offered(http, entityOf(http, name).list, 'list', name);
  const call = callOf(operation, name, 'list');
  for (const [key, value] of Object.entries(createPager(operation.paging).first.query)) call.query.set(key, value);
  await http.transport.send({ ...call, once: true });
}

/** Pages of raw records. */
export function pages(
  http: HttpSystem,
  call: Omit<Call, 'query'> & { query: URLSearchParams },
  entity: EntityConfig,
  items: string,
  paging: PagingConfig,
  from?: HttpCheckpoint,
): AsyncGenerator<RawPage> {
  const limits = pageLimits('size' in paging ? paging.size : undefined);
  const patience = call.operation === 'list' ? LIST_PATIENCE : 0;
  const source: PageSource = {
    entity,
    items,
    paging,
    whole: call.operation === 'list',
    located: (work) => located(http, entity, work),
    send(wanted, first) {
      const query = new URLSearchParams(call.query);
      for (const [name, value] of Object.entries(wanted.query)) query.set(name, value);
      const more = { query, url: wanted.url, list: items, limits, single: wanted.open && !first };
      return sendPatiently(http, { ...call, ...more }, patience, first);
    },
  };
  return readPages(source, from);
}

export async function* list(http: HttpSystem, name: string, options: ListOptions = {}): AsyncGenerator<Page> {
  const entity = entityOf(http, name);
  const operation = offered(http, entity.list, 'list', name);
  const { signal, from } = options;
  const read = (since?: string, begin?: unknown): AsyncGenerator<Page, Reading> =>
    readOnce(http, entity, operation, { signal, from: begin, ...(since === undefined ? {} : { since }) });
  const changesOnly = options.since !== undefined && operation.since !== undefined;
  if (changesOnly || !isNumbered(operation.paging)) yield* readOnce(http, entity, operation, options);
  else yield* readSettled(read, operation.since !== undefined, from);
}

async function* readOnce(
  http: HttpSystem,
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
    for (const [key, value] of fillQuery(since.query, { since: new Date(start).toISOString() })) query.set(key, value);
  }
  const stopAt = since?.kind === 'newest-first' ? start : undefined;
  const call = { ...callOf(operation, entity.name, 'list'), query, signal: options.signal };
  const reading = { pages: 0, shifted: false, listedAt: undefined as number | undefined };
  for await (const one of pages(http, call, entity, operation.items, operation.paging, from)) {
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

export async function readPage(entity: EntityConfig, raw: readonly unknown[]): Promise<Omit<Page, 'number'>> {
  const records: SystemRecord[] = [];
  const deleted: string[] = [];
  const failed: { id: string; error: TandemError }[] = [];
  const first: Unidentified[] = [];
  let count = 0;
  const turn = takeTurns();
  for (const [position, item] of raw.entries()) {
    try {
      const record = await toRecord(entity, item);
      if (isDeleted(entity, record)) deleted.push(record.id);
      else records.push(record);
    } catch (cause) {
      const error = asTandemError(cause);
      const { id } = error.context;
      if (id !== undefined) failed.push({ id, error });
      else if (++count <= UNIDENTIFIED) first.push({ position, error });
    }
    await turn();
  }
  return { records, deleted, failed, unidentified: { count, first } };
}

function cutoff(since: string, overlap: number, entity: EntityConfig): number {
  const ms = toMillis(since);
  if (ms !== undefined) return ms - overlap;
  throw new TandemError('BAD_REQUEST', `'${since}' is no time`, { system: entity.system, entity: entity.name });
}

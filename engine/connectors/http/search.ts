/** Searches for records by the value of a field. */
import type { FindConfig, PagingConfig } from '../../config/types.ts';
import { TandemError } from '../../errors.ts';
import type { SystemRecord } from '../../types.ts';
import { callOf, entityOf, type HttpSystem, offered } from './http-system.ts';
import { pages, readPage } from './list.ts';
import { isObject, readPath } from './read-path.ts';
import { fillQuery } from './template.ts';

/** A search that goes on for more pages than this, or finds more records, is no search. */
const FIND_PAGES = 20;
const FIND_RECORDS = 1_000;

export async function find(http: HttpSystem, name: string, field: string, given: string): Promise<SystemRecord[]> {
  const value = given.trim();
  const entity = entityOf(http, name);
  const operation = offered(http, entity.find, 'find', name);
  const by = offered(
    http,
    Object.hasOwn(operation.by, field) ? operation.by[field] : undefined,
    'find',
    `${name} by ${field}`,
  );
  const wanted = canonical(value);
  // Without a value a filter would let everything through.
  if (wanted === '') return [];
  const query = fillQuery(operation.query, { value });
  for (const [key, text] of searchOf(http, operation, name, field, by, value)) query.set(key, text);
  // A search of the list's own path is paged as the list is; a prefix search may need more than its first page.
  const paging: PagingConfig = entity.list?.path === operation.path ? entity.list.paging : { kind: 'none' };
  const found = new Map<string, SystemRecord>();
  let count = 0;
  const call = { ...callOf(operation, name, 'find', { value }), query, values: [value] };
  for await (const { raw } of pages(http, call, entity, operation.items, paging)) {
    if (++count > FIND_PAGES) throw tooMany(http, name, field);
    const { records } = await readPage(entity, raw);
    for (const record of records) {
      if (canonical(readPath(record.data, field)) === wanted) found.set(record.id, record);
    }
    if (found.size > FIND_RECORDS) throw tooMany(http, name, field);
  }
  return [...found.values()];
}

/**
 * The query of a search. What it finds is compared again, so a value that the syntax cannot hold may be searched by its
 * beginning.
 */
function searchOf(
  http: HttpSystem,
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
  const words = `${http.config.name} cannot be searched for ${name} by ${field} with a value that holds one of ${[...unsafe].join(' ')}`;
  throw new TandemError('OPERATION_UNSUPPORTED', words, { system: http.config.name, entity: name });
}

function tooMany(http: HttpSystem, entity: string, field: string): TandemError {
  const words = `The search of ${entity} by ${field} finds too many records to be checked`;
  return new TandemError('SYSTEM_BAD_RESPONSE', words, { system: http.config.name, entity });
}

function canonical(value: unknown): string {
  return value === undefined || value === null || isObject(value) ? '' : String(value).trim().toLowerCase();
}

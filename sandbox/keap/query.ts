// Lists: filter, order and page, with tokens that only the stand-in can read.

import { createHash } from 'node:crypto';
import type { Entity, StoredRecord } from './entities.ts';
import { badRequest } from './errors.ts';
import { FieldError } from './fields.ts';

export interface ListQuery {
  page_size?: string;
  page_token?: string;
  order_by?: string;
  filter?: string;
  fields?: string;
}

const largestPage = 1_000;

/** One page of records, and the token of the next if there is one. */
export function page(
  entity: Entity,
  records: StoredRecord[],
  query: ListQuery,
): { records: StoredRecord[]; next?: string } {
  const size = pageSize(entity, query.page_size);
  const { field, descending } = order(entity, query.order_by);
  const sign = descending ? -1 : 1;
  const key = (record: StoredRecord) => sortKey((record as Record<string, unknown>)[field]);
  const compare = (a: Position, b: Position) => sign * (order2(a[0], b[0]) || Number(a[1]) - Number(b[1]));

  const wanted = filtered(entity, records, query.filter)
    .map((record): [Position, StoredRecord] => [[key(record), record.id], record])
    .sort(([a], [b]) => compare(a, b));

  // A token belongs to its query: with another filter or order it has no meaning.
  const queryHash = createHash('sha256')
    .update(`${entity.plural}\n${query.filter}\n${query.order_by}`)
    .digest('base64url')
    .slice(0, 12);
  let start = 0;
  if (query.page_token) {
    const after = readToken(entity, query.page_token, queryHash);
    // The place is kept, not the number: records that come or go on earlier pages shift nothing.
    start = wanted.findIndex(([position]) => compare(position, after) > 0);
    if (start < 0) start = wanted.length;
  }
  const shown = wanted.slice(start, start + size);
  const last = shown.at(-1);
  if (!last || start + size >= wanted.length) return { records: shown.map(([, record]) => record) };
  const next = Buffer.from(JSON.stringify([queryHash, ...last[0]])).toString('base64url');
  return { records: shown.map(([, record]) => record), next };
}

/** The opt-in fields that a query names. Naming a field that is there anyway is fine. */
export function optedIn(entity: Entity, fields: string | undefined): Set<string> {
  const names = new Set(
    (fields ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  );
  return names.size === 0 ? names : new Set(entity.optIn.filter((name) => names.has(name)));
}

type Position = [string | number, string];

function order2(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sortKey(value: unknown): string | number {
  if (typeof value === 'number') return value;
  const string = typeof value === 'string' ? value : '';
  return /^\d+$/.test(string) ? Number(string) : string.toLowerCase();
}

function pageSize(entity: Entity, given: string | undefined): number {
  if (given === undefined || given === '') return largestPage;
  const size = Number(given);
  if (!Number.isInteger(size) || size < 0 || size > largestPage)
    throw badRequest(entity.plural, 'page_size', `page_size must be a whole number from 0 to ${largestPage}.`);
  // 0 means "as many as you like", the way page sizes of this style of API do.
  return size === 0 ? largestPage : size;
}

function order(entity: Entity, given: string | undefined): { field: string; descending: boolean } {
  if (!given) return { field: 'id', descending: false };
  const [name = '', direction = 'asc', ...more] = given.trim().split(/\s+/);
  const field = Object.hasOwn(entity.order, name) ? entity.order[name] : undefined;
  if (field === undefined || !/^(asc|desc)$/i.test(direction) || more.length > 0)
    throw badRequest(
      entity.plural,
      'order_by',
      `order_by must be one of ${Object.keys(entity.order).join(', ')}, then asc or desc.`,
    );
  return { field, descending: direction.toLowerCase() === 'desc' };
}

function filtered(entity: Entity, records: StoredRecord[], filter: string | undefined): StoredRecord[] {
  if (!filter) return records;
  // A semicolon separates only where another `name==` follows: values may contain one.
  const clauses = filter.split(/;(?=\s*\w+==)/).map((clause) => {
    const at = clause.indexOf('==');
    const name = clause.slice(0, Math.max(at, 0)).trim();
    const accepts = Object.hasOwn(entity.filters, name) ? entity.filters[name] : undefined;
    if (at < 0 || !accepts)
      throw badRequest(
        entity.plural,
        'filter',
        `filter "${clause}" is not known; filters are ${Object.keys(entity.filters).join(', ')}, as name==value.`,
      );
    const value = clause.slice(at + 2);
    return (record: StoredRecord) => accepts(record, value);
  });
  try {
    return records.filter((record) => clauses.every((accepts) => accepts(record)));
  } catch (error) {
    if (error instanceof FieldError) throw badRequest(entity.plural, 'filter', error.message);
    throw error;
  }
}

function readToken(entity: Entity, token: string, queryHash: string): Position {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(parts) && parts[0] === queryHash && parts.length === 3) return [parts[1], String(parts[2])];
  } catch {
    // Not a token of ours: the same answer as for one of another query.
  }
  throw badRequest(entity.plural, 'page_token', 'page_token does not belong to this query.');
}

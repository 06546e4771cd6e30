// Lists: filter, order and page, with tokens that only the stand-in can read.

import { createHash } from 'node:crypto';
import { customFilter } from './custom-fields.ts';
import { badRequest, refusing } from './errors.ts';
import { FieldError } from './fields.ts';
import { type Filter, type Predicate, parseFilter } from './filter.ts';
import { type Query, single } from './parameters.ts';
import type { KeapStore } from './store.ts';

/** What all lists take; `fields` is the entity's own. */
export const listParameters = ['filter', 'order_by', 'page_size', 'page_token'];

const largestPage = 1_000;

/** What can be listed: an entity, or the stages. */
export interface Listed<R extends { id: string }> {
  plural: string;
  /** What `order_by` offers, and how a record ranks in it. */
  order: Record<string, Rank<R>>;
  filters: Record<string, Filter<R>>;
}

type Rank<R> = (record: R, store: KeapStore) => string | number | undefined;

/** One page of records, and the token of the next if there is one. */
export function page<R extends { id: string }>(
  entity: Listed<R>,
  records: R[],
  query: Query,
  store: KeapStore,
): { records: R[]; next?: string } {
  const [filter, order_by] = [single(query, 'filter'), single(query, 'order_by')];
  const size = pageSize(entity, single(query, 'page_size'));
  const { rank, descending } = orderOf(entity, order_by);
  const sign = descending ? -1 : 1;
  const key = (record: R) => sortKey(rank(record, store));
  const compare = (a: Position, b: Position) => sign * (ascending(a[0], b[0]) || Number(a[1]) - Number(b[1]));

  const accepts = predicateOf(entity, filter, store);
  const wanted = records
    .filter(accepts)
    .map((record): [Position, R] => [[key(record), record.id], record])
    .sort(([a], [b]) => compare(a, b));

  // A token belongs to its query: with another filter or order it has no meaning.
  const queryHash = createHash('sha256')
    .update(`${entity.plural}\n${filter}\n${order_by}`)
    .digest('base64url')
    .slice(0, 12);
  let start = 0;
  const token = single(query, 'page_token');
  if (token) {
    const after = readToken(entity, token, queryHash);
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

type Position = [string | number, string];

function ascending(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sortKey(value: unknown): string | number {
  return typeof value === 'number' ? value : typeof value === 'string' ? value.toLowerCase() : '';
}

function pageSize({ plural }: { plural: string }, given: string | undefined): number {
  // How many come without a size is not described, nor is what 0 means: as many as may be.
  if (given === undefined) return largestPage;
  const size = Number(given);
  if (!/^\d+$/.test(given) || size > largestPage)
    throw badRequest(plural, 'page_size', `page_size must be a whole number from 0 to ${largestPage}.`);
  return size === 0 ? largestPage : size;
}

/** Without an order, that of the ids. */
function orderOf<R extends { id: string }>(
  entity: Listed<R>,
  given: string | undefined,
): { rank: Rank<R>; descending: boolean } {
  if (given === undefined) return { rank: (record) => Number(record.id), descending: false };
  const [, name = '', direction] = /^(\w+) (asc|desc)$/.exec(given) ?? [];
  const rank = Object.hasOwn(entity.order, name) ? entity.order[name] : undefined;
  if (rank === undefined)
    throw badRequest(
      entity.plural,
      'order_by',
      `order_by must be one of ${Object.keys(entity.order).join(', ')}, a space, and asc or desc.`,
    );
  return { rank, descending: direction === 'desc' };
}

function predicateOf<R extends { id: string }>(
  entity: Listed<R>,
  filter: string | undefined,
  store: KeapStore,
): Predicate<R> {
  if (filter === undefined || filter === '') return () => true;
  return refusing(entity.plural, 'filter', () => {
    const clauses = parseFilter(filter);
    const predicates = clauses.map((clause) => {
      const { name } = clause;
      const known = Object.hasOwn(entity.filters, name)
        ? entity.filters[name]
        : customFilter<R>(entity.plural, name, store);
      if (!known)
        throw new FieldError(
          `There is no filter "${name}", but ${Object.keys(entity.filters).join(', ')} and custom fields.`,
        );
      return known(clause, store, clauses);
    });
    return (record) => predicates.every((accepts) => accepts(record));
  });
}

function readToken({ plural }: { plural: string }, token: string, queryHash: string): Position {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    if (Array.isArray(parts) && parts[0] === queryHash && parts.length === 3) return [parts[1], String(parts[2])];
  } catch {
    // Not a token of ours: the same answer as for one of another query.
  }
  throw badRequest(plural, 'page_token', 'page_token does not belong to this query.');
}

// The record routes of the shop: list, create, get, patch and delete, the same for all three entities.

import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Behaviours } from '../kit/behaviours.ts';
import { isObject, type JsonObject, valueAt } from '../kit/json.ts';
import { Moved } from '../kit/moved.ts';
import type { Customer, Order, Product } from './data.ts';
import { type Entity, entities } from './entities.ts';
import { type FieldProblem, ShopError } from './errors.ts';
import { type Field, FieldError } from './fields.ts';
import type { ShopStore } from './store.ts';
import type { Webhooks } from './webhooks.ts';

type StoredRecord = Customer | Order | Product;
type Query = Record<string, string | string[] | undefined>;

interface Parts {
  entity: Entity;
  /** Of its list. */
  path: string;
  store: ShopStore;
  webhooks: Webhooks;
  behaviours: Behaviours;
  url: () => string;
}

export function addRecordRoutes(app: FastifyInstance, parts: Omit<Parts, 'entity' | 'path'>): { clear(): void } {
  const replays = new Replays();
  for (const entity of entities) addEntity(app, replays, { entity, path: `/${entity.plural}`, ...parts });
  return replays;
}

function addEntity(app: FastifyInstance, replays: Replays, parts: Parts): void {
  addList(app, parts);
  addCreate(app, replays, parts);
  addSingle(app, parts);
}

function addList(app: FastifyInstance, { entity, path, store, behaviours, url }: Parts): void {
  const table = store.table(entity.plural);
  app.get<{ Querystring: Query }>(path, async (request, reply) => {
    const { records, total, page, pages } = list(
      entity,
      behaviours.allShown(entity.plural, table.values()),
      request.query,
    );
    reply.headers({ 'x-total': String(total), 'x-total-pages': String(pages) });
    if (page < pages) {
      const next = new URL(request.url, url());
      next.searchParams.set('page', String(page + 1));
      reply.header('link', `<${next.href}>; rel="next"`);
    }
    return records;
  });
}

function addCreate(app: FastifyInstance, replays: Replays, parts: Parts): void {
  const { path, url } = parts;
  app.post<{ Body: unknown }>(path, async (request, reply) => {
    const replay = replays.find(request, path);
    const record = replay.known === undefined ? create(parts, request.body) : existing(parts, String(replay.known));
    if (replay.known === undefined) replay.keep(record.id);
    else reply.header('idempotent-replayed', 'true');
    reply.code(201).header('location', `${url()}${path}/${record.id}`);
    return answer(reply, record);
  });
}

/** One record: read, changed, deleted. */
function addSingle(app: FastifyInstance, parts: Parts): void {
  const { entity, path, store, webhooks, behaviours } = parts;
  app.get<{ Params: { id: string } }>(`${path}/:id`, async (request, reply) =>
    answer(reply, readable(parts, request.params.id)),
  );

  app.patch<{ Params: { id: string }; Body: unknown }>(`${path}/:id`, async (request, reply) => {
    const record = existing(parts, request.params.id);
    guard(request, record);
    const next = written(entity, record, request.body, store);
    const { stored, done } = behaviours.take(entity.plural, { before: record, next, created: false });
    const saved = store.edit(entity.plural, record.id, stored);
    webhooks.note(entity.singular, 'updated', record.id);
    return answer(reply, done(record.id, saved) as StoredRecord);
  });

  app.delete<{ Params: { id: string } }>(`${path}/:id`, async (request, reply) => {
    const record = existing(parts, request.params.id);
    guard(request, record);
    store.remove(entity.plural, record.id);
    webhooks.note(entity.singular, 'deleted', record.id);
    return reply.code(204).send();
  });
}

function existing(parts: Parts, id: string): StoredRecord {
  const { entity, path, store, behaviours, url } = parts;
  const record = /^\d+$/.test(id) ? store.table(entity.plural).get(Number(id)) : undefined;
  if (record) return record;
  const merged = behaviours.mergedInto(entity.plural, id);
  if (merged?.shows === 'redirect') throw new Moved(`${url()}${path}/${merged.winner}`);
  if (merged?.shows === 'winner') return existing(parts, merged.winner);
  throw new ShopError(404, `There is no ${entity.singular} ${id}.`);
}

function readable(parts: Parts, id: string): StoredRecord {
  const { entity, behaviours } = parts;
  const record = behaviours.shown(entity.plural, existing(parts, id));
  if (!record) throw new ShopError(404, `There is no ${entity.singular} ${id}.`);
  return record;
}

function answer(reply: FastifyReply, record: StoredRecord): StoredRecord {
  reply.header('etag', etag(record));
  return record;
}

function create({ entity, store, webhooks, behaviours }: Parts, body: unknown): StoredRecord {
  const next = written(entity, entity.defaults, body, store);
  entity.complete?.(next, body as JsonObject);
  const { plural, required } = entity;
  const { stored, done } = behaviours.take(plural, { before: entity.defaults, next, created: true, required });
  // All fields are there: the defaults name each one, `written` has checked the rest.
  const record = store.add(plural, stored as unknown as StoredRecord);
  webhooks.note(entity.singular, 'created', record.id);
  return done(record.id, record) as StoredRecord;
}

/** Changes with every write: the modification time is part of what is hashed. */
function etag(record: StoredRecord): string {
  return `"${createHash('sha256').update(JSON.stringify(record)).digest('base64url').slice(0, 22)}"`;
}

function guard(request: FastifyRequest, record: StoredRecord): void {
  const wanted = request.headers['if-match'];
  if (wanted === undefined || wanted.trim() === '*') return;
  if (!wanted.split(',').some((tag) => tag.trim() === etag(record)))
    throw new ShopError(412, 'The record was changed since it was read.');
}

/** The record after a write: what is sent is checked and laid over what was, nested objects field by field. */
function written(entity: Entity, before: JsonObject, body: unknown, store: ShopStore): JsonObject {
  if (!isObject(body)) throw new ShopError(422, 'The body must be a JSON object.', []);
  const errors: FieldProblem[] = [];
  const next = merged(entity.fields, before, body, '', entity.readOnly, errors);
  for (const field of entity.required)
    if ((next[field] === null || next[field] === undefined) && !errors.some((error) => error.field === field))
      errors.push({ field, message: 'is required' });
  if (errors.length === 0) errors.push(...entity.check(next, store));
  if (errors.length > 0) throw new ShopError(422, `The ${entity.singular} is not valid.`, errors);
  return next;
}

function merged(
  fields: Record<string, Field | Record<string, Field>>,
  before: JsonObject,
  given: JsonObject,
  prefix: string,
  readOnly: readonly string[],
  errors: FieldProblem[],
): JsonObject {
  const next = { ...before };
  for (const [name, value] of Object.entries(given)) {
    if (readOnly.includes(name)) continue;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) {
      errors.push({ field: prefix + name, message: 'is not a field' });
    } else if (typeof field === 'function') {
      try {
        next[name] = value === null ? emptyOf(name) : field(value);
      } catch (error) {
        if (!(error instanceof FieldError)) throw error;
        errors.push({ field: prefix + name, message: error.message });
      }
    } else if (value === null) {
      next[name] = Object.fromEntries(Object.keys(field).map((key) => [key, null]));
    } else if (isObject(value)) {
      next[name] = merged(field, isObject(next[name]) ? next[name] : {}, value, `${prefix}${name}.`, [], errors);
    } else {
      errors.push({ field: prefix + name, message: 'must be an object' });
    }
  }
  return next;
}

const emptyOf = (name: string) => (name === 'line_items' ? [] : null);

const listParameters = new Set(['page', 'per_page', 'sort', 'updated_since']);

function list(
  entity: Entity,
  all: StoredRecord[],
  query: Query,
): { records: StoredRecord[]; total: number; page: number; pages: number } {
  const page = whole(query.page, 'page', 1, Number.MAX_SAFE_INTEGER, 1);
  const perPage = whole(query.per_page, 'per_page', 1, 100, 50);
  const [, descending, by] = /^(-?)(id|updated_at)$/.exec(one(query.sort) ?? 'id') ?? [];
  if (by === undefined) throw new ShopError(400, 'sort is id or updated_at, with - in front for descending.');

  let records = all;
  const since = one(query.updated_since);
  if (since !== undefined) {
    const start = Date.parse(since);
    if (Number.isNaN(start)) throw new ShopError(400, 'updated_since must be a date and time of ISO 8601.');
    records = records.filter((record) => Date.parse(record.updated_at) >= start);
  }
  for (const name of Object.keys(query)) {
    if (listParameters.has(name)) continue;
    if (!searchable(entity, name)) throw new ShopError(400, `${name} is not a field to search by.`);
    const wanted = searchKey(name, one(query[name]));
    records = records.filter((record) => searchKey(name, valueAt(record, name)) === wanted);
  }
  const sign = descending ? -1 : 1;
  const sorted = [...records].sort(
    (a, b) => sign * ((by === 'updated_at' ? Date.parse(a.updated_at) - Date.parse(b.updated_at) : 0) || a.id - b.id),
  );
  return {
    records: sorted.slice((page - 1) * perPage, page * perPage),
    total: sorted.length,
    page,
    pages: Math.ceil(sorted.length / perPage),
  };
}

function searchable(entity: Entity, name: string): boolean {
  if (entity.readOnly.includes(name)) return true;
  const [top = '', nested, ...more] = name.split('.');
  const field = Object.hasOwn(entity.fields, top) ? entity.fields[top] : undefined;
  if (field === undefined || more.length > 0) return false;
  return nested === undefined
    ? typeof field === 'function' && top !== 'line_items'
    : isObject(field) && Object.hasOwn(field, nested);
}

function searchKey(name: string, value: unknown): string {
  const key = value === null || value === undefined ? '' : String(value);
  return name === 'email' ? key.toLowerCase() : key;
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.at(-1) : value;
}

function whole(
  value: string | string[] | undefined,
  name: string,
  min: number,
  max: number,
  otherwise: number,
): number {
  const given = one(value);
  if (given === undefined) return otherwise;
  const number = Number(given);
  if (!/^\d+$/.test(given) || number < min || number > max)
    throw new ShopError(
      400,
      `${name} must be a whole number from ${min}${max < Number.MAX_SAFE_INTEGER ? ` to ${max}` : ''}.`,
    );
  return number;
}

/** Remembers for 24 hours which record each Idempotency-Key made. */
class Replays {
  readonly #known = new Map<string, { id: number; body: string; at: number }>();

  find(request: FastifyRequest, path: string): { known: number | undefined; keep(id: number): void } {
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || key === '') return { known: undefined, keep: () => {} };
    const place = `${path} ${key}`;
    const body = JSON.stringify(request.body);
    const before = this.#known.get(place);
    const fresh = before && Date.now() - before.at < 86_400_000;
    if (fresh && before.body !== body) throw new ShopError(422, 'This Idempotency-Key was used with another body.', []);
    return {
      known: fresh ? before.id : undefined,
      keep: (id) => this.#known.set(place, { id, body, at: Date.now() }),
    };
  }

  clear(): void {
    this.#known.clear();
  }
}

// The record routes of v2: list, create, read, update and delete, the same for all four entities.

import type { FastifyInstance } from 'fastify';
import type { Behaviours } from '../kit/behaviours.ts';
import { isObject, type JsonObject } from '../kit/json.ts';
import { Moved } from '../kit/moved.ts';
import { duplicateOf, duplicateOptions } from './contacts.ts';
import type { Opportunity } from './data.ts';
import { entities } from './entities.ts';
import type { Entity, Operation, StoredRecord } from './entity.ts';
import { badRequest, notFound, refusing } from './errors.ts';
import { oneOf } from './fields.ts';
import type { Hooks } from './hooks.ts';
import { checkQuery, fieldNames, maskNames, type Query, single } from './parameters.ts';
import { withInventory } from './products.ts';
import { listParameters, page } from './query.ts';
import type { KeapStore } from './store.ts';

/** @param parts.url where the stand-in listens, for pages that are named by their whole address */
export function addRecordRoutes(app: FastifyInstance, base: string, parts: Omit<Parts, 'entity' | 'path'>): void {
  for (const entity of entities) addEntity(app, { entity, path: `${base}/${entity.plural}`, ...parts });
}

interface Parts {
  entity: Entity;
  /** Of its list. */
  path: string;
  store: KeapStore;
  hooks: Hooks;
  behaviours: Behaviours;
  url: () => string;
}

function addEntity(app: FastifyInstance, parts: Parts): void {
  addList(app, parts);
  addCreate(app, parts);
  addSingle(app, parts);
}

function addList(app: FastifyInstance, parts: Parts): void {
  const { entity, path, store, behaviours, url } = parts;
  const { plural } = entity;
  const table = store.table(plural);
  app.get<{ Querystring: Query }>(path, async (request) => {
    const { query } = request;
    checkQuery(request, plural, [...listParameters, ...fieldsIn(entity, 'list')]);
    const present = presenter(parts, 'list', query);
    const { records, next } = page(entity, behaviours.allShown(plural, table.values()), query, store);
    return { [plural]: records.map(present), ...nextPage(entity, `${url()}${request.url}`, next) };
  });
}

function addCreate(app: FastifyInstance, parts: Parts): void {
  const { entity, path, store, hooks, behaviours } = parts;
  const { plural, singular } = entity;
  app.post<{ Body: unknown; Querystring: Query }>(path, async (request, reply) => {
    const { query, body } = request;
    const isContact = plural === 'contacts';
    checkQuery(request, plural, [...fieldsIn(entity, 'create'), ...(isContact ? ['duplicate_option'] : [])]);
    const present = presenter(parts, 'create', query);
    const option = single(query, 'duplicate_option');
    if (option !== undefined) {
      refusing(plural, 'duplicate_option', () => oneOf(duplicateOptions)(option, 'duplicate_option'));
      const duplicate = duplicateOf(body, option, store);
      if (duplicate) return present(update(parts, duplicate, body, undefined));
    }
    const next = written(entity, 'create', { before: {}, body, mask: undefined, store });
    const { required } = entity;
    const { stored, done } = behaviours.take(plural, { before: {}, next, created: true, required });
    const record = store.add(plural, stored);
    hooks.note(`${singular}.add`, plural, record.id);
    return reply.code(201).send(present(done(record.id, record as JsonObject) as StoredRecord));
  });
}

/** One record: read, updated, deleted. */
function addSingle(app: FastifyInstance, parts: Parts): void {
  const { entity, path, store, hooks } = parts;
  const { plural, singular } = entity;
  app.get<{ Params: { id: string }; Querystring: Query }>(`${path}/:id`, async (request) => {
    checkQuery(request, plural, fieldsIn(entity, 'read'));
    const present = presenter(parts, 'read', request.query);
    return present(readable(parts, request.params.id));
  });

  app.patch<{ Params: { id: string }; Body: unknown; Querystring: Query }>(`${path}/:id`, async (request) => {
    const { query, body } = request;
    checkQuery(request, plural, ['update_mask', ...fieldsIn(entity, 'update')]);
    const present = presenter(parts, 'update', query);
    const mask = maskNames(plural, query.update_mask, entity.mask);
    return present(update(parts, existing(parts, request.params.id), body, mask));
  });

  app.delete<{ Params: { id: string } }>(`${path}/:id`, async (request, reply) => {
    checkQuery(request, plural, []);
    const { id } = existing(parts, request.params.id);
    store.remove(plural, id);
    hooks.note(`${singular}.delete`, plural, id);
    return reply.code(204).send();
  });
}

const fieldsIn = (entity: Entity, operation: Operation): string[] => (entity.fields[operation] ? ['fields'] : []);

/** How records are presented to whom asked like this: only with what `fields` names, where it has a say. */
function presenter({ entity, store }: Parts, operation: Operation, query: Query): (record: StoredRecord) => JsonObject {
  const asked = fieldNames(entity.plural, single(query, 'fields'), entity.fields[operation] ?? []);
  return (record) =>
    Object.fromEntries(
      Object.entries(entity.read(record, store, operation)).filter(([name]) => entity.shows(name, operation, asked)),
    );
}

function existing(parts: Parts, id: string): StoredRecord {
  const { entity, path, store, behaviours, url } = parts;
  const { plural } = entity;
  const record = store.table(plural).get(id);
  if (record) return record;
  const merged = behaviours.mergedInto(plural, id);
  if (merged?.shows === 'redirect') throw new Moved(`${url()}${path}/${merged.winner}`);
  if (merged?.shows === 'winner') return existing(parts, merged.winner);
  throw notFound(plural, id);
}

function readable(parts: Parts, id: string): StoredRecord {
  const { plural } = parts.entity;
  const record = parts.behaviours.shown(plural, existing(parts, id));
  if (!record) throw notFound(plural, id);
  return record;
}

function update(
  { entity, store, hooks, behaviours }: Parts,
  record: StoredRecord,
  body: unknown,
  mask: readonly string[] | undefined,
): StoredRecord {
  const { plural, singular } = entity;
  const next = written(entity, 'update', { before: record as JsonObject, body, mask, store });
  const { stored, done } = behaviours.take(plural, { before: record as JsonObject, next, created: false });
  const saved = store.edit(plural, record.id, { ...blank(record), ...stored });
  hooks.note(`${singular}.edit`, plural, record.id);
  if (plural === 'opportunities' && (record as Opportunity).stage_id !== (saved as Opportunity).stage_id)
    hooks.note('opportunity.stage_move', plural, record.id);
  return done(record.id, saved as JsonObject) as StoredRecord;
}

function nextPage({ end, next }: Entity, address: string, token: string | undefined): JsonObject {
  if (token === undefined) return end === 'empty' ? { next_page_token: '' } : {};
  if (next === 'token') return { next_page_token: token };
  const whole = new URL(address);
  whole.searchParams.set('page_token', token);
  return { next_page_token: whole.href };
}

/** All fields of a record set to undefined, so that an edit on top of it replaces rather than adds. */
function blank(record: StoredRecord): JsonObject {
  return Object.fromEntries(Object.keys(record).map((key) => [key, undefined]));
}

/**
 * The record after a write. With a mask, exactly its properties are written, and one that the body lacks is cleared;
 * without, those that the body has. A property that the operation does not describe is refused.
 */
function written(
  entity: Entity,
  operation: 'create' | 'update',
  {
    before,
    body,
    mask,
    store,
  }: { before: JsonObject; body: unknown; mask: readonly string[] | undefined; store: KeapStore },
): JsonObject {
  if (!isObject(body)) throw badRequest(entity.plural, 'body', 'The body must be a JSON object.');
  const writable = entity.writable[operation];
  const next = { ...before };
  for (const name of Object.keys(body))
    if (!Object.hasOwn(writable, name))
      throw badRequest(entity.plural, name, `${name} is not a property that can be written.`);
  for (const name of mask ?? Object.keys(body)) {
    const field = writable[name];
    // In the mask's list and in no body: there is nothing to write.
    if (!field) continue;
    const value = body[name];
    const stored =
      value === undefined || value === null ? undefined : refusing(entity.plural, name, () => field(value, name));
    if (stored === undefined) delete next[name];
    else next[name] = stored;
  }
  for (const name of entity.required)
    if (next[name] === undefined || next[name] === '') throw badRequest(entity.plural, name, `${name} is required.`);
  refusing(entity.plural, 'body', () => entity.check(next, store, operation));
  return entity.plural === 'products' ? withInventory(next) : next;
}

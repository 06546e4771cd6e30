// The record routes of v2: list, create, get, patch and delete, the same for all four entities.

import type { FastifyInstance } from 'fastify';
import { isObject, type JsonObject } from '../kit/json.ts';
import type { Contact, Opportunity } from './data.ts';
import { type Entity, entities, type StoredRecord } from './entities.ts';
import { badRequest, notFound } from './errors.ts';
import { FieldError } from './fields.ts';
import type { Hooks } from './hooks.ts';
import { type ListQuery, optedIn, page } from './query.ts';
import type { KeapStore } from './store.ts';

export const v2 = '/crm/rest/v2';

type WriteQuery = { fields?: string; update_mask?: string | string[]; duplicate_option?: string };

export function addRecordRoutes(app: FastifyInstance, store: KeapStore, hooks: Hooks): void {
  // Stages stand before /opportunities/:id in the router, as a fixed path does.
  app.get<{ Querystring: { page_size?: string } }>(`${v2}/opportunities/stages`, async () => ({
    stages: store.stages.values().sort((a, b) => a.order - b.order),
    next_page_token: '',
  }));
  app.get<{ Params: { id: string } }>(`${v2}/opportunities/stages/:id`, async (request) => {
    const stage = store.stages.get(request.params.id);
    if (!stage) throw notFound('stages', request.params.id);
    return stage;
  });

  app.get(`${v2}/businessProfile`, async () => ({ name: 'Sandbox', currency_code: store.currency }));

  for (const entity of entities) addEntity(app, entity, store, hooks);
}

function addEntity(app: FastifyInstance, entity: Entity, store: KeapStore, hooks: Hooks): void {
  const path = `${v2}/${entity.plural}`;
  const table = store.table(entity.plural);

  function present(record: StoredRecord, fields: string | undefined): JsonObject {
    const shown = entity.read(record, store);
    const asked = optedIn(entity, fields);
    for (const name of entity.optIn) if (!asked.has(name)) delete shown[name];
    return shown;
  }

  function existing(id: string): StoredRecord {
    const record = table.get(id);
    if (!record) throw notFound(entity.plural, id);
    return record;
  }

  function patch(record: StoredRecord, body: unknown, query: WriteQuery): JsonObject {
    const next = written(entity, record as JsonObject, body, query.update_mask?.toString(), store);
    const saved = store.edit(entity.plural, record.id, { ...blank(record), ...next });
    hooks.note(`${entity.singular}.edit`, entity.plural, record.id);
    if (entity.plural === 'opportunities' && (record as Opportunity).stage_id !== (saved as Opportunity).stage_id)
      hooks.note('opportunity.stage_move', entity.plural, record.id);
    return present(saved, query.fields);
  }

  app.get<{ Querystring: ListQuery }>(path, async (request) => {
    const { records, next } = page(entity, table.values(), request.query);
    return {
      [entity.plural]: records.map((record) => present(record, request.query.fields)),
      ...(next !== undefined ? { next_page_token: next } : entity.end === 'empty' ? { next_page_token: '' } : {}),
    };
  });

  app.post<{ Body: unknown; Querystring: WriteQuery }>(path, async (request, reply) => {
    const { query, body } = request;
    if (entity.plural === 'contacts' && query.duplicate_option !== undefined) {
      if (query.duplicate_option !== 'Email')
        throw badRequest(entity.plural, 'duplicate_option', 'duplicate_option must be Email.');
      const twin = contactOfSameEmail(store, body);
      if (twin) return patch(twin, body, {});
    }
    const fields = written(entity, {}, body, undefined, store);
    const record = store.add(entity.plural, fields);
    hooks.note(`${entity.singular}.add`, entity.plural, record.id);
    return reply.code(201).send(present(record, query.fields));
  });

  app.get<{ Params: { id: string }; Querystring: WriteQuery }>(`${path}/:id`, async (request) =>
    present(existing(request.params.id), request.query.fields),
  );

  app.patch<{ Params: { id: string }; Body: unknown; Querystring: WriteQuery }>(`${path}/:id`, async (request) =>
    patch(existing(request.params.id), request.body, request.query),
  );

  app.delete<{ Params: { id: string } }>(`${path}/:id`, async (request, reply) => {
    const { id } = existing(request.params.id);
    store.remove(entity.plural, id);
    hooks.note(`${entity.singular}.delete`, entity.plural, id);
    return reply.code(204).send();
  });
}

/** All fields of a record set to undefined, so that an edit on top of it replaces rather than adds. */
function blank(record: StoredRecord): JsonObject {
  return Object.fromEntries(Object.keys(record).map((key) => [key, undefined]));
}

/**
 * The record after a write. With a mask, exactly its fields are written, and one that the body lacks is cleared;
 * without, the fields that the body has. Unknown and read-only fields in a body are ignored, in a mask refused.
 */
function written(
  entity: Entity,
  before: JsonObject,
  body: unknown,
  mask: string | undefined,
  store: KeapStore,
): JsonObject {
  if (!isObject(body)) throw badRequest(entity.plural, 'body', 'The body must be a JSON object.');
  const names =
    mask === undefined || mask === ''
      ? Object.keys(body).filter((name) => Object.hasOwn(entity.writable, name))
      : mask.split(',').map((name) => name.trim());
  const next = { ...before };
  try {
    for (const name of names) {
      const field = Object.hasOwn(entity.writable, name) ? entity.writable[name] : undefined;
      if (!field) throw new FieldError(`update_mask: ${name} is not a field that can be written.`);
      const value = body[name];
      if (value === undefined || value === null) delete next[name];
      else next[name] = field(value, name);
    }
    for (const name of entity.required)
      if (next[name] === undefined || next[name] === '') throw new FieldError(`${name} is required.`);
    entity.check(next, store);
  } catch (error) {
    if (error instanceof FieldError)
      throw badRequest(entity.plural, error.message.split(/[\s:]/, 1)[0] ?? '', error.message);
    throw error;
  }
  return next;
}

function contactOfSameEmail(store: KeapStore, body: unknown): Contact | undefined {
  const addresses = isObject(body) && Array.isArray(body.email_addresses) ? body.email_addresses : [];
  const first: unknown = addresses[0];
  const email = isObject(first) && typeof first.email === 'string' ? first.email.toLowerCase() : undefined;
  if (!email) return undefined;
  return store.contacts.find((contact) => contact.email_addresses?.[0]?.email?.toLowerCase() === email);
}

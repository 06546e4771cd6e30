// What the tests of the server share: two small systems over HTTP, a configuration in a folder of its own, a real engine.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import { Redis } from 'ioredis';
import { createConfigStore } from '../../../engine/config/config-store.ts';
import { createEngine } from '../../../engine/create-engine.ts';
import type { Engine } from '../../../engine/engine.ts';
import type { Logger } from '../../../engine/logger.ts';
import { createLiveEvents } from '../../../engine/runtime/live-events.ts';
import { startWorkers } from '../../../engine/runtime/workers.ts';
import type { JsonObject } from '../../../engine/types.ts';
import { createMetrics } from '../../../server/metrics.ts';
import type { ServerOptions } from '../../../server/options.ts';
import { createServer } from '../../../server/server.ts';
import { later } from '../../support/closing.ts';
import { testFingerprinter } from '../../support/fingerprints.ts';
import { deletePrefix, redisUrl, uniquePrefix } from '../../support/redis.ts';
import { until } from '../../support/until.ts';

export interface StandIn {
  readonly url: string;
  readonly records: Map<string, JsonObject>;
  /** Instead of records: answers as they go over the wire, by id. */
  readonly texts: Map<string, string>;
  /** Ids that the list does not show, and a read does. */
  readonly hidden: Set<string>;
  /** What the next update of a record is answered with, by its id: it is not done. */
  readonly answers: Map<string, JsonObject>;
  /** Requests that wrote, as `METHOD /path`. */
  readonly writes: string[];
  /** Status to answer every request with, instead of doing it. */
  fail: number | undefined;
  /** Status to answer every request with that writes, instead of doing it. */
  reject: number | undefined;
}

/** A system with one entity: a list, and records by id. */
export async function standIn(records: readonly JsonObject[]): Promise<StandIn> {
  const store = new Map(records.map((record) => [String(record.id), record]));
  const app = Fastify({ forceCloseConnections: true, routerOptions: { maxParamLength: 1_000 } });
  let next = 1000;
  const state: { -readonly [K in keyof StandIn]: StandIn[K] } = {
    url: '',
    records: store,
    texts: new Map(),
    hidden: new Set(),
    answers: new Map(),
    writes: [],
    fail: undefined,
    reject: undefined,
  };
  app.addHook('onRequest', async (request, reply) => {
    if (state.fail !== undefined) return reply.code(state.fail).send({});
    if (request.method === 'GET') return;
    state.writes.push(`${request.method} ${request.url}`);
    if (state.reject !== undefined) return reply.code(state.reject).send({ message: 'Not today.' });
  });
  const stamp = (): string => new Date().toISOString();
  // As text: a test may have it answer what no serializer would write.
  const written = (id: string): string => state.texts.get(id) ?? JSON.stringify(store.get(id));
  app.get('/things', async (_, reply) =>
    reply
      .type('application/json')
      .send(
        `[${[...new Set([...store.keys(), ...state.texts.keys()])].filter((id) => !state.hidden.has(id)).map(written)}]`,
      ),
  );
  app.get<{ Params: { id: string } }>('/things/:id', async ({ params: { id } }, reply) =>
    store.has(id) || state.texts.has(id) ? reply.type('application/json').send(written(id)) : reply.code(404).send({}),
  );
  app.post<{ Body: JsonObject }>('/things', async ({ body }, reply) => {
    const record = { ...body, id: String(next++), updated_at: stamp() };
    store.set(record.id, record);
    return reply.code(201).send(record);
  });
  app.patch<{ Params: { id: string }; Body: JsonObject }>('/things/:id', async ({ params, body }, reply) => {
    const record = store.get(params.id);
    if (!record) return reply.code(404).send({});
    const answer = state.answers.get(params.id);
    state.answers.delete(params.id);
    if (answer) return answer;
    const changed = { ...record, ...body, updated_at: stamp() };
    store.set(params.id, changed);
    return changed;
  });
  app.delete<{ Params: { id: string } }>('/things/:id', async ({ params }, reply) => {
    if (!store.delete(params.id)) return reply.code(404).send({});
    return reply.code(204).send();
  });
  state.url = await app.listen({ host: '127.0.0.1', port: 0 });
  later(() => app.close());
  return state;
}

export const person = (id: string, name: string, email: string, more: JsonObject = {}): JsonObject => ({
  id,
  name,
  email,
  updated_at: '2024-01-01T00:00:00.000Z',
  ...more,
});

/** So many, with the ids 1 and up. @param name by place, from 0 */
export const people = (count: number, name = (i: number): string => `Person ${i + 1}`): JsonObject[] =>
  Array.from({ length: count }, (_, i) => person(String(i + 1), name(i), `p${i + 1}@x.test`));

const system = (name: string, url: string, webhooks: string): string => `
system: ${name}
description: A stand-in.
baseUrl: ${url}
auth: { kind: bearer, token: "\${${name.toUpperCase()}_TOKEN}" }
entities:
  things:
    schema: ${name}/things
    id: id
    modified: updated_at
    lag: 0s
    list: { path: /things, items: "", paging: { kind: none } }
    read: { path: "/things/{id}" }
    create: { path: /things, answer: record }
    update: { path: "/things/{id}", nested: merge, answer: record }
    delete: { path: "/things/{id}" }
    events: [thing.changed]
webhooks:
  ${webhooks}
  events: '(body.ids ? body.ids : body.id).{ "event": $$.body.topic, "id": $string($) }'
`;

const schema = {
  type: 'object',
  required: ['name'],
  properties: {
    id: { type: 'string', readOnly: true },
    updated_at: { type: 'string', readOnly: true },
    name: { type: 'string', minLength: 1 },
    email: { type: ['string', 'null'] },
    note: { type: ['string', 'null'] },
    age: { type: ['integer', 'null'] },
  },
};

export const MAPPING = `
mapping: people
description: Every contact is a customer.
between:
  crm: { system: crm, entity: things }
  shop: { system: shop, entity: things }
match:
  - crm: $lowercase(email)
    shop: $lowercase(email)
create: [crm, shop]
conflict: latest
deletes: review
properties:
  - crm: name
    shop: name
    type: string
    required: true
  - crm: email
    shop: email
    type: string
  - crm: note
    shop: note
    type: string
    conflict: review
  - crm: age
    shop: age
    type: integer
    convert:
      shop: $ + 0
      crm: $ + 0
`;

export interface World {
  readonly app: FastifyInstance;
  readonly engine: Engine;
  readonly crm: StandIn;
  readonly shop: StandIn;
  /** Folder of the configuration. */
  readonly root: string;
  /** A request with the API token. */
  call(
    method: NonNullable<InjectOptions['method']>,
    url: string,
    body?: unknown,
  ): Promise<{ status: number; body: Answer; headers: Record<string, unknown> }>;
  /** Begins workers; they end with the test. */
  work(): Promise<void>;
  /** A full scan, to its end. */
  sync(): Promise<void>;
}

/** Any JSON, as tests look into it. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests, which fail where they are not as expected
export type Answer = any;

export const API = 'api-token-of-the-test';
export const READ = 'read-token-of-the-test';
export const CRM_KEY = 'key-of-the-crm';
export const SHOP_SECRET = 'signing-secret';

// Over 60 lines: a factory. It starts two systems, an engine and a server in their order, and returns what tests call.
export async function world(
  options: Partial<ServerOptions> & {
    crm?: readonly JsonObject[];
    shop?: readonly JsonObject[];
    mapping?: string;
    /** Further fields of the records. */
    fields?: JsonObject;
    /** Changes a system file. */
    system?: (name: string, yaml: string) => string;
    /** Of the engine. */
    log?: Logger;
  } = {},
): Promise<World> {
  const {
    crm: crmRecords = [],
    shop: shopRecords = [],
    mapping = MAPPING,
    fields = {},
    system: changed = (_, yaml) => yaml,
    log,
    ...server
  } = options;
  const [crm, shop] = [await standIn(crmRecords), await standIn(shopRecords)];
  const root = await mkdtemp(join(tmpdir(), 'tandem-server-'));
  later(() => rm(root, { recursive: true, force: true }));
  const schemaFile = JSON.stringify({ ...schema, properties: { ...schema.properties, ...fields } });
  const files = {
    'systems/crm.yaml': changed('crm', system('crm', crm.url, 'handshake: X-Hook-Secret')),
    'systems/shop.yaml': changed(
      'shop',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how system files name variables
      system('shop', shop.url, 'signature: { header: X-Signature, secret: "${SHOP_WEBHOOK_SECRET}", format: hex }'),
    ),
    'schemas/crm/things.schema.json': schemaFile,
    'schemas/shop/things.schema.json': schemaFile,
    'mappings/people.yaml': mapping,
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  const config = await createConfigStore({
    root,
    watch: false,
    env: { CRM_TOKEN: 'crm-secret-token', SHOP_TOKEN: 'shop-secret-token', SHOP_WEBHOOK_SECRET: SHOP_SECRET },
  });
  later(() => config.close());
  const prefix = uniquePrefix();
  const metrics = createMetrics();
  const events = createLiveEvents();
  const engine = createEngine({
    redisUrl: redisUrl(),
    prefix,
    config,
    fingerprinter: testFingerprinter,
    onCall: metrics.onCall,
    onOutcome: (event) => {
      metrics.onOutcome(event);
      events.onOutcome(event);
    },
    onFailure: metrics.onFailure,
    onBrake: events.onBrake,
    ...(log ? { logger: log } : {}),
  });
  later(async () => {
    await engine.close();
    const redis = new Redis(redisUrl());
    await deletePrefix(redis, prefix);
    redis.disconnect();
  });
  const app = await createServer(engine, {
    apiToken: API,
    readToken: READ,
    version: '0.0.0-test',
    workers: false,
    webhookKey: (name) => (name === 'crm' ? CRM_KEY : name === 'shop' ? 'key-of-the-shop' : undefined),
    metrics,
    events,
    ...server,
  });
  later(() => app.close());

  const call: World['call'] = async (method, url, body) => {
    const answer = await app.inject({
      method,
      url,
      headers: {
        authorization: `Bearer ${API}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    const json = String(answer.headers['content-type']).includes('json');
    return { status: answer.statusCode, body: json ? answer.json() : answer.body, headers: answer.headers };
  };
  let working = false;
  const work = async (): Promise<void> => {
    if (working) return;
    working = true;
    const workers = await startWorkers(engine, { schedules: false });
    later(() => workers.close(5_000));
  };
  const sync = async (): Promise<void> => {
    await work();
    const { body } = await call('POST', '/triggers/people', { scan: 'full' });
    await until(async () => ['done', 'failed'].includes((await call('GET', `/runs/${body.id}`)).body.state));
  };
  return { app, engine, crm, shop, root, call, work, sync };
}

/** What needs attention, of one kind or of all. */
export const issues = async ({ call }: Pick<World, 'call'>, kind?: string): Promise<Answer[]> =>
  (await call('GET', `/records?limit=500${kind === undefined ? '' : `&kind=${kind}`}`)).body.records;

/** Ids of the links, in order. */
export const links = async ({ call }: Pick<World, 'call'>): Promise<[crm: string, shop: string][]> =>
  (await call('GET', '/links/people?limit=100')).body.links.map(({ ids }: Answer) => [ids.crm, ids.shop]).sort();

// Every kind of connector passes one suite: HTTP against both stand-ins, and a small kind that speaks something else.
import { afterEach } from 'vitest';
import { loadConfig } from '../../../engine/config/load.ts';
import type { SystemConfig } from '../../../engine/config/types.ts';
import { createSystemClient } from '../../../engine/connectors/client.ts';
import { parsePath, type WritablePath } from '../../../engine/expression/path.ts';
import type { JsonObject } from '../../../engine/types.ts';
import { startKeap } from '../../../sandbox/keap/server.ts';
import { startShop } from '../../../sandbox/shop/server.ts';
import type { Sandbox } from '../../../sandbox/types.ts';
import { closeAll, later } from '../../support/closing.ts';
import { REAL_ENV, ROOT } from '../../unit/config/real.ts';
import { conforms, type Specimen } from './conformance.ts';
import { openLines, startLines } from './lines.ts';
import { systemConfig, testClient, testRedis, things } from './support.ts';

afterEach(closeAll);

const path = (source: string): WritablePath => parsePath(source)!;

/** A declared system of the files that Tandem comes with, with pages of two records. */
async function declared(name: string, entity: string, env: Record<string, string>): Promise<SystemConfig> {
  const { config } = await loadConfig({ root: ROOT, env: { ...REAL_ENV, ...env } });
  const system = config.systems.get(name)!;
  const { list, ...others } = system.entities[entity]!;
  const query = Object.fromEntries(
    Object.entries(list!.query).map(([key, value]) => [key, /^(page_size|per_page)$/.test(key) ? '2' : value]),
  );
  const small = { ...others, list: { ...list!, query, paging: { ...list!.paging, size: 2 } } };
  return { ...system, timeout: 2_000, limits: [], entities: { [entity]: small as never } };
}

interface HttpSystem {
  readonly sandbox: Sandbox;
  readonly config: SystemConfig;
  readonly entity: string;
  readonly text: string;
  readonly note: string;
  make(text: string): JsonObject;
  readonly person: Specimen['person'];
  /** What the address of a page after the first one holds. */
  readonly further: string;
}

function specimen({ sandbox, config, entity, text, note, make, person, further }: HttpSystem): Specimen {
  let running = true;
  const stop = async (): Promise<void> => {
    if (running) await sandbox.close();
    running = false;
  };
  later(stop);
  const { client } = testClient(config);
  const { faults } = sandbox;
  return {
    client,
    entity,
    text: path(text),
    note: path(note),
    make,
    person,
    requests: () => sandbox.stats().total,
    faults: {
      down: stop,
      loseResponses: () => void faults.add({ method: 'POST', action: 'lose-response' }),
      breakLists: () => void faults.add({ method: 'GET', path: further, action: 'status', status: 503 }),
      garble: () => void faults.add({ action: 'malformed' }),
      slowDown: () => void faults.add({ action: 'status', status: 429, headers: { 'retry-after': '1' } }),
      refuseCredentials: () => void faults.add({ action: 'status', status: 401, body: { message: 'no' } }),
      clear: () => faults.clear(),
    },
  };
}

/** As a person's browser would: straight at the API of the stand-in. */
async function api(
  url: string,
  headers: Record<string, string>,
  method: string,
  body?: JsonObject,
): Promise<JsonObject> {
  const response = await fetch(url, {
    method,
    headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? {} : ((await response.json()) as JsonObject);
}

conforms('HTTP, the shop', async () => {
  const sandbox = await startShop();
  const config = await declared('customwebshop', 'customers', {
    SHOP_BASE_URL: sandbox.url,
    SHOP_TOKEN: sandbox.token,
  });
  const call = (method: string, below: string, body?: JsonObject) =>
    api(`${sandbox.url}/customers${below}`, { authorization: `Bearer ${sandbox.token}` }, method, body);
  return specimen({
    sandbox,
    config,
    entity: 'customers',
    text: 'company',
    note: 'note',
    further: '[?&]page=[2-9]',
    make: (text) => ({ company: text, email: 'a@x.example' }),
    person: {
      add: async (company) => String((await call('POST', '', { company, email: 'a@x.example' })).id),
      edit: async (id, note) => void (await call('PATCH', `/${id}`, { note })),
      remove: async (id) => void (await call('DELETE', `/${id}`)),
      all: async () =>
        sandbox.store.customers.values().map(({ id, company, note }) => ({
          id: String(id),
          text: String(company),
          note: note ?? undefined,
        })),
    },
  });
});

conforms('HTTP, Keap', async () => {
  const sandbox = await startKeap({ limits: false });
  const config = await declared('keap', 'companies', {
    KEAP_BASE_URL: `${sandbox.url}/crm/rest`,
    KEAP_API_KEY: sandbox.apiKey,
  });
  const call = (method: string, below: string, body?: JsonObject) =>
    api(`${sandbox.url}/crm/rest/v2/companies${below}`, { 'x-keap-api-key': sandbox.apiKey }, method, body);
  return specimen({
    sandbox,
    config,
    entity: 'companies',
    text: 'company_name',
    note: 'notes',
    further: '[?&]page_token=',
    make: (text) => ({ company_name: text }),
    person: {
      add: async (company_name) => String((await call('POST', '', { company_name })).id),
      edit: async (id, notes) => void (await call('PATCH', `/${id}?update_mask=notes`, { notes })),
      remove: async (id) => void (await call('DELETE', `/${id}`)),
      all: async () =>
        sandbox.store.companies.values().map(({ id, company_name, notes }) => ({
          id,
          text: String(company_name),
          note: notes ?? undefined,
        })),
    },
  });
});

conforms('lines over TCP', async () => {
  const server = await startLines('lines-secret');
  later(() => server.close());
  const config = systemConfig(server.url, {
    name: 'lines',
    connector: 'lines',
    auth: { kind: 'bearer', token: 'lines-secret' },
    entities: { notes: things({ system: 'lines', name: 'notes' }) },
  });
  const client = createSystemClient(config, { ...testRedis(), retryDelay: 5 }, openLines);
  later(() => client.close());
  return {
    client,
    entity: 'notes',
    text: path('text'),
    note: path('note'),
    make: (text) => ({ text }),
    requests: () => server.requests(),
    person: {
      add: async (text) => server.put({ text }),
      edit: async (id, note) => void server.put({ ...server.get(id)!, note }, id),
      remove: async (id) => server.remove(id),
      all: async () => server.all().map(({ id, text, note }) => ({ id, text: String(text), note: note as string })),
    },
    faults: {
      down: () => server.close(),
      loseResponses: () => server.fail('lose-response'),
      breakLists: () => server.fail('break-list'),
      garble: () => server.fail('garble'),
      slowDown: () => server.fail('slow-down'),
      refuseCredentials: () => server.fail('refuse'),
      clear: () => server.fail(undefined),
    },
  };
});

/** Where a simulation takes place: both stand-ins, the configuration with short waits and small pages, an engine that only queues. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createConfigStore } from '../../../engine/config/config-store.ts';
import { createEngine } from '../../../engine/create-engine.ts';
import type { Engine } from '../../../engine/engine.ts';
import { eventKeys, noKeapData } from '../../../sandbox/keap/data.ts';
import { type KeapSandbox, startKeap } from '../../../sandbox/keap/server.ts';
import { webhookTopics } from '../../../sandbox/shop/data.ts';
import { type ShopSandbox, startShop } from '../../../sandbox/shop/server.ts';
import { createServer, listen } from '../../../server/server.ts';
import { testFingerprinter } from '../../support/fingerprints.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { type MappingFiles, mappingFiles } from './mapping-files.ts';
import { BEATS, type WorkOrder } from './orders.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { pairs, type Stores, type System, stages } from './things.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export interface Setting {
  readonly keap: KeapSandbox;
  readonly shop: ShopSandbox;
  readonly stores: Stores;
  readonly engine: Engine;
  readonly files: MappingFiles;
  /** Of the configuration as it was at the start. */
  readonly version: string;
  /** A request to the HTTP API of this Tandem. */
  api(method: string, path: string, body?: object): Promise<Response>;
  readonly receiver: Receiver;
  /** The settings that a worker needs to work here. */
  readonly order: WorkOrder;
  system(name: System): KeapSandbox | ShopSandbox;
  /** Writes that the systems have taken from the engine: people write past the API. */
  writes(): number;
  close(): Promise<void>;
}

/** @param options.brakeOnCreates false: as much may be created at once as there is; prepare: changes the configuration in a folder */
// Over 60 lines: a factory. It starts the systems and an engine between them, and returns what steps and checks need of these.
export async function createSetting(
  redisUrl: string,
  {
    brakeOnCreates = true,
    clocks,
    prepare,
  }: {
    readonly brakeOnCreates?: boolean;
    readonly clocks?: Readonly<Record<System, number>>;
    readonly prepare?: (root: string) => Promise<void>;
  } = {},
): Promise<Setting> {
  const stageData = stages.map(({ id, name }, i) => ({ id, name, order: i, probability: 50, target_number_days: 30 }));
  const keap = await startKeap({
    data: { ...noKeapData, stages: stageData },
    limits: false,
    hookDelayMs: [1, 10],
    clockAhead: clocks?.keap ?? 0,
  });
  const shop = await startShop({ webhookDelayMs: [1, 10], clockAhead: clocks?.customwebshop ?? 0 });
  const root = await mkdtemp(join(tmpdir(), 'tandem-faults-'));
  for (const folder of ['mappings', 'systems', 'schemas'])
    await cp(join(ROOT, folder), join(root, folder), { recursive: true });
  for (const system of ['keap', 'customwebshop']) await hurry(join(root, 'systems', `${system}.yaml`));
  if (!brakeOnCreates)
    for (const mapping of Object.keys(pairs))
      await appendFile(join(root, 'mappings', `${mapping}.yaml`), '\nbrake: { creates: off, firstSync: off }\n');
  await prepare?.(root);
  await followDeletes(join(root, 'mappings', 'product-product.yaml'));
  const env = {
    KEAP_BASE_URL: `${keap.url}/crm/rest`,
    KEAP_API_KEY: keap.apiKey,
    KEAP_LIMIT_SECOND: '10000',
    KEAP_LIMIT_MINUTE: '1000000',
    KEAP_LIMIT_DAY: '100000000',
    SHOP_BASE_URL: shop.url,
    SHOP_TOKEN: shop.token,
    SHOP_LIMIT_SECOND: '10000',
    SHOP_WEBHOOK_SECRET: 'test-webhook-secret',
  };
  const prefix = uniquePrefix();
  const config = await createConfigStore({ root, env, debounce: 20, poll: 2_000 });
  if (config.problems().length > 0)
    throw new Error(`the configuration has problems: ${JSON.stringify(config.problems(), null, 1)}`);
  const engine = createEngine({ redisUrl, prefix, config, fingerprinter: testFingerprinter, versions: BEATS });
  const receiver = await startReceiver(engine);
  const files = await mappingFiles(root);
  let app: Promise<{ close(): Promise<unknown>; url: string }> | undefined;
  eventKeys.forEach((eventKey, i) => {
    const key = String(i + 1);
    keap.store.hooks.put({ id: key, key, eventKey, hookUrl: receiver.url('keap'), status: 'Verified' });
  });
  webhookTopics.forEach((topic, i) => {
    shop.store.webhooks.put({
      id: i + 1,
      topic,
      url: receiver.url('customwebshop'),
      secret: 'x',
      created_at: new Date().toISOString(),
    });
  });
  return {
    keap,
    shop,
    stores: { keap: keap.store, shop: shop.store },
    engine,
    receiver,
    order: { do: 'work', redisUrl, prefix, root, env },
    files,
    version: config.current().version,
    async api(method, path, body) {
      app ??= serve(engine);
      const { url } = await app;
      return await fetch(`${url}${path}`, {
        method,
        ...(body ? { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
        signal: AbortSignal.timeout(API_TIMEOUT),
      });
    },
    system: (name) => (name === 'keap' ? keap : shop),
    writes: () => keap.stats().writes + shop.stats().writes,
    async close() {
      await keap.close();
      await shop.close();
      await receiver.close();
      await (await app)?.close();
      await engine.close();
      await config.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Longer than a person's request waits for a record that a stopped worker works on, in ms. */
const API_TIMEOUT = 30_000;

async function serve(engine: Engine): Promise<{ close(): Promise<unknown>; url: string }> {
  const app = await createServer(engine, { version: 'simulation', webhookKey: () => undefined, workers: false });
  return { url: await listen(app), close: () => app.close() };
}

/** One mapping propagates deletes, so that one that nobody made would show. */
async function followDeletes(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  if (!text.includes('deletes: keep')) throw new Error(`${file} does not say "deletes: keep"`);
  await writeFile(file, text.replace('deletes: keep', 'deletes: propagate'));
}

/** How long the client waits for an answer, in ms: long enough for a loaded machine, short enough to meet it often. */
export const CLIENT_TIMEOUT = 1_500;

/** Short timeouts, overlaps and lags (the stand-ins lag for less), and pages of four, so that a few records are several pages. */
async function hurry(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const hurried = text
    .replace(/timeout: 30s/, `timeout: ${CLIENT_TIMEOUT}ms`)
    .replace(/per_page: 100\b/g, 'per_page: 4')
    .replace(/size: 100\b/g, 'size: 4')
    .replace(/page_size: \d+/g, 'page_size: 4')
    .replace(/overlap: \w+/g, 'overlap: 1s')
    .replace(/^ {4}schema: .*$/gm, '$&\n    lag: 3s');
  await writeFile(file, hurried);
}

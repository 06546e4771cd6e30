/** A whole Tandem against both stand-ins, over real HTTP and a real Redis, each test with its own. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ConfigStore, createConfigStore } from '../../engine/config/config-store.ts';
import { createEngine } from '../../engine/create-engine.ts';
import type { Engine, EngineOptions } from '../../engine/engine.ts';
import type { Logger } from '../../engine/logger.ts';
import type { Outcome } from '../../engine/model/outcome.ts';
import { startWorkers, type WorkerOptions, type Workers } from '../../engine/runtime/workers.ts';
import { dirtyKey } from '../../engine/store/dirty.ts';
import type { Run } from '../../engine/store/runs.ts';
import { type KeapSandbox, startKeap } from '../../sandbox/keap/server.ts';
import { makeSeed, type Seed, type Size } from '../../sandbox/seed/index.ts';
import { type ShopSandbox, startShop } from '../../sandbox/shop/server.ts';
import { testFingerprinter } from './fingerprints.ts';
import type { RecordIssue } from './links.ts';
import { linksIn } from './links.ts';
import { redisUrl, uniquePrefix } from './redis.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface World {
  readonly keap: KeapSandbox;
  readonly shop: ShopSandbox;
  readonly engine: Engine;
  readonly seed: Seed;
  /** Folder with the mappings, systems and schemas of this world: a test may edit them. */
  readonly dir: string;
  readonly outcomes: { mapping: string; side: number; id: string; outcome: Outcome }[];
  keapApi<T = Json>(method: string, path: string, body?: object): Promise<T>;
  shopApi<T = Json>(method: string, path: string, body?: object): Promise<T>;
  /** Syncs every mapping and waits for the end of it. */
  sync(scan?: 'changes' | 'full'): Promise<Run>;
  /** Waits until nothing is queued or being done. */
  settle(): Promise<void>;
  issues(mapping: string): Promise<RecordIssue[]>;
  /** Reconciles of one record, then waits until all is quiet. */
  reconcile(mapping: string, side: 0 | 1, id: string): Promise<void>;
  restartWorkers(): Promise<void>;
  /** One more process of the same Tandem, with files of its own: those of this world, changed. */
  another(
    change: (dir: string) => Promise<void>,
    options?: Pick<EngineOptions, 'step' | 'versions'> & { workers?: WorkerOptions },
  ): Promise<Another>;
  /** Does something while no workers run. */
  whileStopped(work: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

export interface Another {
  readonly engine: Engine;
  readonly dir: string;
  readonly outcomes: World['outcomes'];
  /** Ends it in order; closing the world does so too. */
  close(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: what a stand-in answers is whatever the test asked for
export type Json = any;

/** Of the text of a file, a changed one. */
export type Change = (text: string, path: string) => string;

function changed(text: string, path: string, change: Change): string {
  const now = change(text, path);
  if (now === text) throw new Error(`${path} would stay as it is`);
  return now;
}

/** Changes files in a folder; each change must change something. */
export async function changeFiles(dir: string, files: Readonly<Record<string, Change>>): Promise<void> {
  for (const [path, change] of Object.entries(files))
    await writeFile(join(dir, path), changed(await readFile(join(dir, path), 'utf8'), path, change));
}

/** One after the other, each `from` by its `to`, in which only that of a pattern may name groups: `$1`. Each must be there. */
export const replaced =
  (...pairs: readonly (readonly [from: string | RegExp, to: string])[]): Change =>
  (text, path) =>
    pairs.reduce((now, [from, to]) => {
      if (typeof from === 'string' ? !now.includes(from) : now.search(from) < 0)
        throw new Error(`${path} has nothing like ${from}`);
      return typeof from === 'string' ? now.replace(from, () => to) : now.replace(from, to);
    }, text);

/** The included files, by their paths in the folder of a configuration; read once. */
let included: Promise<ReadonlyMap<string, string>> | undefined;

async function readIncluded(): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for (const folder of ['mappings', 'systems', 'schemas'])
    for (const name of await readdir(join(root, folder), { recursive: true }))
      if (/\.(yaml|json)$/.test(name)) texts.set(`${folder}/${name}`, await readFile(join(root, folder, name), 'utf8'));
  return texts;
}

/** Writes the files of a world, whose folder is new. */
async function writeFiles(dir: string, { lag, mappings, only, files = {} }: WorldOptions): Promise<void> {
  included ??= readIncluded();
  const texts = new Map(await included);
  const drop = (unwanted: (name: string) => boolean): void => {
    for (const path of texts.keys()) {
      const name = /^mappings\/([^/]+)\.yaml$/.exec(path)?.[1];
      if (name !== undefined && unwanted(name)) texts.delete(path);
    }
  };
  const change = (path: string, by: Change): void => {
    const text = texts.get(path);
    if (text === undefined) throw new Error(`There is no ${path}.`);
    texts.set(path, changed(text, path, by));
  };
  if (lag !== undefined) for (const system of ['keap', 'customwebshop']) change(`systems/${system}.yaml`, lagging(lag));
  if (mappings !== undefined) {
    drop(() => true);
    for (const [name, text] of Object.entries(mappings)) texts.set(`mappings/${name}.yaml`, text);
  }
  if (only !== undefined) drop((name) => !only.includes(name));
  for (const [path, by] of Object.entries(files)) change(path, by);
  for (const folder of new Set([...texts.keys()].map(dirname))) await mkdir(join(dir, folder), { recursive: true });
  await Promise.all([...texts].map(([path, text]) => writeFile(join(dir, path), text)));
}

/** Of a system file: declares of every entity how long its reads may lag. */
const lagging = (lag: string): Change => replaced([/^ {4}schema: .*$/gm, `$&\n    lag: ${lag}`]);

/** Waits 5 ms, then twice as long each time, up to 40: looks cost what the work that is waited for needs. */
function growing(): () => Promise<void> {
  let ms = 2.5;
  return () => {
    ms = Math.min(ms * 2, 40);
    return new Promise((resolve) => setTimeout(resolve, ms));
  };
}

/** Milliseconds between two looks at the files of a world. Events report each edit; looks are for those that they miss. */
const LOOKS = 5_000;

/** All at one moment: the lists and then the sorted sets with what is to be done or under way, by their keys. ARGV: how many lists. */
const COUNT = `
local count = 0
for place, key in ipairs(KEYS) do
  count = count + redis.call(place <= tonumber(ARGV[1]) and 'LLEN' or 'ZCARD', key)
end
return count`;

/** Whether a job waits or is worked on, or a record is marked. One command: tests ask again and again. */
async function isBusy({ redis, queues, prefix }: Engine, mappings: readonly string[]): Promise<boolean> {
  const all = [queues.scan, ...mappings.map((name) => queues.reconcile(name))];
  const lists = all.flatMap((queue) => ['wait', 'paused', 'active'].map((state) => queue.toKey(state)));
  const sets = [
    ...all.flatMap((queue) => ['delayed', 'prioritized'].map((state) => queue.toKey(state))),
    ...mappings.map((name) => dirtyKey(prefix, name)),
  ];
  return Number(await redis.eval(COUNT, lists.length + sets.length, ...lists, ...sets, lists.length)) > 0;
}

export interface WorldOptions {
  size?: Size;
  seed?: number;
  /** Texts of the mapping files, by their names, in place of the included ones. */
  mappings?: Readonly<Record<string, string>>;
  /** Of the included mappings these alone: each has workers and connections of its own. */
  only?: readonly string[];
  /** Included files that are changed, by their paths. */
  files?: Readonly<Record<string, Change>>;
  workers?: WorkerOptions;
  /** Milliseconds before the first try again; short, for most tests only wait for it. */
  retryDelay?: number;
  /** How long reads may lag, of every entity; what the system files say unless it is given. */
  lag?: `${number}s`;
  logger?: Logger;
}

// Over 60 lines: a factory. What it returns are short functions that share the engine, the workers and the configuration.
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const seed = makeSeed(options.seed ?? 42, options.size ?? 'empty');
  const keap = await startKeap({ data: seed.keap, limits: false, hookDelayMs: [5, 20] });
  const shop = await startShop({ data: seed.shop, webhookDelayMs: [5, 20] });
  const dir = await mkdtemp(join(tmpdir(), 'tandem-world-'));
  await writeFiles(dir, options);
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
  const config: ConfigStore = await createConfigStore({ root: dir, env, poll: LOOKS });
  if (config.problems().length > 0)
    throw new Error(`The configuration of this world has problems: ${JSON.stringify(config.problems(), null, 1)}`);
  const outcomes: World['outcomes'] = [];
  const engine = createEngine({
    redisUrl: redisUrl(),
    prefix: uniquePrefix(),
    config,
    fingerprinter: testFingerprinter,
    retryDelay: options.retryDelay ?? 50,
    onOutcome: (event) => outcomes.push(event),
    ...(options.logger ? { logger: options.logger } : {}),
  });
  const workerOptions: WorkerOptions = { schedules: false, lockDuration: 5_000, ...options.workers };
  // The first sync of a test may create as much as there is; brake.test.ts tests what it may otherwise.
  for (const name of config.current().mappings.keys()) await engine.links(name).progress.allowFirstSync();
  let workers: Workers = await startWorkers(engine, workerOptions);

  const others: (() => Promise<void>)[] = [];

  async function api<T>(
    base: string,
    headers: Record<string, string>,
    method: string,
    path: string,
    body?: object,
  ): Promise<T> {
    const response = await fetch(base + path, {
      method,
      headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok && response.status !== 404) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  const world: World = {
    keap,
    shop,
    engine,
    seed,
    dir,
    outcomes,
    keapApi: (method, path, body) => api(`${keap.url}/crm/rest`, { 'x-keap-api-key': keap.apiKey }, method, path, body),
    shopApi: (method, path, body) => api(shop.url, { authorization: `Bearer ${shop.token}` }, method, path, body),
    async sync(scan = 'full') {
      const {
        run: { id },
      } = await engine.triggerAll({ scan });
      for (const wait = growing(); ; await wait()) {
        const run = await engine.runs.get(id);
        if (run && (run.state === 'done' || run.state === 'failed')) return run;
      }
    },
    async settle() {
      let wait = growing();
      for (let quiet = 0; quiet < 2; ) {
        const busy = await isBusy(engine, [...config.current().mappings.keys()]);
        quiet = busy ? 0 : quiet + 1;
        if (!busy) wait = growing();
        await wait();
      }
    },
    async issues(mapping) {
      const all: RecordIssue[] = [];
      for await (const batch of linksIn(engine.links(mapping)).allIssues()) all.push(...batch);
      return all;
    },
    async reconcile(mapping, side, id) {
      await engine.context({ owner: 'test' }).enqueue(mapping, side, [id]);
      await world.settle();
    },
    async restartWorkers() {
      await workers.close();
      workers = await startWorkers(engine, workerOptions);
    },
    async another(change, { workers: more, ...options } = {}) {
      const folder = await mkdtemp(join(tmpdir(), 'tandem-world-'));
      await cp(dir, folder, { recursive: true });
      await change(folder);
      const files = await createConfigStore({ root: folder, env, poll: LOOKS });
      if (files.problems().length > 0) throw new Error(JSON.stringify(files.problems(), null, 1));
      const seen: World['outcomes'] = [];
      const second = createEngine({ ...engine.options, ...options, config: files, onOutcome: (one) => seen.push(one) });
      const working = await startWorkers(second, { ...workerOptions, ...more });
      let closed: Promise<void> | undefined;
      const close = (): Promise<void> => {
        closed ??= (async () => {
          await working.close();
          await second.close();
          await files.close();
          await rm(folder, { recursive: true, force: true });
        })();
        return closed;
      };
      others.push(close);
      return { engine: second, dir: folder, outcomes: seen, close };
    },
    async whileStopped(work) {
      await workers.close();
      await work();
      workers = await startWorkers(engine, workerOptions);
    },
    async close() {
      for (const close of others) await close();
      await workers.close();
      await engine.close();
      await config.close();
      await keap.close();
      await shop.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return world;
}

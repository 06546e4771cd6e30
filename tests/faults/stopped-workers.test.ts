/**
 * Two worker processes at the same records. At random one of them is stopped (SIGSTOP) for longer than its claims last and
 * goes on, or is cut off from Redis while it calls the systems: the other one takes its records over. No record is made
 * twice, and no write of a worker arrives after those of the one that took over. STOPPED_ROUNDS makes it longer.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { type People, productsOf } from './products.ts';
import { type Crew, createCrew, type Worker } from './simulation/crew.ts';
import { type DurableRedis, startDurableRedis } from './simulation/durable-redis.ts';
import { createRandom } from './simulation/random.ts';
import { createSetting, type Setting } from './simulation/setting.ts';

const ROUNDS = Number(process.env.STOPPED_ROUNDS ?? 2);
const SEED = Number(process.env.STOPPED_SEED ?? 1);
/** Records made in each round, and those that are there before and edited. */
const MADE = 80;
const EDITED = 20;
const EDITS = 10;
/** In ms. */
const CLAIMS = 1_000;
const LATENCY = 30;
const PATIENCE = 40_000;
const MAPPING = 'product-product';
const TIMEOUT = 120_000 + ROUNDS * 10_000;

let redis: DurableRedis;
let crew: Crew;
beforeAll(async () => {
  redis = await startDurableRedis();
  crew = createCrew(2);
});
afterAll(async () => {
  await crew?.close();
  await redis?.close();
});

/** Calls wait for one of two slots, so that there is always some write that was begun and has not left yet. */
async function fewSlots(root: string): Promise<void> {
  for (const name of ['keap', 'customwebshop']) {
    const file = join(root, 'systems', `${name}.yaml`);
    const text = await readFile(file, 'utf8');
    const slow = text.replace(/^concurrency: 8$/m, 'concurrency: 2').replace(/ idempotency: Idempotency-Key,/g, '');
    expect(slow).not.toBe(text);
    await writeFile(file, slow);
  }
}

async function settle({ engine }: Setting): Promise<void> {
  const queue = engine.queues.reconcile(MAPPING);
  await expect
    .poll(
      async () => {
        const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized');
        const { active = 0, waiting = 0 } = await engine.queues.scan.getJobCounts('waiting', 'active', 'delayed');
        const { count } = await engine.dirty.stats(MAPPING);
        return Object.values(counts).reduce((sum, one) => sum + one, count + active + waiting);
      },
      { timeout: 90_000, interval: 100 },
    )
    .toBe(0);
}

async function scan(setting: Setting): Promise<void> {
  const { run } = await setting.engine.trigger({ mapping: MAPPING, scan: 'full' });
  await expect
    .poll(async () => (await setting.engine.runs.get(run.id))?.state, { timeout: 60_000, interval: 50 })
    .toBe('done');
  await settle(setting);
}

interface Hand {
  readonly worker: Worker;
  readonly proxy: TcpProxy;
}

/** Waits for so many requests to write. */
function someWrites({ keap, shop }: Setting, count: number): Promise<void> {
  let left = count;
  return new Promise((resolve) => {
    for (const { requests } of [keap, shop]) {
      const begin = Object.getPrototypeOf(requests).begin.bind(requests) as typeof requests.begin;
      requests.begin = (method, path, route) => {
        if (method !== 'GET' && --left === 0) resolve();
        return begin(method, path, route);
      };
    }
  });
}

/** Stops a worker or cuts it off until the other one has taken its records over and done all of the work. */
async function disturb({ worker, proxy }: Hand, how: 'stopped' | 'cut', over: () => boolean): Promise<void> {
  if (how === 'stopped') process.kill(worker.pid, 'SIGSTOP');
  else proxy.stall();
  try {
    await sleep(CLAIMS * 1.2);
    await expect.poll(over, { timeout: PATIENCE, interval: 20 }).toBe(true);
  } finally {
    if (how === 'stopped') process.kill(worker.pid, 'SIGCONT');
    else proxy.goOn();
  }
}

it(
  'workers that are stopped or cut off beyond their claims make no record twice and write nothing late',
  async () => {
    const setting = await createSetting(redis.url, { brakeOnCreates: false, prepare: fewSlots });
    const random = createRandom(SEED);
    const proxies = [await startTcpProxy(redis.url), await startTcpProxy(redis.url)];
    try {
      const { keap, shop } = setting;
      const people = productsOf(keap, shop);
      for (let i = 0; i < EDITED; i++) await people.make('customwebshop', `edited ${i}`);
      const hands: Hand[] = await Promise.all(
        proxies.map(async (proxy) => {
          const order = { ...setting.order, redisUrl: proxy.url, claimTtl: CLAIMS, lockDuration: CLAIMS };
          return { proxy, worker: await crew.hire(order) };
        }),
      );
      await scan(setting);
      const { editsInKeap, edit } = watchEdits(setting, people);
      const delay = { action: 'delay', ms: LATENCY } as const;
      keap.faults.add({ method: 'POST', path: '/crm/rest/v2/products', ...delay });
      keap.faults.add({ method: 'PATCH', path: '/crm/rest/v2/products', ...delay });
      shop.faults.add({ method: 'POST', path: '/products', ...delay });

      const tables = [keap.store.products, shop.store.products];
      const done: string[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        // Both take their share at once.
        const queue = setting.engine.queues.reconcile(MAPPING);
        await queue.pause();
        await Promise.all([
          ...Array.from({ length: MADE }, (_, i) =>
            people.make(i % 2 ? 'keap' : 'customwebshop', `new ${round * MADE + i}`),
          ),
          ...Array.from({ length: EDITS }, () => edit(random.between(0, EDITED - 1))),
        ]);
        await expect.poll(async () => (await setting.engine.dirty.stats(MAPPING)).due).toBeGreaterThan(MADE);
        const writes = someWrites(setting, random.between(1, MADE / 2));
        await queue.resume();
        await writes;
        const how = round % 2 ? 'cut' : 'stopped';
        const wanted = EDITED + (round + 1) * MADE;
        await disturb(random.pick(hands), how, () => tables.every((table) => table.values().length >= wanted));
        done.push(how);
        await settle(setting);
      }
      const creates = ROUNDS * MADE;
      const times = (how: string): number => done.filter((one) => one === how).length;
      keap.faults.clear();
      shop.faults.clear();
      await settle(setting);
      await scan(setting);

      const names = tables.map((table) => table.values().map(({ name }) => name));
      const doubled = names.map((some) => some.filter((name, i) => some.indexOf(name) !== i));
      const missing = names.map((some) => creates + EDITED - new Set(some).size);
      const late = [...editsInKeap].filter(([, edits]) => edits.some((n, i) => i > 0 && n < edits[i - 1]!));
      console.log(
        `${creates} creates, ${[...editsInKeap.values()].flat().length} updates, ${times('stopped')} stops, ${times('cut')} times cut off:`,
        `${doubled.flat().length} doubled, ${missing[0]! + missing[1]!} not made, ${late.length} with a late update`,
      );
      expect({ doubled, late, missing }).toEqual({ doubled: [[], []], late: [], missing: [0, 0] });
      for (let i = 0; i < EDITED; i++) {
        const [a, b] = tables.map(
          (table) => table.values().find(({ name }) => name === `edited ${i}`)?.description ?? '',
        );
        expect(a, `edited ${i}`).toBe(b);
      }
    } finally {
      for (const proxy of proxies) proxy.goOn();
      await setting.close();
      for (const proxy of proxies) await proxy.close();
    }
  },
  TIMEOUT,
);

/** The edits count up, so that one that is written late shows as a lower number after a higher one. */
function watchEdits({ keap, shop }: Setting, people: People) {
  const editsInKeap = new Map<string, number[]>();
  const { store } = keap;
  const before = store.edit.bind(store);
  store.edit = (entity, id, fields) => {
    const { description } = fields as { description?: string };
    if (entity === 'products' && description !== undefined)
      editsInKeap.set(id, [...(editsInKeap.get(id) ?? []), Number(description.split(' ')[1])]);
    return before(entity, id, fields);
  };
  let count = 0;
  const edit = async (n: number): Promise<void> => {
    const product = shop.store.products.values().find(({ name }) => name === `edited ${n}`);
    await people.edit('customwebshop', String(product!.id), `edit ${++count}`);
  };
  return { editsInKeap, edit };
}

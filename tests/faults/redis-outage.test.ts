/**
 * Real processes, a server and a worker apart: Redis hangs, or is killed and started again on its append-only file, in
 * the midst of work. The processes live through both. OUTAGE_REDIS_MS says how long it is gone, in ms; some seconds without it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { configFolder, freePort, standIns, startTandem } from '../integration/cli/support.ts';
import { closeAll, later } from '../support/closing.ts';
import { until } from '../support/until.ts';
import { editsOf, inStep, linkedProducts, productsOf, totalsOf } from './products.ts';
import { startDurableRedis } from './simulation/durable-redis.ts';

const OUTAGE = Number(process.env.OUTAGE_REDIS_MS ?? 4_000);
const PATIENCE = 120_000;
const RECORDS = OUTAGE < 60_000 ? 60 : 240;

/** Two processes with a Redis of their own, and linked products. */
async function startWorld() {
  const durable = await startDurableRedis();
  later(() => durable.close());
  const { keap, shop, env: addresses } = await standIns({ empty: true });
  const folder = await configFolder('product-product');
  // Events that came while Redis was away were answered with 503: what they reported is found by the next scan.
  const file = join(folder, 'mappings', 'product-product.yaml');
  await writeFile(
    file,
    (await readFile(file, 'utf8')).replace('changes: 10m, webhooks: 1h', 'changes: 5s, webhooks: 5s'),
  );
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    REDIS_URL: durable.url,
    TANDEM_CONFIG: folder,
    TANDEM_SCHEDULES: 'on',
    TANDEM_LOG_LEVEL: 'info',
    ...addresses,
  };
  const server = await startTandem('server', { ...env, TANDEM_PORT: String(port), TANDEM_PUBLIC_URL: url });
  const worker = await startTandem('worker', env);
  const redis = new Redis(durable.url, { maxRetriesPerRequest: null });
  redis.on('error', () => {});
  later(async () => redis.disconnect());

  const people = productsOf(keap, shop);
  for (let i = 0; i < RECORDS; i++) await people.make('keap', `p${i}`);
  const links = await until(async () => {
    const found = await linkedProducts(redis, 'tandem');
    return found.length === RECORDS && found;
  }, PATIENCE);
  const get = async <T>(path: string): Promise<T> => (await (await fetch(url + path)).json()) as T;
  const jobs = async (): Promise<Record<'open' | 'failed', number>> => {
    const { queues } = await get<{ queues: { name: string; counts: Record<string, number> }[] }>('/queues');
    const sum = (...states: string[]): number =>
      queues
        // Scans come by schedule, again and again.
        .filter(({ name }) => name !== 'scan')
        .reduce((all, { counts }) => all + states.reduce((own, state) => own + counts[state]!, 0), 0);
    return { open: sum('waiting', 'active', 'delayed'), failed: sum('failed') };
  };
  const ready = (): Promise<boolean> =>
    until(async () => (await fetch(`${url}/health/ready`)).status === 200, PATIENCE);
  const idle = (): Promise<boolean> => until(async () => (await jobs()).open === 0, PATIENCE);
  const totals = (): number[] => totalsOf(keap, shop);
  await idle();
  expect(totals()).toEqual([RECORDS, RECORDS]);
  return { durable, keap, shop, server, worker, url, people, links, get, jobs, ready, idle, totals };
}

let world: Awaited<ReturnType<typeof startWorld>>;
beforeAll(async () => {
  world = await startWorld();
}, 3 * PATIENCE);
/** Ends the outage of a test, also of one that failed in the midst of it. */
let atEnd: (() => Promise<void>) | undefined;
afterEach(async () => {
  await atEnd?.();
  await world.ready();
  await world.idle();
}, 3 * PATIENCE);
afterAll(closeAll);
/** How many lines of the server and of the worker were looked through. */
let checked = [0, 0];

it.each(['hangs', 'is killed'] as const)(
  'Redis %s in the midst of work: no process restarts, no job and no edit is lost',
  async (how) => {
    const { durable, keap, shop, server, worker, url, people, links, get, jobs, ready, idle, totals } = world;
    const [total = 0, otherTotal] = totals();
    expect(otherTotal).toBe(total);

    const { wanted, edit } = editsOf(people, links, how);

    // ------------------------------------------------------------ gone, as soon as work is being done
    const third = RECORDS / 3;
    const updates = (): number => shop.stats().entities.products!.updates;
    const before = updates();
    for (let i = 0; i < third; i++) await edit('keap', i);
    await until(() => updates() > before, PATIENCE, 25);
    const open = (await jobs()).open;
    const done = updates() - before;
    const began = Date.now();
    const restore = await durable.fail(how);
    atEnd = restore;
    await until(async () => (await fetch(`${url}/health/ready`)).status === 503, PATIENCE);
    expect(await get('/health/ready')).toMatchObject({ status: 'down', redis: { state: 'down' } });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    for (let i = third; i < RECORDS; i++) await edit(i % 2 === 0 ? 'keap' : 'customwebshop', i);
    await people.make('keap', `new while it ${how}`);
    // The caller gets an error, and does not wait until Redis is back.
    const asked = await fetch(`${url}/runs`);
    expect(asked.status).toBe(503);
    expect(await asked.json()).toMatchObject({ code: 'UNAVAILABLE' });
    await sleep(Math.max(0, OUTAGE - (Date.now() - began)));
    await restore();

    // ------------------------------------------------------------ back
    const back = Date.now();
    await ready();
    const readyAfter = Date.now() - back;
    const found = (await jobs()).open;
    await until(
      () =>
        inStep(keap, shop, links, wanted) &&
        shop.store.products.values().some(({ sku }) => sku === `new while it ${how}`),
      PATIENCE,
    );
    const recovered = Date.now() - back;
    await idle();
    const { failed } = await jobs();
    const lines = [server.log.length, worker.log.length];
    const errors = [server, worker]
      .flatMap(({ log }, i) => log.slice(checked[i]))
      .filter((line) => /"level":(50|60|"error"|"fatal")/.test(line));
    console.info(
      `Redis ${how} for ${back - began} ms: ${done} of ${third} edits carried out and ${open} jobs open before, ${found} open after; ready after ${readyAfter} ms, ${wanted.size + 1} records in step after ${recovered} ms; ${failed} failed jobs, ${errors.length} errors logged`,
    );
    checked = lines;
    expect(failed).toBe(0);
    expect(errors).toEqual([]);
    expect(totals()).toEqual([total + 1, total + 1]);
    const { issues } = await get<{ issues: Record<string, number> }>('/mappings/product-product');
    expect(issues).toMatchObject({ failed: 0, review: 0 });
    // Neither process ended or restarted.
    expect([server.child.exitCode, worker.child.exitCode]).toEqual([null, null]);
    expect(await get('/processes')).toMatchObject({
      processes: [{ pid: server.child.pid }, { pid: worker.child.pid }],
    });
  },
  OUTAGE + 3 * PATIENCE,
);

/**
 * Real processes, a server and a worker apart: a system answers reads and takes no writes for a while, as in a
 * maintenance. OUTAGE_SYSTEM_MS says how long, in ms; some seconds without it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { closeAll } from '../support/closing.ts';
import { until } from '../support/until.ts';
import { tandem } from '../unit/cli/in-process.ts';
import { type Health, PATIENCE, startOutage } from './outage.ts';
import { inStep, linkedProducts, productsOf } from './products.ts';

afterEach(closeAll);

const OUTAGE = Number(process.env.OUTAGE_SYSTEM_MS ?? 6_000);
/** Fewer where it must be quick. */
const RECORDS = OUTAGE < 60_000 ? 45 : 240;
const NEW = 10;
/** Writes at once, and what it takes to see that none is taken. */
const BEGINNING = 16;
/** The longest rest between two tries, in ms. */
const REST = 30_000;

it(
  'the shop takes no writes: it is not hammered with them, all else goes on, and nothing is given up',
  async () => {
    const all = await startOutage();
    const { keap, shop, gates, url, get, counts, idle, sync } = all;
    const calls = (system: string, ...operations: string[]): Promise<number> =>
      Promise.all(operations.map((one) => all.calls(`system="${system}"`, `operation="${one}"`))).then((counted) =>
        counted.reduce((sum, one) => sum + one, 0),
      );
    const writes = (): Promise<number> => calls('customwebshop', 'create', 'update', 'delete');
    const reads = async (): Promise<number> =>
      (await calls('customwebshop', 'read', 'find', 'list')) + (await calls('keap', 'read', 'find', 'list'));
    const { make, edit } = productsOf(keap, shop);
    for (let i = 0; i < RECORDS; i++) await make('keap', `p${i}`);
    await sync();
    const links = await linkedProducts(all.redis, all.prefix);
    expect(links).toHaveLength(RECORDS);
    await until(() => shop.store.webhooks.values().length > 0 && keap.store.hooks.values().length > 0);

    // ------------------------------------------------------------ read-only
    const [written, read] = [await writes(), await reads()];
    await gates.customwebshop.fail('read-only');
    const began = Date.now();
    const third = RECORDS / 3;
    const wanted = new Map<number, string>();
    const editAs = async (system: 'keap' | 'customwebshop', i: number): Promise<void> => {
      wanted.set(i, `edited in ${system}, ${i}`);
      await edit(system, links[i]![system === 'keap' ? 0 : 1], wanted.get(i)!);
    };
    for (let i = 0; i < 2 * third; i++) await editAs('keap', i);
    for (let i = 0; i < NEW; i++) await make('keap', `n${i}`);
    const health = await until(async () => {
      const now = await get<Health>('/health/ready');
      return now.systems.customwebshop?.state === 'read-only' && now;
    }, PATIENCE);
    expect(health.status).toBe('degraded');
    expect(Date.parse(health.systems.customwebshop!.next!)).toBeGreaterThan(began);
    expect(health.systems.keap?.state).toBe('up');
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('tandem_system_down{system="customwebshop"} 1');
    expect((await tandem(['status'], { TANDEM_URL: url })).stdout).toContain('customwebshop takes no writes since');
    // What its own people edit arrives all the same, and who was made on both sides is linked.
    for (let i = 2 * third; i < RECORDS; i++) await editAs('customwebshop', i);
    for (const system of ['keap', 'customwebshop'] as const) await make(system, 'candidate');
    await until(
      () =>
        links.slice(2 * third).every(([a], i) => keap.store.products.get(a)?.description === wanted.get(2 * third + i)),
      PATIENCE,
    );
    await until(async () => (await linkedProducts(all.redis, all.prefix)).length === RECORDS + 1, PATIENCE);
    const { reasons } = await get<{ reasons: { state: string; code?: string }[] }>('/queues/reconcile-product-product');
    expect(reasons).toContainEqual(expect.objectContaining({ state: 'delayed', code: 'SYSTEM_DOWN' }));
    const body = JSON.stringify({ scan: 'full' });
    await fetch(`${url}/triggers/product-product`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    await sleep(Math.max(0, OUTAGE - (Date.now() - began)));
    const lasted = Date.now() - began;
    const waiting = await counts();
    const tried = (await writes()) - written;
    const looked = (await reads()) - read;

    // ------------------------------------------------------------ back
    await gates.customwebshop.fix();
    const back = Date.now();
    const allInStep = (): boolean =>
      inStep(keap, shop, links, wanted) &&
      [shop.store.products, keap.store.products].every((products) => products.values().length === RECORDS + NEW + 1);
    await until(allInStep, PATIENCE);
    const recovered = Date.now() - back;
    await idle();
    const end = await counts();
    console.info(
      `read-only for ${lasted} ms: ${tried} writes of it tried and ${looked} reads of both, ${waiting.marked} records marked and ${waiting.delayed} jobs delayed at the end of it; in step after ${recovered} ms; ${end.failed} failed`,
    );
    expect(waiting.marked).toBeGreaterThanOrEqual(2 * third);
    // What was under way, and then one after each rest.
    expect(tried).toBeLessThanOrEqual(BEGINNING + 6 + lasted / REST);
    // Each record was looked at once, and then those that came when a rest was over.
    expect(looked).toBeLessThanOrEqual(6 * (RECORDS + NEW) + 30 * (6 + lasted / REST));
    expect(recovered).toBeLessThan(1.25 * REST + 30_000);
    expect(end.failed).toBe(0);
    const { issues } = await get<{ issues: Record<string, number> }>('/mappings/product-product');
    expect(issues).toMatchObject({ failed: 0, review: 0 });
    expect(await sync()).toMatchObject({ state: 'done', progress: { work: 0 } });
    await until(async () => (await get<Health>('/health/ready')).status === 'ready');
  },
  OUTAGE + 3 * PATIENCE,
);

/**
 * Real processes, a server and a worker apart: each system is gone for a while, in every way in which systems are gone,
 * while people go on editing. OUTAGE_SYSTEM_MS says how long, in ms; some seconds without it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { closeAll } from '../support/closing.ts';
import { until } from '../support/until.ts';
import { tandem } from '../unit/cli/in-process.ts';
import type { Outage } from './gate.ts';
import { type Health, PATIENCE, startOutage } from './outage.ts';
import { inStep, linkedProducts, productsOf, type SystemName } from './products.ts';

afterEach(closeAll);

const OUTAGE = Number(process.env.OUTAGE_SYSTEM_MS ?? 6_000);
/** Fewer where it must be quick. */
const RECORDS = OUTAGE < 60_000 ? 45 : 240;
/** Calls of one system at once, and what it takes to see that it is gone. */
const BEGINNING = 30;
/** The longest rest between two tries, in ms. */
const REST = 30_000;

it.each<[system: SystemName, how: Outage]>([
  ['customwebshop', 'refused'],
  ['customwebshop', 'unavailable'],
  ['keap', 'hanging'],
])(
  '%s is gone (%s): it is not called, and all continues automatically once it is back',
  async (system, how) => {
    const all = await startOutage();
    const { keap, shop, gates, server, worker, url, get, counts, idle, sync } = all;
    const calls = (name: SystemName): Promise<number> => all.calls(`system="${name}"`);
    const { make, edit } = productsOf(keap, shop);

    for (let i = 0; i < RECORDS; i++) await make('keap', `p${i}`);
    await sync();
    const links = await linkedProducts(all.redis, all.prefix);
    expect(links).toHaveLength(RECORDS);
    await until(async () => shop.store.webhooks.values().length > 0 && keap.store.hooks.values().length > 0);

    // ------------------------------------------------------------ gone
    const other = system === 'keap' ? 'customwebshop' : 'keap';
    const before = await calls(system);
    const otherBefore = await calls(other);
    await gates[system].fail(how);
    const began = Date.now();
    const third = RECORDS / 3;
    const wanted = new Map<number, string>();
    const editAs = async (to: SystemName, i: number): Promise<void> => {
      wanted.set(i, `edited in ${to}, ${i}`);
      await edit(to, links[i]![to === 'keap' ? 0 : 1], wanted.get(i)!);
    };
    for (let i = 0; i < third; i++) await editAs(other, i);
    const health = await until(async () => {
      const now = await get<Health>('/health/ready');
      return now.systems[system]?.state === 'down' && now;
    }, PATIENCE);
    expect(health).toMatchObject({ status: 'degraded', workers: false });
    expect(Date.parse(health.systems[system]!.since!)).toBeGreaterThanOrEqual(began - 1);
    expect(Date.parse(health.systems[system]!.next!)).toBeGreaterThan(began);
    expect(health.systems[other]?.state).toBe('up');
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(`tandem_system_down{system="${system}"} 1`);
    expect((await tandem(['status'], { TANDEM_URL: url })).stdout).toContain(`${system} is down since`);
    // Its own people notice nothing, and a run is asked for in the midst of it.
    for (let i = third; i < 2 * third; i++) await editAs(system, i);
    for (let i = 0; i < 10; i++) await make(other, `n${i}`);
    await fetch(`${url}/triggers/product-product`, { method: 'POST' });
    // What nobody takes says why.
    const queue = await until(async () => {
      const now = await get<{ reasons: { state: string; code?: string }[]; etaMs?: number }>(
        '/queues/reconcile-product-product',
      );
      return now.reasons.some(({ state, code }) => state === 'waiting' && code === 'SYSTEM_DOWN') && now;
    }, PATIENCE);
    expect(queue.etaMs).toBeUndefined();
    await sleep(Math.max(0, (OUTAGE * 2) / 3 - (Date.now() - began)));
    for (let i = 2 * third; i < RECORDS; i++) await editAs(other, i);
    await sleep(Math.max(0, OUTAGE - (Date.now() - began)));
    const lasted = Date.now() - began;
    const waiting = await counts();
    const called = (await calls(system)) - before;
    const otherCalled = (await calls(other)) - otherBefore;

    // ------------------------------------------------------------ back
    await gates[system].fix();
    const back = Date.now();
    const allInStep = (): boolean =>
      inStep(keap, shop, links, wanted) &&
      shop.store.products.values().length === RECORDS + 10 &&
      keap.store.products.values().length === RECORDS + 10;
    await until(allInStep, PATIENCE);
    const recovered = Date.now() - back;
    await idle();
    const settled = Date.now() - back;
    const end = await counts();
    console.info(
      `${system} ${how} for ${lasted} ms: ${called} calls of it (and ${otherCalled} of the other), ${waiting.waiting} jobs waiting and ${waiting.delayed} delayed at the end of it; in step after ${recovered} ms, nothing left to do after ${settled} ms; ${end.failed} failed`,
    );
    expect(waiting.waiting + waiting.delayed).toBeGreaterThan(third);
    // What was under way, and then one try after each rest; bare, each of these jobs would call it again and again.
    expect(called).toBeLessThanOrEqual(BEGINNING + 6 + lasted / REST);
    // Nor is the other one asked for what cannot be written.
    expect(otherCalled).toBeLessThanOrEqual(BEGINNING);
    expect(recovered).toBeLessThan(1.25 * REST + 30_000);
    expect(end.failed).toBe(0);
    const mapping = await get<{ counts: Record<string, number> } & { issues: Record<string, number> }>(
      '/mappings/product-product',
    );
    expect(mapping.issues).toMatchObject({ failed: 0, review: 0 });
    const run = await sync();
    expect(run).toMatchObject({ state: 'done', progress: { work: 0 } });
    await until(async () => (await get<Health>('/health/ready')).status === 'ready');
    // Neither process was restarted.
    expect([server.child.exitCode, worker.child.exitCode]).toEqual([null, null]);
  },
  OUTAGE + 3 * PATIENCE,
);

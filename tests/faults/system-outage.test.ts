/**
 * Real processes, a server and a worker apart: each system is gone for a while, in every way in which systems are gone,
 * or answers reads and takes no writes, as in a maintenance, while people go on editing. The same two processes live through
 * two outages. OUTAGE_SYSTEM_MS says how long each lasts, in ms; some seconds without it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeAll } from '../support/closing.ts';
import { until } from '../support/until.ts';
import { tandem } from '../unit/cli/in-process.ts';
import type { Outage } from './gate.ts';
import { type Health, type OutageWorld, PATIENCE, startOutage } from './outage.ts';
import { inStep, linkedProducts, type SystemName } from './products.ts';

const OUTAGE = Number(process.env.OUTAGE_SYSTEM_MS ?? 6_000);
/** Fewer where it must be quick. */
const RECORDS = OUTAGE < 60_000 ? 45 : 240;
const THIRD = RECORDS / 3;
/** Made during an outage. */
const NEW = 10;
/** Calls of one system at once, and what it takes to see that it is gone. */
const BEGINNING = 30;
/** The same of writes alone. */
const BEGINNING_OF_WRITES = 16;
/** The longest rest between two tries, in ms. */
const REST = 30_000;

let world: OutageWorld;

/** Two processes for these tests. A system that fails in the same way again within a minute is called less often: each way comes once. */
function inOneLife(name: string, tests: () => void): void {
  describe(name, () => {
    beforeAll(async () => {
      world = await startOutage(RECORDS);
    }, 3 * PATIENCE);
    afterEach(() => world.recover(), 3 * PATIENCE);
    afterAll(closeAll);
    tests();
  });
}

/** Of the end of each outage: it left nothing undone and made nothing twice, and neither process was restarted. */
async function nothingIsLeft(total: number): Promise<void> {
  const { get, sync, totals, server, worker } = world;
  const { issues } = await get<{ issues: Record<string, number> }>('/mappings/product-product');
  expect(issues).toMatchObject({ failed: 0, review: 0 });
  expect(await sync()).toMatchObject({ state: 'done', progress: { work: 0 } });
  expect(totals()).toEqual([total, total]);
  await until(async () => (await get<Health>('/health/ready')).status === 'ready');
  expect([server.child.exitCode, worker.child.exitCode]).toEqual([null, null]);
}

// Over 60 lines: one story, in its order.
const systemIsGone = (system: SystemName, how: Outage): void =>
  it(
    `${system} is gone (${how}): it is not called, and all continues automatically once it is back`,
    async () => {
      const { keap, shop, gates, url, links, make, get, counts, idle, totals } = world;
      const calls = (name: SystemName): Promise<number> => world.calls(`system="${name}"`);
      const { wanted, edit } = world.edits(`${system} ${how}`);

      // ------------------------------------------------------------ gone
      const other = system === 'keap' ? 'customwebshop' : 'keap';
      const [total = 0, otherTotal] = totals();
      expect(otherTotal).toBe(total);
      const before = await calls(system);
      const otherBefore = await calls(other);
      await gates[system].fail(how);
      const began = Date.now();
      for (let i = 0; i < THIRD; i++) await edit(other, i);
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
      for (let i = THIRD; i < 2 * THIRD; i++) await edit(system, i);
      for (let i = 0; i < NEW; i++) await make(other, `${system} ${how} ${i}`);
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
      for (let i = 2 * THIRD; i < RECORDS; i++) await edit(other, i);
      await sleep(Math.max(0, OUTAGE - (Date.now() - began)));
      const lasted = Date.now() - began;
      const waiting = await counts();
      const called = (await calls(system)) - before;
      const otherCalled = (await calls(other)) - otherBefore;

      // ------------------------------------------------------------ back
      await gates[system].fix();
      const back = Date.now();
      await until(() => inStep(keap, shop, links, wanted) && totals().every((now) => now === total + NEW), PATIENCE);
      const recovered = Date.now() - back;
      await idle();
      const settled = Date.now() - back;
      const end = await counts();
      console.info(
        `${system} ${how} for ${lasted} ms: ${called} calls of it (and ${otherCalled} of the other), ${waiting.waiting} jobs waiting and ${waiting.delayed} delayed at the end of it; in step after ${recovered} ms, nothing left to do after ${settled} ms; ${end.failed} failed`,
      );
      expect(waiting.waiting + waiting.delayed).toBeGreaterThan(THIRD);
      // What was under way, and then one try after each rest; bare, each of these jobs would call it again and again.
      expect(called).toBeLessThanOrEqual(BEGINNING + 6 + lasted / REST);
      // Nor is the other one asked for what cannot be written.
      expect(otherCalled).toBeLessThanOrEqual(BEGINNING);
      expect(recovered).toBeLessThan(1.25 * REST + 30_000);
      expect(end.failed).toBe(0);
      await nothingIsLeft(total + NEW);
    },
    OUTAGE + 3 * PATIENCE,
  );

// Over 60 lines: one story, in its order.
const shopTakesNoWrites = (): void =>
  it(
    'the shop takes no writes: it is not hammered with them, all else goes on, and nothing is given up',
    async () => {
      const { keap, shop, gates, url, links, make, get, counts, idle, totals } = world;
      const calls = (system: string, ...operations: string[]): Promise<number> =>
        Promise.all(operations.map((one) => world.calls(`system="${system}"`, `operation="${one}"`))).then((counted) =>
          counted.reduce((sum, one) => sum + one, 0),
        );
      const writes = (): Promise<number> => calls('customwebshop', 'create', 'update', 'delete');
      const reads = async (): Promise<number> =>
        (await calls('customwebshop', 'read', 'find', 'list')) + (await calls('keap', 'read', 'find', 'list'));
      const linked = async (): Promise<number> => (await linkedProducts(world.redis, world.prefix)).length;
      const { wanted, edit } = world.edits('read-only');

      // ------------------------------------------------------------ read-only
      const [total = 0, otherTotal] = totals();
      expect(otherTotal).toBe(total);
      const linkedBefore = await linked();
      const [written, read] = [await writes(), await reads()];
      await gates.customwebshop.fail('read-only');
      const began = Date.now();
      for (let i = 0; i < 2 * THIRD; i++) await edit('keap', i);
      for (let i = 0; i < NEW; i++) await make('keap', `read-only ${i}`);
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
      for (let i = 2 * THIRD; i < RECORDS; i++) await edit('customwebshop', i);
      for (const system of ['keap', 'customwebshop'] as const) await make(system, 'candidate');
      await until(
        () =>
          links
            .slice(2 * THIRD)
            .every(([a], i) => keap.store.products.get(a)?.description === wanted.get(2 * THIRD + i)),
        PATIENCE,
      );
      await until(async () => (await linked()) === linkedBefore + 1, PATIENCE);
      const { reasons } = await get<{ reasons: { state: string; code?: string }[] }>(
        '/queues/reconcile-product-product',
      );
      expect(reasons).toContainEqual(expect.objectContaining({ state: 'delayed', code: 'SYSTEM_DOWN' }));
      await world.trigger();
      await sleep(Math.max(0, OUTAGE - (Date.now() - began)));
      const lasted = Date.now() - began;
      const waiting = await counts();
      const tried = (await writes()) - written;
      const looked = (await reads()) - read;

      // ------------------------------------------------------------ back
      await gates.customwebshop.fix();
      const back = Date.now();
      await until(
        () => inStep(keap, shop, links, wanted) && totals().every((now) => now === total + NEW + 1),
        PATIENCE,
      );
      const recovered = Date.now() - back;
      await idle();
      const end = await counts();
      console.info(
        `read-only for ${lasted} ms: ${tried} writes of it tried and ${looked} reads of both, ${waiting.marked} records marked and ${waiting.delayed} jobs delayed at the end of it; in step after ${recovered} ms; ${end.failed} failed`,
      );
      expect(waiting.marked).toBeGreaterThanOrEqual(2 * THIRD);
      // What was under way, and then one after each rest.
      expect(tried).toBeLessThanOrEqual(BEGINNING_OF_WRITES + 6 + lasted / REST);
      // Each record was looked at once, and then those that came when a rest was over.
      expect(looked).toBeLessThanOrEqual(6 * (RECORDS + NEW) + 30 * (6 + lasted / REST));
      expect(recovered).toBeLessThan(1.25 * REST + 30_000);
      expect(end.failed).toBe(0);
      await nothingIsLeft(total + NEW + 1);
    },
    OUTAGE + 3 * PATIENCE,
  );

inOneLife('the shop refuses connections, then Keap hangs', () => {
  systemIsGone('customwebshop', 'refused');
  systemIsGone('keap', 'hanging');
});

inOneLife('the shop takes no writes, then it answers 503 to all', () => {
  shopTakesNoWrites();
  systemIsGone('customwebshop', 'unavailable');
});

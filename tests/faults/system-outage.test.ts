/**
 * Real processes, a server and a worker apart: each system is gone for a while, in every way in which systems are gone,
 * while people go on editing. OUTAGE_SYSTEM_MS says how long, in ms; some seconds without it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { startKeap } from '../../sandbox/keap/server.ts';
import { startShop } from '../../sandbox/shop/server.ts';
import {
  closeAll,
  configFolder,
  freePort,
  later,
  ownPrefix,
  redisUrl,
  startTandem,
  until,
} from '../integration/cli/support.ts';
import { tandem } from '../unit/cli/spawn.ts';
import { type Outage, startGate } from './gate.ts';
import { inStep, linkedProducts, productsOf, type SystemName } from './products.ts';

afterEach(closeAll);

const OUTAGE = Number(process.env.OUTAGE_SYSTEM_MS ?? 6_000);
const PATIENCE = 120_000;
/** Fewer where it must be quick. */
const RECORDS = OUTAGE < 60_000 ? 45 : 240;
/** Calls of one system at once, and what it takes to see that it is gone. */
const BEGINNING = 30;
/** The longest rest between two tries, in ms. */
const REST = 30_000;

interface Health {
  status: string;
  workers: boolean;
  systems: Record<string, { state: string; since?: string; next?: string }>;
}
interface Queue {
  name: string;
  counts: Record<'waiting' | 'active' | 'delayed' | 'failed', number>;
}

it.each<[system: SystemName, how: Outage]>([
  ['customwebshop', 'refused'],
  ['customwebshop', 'unavailable'],
  ['keap', 'hanging'],
])(
  '%s is gone (%s): it is left in peace, and all goes on by itself once it is back',
  async (system, how) => {
    const keap = await startKeap({ limits: false, hookDelayMs: [5, 10] });
    later(() => keap.close());
    const shop = await startShop({ webhookDelayMs: [5, 10] });
    later(() => shop.close());
    const gates = { keap: await startGate(keap.url), customwebshop: await startGate(shop.url) };
    for (const gate of Object.values(gates)) later(() => gate.close());
    const folder = await configFolder('product-product');
    for (const name of ['keap', 'customwebshop']) {
      const file = join(folder, 'systems', `${name}.yaml`);
      await writeFile(file, (await readFile(file, 'utf8')).replace('timeout: 30s', 'timeout: 2s'));
    }
    const prefix = ownPrefix();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const env = {
      REDIS_URL: redisUrl(),
      TANDEM_PREFIX: prefix,
      TANDEM_CONFIG: folder,
      TANDEM_LOG_LEVEL: 'info',
      KEAP_BASE_URL: `${gates.keap.url}/crm/rest`,
      KEAP_API_KEY: keap.apiKey,
      KEAP_LIMIT_SECOND: '1000',
      KEAP_LIMIT_MINUTE: '60000',
      SHOP_BASE_URL: gates.customwebshop.url,
      SHOP_TOKEN: shop.token,
      SHOP_LIMIT_SECOND: '1000',
      SHOP_WEBHOOK_SECRET: 'test-webhook-secret',
    };
    const server = await startTandem('server', { ...env, TANDEM_PORT: String(port), TANDEM_PUBLIC_URL: url });
    const worker = await startTandem('worker', { ...env, TANDEM_HEALTH_PORT: '0' });
    const redis = new Redis(redisUrl());
    later(async () => redis.disconnect());

    const get = async <T>(path: string): Promise<T> => (await (await fetch(url + path)).json()) as T;
    const counts = async (): Promise<Queue['counts']> => {
      const { queues } = await get<{ queues: Queue[] }>('/queues');
      const sum = (state: keyof Queue['counts']): number => queues.reduce((all, one) => all + one.counts[state], 0);
      return { waiting: sum('waiting'), active: sum('active'), delayed: sum('delayed'), failed: sum('failed') };
    };
    const idle = (): Promise<boolean> =>
      until(async () => {
        const { waiting, active, delayed } = await counts();
        return waiting + active + delayed === 0;
      }, PATIENCE);
    /** Calls that the worker has made, answered or not. */
    const calls = async (name: string): Promise<number> => {
      const metrics = await (await fetch(`${worker.ready.url}/metrics`)).text();
      const lines = [...metrics.matchAll(new RegExp(`^tandem_calls_total{[^}]*system="${name}"[^}]*} (\\d+)`, 'gm'))];
      return lines.reduce((all, [, count]) => all + Number(count), 0);
    };
    const sync = async (): Promise<{ state: string; progress: { work: number } }> => {
      const body = JSON.stringify({ scan: 'full' });
      const answer = await fetch(`${url}/triggers/product-product`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      const { id } = (await answer.json()) as { id: string };
      const run = await until(async () => {
        const found = await get<{ state: string; progress: { work: number } }>(`/runs/${id}`);
        return ['done', 'failed'].includes(found.state) && found;
      }, PATIENCE);
      await idle();
      return run;
    };
    const { make, edit } = productsOf(keap, shop);

    for (let i = 0; i < RECORDS; i++) await make('keap', `p${i}`);
    await sync();
    const links = await linkedProducts(redis, prefix);
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
      const now = await get<{ reasons: { state: string; code?: string }[]; emptyIn?: number }>(
        '/queues/reconcile-product-product',
      );
      return now.reasons.some(({ state, code }) => state === 'waiting' && code === 'SYSTEM_DOWN') && now;
    }, PATIENCE);
    expect(queue.emptyIn).toBeUndefined();
    await sleep(Math.max(0, (OUTAGE * 2) / 3 - (Date.now() - began)));
    for (let i = 2 * third; i < RECORDS; i++) await editAs(other, i);
    await sleep(Math.max(0, OUTAGE - (Date.now() - began)));
    const lasted = Date.now() - began;
    const waiting = await counts();
    const called = (await calls(system)) - before;
    const otherCalled = (await calls(other)) - otherBefore;

    // ------------------------------------------------------------ back
    await gates[system].mend();
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
    const held = await get<{ counts: Record<string, number> } & { held: Record<string, number> }>(
      '/mappings/product-product',
    );
    expect(held.held).toMatchObject({ failed: 0, review: 0 });
    const run = await sync();
    expect(run).toMatchObject({ state: 'done', progress: { work: 0 } });
    await until(async () => (await get<Health>('/health/ready')).status === 'ready');
    // Neither process was started anew.
    expect([server.child.exitCode, worker.child.exitCode]).toEqual([null, null]);
  },
  OUTAGE + 3 * PATIENCE,
);

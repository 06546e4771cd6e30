/** A server and a worker apart, as users run them, and both systems behind gates that can be made to fail. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { startKeap } from '../../sandbox/keap/server.ts';
import { startShop } from '../../sandbox/shop/server.ts';
import { configFolder, freePort, ownPrefix, startTandem } from '../integration/cli/support.ts';
import { later } from '../support/closing.ts';
import { redisUrl } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { startGate } from './gate.ts';
import { editsOf, linkedProducts, productsOf, totalsOf } from './products.ts';

export const PATIENCE = 120_000;

export interface Health {
  status: string;
  workers: boolean;
  systems: Record<string, { state: string; since?: string; next?: string }>;
}
interface Queue {
  name: string;
  counts: Record<'waiting' | 'active' | 'delayed' | 'failed', number>;
  marked: number;
}

export type OutageWorld = Awaited<ReturnType<typeof startOutage>>;

/**
 * Everything ends with `closeAll`.
 * @param records how many linked products there are
 */
// Over 60 lines: a factory. It starts what an outage needs; what it returns are short functions over the same server.
export async function startOutage(records: number) {
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
  const counts = async (): Promise<Queue['counts'] & { marked: number }> => {
    const { queues } = await get<{ queues: Queue[] }>('/queues');
    const sum = (state: keyof Queue['counts']): number => queues.reduce((all, one) => all + one.counts[state], 0);
    const marked = queues.reduce((all, one) => all + one.marked, 0);
    return { waiting: sum('waiting'), active: sum('active'), delayed: sum('delayed'), failed: sum('failed'), marked };
  };
  const idle = (): Promise<boolean> =>
    until(async () => {
      const { waiting, active, delayed, marked } = await counts();
      return waiting + active + delayed + marked === 0;
    }, PATIENCE);
  const calls = async (...labels: string[]): Promise<number> => {
    const metrics = await (await fetch(`${worker.ready.url}/metrics`)).text();
    const lines = metrics.split('\n').filter((line) => line.startsWith('tandem_calls_total{'));
    return lines
      .filter((line) => labels.every((label) => line.includes(label)))
      .reduce((all, line) => all + Number(line.slice(line.lastIndexOf(' '))), 0);
  };
  const trigger = async (): Promise<string> => {
    const body = JSON.stringify({ scan: 'full' });
    const answer = await fetch(`${url}/triggers/product-product`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    return ((await answer.json()) as { id: string }).id;
  };
  const sync = async (): Promise<{ state: string; progress: { work: number } }> => {
    const id = await trigger();
    const run = await until(async () => {
      const found = await get<{ state: string; progress: { work: number } }>(`/runs/${id}`);
      return ['done', 'failed'].includes(found.state) && found;
    }, PATIENCE);
    await idle();
    return run;
  };
  const recover = async (): Promise<void> => {
    for (const gate of Object.values(gates)) await gate.fix();
    await until(async () => (await get<Health>('/health/ready')).status === 'ready', PATIENCE);
    await idle();
  };

  const people = productsOf(keap, shop);
  for (let i = 0; i < records; i++) await people.make('keap', `p${i}`);
  await sync();
  const links = await linkedProducts(redis, prefix);
  expect(links).toHaveLength(records);
  const totals = (): number[] => totalsOf(keap, shop);
  expect(totals()).toEqual([records, records]);
  await until(() => shop.store.webhooks.values().length > 0 && keap.store.hooks.values().length > 0);
  return {
    ...{ keap, shop, gates, server, worker, redis, prefix, url, links },
    make: people.make,
    edits: (during: string) => editsOf(people, links, during),
    totals,
    get,
    /** Jobs of all queues by state, and records that are to be looked at. */
    counts,
    /** Waits until there are none. */
    idle,
    /** Calls that the worker has made, answered or not. @param labels what their line in the metrics must hold */
    calls,
    /** Asks for a full scan. @returns the id of its run */
    trigger,
    /** A full scan, and all that comes of it. */
    sync,
    /** Has both systems answer again, and waits until Tandem is ready and no work is left. */
    recover,
  };
}

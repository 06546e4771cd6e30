// Records that webhooks name faster than they can be queued: nothing is lost, whoever ends when.
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { Telemetry } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { createIncoming, type Incoming } from '../../../engine/queue/incoming.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const NOW = Date.UTC(2025, 0, 1, 12, 0, 0, 500);
const records = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i % 2}/${i}`);

interface World {
  readonly redis: Redis;
  readonly prefix: string;
  /** What was queued, by everybody. */
  readonly queued: string[];
  make(
    enqueue?: (ids: readonly string[], traces?: readonly (string | undefined)[]) => Promise<void>,
    telemetry?: Telemetry,
  ): Incoming;
}

function world(): World {
  const url = process.env.REDIS_URL;
  if (!url) throw new Error('Set REDIS_URL: these tests need a real Redis (npm test starts one).');
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  const prefix = `incoming-${randomUUID()}`;
  const queued: string[] = [];
  open.push(async () => {
    const keys = await redis.keys(`${prefix}*`);
    if (keys.length > 0) await redis.del(...keys);
    redis.disconnect();
  });
  return {
    redis,
    prefix,
    queued,
    make(enqueue = async () => {}, telemetry) {
      const queues = {
        async enqueue(
          _mapping: string,
          side: 0 | 1,
          ids: readonly string[],
          more: { at?: number; traces?: readonly (string | undefined)[] } = {},
        ) {
          if (ids.length > 0 && Math.abs((more.at ?? 0) - NOW) > 1_000)
            throw new Error('the time of the event is lost');
          await enqueue(ids, more.traces);
          queued.push(...ids.map((id) => `${side}/${id}`));
        },
      };
      const made = createIncoming(redis, prefix, queues, () => {}, telemetry);
      open.push(() => made.close());
      return made;
    },
  };
}

test('many are set aside, and queued once each; a few are queued at once', async () => {
  const { make, queued } = world();
  const incoming = make();
  await incoming.put('m', ['0/a', '1/b'], NOW);
  expect(queued).toEqual(['0/a', '1/b']);
  queued.length = 0;
  await incoming.put('m', records(730), NOW);
  await incoming.queue('m');
  expect([...queued].sort()).toEqual(records(730).sort());
  expect(await incoming.count('m')).toBe(0);
  expect(await incoming.waiting(['m', 'n'])).toEqual([]);
});

test('a record that is named again while it is being queued is queued again', async () => {
  const { make, queued } = world();
  let named = false;
  const incoming: Incoming = make(async () => {
    if (named) return;
    named = true;
    // Its job may have read it already.
    await incoming.put('m', records(50), NOW);
  });
  await incoming.put('m', records(50), NOW);
  await incoming.queue('m');
  await incoming.queue('m');
  expect(new Set(queued)).toEqual(new Set(records(50)));
  expect(queued.length).toBeGreaterThan(50);
  expect(await incoming.count('m')).toBe(0);
});

test('what a process set aside and did not live to queue, another one queues', async () => {
  const { make, queued, redis, prefix } = world();
  const dying = make(async () => {
    throw new Error('the process ends here');
  });
  await dying.put('m', records(250), NOW);
  await dying.queue('m');
  await dying.close();
  expect(queued).toEqual([]);
  const other = make();
  expect(await other.waiting(['m'])).toEqual(['m']);
  // As long as the first may still be at it, the other one leaves it alone.
  await other.queue('m');
  expect(queued).toEqual([]);
  expect(await redis.pttl(`${prefix}:{m}:incoming:lease`)).toBeGreaterThan(0);
  await redis.del(`${prefix}:{m}:incoming:lease`);
  await other.queue('m');
  expect(new Set(queued)).toEqual(new Set(records(250)));
});

test('two processes that set records aside at once queue all of them', async () => {
  const { make, queued } = world();
  const [one, two] = [make(), make()];
  await Promise.all([one.put('m', records(400), NOW), two.put('m', records(900), NOW)]);
  while ((await one.count('m')) > 0) await Promise.all([one.queue('m'), two.queue('m')]);
  expect(new Set(queued)).toEqual(new Set(records(900)));
});

test('each is queued with the trace of the request that named it last, by whoever queues it', async () => {
  const trace = new AsyncLocalStorage<string>();
  // As JSON, which may hold what tells the parts of a mark from each other.
  const metadata = (name: string): string => JSON.stringify({ traceparent: name, tracestate: 'a.b' });
  const contextManager = {
    with: (context: string, work: () => unknown) => trace.run(context, work),
    active: () => trace.getStore() ?? 'none',
    getMetadata: metadata,
  };
  const telemetry = { contextManager } as unknown as Telemetry;
  const { make, redis, prefix } = world();
  const lease = `${prefix}:{m}:incoming:lease`;
  await redis.set(lease, 'another');
  const one = make(undefined, telemetry);
  await trace.run('first', () => one.put('m', records(50), NOW));
  await trace.run('second', () => one.put('m', records(25), NOW));
  // A process of a former version, or one without traces.
  await make().put('m', records(80).slice(50), NOW);
  await redis.del(lease);
  const found = new Map<string, string | undefined>();
  const other = make(async (ids, traces = []) => {
    // What it does for all of them belongs to nobody's trace.
    expect(contextManager.active()).toBe('none');
    for (const [i, id] of ids.entries()) found.set(id, traces[i]);
  }, telemetry);
  await trace.run('of its own', () => other.queue('m'));
  expect(found.size).toBe(80);
  for (let i = 0; i < 80; i++)
    expect(found.get(String(i))).toBe(i < 25 ? metadata('second') : i < 50 ? metadata('first') : undefined);
});

test('what is cleared is not queued', async () => {
  const { make, redis, prefix } = world();
  const incoming = make();
  await redis.set(`${prefix}:{m}:incoming:lease`, 'another');
  await incoming.put('m', records(40), NOW);
  await incoming.queue('m');
  expect(await incoming.clear('m')).toBe(40);
  expect(await incoming.clear('m')).toBe(0);
});

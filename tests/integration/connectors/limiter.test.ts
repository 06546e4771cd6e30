// The throttle: never more than declared in any window, shared by all processes, shared pauses.
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { LimitConfig } from '../../../engine/config/types.ts';
import { createLimiter, type Limiter, type LimiterOptions } from '../../../engine/connectors/limiter.ts';
import { closeAll, later } from '../../support/closing.ts';
import { testRedis } from './support.ts';

const DAY = 86_400_000;

afterEach(closeAll);

interface Shared {
  readonly redis: Redis;
  readonly prefix: string;
}

/** Like one process more: it knows nothing of the others but what Redis tells. */
function process(shared: Shared, limits: LimitConfig[], more: Partial<LimiterOptions> = {}): Limiter {
  const redis = shared.redis.duplicate();
  const throttle = createLimiter({ redis, prefix: shared.prefix, system: 'keap', limits, ...more });
  later(() => {
    throttle.close();
    redis.disconnect();
    return Promise.resolve();
  });
  return throttle;
}

/** Lets time pass in Redis. Processes made before know nothing of it. */
async function pass({ redis, prefix }: Shared, ms: number): Promise<void> {
  for (const key of await redis.keys(`${prefix}:*`)) {
    const left = await redis.pttl(key);
    if (left <= ms) await redis.del(key);
    else await redis.pexpire(key, left - ms);
  }
}

/** Most grants within any span of `per` milliseconds. */
function peak(times: readonly number[], per: number): number {
  return Math.max(...times.map((start) => times.filter((time) => time >= start && time < start + per).length));
}

/** @returns the time of each turn */
async function turns(throttles: readonly Limiter[], count: number): Promise<number[]> {
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: count }, async (_, turn) => {
      await throttles[turn % throttles.length]?.acquire();
      times.push(performance.now());
    }),
  );
  return times.sort((a, b) => a - b);
}

const retryAfter = async (refused: Promise<void>): Promise<number> => {
  const error = await refused.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'SYSTEM_THROTTLED', retry: 'quota' });
  return (error as { context: { retryAfter: number } }).context.retryAfter;
};

test.each([10, 50])(
  'three processes together make at most %d calls per second, and nearly as many as that',
  async (requests) => {
    const shared = testRedis();
    const three = [1, 2, 3].map(() => process(shared, [{ requests, per: 1_000 }], { maxWait: 60_000 }));
    const seconds = 5;
    const times = await turns(three, requests * (seconds + 1));
    // The first second's come at once; the others one length of the limit later each.
    const rate = (requests * seconds * 1_000) / ((times.at(-1) ?? 0) - (times[0] ?? 0));
    console.info(`${requests} per second: ${rate.toFixed(1)} passed, at most ${peak(times, 1_000)} in any second`);
    // A saturated limiter's windows follow each other; what it grants is seen later here, by as much as a busy machine
    // holds up this process.
    expect(peak(times, 900)).toBeLessThanOrEqual(requests);
    expect(rate).toBeGreaterThan(requests * 0.7);
  },
);

test('waiting calls get their turns in order', async () => {
  const throttle = process(testRedis(), [{ requests: 5, per: 1_000 }], { maxWait: 30_000 });
  const order: number[] = [];
  await Promise.all(Array.from({ length: 12 }, (_, turn) => throttle.acquire().then(() => order.push(turn))));
  expect(order).toEqual(Array.from({ length: 12 }, (_, turn) => turn));
});

test('a call asks once for the pause and all limits; calls that come together ask together', async () => {
  const { redis, prefix } = testRedis();
  const sent = vi.spyOn(redis, 'sendCommand');
  const limits = [
    { requests: 50, per: 60_000 },
    { requests: 30_000, per: DAY },
  ];
  const throttle = createLimiter({ redis, prefix, system: 'keap', limits, maxWait: 0 });
  await throttle.acquire();
  const count = async (work: () => Promise<unknown>): Promise<number> => {
    sent.mockClear();
    await work();
    return sent.mock.calls.length;
  };
  expect(await count(() => throttle.acquire())).toBe(1);
  const together = await count(() => Promise.all(Array.from({ length: 48 }, () => throttle.acquire())));
  expect(together).toBe(1);
  // That the window has no turn left is known here.
  expect(await count(() => retryAfter(throttle.acquire()))).toBe(0);
});

test('a call that one limit refuses uses nothing of the other limit', async () => {
  const shared = testRedis();
  const limits = [
    { requests: 4, per: DAY },
    { requests: 2, per: 1_000 },
  ];
  const patient = process(shared, limits);
  const hasty = process(shared, limits, { maxWait: 0 });
  await hasty.acquire();
  await hasty.acquire();
  // The second's two are used up: nothing of the day goes.
  for (let i = 0; i < 5; i++) expect(await retryAfter(hasty.acquire())).toBeLessThan(1_400);
  await patient.acquire();
  await patient.acquire();
  // The day's four are used up: the wait is most of a day, and nothing of the second goes.
  for (let i = 0; i < 3; i++) {
    const wait = await retryAfter(patient.acquire());
    expect(wait).toBeGreaterThan(DAY - 60_000);
    expect(wait).toBeLessThan(DAY * 1.26);
  }
  await pass(shared, DAY - 500);
  // Half a second is left of the last two, and a new process has to find that out.
  const other = process(shared, limits, { maxWait: 0 });
  await other.acquire();
  await other.acquire();
  expect(await retryAfter(other.acquire())).toBeLessThan(1_400);
});

test('the smaller of two limits of almost the same length applies', async () => {
  const both = [
    { requests: 5, per: 60_000 },
    { requests: 3, per: 59_500 },
  ];
  const throttle = process(testRedis(), both, { maxWait: 0 });
  for (let i = 0; i < 3; i++) await throttle.acquire();
  await retryAfter(throttle.acquire());
});

test('a daily limit allows all of its calls at once, and no more', async () => {
  const shared = testRedis();
  const limits = [{ requests: 30_000, per: DAY }];
  const first = process(shared, limits);
  const second = process(shared, limits);
  await Promise.all([turns([first], 18_000), turns([second], 12_000)]);
  expect(await retryAfter(first.acquire())).toBeGreaterThan(DAY - 60_000);
  expect(await shared.redis.keys(`${shared.prefix}:*`)).toHaveLength(1);
});

describe('pauses', () => {
  test.each([{ limits: [{ requests: 10, per: 1_000 }] }, { limits: [] }])(
    'stop every process, the longer one counts: $limits',
    async ({ limits }) => {
      const shared = testRedis();
      const [one, two] = [process(shared, limits), process(shared, limits)];
      await two.acquire();
      expect(await one.pause(5_000)).toBe(5_000);
      const left = await one.pause(1_000);
      expect(left).toBeGreaterThan(4_500);
      expect(left).toBeLessThanOrEqual(5_000);
      for (const each of [one, two]) expect(await retryAfter(each.acquire())).toBeGreaterThan(4_500);
      await pass(shared, 4_000);
      const begun = performance.now();
      await process(shared, limits).acquire();
      expect(performance.now() - begun).toBeGreaterThan(300);
      expect(performance.now() - begun).toBeLessThan(1_500);
    },
  );

  test('a short pause makes calls wait instead of failing', async () => {
    const shared = testRedis();
    const [one, two] = [process(shared, []), process(shared, [])];
    expect(await one.pause(200)).toBe(200);
    const begun = performance.now();
    await Promise.all([one.acquire(), two.acquire()]);
    expect(performance.now() - begun).toBeGreaterThan(190);
    await one.acquire();
  });

  test('a pause that begins while calls wait applies to them too', async () => {
    const shared = testRedis();
    const limits = [{ requests: 1, per: 1_000 }];
    const [one, two] = [process(shared, limits, { maxWait: 10_000 }), process(shared, [])];
    await one.acquire();
    const begun = performance.now();
    const waiting = one.acquire();
    await two.pause(2_000);
    await waiting;
    expect(performance.now() - begun).toBeGreaterThan(1_950);
  });

  test('pauses without a given time double in a row, and those of one moment count once', async () => {
    const shared = testRedis();
    const lengths: number[] = [];
    for (let i = 0; i < 12; i++) {
      const three = [1, 2, 3].map(() => process(shared, []));
      // Nine requests of three processes are refused at once, and one a little later.
      const at = await Promise.all([...three, ...three, ...three].map((throttle) => throttle.pause(undefined)));
      const length = Math.max(...at);
      const again = (await three[0]?.pause(undefined)) ?? 0;
      expect(again).toBeLessThanOrEqual(length);
      expect(again).toBeGreaterThan(length - 500);
      lengths.push(length);
      await pass(shared, length + 10);
    }
    expect(lengths).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300].map((seconds) => seconds * 1_000));
    await pass(shared, 120_000);
    expect(await process(shared, []).pause(undefined)).toBe(1_000);
  });
});

test('a wait is called off, and its turn goes to the next', async () => {
  const throttle = process(testRedis(), [{ requests: 1, per: 1_000 }], { maxWait: 30_000 });
  await throttle.acquire();
  const abort = new AbortController();
  const first = throttle.acquire(abort.signal);
  const second = throttle.acquire();
  abort.abort(new Error('called off'));
  await expect(first).rejects.toThrow('called off');
  await second;
  await expect(throttle.acquire(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
});

test('closing ends the waits', async () => {
  const throttle = process(testRedis(), [{ requests: 1, per: 60_000 }], { maxWait: 120_000 });
  await throttle.acquire();
  const waiting = expect(throttle.acquire()).rejects.toMatchObject({ code: 'SYSTEM_UNREACHABLE' });
  throttle.close();
  await waiting;
  await expect(throttle.acquire()).rejects.toMatchObject({ code: 'SYSTEM_UNREACHABLE' });
});

test('without Redis nothing passes, and every caller gets an error', async () => {
  const shared = testRedis();
  const redis = shared.redis.duplicate({ retryStrategy: () => null, maxRetriesPerRequest: 0 });
  const throttle = createLimiter({ ...shared, redis, system: 'keap', limits: [{ requests: 5, per: 1_000 }] });
  await throttle.acquire();
  redis.disconnect();
  const answers = await Promise.allSettled([throttle.acquire(), throttle.acquire()]);
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

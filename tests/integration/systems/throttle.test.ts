// The throttle: never more than declared in any span, everything or nothing, shared pauses.
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { LimitConfig } from '../../../engine/config/types.ts';
import { createThrottle, type ThrottleOptions } from '../../../engine/systems/throttle.ts';
import { closeAll, later, testRedis } from './support.ts';

afterEach(closeAll);

function throttles(count: number, limits: LimitConfig[], more: Partial<ThrottleOptions> = {}) {
  const own = testRedis();
  return Array.from({ length: count }, () => {
    const throttle = createThrottle({ ...own, system: 'keap', limits, ...more });
    later(async () => throttle.close());
    return throttle;
  });
}

/** Most grants within any span of `per` milliseconds. */
function peak(times: readonly number[], per: number): number {
  return Math.max(...times.map((start) => times.filter((time) => time >= start && time < start + per).length));
}

test('several processes together wait as long as the limit asks, and not much longer', async () => {
  const three = throttles(3, [{ requests: 20, per: 400 }], { maxWait: 30_000 });
  const begun = performance.now();
  await Promise.all(Array.from({ length: 120 }, (_, turn) => three[turn % 3]?.acquire()));
  // 120 turns of 20 per span: between the first and the last lie five whole spans.
  const took = performance.now() - begun;
  expect(took).toBeGreaterThanOrEqual(5 * 400);
  expect(took).toBeLessThan(3 * 5 * 400);
});

test('turns come in order', async () => {
  const [throttle] = throttles(1, [{ requests: 3, per: 100 }], { maxWait: 30_000 });
  const order: number[] = [];
  await Promise.all(Array.from({ length: 12 }, (_, turn) => throttle?.acquire().then(() => order.push(turn))));
  expect(order).toEqual(Array.from({ length: 12 }, (_, turn) => turn));
});

test('a call costs one round trip to Redis at most', async () => {
  const own = testRedis();
  const sent = vi.spyOn(own.redis, 'evalsha');
  const throttle = createThrottle({
    ...own,
    system: 'keap',
    limits: [
      { requests: 1_000, per: 1_000 },
      { requests: 5_000, per: 60_000 },
    ],
  });
  await throttle.acquire();
  await Promise.all(Array.from({ length: 50 }, () => throttle.acquire()));
  // The first of those who come together goes alone, the others as one.
  expect(sent.mock.calls.length).toBeLessThanOrEqual(3);
});

describe('with a clock of its own', () => {
  let now = 1_790_000_000_000;
  const clock = () => now;

  test('what the short limit refuses costs nothing of the long one', async () => {
    const [throttle] = throttles(
      1,
      [
        { requests: 2, per: 1_000 },
        { requests: 4, per: 86_400_000 },
      ],
      { now: clock, maxWait: 0 },
    );
    const take = () => throttle?.acquire();
    await take();
    await take();
    for (let i = 0; i < 5; i++) await expect(take()).rejects.toMatchObject({ code: 'SYSTEM_THROTTLED' });
    now += 1_100;
    await take();
    await take();
    now += 1_100;
    // The day's four are used up: the wait is most of a day.
    const error = await take()?.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SYSTEM_THROTTLED', retry: 'quota' });
    const { retryAfter } = (error as { context: { retryAfter: number } }).context;
    expect(retryAfter).toBeGreaterThan(86_400_000 * 0.95);
    expect(retryAfter).toBeLessThan(86_400_000 * 1.35);
    now += 86_400_000 * 1.06;
    await take();
  });

  test('several processes together never pass a limit in any span, wherever it begins', async () => {
    const limits = [
      { requests: 10, per: 1_000 },
      { requests: 25, per: 3_000 },
    ];
    const both = throttles(2, limits, { now: clock, maxWait: 0 });
    const granted: number[] = [];
    for (let i = 0; i < 900; i++) {
      // Rests of odd lengths, then bursts: what a counter that starts anew at fixed times lets through twice.
      now += i % 97 === 0 ? 850 : 7 + (i % 11);
      try {
        await both[i % 2]?.acquire();
        granted.push(now);
      } catch {
        // Refused: its time has not come.
      }
    }
    expect(peak(granted, 1_000)).toBe(10);
    expect(peak(granted, 3_000)).toBe(25);
    const seconds = ((granted.at(-1) ?? 0) - (granted[0] ?? 0)) / 1_000;
    expect(granted.length).toBeGreaterThan((seconds / 3) * 25 * 0.85);
  });

  test('a pause stops every process, the longer one counts', async () => {
    const [one, two] = throttles(2, [{ requests: 10, per: 1_000 }], { now: clock, maxWait: 0 });
    await two?.acquire();
    expect(await one?.pause(5_000)).toBe(5_000);
    expect(await one?.pause(1_000)).toBe(5_000);
    await expect(two?.acquire()).rejects.toMatchObject({ code: 'SYSTEM_THROTTLED' });
    now += 4_999;
    await expect(two?.acquire()).rejects.toMatchObject({ code: 'SYSTEM_THROTTLED' });
    now += 1;
    await two?.acquire();
  });

  test('pauses without a time double in a row; those of one moment are one', async () => {
    const [throttle] = throttles(1, [], { now: clock });
    const lengths: (number | undefined)[] = [];
    for (let i = 0; i < 12; i++) {
      lengths.push(await throttle?.pause(undefined));
      expect(await throttle?.pause(undefined)).toBe(lengths.at(-1));
      now += (lengths.at(-1) ?? 0) + 10;
    }
    expect(lengths.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(lengths.at(-1)).toBe(300_000);
    now += 200_000;
    expect(await throttle?.pause(undefined)).toBe(1_000);
  });
});

test('a wait is called off, and its turn goes to the next', async () => {
  const [throttle] = throttles(1, [{ requests: 1, per: 300 }], { maxWait: 30_000 });
  await throttle?.acquire();
  const abort = new AbortController();
  const first = throttle?.acquire(abort.signal);
  const second = throttle?.acquire();
  abort.abort(new Error('called off'));
  await expect(first).rejects.toThrow('called off');
  await second;
  await expect(throttle?.acquire(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
});

test('closing ends the waits', async () => {
  const [throttle] = throttles(1, [{ requests: 1, per: 60_000 }], { maxWait: 120_000 });
  await throttle?.acquire();
  const waiting = expect(throttle?.acquire()).rejects.toMatchObject({ code: 'SYSTEM_UNREACHABLE' });
  throttle?.close();
  await waiting;
  await expect(throttle?.acquire()).rejects.toMatchObject({ code: 'SYSTEM_UNREACHABLE' });
});

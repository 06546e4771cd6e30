// The clock of a system, measured against that of Redis.
import { afterEach, expect, test } from 'vitest';
import { createSystemClock } from '../../../engine/systems/clock.ts';
import { closeAll, testRedis } from './support.ts';

afterEach(closeAll);

const HOURS = 3 * 3_600_000;
const stated = (ahead: number): string => new Date(Date.now() + ahead).toUTCString();

test.each([0, HOURS, -HOURS, -600_000])(
  'a time of Redis is told on the clock of a system that is %d ms ahead',
  async (ahead) => {
    const { redis } = testRedis();
    const clock = createSystemClock(redis);
    const sent = Date.now();
    const at = clock.note(stated(ahead), sent, Date.now());
    expect(Math.abs((at ?? 0) - sent - ahead)).toBeLessThan(1_100);
    const [seconds] = await redis.time();
    const shown = await clock.fromRedis(Number(seconds) * 1_000);
    expect(Math.abs(shown - Number(seconds) * 1_000 - ahead)).toBeLessThan(2_000);
  },
);

test('a system that states no time is taken to have that of Redis', async () => {
  const { redis } = testRedis();
  const clock = createSystemClock(redis);
  expect(clock.note(undefined, 1, 2)).toBeUndefined();
  expect(clock.note('yesterday', 1, 2)).toBeUndefined();
  expect(await clock.fromRedis(1_700_000_000_000)).toBe(1_700_000_000_000);
});

test('a clock that is more than a minute off is reported once, and once more when it is right again', () => {
  const { redis } = testRedis();
  const reported: number[] = [];
  const clock = createSystemClock(redis, (ahead) => reported.push(Math.round(ahead / 60_000)));
  for (const ahead of [0, 20_000, 600_000, 601_000, 600_000, 1_000, 0])
    clock.note(stated(ahead), Date.now(), Date.now());
  expect(reported).toEqual([10, 0]);
});

// The clock of a system, measured against that of Redis.
import { afterEach, expect, test } from 'vitest';
import { createSystemClock } from '../../../engine/connectors/clock.ts';
import { closeAll } from '../../support/closing.ts';
import { testRedis } from './support.ts';

afterEach(closeAll);

const HOUR = 3_600_000;
/** Clocks may be set between two looks: so much earlier is looked. */
const SLACK = 300_000;
const stated = (ahead: number): string => new Date(Date.now() + ahead).toUTCString();

function clocks(onOffset?: (ahead: number) => void) {
  const { redis, prefix } = testRedis();
  const make = () => createSystemClock(redis, `${prefix}:clock`, onOffset);
  return { redis, make, clock: make() };
}
const near = (value: number | undefined, wanted: number): void =>
  expect(Math.abs((value ?? Number.NaN) - wanted)).toBeLessThan(2_500);

test.each([0, 3 * HOUR, -3 * HOUR, -600_000])(
  'a record is looked for from its time on the clock of a system that is %d ms ahead',
  async (ahead) => {
    const { redis, clock } = clocks();
    const sent = Date.now();
    near(clock.note(stated(ahead), sent, Date.now()), sent + ahead);
    await clock.noteCreate('things', Date.now() + ahead, Date.now());
    const [seconds] = await redis.time();
    near(await clock.earliest('things', Number(seconds) * 1_000), Number(seconds) * 1_000 + ahead - SLACK);
  },
);

test('the earlier of the header time and the record times counts as the clock of a system, for each entity by itself', async () => {
  const { clock } = clocks();
  clock.note(stated(0), Date.now(), Date.now());
  await clock.noteCreate('local', Date.now() - 5 * HOUR, Date.now());
  await clock.noteCreate('ahead', Date.now() + 2 * HOUR, Date.now());
  const at = Date.now();
  near(await clock.earliest('local', at), at - 5 * HOUR - SLACK);
  near(await clock.earliest('ahead', at), at - SLACK);
  near(clock.note(stated(0), Date.now(), Date.now(), 'local'), Date.now() - 5 * HOUR);
  near(clock.note(stated(0), Date.now(), Date.now(), 'ahead'), Date.now());
});

test('a clock offset that one process measured is known to the next process', async () => {
  const { clock, make } = clocks();
  clock.note(stated(-600_000), Date.now(), Date.now());
  await clock.noteCreate('things', Date.now() - 600_000, Date.now());
  const at = Date.now();
  near(await make().earliest('things', at), at - 600_000 - SLACK);
});

test('the clock of a system may be of any time zone while no time of a record is known', async () => {
  const { clock } = clocks();
  expect(clock.note(undefined, 1, 2)).toBeUndefined();
  expect(clock.note('yesterday', 1, 2)).toBeUndefined();
  near(await clock.earliest('things', 1_700_000_000_000), 1_700_000_000_000 - 14 * HOUR - SLACK);
});

test('a record time that cannot be the time of its write does not measure the clock', async () => {
  const { clock } = clocks();
  await clock.noteCreate('things', Date.parse('1999-01-01'), Date.now());
  await clock.noteCreate('things', Number.NaN, Date.now());
  const at = Date.now();
  near(await clock.earliest('things', at), at - 14 * HOUR - SLACK);
});

test('a clock that is more than a minute off is reported once, and once more when it is right again', () => {
  const reported: number[] = [];
  const { clock } = clocks((ahead) => reported.push(Math.round(ahead / 60_000)));
  for (const ahead of [0, 20_000, 600_000, 601_000, 600_000, 1_000, 0])
    clock.note(stated(ahead), Date.now(), Date.now());
  expect(reported).toEqual([10, 0]);
});

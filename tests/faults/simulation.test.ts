/**
 * A short set of what `npm run simulate` runs at length. SEEDS (and FROM), HOSTILE_SEEDS, KILLS and PAIRS in the
 * environment make it longer. Two processes at work, faults on both systems, processes and Redis killed: every promise
 * is checked by the stand-ins' own data.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Crew, createCrew } from './simulation/crew.ts';
import { type DurableRedis, startDurableRedis } from './simulation/durable-redis.ts';
import type { Hostility } from './simulation/hostile.ts';
import { runKills } from './simulation/kills.ts';
import { moments } from './simulation/orders.ts';
import { runSchedule } from './simulation/run.ts';
import { makePairs, makeSchedule } from './simulation/schedule.ts';

const SEEDS = Number(process.env.SEEDS ?? 2);
const HOSTILE_SEEDS = Number(process.env.HOSTILE_SEEDS ?? 1);
const FROM = Number(process.env.FROM ?? 1);
const KILLS = Number(process.env.KILLS ?? 1);
/** Kills at each step before all is checked. */
const TOGETHER = 5;
const PAIRS = Number(process.env.PAIRS ?? 50);
const TIMEOUT = 1_800_000;

let redis: DurableRedis;
let crew: Crew;
beforeAll(async () => {
  redis = await startDurableRedis();
  crew = createCrew(2);
});
afterAll(async () => {
  await crew?.close();
  await redis?.close();
});

it('the same seed gives the same schedule', () => {
  expect(makeSchedule(7)).toEqual(makeSchedule(7));
  expect(makeSchedule(7)).not.toEqual(makeSchedule(8));
});

it.each(Array.from({ length: SEEDS }, (_, i) => FROM + i))(
  'seed %i keeps every promise',
  async (seed) => {
    const options = { windows: 2, steps: 14 };
    const { broken } = await runSchedule(makeSchedule(seed, options), { crew, redis });
    expect(broken, `again: npm run simulate -- --seeds 1 --from ${seed} --windows 2 --steps 14 --verbose`).toEqual([]);
  },
  TIMEOUT,
);

/** Those that happen within one window: lags take seconds, and merges and ids that are given again need records at rest. */
const HOSTILITIES: readonly Hostility[] = ['ignore', 'echo', 'cut', 'round', 'reformat', 'refuse'];

it.each(Array.from({ length: HOSTILE_SEEDS }, (_, i) => FROM + 5 + i))(
  'seed %i keeps every promise while the systems do otherwise',
  async (seed) => {
    const options = { windows: 1, steps: 16, hostile: HOSTILITIES };
    const { broken, oddities, faults } = await runSchedule(makeSchedule(seed, options), { crew, redis });
    const again = `--windows 1 --steps 16 --hostile --only ${HOSTILITIES.join(',')} --verbose`;
    expect(broken, `again: npm run simulate -- --seeds 1 --from ${seed} ${again}`).toEqual([]);
    expect(oddities + faults, 'nothing happened').toBeGreaterThan(0);
  },
  TIMEOUT,
);

it(
  'two records that match, made at one moment on both sides, become one link, whichever of two processes comes first',
  async () => {
    const { broken, things } = await runSchedule(makePairs(1, PAIRS), { crew, redis, dawdle: 40 });
    expect(broken).toEqual([]);
    expect(things).toBe(PAIRS);
  },
  TIMEOUT,
);

it.each(Array.from({ length: Math.ceil(KILLS / TOGETHER) }, (_, i) => i + 1))(
  'workers killed at each step leave nothing undone and nothing done twice (%i)',
  async (round) => {
    const times = Math.min(TOGETHER, KILLS - (round - 1) * TOGETHER);
    const victims = Array.from({ length: times }, () => moments).flat();
    const report = await runKills(victims, round, { crew, redis });
    console.log(
      `${victims.length} workers killed, ${times} at each of ${moments.length} steps: ${report.things} things`,
    );
    expect(report).toMatchObject({ broken: [], missed: [] });
  },
  TIMEOUT,
);

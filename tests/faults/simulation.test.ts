/**
 * A short set of what `npm run simulate` runs at length. SEEDS, KILLS and TWINS in the environment make it longer.
 * Two processes at work, faults on both systems, processes and Redis killed: every promise is checked by the stand-ins'
 * own data.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Crew, createCrew } from './simulation/crew.ts';
import { type DurableRedis, startDurableRedis } from './simulation/durable-redis.ts';
import { runKills } from './simulation/kills.ts';
import { moments } from './simulation/orders.ts';
import { runSchedule } from './simulation/run.ts';
import { makeSchedule, makeTwins } from './simulation/schedule.ts';

const SEEDS = Number(process.env.SEEDS ?? 2);
const KILLS = Number(process.env.KILLS ?? 1);
const TWINS = Number(process.env.TWINS ?? 50);
const TIMEOUT = 900_000;

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

it.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
  'seed %i keeps every promise',
  async (seed) => {
    const options = { windows: 2, steps: 14 };
    const { broken } = await runSchedule(makeSchedule(seed, options), { crew, redis });
    expect(
      broken,
      `again: node --import tsx tests/faults/simulate.ts --seeds 1 --from ${seed} --windows 2 --steps 14 --verbose`,
    ).toEqual([]);
  },
  TIMEOUT,
);

it(
  'two records that match, made at one moment on both sides, become one link, whichever of two processes comes first',
  async () => {
    const { broken, things } = await runSchedule(makeTwins(1, TWINS), { crew, redis, dawdle: 40 });
    expect(broken).toEqual([]);
    expect(things).toBe(TWINS);
  },
  TIMEOUT,
);

it.each(Array.from({ length: KILLS }, (_, i) => i + 1))(
  'a worker killed at each step leaves nothing undone and nothing done twice (%i)',
  async (seed) => {
    expect(await runKills(moments, seed, { crew, redis })).toMatchObject({ broken: [], missed: [] });
  },
  TIMEOUT,
);

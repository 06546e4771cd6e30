// A limit in slots, against a model of the store: windows that begin with the first point and count every try.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSlots, MARGIN, planSlots, type SlotState, type SlotStore } from '../../../engine/systems/slots.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 86_400 * SECOND;

function world(requests: number, per: number, processes: number) {
  const plan = planSlots(requests, per);
  const windows = new Map<number, { count: number; end: number }>();
  const clock = { now: 0 };
  let calls = 0;
  /** Milliseconds that an answer takes, all others with it: a process that is held up. */
  const lag = { next: () => 0 };
  const state = (slot: number): SlotState | null => {
    const window = windows.get(slot);
    if (window === undefined || window.end < clock.now) return null;
    return { consumedPoints: window.count, msBeforeNext: window.end - clock.now };
  };
  const store: SlotStore = {
    consume(slot, points) {
      calls += 1;
      const consumedPoints = (state(slot)?.consumedPoints ?? 0) + points;
      windows.set(slot, {
        count: consumedPoints,
        end: state(slot) === null ? clock.now + plan.length : (windows.get(slot)?.end ?? 0),
      });
      const answer = state(slot) as SlotState;
      clock.now += lag.next();
      return Promise.resolve(answer);
    },
    renew(slot) {
      windows.set(slot, { count: plan.points, end: clock.now + plan.length });
      return Promise.resolve();
    },
    get(slot) {
      calls += 1;
      return Promise.resolve(state(slot));
    },
  };
  // Each process has a clock of its own, with another zero.
  const all = Array.from({ length: processes }, (_, at) => createSlots(plan, store, () => clock.now + at * 12_345));
  return { plan, clock, all, lag, calls: () => calls };
}

/** Most grants in any span of `per` milliseconds: [moment, count], in order. */
function peak(grants: readonly (readonly [number, number])[], per: number): number {
  let most = 0;
  let sum = 0;
  let from = 0;
  for (const [moment, count] of grants) {
    sum += count;
    while ((grants[from]?.[0] ?? moment) <= moment - per) sum -= grants[from++]?.[1] ?? 0;
    most = Math.max(most, sum);
  }
  return most;
}

/** Every process takes all it gets, whenever there may be something. @returns requests per length of the limit */
async function saturated(requests: number, per: number, processes: number, rounds: number): Promise<number> {
  const { clock, all } = world(requests, per, processes);
  const grants: [number, number][] = [];
  while (clock.now < rounds * per) {
    for (const slots of all) grants.push([clock.now, await slots.take(requests)]);
    clock.now += Math.max(1, Math.min(...all.map((slots) => slots.wait())));
  }
  expect(peak(grants, per)).toBeLessThanOrEqual(requests);
  // From the first grants on, which are not counted: they came after a rest.
  const later = grants.filter(([moment, count]) => moment > 0 && count > 0);
  return (later.reduce((sum, [, count]) => sum + count, 0) / (later.at(-1)?.[0] ?? 0)) * per;
}

test('never more than declared in any span, whoever asks when for how much', { timeout: 60_000 }, async () => {
  const limit = fc.oneof(
    fc.tuple(fc.integer({ min: 1, max: 60 }), fc.constantFrom(SECOND, 2 * SECOND, 10 * SECOND)),
    fc.tuple(fc.integer({ min: 1, max: 3_000 }), fc.constantFrom(30 * SECOND, MINUTE)),
    fc.tuple(fc.integer({ min: 1, max: 40_000 }), fc.constantFrom(60 * MINUTE, DAY)),
  );
  // Rests and requests in parts of the limit: mostly small, sometimes large; rests also until just where windows end.
  const part = fc.oneof(
    { weight: 6, arbitrary: fc.double({ min: 0, max: 0.03, noNaN: true }) },
    { weight: 2, arbitrary: fc.double({ min: 0, max: 1.2, noNaN: true }) },
    { weight: 1, arbitrary: fc.constantFrom(0.95, 0.99, 1, 1.01, 1.02, 1.024, 1.026) },
  );
  const step = fc.record({ process: fc.nat(2), rest: part, wanted: part });
  await fc.assert(
    fc.asyncProperty(limit, fc.array(step, { minLength: 50, maxLength: 200 }), async ([requests, per], steps) => {
      const { clock, all } = world(requests, per, 3);
      const grants: [number, number][] = [];
      for (const { process, rest, wanted } of steps) {
        clock.now += Math.floor(rest * per);
        const want = Math.max(1, Math.floor(wanted * requests));
        const got = (await all[process]?.take(want)) ?? 0;
        expect(got).toBeLessThanOrEqual(want);
        // Nobody is sent away without being told when to come back.
        if (got < want) expect(all[process]?.wait()).toBeGreaterThan(0);
        grants.push([clock.now, got]);
      }
      expect(peak(grants, per)).toBeLessThanOrEqual(requests);
    }),
    { numRuns: 300 },
  );
});

test('a window that is opened by one request gives nothing more when it is about to end', async () => {
  for (const [requests, per] of [
    [1_500, MINUTE],
    [30_000, DAY],
  ] as const) {
    const { clock, all, plan } = world(requests, per, 2);
    const grants: [number, number][] = [[0, (await all[0]?.take(1)) ?? 0]];
    for (let before = plan.open; before > -100; before -= Math.max(1, Math.ceil(plan.open / 1_000))) {
      clock.now = plan.length - before;
      for (const slots of all) grants.push([clock.now, await slots.take(requests)]);
    }
    expect(peak(grants, per)).toBeLessThanOrEqual(requests);
    expect(peak(grants, per)).toBeGreaterThan(requests * 0.99);
  }
});

test('what goes late, because its process was held up, counts from then', async () => {
  const lags = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 400 })), { minLength: 50, maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 20 }), lags, async (requests, delays) => {
      const { clock, all, lag } = world(requests, SECOND, 3);
      const grants: [number, number][] = [];
      for (const [turn, delay] of delays.entries()) {
        // The first answer of this turn is held up.
        let left = delay;
        lag.next = () => {
          const first = left;
          left = 0;
          return first;
        };
        const slots = all[turn % 3];
        const got = (await slots?.take(requests)) ?? 0;
        await slots?.settle();
        grants.push([clock.now, got]);
        clock.now += 37;
      }
      expect(peak(grants, SECOND - MARGIN)).toBeLessThanOrEqual(requests);
    }),
    { numRuns: 300 },
  );
});

describe('of what was declared, passes', () => {
  test.each([
    [1, SECOND, 0.95],
    [10, SECOND, 0.95],
    [50, SECOND, 0.95],
    [240, MINUTE, 0.99],
    [1_500, MINUTE, 0.95],
    [2_000, 10 * SECOND, 0.99],
    [30_000, DAY, 0.97],
    [150_000, DAY, 0.97],
  ])('%d per %d ms: at least %d', async (requests, per, least) => {
    expect((await saturated(requests, per, 1, 40)) / requests).toBeGreaterThan(least);
    expect((await saturated(requests, per, 3, 40)) / requests).toBeGreaterThan(least);
  });

  test('all at once after a rest, and nine tenths of it after a trickle that opened many slots', async () => {
    for (const [requests, per] of [
      [10, SECOND],
      [50, SECOND],
      [1_500, MINUTE],
      [30_000, DAY],
      [150_000, DAY],
    ] as const) {
      const fresh = world(requests, per, 1);
      expect(await fresh.all[0]?.take(requests)).toBeGreaterThanOrEqual(requests * 0.998);

      const trickled = world(requests, per, 3);
      let before = 0;
      for (let turn = 0; turn < 200; turn++) {
        // Two lengths of the limit at a hundredth of the rate, or one request in each turn.
        const got = (await trickled.all[turn % 3]?.take(Math.max(1, Math.floor(requests / 10_000)))) ?? 0;
        if (turn >= 100) before += got;
        trickled.clock.now += per / 100;
      }
      const burst = (await trickled.all[0]?.take(requests)) ?? 0;
      expect(before + burst, `${requests} per ${per}`).toBeGreaterThanOrEqual(Math.floor(requests * 0.9));
    }
  });
});

test('a process that knows nothing of the others finds the last free slot in one look', async () => {
  const { all, calls } = world(240, MINUTE, 2);
  await all[0]?.take(239);
  const before = calls();
  expect(await all[1]?.take(1)).toBe(1);
  // One try, one look at each of the others, one more try.
  expect(calls() - before).toBeLessThanOrEqual(1 + 239 + 1);
});

test('where nothing can be free, the store is not asked', async () => {
  const { all, calls, clock } = world(10, SECOND, 1);
  await all[0]?.take(10);
  const before = calls();
  clock.now += 500;
  expect(await all[0]?.take(5)).toBe(0);
  expect(calls()).toBe(before);
  expect(all[0]?.wait()).toBeGreaterThanOrEqual(500);
});

test('the store counts in whole seconds', () => {
  expect(planSlots(20, 400)).toEqual({ slots: 20, points: 1, length: SECOND, open: 0 });
  expect(planSlots(3, 1_500)).toMatchObject({ length: 2 * SECOND });
  for (const requests of [1, 499, 500, 999, 1_000, 30_000, 150_000]) {
    for (const per of [1, SECOND, 29 * SECOND, MINUTE, DAY]) {
      const { slots, points, length, open } = planSlots(requests, per);
      expect(slots * points).toBeLessThanOrEqual(requests);
      expect(slots).toBeGreaterThanOrEqual(1);
      expect(length % SECOND).toBe(0);
      expect(length - open).toBeGreaterThanOrEqual(per);
    }
  }
});

// Counting what is held reads all of it: not for each who asks, and the less often the longer it takes.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Engine } from '../../../engine/engine.ts';
import { forgetHeldCounts, heldCounts } from '../../../server/held.ts';

let clock = 0;
let counts = 0;
let held: readonly { kind: string }[] = [];
/** How long one count takes; it ends when it is let to. */
let takes = 0;
let end: (() => void) | undefined;
let engine: Engine;

beforeEach(() => {
  clock = 0;
  counts = 0;
  held = [{ kind: 'failed' }];
  takes = 0;
  end = undefined;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  const links = {
    async *allHeld() {
      counts += 1;
      const found = held;
      if (takes > 0)
        await new Promise<void>((resolve) => {
          end = resolve;
        });
      clock += takes;
      yield found;
    },
  };
  engine = { links: () => links } as unknown as Engine;
});
afterEach(() => vi.restoreAllMocks());

const failed = async (): Promise<number> => (await heldCounts(engine, 'people')).failed;
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('few are counted again after some seconds, or after a person did something', async () => {
  expect(await failed()).toBe(1);
  held = [];
  clock = 4_999;
  expect(await failed()).toBe(1);
  clock = 5_000;
  expect(await failed()).toBe(0);
  held = [{ kind: 'failed' }];
  forgetHeldCounts(engine, 'people');
  expect(await failed()).toBe(1);
  expect(counts).toBe(3);
});

test('many are counted once at a time, and seldom; who asks meanwhile gets the count before', async () => {
  takes = 16_000;
  const first = failed();
  clock = 30_000;
  const second = failed();
  expect(counts).toBe(1);
  end?.();
  expect(await Promise.all([first, second])).toEqual([1, 1]);

  held = [];
  const done = clock;
  clock = done + 100_000;
  expect(await failed()).toBe(1);
  expect(counts).toBe(1);
  clock = done + 50 * 46_000;
  // Without waiting for the new one.
  expect(await failed()).toBe(1);
  expect(counts).toBe(2);
  end?.();
  await settled();
  expect(await failed()).toBe(0);
  expect(counts).toBe(2);
});

test('a count that fails is no count', async () => {
  vi.spyOn(engine, 'links').mockImplementationOnce(() => {
    throw new Error('gone');
  });
  await expect(failed()).rejects.toThrow('gone');
  expect(await failed()).toBe(1);
});

/**
 * How many records of each mapping wait, and why. Counting reads them all, so it is done once at a time and at most every
 * few seconds; where that takes long, it is done the less often, and who asks meanwhile gets what was counted before.
 */
import type { Engine } from '../engine/engine.ts';
import type { Held } from '../engine/links/links.ts';

export const HELD_KINDS = [
  'failed',
  'waiting',
  'review',
  'unmatched',
  'paused',
  'gone',
] as const satisfies readonly Held['kind'][];

export type HeldCounts = Record<Held['kind'], number>;

/** How long a count is good, in ms; and for how many times as long as it took. */
const FRESH = 5_000;
const WORTH = 50;
/** Nobody waits for a new count, in ms, where there is a former one. */
const LONG = 500;

interface Entry {
  counts: Promise<HeldCounts>;
  /** By performance.now; while it is being counted: never. */
  until: number;
  long: boolean;
}

const kept = new WeakMap<Engine, Map<string, Entry>>();

export function heldCounts(engine: Engine, mapping: string): Promise<HeldCounts> {
  const known = kept.get(engine) ?? new Map<string, Entry>();
  kept.set(engine, known);
  const former = known.get(mapping);
  const began = performance.now();
  if (former && began < former.until) return former.counts;
  const counting = count(engine, mapping);
  const entry: Entry = {
    counts: former?.long ? former.counts : counting,
    until: Number.POSITIVE_INFINITY,
    long: false,
  };
  known.set(mapping, entry);
  counting.then(
    () => {
      const took = performance.now() - began;
      entry.counts = counting;
      entry.until = performance.now() + Math.max(FRESH, WORTH * took);
      entry.long = took > LONG;
    },
    () => {
      if (known.get(mapping) === entry) known.delete(mapping);
    },
  );
  return entry.counts;
}

/** What a person did changes the counts at once. */
export function forgetHeldCounts(engine: Engine, mapping: string): void {
  kept.get(engine)?.delete(mapping);
}

async function count(engine: Engine, mapping: string): Promise<HeldCounts> {
  const counts: HeldCounts = { failed: 0, waiting: 0, review: 0, unmatched: 0, paused: 0, gone: 0 };
  for await (const batch of engine.links(mapping).allHeld()) for (const { kind } of batch) counts[kind]++;
  return counts;
}

/** How many records of each mapping wait, and why; counted at most every few seconds, because counting reads them all. */
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

const FRESH = 5_000;

const kept = new WeakMap<Engine, Map<string, { at: number; counts: Promise<HeldCounts> }>>();

export function heldCounts(engine: Engine, mapping: string): Promise<HeldCounts> {
  const known = kept.get(engine) ?? new Map();
  kept.set(engine, known);
  const entry = known.get(mapping);
  if (entry && performance.now() - entry.at < FRESH) return entry.counts;
  const counts = count(engine, mapping);
  known.set(mapping, { at: performance.now(), counts });
  counts.catch(() => known.delete(mapping));
  return counts;
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

/** How many records of each mapping wait, and why. */
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

export async function heldCounts(engine: Engine, mapping: string): Promise<HeldCounts> {
  const { failed, waiting, blocked, review, unmatched, paused, orphaned } = await engine.links(mapping).heldCounts();
  return { failed, waiting: waiting + blocked, review, unmatched, paused, gone: orphaned };
}

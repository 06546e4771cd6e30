/** How many records of each mapping wait, and why. */
import type { Engine } from '../engine/engine.ts';
import type { RecordIssue } from '../engine/store/issues.ts';
import type { Issue, RecordRef } from '../engine/store/types.ts';

/** An issue as it is shown. */
export interface Held extends Omit<Issue, 'kind'> {
  readonly kind: 'failed' | 'waiting' | 'review' | 'unmatched' | 'paused' | 'orphaned';
}

export interface HeldRecord extends Held, RecordRef {}

export const heldOf = (issue: Issue): Held => ({
  ...issue,
  kind: issue.kind === 'blocked' ? 'waiting' : issue.kind,
});

export const heldRecord = ({ side, id, issue }: RecordIssue): HeldRecord => ({ side, id, ...heldOf(issue) });

export const HELD_KINDS = [
  'failed',
  'waiting',
  'review',
  'unmatched',
  'paused',
  'orphaned',
] as const satisfies readonly Held['kind'][];

export type HeldCounts = Record<Held['kind'], number>;

export async function heldCounts(engine: Engine, mapping: string): Promise<HeldCounts> {
  const { failed, waiting, blocked, review, unmatched, paused, orphaned } = await engine.links(mapping).issues.counts();
  return { failed, waiting: waiting + blocked, review, unmatched, paused, orphaned };
}

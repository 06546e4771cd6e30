/** The former names of what is open about a record. */
import type { Decision, Issue, PendingCreate } from '../store/types.ts';

/** Why a record waits. Reasons are plain words and name properties, never values. */
export interface Held extends Omit<Issue, 'kind'> {
  /** failed: mend the record or mapping. waiting: for links. review: a person decides. others: nothing to do. */
  readonly kind: 'failed' | 'waiting' | 'review' | 'unmatched' | 'paused' | 'gone';
}

export type Decided = Decision;
export type Intent = PendingCreate;

export const toIssue = (held: Held): Issue => ({
  ...held,
  kind: held.kind === 'gone' ? 'orphaned' : held.code === 'BRAKE_ON' && held.kind === 'waiting' ? 'blocked' : held.kind,
});

export const toHeld = (issue: Issue): Held => ({
  ...issue,
  kind: issue.kind === 'orphaned' ? 'gone' : issue.kind === 'blocked' ? 'waiting' : issue.kind,
});

/** What a reconcile came to. Names properties and sides, never values: it is counted, logged and kept in runs. */
import type { ErrorCode } from '../errors.ts';
import type { SideIndex } from '../types.ts';

export type OutcomeKind =
  | 'unchanged'
  /** Two records that were there already were linked. */
  | 'matched'
  | 'created'
  | 'updated'
  | 'deleted'
  /** Waits for the link of a record that it refers to. */
  | 'waiting'
  /** A person must decide. */
  | 'review'
  | 'failed'
  /** `when` excludes it. */
  | 'excluded'
  /** No counterpart, and the mapping creates none there. */
  | 'unmatched'
  /** One record of a link was deleted, and the other one stays. */
  | 'orphaned'
  /** The record does not exist. Of a link: neither does. */
  | 'missing';

export type Changes = readonly [string | undefined, string | undefined];

export interface Outcome {
  readonly kind: OutcomeKind;
  /** Names of the properties written, per side; on a create all that were sent. */
  readonly writes: readonly [readonly string[], readonly string[]];
  /** The side on which a record was created or deleted. */
  readonly side?: SideIndex;
  /** Ids of the pair, where both are known. */
  readonly ids?: readonly [string, string];
  readonly code?: ErrorCode;
  readonly reason?: string;
  readonly property?: string;
  /** Properties that the conflict rule decided. */
  readonly conflicts?: readonly string[];
  /**
   * Per side: when the change was made on the other side that was written here, as that system states it (ISO 8601), ''
   * where it states none. Not of what was written for another reason, such as that two records met.
   */
  readonly changes?: Changes;
}

/** A change that was written to one side. @param at of the record that was changed, as its system states it */
export const changeTo = (side: SideIndex, at: string | undefined): Changes =>
  side === 0 ? [at ?? '', undefined] : [undefined, at ?? ''];

export const outcome = (kind: OutcomeKind, more: Omit<Partial<Outcome>, 'kind'> = {}): Outcome => ({
  kind,
  writes: [[], []],
  ...more,
});

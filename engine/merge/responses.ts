/** What a system made of our writes to a record: stored, refused in part, or still shown as before. Pure. */
import type { TandemError } from '../errors.ts';
import { UNKNOWN_VALUE } from '../store/types.ts';
import type { Facts, WriteResult } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import type { Base, Pair, PropertyBase, SideIndex } from '../types.ts';
import { type Answered, entryFrom, fingerprintOf } from './base.ts';
import type { PropertyWrite } from './merge.ts';
import { notStoredBy } from './readback.ts';

export const refusalOf = (result: WriteResult | undefined): TandemError | undefined =>
  result?.kind === 'rejected' ? result.error : result?.refused;

export interface Responses {
  /** Fingerprints of what was written, as the target answered: it may trim or reformat. An old reading counts as what was sent. */
  readonly answered: Answered;
  /** Properties that were written, but the target shows what was there before: it is read again. */
  readonly old: ReadonlySet<string>;
  /** What the target did not store as it was sent. */
  readonly refused: ReadonlyMap<string, TandemError>;
  readonly side: SideIndex;
}

/** @returns nothing of a side that rejected the write */
export function responsesOf(
  facts: Facts,
  view: RecordView,
  writes: readonly PropertyWrite[],
  result: WriteResult | undefined,
): Responses {
  const { side } = view;
  const answered = new Map<string, string>();
  const refused = new Map<string, TandemError>();
  const old = new Set<string>();
  const done = result?.kind === 'done' ? result : undefined;
  for (const write of writes) {
    if (!done?.properties.includes(write.property)) continue;
    const not = notStoredBy(facts, view, done.view, write);
    if (not === 'old') old.add(write.property);
    else if (not) refused.set(write.property, not);
    const shown = fingerprintOf(facts.mapping, done.view, write.property);
    answered.set(write.property, not === 'old' ? write.fingerprint : shown);
  }
  return { answered, old, refused, side };
}

/** What was not stored as it was sent is no agreement: an edit of either side is a change, and one of both a conflict. */
export function withoutRefused(base: Base, responses: Pair<Responses>): Base {
  const entries = responses.flatMap(({ side, answered, refused }) =>
    [...refused.keys()].map((name): [string, PropertyBase] => [
      name,
      entryFrom(side, answered.get(name)!, UNKNOWN_VALUE),
    ]),
  );
  return { ...base, ...Object.fromEntries(entries) };
}

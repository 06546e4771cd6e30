/** What a system made of our writes to a record: stored, refused in part, or still shown as before. Pure. */
import type { TandemError } from '../errors.ts';
import { UNKNOWN_VALUE } from '../store/types.ts';
import type { Facts, WriteResult } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import type { Base, Pair, PropertyBase, SideIndex } from '../types.ts';
import { type Answered, entryFrom, fingerprintOf } from './base.ts';
import type { PropertyWrite } from './merge.ts';
import { storedOf } from './readback.ts';

export const refusalOf = (result: WriteResult | undefined): TandemError | undefined =>
  result?.kind === 'rejected' ? result.error : result?.refused;

export interface Responses {
  /** Fingerprints of what was written, as the target answered: it may trim or reformat. An old reading counts as what was sent. */
  readonly answered: Answered;
  /** Written, but the target shows what was there before: it is read again. */
  readonly old: boolean;
  /** What the target did not store as it was sent. */
  readonly refused: ReadonlyMap<string, TandemError>;
  readonly side: SideIndex;
}

/** @returns undefined for a side that rejected the write */
export function responsesOf(
  facts: Facts,
  view: RecordView,
  writes: readonly PropertyWrite[],
  result: WriteResult | undefined,
): Responses | undefined {
  const { side } = view;
  if (writes.length === 0) return { answered: new Map(), old: false, refused: new Map(), side };
  if (result?.kind !== 'done') return undefined;
  const answered = new Map<string, string>();
  const refused = new Map<string, TandemError>();
  let old = false;
  for (const write of writes) {
    if (!result.properties.includes(write.property)) continue;
    const stored = storedOf(facts, view, result.view, write);
    if (stored.kind === 'old') old = true;
    if (stored.kind === 'refused') refused.set(write.property, stored.error);
    const shown = fingerprintOf(facts.mapping, result.view, write.property);
    answered.set(write.property, stored.kind === 'old' ? write.fingerprint : shown);
  }
  return { answered, old, refused, side };
}

/** What was not stored as it was sent is no agreement: an edit of either side is a change, and one of both a conflict. */
export function withoutRefused(base: Base, responses: Pair<Responses | undefined>): Base {
  const entries = responses.flatMap((response) =>
    [...(response?.refused.keys() ?? [])].map((name): [string, PropertyBase] => [
      name,
      entryFrom(response!.side, response!.answered.get(name)!, UNKNOWN_VALUE),
    ]),
  );
  return { ...base, ...Object.fromEntries(entries) };
}

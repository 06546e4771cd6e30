/**
 * What an unconfirmed create has made: a create whose response was lost, or whose process ended. The record is looked for
 * before anything is posted again, and a record that may be its result gets no counterpart of its own. Pure.
 */
import type { Mapping, Property } from '../config/types.ts';
import { stableJson } from '../expression/values.ts';
import { recordKey } from '../model/record-key.ts';
import type { PendingCreate } from '../store/types.ts';
import type { Facts, FoundRecords, OpenCreate } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { otherSide } from '../types.ts';
import { isComparable, isCorrelatedAsSent, keysDecide, sentKeys } from './sent-under.ts';

/** What appears so long after a create began, in ms, and does not hold just what was sent, is not its result. */
export const LATE = 172_800_000;

export type UnconfirmedCreate =
  | { readonly kind: 'found'; readonly view: RecordView }
  | { readonly kind: 'not-created' }
  /** The target cannot be searched, or several records may be the result. */
  | { readonly kind: 'unknown' };

/** `same`: as it was sent. `like`: it may have been edited since, or reformatted by the target, or the mapping was edited. */
type Likeness = 'same' | 'like' | 'other';

type Compared = Pick<RecordView, 'side' | 'correlationId' | 'keys' | 'fingerprints'>;

/** Which of the found records the create has made. */
export function resultOfCreate(
  mapping: Mapping,
  source: RecordView,
  pending: PendingCreate,
  found: FoundRecords,
): UnconfirmedCreate {
  if (found.by === 'nothing') return { kind: 'unknown' };
  if (found.by !== 'recent') {
    // A search by the correlation id or by a match key finds it for certain.
    const [only, ...more] = found.records.filter(({ linked }) => !linked);
    if (more.length > 0) return { kind: 'unknown' };
    return only ? { kind: 'found', view: only.view } : { kind: 'not-created' };
  }
  return recentResult(mapping, source, pending, found);
}

/**
 * The record without a counterpart that appeared in the target since the create began and holds what was sent. One that
 * only looks like it may be it too, edited since: posting again could make a second one, linking it could join what does
 * not belong together.
 */
function recentResult(
  mapping: Mapping,
  source: RecordView,
  pending: PendingCreate,
  { records, others }: FoundRecords,
): UnconfirmedCreate {
  const same: RecordView[] = [];
  let like = false;
  for (const { view, linked, firstSeen } of records) {
    if (linked || (firstSeen ?? Infinity) < pending.at) continue;
    const likeness = likenessOf(mapping, view, source.record.id, pending);
    if (likeness === 'same') same.push(view);
    // What another unconfirmed create has sent, just so, is the result of that one.
    else if (likeness === 'like')
      like ||= !others.some((other) => likenessOf(mapping, view, other.source, other.pending) === 'same');
  }
  const [only, ...more] = same;
  if (more.length > 0 || (!only && like)) return { kind: 'unknown' };
  return only ? { kind: 'found', view: only } : { kind: 'not-created' };
}

export type Suspicion =
  | { readonly kind: 'none' }
  /** `underWay`: somebody works on that create right now. */
  | { readonly kind: 'wait'; readonly underWay: boolean }
  /** A person must find out. */
  | { readonly kind: 'review'; readonly reason: string };

/** Whether a create that began then can have made a record first seen then. */
export const couldHaveMade = ({ at }: Pick<PendingCreate, 'at'>, firstSeen: number): boolean => at <= firstSeen;

/**
 * A record that appeared while the other side's creates were under way may be the result of one of them: it waits until
 * those are settled. One that was seen before they began cannot be. Once a create has ended without a response, only a
 * record that looks like its result waits for its next try, or one bad create would hold up everybody.
 */
export function suspicionOf(facts: Facts, source: RecordView, openCreates: readonly OpenCreate[]): Suspicion {
  const seen = firstSeen(facts);
  let doubt: Suspicion = { kind: 'none' };
  for (const { source: id, pending, underWay } of openCreates) {
    if (!couldHaveMade(pending, seen)) continue;
    const found = likenessOf(facts.mapping, source, id, pending);
    const likeness = found === 'like' && seen - pending.at > LATE ? 'other' : found;
    if (!pending.review) {
      if (underWay || likeness !== 'other') return { kind: 'wait', underWay };
    } else if (likeness !== 'other' && doubt.kind === 'none') {
      // A create whose outcome a person must find out: this record is in review beside it.
      const key = recordKey(otherSide(source.side), id);
      const reason = `The record may be the result of the create for ${key}, whose outcome is not known: a person decides.`;
      doubt = { kind: 'review', reason };
    }
  }
  return doubt;
}

/** When the record was first read; now, where it was not known yet. */
export const firstSeen = ({ stored }: Facts): number => stored.unlinked?.firstSeen ?? stored.now;

type Sent = Pick<PendingCreate, 'sent' | 'definitions' | 'correlate'>;

/** Whether the same would be sent again: equal hashes under another definition do not say so. */
export const sameSent = (then: Sent, now: Sent): boolean =>
  stableJson(then.sent) === stableJson(now.sent) &&
  (then.definitions === undefined || stableJson(then.definitions) === stableJson(now.definitions)) &&
  (then.correlate === undefined || then.correlate === now.correlate);

/**
 * How much a record looks like the result of an unconfirmed create. Whom it names decides for certain, and so does a match
 * key that was sent. Else it is alike if it still holds all that the mapping requires, or, without a match key, most of
 * what was sent that few records have in common; where it refers to the same records, any of that: a second order for a
 * customer is worse than a question. What was sent under another definition may be what it holds.
 */
function likenessOf(
  mapping: Mapping,
  { side, correlationId, keys, fingerprints }: Compared,
  sourceId: string,
  pending: PendingCreate,
): Likeness {
  if (correlationId === sourceId) return 'same';
  if (correlationId !== undefined && isCorrelatedAsSent(mapping, side, pending)) return 'other';
  if (sentKeys(mapping, pending).some((key, rule) => key !== undefined && key === keys[rule])) return 'same';
  const sent = Object.entries(pending.sent).map(([name, value]) => {
    const i = mapping.properties.findIndex((property) => property.name === name);
    const kept = isComparable(mapping, side, pending, name) ? value === fingerprints[i] : 'unknown';
    return { property: mapping.properties[i], kept };
  });
  if (sent.every(({ kept }) => kept === true)) return 'same';
  const mayBeKept = ({ kept }: (typeof sent)[number]): boolean => kept !== false;
  const required = sent.filter(({ property }) => property?.required);
  if (required.length > 0 && required.every(mayBeKept)) return 'like';
  if (keysDecide(mapping, pending)) return 'other';
  const distinctive = sent.filter(({ property }) => property === undefined || isDistinctive(property));
  const references = sent.filter(({ property }) => property?.reference);
  const refersAlike = references.length > 0 && references.every(mayBeKept);
  const few = refersAlike ? 0 : distinctive.length / 2;
  return distinctive.filter(mayBeKept).length > few ? 'like' : 'other';
}

/** Whether few records have the same value: not so whom they refer to, the entries of a table, yes and no. */
const isDistinctive = ({ reference, values, type }: Property): boolean =>
  reference === undefined && values === undefined && type !== 'boolean';

/** The base of a link: from which one is merged, and which one is recorded. Pure. */
import type { Mapping } from '../config/types.ts';
import { EMPTY } from '../expression/values.ts';
import { type PendingCreate, type PendingWrite, UNKNOWN_VALUE } from '../store/types.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { type Base, otherSide, type Pair, type PropertyBase, type SideIndex } from '../types.ts';
import type { MergeResult } from './merge.ts';
import { comparableSent, isComparable } from './sent-under.ts';

/** Fingerprints of written properties as the target answered them, by name; none for a side that refused the write. */
export type Answered = ReadonlyMap<string, string>;

export const entryFrom = (side: SideIndex, own: string, other: string, definition?: string): PropertyBase => {
  const entry = side === 0 ? ([own, other] as const) : ([other, own] as const);
  return definition === undefined ? entry : [...entry, definition];
};

export const baseEntry = (base: Base, name: string): PropertyBase | undefined =>
  Object.hasOwn(base, name) ? base[name] : undefined;

export function fingerprintOf(mapping: Mapping, view: RecordView, name: string): string {
  return view.fingerprints[mapping.properties.findIndex((property) => property.name === name)] ?? EMPTY;
}

/**
 * Own writes that were done, but never recorded: their response was lost, or the process ended. Else they would look
 * like edits, and win over what people edited since.
 */
export const appliedWrites = (
  mapping: Mapping,
  views: Pair<RecordView>,
  pending: readonly PendingWrite[],
): PendingWrite[] =>
  pending.filter(({ property, side, sent }) => fingerprintOf(mapping, views[side], property) === sent);

export function withApplied(base: Base, applied: readonly PendingWrite[]): Base {
  const entries = applied.map(({ property, side, sent, from, definition }) => [
    property,
    entryFrom(side, sent, from, definition),
  ]);
  return { ...base, ...Object.fromEntries(entries) };
}

/**
 * The base of two records that match, where one may be what an unconfirmed create for the other made: what it still holds
 * as it was sent was not edited there, so an edit of the other one since then is no conflict.
 */
export function baseOfMatch(mapping: Mapping, views: Pair<RecordView>, creates: Pair<PendingCreate | undefined>): Base {
  const base: Record<string, PropertyBase> = {};
  for (const side of [0, 1] as const) {
    const create = creates[side];
    const all = create ? comparableSent(mapping, otherSide(side), create) : {};
    for (const { name } of mapping.properties) {
      const sent = all[name];
      if (fingerprintOf(mapping, views[otherSide(side)], name) === sent)
        base[name] = entryFrom(side, UNKNOWN_VALUE, sent);
    }
  }
  return marked(mapping, base);
}

/**
 * The base of a record and the counterpart that was created for it.
 * @param sent what would be sent now, per property
 * @param begun the pending create of an earlier try, whose result the counterpart is
 * @param exact the counterpart is as the response to the create showed it; false: it was read later, so what differs from
 *   what was sent either was reformatted by the system or edited by somebody in between
 */
export function baseOfCreate(
  mapping: Mapping,
  source: RecordView,
  counterpart: RecordView,
  sent: PendingCreate['sent'],
  { begun, exact }: { readonly begun: PendingCreate | undefined; readonly exact: boolean },
): Base {
  const base: Record<string, PropertyBase> = {};
  for (const [i, { name }] of mapping.properties.entries()) {
    const now = sent[name];
    const then = begun ? begun.sent[name] : now;
    if (now === undefined && then === undefined) continue;
    // What was sent under another definition is no agreement: the two meet for the first time.
    if (then !== undefined && begun && !isComparable(mapping, counterpart.side, begun, name)) continue;
    // What was edited on either side since the create began has not arrived yet: to the base it is a change.
    const own = now === then ? source.fingerprints[i]! : UNKNOWN_VALUE;
    const shown = counterpart.fingerprints[i]!;
    const edited = (begun !== undefined || !exact) && shown !== (now ?? EMPTY);
    base[name] = entryFrom(source.side, own, edited ? (then ?? EMPTY) : shown);
  }
  return base;
}

/** The base to record: what was just agreed carries the present definitions, what was left as it was its own. */
export function marked(mapping: Mapping, base: Base): Base {
  const definitions = new Map(mapping.properties.map(({ name, definition }) => [name, definition]));
  return Object.fromEntries(
    Object.entries(base).map(([name, entry]): [string, PropertyBase] => {
      const definition = entry[2] ?? definitions.get(name);
      return [name, definition === undefined ? entry : [entry[0], entry[1], definition]];
    }),
  );
}

/**
 * Properties that a system without a response to a write shows differently from what was sent. It may have reformatted
 * them, or somebody edited them before they were read: so they count as edited there, once. Where the other side then
 * does the same, that is its form: it is taken as the answer, and the two do not go on for ever.
 * @param before those for which this was so at the last commit
 */
export function unconfirmedWrites(
  { capabilities }: Pick<Facts, 'capabilities'>,
  { writes }: MergeResult,
  answers: Pair<Answered>,
  before: readonly string[],
): string[] {
  return ([0, 1] as const).flatMap((side) => {
    if (capabilities[side].update?.returns === 'record') return [];
    return writes[side].flatMap(({ property, fingerprint }) => {
      const answer = answers[side].get(property);
      return answer !== undefined && answer !== fingerprint && !before.includes(property) ? [property] : [];
    });
  });
}

/** The base to record: what was written counts as the target answered it, what was refused keeps its former entry. */
export function baseAfter(
  { base: decided, writes }: MergeResult,
  former: Base,
  answers: Pair<Answered>,
  unconfirmed: readonly string[],
): Base {
  const base: Record<string, PropertyBase> = { ...decided };
  for (const side of [0, 1] as const) {
    for (const { property } of writes[side]) {
      if (unconfirmed.includes(property)) continue;
      const answer = answers[side].get(property);
      const before = baseEntry(former, property);
      const entry = base[property]!;
      if (answer !== undefined) base[property] = entryFrom(side, answer, entry[otherSide(side)]);
      else if (before) base[property] = before;
      else delete base[property];
    }
  }
  return base;
}

/**
 * A value of the history becomes the value on both sides again; of a one-way property whose follower lost it, on the
 * follower. As if a person typed it into its own side just now, and it wins. Pure.
 */
import type { Mapping, Property } from '../config/types.ts';
import { stableJson } from '../expression/values.ts';
import type { Outcome } from '../model/outcome.ts';
import { flip, mapPair, replaceSide, SIDES } from '../model/pair.ts';
import type { Overwritten } from '../store/history.ts';
import { type Link, UNKNOWN_VALUE } from '../store/types.ts';
import type { Commit, Step } from '../sync/actions.ts';
import type { Choice, Facts, RestoredValue } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { type Base, otherSide, type Pair, type SideIndex } from '../types.ts';
import { baseEntry, entryFrom, fingerprintOf } from './base.ts';
import { absentError, conflictError } from './choice-errors.ts';
import { restoredNow } from './conclude.ts';
import { ownWriteByHand } from './foreign.ts';
import { pairOfLink } from './linked.ts';
import { overwrittenValue } from './overwritten.ts';
import { decidePair, mustReadFirst } from './pair-to-merge.ts';
import { recentAfter } from './readback.ts';
import { whyExcluded } from './record-state.ts';
import { act, ask, fail, outcomeOf, viewOn } from './unit.ts';

export type RestoreChoice = Extract<Choice, { kind: 'restore' }>;

/** Where an entry of the history belongs in the mapping as it is now. */
export function placeOf(mapping: Mapping, entry: Overwritten): { property: Property; side: SideIndex } | undefined {
  const property = mapping.properties.find((candidate) => candidate.name === entry.property);
  const at = mapping.sides.find((candidate) => candidate.name === entry.side);
  return property && at && { property, side: at.index };
}

/** Why an entry cannot be put back, in plain words; undefined where it can, as far as the mapping tells. */
export function whyNotRestorable(mapping: Mapping, linked: boolean, entry: Overwritten): string | undefined {
  const place = placeOf(mapping, entry);
  if (entry.cut) return 'The value was too long to be kept whole.';
  if (!linked) return 'The record has no link: there is no record to put it into.';
  if (!place) return `The mapping has no property "${entry.property}" of ${entry.side} any more.`;
  const { property, side } = place;
  if (!property.sides[side].path) return `${property.sides[side].source} cannot be written.`;
  if (property.direction === side && property.drift === 'revert')
    return `The mapping puts back whatever is written there: write the value in ${mapping.sides[otherSide(side)].name}.`;
  return undefined;
}

/**
 * Doing it twice changes nothing more. Whether the target takes the value is checked before anything is written; where
 * the process ends halfway, the value is an edit like any other, and arrives.
 */
export function decideRestore(facts: Facts, link: Link, choice: RestoreChoice): Step {
  const { mapping } = facts;
  const { side: own } = choice;
  // Its own side is read last, because it is written first.
  for (const side of [otherSide(own), own]) {
    const fact = facts.records[side];
    if (!fact) return ask({ ask: 'record', side, id: link.ids[side] });
    if (fact.kind === 'unreadable') return fail(fact.error);
    if (fact.kind !== 'present') return fail(absentError(mapping, side, link.ids[side]));
    if (!fact.view.inScope && !facts.results.restored)
      return fail(conflictError(mapping, `${whyExcluded(mapping, fact.view)}.`));
  }
  const pair = pairOfLink(
    facts,
    link,
    mapPair(SIDES, (side) => viewOn(facts, side)!),
  );
  const [near, far] = flip(own, pair.views);
  if (!facts.restored)
    return ask({ ask: 'restored-value', near, far, property: choice.property, value: choice.entry.value });
  const { restored } = facts;
  if (!restored.ok) return fail(restored.error);
  if (!facts.results.restored) {
    const changes = fingerprintOf(mapping, near, choice.property) !== restored.write.fingerprint;
    const values = replacedValues(facts, restored, near, far, choice.property);
    return act(
      {
        do: 'restore',
        side: own,
        view: near,
        write: changes ? restored.write : undefined,
        readFirst: changes && mustReadFirst(facts, pair, own),
        ids: link.ids,
        values,
      },
      outcomeOf('updated', { ids: link.ids }),
    );
  }
  const step = decidePair(facts, { ...pair, base: asEdited(mapping, pair.base, choice, far) });
  return carryOver(facts, choice, pair.views, step);
}

/** One entry where both sides hold the same; two where one of them has more detail. */
function replacedValues(
  { mapping, stored }: Facts,
  restored: Extract<RestoredValue, { ok: true }>,
  near: RecordView,
  far: RecordView,
  name: string,
): Overwritten[] {
  const changes = fingerprintOf(mapping, near, name) !== restored.write.fingerprint;
  const kept = (view: RecordView): Overwritten[] => overwrittenValue(mapping, view, name, 'restored', stored.now);
  if (restored.toward === undefined) return changes ? kept(near) : [];
  if (!changes && fingerprintOf(mapping, far, name) === restored.toward) return [];
  const both = [...kept(near), ...kept(far)];
  const [first, second] = both;
  return first && second && stableJson(first.value) === stableJson(second.value) ? [first] : both;
}

/** The base as if the value had just been typed, also where the side held it already. */
function asEdited(mapping: Mapping, base: Base, { property: name, side }: RestoreChoice, far: RecordView): Base {
  const { direction } = mapping.properties.find((candidate) => candidate.name === name)!;
  // A follower's value is left alone only while the leader's does not change.
  const theirs = direction === side ? fingerprintOf(mapping, far, name) : baseEntry(base, name)?.[otherSide(side)];
  return theirs === undefined ? base : { ...base, [name]: entryFrom(side, UNKNOWN_VALUE, theirs) };
}

/** What the pair comes to, and what was written before it. */
function carryOver(facts: Facts, { side, property }: RestoreChoice, views: Pair<RecordView>, step: Step): Step {
  const written = facts.results.restored!.view;
  if (step.kind !== 'act' || !written) return step;
  const writes = mapPair(step.outcome.writes, (names, one) => (one === side ? [...names, property] : names));
  const kind = step.outcome.kind === 'unchanged' ? 'updated' : step.outcome.kind;
  const outcome: Outcome = { ...step.outcome, kind, writes };
  if (step.action.do !== 'commit') return { ...step, outcome };
  const { commit } = step.action;
  const { written: ids, ownWrites, recent = recentAfter(facts, views, restoredNow(facts)) } = commit;
  const after: Commit = {
    ...commit,
    written: replaceSide(ids, side, written.record.id),
    ownWrites: replaceSide(ownWrites, side, ownWrites[side] ?? ownWriteByHand(written)),
    recent,
  };
  return { ...step, outcome, action: { ...step.action, commit: after } };
}

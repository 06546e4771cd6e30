/** A record that has a link: which records are read, and which pair they make. Pure. */
import type { TandemError } from '../errors.ts';
import { mapPair, replaceSide } from '../model/pair.ts';
import type { CorrelationNote, Link } from '../store/types.ts';
import type { Step } from '../sync/actions.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { otherSide, type Pair, type SideIndex } from '../types.ts';
import { appliedWrites, withApplied } from './base.ts';
import { decideOrphaned } from './orphaned.ts';
import { decideMerged } from './other.ts';
import { decidePair } from './pair-to-merge.ts';
import { mayBeOld, shownLate } from './readback.ts';
import { isSynced, unreadableState } from './record-state.ts';
import { decideReused, reusedRecord } from './reused.ts';
import type { PairToMerge } from './settle.ts';
import {
  act,
  ask,
  end,
  entryOf,
  issueOf,
  nothing,
  openOfLink,
  outcomeOf,
  outcomeOfError,
  pendingOf,
  troubleOf,
  undecidedLink,
  viewOn,
} from './unit.ts';

/**
 * The record that was named is read first: where it is as it was when the link was last brought into agreement and
 * nothing is open, there is nothing to do, and the other one is not even read. So the echo of an own write costs one
 * call. A change of the other record has a look of its own.
 */
export function decideLinked(facts: Facts, link: Link): Step {
  const { mapping, side } = facts;
  for (const next of [side, otherSide(side)]) {
    const fact = facts.records[next];
    if (!fact) return ask({ ask: 'record', side: next, id: link.ids[next] });
    if (fact.kind === 'other') return decideMerged(facts, link, next, fact.id);
    if (fact.kind === 'unreadable') return unreadable(facts, link, next, fact.error);
    const quiet = !facts.both && !entryOf(facts).issue && !facts.choice && pendingOf(facts, link).length === 0;
    const untouched = next === side && quiet;
    if (untouched && fact.kind === 'present' && isSynced(mapping, link, fact.view))
      return end(outcomeOf('unchanged', { ids: link.ids }));
  }
  const [a, b] = [viewOn(facts, 0), viewOn(facts, 1)];
  if (!a || !b) return decideOrphaned(facts, link);
  const reused = reusedRecord(facts, link, [a, b]);
  return reused ? decideReused(facts, link, [a, b], reused) : decidePair(facts, pairOfLink(facts, link, [a, b]));
}

export function pairOfLink(facts: Facts, link: Link, views: Pair<RecordView>): PairToMerge {
  const { mapping } = facts;
  const pending = pendingOf(facts, link);
  // A replica that shows the value from before our last write shows nothing of a later one that was refused, or is under way.
  const applied = [...shownLate(facts, link.base, views), ...appliedWrites(mapping, views, pending)].filter(
    ({ property, side }) => !mayBeOld(facts, views[side], property),
  );
  const correlation = mapPair(views, (view, side) => correlationNote(facts, link, view, link.ids[otherSide(side)]));
  const base = withApplied(link.base, applied);
  return { ids: link.ids, views, base, applied, pending, unconfirmed: link.unconfirmed, correlation };
}

/** What is still to be done about the correlation id in one record of a link. */
function correlationNote(facts: Facts, link: Link, view: RecordView, counterpart: string): CorrelationNote | undefined {
  const { mapping } = facts;
  const note = link.correlation[view.side];
  if (note === undefined || !lacksCorrelation(facts, view, counterpart)) return undefined;
  if (note === 'new' || (note === 'refused' && isSynced(mapping, link, view))) return note;
  // What somebody wrote there is only replaced where the link has just been made.
  return view.correlationId === undefined ? 'open' : undefined;
}

/** Whether the record has a place for the id of its counterpart, and something else stands there. */
export const lacksCorrelation = (
  { mapping, capabilities }: Facts,
  { side, correlationId }: Pick<RecordView, 'side' | 'correlationId'>,
  counterpart: string,
): boolean =>
  mapping.sides[side].correlate !== undefined &&
  capabilities[side].update !== undefined &&
  correlationId !== counterpart;

/** The link stays as it is; its record fails in the same way until it, the mapping or the system file is edited. */
function unreadable(facts: Facts, link: Link, side: SideIndex, error: TandemError): Step {
  const { ids, base } = link;
  const lastSynced = replaceSide(link.lastSynced, side, unreadableState(facts.fingerprinter, error.message));
  // That its id was given again may stand nowhere else.
  const reused = entryOf(facts).issue?.code === 'ID_REUSED';
  const commit = {
    ...nothing,
    result: undecidedLink(facts, link, { base, lastSynced }),
    open: openOfLink(ids, reused ? {} : { issue: issueOf(facts, troubleOf(error)) }),
  };
  return act({ do: 'commit', commit, last: true }, { ...outcomeOfError(error), ids });
}

/**
 * A system answers another record than the one that was asked for. Where two records were merged, the id of the loser leads to the
 * winner; an event may spell an id otherwise than the record does. Never is one record taken for the other. Pure.
 */
import { flip } from '../model/pair.ts';
import type { Link } from '../store/types.ts';
import type { Commit, Step } from '../sync/actions.ts';
import type { Facts } from '../sync/facts.ts';
import { otherSide, type SideIndex } from '../types.ts';
import { endOfAbsent } from './orphaned.ts';
import { stateToStore, unreadableState } from './record-state.ts';
import { abandoned, act, ask, entryOf, issueOf, keyOf, nothing, openOfLink, outcomeOf, undecidedLink } from './unit.ts';

/** What it answered is looked at under its own id; of the id that was asked for there is no record. */
export function decideOtherId(facts: Facts, answered: string): Step {
  const { side, id, mapping } = facts;
  if (facts.waitedFor === undefined) return ask({ ask: 'waiters' });
  const key = keyOf(facts);
  // Records that refer to it learn from its issue that there is nothing to wait for: else they would ask for it again and again.
  const reason = `${mapping.sides[side].name} knows the record under another id.`;
  const issue = facts.waitedFor ? issueOf(facts, { kind: 'orphaned', reason }) : null;
  const commit: Commit = {
    ...nothing,
    result: { kind: 'removed', record: { side, id } },
    open: { [key]: { ...abandoned(entryOf(facts).pendingCreate), issue } },
    mark: [{ mapping: mapping.name, side, id: answered }],
    markAllDependents: [key],
  };
  return act({ do: 'commit', commit, last: true }, outcomeOf('missing'));
}

/**
 * The linked record on a side was merged into another one. The link stays, so that references to either record still lead
 * somewhere, and nothing is written to the counterpart or because of it: a person decides.
 */
export function decideMerged(facts: Facts, link: Link, side: SideIndex, winner: string): Step {
  const { ids, base, correlation } = link;
  const other = otherSide(side);
  const survivor = facts.records[other];
  if (!survivor) return ask({ ask: 'record', side: other, id: ids[other] });
  if (survivor.kind === 'absent') return endOfAbsent(facts, link, [other]);
  const { winnersCounterpart } = facts;
  if (winnersCounterpart === undefined) return ask({ ask: 'counterpart', side, id: winner });
  const { sides } = facts.mapping;
  const there = sides[other].name;
  const reason =
    `${sides[side].name} answers record ${winner} for ${ids[side]}: the two were merged there. ` +
    (winnersCounterpart === null
      ? `Record ${winner} has no counterpart in ${there}: break this link, and link ${ids[other]} to it by hand if they are the same.`
      : `Their counterparts in ${there} are ${winnersCounterpart} and ${ids[other]}: merge them there if they are the same, or break this link.`);
  const state =
    survivor.kind === 'present'
      ? stateToStore(facts.mapping, survivor.view, correlation[other])
      : survivor.kind === 'unreadable'
        ? unreadableState(facts.fingerprinter, survivor.error.message)
        : '';
  const commit: Commit = {
    ...nothing,
    result: undecidedLink(facts, link, { base, lastSynced: flip(side, ['', state]) }),
    open: openOfLink(ids, { issue: issueOf(facts, { kind: 'review', code: 'RECORD_MERGED', reason }) }),
  };
  return act({ do: 'commit', commit, last: true }, outcomeOf('review', { ids, code: 'RECORD_MERGED', reason }));
}

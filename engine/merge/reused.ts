/**
 * An id that its system gave to another record later: the linked one was deleted, and a new one took its id. The data of the
 * one is never written over the other's. Which it is, is decided by facts; what they leave open is the same record.
 * Pure.
 */
import type { Mapping } from '../config/types.ts';
import { EMPTY } from '../expression/values.ts';
import { mapPair, SIDES } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import type { Link } from '../store/types.ts';
import type { Commit, Step } from '../sync/actions.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { otherSide, type Pair } from '../types.ts';
import { baseEntry } from './base.ts';
import { shareKey } from './match.ts';
import { stateToStore } from './record-state.ts';
import { act, entryOf, issueOf, keyOf, nothing, openOfLink, outcomeOf, undecidedLink } from './unit.ts';

/** What the clocks of a system and of Redis may differ by, and time zones that it does not state, in ms. */
const CLOCKS = 2 * 86_400_000;
/** So many values that were agreed on must all be others at once, where nobody saw the record gone. */
const MANY = 3;

export interface Reused {
  readonly view: RecordView;
  /** As the end of a sentence. */
  readonly why: string;
}

/** The record of a link that is another one than was linked, if one is. */
export function reusedRecord(facts: Facts, link: Link, views: Pair<RecordView>): Reused | undefined {
  for (const side of SIDES) {
    const why = reusedBecause(facts, link, views[side], views[otherSide(side)]);
    if (why !== undefined) return { view: views[side], why };
  }
  return undefined;
}

function reusedBecause(facts: Facts, link: Link, view: RecordView, other: RecordView): string | undefined {
  // It names its counterpart, or has a match key in common with it.
  if (view.correlationId === other.record.id || shareKey(view, other)) return undefined;
  const { agreed, kept } = keptValues(facts.mapping, link, view);
  if (kept > 0 && kept * 2 >= agreed) return undefined;
  const later = bornLater(link, view);
  if (later !== undefined) return later ? 'it was created later' : undefined;
  if (wasGone(facts, link, view))
    return agreed === 0 ? undefined : 'that one was deleted, and this one holds other values';
  const keys = view.keys.some((key, rule) => key !== undefined && other.keys[rule] !== undefined);
  if (view.record.created !== undefined || !keys || kept > 0 || agreed < MANY) return undefined;
  return 'its match keys and all its values are others at once';
}

/**
 * Whether the record was created after the linked one was there: after our own last write to that, by the clock of the system.
 * A system may state the one time in whole seconds and the other in ms.
 * @returns undefined where it is not known: of one that we never wrote, the time of its link is by another clock
 */
function bornLater({ ownWriteAt, created }: Link, { side, record }: RecordView): boolean | undefined {
  if (record.created === undefined) return undefined;
  const born = Date.parse(record.created);
  const own = ownWriteAt[side];
  if (own > 0) return born - own >= ([born, own].some((time) => time % 1_000 === 0) ? 1_000 : 1);
  return Math.abs(born - created) < CLOCKS ? undefined : born > created;
}

/** Whether the last look did not find the record that was linked, or found another one. */
function wasGone(facts: Facts, link: Link, { side }: RecordView): boolean {
  const { issue } = entryOf(facts);
  if (issue?.code === 'ID_REUSED') return true;
  if (issue === undefined || link.lastSynced[side] !== '') return false;
  return (
    issue.kind === 'orphaned' || issue.kind === 'blocked' || (issue.kind === 'review' && issue.code !== 'CONFLICT')
  );
}

/** Of the values that the record held when the two agreed, how many it still holds. Whom it refers to, table entries, yes and no are left out. */
function keptValues(mapping: Mapping, link: Link, view: RecordView): { agreed: number; kept: number } {
  let agreed = 0;
  let kept = 0;
  for (const [i, { name, definition, reference, values, type }] of mapping.properties.entries()) {
    if (reference !== undefined || values !== undefined || type === 'boolean') continue;
    const entry = baseEntry(link.base, name);
    if (!entry || entry[view.side] === EMPTY || (entry[2] ?? definition) !== definition) continue;
    agreed++;
    if (view.fingerprints[i] === entry[view.side]) kept++;
  }
  return { agreed, kept };
}

/** The link stays as it was, and nothing is written to either record: a person decides. */
export function decideReused(facts: Facts, link: Link, views: Pair<RecordView>, { view, why }: Reused): Step {
  const { mapping } = facts;
  const { ids, base, correlation } = link;
  const { name } = mapping.sides[view.side];
  const reason =
    `${name} shows another record under ${view.record.id} than the one that was linked: ${why}. ` +
    'Break the link, and link the right ones by hand. What was made to refer to it since then may name the former one: look at that, too.';
  const lastSynced = mapPair(views, (one, side) => stateToStore(mapping, one, correlation[side]));
  const commit: Commit = {
    ...nothing,
    result: undecidedLink(facts, link, { base, lastSynced }),
    open: openOfLink(ids, { issue: issueOf(facts, { kind: 'review', code: 'ID_REUSED', reason }) }),
  };
  return act({ do: 'commit', commit, last: true }, outcomeOf('review', { ids, code: 'ID_REUSED', reason }));
}

/** Who refers to either record waits while its id is another one's: however that ends, they are looked at. An end of the link marks them dirty too. */
export function wakingAfterReuse(facts: Facts, step: Step): Step {
  const { link } = facts.stored;
  if (!link || entryOf(facts).issue?.code !== 'ID_REUSED') return step;
  if (step.kind !== 'act' || step.action.do !== 'commit') return step;
  const { commit } = step.action;
  const after = commit.open?.[keyOf(facts)]?.issue;
  if (after === undefined || after?.code === 'ID_REUSED') return step;
  const markDependents = mapPair(link.ids, (id, side) => recordKey(side, id));
  return { ...step, action: { ...step.action, commit: { ...commit, markDependents } } };
}

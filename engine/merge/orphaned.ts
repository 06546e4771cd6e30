/**
 * One or both records of a link are absent. The default propagates nothing: the survivor stays, and its counterpart is
 * never created again. Pure.
 */
import { redefined } from '../config/definition.ts';
import type { DeleteRule, Mapping } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { EMPTY } from '../expression/values.ts';
import { changeTo, type Outcome } from '../model/outcome.ts';
import { flip, SIDES } from '../model/pair.ts';
import { parseRecordKey, recordKey } from '../model/record-key.ts';
import type { Decision, Link, RecordKey } from '../store/types.ts';
import type { Commit, Step } from '../sync/actions.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { type Base, otherSide, type SideIndex } from '../types.ts';
import { appliedWrites, baseEntry, withApplied } from './base.ts';
import { deletedValues } from './overwritten.ts';
import { type Block, blockedTrouble, type Permit, permitFor } from './permit.ts';
import { nextLook } from './readback.ts';
import { stateToStore, whyExcluded } from './record-state.ts';
import {
  absentTwice,
  act,
  ask,
  entryOf,
  fail,
  issueOf,
  nothing,
  openOfLink,
  outcomeOf,
  pendingOf,
  type Trouble,
  troubleOf,
  undecidedLink,
  viewOn,
} from './unit.ts';

const KEPT: Decision = { kind: 'deletes' };

export function decideOrphaned(facts: Facts, link: Link): Step {
  const { ids } = link;
  const survivor = survivorOf(facts);
  if (!survivor) return endOfAbsent(facts, link, SIDES);
  const untouched = entryOf(facts).issue?.change === 'deletes';
  const permit = permitFor(facts, 'deletes', { sameState: true, untouched });
  // A person decided that the survivor stays.
  const kept = permit.kind === 'reject';
  const deletes = kept ? 'keep' : facts.mapping.sides[survivor.side].deletes;
  const own = ownValues(facts, link, survivor);
  const early = !kept && deletes === 'propagate' ? tooEarly(facts, link, otherSide(survivor.side)) : undefined;
  if (early) return early;
  if (!kept && deletes === 'propagate' && survivor.inScope && !own.edited && own.unagreed.length === 0)
    return propagate(facts, link, survivor, permit);
  const review = deletes === 'review' || deletes === 'propagate';
  const reason = reasonFor(facts, survivor, deletes, kept, own);
  const trouble: Trouble = { kind: review ? 'review' : 'orphaned', reason, ...(kept ? { kept: true } : {}) };
  return keepLink(facts, link, survivor, { trouble, kept }, outcomeOf(review ? 'review' : 'orphaned', { ids, reason }));
}

export const survivorOf = (facts: Facts): RecordView | undefined => viewOn(facts, 0) ?? viewOn(facts, 1);

/**
 * Reads may not show a record yet that was created or linked a moment ago. That it is absent is believed once the link is
 * older than such a lag. Nothing is deleted because of it before, and no link ends: a record that shows after its link has
 * ended would get another counterpart.
 */
export function tooEarly({ mapping, stored }: Facts, { created }: Link, missing: SideIndex): Step | undefined {
  const { name, entity } = mapping.sides[missing];
  const age = Math.max(0, stored.now - created);
  if (age >= entity.lag) return undefined;
  const words = `${name} does not show the record, which was linked a moment ago: it is looked at again.`;
  return fail(new TandemError('RECORD_LOCKED', words, { retryAfter: Math.min(nextLook(age), entity.lag - age) }));
}

/** A delete cannot be taken back: the missing record is looked for a second time, and the brake is asked. */
function propagate(facts: Facts, link: Link, survivor: RecordView, permit: Exclude<Permit, { kind: 'reject' }>): Step {
  const { mapping, results, stored } = facts;
  const { ids } = link;
  const { side } = survivor;
  const missing = otherSide(side);
  const deleted = outcomeOf('deleted', { ids, side, changes: changeTo(side, undefined) });
  if (results.deleted) return endLink(link, deleted);
  if (results.notDeleted) {
    const { code, message: reason } = results.notDeleted;
    const trouble: Trouble = { ...troubleOf(results.notDeleted), change: 'deletes' };
    return keepLink(facts, link, survivor, { trouble, kept: false }, outcomeOf('failed', { ids, code, reason }));
  }
  if (!facts.successors) return ask({ ask: 'successors', view: survivor });
  if (facts.successors.length > 0) return awaitSuccessor(facts, link, survivor, facts.successors);
  const absent = absentTwice(facts, missing, ids[missing]);
  if (absent === undefined) return ask({ ask: 'absent-twice', side: missing, id: ids[missing] });
  if (!absent) {
    const words = `The record in ${mapping.sides[missing].name} is there again.`;
    return fail(new TandemError('RECORD_CHANGED', words, { mapping: mapping.name }));
  }
  if (!results.begun) {
    if (permit.kind === 'ask') return ask({ ask: 'allowance', kind: 'deletes' });
    if (permit.kind === 'block') return block(facts, link, survivor, permit);
    return act({ do: 'begin', consume: { allowance: permit.allowance } }, deleted);
  }
  const values = deletedValues(mapping, survivor, stored.now);
  if (values.length > 0 && !results.overwrittenKept) return act({ do: 'keep-overwritten', ids, values }, deleted);
  return act({ do: 'delete', side, id: ids[side] }, deleted);
}

/** The deleted record seems to be there under another id: that record is looked at, and the survivor is its candidate. */
function awaitSuccessor(facts: Facts, link: Link, survivor: RecordView, successors: readonly RecordKey[]): Step {
  const { mapping } = facts;
  const { name } = mapping.sides[otherSide(survivor.side)];
  const reason = `The counterpart in ${name} was deleted, and ${successors.length === 1 ? 'a record' : 'records'} there could take its place: nothing is deleted until that is decided.`;
  const trouble: Trouble = { kind: 'orphaned', reason, candidates: successors };
  const mark = successors.map((key) => ({ mapping: mapping.name, ...parseRecordKey(key) }));
  const more = { mark, watch: successors };
  return keepLink(
    facts,
    link,
    survivor,
    { trouble, kept: false, more },
    outcomeOf('orphaned', { ids: link.ids, reason }),
  );
}

function block(facts: Facts, link: Link, survivor: RecordView, permit: Block): Step {
  const trouble = blockedTrouble(facts.mapping, permit, 'deletes');
  const outcome = outcomeOf('waiting', { ids: link.ids, code: trouble.code!, reason: trouble.reason });
  const more = { blockedBy: permit.brake.id };
  return keepLink(facts, link, survivor, { trouble, kept: false, more }, outcome);
}

function keepLink(
  facts: Facts,
  link: Link,
  survivor: RecordView,
  { trouble, kept, more = {} }: { trouble: Trouble; kept: boolean; more?: Partial<Commit> },
  outcome: Outcome,
): Step {
  const { mapping } = facts;
  const { ids, correlation } = link;
  const open = { issue: issueOf(facts, trouble), ...(kept ? { decision: KEPT } : {}) };
  const lastSynced = flip(survivor.side, [stateToStore(mapping, survivor, correlation[survivor.side]), '']);
  const commit: Commit = {
    ...nothing,
    result: undecidedLink(facts, link, { base: baseOf(facts, link, survivor), lastSynced }),
    handled: flip(survivor.side, [survivor, undefined]),
    open: openOfLink(ids, open),
    ...more,
  };
  return act({ do: 'commit', commit, last: true }, outcome);
}

/** A link of which no record is left; `absent`: the sides whose records were not found. */
export function endOfAbsent(facts: Facts, link: Link, absent: readonly SideIndex[]): Step {
  for (const side of absent) {
    const early = tooEarly(facts, link, side);
    if (early) return early;
  }
  return endLink(link, outcomeOf('missing', { ids: link.ids }));
}

/** Both records are gone, and so is their link: records that wait because of one of them are looked at again. */
export function endLink({ ids }: Link, outcome: Outcome): Step {
  const commit: Commit = {
    ...nothing,
    result: { kind: 'removed', ids },
    markAllDependents: [recordKey(0, ids[0]), recordKey(1, ids[1])],
  };
  return act({ do: 'commit', commit, last: true }, outcome);
}

/** Own writes to the survivor that were applied and never recorded are no edits of it. */
function baseOf(facts: Facts, link: Link, survivor: RecordView): Base {
  const written = pendingOf(facts, link).filter(({ side }) => side === survivor.side);
  const views = flip(survivor.side, [survivor, survivor]);
  return withApplied(link.base, appliedWrites(facts.mapping, [views[0], views[1]], written));
}

interface OwnValues {
  readonly edited: boolean;
  /** Names of properties with a value that never was agreed on. */
  readonly unagreed: readonly string[];
}

/**
 * What a survivor holds that did not come of an agreement with the record that is gone. A value without an agreement that
 * can still be read (in conflict since the two met, of a property that was added or is read differently now) is
 * somebody's, also where nothing flows from it. An empty one is nobody's.
 */
function ownValues(facts: Facts, link: Link, view: RecordView): OwnValues {
  const base = baseOf(facts, link, view);
  let edited = false;
  const unagreed: string[] = [];
  for (const [i, { name, definition }] of facts.mapping.properties.entries()) {
    const entry = baseEntry(base, name);
    const readable = entry && (redefined(entry[2] ?? definition, definition)?.readable[view.side] ?? true);
    if (entry && readable) edited ||= entry[view.side] !== view.fingerprints[i];
    else if (view.fingerprints[i] !== EMPTY) unagreed.push(name);
  }
  return { edited, unagreed };
}

function reasonFor(
  { mapping }: { readonly mapping: Mapping },
  survivor: RecordView,
  deletes: DeleteRule,
  kept: boolean,
  own: OwnValues,
): string {
  const { side, inScope } = survivor;
  const { name } = mapping.sides[side];
  const gone = `The counterpart in ${mapping.sides[otherSide(side)].name} was deleted`;
  if (deletes === 'keep') return `${gone}; ${kept ? 'a person decided that ' : ''}${name} keeps its record.`;
  if (!inScope && deletes === 'propagate') {
    const why = survivor.record.archived ? `the record is archived in ${name}` : whyExcluded(mapping, survivor);
    return `${gone}, but ${why}: a person decides.`;
  }
  if (own.edited) return `${gone}, but the record was edited in ${name}: a person decides.`;
  if (deletes === 'propagate')
    return `${gone}, but ${own.unagreed.join(', ')} in ${name} never agreed with it: a person decides.`;
  return `${gone}: a person decides.`;
}

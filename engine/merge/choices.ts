/**
 * What a person decides by hand: link two records, break a link, create a counterpart, choose the winner of a conflict,
 * delete or keep what was left over, put a value back. Pure.
 */
import { TandemError } from '../errors.ts';
import { flip, mapPair, SIDES } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import type { Link, UnlinkedIndex } from '../store/types.ts';
import type { Commit, Step } from '../sync/actions.ts';
import type { Choice, Facts } from '../sync/facts.ts';
import { otherSide, type SideIndex } from '../types.ts';
import { absentError, conflictError, takenError } from './choice-errors.ts';
import { decideLinked } from './linked.ts';
import { endLink, endOfAbsent, survivorOf, tooEarly } from './orphaned.ts';
import { deletedValues } from './overwritten.ts';
import { indexEntry, whyExcluded } from './record-state.ts';
import { endFormer, linkUnmerged } from './relink.ts';
import { decideRestore } from './restore.ts';
import { absentTwice, act, ask, end, entryOf, fail, issueOf, keyOf, nothing, outcomeOf, viewOn } from './unit.ts';
import { decideUnlinked } from './unlinked-record.ts';

type Kind<K extends Choice['kind']> = Extract<Choice, { kind: K }>;

export function decideChoice(facts: Facts, choice: Choice): Step {
  switch (choice.kind) {
    case 'link':
      return link(facts, choice);
    case 'unlink':
      return unlink(facts, choice);
    case 'create':
      return create(facts);
    case 'resolve-conflict':
      return resolveConflict(facts, choice);
    case 'delete':
      return deleteSurvivor(facts);
    case 'dismiss':
      return dismiss(facts);
    case 'restore':
      return facts.stored.link ? decideRestore(facts, facts.stored.link, choice) : refused(facts, 'It has no link.');
  }
}

const refused = ({ mapping }: Facts, message: string): Step => fail(conflictError(mapping, message));

/**
 * Two records that exist. Nothing is overwritten silently: the next look treats them as two records that meet for the
 * first time.
 */
function link(facts: Facts, { ids }: Kind<'link'>): Step {
  const { mapping, stored, side } = facts;
  const other = otherSide(side);
  if (!facts.partner) return ask({ ask: 'partner', side: other, id: ids[other] });
  if (stored.link?.ids[other] === ids[other]) return end(outcomeOf('unchanged', { ids }));
  const formers = flip(side, [stored.link, facts.partner.link]);
  // Whatever can stand in the way is known before a link ends: a record whose link has ended in vain would get a counterpart.
  for (const one of SIDES) {
    const former = formers[one];
    const refusal = former && refusalToEnd(facts, former, one);
    if (refusal) return refusal;
  }
  for (const one of SIDES) {
    const fact = facts.records[one];
    if (!fact) return ask({ ask: 'record', side: one, id: ids[one] });
    if (fact.kind === 'unreadable') return fail(fact.error);
    if (fact.kind !== 'present') return fail(absentError(mapping, one, ids[one]));
  }
  const views = mapPair(SIDES, (one) => viewOn(facts, one)!);
  for (const one of SIDES) {
    const former = formers[one];
    if (!former || facts.results.ended?.some((ended) => ended[0] === former.ids[0])) continue;
    return act({ do: 'commit', commit: endFormer(former, views[one]), last: false }, outcomeOf('matched', { ids }));
  }
  const creates = flip(side, [entryOf(facts).pendingCreate, facts.partner.pendingCreate]);
  return act(
    { do: 'commit', commit: linkUnmerged(facts, ids, views, creates), last: true },
    outcomeOf('matched', { ids }),
  );
}

/** A link may end for another one of its record on this side where its counterpart is gone. */
function refusalToEnd(facts: Facts, former: Link, side: SideIndex): Step | undefined {
  const missing = otherSide(side);
  const id = former.ids[missing];
  const absent = absentTwice(facts, missing, id);
  if (absent === undefined) return ask({ ask: 'absent-twice', side: missing, id });
  return absent ? tooEarly(facts, former, missing) : fail(takenError(facts.mapping, side, former.ids[side], id));
}

/** Both records stay, but for the correlation: one that goes on naming the other would be linked to it again. */
function unlink(facts: Facts, { ids }: Kind<'unlink'>): Step {
  const { mapping, results, stored } = facts;
  const unchanged = outcomeOf('unchanged', { ids });
  if (stored.link?.ids[0] !== ids[0] || stored.link.ids[1] !== ids[1]) return end(unchanged);
  for (const side of SIDES) {
    const fact = facts.records[side];
    if (!fact) return ask({ ask: 'record', side, id: ids[side] });
    if (fact.kind === 'unreadable') return fail(fact.error);
    if (fact.kind !== 'present' || !mapping.sides[side].correlate) continue;
    if (fact.view.correlationId !== ids[otherSide(side)]) continue;
    const result = results.correlated[side];
    if (result === undefined) return act({ do: 'correlate', side, view: fact.view, counterpart: undefined }, unchanged);
    if (result && 'error' in result) return fail(result.error);
  }
  const commit: Commit = {
    ...nothing,
    // Both may be somebody's counterpart again: those who are in review because of them are looked at next.
    result: {
      kind: 'unlink',
      ids,
      revision: stored.link.revision,
      index: mapPair(ids, (_, side) => indexOnceUnlinked(facts, side)),
    },
    markAllDependents: [recordKey(0, ids[0]), recordKey(1, ids[1])],
  };
  return act({ do: 'commit', commit, last: true }, outcomeOf('updated', { ids }));
}

function indexOnceUnlinked(facts: Facts, side: SideIndex): UnlinkedIndex | undefined {
  const view = viewOn(facts, side);
  if (!view) return undefined;
  const result = facts.results.correlated[side];
  return indexEntry(result && 'view' in result ? result.view : view);
}

/**
 * Though records that look like it exist, or though it is not known whether an earlier create went through, or again after
 * the counterpart was deleted: the person has looked.
 */
function create(facts: Facts): Step {
  const { mapping, side, id, stored } = facts;
  const target = mapping.sides[otherSide(side)];
  if (!target.create) return refused(facts, `The mapping creates nothing in ${target.name}.`);
  if (!stored.ready) return refused(facts, 'Both sides must be read fully once before anything is created.');
  const fact = facts.records[side];
  if (!fact) return ask({ ask: 'record', side, id });
  if (fact.kind === 'unreadable') return fail(fact.error);
  if (fact.kind !== 'present') return fail(absentError(mapping, side, id));
  if (!fact.view.inScope) return refused(facts, `${whyExcluded(mapping, fact.view)}.`);
  if (!stored.link) return decideUnlinked(facts);
  const former = stored.link.ids[target.index];
  const other = facts.records[target.index];
  if (!other) return ask({ ask: 'record', side: target.index, id: former });
  if (other.kind !== 'absent') return fail(takenError(mapping, side, id, former));
  const early = tooEarly(facts, stored.link, target.index);
  if (early) return early;
  // Marked: where the create fails now, or this process ends, nothing else says that the record has lost its link.
  const mark = [{ mapping: mapping.name, side, id }];
  const commit: Commit = { ...nothing, result: { kind: 'removed', ids: stored.link.ids }, mark };
  return act({ do: 'commit', commit, last: false }, outcomeOf('created', { side: target.index }));
}

/** Where both sides changed, the values of the side chosen win. Those that lose are kept. */
function resolveConflict(facts: Facts, { properties }: Kind<'resolve-conflict'>): Step {
  const { mapping, stored } = facts;
  for (const name of properties.keys()) {
    const property = mapping.properties.find((candidate) => candidate.name === name);
    if (property?.conflict === 'review') continue;
    const words = property
      ? `Conflicts of "${name}" are not left to a person: the mapping decides them.`
      : `The mapping has no property "${name}".`;
    return fail(new TandemError('BAD_REQUEST', words, { mapping: mapping.name }));
  }
  if (!stored.link) return refused(facts, 'The record has no link: there is no other side to choose between.');
  return decideLinked(facts, stored.link);
}

/** Deletes what is left of a link whose other record is gone, and ends the link. */
function deleteSurvivor(facts: Facts): Step {
  const { stored, mapping, results } = facts;
  if (!stored.link) return refused(facts, 'The record has no link: only what is left of a link is deleted here.');
  const { ids } = stored.link;
  for (const side of SIDES) {
    const fact = facts.records[side];
    if (!fact) return ask({ ask: 'record', side, id: ids[side] });
    if (fact.kind === 'unreadable') return fail(fact.error);
  }
  if (SIDES.every((side) => viewOn(facts, side)))
    return refused(facts, 'Both records of the link exist: nothing is deleted.');
  const survivor = survivorOf(facts);
  if (!survivor) return endOfAbsent(facts, stored.link, SIDES);
  const { side } = survivor;
  const deleted = outcomeOf('deleted', { ids, side });
  const values = deletedValues(mapping, survivor, stored.now);
  if (values.length > 0 && !results.overwrittenKept) return act({ do: 'keep-overwritten', ids, values }, deleted);
  if (!results.deleted) return act({ do: 'delete', side, id: ids[side] }, deleted);
  return endLink(stored.link, deleted);
}

/** Leaves a record as it is, until it changes. */
function dismiss(facts: Facts): Step {
  const { mapping, stored, id } = facts;
  const { issue } = entryOf(facts);
  if (issue?.kind !== 'review')
    return fail(
      new TandemError('NOT_FOUND', 'Nothing waits for a decision on this record.', { mapping: mapping.name, id }),
    );
  // A conflict stays one, and comes back when either side changes; explain shows it meanwhile. `orphaned` keeps full scans
  // from asking again for the lost counterpart, or for one that was merged into another record.
  const kind = stored.link ? 'orphaned' : 'unmatched';
  const areThere = stored.link !== undefined && issue.code !== undefined && issue.code !== 'RECORD_MERGED';
  const reason = `A person decided to leave it as it is. Before: ${issue.reason}`;
  // Of an id that was given again, nothing but this code may tell: where both are there by now, the next look needs it.
  const reused = stored.link !== undefined && issue.code === 'ID_REUSED';
  const left =
    areThere && !reused ? null : issueOf(facts, { kind, ...(reused ? { code: 'ID_REUSED' as const } : {}), reason });
  const key = keyOf(facts);
  const commit: Commit = { ...nothing, open: { [key]: { issue: left } } };
  return act({ do: 'commit', commit, last: true }, outcomeOf('unchanged'));
}

/** Two records that belong together: what is written to which of them, and what is recorded after that. Pure. */
import type { Mapping } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import type { Lost } from '../links/links.ts';
import type { Outcome } from '../model/outcome.ts';
import { mapPair, replaceSide } from '../model/pair.ts';
import {
  type CorrelationNote,
  type Mark,
  type OpenPatch,
  type PendingWrite,
  type RecentWrite,
  UNKNOWN_VALUE,
  type Unsettled,
} from '../store/types.ts';
import type { Commit, Step } from '../sync/actions.ts';
import type { Conversions, Facts, WriteResult } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { type Base, otherSide, type Pair, type PropertyBase, type SideIndex } from '../types.ts';
import { type Answered, baseAfter, baseEntry, entryFrom, fingerprintOf, marked, unconfirmedWrites } from './base.ts';
import { type BrakeGate, brakeGate } from './brake-gate.ts';
import { foreignModified, ownWriteOf } from './foreign.ts';
import { breakLoops, type Turns, turnsOf } from './loop.ts';
import { type MergeResult, merge, type PropertyDecision, type PropertyState, type PropertyWrite } from './merge.ts';
import { overwrittenValue, overwrittenValues } from './overwritten.ts';
import { blockedTrouble } from './permit.ts';
import { nextLook, type Readback, readback, recentAfter, storedOf } from './readback.ts';
import { stateToStore } from './state.ts';
import {
  act,
  ask,
  entryOf,
  fail,
  issueOf,
  linkResult,
  nothing,
  openOfLink,
  outcomeOf,
  type Trouble,
  troubleOf,
  waiting,
} from './unit.ts';

export interface PairToMerge {
  readonly ids: Pair<string>;
  readonly views: Pair<RecordView>;
  /** From which is merged: own writes that were applied but never recorded are in it. */
  readonly base: Base;
  readonly applied: readonly PendingWrite[];
  /** Properties that were read back differently from what was written at the last commit. */
  readonly unconfirmed: readonly string[];
  /** What is still to be done about the correlation ids in the records. */
  readonly correlation: Pair<CorrelationNote | undefined>;
}

export function decidePair(facts: Facts, pair: PairToMerge): Step {
  const paused = pair.views.find((view) => !view.inScope);
  if (paused) return pause(facts, pair, paused);
  if (!facts.conversions) return ask({ ask: 'conversions', views: pair.views, base: pair.base });
  const settled = settle(facts, pair, facts.conversions);
  const gate = brakeGate(facts, pair, settled.merged);
  if (gate.kind === 'ask') return ask({ ask: 'allowance', kind: 'clears' });
  if (gate.kind === 'block') return block(facts, pair, gate);
  // What a system could not answer just now is asked again: nobody has to fix anything.
  const passing = gate.merged.decisions.find(({ error }) => error !== undefined && error.retry !== 'never');
  if (passing?.error) return fail(passing.error);
  return nextEffect(facts, pair, gate, settled) ?? conclude(facts, pair, gate, settled);
}

/** What the values of both records come to, before the brake is asked. */
export const mergePair = (facts: Facts, pair: PairToMerge, conversions: Conversions): MergeResult =>
  settle(facts, pair, conversions).merged;

interface Settled extends Turns {
  readonly read: Readback;
}

function settle(facts: Facts, { base, views }: PairToMerge, conversions: Conversions): Settled {
  const read = readback(facts, { base, views }, conversions);
  const merged = merge({
    base: read.base,
    modified: mapPair(views, (view, side) => foreignModified(view, facts.stored.ownWrites[side])),
    properties: read.properties.map((state) => withChoice(facts, state)),
  });
  return { read, ...breakLoops(facts, { base: read.base, views }, withLeft(merged, read.left)) };
}

type Open = Extract<BrakeGate, { kind: 'open' }>;

/** What is still to be done before all can be recorded, in this order: note, keep, write, correlate. */
function nextEffect(facts: Facts, pair: PairToMerge, gate: Open, settled: Settled): Step | undefined {
  const { mapping, results } = facts;
  const { merged } = gate;
  const planned = plannedOutcome(pair, merged);
  const correlate = gate.stopped ? [] : correlationsToWrite(facts, pair, merged);
  const writes = pendingWritesOf(mapping, pair.views, merged);
  if (!results.begun && (writes.length > 0 || correlate.length > 0)) {
    const revision = facts.stored.link?.revision ?? 0;
    const noted =
      writes.length > 0 ? { writes: { revision, ids: pair.ids, writes: [...pair.applied, ...writes] } } : {};
    return act({ do: 'begin', consume: gate.consume, ...noted }, planned);
  }
  const values = [
    ...overwrittenValues(mapping, pair.views, merged, facts.stored.now),
    ...returnedValues(facts, pair.views, merged, settled),
  ];
  if (values.length > 0 && !results.overwrittenKept)
    return act({ do: 'keep-overwritten', ids: pair.ids, values }, planned);
  for (const side of [0, 1] as const) {
    if (merged.writes[side].length === 0 || results.written[side]) continue;
    const readFirst = mustReadFirst(facts, pair, side);
    return act({ do: 'update', side, view: pair.views[side], writes: merged.writes[side], readFirst }, planned);
  }
  for (const side of correlate) {
    const result = results.correlated[side];
    if (result === undefined)
      return act({ do: 'correlate', side, view: pair.views[side], counterpart: pair.ids[otherSide(side)] }, planned);
    if (result && 'error' in result) return fail(result.error);
  }
  return undefined;
}

/**
 * Without a version the system would let an edit be overwritten that was made since the record was read. So one from a
 * page or a search, or one that was read before the other record was read or written, is read again right before it is
 * written.
 */
export function mustReadFirst(
  { mapping, records, results }: Facts,
  { views }: Pick<PairToMerge, 'views'>,
  side: SideIndex,
): boolean {
  if (views[side].record.version !== undefined) return false;
  if (mapping.sides[side].entity.update?.version !== undefined) return true;
  const [own, other] = [records[side], records[otherSide(side)]];
  if (own?.kind !== 'present' || own.from === 'list' || results.written[otherSide(side)]) return true;
  return own.from === 'read' && other?.kind === 'present' && other.order > own.order;
}

const pendingWritesOf = (mapping: Mapping, views: Pair<RecordView>, merged: MergeResult): PendingWrite[] =>
  ([0, 1] as const).flatMap((side) =>
    merged.writes[side].map(({ property, fingerprint }) => ({
      property,
      side,
      sent: fingerprint,
      definition: mapping.properties.find(({ name }) => name === property)?.definition ?? '',
      from: fingerprintOf(mapping, views[otherSide(side)], property),
    })),
  );

/** Sides whose record is to be told its counterpart now; not where the write to it was rejected. */
function correlationsToWrite({ results }: Facts, { correlation }: PairToMerge, { writes }: MergeResult): SideIndex[] {
  return ([0, 1] as const).filter(
    (side) =>
      correlation[side] !== undefined &&
      correlation[side] !== 'refused' &&
      (writes[side].length === 0 || results.written[side]?.kind !== 'rejected'),
  );
}

/** A person's choice between two sides is the conflict rule of these properties, this once. */
function withChoice({ choice }: Facts, state: PropertyState): PropertyState {
  if (choice?.kind === 'restore' && state.name === choice.property) return { ...state, conflict: choice.side };
  if (choice?.kind !== 'resolve-conflict' || state.conflict !== 'review') return state;
  return { ...state, conflict: choice.properties.get(state.name) ?? choice.winner ?? 'review' };
}

const plannedOutcome = ({ ids }: PairToMerge, { writes, decisions }: MergeResult): Outcome => {
  const conflicts = decisions.filter((one) => one.rule === 'conflict').map((one) => one.property);
  return outcomeOf(writes.some((some) => some.length > 0) ? 'updated' : 'unchanged', {
    ids,
    writes: mapPair(writes, (some) => some.map(({ property }) => property)),
    ...(conflicts.length > 0 ? { conflicts } : {}),
  });
};

// ------------------------------------------------------------ the end

/** All is done that can be done: what is recorded, and what it came to. */
function conclude(facts: Facts, pair: PairToMerge, gate: Open, settled: Settled): Step {
  const { mapping, results, conversions } = facts;
  const { merged, stopped } = gate;
  const responses = mapPair(pair.views, (view, side) =>
    responsesOf(facts, view, merged.writes[side], results.written[side]),
  );
  const answers = mapPair(responses, (response) => response?.answered);
  const rejected =
    results.written.map(refusalOf).find((error) => error !== undefined) ??
    responses.flatMap((response) => [...(response?.refused.values() ?? [])])[0];
  const disagreement = disagreementOf(merged, pair.base);
  const problem = rejected ?? disagreement;
  const undecided = problem !== undefined && problem === disagreement && isReview(merged);
  const trouble: Trouble | undefined = stopped
    ? blockedTrouble(mapping, stopped.block, stopped.change)
    : problem && { ...troubleOf(problem, conversions?.refs), ...(undecided ? { kind: 'review' as const } : {}) };
  const refused = responses.flatMap((response) => [...(response?.refused.keys() ?? [])]);
  const unconfirmed = unconfirmedWrites(mapping, merged, answers, pair.unconfirmed).filter(
    (name) => !refused.includes(name),
  );
  const looks = looksAgain(facts, pair, settled, responses);
  const correlation = mapPair(pair.correlation, (note, side) => noteAfter(note, results.correlated[side]));
  const again = unconfirmed.length > 0 ? [{ mapping: mapping.name, side: 0 as const, id: pair.ids[0] }] : [];
  const refs = trouble?.kind === 'waiting' ? (conversions?.refs ?? []) : [];
  const { mark = [], ...waits } = waiting(refs);
  const commit: Commit = {
    ...nothing,
    result: linkResult(facts, {
      ids: pair.ids,
      base: marked(mapping, withoutRefused(baseAfter(merged, pair.base, answers, unconfirmed), responses)),
      unconfirmed,
      correlation,
      lastSynced:
        unconfirmed.length > 0
          ? ['', '']
          : mapPair(statesAfter(facts, pair, answers, correlation), (state, side) =>
              looks.some((look) => look.side === side) ? '' : state,
            ),
    }),
    // A decision against a clear is in the base by now, or there is nothing to be cleared any more.
    open: openOfLink(pair.ids, {
      issue: trouble ? issueOf(facts, trouble) : null,
      decision: null,
      ...unsettledAfter(facts, pair, settled, responses),
    }),
    recent: recentAfter(facts, writtenNow(facts, pair, merged, answers)),
    mark: [...again, ...looks, ...mark],
    ...waits,
    handled: mapPair(pair.views, (view, side) => handledView(facts, view, side)),
    written: mapPair(answers, (answered, side) => (answered && answered.size > 0 ? pair.ids[side] : undefined)),
    ownWrites: mapPair(pair.views, (view, side) => {
      const after = handledView(facts, view, side);
      return after && after !== view ? ownWriteOf(view, after, facts.stored.ownWrites[side]) : undefined;
    }),
    ...(stopped ? { blockedBy: stopped.block.brake.id } : {}),
  };
  return act({ do: 'commit', commit, last: true }, outcomeAfter(pair, merged, answers, problem, undecided));
}

const refusalOf = (result: WriteResult | undefined): TandemError | undefined =>
  result?.kind === 'rejected' ? result.error : result?.refused;

interface Responses {
  /** Fingerprints of what was written, as the target answered: it may trim or reformat. An old reading counts as what was sent. */
  readonly answered: Answered;
  /** Written, but the target shows what was there before: it is read again. */
  readonly old: boolean;
  /** What the target did not store as it was sent. */
  readonly refused: ReadonlyMap<string, TandemError>;
  readonly side: SideIndex;
}

/** @returns undefined for a side that rejected the write */
function responsesOf(
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
function withoutRefused(base: Base, responses: Pair<Responses | undefined>): Base {
  const entries = responses.flatMap((response) =>
    [...(response?.refused.keys() ?? [])].map((name): [string, PropertyBase] => [
      name,
      entryFrom(response!.side, response!.answered.get(name)!, UNKNOWN_VALUE),
    ]),
  );
  return { ...base, ...Object.fromEntries(entries) };
}

/** Records that have shown an old reading are read again, ever later. */
function looksAgain(
  { mapping }: Facts,
  { ids }: PairToMerge,
  { read }: Settled,
  responses: Pair<Responses | undefined>,
): Mark[] {
  return ([0, 1] as const).flatMap((side) => {
    const age = responses[side]?.old ? 0 : read.old[side];
    return age === undefined ? [] : [{ mapping: mapping.name, side, id: ids[side], inMs: nextLook(age) }];
  });
}

/** What is remembered of properties that do not come to rest; an empty patch where nothing is and was. */
function unsettledAfter(
  facts: Facts,
  { views }: PairToMerge,
  { read, unsettled }: Settled,
  responses: Pair<Responses | undefined>,
): Pick<OpenPatch, 'unsettled'> {
  const { mapping, stored } = facts;
  const former = entryOf(facts).unsettled ?? {};
  const after = new Map<string, Unsettled | undefined>(Object.entries(former));
  for (const [name, one] of unsettled) after.set(name, one);
  const halt = (name: string, error: TandemError, values: Pair<string>): void => {
    after.set(name, { halt: { values, code: error.code, reason: error.message }, returns: 0, at: stored.now });
  };
  const shown = (name: string) => mapPair(views, (view) => fingerprintOf(mapping, view, name));
  for (const { property, error } of read.left) if (error) halt(property, error, shown(property));
  for (const response of responses)
    for (const [name, error] of response?.refused ?? [])
      halt(name, error, replaceSide(shown(name), response!.side, response!.answered.get(name)!));
  const entries = [...after].flatMap(([name, one]) => (one ? [[name, one] as const] : []));
  if (entries.length > 0) return { unsettled: Object.fromEntries(entries) };
  return Object.keys(former).length > 0 ? { unsettled: null } : {};
}

/** A property of which nothing is decided now keeps its agreement; what stands in its way is the reason. */
function withLeft({ writes, base, decisions }: MergeResult, left: Readback['left']): MergeResult {
  const entries = left.flatMap(({ property, entry }) => (entry ? [[property, entry] as const] : []));
  const blocked = left.flatMap(({ property, error }): PropertyDecision[] =>
    error ? [{ property, rule: 'blocked', error }] : [],
  );
  return { writes, base: { ...base, ...Object.fromEntries(entries) }, decisions: [...decisions, ...blocked] };
}

/** What the history keeps of values that a system made of our own writes before they flow back, and of values that go to and fro. */
function returnedValues(
  facts: Facts,
  views: Pair<RecordView>,
  { decisions }: MergeResult,
  { read, unsettled }: Settled,
): Lost[] {
  const { mapping, stored } = facts;
  return decisions.flatMap(({ property, writes, loser }) => {
    if (unsettled.get(property)?.halt)
      return views.flatMap((view) => overwrittenValue(mapping, view, property, 'loop', stored.now));
    if (writes === undefined || loser !== undefined || read.third.get(property) !== otherSide(writes)) return [];
    return overwrittenValue(mapping, views[writes], property, 'returned', stored.now);
  });
}

const noteAfter = (
  note: CorrelationNote | undefined,
  result: Facts['results']['correlated'][SideIndex],
): CorrelationNote | undefined =>
  result === undefined ? note : result === false || 'error' in result ? 'refused' : undefined;

/** The states that the next scan will see: written properties as the target answered them, the others as they were read. */
function statesAfter(
  { mapping }: Facts,
  { views }: PairToMerge,
  answers: Pair<Answered | undefined>,
  correlation: Pair<CorrelationNote | undefined>,
): Pair<string> {
  return mapPair(views, (view, side) => {
    const fingerprints = mapping.properties.map(({ name }, i) => answers[side]?.get(name) ?? view.fingerprints[i]!);
    return stateToStore(mapping, { ...view, fingerprints }, correlation[side]);
  });
}

/** A record as our own writes have left it. A write of which a part was refused leaves it in no state that is known. */
function handledView({ results }: Facts, view: RecordView, side: SideIndex): RecordView | undefined {
  const [written, correlated] = [results.written[side], results.correlated[side]];
  if (typeof correlated === 'object' && 'view' in correlated) return correlated.view;
  if (written === undefined) return view;
  return written.kind === 'done' ? written.view : view;
}

/** What each property showed before our own write, when we wrote it, and how often in a row. */
function writtenNow(
  facts: Facts,
  { views }: PairToMerge,
  { writes }: MergeResult,
  answers: Pair<Answered | undefined>,
): RecentWrite[] {
  const { mapping, stored } = facts;
  return ([0, 1] as const).flatMap((side) =>
    writes[side]
      .filter(({ property }) => answers[side]?.has(property))
      .map(({ property, fingerprint }): RecentWrite => {
        const before = fingerprintOf(mapping, views[side], property);
        return { property, side, before, sent: fingerprint, at: stored.now, times: turnsOf(facts, property, side) };
      }),
  );
}

function outcomeAfter(
  pair: PairToMerge,
  merged: MergeResult,
  answers: Pair<Answered | undefined>,
  problem: TandemError | undefined,
  undecided: boolean,
): Outcome {
  const planned = plannedOutcome(pair, merged);
  const writes = mapPair(planned.writes, (names, side) => names.filter((name) => answers[side]?.has(name)));
  const done = { ...planned, ...changesOf(pair, merged, writes) };
  if (!problem) return done;
  const kind = problem.code === 'REFERENCE_WAITING' ? 'waiting' : undecided ? 'review' : 'failed';
  const { property } = problem.context;
  return { ...done, kind, writes, code: problem.code, reason: problem.message, ...(property ? { property } : {}) };
}

/** Only edits of records that had agreed before: what two records made of each other when they met is no change of either. */
function changesOf({ base, views }: PairToMerge, { decisions }: MergeResult, written: Outcome['writes']) {
  const isEdit = ({ property, rule }: PropertyDecision): boolean =>
    rule === 'one-changed' || (rule === 'conflict' && baseEntry(base, property) !== undefined);
  const changes = mapPair(written, (names, side) => {
    const edited = decisions.some((one) => one.writes === side && names.includes(one.property) && isEdit(one));
    return edited ? (views[otherSide(side)].record.modified ?? '') : undefined;
  });
  return changes.some((change) => change !== undefined) ? { changes } : {};
}

const isReview = ({ decisions }: MergeResult): boolean =>
  decisions.some((one) => one.rule === 'review') && !decisions.some((one) => one.error);

/** The first thing that keeps a property from agreeing, if any. */
function disagreementOf({ decisions }: MergeResult, base: Base): TandemError | undefined {
  const blocked = decisions.find((one) => one.rule === 'blocked');
  if (blocked)
    return (
      blocked.error ??
      new TandemError('CONFLICT', `${blocked.property} cannot be written.`, { property: blocked.property })
    );
  const open = decisions.filter((one) => one.rule === 'review').map(({ property }) => property);
  const [first] = open;
  if (first === undefined) return undefined;
  const names = `${open.join(', ')} ${open.length === 1 ? 'was' : 'were'}`;
  const words = open.every((name) => baseEntry(base, name) === undefined)
    ? `${names} different on the two sides when the records met: a person decides.`
    : `${names} changed on both sides: a person decides.`;
  return new TandemError('CONFLICT', words, { property: first });
}

// ------------------------------------------------------------ nothing is written

/** A link of which a record is out of scope keeps its last state. */
function pause(facts: Facts, pair: PairToMerge, { side }: RecordView): Step {
  const reason = `${facts.mapping.sides[side].name}.when excludes the record: the link is kept, nothing is written.`;
  const issue = issueOf(facts, { kind: 'paused', reason });
  return asItIs(facts, pair, { issue }, outcomeOf('excluded', { ids: pair.ids }));
}

function block(facts: Facts, pair: PairToMerge, gate: Extract<BrakeGate, { kind: 'block' }>): Step {
  const { mapping } = facts;
  const trouble = blockedTrouble(mapping, gate.block, gate.change);
  const open = { issue: issueOf(facts, trouble), ...(gate.decision === undefined ? {} : { decision: gate.decision }) };
  const more = { ids: pair.ids, code: trouble.code!, reason: trouble.reason };
  return asItIs(facts, pair, open, outcomeOf('waiting', more), { blockedBy: gate.block.brake.id });
}

/** The link in the states that its records are in, so that scans leave it alone meanwhile. */
function asItIs(facts: Facts, pair: PairToMerge, patch: OpenPatch, outcome: Outcome, more: Partial<Commit> = {}): Step {
  const { mapping } = facts;
  const { ids, base, correlation, unconfirmed } = pair;
  const lastSynced = mapPair(pair.views, (view, side) => stateToStore(mapping, view, correlation[side]));
  // Should one of the two be deleted again, that is another deletion.
  const ended = entryOf(facts).decision?.kind === 'deletes' ? { decision: null } : {};
  const commit: Commit = {
    ...nothing,
    result: linkResult(facts, { ids, base: marked(mapping, base), unconfirmed, correlation, lastSynced }),
    handled: pair.views,
    open: openOfLink(ids, { ...ended, ...patch }),
    ...more,
  };
  return act({ do: 'commit', commit, last: true }, outcome);
}

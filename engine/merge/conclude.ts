/** All is done for two records that can be done: what is recorded, and what it came to. Pure. */
import type { TandemError } from '../errors.ts';
import { mapPair, replaceSide } from '../model/pair.ts';
import {
  type CorrelationNote,
  type Mark,
  type OpenPatch,
  type RecentWrite,
  UNKNOWN_VALUE,
  type Unsettled,
} from '../store/types.ts';
import type { Commit, Step } from '../sync/actions.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import type { Pair, SideIndex } from '../types.ts';
import { type Answered, baseAfter, baseEntry, fingerprintOf, marked, unconfirmedWrites } from './base.ts';
import type { OpenGate } from './brake-gate.ts';
import { ownWriteOf } from './foreign.ts';
import { turnsOf } from './loop.ts';
import type { MergeResult } from './merge.ts';
import { disagreementOf, isReview, outcomeAfter } from './pair-outcome.ts';
import { blockedTrouble } from './permit.ts';
import { isRecorded, nextLook, recentAfter, unshownBefore, wasRead } from './readback.ts';
import { stateToStore } from './record-state.ts';
import { type Responses, refusalOf, responsesOf, withoutRefused } from './responses.ts';
import type { PairToMerge, Settled } from './settle.ts';
import { act, entryOf, issueOf, linkResult, nothing, openOfLink, type Trouble, troubleOf, waiting } from './unit.ts';

/** All is done that can be done: what is recorded, and what it came to. */
export function conclude(facts: Facts, pair: PairToMerge, gate: OpenGate, settled: Settled): Step {
  const { mapping, results } = facts;
  const { refs } = facts.conversions!;
  const { merged, stopped } = gate;
  const responses = mapPair(pair.views, (view, side) =>
    responsesOf(facts, view, merged.writes[side], results.written[side]),
  );
  const answers = mapPair(responses, ({ answered }) => answered);
  const rejected =
    results.written.map(refusalOf).find((error) => error !== undefined) ??
    responses.flatMap(({ refused }) => [...refused.values()])[0];
  const disagreement = disagreementOf(merged, pair.base);
  const problem = rejected ?? disagreement;
  const undecided = problem === disagreement && isReview(merged);
  // Also where something else is the matter first: the rest is written once the record that it refers to has a counterpart.
  const waits = merged.decisions.some(({ error }) => error?.code === 'REFERENCE_WAITING');
  const { mark = [], waitFor } = waiting(waits ? refs : []);
  const trouble: Trouble | undefined = stopped
    ? blockedTrouble(mapping, stopped.block, stopped.change)
    : problem && { ...troubleOf(problem, refs), ...(undecided ? { kind: 'review' as const } : {}) };
  const unconfirmed = unconfirmedWrites(facts, merged, answers, pair.unconfirmed).filter(
    (name) => !responses.some(({ refused }) => refused.has(name)),
  );
  const correlation = mapPair(pair.correlation, (note, side) => noteAfter(note, results.correlated[side]));
  const written = writtenNow(facts, pair, merged, responses);
  const recent = recentAfter(facts, pair.views, [...writesBefore(facts, pair, answers), ...written]);
  const looks = looksAgain(facts, pair, settled, responses, recent);
  const again = unconfirmed.length > 0 ? [{ mapping: mapping.name, side: 0 as const, id: pair.ids[0] }] : [];
  const commit: Commit = {
    ...nothing,
    result: linkResult(facts, {
      ids: pair.ids,
      base: marked(mapping, withoutRefused(baseAfter(merged, pair.base, answers, unconfirmed), responses)),
      unconfirmed,
      correlation,
      lastSynced: mapPair(statesAfter(facts, pair, answers, correlation), (state, side) =>
        unconfirmed.length > 0 || looks.some((look) => look.side === side) ? '' : state,
      ),
    }),
    // A decision against a clear is in the base by now, or there is nothing to be cleared any more.
    open: openOfLink(pair.ids, {
      // It names whom it waits for, so that this ends with it.
      issue: trouble ? issueOf(facts, waitFor ? { ...trouble, refs: waitFor } : trouble) : null,
      decision: null,
      ...unsettledAfter(facts, pair, settled, responses),
    }),
    recent,
    mark: [...again, ...looks, ...mark],
    ...(waitFor ? { waitFor } : {}),
    handled: mapPair(pair.views, (view, side) => handledView(facts, view, side)),
    written: mapPair(answers, (answered, side) => (answered.size > 0 ? pair.ids[side] : undefined)),
    ownWrites: mapPair(pair.views, (view, side) => {
      const after = handledView(facts, view, side);
      return after && after !== view ? ownWriteOf(view, after, facts.stored.ownWrites[side]) : undefined;
    }),
    ...(stopped ? { blockedBy: stopped.block.brake.id } : {}),
  };
  return act({ do: 'commit', commit, last: true }, outcomeAfter(pair, merged, answers, problem, undecided));
}

/** Records that have shown an old reading are read again, ever later; those that show nothing of a write, once reads lag no longer. */
function looksAgain(
  { mapping, stored }: Facts,
  { ids }: PairToMerge,
  { read }: Settled,
  responses: Pair<Responses>,
  recent: readonly RecentWrite[],
): Mark[] {
  return ([0, 1] as const).flatMap((side) => {
    const age = responses[side].old.size > 0 ? 0 : read.old[side];
    const { lag } = mapping.sides[side].entity;
    const late = recent
      .filter((write) => write.side === side && !isRecorded(write))
      .map(({ at }) => Math.min(Math.max(at + lag - stored.now, SOONEST_LOOK), LATEST_LOOK));
    const inMs = age === undefined ? late.sort((a, b) => a - b)[0] : nextLook(age);
    return inMs === undefined ? [] : [{ mapping: mapping.name, side, id: ids[side], inMs }];
  });
}

/** When a record is looked at for an own write that it may show late; before such a write is forgotten. In ms. */
const SOONEST_LOOK = 1_000;
const LATEST_LOOK = 600_000;

/** What is remembered of properties that do not come to rest; an empty patch where nothing is and was. */
function unsettledAfter(
  facts: Facts,
  { views }: PairToMerge,
  { read, unsettled }: Settled,
  responses: Pair<Responses>,
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
  for (const { side, answered, refused } of responses)
    for (const [name, error] of refused) halt(name, error, replaceSide(shown(name), side, answered.get(name)!));
  const entries = [...after].flatMap(([name, one]) => (one ? [[name, one] as const] : []));
  if (entries.length > 0) return { unsettled: Object.fromEntries(entries) };
  return Object.keys(former).length > 0 ? { unsettled: null } : {};
}

const noteAfter = (
  note: CorrelationNote | undefined,
  result: Facts['results']['correlated'][SideIndex],
): CorrelationNote | undefined => (result === undefined ? note : result === false ? 'refused' : undefined);

/** The states that the next scan will see: written properties as the target answered them, the others as they were read. */
function statesAfter(
  { mapping }: Facts,
  { views }: PairToMerge,
  answers: Pair<Answered>,
  correlation: Pair<CorrelationNote | undefined>,
): Pair<string> {
  return mapPair(views, (view, side) => {
    // What it shows was hashed already.
    if (answers[side].size === 0) return stateToStore(mapping, view, correlation[side]);
    const fingerprints = mapping.properties.map(({ name }, i) => answers[side].get(name) ?? view.fingerprints[i]!);
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

/** Own writes whose response was lost, and which both records have shown to be applied: a replica may lag behind these too. */
function appliedBefore(facts: Facts, { applied }: PairToMerge): RecentWrite[] {
  const { link, now } = facts.stored;
  return applied.map(({ property, side, sent }): RecentWrite => {
    const before = (link && baseEntry(link.base, property)?.[side]) ?? UNKNOWN_VALUE;
    const turns = turnsOf(facts, { property, fingerprint: sent }, side);
    // It was stored: should the former value stand there later, somebody has typed it again.
    const read = wasRead(facts, side) ? ({ read: true } as const) : {};
    return { property, side, before, sent, at: now, ...turns, ...read };
  });
}

/** A value that a person put back is our own write too: a replica may lag behind it. */
export function restoredNow(facts: Facts): RecentWrite[] {
  const { wrote, view } = facts.results.restored ?? {};
  if (!wrote || !view) return [];
  const { property, side, before, sent } = wrote;
  const turns = turnsOf(facts, { property, fingerprint: sent }, side);
  const unshown = fingerprintOf(facts.mapping, view, property) === before ? ({ unshown: true } as const) : {};
  return [{ ...wrote, ...turns, ...unshown }];
}

/**
 * Own writes that no commit has recorded yet, besides those that this look has made of the merge.
 * @param answers what was written by that
 */
export const writesBefore = (facts: Facts, pair: PairToMerge, answers: Pair<Answered>): RecentWrite[] => [
  ...appliedBefore(facts, pair),
  ...restoredNow(facts),
  ...unshownBefore(facts, pair, answers),
];

/** What each property showed before our own write, when we wrote it, and how often in a row. */
function writtenNow(
  facts: Facts,
  { views }: PairToMerge,
  { writes }: MergeResult,
  responses: Pair<Responses>,
): RecentWrite[] {
  const { mapping, stored, results } = facts;
  return responses.flatMap(({ side, answered, old }) => {
    const result = results.written[side];
    const at = Math.round((result?.kind === 'done' ? result.at : undefined) ?? stored.now);
    return writes[side]
      .filter(({ property }) => answered.has(property))
      .map((write): RecentWrite => {
        const { property, fingerprint } = write;
        const before = fingerprintOf(mapping, views[side], property);
        const turns = turnsOf(facts, write, side);
        const unshown = old.has(property) ? ({ unshown: true } as const) : {};
        return { property, side, before, sent: fingerprint, at, ...turns, ...unshown };
      });
  });
}

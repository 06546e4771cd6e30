/** Two records that belong together: what is written to which of them, and what is recorded after that. Pure. */
import type { Mapping } from '../config/types.ts';
import type { Outcome } from '../model/outcome.ts';
import { mapPair } from '../model/pair.ts';
import type { Overwritten } from '../store/history.ts';
import { type OpenPatch, type PendingWrite, UNKNOWN_VALUE } from '../store/types.ts';
import type { Commit, Step } from '../sync/actions.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { otherSide, type Pair, type SideIndex } from '../types.ts';
import { fingerprintOf, marked } from './base.ts';
import { type BrakeGate, brakeGate, type OpenGate } from './brake-gate.ts';
import { conclude, writesBefore } from './conclude.ts';
import type { MergeResult, PropertyWrite } from './merge.ts';
import { overwrittenValue, overwrittenValues } from './overwritten.ts';
import { plannedOutcome } from './pair-outcome.ts';
import { blockedTrouble, clearsOf } from './permit.ts';
import { isShownLate, recentAfter } from './readback.ts';
import { stateToStore, whyExcluded } from './record-state.ts';
import { responsesOf } from './responses.ts';
import { type PairToMerge, type Settled, settle } from './settle.ts';
import { act, ask, entryOf, fail, issueOf, linkResult, nothing, openOfLink, outcomeOf } from './unit.ts';

export function decidePair(facts: Facts, pair: PairToMerge): Step {
  const paused = pair.views.find((view) => !view.inScope);
  if (paused) return pause(facts, pair, paused);
  if (!facts.conversions) return ask({ ask: 'conversions', views: pair.views, base: pair.base });
  const settled = settle(facts, pair, facts.conversions);
  const gate = brakeGate(facts, pair, settled.merged);
  if (gate.kind === 'ask') return ask({ ask: 'allowance', kind: 'clears' });
  if (gate.kind !== 'open') return block(facts, pair, gate);
  // What a system could not answer just now is asked again: nobody has to fix anything.
  const passing = gate.merged.decisions.find(({ error }) => error !== undefined && error.retry !== 'never');
  if (passing?.error) return fail(passing.error);
  return nextEffect(facts, pair, gate, settled) ?? conclude(facts, pair, gate, settled);
}

/** What is still to be done before all can be recorded, in this order: note, keep, write, correlate. */
function nextEffect(facts: Facts, pair: PairToMerge, gate: OpenGate, settled: Settled): Step | undefined {
  const { mapping, results } = facts;
  const { merged } = gate;
  const planned = plannedOutcome(pair, merged);
  const correlate = gate.stopped ? [] : correlationsToWrite(facts, pair);
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
    const shown = results.shownNoted ? [] : writesAsShown(facts, pair, merged, otherSide(side));
    if (shown.length > 0) {
      const noted = {
        revision: facts.stored.link?.revision ?? 0,
        ids: pair.ids,
        writes: [...pair.applied, ...writes, ...shown],
      };
      return act({ do: 'begin', consume: undefined, writes: noted, shown: true }, planned);
    }
    const readFirst = mustReadFirst(facts, pair, side);
    const unshown = some(settled.read.unshown[side]);
    const [view, own] = [pair.views[side], merged.writes[side]];
    return act({ do: 'update', side, view, writes: own, ...unshown, readFirst }, planned);
  }
  for (const side of correlate) {
    const result = results.correlated[side];
    if (result === undefined)
      return act({ do: 'correlate', side, view: pair.views[side], counterpart: pair.ids[otherSide(side)] }, planned);
    if (result && 'error' in result) return fail(result.error);
  }
  return undefined;
}

const some = (unshown: readonly PropertyWrite[]) => (unshown.length > 0 ? { unshown } : {});

/**
 * Without a version the system would let an edit be overwritten that was made since the record was read. So one from a
 * page or a search, or one that was read before the other record was read or written, is read again right before it is
 * written.
 */
export function mustReadFirst(
  { capabilities, records, results }: Facts,
  { views }: Pick<PairToMerge, 'views'>,
  side: SideIndex,
): boolean {
  if (views[side].record.version !== undefined) return false;
  if (capabilities[side].update?.versioned) return true;
  const [own, other] = [records[side], records[otherSide(side)]];
  if (own?.kind !== 'present' || own.from === 'list' || results.written[otherSide(side)]) return true;
  // A partner that was found by a search was read after the record itself.
  return own.from === 'read' && (other?.kind !== 'present' || other.order > own.order);
}

const pendingWritesOf = (mapping: Mapping, views: Pair<RecordView>, merged: MergeResult): PendingWrite[] =>
  ([0, 1] as const).flatMap((side) =>
    merged.writes[side].map(({ property, fingerprint }) => ({
      property,
      side,
      sent: fingerprint,
      definition: mapping.properties.find(({ name }) => name === property)!.definition,
      from: fingerprintOf(mapping, views[otherSide(side)], property),
    })),
  );

/**
 * What a system cut or rounded, while the other record is still to be written: should that fail, the next look would take it for
 * an edit. It is no agreement, as in `withoutRefused`. Any other value that it shows may be an edit that came in between.
 */
function writesAsShown(facts: Facts, pair: PairToMerge, merged: MergeResult, side: SideIndex): PendingWrite[] {
  const writes = merged.writes[side];
  const { answered, refused } = responsesOf(facts, pair.views[side], writes, facts.results.written[side]);
  return pendingWritesOf(facts.mapping, pair.views, merged).flatMap((write) => {
    const shown = write.side === side && refused.has(write.property) ? answered.get(write.property) : undefined;
    return shown === undefined || shown === write.sent ? [] : [{ ...write, sent: shown, from: UNKNOWN_VALUE }];
  });
}

/** Sides to whose record its counterpart is to be written now; not where the write to it was rejected. */
function correlationsToWrite({ results }: Facts, { correlation }: PairToMerge): SideIndex[] {
  return ([0, 1] as const).filter(
    (side) =>
      correlation[side] !== undefined && correlation[side] !== 'refused' && results.written[side]?.kind !== 'rejected',
  );
}

/** What the history keeps of values that a system made of our own writes before they flow back, and of values that go to and fro. */
function returnedValues(
  facts: Facts,
  views: Pair<RecordView>,
  merged: MergeResult,
  { read, unsettled }: Settled,
): Overwritten[] {
  const { mapping, stored } = facts;
  const cleared = clearsOf(merged);
  return merged.decisions.flatMap(({ property, writes, loser }) => {
    if (unsettled.get(property)?.halt)
      return views.flatMap((view) => overwrittenValue(mapping, view, property, 'loop', stored.now));
    if (writes === undefined || loser !== undefined) return [];
    const isLate = isShownLate(facts, views[writes], property) && !cleared.has(property);
    if (!isLate && read.third.get(property) !== otherSide(writes)) return [];
    return overwrittenValue(mapping, views[writes], property, 'returned', stored.now);
  });
}

// ------------------------------------------------------------ nothing is written

/** A link of which a record is out of scope keeps its last state. */
function pause(facts: Facts, pair: PairToMerge, excluded: RecordView): Step {
  const reason = `${whyExcluded(facts.mapping, excluded)}: the link is kept, nothing is written.`;
  const issue = issueOf(facts, { kind: 'paused', reason });
  return asItIs(facts, pair, { issue }, outcomeOf('excluded', { ids: pair.ids }));
}

export function block(facts: Facts, pair: PairToMerge, gate: Extract<BrakeGate, { kind: 'block' }>): Step {
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
  const recent = recentAfter(facts, pair.views, writesBefore(facts, pair, [new Map(), new Map()]));
  // Should one of the two be deleted again, that is another deletion.
  const ended = entryOf(facts).decision?.kind === 'deletes' ? { decision: null } : {};
  const commit: Commit = {
    ...nothing,
    result: linkResult(facts, { ids, base: marked(mapping, base), unconfirmed, correlation, lastSynced }),
    handled: pair.views,
    open: openOfLink(ids, { ...ended, ...patch }),
    ...(recent.length + facts.stored.recent.length > 0 ? { recent } : {}),
    ...more,
  };
  return act({ do: 'commit', commit, last: true }, outcome);
}

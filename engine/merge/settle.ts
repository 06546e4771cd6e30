/** What the values of two records come to, before the brake is asked: what was read back, merged, without loops. Pure. */
import { mapPair } from '../model/pair.ts';
import type { CorrelationNote, PendingWrite } from '../store/types.ts';
import type { Conversions, Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import type { Base, Pair, PropertyBase } from '../types.ts';
import { foreignModified } from './foreign.ts';
import { breakLoops, type Turns } from './loop.ts';
import { type MergeResult, merge, type PropertyState } from './merge.ts';
import { type Readback, readback } from './readback.ts';

export interface PairToMerge {
  readonly ids: Pair<string>;
  readonly views: Pair<RecordView>;
  /** From which is merged: own writes that were applied but never recorded are in it. */
  readonly base: Base;
  readonly applied: readonly PendingWrite[];
  /** All that was begun and never recorded. */
  readonly pending: readonly PendingWrite[];
  /** Properties that were read back differently from what was written at the last commit. */
  readonly unconfirmed: readonly string[];
  /** What is still to be done about the correlation ids in the records. */
  readonly correlation: Pair<CorrelationNote | undefined>;
}

/** What the values of both records come to, before the brake is asked. */
export const mergePair = (facts: Facts, pair: PairToMerge, conversions: Conversions): MergeResult =>
  settle(facts, pair, conversions).merged;

export interface Settled extends Turns {
  readonly read: Readback;
}

/** `decide` is asked at each step of a unit, and what this follows from does not change between most of them. */
const known = new WeakMap<
  Conversions,
  Pick<Facts, 'mapping' | 'stored' | 'choice'> & { readonly views: Pair<RecordView>; readonly settled: Settled }
>();

export function settle(facts: Facts, pair: PairToMerge, conversions: Conversions): Settled {
  const { mapping, stored, choice } = facts;
  const { views } = pair;
  const before = known.get(conversions);
  const same =
    before?.mapping === mapping &&
    before.stored === stored &&
    before.choice === choice &&
    before.views[0] === views[0] &&
    before.views[1] === views[1];
  if (same) return before.settled;
  const settled = settleValues(facts, pair, conversions);
  known.set(conversions, { mapping, stored, choice, views, settled });
  return settled;
}

function settleValues(facts: Facts, { base, views }: PairToMerge, conversions: Conversions): Settled {
  const read = readback(facts, { base, views }, conversions);
  const merged = merge({
    base: read.base,
    modified: mapPair(views, (view, side) => foreignModified(view, facts.stored.ownWrites[side])),
    properties: read.properties.map((state) => withChoice(facts, state)),
  });
  return { read, ...breakLoops(facts, { base: read.base, views }, withLeft(merged, read.left)) };
}

/** A person's choice between two sides is the conflict rule of these properties, this once. */
function withChoice({ choice }: Facts, state: PropertyState): PropertyState {
  if (choice?.kind === 'restore' && state.name === choice.property) return { ...state, conflict: choice.side };
  if (choice?.kind !== 'resolve-conflict' || state.conflict !== 'review') return state;
  return { ...state, conflict: choice.properties.get(state.name) ?? choice.winner ?? 'review' };
}

/** A property of which nothing is decided now keeps its agreement; what stands in its way is the reason. */
function withLeft(merged: MergeResult, left: Readback['left']): MergeResult {
  const base: Record<string, PropertyBase> = { ...merged.base };
  const decisions = [...merged.decisions];
  for (const { property, entry, error } of left) {
    if (entry) base[property] = entry;
    if (error) decisions.push({ property, rule: 'blocked', error });
  }
  return { writes: merged.writes, base, decisions };
}

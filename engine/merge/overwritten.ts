/** Values that are overwritten, for the history from which they can be put back. Pure. */
import type { Mapping } from '../config/types.ts';
import { isEmpty } from '../expression/values.ts';
import type { Overwritten } from '../store/history.ts';
import type { RecordView } from '../sync/view.ts';
import type { Pair } from '../types.ts';
import type { MergeResult } from './merge.ts';
import { clearsOf } from './permit.ts';

/** @param at epoch ms. @returns nothing for an empty value, which is none that could be put back */
export function overwrittenValue(
  mapping: Mapping,
  view: RecordView,
  property: string,
  rule: string,
  at: number,
): Overwritten[] {
  const value = view.raw[mapping.properties.findIndex((candidate) => candidate.name === property)];
  if (isEmpty(value)) return [];
  return [{ at: new Date(at).toISOString(), property, side: mapping.sides[view.side].name, value, rule }];
}

/** What is overwritten against somebody's will, and what is cleared: a runaway clear could not be put back otherwise. */
export function overwrittenValues(
  mapping: Mapping,
  views: Pair<RecordView>,
  merged: MergeResult,
  at: number,
): Overwritten[] {
  const cleared = clearsOf(merged);
  return merged.decisions.flatMap(({ property, rule, loser, writes }) => {
    if (loser !== undefined) return overwrittenValue(mapping, views[loser], property, rule, at);
    return cleared.has(property) ? overwrittenValue(mapping, views[writes!], property, 'cleared', at) : [];
  });
}

/** All that the mapping sees of a record that is about to be deleted. */
export const deletedValues = (mapping: Mapping, view: RecordView, at: number): Overwritten[] =>
  mapping.properties.flatMap(({ name }) => overwrittenValue(mapping, view, name, 'deleted', at));

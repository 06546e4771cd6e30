/** What a look at two records comes to, in the words of runs and of the log. Pure. */
import { TandemError } from '../errors.ts';
import type { Outcome } from '../model/outcome.ts';
import { mapPair } from '../model/pair.ts';
import { type Base, otherSide, type Pair } from '../types.ts';
import { type Answered, baseEntry } from './base.ts';
import type { MergeResult, PropertyDecision } from './merge.ts';
import type { PairToMerge } from './settle.ts';
import { outcomeOf } from './unit.ts';

export const plannedOutcome = ({ ids }: PairToMerge, { writes, decisions }: MergeResult): Outcome => {
  const conflicts = decisions.filter((one) => one.rule === 'conflict').map((one) => one.property);
  return outcomeOf(writes.some((some) => some.length > 0) ? 'updated' : 'unchanged', {
    ids,
    writes: mapPair(writes, (some) => some.map(({ property }) => property)),
    ...(conflicts.length > 0 ? { conflicts } : {}),
  });
};

export function outcomeAfter(
  pair: PairToMerge,
  merged: MergeResult,
  answers: Pair<Answered>,
  problem: TandemError | undefined,
  undecided: boolean,
): Outcome {
  const planned = plannedOutcome(pair, merged);
  const writes = mapPair(planned.writes, (names, side) => names.filter((name) => answers[side].has(name)));
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
    const edited = decisions.some((one) => names.includes(one.property) && isEdit(one));
    return edited ? (views[otherSide(side)].record.modified ?? '') : undefined;
  });
  return changes.some((change) => change !== undefined) ? { changes } : {};
}

export const isReview = ({ decisions }: MergeResult): boolean =>
  decisions.some((one) => one.rule === 'review') && !decisions.some((one) => one.error);

/** The first thing that keeps a property from agreeing, if any. */
export function disagreementOf({ decisions }: MergeResult, base: Base): TandemError | undefined {
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

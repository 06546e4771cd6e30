/** The commits by which a record gets another link in place of one whose counterpart is gone. Pure. */
import { flip, mapPair } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import type { Link, PendingCreate } from '../store/types.ts';
import type { Commit } from '../sync/actions.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import type { Pair } from '../types.ts';
import { baseOfMatch } from './base.ts';
import { indexEntry } from './record-state.ts';
import { linkResult, nothing } from './unit.ts';

/** The former link ends. The survivor goes into the match index at once: without a link it would get another counterpart. */
export const endFormer = ({ ids, revision }: Link, survivor: RecordView): Commit => ({
  ...nothing,
  result: { kind: 'unlink', ids, revision, index: flip(survivor.side, [indexEntry(survivor), undefined]) },
  markAllDependents: mapPair(ids, (id, side) => recordKey(side, id)),
});

/** Nothing is written yet: the next look treats the two as records that meet for the first time. */
export function linkUnmerged(
  facts: Facts,
  ids: Pair<string>,
  views: Pair<RecordView>,
  creates: Pair<PendingCreate | undefined>,
): Commit {
  const { mapping } = facts;
  const base = baseOfMatch(mapping, views, creates);
  return {
    ...nothing,
    result: linkResult(facts, { ids, base, unconfirmed: [], correlation: ['new', 'new'], lastSynced: ['', ''] }),
    handled: views,
    mark: [{ mapping: mapping.name, side: 0, id: ids[0] }],
  };
}

/**
 * Somebody who comes back: a customer who deleted the account registers again, a shop is imported again under new ids. The
 * record on the other side, the survivor, is still linked to the one that is gone. It becomes the counterpart of the new
 * one if that names it, or if a match rule finds it and nobody else. So nobody is created a second time. Pure.
 */
import { TandemError } from '../errors.ts';
import { flip } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import type { Step } from '../sync/actions.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { pendingCreateOf } from './create.ts';
import type { Match } from './match.ts';
import { tooEarly } from './orphaned.ts';
import { endFormer, linkUnmerged } from './relink.ts';
import { absentTwice, act, ask, fail, outcomeOf } from './unit.ts';

/**
 * The former link ends, and the new one follows at once. The former counterpart is looked for once more before: a system
 * may have missed it by mistake.
 */
export function decideReturn(
  facts: Facts,
  view: RecordView,
  { view: survivor, former }: Required<Extract<Match, { kind: 'one' }>>,
): Step {
  const { mapping, results } = facts;
  const { side } = view;
  const { ids } = former;
  if (results.ended?.some((ended) => ended[0] === ids[0])) return linkReturned(facts, view, survivor);
  const both = [recordKey(0, ids[0]), recordKey(1, ids[1])];
  const matched = outcomeOf('matched');
  const early = tooEarly(facts, former, side);
  if (early) return early;
  const claims = both.filter((name) => !results.locked.includes(name));
  if (claims.length > 0) return act({ do: 'lock', claims }, matched);
  const absent = absentTwice(facts, side, ids[side]);
  if (absent === undefined) return ask({ ask: 'absent-twice', side, id: ids[side] });
  if (!absent) {
    const words = `The former counterpart in ${mapping.sides[side].name} is there again.`;
    return fail(new TandemError('RECORD_CHANGED', words, { mapping: mapping.name }));
  }
  return act({ do: 'commit', commit: endFormer(former, survivor), last: false }, matched);
}

/**
 * Nothing is asked of a system or written between the two links: a survivor without a link would get another counterpart
 * should the record that came back be gone again meanwhile. The next look treats them as two that meet for the first time.
 */
function linkReturned(facts: Facts, view: RecordView, survivor: RecordView): Step {
  const views = flip(view.side, [view, survivor]);
  const ids = [views[0].record.id, views[1].record.id] as const;
  const commit = linkUnmerged(facts, ids, views, flip(view.side, [pendingCreateOf(facts), undefined]));
  return act({ do: 'commit', commit, last: true }, outcomeOf('matched', { ids }));
}

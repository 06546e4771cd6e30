/** Finds the counterpart of a record without a link, by the match rules of its mapping, tried in order. */
import type { Mapping } from '../config/types.ts';
import { recordKey } from '../links/keys.ts';
import { otherSide, type SideIndex } from '../types.ts';
import type { SyncContext } from './context.ts';
import { type View, viewRecord } from './view.ts';

export type Match =
  | { readonly kind: 'none' }
  /** Exactly one candidate, and this record is the only one that it could belong to. */
  | { readonly kind: 'one'; readonly view: View; readonly rule: string }
  /** Several could belong together, or the rule asks for a person. Record keys of all concerned but the record itself. */
  | { readonly kind: 'review'; readonly candidates: readonly string[]; readonly rule: string };

/**
 * Looks in the match index first, which holds every record that was read, and only then asks the other system, so that
 * a record made there a moment ago is found too. A candidate is read again before it counts.
 *
 * Records that are linked already are nobody's candidates. A record that a better rule pairs with another one is
 * nobody's candidate under a lesser rule; so the result does not depend on which record comes first.
 */
export async function findCounterpart(context: SyncContext, mapping: Mapping, view: View): Promise<Match> {
  const other = otherSide(view.side);
  for (const [rule, { name, find, found }] of mapping.match.entries()) {
    const key = view.keys[rule];
    const text = view.keyTexts[rule];
    if (key === undefined || text === undefined) continue;
    let candidates = await indexed(context, mapping, other, rule, key);
    const field = find[other];
    if (candidates.length === 0 && field !== undefined)
      candidates = await searched(context, mapping, other, rule, key, field, text);
    if (candidates.length === 0) continue;
    const rivals = (await indexed(context, mapping, view.side, rule, key)).filter(
      (rival) => rival.record.id !== view.record.id,
    );
    const [only, ...more] = candidates;
    if (only && more.length === 0 && rivals.length === 0 && found === 'link')
      return { kind: 'one', view: only, rule: name };
    return {
      kind: 'review',
      rule: name,
      candidates: [...candidates, ...rivals].map((candidate) => recordKey(candidate.side, candidate.record.id)),
    };
  }
  return { kind: 'none' };
}

/** Candidates of the match index, read again, that still have the key and are free. */
async function indexed(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  rule: number,
  key: string,
): Promise<View[]> {
  const links = context.links(mapping.name);
  const { system, entity } = mapping.sides[side];
  const ids = await links.candidates(side, rule, key);
  const counterparts = await links.counterparts(side, ids);
  const free = ids.filter((_, i) => counterparts[i] === null);
  const records = await Promise.all(free.map((id) => context.client(system.name).read(entity.name, id)));
  const views = await Promise.all(records.flatMap((record) => (record ? [viewRecord(mapping, side, record)] : [])));
  return keepFree(context, mapping, rule, key, views);
}

async function searched(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  rule: number,
  key: string,
  field: string,
  text: string,
): Promise<View[]> {
  const links = context.links(mapping.name);
  const { system, entity } = mapping.sides[side];
  const records = await context.client(system.name).find(entity.name, field, text);
  const views = await Promise.all(records.map((record) => viewRecord(mapping, side, record)));
  if (views.length > 0)
    await links.index(
      side,
      views.map((view) => ({ id: view.record.id, keys: view.keys })),
    );
  const counterparts = await links.counterparts(
    side,
    views.map((view) => view.record.id),
  );
  return keepFree(
    context,
    mapping,
    rule,
    key,
    views.filter((_, i) => counterparts[i] === null),
  );
}

async function keepFree(
  context: SyncContext,
  mapping: Mapping,
  rule: number,
  key: string,
  views: readonly View[],
): Promise<View[]> {
  const free: View[] = [];
  for (const view of views) {
    if (view.takesPart && view.keys[rule] === key && !(await pairedByBetterRule(context, mapping, rule, view)))
      free.push(view);
  }
  return free;
}

async function pairedByBetterRule(context: SyncContext, mapping: Mapping, rule: number, view: View): Promise<boolean> {
  const links = context.links(mapping.name);
  for (let better = 0; better < rule; better++) {
    const key = view.keys[better];
    if (key === undefined) continue;
    const partners = await links.candidates(otherSide(view.side), better, key);
    const counterparts = await links.counterparts(otherSide(view.side), partners);
    if (counterparts.includes(null)) return true;
  }
  return false;
}

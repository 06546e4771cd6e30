/** Finds the counterpart of a record without a link: whom it names, then by the match rules of its mapping, tried in order. */
import type { Mapping } from '../config/types.ts';
import { recordKey } from '../links/keys.ts';
import { otherSide, type SideIndex } from '../types.ts';
import type { SyncContext } from './context.ts';
import { namedCounterpart, namesNobody, pairedByName, searchNamer, shareKey } from './named.ts';
import { indexEntry, type RecordView, viewRecord } from './view.ts';

export type Match =
  | { readonly kind: 'none' }
  /** Exactly one candidate, and this record is the only one that it could belong to. */
  | { readonly kind: 'one'; readonly view: RecordView; readonly rule: string }
  /** Several could belong together, or the rule asks for a person. Record keys of all concerned but the record itself. */
  | {
      readonly kind: 'review';
      readonly candidates: readonly string[];
      readonly rule: string;
      /** Plain words, where it is not simply that several fit. */
      readonly reason?: string;
    };

/**
 * Looks in the match index first, which holds every record that was read, and only then asks the other system, so that
 * a record made there a moment ago is found too. A candidate is read again before it counts.
 *
 * Records that are linked already are nobody's candidates. A record that a better rule pairs with another one is
 * nobody's candidate under a lesser rule; so the result does not depend on which record comes first. The best rule is
 * correlation: a record that names another one was made for it. Only where the two have no match key in common, and
 * somebody else has, a person decides.
 */
export async function findCounterpart(context: SyncContext, mapping: Mapping, view: RecordView): Promise<Match> {
  const named = await namedCounterpart(context, mapping, view);
  if (named.kind === 'one') return doubted(context, mapping, view, named);
  if (named.kind === 'review') return named;
  const match = await matchByRules(context, mapping, view);
  if (match.kind !== 'none') return match;
  const lost = await searchNamer(context, mapping, view);
  return lost.kind === 'none' ? namesNobody(context, mapping, view) : lost;
}

/** A pair by correlation, unless match rules pair one of the two with somebody else, and not with each other. */
async function doubted(
  context: SyncContext,
  mapping: Mapping,
  view: RecordView,
  named: Extract<Match, { kind: 'one' }>,
): Promise<Match> {
  const partner = named.view;
  if (!partner.inScope || shareKey(view, partner)) return named;
  const others: string[] = [];
  for (const one of [view, partner]) {
    for (const [rule, key] of one.keys.entries()) {
      if (key === undefined) continue;
      const candidates = await indexed(context, mapping, otherSide(one.side), rule, key);
      others.push(...candidates.views.map(({ side, record }) => recordKey(side, record.id)));
    }
  }
  if (others.length === 0) return named;
  return {
    kind: 'review',
    rule: named.rule,
    candidates: [...new Set([recordKey(partner.side, partner.record.id), ...others])],
    reason: `${named.rule} names one record, the match rules find another: a person decides.`,
  };
}

async function matchByRules(context: SyncContext, mapping: Mapping, view: RecordView): Promise<Match> {
  const other = otherSide(view.side);
  for (const [rule, { name, find, found }] of mapping.match.entries()) {
    const key = view.keys[rule];
    const text = view.keyTexts[rule];
    if (key === undefined || text === undefined) continue;
    let candidates = await indexed(context, mapping, other, rule, key);
    const field = find[other];
    if (candidates.views.length === 0 && field !== undefined)
      candidates = await searched(context, mapping, other, rule, key, field, text);
    if (candidates.views.length === 0) continue;
    const rivals = (await indexed(context, mapping, view.side, rule, key)).views.filter(
      (rival) => rival.record.id !== view.record.id,
    );
    const [only, ...more] = candidates.views;
    if (only && more.length === 0 && rivals.length === 0 && candidates.named.length === 0 && found === 'link')
      return { kind: 'one', view: only, rule: name };
    return {
      kind: 'review',
      rule: name,
      candidates: [
        ...[...candidates.views, ...rivals].map(({ side, record }) => recordKey(side, record.id)),
        ...candidates.named,
      ],
    };
  }
  return { kind: 'none' };
}

interface Candidates {
  readonly views: readonly RecordView[];
  /** Whom they name, or who names them, without a match key in common: the candidates are in doubt. */
  readonly named: readonly string[];
}

/** Candidates of the match index, read again, that still have the key and are free. */
async function indexed(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  rule: number,
  key: string,
): Promise<Candidates> {
  const links = context.links(mapping.name);
  const { system, entity } = mapping.sides[side];
  const ids = await links.candidates(side, rule, key);
  const counterparts = await links.counterparts(side, ids);
  const free = ids.filter((_, i) => counterparts[i] === null);
  const records = await Promise.all(free.map((id) => context.client(system.name).read(entity.name, id)));
  const views = await Promise.all(
    records.flatMap((record) => (record ? [viewRecord(mapping, side, record, context.fingerprinter)] : [])),
  );
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
): Promise<Candidates> {
  const links = context.links(mapping.name);
  const { system, entity } = mapping.sides[side];
  const records = await context.client(system.name).find(entity.name, field, text);
  const views = await Promise.all(records.map((record) => viewRecord(mapping, side, record, context.fingerprinter)));
  if (views.length > 0) await links.index(side, views.map(indexEntry));
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
  views: readonly RecordView[],
): Promise<Candidates> {
  const free: RecordView[] = [];
  const named: string[] = [];
  for (const view of views) {
    if (!view.inScope || view.keys[rule] !== key) continue;
    const paired = await pairedByName(context, mapping, view);
    if (paired.kind === 'sure' || (await pairedByBetterRule(context, mapping, rule, view))) continue;
    free.push(view);
    named.push(...paired.partners);
  }
  return { views: free, named };
}

async function pairedByBetterRule(
  context: SyncContext,
  mapping: Mapping,
  rule: number,
  view: RecordView,
): Promise<boolean> {
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

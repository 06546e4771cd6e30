import { shareKey } from '../merge/match.ts';
import { parseRecordKey, recordKey } from '../model/record-key.ts';
import type { RecordKey } from '../store/types.ts';
import { otherSide, type SideIndex } from '../types.ts';
import type { CorrelationFacts, RuleFacts } from './facts.ts';
import { readNamed, readView, viewAll } from './read-view.ts';
import type { MappingScope } from './scope.ts';
import { survivorNamed, survivorsWith } from './survivors.ts';
import type { RecordView } from './view.ts';

/** The free records that a record names, or that name it, read again; `found`: such that the match index need not know. */
export async function gatherCorrelation(
  scope: MappingScope,
  view: RecordView,
  found: readonly RecordView[] = [],
): Promise<CorrelationFacts> {
  const { partners, namedIsLinked } = await partnersOf(scope, view, found);
  if (namedIsLinked) {
    const survivor = await survivorNamed(scope, view.side, view.correlationId!);
    const sure = !survivor || shareKey(view, survivor.view);
    return { partners, namedIsLinked, survivor, rivals: [], matched: sure ? [] : await matchedBy(scope, [view]) };
  }
  const [only, ...more] = partners;
  if (!only || more.length > 0) return { partners, namedIsLinked, rivals: [], matched: [] };
  const { partners: ofPartner } = await partnersOf(scope, only, []);
  const rivals = ofPartner.filter(({ record }) => record.id !== view.record.id);
  const sure = rivals.length > 0 || !only.inScope || shareKey(view, only);
  return { partners, namedIsLinked, rivals, matched: sure ? [] : await matchedBy(scope, [view, only]) };
}

async function partnersOf(
  scope: MappingScope,
  view: RecordView,
  found: readonly RecordView[],
): Promise<Pick<CorrelationFacts, 'partners' | 'namedIsLinked'>> {
  const { links, mapping } = scope;
  const other = otherSide(view.side);
  const naming = mapping.sides[other].correlate ? await links.unlinked.correlatedWith(other, view.record.id) : [];
  const ids = [...new Set([...naming, ...found.map(({ record }) => record.id), ...namedBy(view)])];
  const counterparts = await links.reader.counterparts(other, ids);
  const views = await Promise.all(
    ids.map((id, i) => (counterparts[i] === null ? readNamed(scope, other, id) : undefined)),
  );
  return {
    partners: views.filter(
      (one) => one !== undefined && (one.correlationId === view.record.id || one.record.id === view.correlationId),
    ) as RecordView[],
    namedIsLinked: namedBy(view).some((id) => counterparts[ids.indexOf(id)] !== null),
  };
}

const namedBy = ({ correlationId }: RecordView): string[] => (correlationId === undefined ? [] : [correlationId]);

/** Whom match rules find for either of two records. */
async function matchedBy(scope: MappingScope, views: readonly RecordView[]): Promise<string[]> {
  const found: string[] = [];
  for (const view of views) {
    for (const [rule, key] of view.keys.entries()) {
      if (key === undefined) continue;
      const wanted = { side: otherSide(view.side), rule, key, asker: view.record.id };
      const { candidates } = await indexed(scope, wanted);
      found.push(...candidates.map(({ side, record }) => recordKey(side, record.id)));
    }
  }
  return found;
}

/** Records of the other side that name this one, as their system finds them. */
export async function searchCorrelation(scope: MappingScope, view: RecordView): Promise<CorrelationFacts> {
  const other = otherSide(view.side);
  const { correlate, entity } = scope.mapping.sides[other];
  const recent = await scope.recent?.(other);
  const all =
    recent ??
    (correlate
      ? await viewAll(scope, other, await scope.clients[other].find(entity.name, correlate.source, view.record.id))
      : []);
  const naming = all.filter(({ correlationId }) => correlationId === view.record.id);
  // As in `searched`: what another batch has seen meanwhile is in the index only.
  const again = recent && correlate ? await scope.links.unlinked.correlatedWith(other, view.record.id) : [];
  return naming.length > 0 || again.length > 0
    ? gatherCorrelation(scope, view, naming)
    : { partners: [], namedIsLinked: false, rivals: [], matched: [] };
}

/**
 * What one match rule finds: in the match index, which holds every record that was read, and then in the system itself, so
 * that a record made there a moment ago is found too. A candidate is read again before it counts.
 */
export async function gatherRule(scope: MappingScope, view: RecordView, rule: number): Promise<RuleFacts> {
  const key = view.keys[rule];
  const text = view.keyTexts[rule];
  if (key === undefined || text === undefined) return { candidates: [], doubtful: [], rivals: [] };
  const other = otherSide(view.side);
  const wanted = { side: other, rule, key, asker: view.record.id };
  let found = await indexed(scope, wanted);
  if (found.candidates.length === 0) found = await searched(scope, wanted, text);
  const survivors = found.candidates.length === 0 ? await survivorsWith(scope, view.side, rule, key) : [];
  if (found.candidates.length === 0 && survivors.length === 0) return { candidates: [], doubtful: [], rivals: [] };
  const rivals = (await indexed(scope, { side: view.side, rule, key })).candidates;
  return { ...found, survivors, rivals: rivals.filter(({ record }) => record.id !== view.record.id) };
}

type Candidates = Pick<RuleFacts, 'candidates' | 'doubtful'>;

interface Wanted {
  readonly side: SideIndex;
  readonly rule: number;
  readonly key: string;
  /** The id of the record for which a counterpart is looked for, where it is of the other side. */
  readonly asker?: string;
}

async function indexed(scope: MappingScope, wanted: Wanted): Promise<Candidates> {
  const { links } = scope;
  const { side, rule, key } = wanted;
  const ids = await links.unlinked.candidates(side, rule, key);
  const counterparts = await links.reader.counterparts(side, ids);
  const free = ids.filter((_, i) => counterparts[i] === null);
  const views = await Promise.all(free.map((id) => readView(scope, side, id)));
  return keepFree(
    scope,
    wanted,
    views.filter((view) => view !== undefined),
  );
}

async function searched(scope: MappingScope, wanted: Wanted, text: string): Promise<Candidates> {
  const { links, mapping, clients } = scope;
  const { side, rule, key } = wanted;
  const field = mapping.match[rule]!.find[side];
  const recent = await scope.recent?.(side);
  if (!recent && field === undefined) return { candidates: [], doubtful: [] };
  const views =
    recent ?? (await viewAll(scope, side, await clients[side].find(mapping.sides[side].entity.name, field!, text)));
  const having = views.filter((view) => view.keys[rule] === key);
  const counterparts = await links.reader.counterparts(
    side,
    having.map(({ record }) => record.id),
  );
  const free = having.filter((_, i) => counterparts[i] === null);
  // What another batch has seen since this one asked the index is not answered again: it is in the index by now.
  return recent && free.length === 0 ? indexed(scope, wanted) : keepFree(scope, wanted, free);
}

/** Candidates that still have the key, and that nothing pairs with another record. */
async function keepFree(
  scope: MappingScope,
  { rule, key, asker }: Wanted,
  views: readonly RecordView[],
): Promise<Candidates> {
  const candidates: RecordView[] = [];
  const doubtful: string[] = [];
  for (const view of views) {
    if (!view.inScope || view.keys[rule] !== key) continue;
    const paired = await pairedByCorrelation(scope, view, asker);
    if (paired.kind === 'sure' || (await pairedByBetterRule(scope, rule, view, asker))) continue;
    candidates.push(view);
    doubtful.push(...paired.partners);
  }
  return { candidates, doubtful };
}

/**
 * What stands between a record and others with its match key: `sure`, a free record is its counterpart by correlation and
 * shares a match key with it, so it is nobody else's candidate; `doubtful`, they share none. Asks Redis only.
 */
async function pairedByCorrelation(
  { links, mapping }: MappingScope,
  view: RecordView,
  asker: string | undefined,
): Promise<{ kind: 'no' | 'sure' | 'doubtful'; partners: readonly string[] }> {
  const other = otherSide(view.side);
  const naming = mapping.sides[other].correlate ? await links.unlinked.correlatedWith(other, view.record.id) : [];
  // Not who asks: were it the counterpart by correlation, it would have been found as that. The index may be older than the record.
  const all = [...new Set([...naming, ...namedBy(view)])].filter((id) => id !== asker);
  if (all.length === 0) return { kind: 'no', partners: [] };
  const [counterparts, keys] = await Promise.all([
    links.reader.counterparts(other, all),
    links.unlinked.keysOf(other, all),
  ]);
  const free = all.flatMap((id, i) => (counterparts[i] === null && keys[i] ? [{ id, keys: keys[i] }] : []));
  if (free.length === 0) return { kind: 'no', partners: [] };
  const sure = free.some((one) => one.keys.some((key, rule) => key !== '' && key === view.keys[rule]));
  return { kind: sure ? 'sure' : 'doubtful', partners: free.map(({ id }) => recordKey(other, id)) };
}

async function pairedByBetterRule(
  { links }: MappingScope,
  rule: number,
  view: RecordView,
  asker: string | undefined,
): Promise<boolean> {
  const other = otherSide(view.side);
  for (const [better, key] of view.keys.slice(0, rule).entries()) {
    if (key === undefined) continue;
    const partners = (await links.unlinked.candidates(other, better, key)).filter((id) => id !== asker);
    if ((await links.reader.counterparts(other, partners)).includes(null)) return true;
  }
  return false;
}

/** Free records of the other side that name a survivor, or have a match key in common with it. Redis is asked, and those read. */
export async function gatherSuccessors(scope: MappingScope, view: RecordView): Promise<RecordKey[]> {
  const named = (await partnersOf(scope, view, [])).partners.map(({ side, record }) => recordKey(side, record.id));
  return [...new Set([...named, ...(await matchedBy(scope, [view]))])];
}

/** Which of these records of the other side are linked by now and have a match key in common with a record. */
export async function gatherMatching(
  scope: MappingScope,
  view: RecordView,
  candidates: readonly RecordKey[],
): Promise<RecordKey[]> {
  const other = otherSide(view.side);
  const ids = candidates.map(parseRecordKey).flatMap(({ side, id }) => (side === other ? [id] : []));
  const counterparts = await scope.links.reader.counterparts(other, ids);
  const linked = ids.filter((_, i) => counterparts[i] !== null);
  const views = await Promise.all(linked.map((id) => readView(scope, other, id)));
  return views.flatMap((one) => (one?.inScope && shareKey(one, view) ? [recordKey(other, one.record.id)] : []));
}

/** Whether one of these records exists and is in scope. */
export async function anyInScope(scope: MappingScope, side: SideIndex, ids: readonly string[]): Promise<boolean> {
  for (const id of ids) if ((await readView(scope, side, id))?.inScope) return true;
  return false;
}

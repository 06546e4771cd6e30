/**
 * Whom a record names. Where a mapping keeps the id of the counterpart in the record (`correlate`), a link that Redis
 * lost is told again by it, before any match rule and though match keys were edited since.
 */
import type { Mapping, MappingSide } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { recordKey } from '../links/keys.ts';
import { otherSide, type SideIndex, type SystemRecord } from '../types.ts';
import type { SyncContext } from './context.ts';
import { indexEntry, type RecordView, viewRecord } from './view.ts';

export type Named =
  | { readonly kind: 'none' }
  /** The two name each other, and nobody else names either of them. */
  | { readonly kind: 'one'; readonly view: RecordView; readonly rule: string }
  | { readonly kind: 'review'; readonly candidates: readonly string[]; readonly rule: string; readonly reason: string };

/** The place of the correlation on a side, as people read it. */
const place = ({ name, correlate }: MappingSide): string => `${name}.${correlate?.source}`;

/** What the match index knows of correlation. The result does not depend on which of the records asks. */
export async function namedCounterpart(context: SyncContext, mapping: Mapping, view: RecordView): Promise<Named> {
  const { partners, linked } = await partnersOf(context, mapping, view);
  const own = mapping.sides[view.side];
  const other = mapping.sides[otherSide(view.side)];
  const rule = own.correlate && view.correlationId !== undefined ? place(own) : place(other);
  if (linked)
    return {
      kind: 'review',
      rule,
      candidates: [recordKey(other.index, view.correlationId!)],
      reason: `${place(own)} names a record in ${other.name} that is linked to another one: a person decides.`,
    };
  const [only, ...more] = partners;
  if (!only) return { kind: 'none' };
  const rivals = (await partnersOf(context, mapping, only)).partners.filter(
    ({ record }) => record.id !== view.record.id,
  );
  if (more.length === 0 && rivals.length === 0) return { kind: 'one', view: only, rule };
  return {
    kind: 'review',
    rule,
    candidates: [...partners, ...rivals].map(({ side, record }) => recordKey(side, record.id)),
    reason: `Several records name the same counterpart in ${rule}: a person decides.`,
  };
}

/** The free records that a record names, or that name it, read again. */
async function partnersOf(
  context: SyncContext,
  mapping: Mapping,
  view: RecordView,
): Promise<{ partners: RecordView[]; linked: boolean }> {
  const links = context.links(mapping.name);
  const other = otherSide(view.side);
  const { correlate } = mapping.sides[other];
  const ids = new Set(correlate ? await links.namers(other, view.record.id) : []);
  if (view.correlationId !== undefined) ids.add(view.correlationId);
  const all = [...ids];
  const counterparts = await links.counterparts(other, all);
  const read = await Promise.all(
    all.map(async (id, i) => (counterparts[i] === null ? readView(context, mapping, other, id) : undefined)),
  );
  return {
    partners: read.filter(
      (one) => one !== undefined && (one.correlationId === view.record.id || one.record.id === view.correlationId),
    ) as RecordView[],
    linked: view.correlationId !== undefined && counterparts[all.indexOf(view.correlationId)] !== null,
  };
}

/**
 * Whether the record names one that does not exist. It had a counterpart once, or somebody wrote there what is no id:
 * to create one for it could undo a deletion.
 */
export async function namesNobody(context: SyncContext, mapping: Mapping, view: RecordView): Promise<Named> {
  const own = mapping.sides[view.side];
  const other = mapping.sides[otherSide(view.side)];
  if (view.correlationId === undefined || !other.create) return { kind: 'none' };
  if (await readView(context, mapping, other.index, view.correlationId)) return { kind: 'none' };
  return {
    kind: 'review',
    rule: place(own),
    candidates: [],
    reason: `${place(own)} names a record that ${other.name} does not have: a person decides whether one is created.`,
  };
}

/** Asks the other system who names this record: one that was made there a moment ago, or whose link an older Redis has lost. */
export async function searchNamer(context: SyncContext, mapping: Mapping, view: RecordView): Promise<Named> {
  const links = context.links(mapping.name);
  const other = mapping.sides[otherSide(view.side)];
  if (!other.correlate) return { kind: 'none' };
  const records = await context
    .client(other.system.name)
    .find(other.entity.name, other.correlate.source, view.record.id);
  const views = (await viewAll(context, mapping, other.index, records)).filter(
    ({ correlationId: names }) => names === view.record.id,
  );
  if (views.length === 0) return { kind: 'none' };
  await links.index(other.index, views.map(indexEntry));
  return namedCounterpart(context, mapping, view);
}

/**
 * What stands between a record and whoever has its match key: `sure`, a free record is its counterpart by correlation
 * and shares a match key with it, so it is nobody else's candidate; `doubtful`, they share none. Asks Redis only.
 */
export async function pairedByName(
  context: SyncContext,
  mapping: Mapping,
  view: RecordView,
): Promise<{ kind: 'no' | 'sure' | 'doubtful'; partners: readonly string[] }> {
  const links = context.links(mapping.name);
  const other = otherSide(view.side);
  const ids = new Set(mapping.sides[other].correlate ? await links.namers(other, view.record.id) : []);
  if (view.correlationId !== undefined) ids.add(view.correlationId);
  if (ids.size === 0) return { kind: 'no', partners: [] };
  const all = [...ids];
  const [counterparts, keys] = await Promise.all([links.counterparts(other, all), links.keysOf(other, all)]);
  const free = all.flatMap((id, i) => (counterparts[i] === null && keys[i] ? [{ id, keys: keys[i] }] : []));
  if (free.length === 0) return { kind: 'no', partners: [] };
  const sure = free.some((one) => one.keys.some((key, rule) => key !== '' && key === view.keys[rule]));
  return { kind: sure ? 'sure' : 'doubtful', partners: free.map(({ id }) => recordKey(other, id)) };
}

/** Whether two records have a match key in common. */
export const shareKey = (a: RecordView, b: RecordView): boolean =>
  a.keys.some((key, rule) => key !== undefined && key === b.keys[rule]);

async function readView(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
): Promise<RecordView | undefined> {
  const { system, entity } = mapping.sides[side];
  try {
    const record = await context.client(system.name).read(entity.name, id);
    return record && (await viewRecord(mapping, side, record, context.fingerprinter));
  } catch (error) {
    // What a person wrote into the place of an id need not look like one: the system has no such record.
    if (error instanceof TandemError && error.code === 'SYSTEM_REJECTED') return undefined;
    throw error;
  }
}

const viewAll = (
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  records: readonly SystemRecord[],
): Promise<RecordView[]> =>
  Promise.all(records.map((record) => viewRecord(mapping, side, record, context.fingerprinter)));

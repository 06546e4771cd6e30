/** Held records that fit a filter: a batch at a time, or a page of them in order. However many wait, few are in memory. */
import type { Mapping } from '../engine/config/types.ts';
import type { Engine } from '../engine/engine.ts';
import { TandemError } from '../engine/errors.ts';
import { ISSUE_KINDS, type IssueKind } from '../engine/store/types.ts';
import type { SideIndex } from '../engine/types.ts';
import { type Held, type HeldRecord, heldRecord } from './held.ts';
import { namesOf, sideIndex } from './sides.ts';

/** As a request states it; sides by name. */
export interface HeldFilter {
  readonly mapping?: string | undefined;
  /** Default: those that somebody or something is waiting for; of one record, any. */
  readonly kind?: Held['kind'] | undefined;
  readonly side?: string | undefined;
  readonly id?: string | undefined;
  readonly code?: string | undefined;
  /** ISO 8601: only those held since before then. */
  readonly before?: string | undefined;
}

export interface Found {
  readonly mapping: Mapping;
  readonly held: HeldRecord;
}

const WAITING: readonly Held['kind'][] = ['failed', 'waiting', 'review'];

/** Of all these records only some are read, where the filter names kinds that are few. */
function kindsOf({ kind, id }: HeldFilter): readonly IssueKind[] {
  if (kind === undefined) return id === undefined ? ['failed', 'waiting', 'blocked', 'review'] : ISSUE_KINDS;
  return kind === 'waiting' ? ['waiting', 'blocked'] : [kind];
}

/** @throws TandemError NOT_FOUND for a mapping, BAD_REQUEST for a side that no mapping has */
export async function* findHeld(
  engine: Engine,
  filter: HeldFilter,
): AsyncGenerator<{ mapping: Mapping; records: HeldRecord[] }> {
  for (const { mapping, side } of mappingsOf(engine, filter)) {
    for await (const batch of batches(engine, mapping, side, filter)) {
      const records = batch.filter((held) => fits(held, side, filter));
      if (records.length > 0) yield { mapping, records };
    }
  }
}

/**
 * @param order the oldest first, or the latest
 * @returns the page, and how many there are in all
 */
export async function pageOfHeld(
  engine: Engine,
  filter: HeldFilter,
  order: 'oldest' | 'latest',
  offset: number,
  limit: number,
): Promise<{ page: Found[]; total: number }> {
  const sign = order === 'oldest' ? 1 : -1;
  const sorted = (found: Found[]): Found[] =>
    found.sort((a, b) => sign * (a.held.since - b.held.since) || compare(a, b));
  const most = offset + limit;
  let first: Found[] = [];
  let total = 0;
  for await (const { mapping, records } of findHeld(engine, filter)) {
    total += records.length;
    for (const held of records) first.push({ mapping, held });
    // What lies beyond the page is counted, not kept.
    if (first.length > 2 * most + 1_000) first = sorted(first).slice(0, most);
  }
  return { page: sorted(first).slice(offset, most), total };
}

export interface HeldReason extends Pick<HeldRecord, 'kind' | 'code' | 'property'> {
  readonly mapping: string;
  /** In words, of one of them. */
  readonly reason: string;
  readonly count: number;
  /** Epoch ms of the one that is held longest. */
  readonly since: number;
}

/** Why records are held, the most frequent first: as many as there are mappings, codes and properties. */
export async function heldReasons(engine: Engine, filter: HeldFilter): Promise<HeldReason[]> {
  const found = new Map<string, HeldReason>();
  for await (const { mapping, records } of findHeld(engine, filter)) {
    for (const { kind, code, property, reason, since } of records) {
      const key = JSON.stringify([mapping.name, kind, code, property]);
      const former = found.get(key);
      found.set(key, {
        mapping: mapping.name,
        kind,
        ...(code === undefined ? {} : { code }),
        ...(property === undefined ? {} : { property }),
        reason: former?.reason ?? reason,
        count: (former?.count ?? 0) + 1,
        since: Math.min(former?.since ?? since, since),
      });
    }
  }
  return [...found.values()].sort(
    (a, b) => b.count - a.count || a.mapping.localeCompare(b.mapping) || a.kind.localeCompare(b.kind),
  );
}

const compare = (a: Found, b: Found): number => {
  const [one, other] = [a, b].map(({ mapping, held }) => `${mapping.name}|${held.side}|${held.id}`) as [string, string];
  return one < other ? -1 : one > other ? 1 : 0;
};

function mappingsOf(engine: Engine, { mapping: name, side }: HeldFilter): { mapping: Mapping; side?: SideIndex }[] {
  if (name !== undefined) {
    const mapping = engine.mapping(name);
    return [{ mapping, ...(side === undefined ? {} : { side: sideIndex(mapping, side) }) }];
  }
  const all = [...engine.config.current().mappings.values()];
  if (side === undefined) return all.map((mapping) => ({ mapping }));
  const having = all.filter((mapping) => namesOf(mapping).includes(side));
  if (having.length === 0) throw new TandemError('BAD_REQUEST', `No mapping has a side "${side}".`);
  return having.map((mapping) => ({ mapping, side: sideIndex(mapping, side) }));
}

function fits(held: HeldRecord, side: SideIndex | undefined, { kind, id, code, before }: HeldFilter): boolean {
  if (before !== undefined && held.since >= Date.parse(before)) return false;
  if (kind === undefined ? id === undefined && !WAITING.includes(held.kind) : held.kind !== kind) return false;
  if (code !== undefined && held.code !== code) return false;
  // Asked for one record, what is held of its link was found under the name of the other one.
  if (id !== undefined) return side !== undefined || held.id === id;
  return side === undefined || held.side === side;
}

async function* batches(
  engine: Engine,
  mapping: Mapping,
  side: SideIndex | undefined,
  filter: HeldFilter,
): AsyncGenerator<HeldRecord[]> {
  const { id } = filter;
  if (id === undefined || side === undefined) {
    for await (const batch of engine.links(mapping.name).issues.list(kindsOf(filter))) yield batch.map(heldRecord);
  } else yield await one(engine, mapping, side, id);
}

/** What is held of a link is held under the name of its first record. */
async function one(engine: Engine, mapping: Mapping, side: SideIndex, id: string): Promise<HeldRecord[]> {
  const links = engine.links(mapping.name);
  const own = (await links.issues.open(side, id)).issue;
  if (own) return [heldRecord({ side, id, issue: own })];
  const first = side === 1 ? await links.reader.counterpart(1, id) : undefined;
  const issue = first === undefined ? undefined : (await links.issues.open(0, first)).issue;
  return issue && first !== undefined ? [heldRecord({ side: 0, id: first, issue })] : [];
}

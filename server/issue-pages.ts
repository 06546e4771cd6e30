/** Records with an issue that fit a filter: a batch at a time, or a page of them in order. However many wait, few are in memory. */

import type * as api from '../api/index.ts';
import {
  type Engine,
  ISSUE_KINDS,
  type Issue,
  type IssueKind,
  type Mapping,
  type RecordIssue,
  type RecordRef,
  type SideIndex,
  TandemError,
} from '../engine/index.ts';
import { namesOf, sideIndex } from './side-names.ts';

/** As a request states it; sides by name. */
export interface IssueFilter {
  readonly mapping?: string | undefined;
  /** Default: those that somebody or something is waiting for; of one record, any. */
  readonly kind?: IssueKind | undefined;
  readonly side?: string | undefined;
  readonly id?: string | undefined;
  readonly code?: string | undefined;
  /** ISO 8601: only those that wait since before then. */
  readonly before?: string | undefined;
}

/** An issue and its record. */
export interface FlatIssue extends Issue, RecordRef {}

export interface Found {
  readonly mapping: Mapping;
  readonly issue: FlatIssue;
}

/** Somebody or something is waiting for these. */
const WAITING: readonly IssueKind[] = ['failed', 'waiting', 'blocked', 'review'];

/** Of all these records only some are read, where the filter names kinds that are few. */
function kindsOf({ kind, id }: IssueFilter): readonly IssueKind[] {
  if (kind !== undefined) return [kind];
  return id === undefined ? WAITING : ISSUE_KINDS;
}

/** @throws TandemError NOT_FOUND for a mapping, BAD_REQUEST for a side that no mapping has */
export async function* findIssues(
  engine: Engine,
  filter: IssueFilter,
): AsyncGenerator<{ mapping: Mapping; records: FlatIssue[] }> {
  for (const { mapping, side } of mappingsOf(engine, filter)) {
    for await (const batch of batches(engine, mapping, side, filter)) {
      const records = batch.filter((issue) => fits(issue, side, filter));
      if (records.length > 0) yield { mapping, records };
    }
  }
}

/**
 * @param order the oldest first, or the latest
 * @returns the page, and how many there are in all
 */
export async function pageOfIssues(
  engine: Engine,
  filter: IssueFilter,
  order: 'oldest' | 'latest',
  offset: number,
  limit: number,
): Promise<{ page: Found[]; total: number }> {
  const sign = order === 'oldest' ? 1 : -1;
  const sorted = (found: Found[]): Found[] =>
    found.sort((a, b) => sign * (a.issue.since - b.issue.since) || compare(a, b));
  const most = offset + limit;
  let first: Found[] = [];
  let total = 0;
  for await (const { mapping, records } of findIssues(engine, filter)) {
    total += records.length;
    for (const issue of records) first.push({ mapping, issue });
    // What lies beyond the page is counted, not kept.
    if (first.length > 2 * most + 1_000) first = sorted(first).slice(0, most);
  }
  return { page: sorted(first).slice(offset, most), total };
}

/** `since` in epoch ms. */
type Reason = Omit<api.IssueReason, 'since'> & { readonly since: number };

/** Why records wait, the most frequent first: as many as there are mappings, codes and properties. */
export async function issueReasons(engine: Engine, filter: IssueFilter): Promise<Reason[]> {
  const found = new Map<string, Reason>();
  for await (const { mapping, records } of findIssues(engine, filter)) {
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
  const [one, other] = [a, b].map(({ mapping, issue }) => `${mapping.name}|${issue.side}|${issue.id}`) as [
    string,
    string,
  ];
  return one < other ? -1 : one > other ? 1 : 0;
};

function mappingsOf(engine: Engine, { mapping: name, side }: IssueFilter): { mapping: Mapping; side?: SideIndex }[] {
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

function fits(issue: FlatIssue, side: SideIndex | undefined, { kind, id, code, before }: IssueFilter): boolean {
  if (before !== undefined && issue.since >= Date.parse(before)) return false;
  if (kind === undefined ? id === undefined && !WAITING.includes(issue.kind) : issue.kind !== kind) return false;
  if (code !== undefined && issue.code !== code) return false;
  // Asked for one record, the issue of its link was found under the name of the other one.
  if (id !== undefined) return side !== undefined || issue.id === id;
  return side === undefined || issue.side === side;
}

async function* batches(
  engine: Engine,
  mapping: Mapping,
  side: SideIndex | undefined,
  filter: IssueFilter,
): AsyncGenerator<FlatIssue[]> {
  const { id } = filter;
  if (id === undefined || side === undefined) {
    for await (const batch of engine.links(mapping.name).issues.list(kindsOf(filter))) yield batch.map(flat);
  } else yield await one(engine, mapping, side, id);
}

const flat = ({ side, id, issue }: RecordIssue): FlatIssue => ({ side, id, ...issue });

/** The issue of a link is kept under the name of its first record. */
async function one(engine: Engine, mapping: Mapping, side: SideIndex, id: string): Promise<FlatIssue[]> {
  const links = engine.links(mapping.name);
  const own = (await links.issues.open(side, id)).issue;
  if (own) return [{ side, id, ...own }];
  const first = side === 1 ? await links.reader.counterpart(1, id) : undefined;
  const issue = first === undefined ? undefined : (await links.issues.open(0, first)).issue;
  return issue && first !== undefined ? [{ side: 0, id: first, ...issue }] : [];
}

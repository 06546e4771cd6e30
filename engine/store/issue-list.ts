/** Lists records by the kinds of their issues. Kinds that are few are found without reading all. */
import { parseRecordKey } from '../model/record-key.ts';
import { KIND_LETTERS, kindOf, parseOpen, quietIssue } from './issue-codec.ts';
import type { StoreContext } from './store-context.ts';
import type { Issue, IssueKind, RecordKey, RecordRef } from './types.ts';
import type { Unlinked } from './unlinked.ts';
import { textOfWaiting, unpackWaiting } from './waiting-codec.ts';
import type { Words } from './words.ts';

const BATCH = 500;
/** Kinds of which the records are listed, beside those that wait, which have a place of their own. */
const LISTED: readonly IssueKind[] = ['failed', 'blocked', 'review'];

/** An issue and the record that has it. The issue of a link is that of its record on side 0. */
export interface RecordIssue extends RecordRef {
  readonly issue: Issue;
}

export function createIssueList(context: StoreContext, unlinked: Unlinked) {
  return {
    /** Records with an issue of these kinds, a batch at a time. Only failed, waiting, blocked and review are found without reading all. */
    async *list(kinds: readonly IssueKind[]): AsyncGenerator<RecordIssue[]> {
      for (const kind of kinds) if (LISTED.includes(kind)) yield* listed(context, kind);
      if (kinds.includes('waiting')) yield* waiting(context.words, unlinked);
      const rest = new Set(kinds.filter((kind) => kind !== 'waiting' && !LISTED.includes(kind)));
      if (rest.size > 0) yield* others(context, unlinked, rest);
    },

    /**
     * Some of the records that failed, about a hundred, and where to go on; '0': at the beginning, and there are no more. One that
     * is there all the time is met on the way, whatever is added or removed meanwhile. A cursor of another server (a replica that
     * took over) may pass some over: the next way round meets them.
     */
    async failedFrom(cursor: string): Promise<{ next: string; records: RecordIssue[] }> {
      const [next, keys] = await context.redis.sscan(setOf(context, 'failed'), cursor, 'COUNT', 100);
      return { next, records: await withIssue(context, 'failed', keys as RecordKey[]) };
    },
  };
}

const setOf = ({ base }: StoreContext, kind: IssueKind): string => `${base}issues:${KIND_LETTERS[kind]}`;

async function withIssue(
  { redis, base }: StoreContext,
  kind: IssueKind,
  keys: readonly RecordKey[],
): Promise<RecordIssue[]> {
  const values = keys.length === 0 ? [] : await redis.hmget(`${base}open`, ...keys);
  return keys.flatMap((key, i) => {
    const { issue } = parseOpen(values[i] ?? undefined);
    return issue?.kind === kind ? [{ ...parseRecordKey(key), issue }] : [];
  });
}

async function* listed(context: StoreContext, kind: IssueKind): AsyncGenerator<RecordIssue[]> {
  for await (const keys of context.redis.sscanStream(setOf(context, kind), { count: BATCH }))
    yield await withIssue(context, kind, keys as RecordKey[]);
}

async function* waiting(words: Words, unlinked: Unlinked): AsyncGenerator<RecordIssue[]> {
  for (const side of [0, 1] as const) {
    for await (const batch of unlinked.waiting(side)) {
      const texts = await words.texts(batch.map(({ value }) => textOfWaiting(value)));
      yield batch.flatMap(({ id, value }) => {
        const issue = unpackWaiting(value, texts);
        return issue ? [{ side, id, issue }] : [];
      });
    }
  }
}

async function* others(
  { redis, base, words }: StoreContext,
  unlinked: Unlinked,
  kinds: ReadonlySet<IssueKind>,
): AsyncGenerator<RecordIssue[]> {
  for await (const flat of redis.hscanStream(`${base}open`, { count: BATCH })) {
    const found: RecordIssue[] = [];
    for (let i = 0; i < flat.length; i += 2) {
      const kind = kindOf((flat[i + 1] as string).startsWith('I') ? flat[i + 1][1] : '');
      if (kind && kinds.has(kind)) found.push({ ...parseRecordKey(flat[i]), issue: parseOpen(flat[i + 1]).issue! });
    }
    if (found.length > 0) yield found;
  }
  for (const side of [0, 1] as const) {
    for await (const batch of unlinked.entries(side, { kind: 'issue' })) {
      const texts = await words.texts(batch.map(({ entry }) => entry.issue!.text));
      yield batch.flatMap(({ id, entry }) => {
        const issue = quietIssue(entry, texts);
        return issue && kinds.has(issue.kind) ? [{ side, id, issue }] : [];
      });
    }
  }
}

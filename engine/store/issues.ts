/** What is open about records: issues, decisions, what was begun. Counts and kinds that are few are found without reading all. */

import { coalesce } from '../coalesce.ts';
import { mapPair } from '../model/pair.ts';
import { parseRecordKey, recordKey } from '../model/record-key.ts';
import type { SideIndex } from '../types.ts';
import { KIND_LETTERS, kindOf, packOpen, parseOpen, quietIssue } from './issue-codec.ts';
import type { Reader } from './reader.ts';
import type { StoreContext } from './store-context.ts';
import type { Issue, IssueKind, OpenPatch, PendingCreate, RecordKey, RecordRef } from './types.ts';
import { commitUnits, type WireUnit } from './units.ts';
import type { Unlinked } from './unlinked.ts';
import { textOfWaiting, unpackWaiting } from './waiting-codec.ts';

const BATCH = 500;
/** Kinds of which the records are listed, beside those that wait, which have a place of their own. */
const LISTED: readonly IssueKind[] = ['failed', 'blocked', 'review'];

/** An issue and the record that has it. The issue of a link is that of its record on side 0. */
export interface RecordIssue extends RecordRef {
  readonly issue: Issue;
}

/** A create for a record that was begun. */
export interface RecordCreate {
  readonly id: string;
  readonly pending: PendingCreate;
}

export type IssueCounts = Readonly<Record<IssueKind, number>>;

// Over 60 lines: a factory. What it returns are short functions over the same keys.
export function createIssues(context: StoreContext, reader: Reader, unlinked: Unlinked) {
  const { redis, base, words } = context;
  /** SET of record keys. */
  const givenUp = `${base}given-up`;

  const setOf = (kind: IssueKind): string => `${base}issues:${KIND_LETTERS[kind]}`;

  async function withIssue(kind: IssueKind, keys: readonly RecordKey[]): Promise<RecordIssue[]> {
    const values = keys.length === 0 ? [] : await redis.hmget(`${base}open`, ...keys);
    return keys.flatMap((key, i) => {
      const { issue } = parseOpen(values[i] ?? undefined);
      return issue?.kind === kind ? [{ ...parseRecordKey(key), issue }] : [];
    });
  }

  async function* listed(kind: IssueKind): AsyncGenerator<RecordIssue[]> {
    for await (const keys of redis.sscanStream(setOf(kind), { count: BATCH }))
      yield await withIssue(kind, keys as RecordKey[]);
  }

  async function* waiting(): AsyncGenerator<RecordIssue[]> {
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

  async function* others(kinds: ReadonlySet<IssueKind>): AsyncGenerator<RecordIssue[]> {
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

  async function readCreates(side: SideIndex): Promise<RecordCreate[]> {
    const ids = await redis.smembers(`${base}creates:${side}`);
    if (ids.length === 0) return [];
    const values = await redis.hmget(`${base}open`, ...ids.map((id) => recordKey(side, id)));
    return ids.flatMap((id, i) => {
      const { pendingCreate } = parseOpen(values[i] ?? undefined);
      return pendingCreate ? [{ id, pending: pendingCreate }] : [];
    });
  }
  /** Those who ask together get the same. */
  const askCreates = mapPair([0, 1] as const, (side) =>
    coalesce<undefined, readonly RecordCreate[]>(async (some) => {
      const found = await readCreates(side);
      return some.map(() => found);
    }),
  );

  /** Changes parts of what is open about records, whether they have a link or not. */
  async function patch(changes: readonly (readonly [RecordKey, OpenPatch])[]): Promise<void> {
    for (let i = 0; i < changes.length; i += BATCH) {
      const some = changes.slice(i, i + BATCH);
      await commitUnits(context, '', async (used) =>
        Promise.all(
          some.map(async ([key, change]): Promise<WireUnit> => {
            return { c: [], d: [], k: 'N', open: { [key]: await packOpen(change, words, used) } };
          }),
        ),
      );
    }
  }

  return {
    patch,

    /** How many records have an issue of each kind; reads none of them. */
    async counts(): Promise<IssueCounts> {
      const stored = await redis.hgetall(`${base}issues`);
      return Object.fromEntries(
        Object.entries(KIND_LETTERS).map(([kind, letter]) => [kind, Number(stored[letter] ?? 0)]),
      ) as unknown as IssueCounts;
    },

    /** Records of which something is open: an issue that waits for something, a decision, a write that was begun. */
    async openCount(): Promise<number> {
      const [open, waiting] = await Promise.all([
        redis.hlen(`${base}open`),
        redis.hmget(`${base}sizes`, 'waiting:0', 'waiting:1'),
      ]);
      return waiting.reduce((sum, count) => sum + Number(count ?? 0), open);
    },

    /** Records with an issue of these kinds, a batch at a time. Only failed, waiting, blocked and review are found without reading all. */
    async *list(kinds: readonly IssueKind[]): AsyncGenerator<RecordIssue[]> {
      for (const kind of kinds) if (LISTED.includes(kind)) yield* listed(kind);
      if (kinds.includes('waiting')) yield* waiting();
      const rest = new Set(kinds.filter((kind) => kind !== 'waiting' && !LISTED.includes(kind)));
      if (rest.size > 0) yield* others(rest);
    },

    /**
     * Some of the records that failed, about a hundred, and where to go on; '0': at the beginning, and there are no more. One that
     * is there all the time is met on the way, whatever is added or removed meanwhile. A cursor of another server (a replica that
     * took over) may pass some over: the next way round meets them.
     */
    async failedFrom(cursor: string): Promise<{ next: string; records: RecordIssue[] }> {
      const [next, keys] = await redis.sscan(setOf('failed'), cursor, 'COUNT', 100);
      return { next, records: await withIssue('failed', keys as RecordKey[]) };
    },

    /** Creates of counterparts for records on `side` that were begun and are not known to have ended. */
    pendingCreates: (side: SideIndex): Promise<readonly RecordCreate[]> => askCreates[side](undefined),

    /** Tries are used up, for a reason that may pass: these are looked at again after the next scan. */
    async noteGivenUp(key: RecordKey): Promise<void> {
      await redis.sadd(givenUp, key);
    },

    /** Each batch is forgotten once the next one is asked for. */
    async *givenUp(): AsyncGenerator<RecordRef[]> {
      for (;;) {
        const keys = await redis.srandmember(givenUp, BATCH);
        if (keys.length === 0) return;
        yield keys.map(parseRecordKey);
        await redis.srem(givenUp, ...keys);
      }
    },

    open: async (side: SideIndex, id: string) => (await reader.record(side, id)).open,
  };
}

export type Issues = ReturnType<typeof createIssues>;

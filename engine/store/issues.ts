/** What is open about records: issues, decisions, what was begun. */
import { coalesce } from '../coalesce.ts';
import { mapPair } from '../model/pair.ts';
import { parseRecordKey, recordKey } from '../model/record-key.ts';
import type { SideIndex } from '../types.ts';
import { KIND_LETTERS, packOpen, parseOpen } from './issue-codec.ts';
import { createIssueList } from './issue-list.ts';
import type { Reader } from './reader.ts';
import type { StoreContext } from './store-context.ts';
import type { IssueKind, OpenPatch, PendingCreate, RecordKey, RecordRef } from './types.ts';
import { commitUnits, type WireUnit } from './units.ts';
import type { Unlinked } from './unlinked.ts';

const BATCH = 500;

/** A create for a record that was begun. */
export interface RecordCreate {
  readonly id: string;
  readonly pending: PendingCreate;
}

export type IssueCounts = Readonly<Record<IssueKind, number>>;

export function createIssues(context: StoreContext, reader: Reader, unlinked: Unlinked) {
  const { redis, base } = context;
  /** SET of record keys. */
  const givenUp = `${base}given-up`;
  /** Those who ask together get the same. */
  const askCreates = mapPair([0, 1] as const, (side) =>
    coalesce<undefined, readonly RecordCreate[]>(async (some) => {
      const found = await readCreates(context, side);
      return some.map(() => found);
    }),
  );

  return {
    ...createIssueList(context, unlinked),

    patch: (changes: readonly (readonly [RecordKey, OpenPatch])[]): Promise<void> => patchOpen(context, changes),

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

/** Changes parts of what is open about records, whether they have a link or not. */
async function patchOpen(context: StoreContext, changes: readonly (readonly [RecordKey, OpenPatch])[]): Promise<void> {
  for (let i = 0; i < changes.length; i += BATCH) {
    const some = changes.slice(i, i + BATCH);
    await commitUnits(context, '', async (used) =>
      Promise.all(
        some.map(async ([key, change]): Promise<WireUnit> => {
          return { c: [], d: [], k: 'N', open: { [key]: await packOpen(change, context.words, used) } };
        }),
      ),
    );
  }
}

async function readCreates({ redis, base }: StoreContext, side: SideIndex): Promise<RecordCreate[]> {
  const ids = await redis.smembers(`${base}creates:${side}`);
  if (ids.length === 0) return [];
  const values = await redis.hmget(`${base}open`, ...ids.map((id) => recordKey(side, id)));
  return ids.flatMap((id, i) => {
    const { pendingCreate } = parseOpen(values[i] ?? undefined);
    return pendingCreate ? [{ id, pending: pendingCreate }] : [];
  });
}

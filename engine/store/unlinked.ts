/** Records without a link: the index by which others find them, when they were first read, what the mapping leaves alone. */
import { coalesce } from '../coalesce.ts';
import type { SideIndex } from '../types.ts';
import { pack } from './msgpack.ts';
import type { Reader } from './reader.ts';
import { LOOKED } from './scripts.ts';
import type { StoreContext } from './store-context.ts';
import { tokenBytes } from './tokens.ts';
import type { Token, UnlinkedIndex } from './types.ts';
import { commitUnits, packIndex, type WireUnit } from './units.ts';
import { decodeUnlinked, type UnlinkedEntry } from './unlinked-codec.ts';

/** Records written in one step. */
const BATCH = 200;

// Over 60 lines: a factory. What it returns are short functions over the same families of keys.
export function createUnlinked(context: StoreContext, reader: Reader) {
  const { redis, scripts, base, rules, fingerprinter } = context;
  const family = (rule: number | 'c', side: SideIndex): string => `free:${rules.tag}:${rule}:${side}`;
  const ask = coalesce<readonly [family: string, key: Buffer, limit: number], string[]>((questions) =>
    scripts.text<string[][]>('candidates', ...questions.flat()),
  );
  const find = (side: SideIndex, rule: number | 'c', key: Buffer, limit: number): Promise<string[]> =>
    ask([family(rule, side), key, limit]);
  const linked = coalesce<Buffer, string[][]>((requests) => scripts.text('linked', pack(requests)), LOOKED);
  const bytes = (token: Token): Buffer => Buffer.from(token, 'base64url');

  async function* buckets(side: SideIndex, which: string, met = ''): AsyncGenerator<{ id: string; value: Buffer }[]> {
    for (let bucket = 0; bucket >= 0; ) {
      const [next, ...flat] = await scripts.run<[number, ...Buffer[]]>('entries', String(side), bucket, which, met);
      const found: { id: string; value: Buffer }[] = [];
      for (let i = 0; i < flat.length; i += 2) found.push({ id: flat[i]!.toString(), value: flat[i + 1]! });
      if (found.length > 0) yield found;
      bucket = next;
    }
  }

  return {
    /** Puts records into the index under their present keys; one that has a link stays out of it. */
    async index(side: SideIndex, records: readonly UnlinkedIndex[]): Promise<void> {
      for (let i = 0; i < records.length; i += BATCH) {
        const units = records.slice(i, i + BATCH).map((entry): WireUnit => {
          const unit = { c: [], d: [], k: 'U', s: String(side), i: entry.id, x: 'skip' };
          return { ...unit, ...packIndex(context, entry) };
        });
        await commitUnits(context, '', async () => units);
      }
    },

    /** Ids on a side whose match key of this rule is `key`; at most `limit`. */
    candidates: (side: SideIndex, rule: number, key: Token, limit = 10): Promise<string[]> =>
      find(side, rule, bytes(key), limit),

    /** Ids on a side whose records name the record `id` of the other side as their counterpart; at most `limit`. */
    correlatedWith: (side: SideIndex, id: string, limit = 10): Promise<string[]> =>
      find(side, 'c', bytes(fingerprinter.token(id)), limit),

    /**
     * Links whose records have a match key, by their ids on side 0: per key, at most 11. Calls of one moment are one script.
     */
    linkedBy: async (keys: readonly Token[]): Promise<string[][]> =>
      keys.length === 0 ? [] : linked(tokenBytes(...keys)),

    /** How many counterparts the records of a side name. */
    correlatedCount: async (side: SideIndex): Promise<number> =>
      Number((await redis.hget(`${base}sizes`, family('c', side))) ?? 0),

    /** Match keys under which records stand in the index, in the order of the ids; undefined for one that is not in it. */
    async keysOf(side: SideIndex, ids: readonly string[]): Promise<(readonly Token[] | undefined)[]> {
      const found = await reader.lookup(side, ids);
      return found.map(({ unlinked }) => (unlinked?.firstSeen === undefined ? undefined : unlinked.matchKeys));
    },

    /** Epoch ms when a record was first read, of a linked one when it was linked; undefined for one never seen. */
    async firstSeen(side: SideIndex, id: string): Promise<number | undefined> {
      const [found] = await reader.lookup(side, [id]);
      return found?.link?.created ?? found?.unlinked?.firstSeen;
    },

    /** The mapping leaves it without a counterpart deliberately: should it get one later, that is no first sync. */
    async leave(side: SideIndex, id: string, firstRead: number | undefined): Promise<void> {
      if (firstRead !== undefined && firstRead > 0) await scripts.text('leave', String(side), id, firstRead);
    },

    /** Records of a side that wait for links, each with its issue (waiting-codec.ts), some buckets at a time. */
    waiting: (side: SideIndex) => buckets(side, 'waiting'),

    /**
     * Entries of a side, some buckets at a time.
     * @param which with an issue, or not in the set `met` and not known to be orphaned
     */
    async *entries(
      side: SideIndex,
      which: { kind: 'issue' } | { kind: 'unmet'; met: string },
    ): AsyncGenerator<{ id: string; entry: UnlinkedEntry }[]> {
      for await (const batch of buckets(side, which.kind, which.kind === 'unmet' ? which.met : ''))
        yield batch.map(({ id, value }) => ({ id, entry: decodeUnlinked(value) }));
    },
  };
}

export type Unlinked = ReturnType<typeof createUnlinked>;

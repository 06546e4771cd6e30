/** Records without a link: their index, when they were first read, what the mapping leaves alone. */
import type { SideIndex } from '../types.ts';
import { createMatching } from './matching.ts';
import type { Reader } from './reader.ts';
import type { StoreContext } from './store-context.ts';
import type { Token, UnlinkedIndex } from './types.ts';
import { commitUnits, packIndex, type WireUnit } from './units.ts';
import { decodeUnlinked, type UnlinkedEntry } from './unlinked-codec.ts';

/** Records written in one step. */
const BATCH = 200;

export function createUnlinked(context: StoreContext, reader: Reader) {
  return {
    ...createMatching(context),

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
      if (firstRead !== undefined && firstRead > 0) await context.scripts.text('leave', String(side), id, firstRead);
    },

    /** Records of a side that wait for links, each with its issue (waiting-codec.ts), some buckets at a time. */
    waiting: (side: SideIndex) => buckets(context, side, 'waiting'),

    /**
     * Entries of a side, some buckets at a time.
     * @param which with an issue, or not in the set `seen` and not known to be orphaned
     */
    async *entries(
      side: SideIndex,
      which: { kind: 'issue' } | { kind: 'unseen'; seen: string },
    ): AsyncGenerator<{ id: string; entry: UnlinkedEntry }[]> {
      for await (const batch of buckets(context, side, which.kind, which.kind === 'unseen' ? which.seen : ''))
        yield batch.map(({ id, value }) => ({ id, entry: decodeUnlinked(value) }));
    },
  };
}

export type Unlinked = ReturnType<typeof createUnlinked>;

async function* buckets(
  { scripts }: StoreContext,
  side: SideIndex,
  which: string,
  seen = '',
): AsyncGenerator<{ id: string; value: Buffer }[]> {
  for (let bucket = 0; bucket >= 0; ) {
    const [next, ...flat] = await scripts.run<[number, ...Buffer[]]>('entries', String(side), bucket, which, seen);
    const found: { id: string; value: Buffer }[] = [];
    for (let i = 0; i < flat.length; i += 2) found.push({ id: flat[i]!.toString(), value: flat[i + 1]! });
    if (found.length > 0) yield found;
    bucket = next;
  }
}

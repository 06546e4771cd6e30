/** How far a mapping has been read, where its scans go on, and which edits of it have been followed up. */
import type { SideIndex } from '../types.ts';
import { createFirstSync } from './first-sync.ts';
import { createFollowed } from './followed.ts';
import { createFullReads, createReadiness } from './full-reads.ts';
import { progressKey } from './progress-hash.ts';
import type { StoreContext } from './store-context.ts';
import type { Unlinked } from './unlinked.ts';

export function createProgress(context: StoreContext, unlinked: Unlinked) {
  const { redis, base } = context;
  const key = progressKey(base);
  return {
    ...createReadiness(context),
    ...createFullReads(context, unlinked),
    ...createFirstSync(context),
    ...createFollowed(context),

    /** How far this run has read a side under this version of the mapping, where it was interrupted. */
    async reading<T>(side: SideIndex, run: string, version: string): Promise<T | undefined> {
      const kept = await redis.hget(key, `reading:${side}`);
      const name = `${run} ${version} `;
      return kept?.startsWith(name) ? (JSON.parse(kept.slice(name.length)) as T) : undefined;
    },

    /** One side is read by one scan at a time. */
    async noteReading(side: SideIndex, run: string, version: string, reading: object): Promise<void> {
      await redis.hset(key, `reading:${side}`, `${run} ${version} ${JSON.stringify(reading)}`);
    },

    /** Both sides were read. */
    async endReading(): Promise<void> {
      await redis.hdel(key, 'reading:0', 'reading:1');
    },

    /** Where the next full scan goes on to try rejected writes again: a cursor of `issues.failedFrom`. */
    retriedTo: async (): Promise<string> => (await redis.hget(key, 'retried')) ?? '0',

    noteRetriedTo: async (cursor: string): Promise<void> =>
      void (await (cursor === '0' ? redis.hdel(key, 'retried') : redis.hset(key, 'retried', cursor))),

    /** Since when both sides are to be read by schedule; ISO 8601, undefined where they never were. */
    scheduledSince: async (): Promise<string | undefined> => (await redis.hget(key, 'scheduled')) ?? undefined,

    noteScheduled: async (): Promise<void> => {
      await redis.hsetnx(key, 'scheduled', new Date().toISOString());
    },
  };
}

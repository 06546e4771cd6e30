/** Which records a full scan has seen, to find those that it has not. The notes live in Redis, an hour after the last of them. */
import { randomUUID } from 'node:crypto';
import type { SideIndex } from '../types.ts';
import { parseOpen } from './issue-codec.ts';
import { redisTime, type StoreContext } from './store-context.ts';
import type { Issue } from './types.ts';
import type { Unlinked } from './unlinked.ts';

const KEPT = 3_600;

/** Under which the notes of one read are found again, and when it began: epoch ms on Redis' clock. */
export interface SeenName {
  readonly key: string;
  readonly began: number;
}

export interface MissingRecords {
  /** All that are to be looked at. */
  readonly ids: readonly string[];
  /** Of these, those of which no issue tells yet that something is the matter: too many of them are not believed. */
  readonly unexpected: readonly string[];
}

/** What one read of a list has seen. */
export interface SeenRecords {
  readonly name: SeenName;
  /** @returns how many were seen so far, each counted once */
  mark(ids: readonly string[]): Promise<number>;
  /** Linked ids that were not seen, though they were linked before the read began. */
  missing(): Promise<MissingRecords>;
  /** Ids of records without a link that are known and were not seen, a batch at a time. */
  unlinkedMissing(): AsyncGenerator<string[]>;
  end(): Promise<void>;
}

export function createSeenRecords({ redis, scripts, base }: StoreContext, unlinked: Unlinked) {
  return {
    /** Whether the notes of a read that has seen some are still there, so that it can continue. */
    isKept: async ({ key }: SeenName): Promise<boolean> => (await redis.exists(key)) === 1,

    /** @param former of a read that continues */
    async of(side: SideIndex, former?: SeenName): Promise<SeenRecords> {
      const name = former ?? { key: `${base}seen:${side}:${randomUUID()}`, began: await redisTime(redis) };
      const { key: seen, began } = name;
      return {
        name,
        async mark(ids) {
          if (ids.length === 0) return redis.scard(seen);
          const done = await redis
            .multi()
            .sadd(seen, ...ids)
            .expire(seen, KEPT)
            .scard(seen)
            .exec();
          return Number(done?.[2]?.[1]);
        },
        async *unlinkedMissing() {
          for await (const batch of unlinked.entries(side, { kind: 'unseen', seen })) yield batch.map(({ id }) => id);
        },
        async missing() {
          const ids: string[] = [];
          const unexpected: string[] = [];
          for (let cursor = '0'; ; ) {
            const [next, ...found] = await scripts.text<string[]>('missing', String(side), seen, cursor, began);
            for (let i = 0; i < found.length; i += 5) {
              const id = found[i + side]!;
              const { issue, decision } = parseOpen(found[i + 3]);
              // Known to be gone, and waiting as such: asking again every time would never end. The other one may go later.
              const known = (issue && knownGone(issue)) || decision?.kind === 'deletes';
              if (known && found[i + 2] === '') continue;
              ids.push(id);
              // A job that failed for good leaves its issue under the record that it was about.
              if (![issue, parseOpen(found[i + 4]).issue].some((one) => one && isExpected(one))) unexpected.push(id);
            }
            if (next === '0') break;
            cursor = next!;
          }
          return { ids, unexpected };
        },
        async end() {
          await redis.del(seen);
        },
      };
    },
  };
}

/**
 * Asking about such a record again would tell nothing new. A conflict (which has a code) knows nothing of a deletion; a delete
 * that was rejected does.
 */
const knownGone = ({ kind, code, change }: Issue): boolean =>
  (kind === 'orphaned' && code !== 'ID_REUSED') ||
  (kind === 'review' && (code === undefined || code === 'RECORD_MERGED')) ||
  kind === 'blocked' ||
  (code === 'SYSTEM_REJECTED' && change === 'deletes');

/** Each full scan would miss it again: a list may hide archived records, and a system may refuse to delete a counterpart. */
const isExpected = (issue: Issue): boolean => knownGone(issue) || issue.kind === 'failed' || issue.kind === 'paused';

/** Which records a full scan has seen, to find those that it has not. The notes live in Redis, an hour at most. */
import { randomUUID } from 'node:crypto';
import type { SideIndex } from '../types.ts';
import { redisTime, type StoreContext } from './context.ts';
import { parseOpen } from './issue-codec.ts';
import type { Issue } from './types.ts';
import type { Unlinked } from './unlinked.ts';

const KEPT = 3_600;

export interface Meeting {
  met(ids: readonly string[]): Promise<void>;
  /** Linked ids that were not met, though they were linked before the meeting began; ends the meeting. */
  missing(): Promise<string[]>;
  /** Ids of records without a link that are known and were not met, a batch at a time. */
  heldMissing(): AsyncGenerator<string[]>;
}

export function createMeetings({ redis, scripts, base }: StoreContext, unlinked: Unlinked) {
  return {
    async meet(side: SideIndex): Promise<Meeting> {
      const met = `${base}met:${side}:${randomUUID()}`;
      const began = await redisTime(redis);
      return {
        async met(ids) {
          if (ids.length > 0)
            await redis
              .multi()
              .sadd(met, ...ids)
              .expire(met, KEPT)
              .exec();
        },
        async *heldMissing() {
          for await (const batch of unlinked.entries(side, { kind: 'unmet', met })) yield batch.map(({ id }) => id);
        },
        async missing() {
          const missing: string[] = [];
          for (let cursor = '0'; ; ) {
            const [next, ...found] = await scripts.text<string[]>('missing', String(side), met, cursor, began);
            for (let i = 0; i < found.length; i += 3) {
              const { issue, decision } = parseOpen(found[i + 2] || undefined);
              // Known to be gone, and waiting as such: asking again every time would never end.
              if (!(issue && knownGone(issue)) && decision?.kind !== 'deletes') missing.push(found[i + side]!);
            }
            if (next === '0') break;
            cursor = next!;
          }
          await redis.del(met);
          return missing;
        },
      };
    },
  };
}

/** Asking about such a record again would tell nothing new. A conflict (which has a code) knows nothing of a deletion. */
const knownGone = ({ kind, code }: Issue): boolean =>
  kind === 'orphaned' || (kind === 'review' && code === undefined) || kind === 'blocked';

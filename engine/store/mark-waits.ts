/** Why records of a mapping in its dirty set are due later, as people are shown it. */
import type { Redis } from 'ioredis';

/** Why records of a mapping are due later. */
export interface MarkWait {
  readonly reason: string;
  readonly code?: string;
  /** Epoch ms: since when, and until when they wait at least. */
  readonly since: number;
  readonly until: number;
}

/** A wait that comes again within this time is the same one, in ms. */
const WAIT_GAP = 60_000;

/** @param setOf key of the dirty set of a mapping */
export function createMarkWaits(redis: Redis, setOf: (mapping: string) => string) {
  return {
    /** Notes why records wait; since when is kept while it goes on. @param ms for which they wait now */
    async noteWait(mapping: string, { reason, code }: Pick<MarkWait, 'reason' | 'code'>, ms: number): Promise<void> {
      const key = `${setOf(mapping)}:waits`;
      const now = Date.now();
      const stored = await redis.hget(key, reason);
      const former = stored === null ? undefined : (JSON.parse(stored) as MarkWait);
      const continued = former !== undefined && former.code === code && former.until + WAIT_GAP > now;
      const wait: MarkWait = {
        reason,
        ...(code === undefined ? {} : { code }),
        since: continued ? former.since : now,
        until: Math.max(continued ? former.until : 0, now + Math.ceil(ms)),
      };
      await redis.hset(key, reason, JSON.stringify(wait));
      await redis.pexpire(key, Math.max(WAIT_GAP, wait.until - now) + WAIT_GAP);
    },

    /** Why records of a mapping wait at present. */
    async waits(mapping: string): Promise<MarkWait[]> {
      const waits = Object.values(await redis.hgetall(`${setOf(mapping)}:waits`)).map(
        (json) => JSON.parse(json) as MarkWait,
      );
      return waits.filter(({ until }) => until > Date.now());
    },
  };
}

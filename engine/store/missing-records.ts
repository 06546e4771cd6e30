/** The links whose records a full scan did not see, while the brake is on. */
import { randomUUID } from 'node:crypto';
import type { StoreContext } from './store-context.ts';

const BATCH = 500;

export function createMissingRecords({ redis, base }: StoreContext) {
  /** SET of ids on side 0. */
  const key = `${base}brake:missing`;
  return {
    /** Notes the links whose records a full scan did not see, by their ids on side 0. */
    async noteMissing(ids: readonly string[]): Promise<void> {
      if (ids.length === 0) return void (await redis.del(key));
      // Built aside: an answer meanwhile sees all of the former ones or all of these.
      const fresh = `${key}:${randomUUID()}`;
      for (let i = 0; i < ids.length; i += BATCH)
        await redis
          .multi()
          .sadd(fresh, ...ids.slice(i, i + BATCH))
          .expire(fresh, 3600)
          .exec();
      await redis.multi().rename(fresh, key).persist(key).exec();
    },

    missingCount: (): Promise<number> => redis.scard(key),

    someMissing: (limit: number): Promise<string[]> => redis.srandmember(key, limit),

    async *missing(): AsyncGenerator<string[]> {
      let cursor = '0';
      do {
        const [next, ids] = await redis.sscan(key, cursor, 'COUNT', BATCH);
        cursor = next;
        if (ids.length > 0) yield ids;
      } while (cursor !== '0');
    },
  };
}

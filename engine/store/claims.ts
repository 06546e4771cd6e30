/**
 * Who works on what: names that one owner holds for a time. They are taken by take.lua and lock.lua, extended by
 * claim.lua, and released with batches; here they are only read.
 */
import { redisTime, type StoreContext } from './store-context.ts';

export function createClaims({ redis, base }: StoreContext) {
  return {
    /** Whether anybody works on it right now. */
    async claimed(name: string): Promise<boolean> {
      const [value, now] = await Promise.all([redis.hget(`${base}claims`, name), redisTime(redis)]);
      return value !== null && Number(value.slice(0, value.indexOf(' '))) > now;
    },
  };
}

/** Who works on what: names that one owner holds for a time. */
import { redisTime, type StoreContext } from './context.ts';

export function createClaims({ redis, base, scripts }: StoreContext) {
  const key = `${base}claims`;
  return {
    /** Redis' time in ms once every claim is held, undefined when another owner holds one of them. */
    async claim(names: readonly string[], owner: string, ttl: number): Promise<number | undefined> {
      if (names.length === 0) return redisTime(redis);
      const now = await scripts.text<number>('claim', owner, ttl, 'take', ...names);
      return now === 0 ? undefined : now;
    },

    extend: async (names: readonly string[], owner: string, ttl: number): Promise<boolean> =>
      names.length === 0 || (await scripts.text<number>('claim', owner, ttl, 'extend', ...names)) !== 0,

    /** Whether anybody works on it right now. */
    async claimed(name: string): Promise<boolean> {
      const [value, now] = await Promise.all([redis.hget(key, name), redisTime(redis)]);
      return value !== null && Number(value.slice(0, value.indexOf(' '))) > now;
    },

    async unclaim(names: readonly string[], owner: string): Promise<void> {
      if (names.length > 0) await scripts.text('release', owner, 0, names.length, ...names);
    },
  };
}

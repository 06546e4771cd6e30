/** The first sync under the present match rules: when it ended, and whether a person allowed it to create all there is. */
import { marked, progressKey, unmarked } from './progress-hash.ts';
import { redisTime, type StoreContext } from './store-context.ts';
import type { Unlinked } from './unlinked.ts';

export function createFirstSync({ redis, base, rules }: StoreContext) {
  const key = progressKey(base);
  return {
    /**
     * Epoch ms of Redis' clock when both sides had been read fully for the first time, if they have; 0 where that was no
     * first sync, but links are being rebuilt, or there was one under other match rules.
     */
    async firstRead(): Promise<number | undefined> {
      const at = unmarked(await redis.hget(key, 'first'), rules.id);
      return at === undefined ? undefined : Number(at);
    },

    /** A person allowed the first sync under the present match rules to create as much as there is. */
    firstSyncAllowed: async (): Promise<boolean> =>
      unmarked(await redis.hget(key, 'first:allowed'), rules.id) !== undefined,

    allowFirstSync: async (): Promise<void> =>
      void (await redis.hset(key, 'first:allowed', marked(new Date().toISOString(), rules.id))),
  };
}

/** Both sides have been read fully: where that was for the first time, notes when. */
export async function noteFirstRead(context: StoreContext, unlinked: Unlinked): Promise<void> {
  const { redis, base, rules } = context;
  const key = progressKey(base);
  if (unmarked(await redis.hget(key, 'first'), rules.id) !== undefined) return;
  const at = (await isNoFirst(context, unlinked)) ? '0' : String(await redisTime(redis));
  await redis.hset(key, 'first', marked(at, rules.id));
}

/** Links were put back from a copy, there are none although records name their counterparts, or there were other rules. */
async function isNoFirst({ redis, base, rules }: StoreContext, unlinked: Unlinked): Promise<boolean> {
  const [restored, first] = await redis.hmget(progressKey(base), 'restored', 'first');
  if (restored !== null || (first !== null && unmarked(first, rules.id) === undefined)) return true;
  const naming = await Promise.all(([0, 1] as const).map((side) => unlinked.correlatedCount(side)));
  return naming.some((count) => count > 0) && (await redis.hlen(`${base}link`)) === 0;
}

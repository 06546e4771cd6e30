/** Records that wait until both sides were read fully once. */
import type { SideIndex } from '../types.ts';
import type { StoreContext } from './store-context.ts';

const BATCH = 500;

export function createWaitingRoom({ redis, base }: StoreContext) {
  const keys = [`${base}waiting-room:0`, `${base}waiting-room:1`] as const;
  return {
    async addUntilReady(side: SideIndex, ids: readonly string[]): Promise<void> {
      for (let i = 0; i < ids.length; i += BATCH) await redis.sadd(keys[side], ...ids.slice(i, i + BATCH));
    },

    /** Some of them; they stay until `stopWaiting` confirms that they are queued. */
    someWaiting: (side: SideIndex, limit: number): Promise<string[]> => redis.srandmember(keys[side], limit),

    /** All of them, a batch at a time. */
    async *allWaiting(): AsyncGenerator<{ side: SideIndex; ids: string[] }> {
      for (const side of [0, 1] as const)
        for await (const ids of redis.sscanStream(keys[side], { count: BATCH }))
          if ((ids as string[]).length > 0) yield { side, ids: ids as string[] };
    },

    waitingCount: async (): Promise<number> => (await redis.scard(keys[0])) + (await redis.scard(keys[1])),

    async stopWaiting(side: SideIndex, ids: readonly string[]): Promise<void> {
      if (ids.length > 0) await redis.srem(keys[side], ...ids);
    },
  };
}

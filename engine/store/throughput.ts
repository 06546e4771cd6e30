/** How fast work goes, by every process together: what was done in each ten seconds of the last minutes. */
import type { Redis } from 'ioredis';

const BUCKET = 10_000;
/** How far back is looked, in ms. */
const WINDOW = 300_000;

export type Throughput = ReturnType<typeof createThroughput>;

export function createThroughput(redis: Redis, prefix: string) {
  const keyOf = (queue: string): string => `${prefix}:{throughput}:${queue}`;

  return {
    /** Counts what was just done. @param queue name of the queue that it was waiting in */
    async count(queue: string, done: number): Promise<void> {
      const key = keyOf(queue);
      const bucket = Math.floor(Date.now() / BUCKET);
      const counted = await redis.hincrby(key, String(bucket), done);
      if (counted !== done) return;
      // The first of its time: what is older than the window is of no use any more.
      const old = (await redis.hkeys(key)).filter((field) => (bucket - Number(field)) * BUCKET > WINDOW);
      if (old.length > 0) await redis.hdel(key, ...old);
      await redis.pexpire(key, 2 * WINDOW);
    },

    /** Done per second, since the first that was done within the last five minutes; 0 where nothing was. */
    async perSecond(queue: string): Promise<number> {
      const now = Date.now();
      const fresh = Object.entries(await redis.hgetall(keyOf(queue)))
        .map(([bucket, done]) => ({ from: Number(bucket) * BUCKET, done: Number(done) }))
        .filter(({ from }) => now - from <= WINDOW);
      if (fresh.length === 0) return 0;
      const since = Math.min(...fresh.map(({ from }) => from));
      return fresh.reduce((sum, { done }) => sum + done, 0) / (Math.max(1_000, now - since) / 1_000);
    },
  };
}

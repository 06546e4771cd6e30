/** Everything that Redis holds under a prefix, as texts: what an attacker would find who could read it. */
import type { Redis } from 'ioredis';

export interface Entry {
  readonly key: string;
  /** Fields and values, members, items: whatever the key holds. */
  readonly texts: readonly string[];
}

/** @param prefix as given to the engine; the queues' keys, under `{prefix}`, are among them */
export async function dumpRedis(redis: Redis, prefix: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const match of [`${prefix}:*`, `{${prefix}}*`]) {
    for await (const keys of redis.scanStream({ match, count: 1_000 }) as AsyncIterable<string[]>) {
      for (const key of keys) entries.push({ key, texts: await textsOf(redis, key) });
    }
  }
  return entries;
}

async function textsOf(redis: Redis, key: string): Promise<string[]> {
  switch (await redis.type(key)) {
    case 'string':
      return [(await redis.get(key)) ?? ''];
    case 'hash':
      return Object.entries(await redis.hgetall(key)).flat();
    case 'list':
      return redis.lrange(key, 0, -1);
    case 'set':
      return redis.smembers(key);
    case 'zset':
      return redis.zrange(key, 0, '-1');
    case 'stream':
      return (await redis.xrange(key, '-', '+')).flatMap(([, fields]) => fields);
    default:
      return [];
  }
}

/** The Redis of this test run, and a key prefix that no other test uses. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';

export function redisUrl(): string {
  const url = process.env.REDIS_URL;
  if (!url)
    throw new Error(
      'REDIS_URL is not set: run the tests with "npm test", which starts a Redis of its own, or set it yourself.',
    );
  return url;
}

export const uniquePrefix = (): string => `test-${randomUUID()}`;

export const connectTestRedis = (): Redis => new Redis(redisUrl(), { maxRetriesPerRequest: null });

/** Deletes everything that an engine keeps under its prefix, the queues' keys too. */
export async function deletePrefix(redis: Redis, prefix: string): Promise<void> {
  for (const match of [`${prefix}:*`, `{${prefix}}*`]) {
    for await (const keys of redis.scanStream({ match, count: 1_000 }) as AsyncIterable<string[]>)
      if (keys.length > 0) await redis.unlink(...keys);
  }
}

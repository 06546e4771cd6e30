/**
 * vitest's `setupFiles`, run before each test file: a Redis that this run started gives each process of vitest an empty database
 * of its own. Tests look for their keys by SCAN, which reads all keys of a database: those of other files would cost them minutes.
 */
import { Redis } from 'ioredis';

/** Names the Redis of this run to its tests; unset where it is that of a person, of which nothing else is deleted. */
const OWN = process.env.TANDEM_TEST_REDIS;

if (OWN !== undefined) {
  // 1 to `maxWorkers` of vitest.config.ts, each of one running process. Redis has the databases 0 to 15.
  const number = Number(process.env.VITEST_POOL_ID);
  if (!Number.isInteger(number)) throw new Error(`VITEST_POOL_ID is no number: ${process.env.VITEST_POOL_ID}`);
  process.env.REDIS_URL = `${OWN}/${number}`;
  const redis = new Redis(process.env.REDIS_URL);
  await redis.flushdb('ASYNC');
  redis.disconnect();
}

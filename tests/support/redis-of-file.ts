/** Apart from redis.ts, which programs import too that run without vitest. */
import type { Redis } from 'ioredis';
import { afterAll } from 'vitest';
import { connectTestRedis } from './redis.ts';

/** A connection for all tests of a file, closed after the last of them. */
export function redisOfFile(): Redis {
  const redis = connectTestRedis();
  afterAll(() => redis.quit());
  return redis;
}

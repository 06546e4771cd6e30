/** The Redis of REDIS_URL: whether it is there, and whether it may be trusted with link keys. */
import { checkSafety, connect, type KeptFingerprinter, openFingerprinter, shownRedisUrl } from '../../engine/index.ts';
import { asFailure, FAILED, Failure } from '../failure.ts';
import type { Environment } from './environment.ts';
import type { Logger } from './log.ts';

/** Redis is often started together with Tandem and takes a moment. */
const PATIENCE = 10_000;

const WAYS = `Any of these gives one:
  REDIS_URL=redis://127.0.0.1:6379   for a Redis (6.2 or later) or Valkey that runs here already
  redis-server --appendonly yes --maxmemory-policy noeviction
  docker run -p 6379:6379 redis:7 redis-server --appendonly yes --maxmemory-policy noeviction
To look around without any of it: npm run demo`;

/** @throws Failure where REDIS_URL is not set, with the ways out */
export function requireRedisUrl({ redisUrl }: Environment): string {
  if (redisUrl !== undefined) return redisUrl;
  throw new Failure('STARTUP_REFUSED', 'REDIS_URL is not set. Links, queues and runs are kept in Redis.', WAYS);
}

/**
 * @param options.safe false: also one that may lose keys will do
 * @throws Failure where it does not answer in time, refuses the password, or evicts keys
 */
export async function checkRedis(url: string, prefix: string, logger: Logger, { safe = true } = {}): Promise<void> {
  const redis = connect(url, prefix);
  let last = '';
  redis.on('error', (error) => {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code ?? message;
    if (reason !== last) logger.warn({ redis: shownRedisUrl(url), reason }, 'waiting for Redis');
    last = reason;
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const reason = last === '' ? `no answer within ${PATIENCE / 1000} s` : last;
      reject(
        new Failure(
          'SYSTEM_UNREACHABLE',
          `Redis at ${shownRedisUrl(url)} does not answer (${reason}).`,
          `Start it, or set REDIS_URL.\n${WAYS}`,
          FAILED,
        ),
      );
    }, PATIENCE);
  });
  try {
    await Promise.race([late, redis.ping()]);
    if (!safe) return;
    const { dangers, advice } = await Promise.race([late, checkSafety(redis)]);
    for (const warning of [...dangers, ...advice]) logger.warn({ redis: shownRedisUrl(url) }, warning);
  } catch (error) {
    const { message } = asFailure(error);
    if (/NOAUTH|WRONGPASS|NOPERM|invalid (username|password)/i.test(message)) {
      throw new Failure(
        'STARTUP_REFUSED',
        `Redis at ${shownRedisUrl(url)} refuses the credentials of REDIS_URL.`,
        'Write user and password into REDIS_URL: redis://USER:PASSWORD@HOST:PORT',
        undefined,
        error,
      );
    }
    throw error;
  } finally {
    clearTimeout(timer);
    redis.disconnect();
  }
}

/** @throws TandemError STARTUP_REFUSED where this Redis holds fingerprints of another key */
export async function openFingerprints(url: string, environment: Environment): Promise<KeptFingerprinter> {
  const redis = connect(url, environment.prefix);
  redis.on('error', () => {});
  try {
    return await openFingerprinter(redis, environment.prefix, environment);
  } finally {
    redis.disconnect();
  }
}

/** Connections to Redis, and whether that Redis may be trusted with link keys. */
import { Redis, type RedisOptions } from 'ioredis';
import { TandemError } from '../errors.ts';

/**
 * A connection on which nothing comes for this long although something was asked is given up, in ms: a machine that is
 * gone closes nothing. Longer than BullMQ ever waits for a job.
 */
const SILENCE = 30_000;

/** What REDIS_URL may be, in words. */
export const REDIS_URL_FORMS =
  'an address such as redis://127.0.0.1:6379, rediss://:PASSWORD@redis.example.com:6380/0, or redis+sentinel://HOST:26379,HOST:26379/NAME';

/** `redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT.../NAME[/DB]`; user and password are those of Redis itself. */
const SENTINEL = /^redis\+sentinel:\/\/(?:([^:@/]*):([^@/]*)@)?([^@/]+)\/([^/?#]+)(?:\/(\d+))?$/;

/** @returns the connection options that an address stands for, or the address itself; undefined where it is none */
export function parseRedisUrl(url: string): Omit<RedisOptions, 'replyMapping'> | string | undefined {
  if (URL.canParse(url) && /^rediss?:\/\/[^/]/.test(url)) return url;
  const [, user = '', password = '', hosts = '', name = '', db = '0'] = SENTINEL.exec(url) ?? [];
  const sentinels = hosts.split(',').map((one) => /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(one));
  if (name === '' || sentinels.includes(null)) return undefined;
  return {
    name: decodeURIComponent(name),
    db: Number(db),
    sentinels: sentinels.map((one) => ({
      host: one![1]!.replace(/^\[|\]$/g, ''),
      port: Number(one![2] ?? 26_379),
    })),
    ...(user === '' ? {} : { username: decodeURIComponent(user) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    // Told by a sentinel that another one leads now, it does not wait until the former one is found to be silent.
    failoverDetector: true,
  };
}

/** Without what is secret in it. */
export function shownRedisUrl(url: string): string {
  if (SENTINEL.test(url)) return url.replace(/\/\/[^@/]*@/, '//');
  if (!URL.canParse(url)) return 'REDIS_URL';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}

/**
 * BullMQ workers block on their connection and must wait for Redis to come back, however long that takes.
 * @throws TandemError UNUSABLE
 */
export function connect(url: string): Redis {
  const parsed = parseRedisUrl(url);
  const common = {
    maxRetriesPerRequest: null,
    socketTimeout: SILENCE,
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
    // One that led before and follows now takes no writes: the address, or the sentinels, lead to the one that leads.
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 2 : false),
  } as const;
  if (parsed === undefined) throw new TandemError('UNUSABLE', `REDIS_URL must be ${REDIS_URL_FORMS}.`);
  return typeof parsed === 'string' ? new Redis(parsed, common) : new Redis({ ...common, ...parsed });
}

export interface RedisSafety {
  readonly policy: string | undefined;
  readonly persistent: boolean | undefined;
  /** By what links can be lost at the next restart, in plain words. */
  readonly dangers: readonly string[];
  /** What could be better, or must be looked at by a person, in plain words. */
  readonly advice: readonly string[];
}

/**
 * An evicting Redis would drop link keys, and a lost link key may make duplicates. Managed services often forbid CONFIG:
 * then INFO tells the most of it, and what cannot be read is warned about, not refused.
 * @throws TandemError REDIS_UNSAFE with what to set; UNUSABLE for a node of a Redis Cluster
 */
export async function checkSafety(redis: Redis): Promise<RedisSafety> {
  const [settings, info] = await Promise.all([readSettings(redis), readInfo(redis)]);
  if (info.cluster_enabled === '1')
    throw new TandemError(
      'UNUSABLE',
      'This Redis is a node of a Redis Cluster, over which Tandem cannot spread its keys. Give it a Redis of its own, alone or with sentinels.',
    );
  const policy = settings?.['maxmemory-policy'] ?? info.maxmemory_policy;
  if (policy !== undefined && policy !== 'noeviction') {
    throw new TandemError(
      'REDIS_UNSAFE',
      `Redis has maxmemory-policy ${policy}: it may throw link keys away when memory is short. Set "maxmemory-policy noeviction" in redis.conf, or run: redis-cli CONFIG SET maxmemory-policy noeviction`,
    );
  }
  const appendonly = settings ? settings.appendonly === 'yes' : info.aof_enabled === '1';
  // Without CONFIG nobody can tell snapshots, or the replicas of a service that keeps its data in another way.
  const known = policy !== undefined && (settings !== undefined || appendonly);
  const persistent = known ? appendonly || Boolean(settings?.save) : undefined;
  const failed = info.aof_last_write_status === 'err' || info.rdb_last_bgsave_status === 'err';
  const dangers = persistent === false ? [OFF] : failed ? [UNSAVED] : [];
  const advice = !known ? [UNKNOWN] : persistent && !appendonly ? [SNAPSHOTS] : [];
  return { policy, persistent, dangers, advice };
}

const OFF = 'Redis persistence is OFF: a restart of Redis loses every link. Set "appendonly yes" in redis.conf.';
const UNSAVED =
  'Redis could not save its data lately: links made since are lost when it restarts. See its log (disk full?).';
const SNAPSHOTS =
  'Redis saves snapshots only: a crash loses the links made since the last one. Set "appendonly yes" in redis.conf.';
const UNKNOWN =
  'CONFIG GET is not allowed on this Redis: make sure yourself that maxmemory-policy is noeviction and that persistence is on.';

/** These sections are in every Redis; a service may still forbid INFO. */
async function readInfo(redis: Redis): Promise<Record<string, string>> {
  try {
    const text = `${await redis.info('memory')}\n${await redis.info('persistence')}\n${await redis.info('cluster')}`;
    return Object.fromEntries([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, value]) => [name, value]));
  } catch (error) {
    if (isForbidden(error)) return {};
    throw error;
  }
}

/** A refusal of the command itself; a lost connection is the caller's to see. */
const isForbidden = (error: unknown): boolean =>
  error instanceof Error && /unknown command|NOPERM|not allowed|disabled/i.test(error.message);

async function readSettings(redis: Redis): Promise<Record<string, string> | undefined> {
  try {
    const settings: Record<string, string> = {};
    for (const name of ['maxmemory-policy', 'appendonly', 'save']) {
      const [key, value] = (await redis.config('GET', name)) as string[];
      if (key !== undefined) settings[key] = value ?? '';
    }
    return settings;
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

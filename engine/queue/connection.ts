/** Connections to Redis, and whether that Redis may be trusted with link keys. */
import type { Socket } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';
import { TandemError } from '../errors.ts';
import { clusterConnector, ELSEWHERE, type Node } from './cluster.ts';

/**
 * A connection on which nothing comes for this long although something was asked is given up, in ms: a machine that is
 * gone closes nothing. Longer than BullMQ ever waits for a job.
 */
const SILENCE = 30_000;

/**
 * Commands of one turn of the event loop leave together: a call of the operating system costs more than most commands.
 * Connections that are duplicated from one, to block or to listen, send at once.
 */
class Connection extends Redis {
  override sendCommand(...args: Parameters<Redis['sendCommand']>): unknown {
    const { stream } = this as unknown as { stream?: Socket };
    if (stream && stream.writableCorked === 0) {
      stream.cork();
      setImmediate(() => stream.uncork());
    }
    return super.sendCommand(...args);
  }
}

/** What REDIS_URL may be, in words. */
export const REDIS_URL_FORMS =
  'an address such as redis://127.0.0.1:6379, redis://:PASSWORD@redis.example.com:6379/0, redis+sentinel://HOST:26379,HOST:26379/NAME or redis+cluster://HOST:6379,HOST:6379 (rediss for TLS)';

/**
 * `redis+sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT.../NAME[/DB][?sentinelPassword=PASSWORD]`, where user and password are
 * those of Redis itself, and `redis+cluster://[USER:PASSWORD@]HOST:PORT,HOST:PORT...`
 */
const SEVERAL =
  /^(rediss?)\+(sentinel|cluster):\/\/(?:([^:@/]*):([^@/]*)@)?([^@/?#]+)(?:\/([^/?#]+)(?:\/(\d+))?(?:\?sentinelPassword=([^&]+))?)?$/;

type Several = Omit<RedisOptions, 'replyMapping'> & {
  /** Nodes of a Redis Cluster, any of which knows who holds which slot. */
  readonly nodes?: readonly Node[];
};

/** @returns what an address stands for, or the address itself; undefined where it is none */
export function parseRedisUrl(url: string): Several | string | undefined {
  if (URL.canParse(url) && /^rediss?:\/\/[^/]/.test(url)) return url;
  const [, scheme, kind = '', user = '', password = '', list = '', name = '', db = '0', watch] =
    SEVERAL.exec(url) ?? [];
  const hosts = list.split(',').map((one) => /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(one));
  if (hosts.includes(null) || (kind === 'sentinel') !== (name !== '')) return undefined;
  const nodes = hosts.map((one) => ({
    host: one![1]!.replace(/^\[|\]$/g, ''),
    port: Number(one![2] ?? (kind === 'sentinel' ? 26_379 : 6_379)),
  }));
  const common = {
    ...(user === '' ? {} : { username: decodeURIComponent(user) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(scheme === 'rediss' ? { tls: {} } : {}),
  };
  if (kind === 'cluster') return { ...common, nodes };
  return {
    ...common,
    name: decodeURIComponent(name),
    db: Number(db),
    sentinels: nodes,
    ...(watch === undefined ? {} : { sentinelPassword: decodeURIComponent(watch) }),
    ...(scheme === 'rediss' ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    // Informed by a sentinel that another one leads now, it does not wait until the former one is found to be silent.
    failoverDetector: true,
  };
}

/** Without what is secret in it. */
export function shownRedisUrl(url: string): string {
  if (SEVERAL.test(url)) return url.replace(/\/\/[^@/]*@/, '//').replace(/\?.*/, '');
  if (!URL.canParse(url)) return 'REDIS_URL';
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}

/** First part of every key: in a Redis Cluster its hash tag, which puts all keys into one slot. */
export function keyPrefix(url: string | undefined, prefix: string): string {
  const parsed = parseRedisUrl(url ?? '');
  return typeof parsed === 'object' && parsed.nodes ? `{${prefix}}` : prefix;
}

/** What `connect` opens, named by those that pass it on. */
export type RedisConnection = Redis;

/**
 * BullMQ workers block on their connection and must wait for Redis to come back, however long that takes.
 * @param prefix what all keys begin with, as `keyPrefix` says
 * @throws TandemError STARTUP_REFUSED
 */
export function connect(url: string, prefix: string): Redis {
  const parsed = parseRedisUrl(url);
  const common = {
    maxRetriesPerRequest: null,
    socketTimeout: SILENCE,
    retryStrategy: (times: number) => Math.min(50 * 2 ** Math.min(times, 6), 2_000),
    // One that led before and follows now takes no writes: the address, or the sentinels, lead to the one that leads.
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 2 : false),
  } as const;
  if (parsed === undefined) throw new TandemError('STARTUP_REFUSED', `REDIS_URL must be ${REDIS_URL_FORMS}.`);
  if (typeof parsed === 'string') return new Connection(parsed, common);
  const { nodes, ...options } = parsed;
  if (!nodes) return new Connection({ ...common, ...options });
  return new Connection({
    ...common,
    ...options,
    Connector: clusterConnector(nodes, prefix),
    reconnectOnError: ({ message }) => (ELSEWHERE.test(message) ? 2 : false),
  });
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
 * @throws TandemError REDIS_UNSAFE with what to set; STARTUP_REFUSED where the address names a Redis Cluster and it is none, or the other way round
 */
export async function checkSafety(redis: Redis): Promise<RedisSafety> {
  const [settings, info] = await Promise.all([readSettings(redis), readInfo(redis)]);
  const cluster = redis.options.Connector !== undefined;
  if (info.cluster_enabled === '1' && !cluster)
    throw new TandemError(
      'STARTUP_REFUSED',
      'This Redis is a node of a Redis Cluster: it holds a part of the keys, and another node may take over from it. Name the cluster, by some of its nodes: REDIS_URL=redis+cluster://HOST:PORT,HOST:PORT',
    );
  // Each process would hold another one for the one with the keys.
  if (info.cluster_enabled === '0' && cluster)
    throw new TandemError(
      'STARTUP_REFUSED',
      'REDIS_URL names a Redis Cluster, but this Redis is none. Alone it is named redis://HOST:PORT, with sentinels redis+sentinel://HOST:PORT,HOST:PORT/NAME',
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

/** Another one after each restart of Redis, and after a failover; '' where the service forbids to ask. */
export async function serverId(redis: Redis): Promise<string> {
  try {
    return /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1] ?? '';
  } catch (error) {
    if (isForbidden(error)) return '';
    throw error;
  }
}

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

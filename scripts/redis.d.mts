// Types of redis.mjs for TypeScript, which does not read it.

export interface StartRedisOptions {
  /** Start one even when REDIS_URL is set: for tests that kill their Redis or change its settings. */
  own?: boolean | undefined;
  /** Port on 127.0.0.1; a free one unless given. */
  port?: number | undefined;
  /** Data folder, which is kept; a temporary one, removed at the end, unless given. */
  dir?: string | undefined;
  /** Keep every write in the append-only file, so that a Redis started later on the same `dir` has them. Default: no. */
  appendonly?: boolean | undefined;
  /** Makes it a sentinel, with these lines in its configuration. */
  sentinel?: readonly string[] | undefined;
  /** Gets what Redis logs, line by line. */
  log?: ((line: string) => void) | undefined;
  /** Gets what is done to get hold of a Redis that is not there yet, which may take some seconds. Default: `log`. */
  notice?: ((line: string) => void) | undefined;
  /** Further arguments for redis-server, such as `['--maxmemory', '4mb']`. */
  args?: readonly string[] | undefined;
}

export interface StartedRedis {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** null when it was not started here (REDIS_URL). */
  readonly pid: number | null;
  /** The data folder; null when it was not started here. */
  readonly dir: string | null;
  /** Where it comes from: REDIS_URL, a program on the PATH, or Debian's package in the cache folder. */
  readonly how: 'REDIS_URL' | 'path' | 'debian';
  /** Settles when it has ended, however; never for one that was not started here. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Ends it and removes its temporary folder. Does nothing to one that was not started here, nor the second time. */
  stop(): Promise<void>;
  /** Sends a signal, SIGKILL unless named (SIGSTOP and SIGCONT make it hang and go on). Throws for one not started here. */
  kill(signal?: NodeJS.Signals): boolean;
}

/** No Redis could be had; the message tells the ways out and is meant to be shown as it is. */
export class RedisUnavailable extends Error {
  readonly code: 'REDIS_UNAVAILABLE';
  readonly expected: true;
}

/**
 * Gives a Redis that answers: the one of REDIS_URL, else a new one on 127.0.0.1 that keeps nothing on disk (see
 * `appendonly`), evicts nothing, and ends when this process ends, even by SIGKILL.
 *
 * @throws {RedisUnavailable} when there is none
 */
export function startRedis(options?: StartRedisOptions): Promise<StartedRedis>;

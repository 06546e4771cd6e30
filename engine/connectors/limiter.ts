/**
 * The throttle of one system, shared by all processes through Redis: its declared limits, and the pauses it asks for. One
 * script answers for the pause and all limits, so that a limit is never exceeded and nothing is taken of one where another
 * is used up. Limits are counted in fixed windows that begin with their first request; see docs/decisions/0007-limiter.md.
 * The only clock that decides is that of Redis, by the time its keys have left; a process measures with its own how long
 * ago it asked.
 */
import type { Redis } from 'ioredis';
import type { LimitConfig } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { jittered, sleep } from '../timing.ts';
import { createScript } from './script.ts';

export interface Limiter {
  /** Waits for its turn. @throws TandemError SYSTEM_THROTTLED with `retryAfter` where that would take longer than `maxWait` */
  acquire(signal?: AbortSignal): Promise<void>;
  /**
   * Stops everybody for `ms`; without a time for one that doubles with every pause in a row.
   * A longer pause that is under way stays. @returns the milliseconds until it ends
   */
  pause(ms: number | undefined): Promise<number>;
  close(): void;
}

export interface LimiterOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly system: string;
  readonly limits: readonly LimitConfig[];
  /** Milliseconds that a caller waits here at most; longer waits are for the queue. */
  readonly maxWait?: number;
}

const MAX_WAIT = 2_000;

/** In ms. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 300_000;
/** After a pause without another one, the next is the first of a row again. */
const ROW_ENDS = 120_000;

/**
 * Takes turns.
 * KEYS pause, a window per limit; ARGV how many are wanted, then requests and ms of each limit
 * Answers how many may go, and the ms until more may; 0 where some may be left.
 */
const TAKE = createScript(`
local paused = redis.call('PTTL', KEYS[1])
if paused > 0 then return { 0, paused } end
local granted, wait = tonumber(ARGV[1]), 0
local counts = {}
for i = 2, #KEYS do
  counts[i] = tonumber(redis.call('GET', KEYS[i]) or 0)
  granted = math.min(granted, math.max(0, ARGV[2 * i - 2] - counts[i]))
end
for i = 2, #KEYS do
  local full = counts[i] + granted >= tonumber(ARGV[2 * i - 2])
  if granted > 0 and redis.call('INCRBY', KEYS[i], granted) == granted then redis.call('PEXPIRE', KEYS[i], ARGV[2 * i - 1]) end
  if full then wait = math.max(wait, redis.call('PTTL', KEYS[i])) end
end
return { granted, wait }`);

/**
 * Pauses the system. Requests that were under way together are refused together: they are one pause, not several in a row.
 * KEYS pause, row; ARGV ms ('' for a time that doubles with every pause in a row), first, longest, ms after which a row ends
 * Answers the ms until the pause ends.
 */
const PAUSE = createScript(`
local left = math.max(0, redis.call('PTTL', KEYS[1]))
local ms = tonumber(ARGV[1])
if not ms then
  if left > 0 then return left end
  local row = tonumber(redis.call('GET', KEYS[2]) or 0)
  ms = math.min(ARGV[2] * 2 ^ math.min(row, 30), tonumber(ARGV[3]))
  redis.call('SET', KEYS[2], row + 1, 'PX', string.format('%d', ms + ARGV[4]))
end
if left >= ms then return left end
redis.call('SET', KEYS[1], '1', 'PX', string.format('%d', ms))
return ms`);

interface Waiter {
  readonly deadline: number;
  readonly grant: () => void;
  readonly refuse: (error: unknown) => void;
}

// Over 60 lines: a factory. What it returns are short functions that share the calls that wait.
export function createLimiter(options: LimiterOptions): Limiter {
  const { redis, system, limits, maxWait = MAX_WAIT } = options;
  const keys = keysOf(options.prefix, system, limits);
  const declared = limits.flatMap(({ requests, per }) => [requests, windowMs(per)]);
  /** Until then nothing may go, by performance.now; it may have become longer since. */
  let closedUntil = 0;
  const closed = new AbortController();
  let waiting: Waiter[] = [];
  let running = false;

  /** @returns how many may go, or how long all have to wait */
  async function take(wanted: number): Promise<{ granted: number; wait: number }> {
    const known = Math.ceil(closedUntil - performance.now());
    if (known > 0) return { granted: 0, wait: known };
    const [granted, wait] = (await TAKE.run(redis, [keys.pause, ...keys.windows], [wanted, ...declared])) as [
      number,
      number,
    ];
    if (wait > 0) closedUntil = Math.max(closedUntil, performance.now() + wait);
    return { granted, wait: granted > 0 ? 0 : Math.max(1, wait) };
  }

  /** Serves those who wait in their order, with one round trip for all of them together. */
  async function serve(): Promise<void> {
    try {
      while (waiting.length > 0) {
        const { granted, wait } = await take(waiting.length);
        for (const waiter of waiting.splice(0, granted)) waiter.grant();
        if (waiting.length === 0) break;
        if (granted > 0) continue;
        const now = performance.now();
        const late = waiting.filter((waiter) => now + wait > waiter.deadline);
        waiting = waiting.filter((waiter) => now + wait <= waiter.deadline);
        for (const waiter of late) waiter.refuse(throttled(system, wait));
        if (waiting.length > 0) await sleep(Math.min(wait + Math.random() * 10, maxWait), closed.signal);
      }
    } catch (error) {
      const refused = waiting;
      waiting = [];
      for (const waiter of refused) waiter.refuse(error);
    } finally {
      running = false;
    }
  }

  return {
    acquire(signal) {
      return new Promise((resolve, reject) => {
        if (closed.signal.aborted) return reject(closed.signal.reason);
        if (signal?.aborted) return reject(signal.reason);
        const abort = (): void => {
          waiting = waiting.filter((other) => other !== waiter);
          reject(signal?.reason);
        };
        const waiter: Waiter = {
          deadline: performance.now() + maxWait,
          grant: () => {
            signal?.removeEventListener('abort', abort);
            resolve();
          },
          refuse: (error) => {
            signal?.removeEventListener('abort', abort);
            reject(error);
          },
        };
        signal?.addEventListener('abort', abort, { once: true });
        waiting.push(waiter);
        if (running) return;
        running = true;
        // Calls of the same turn ask together.
        queueMicrotask(() => void serve());
      });
    },
    async pause(ms) {
      const args = [ms === undefined ? '' : Math.ceil(Math.max(1, ms)), FIRST_PAUSE, LONGEST_PAUSE, ROW_ENDS];
      const length = Number(await PAUSE.run(redis, [keys.pause, keys.row], args));
      closedUntil = Math.max(closedUntil, performance.now() + length);
      return length;
    },
    close() {
      closed.abort(new TandemError('SYSTEM_UNREACHABLE', `The client of ${system} is closed`, { system }));
    },
  };
}

/** A limit of less than a second holds as one second: the time that answers take would blur it. */
const windowMs = (per: number): number => Math.max(1_000, per);

function keysOf(prefix: string, system: string, limits: readonly LimitConfig[]) {
  const base = `${prefix}:{${system}}:throttle`;
  return {
    pause: `${base}:pause`,
    row: `${base}:row`,
    windows: limits.map(({ requests, per }) => `${base}:${requests}/${windowMs(per)}`),
  };
}

/** How a system stands, for all processes together. */
export interface LimiterState {
  /** Milliseconds that it still has to be left alone, because it asked for that. */
  readonly paused: number;
  /** Per declared limit, how many requests may still go before its window begins again. */
  readonly limits: readonly { readonly requests: number; readonly per: number; readonly left: number }[];
}

/** Asks Redis without taking anything. Times in what it returns are in ms. */
export async function limiterState({
  redis,
  prefix,
  system,
  limits,
}: Pick<LimiterOptions, 'redis' | 'prefix' | 'system' | 'limits'>): Promise<LimiterState> {
  const keys = keysOf(prefix, system, limits);
  const [paused, ...taken] = await Promise.all([redis.pttl(keys.pause), ...keys.windows.map((key) => redis.get(key))]);
  return {
    paused: Math.max(0, paused),
    limits: limits.map(({ requests, per }, i) => ({
      requests,
      per,
      left: Math.max(0, requests - Number(taken[i] ?? 0)),
    })),
  };
}

/** Callers come back spread out, not all in the same instant. */
export function throttled(system: string, ms: number): TandemError {
  return new TandemError('SYSTEM_THROTTLED', `The limits of ${system} are used up for now`, {
    system,
    retryAfter: jittered(ms),
  });
}

/**
 * The throttle of one system, shared by all processes through Redis: its declared limits, and the pauses it asks for.
 * The counting is that of rate-limiter-flexible, in fixed windows that begin with their first request; see
 * docs/decisions/0007-limiter.md. The only clock that decides is that of Redis, by the time its keys have left; a process
 * measures with its own how long ago it asked.
 */
import type { Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { LimitConfig } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { jittered, sleep } from './wait.ts';

export interface Throttle {
  /** Waits for its turn. @throws TandemError SYSTEM_THROTTLED with `retryAfter` where that would take longer than `maxWait` */
  acquire(signal?: AbortSignal): Promise<void>;
  /**
   * Stops everybody for `ms`, in whole seconds; without a time for one that doubles with every pause in a row.
   * A longer pause that is under way stays. @returns the milliseconds until it ends
   */
  pause(ms: number | undefined): Promise<number>;
  close(): void;
}

export interface ThrottleOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly system: string;
  readonly limits: readonly LimitConfig[];
  /** Milliseconds that a caller waits here at most; longer waits are for the queue. */
  readonly maxWait?: number;
}

export const MAX_WAIT = 2_000;

/** Seconds, as the library counts. */
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 300;
/** After a pause without another one, the next is the first of a row again. */
const ROW_ENDS = 120;

const PAUSE = 'pause';
const ROW = 'row';

/** One declared limit. */
interface Limit {
  /** Milliseconds until its window begins anew, as far as is known here; 0 where there may be points left. */
  wait(): number;
  /** @returns how many of the wanted requests may go now */
  take(wanted: number): Promise<number>;
}

interface Waiter {
  readonly deadline: number;
  readonly grant: () => void;
  readonly refuse: (error: unknown) => void;
}

export function createThrottle(options: ThrottleOptions): Throttle {
  const { redis, system, maxWait = MAX_WAIT } = options;
  const keyPrefix = keysOf(options.prefix, system);
  const limits = createLimits(redis, keyPrefix, options.limits);
  /** Its keys are marks that go by themselves, no counters. */
  const marks = new RateLimiterRedis({ storeClient: redis, keyPrefix, points: 1, duration: FIRST_PAUSE });
  /** Until then there is a pause, by performance.now; it may have become longer since. */
  let pausedUntil = 0;
  const closed = new AbortController();
  let waiting: Waiter[] = [];
  let running = false;

  /** @returns how many may go, or how long all have to wait. Nothing is taken where one limit is known to be used up. */
  async function take(wanted: number): Promise<{ granted: number; wait: number }> {
    const paused = await pauseLeft();
    const wait = Math.max(paused, ...limits.map((limit) => limit.wait()));
    if (wait > 0) return { granted: 0, wait };
    let granted = wanted;
    // What a longer limit refuses is lost for the shorter ones. Giving it back could reach a window that has begun since.
    for (const limit of limits) granted = granted === 0 ? 0 : await limit.take(granted);
    return { granted, wait: granted > 0 ? 0 : Math.max(1, ...limits.map((limit) => limit.wait())) };
  }

  /** @returns milliseconds */
  async function pauseLeft(): Promise<number> {
    const known = pausedUntil - performance.now();
    if (known > 0) return Math.ceil(known);
    const left = (await marks.get(PAUSE))?.msBeforeNext ?? 0;
    pausedUntil = Math.max(pausedUntil, performance.now() + left);
    return left;
  }

  /**
   * Requests that were under way together are refused together: they are one pause, not several in a row. Whoever counts
   * first on the mark has begun it; the others return when that one's first second is over, or later if they ask again.
   * @returns milliseconds
   */
  async function nextInRow(): Promise<number> {
    const { consumedPoints, msBeforeNext } = await taken(marks, PAUSE, 1);
    if (consumedPoints > 1) return msBeforeNext;
    const row = (await marks.get(ROW))?.consumedPoints ?? 0;
    const seconds = Math.min(FIRST_PAUSE * 2 ** Math.min(row, 30), LONGEST_PAUSE);
    await marks.set(ROW, row + 1, seconds + ROW_ENDS);
    return await atLeast(seconds);
  }

  /** @returns milliseconds */
  async function atLeast(seconds: number): Promise<number> {
    const left = (await marks.get(PAUSE))?.msBeforeNext ?? 0;
    if (left >= seconds * 1_000) return left;
    await marks.block(PAUSE, seconds);
    return seconds * 1_000;
  }

  /** Serves those who wait in their order; a round trip for the pause and one for each limit, for all of them together. */
  async function serve(): Promise<void> {
    running = true;
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
        if (!running) void serve();
      });
    },
    async pause(ms) {
      const length = ms === undefined ? await nextInRow() : await atLeast(Math.ceil(Math.max(1, ms) / 1_000));
      pausedUntil = Math.max(pausedUntil, performance.now() + length);
      return length;
    },
    close() {
      closed.abort(new TandemError('SYSTEM_UNREACHABLE', `The client of ${system} is closed`, { system }));
    },
  };
}

const keysOf = (prefix: string, system: string): string => `${prefix}:{${system}}:throttle`;

/** How a system stands, for all processes together. */
export interface ThrottleState {
  /** Milliseconds that it still has to be left alone, because it asked for that. */
  readonly paused: number;
  /** Per declared limit, how many requests may still go before its window begins anew. */
  readonly limits: readonly { readonly requests: number; readonly per: number; readonly left: number }[];
}

/** Asks without taking anything. */
export async function throttleState({
  redis,
  prefix,
  system,
  limits,
}: Pick<ThrottleOptions, 'redis' | 'prefix' | 'system' | 'limits'>): Promise<ThrottleState> {
  const store = new RateLimiterRedis({ storeClient: redis, keyPrefix: keysOf(prefix, system), points: 1, duration: 1 });
  const [pause, ...taken] = await Promise.all([
    store.get(PAUSE),
    ...limits.map(({ requests, per }) => store.get(windowOf(requests, Math.ceil(per / 1_000)))),
  ]);
  return {
    paused: Math.max(0, pause?.msBeforeNext ?? 0),
    limits: limits.map(({ requests, per }, i) => ({
      requests,
      per,
      left: Math.max(0, requests - (taken[i]?.consumedPoints ?? 0)),
    })),
  };
}

const windowOf = (requests: number, seconds: number): string => `${requests}/${seconds}`;

/** Callers come back spread out, not all in the same instant. */
export function throttled(system: string, ms: number): TandemError {
  return new TandemError('SYSTEM_THROTTLED', `The limits of ${system} are used up for now`, {
    system,
    retryAfter: jittered(ms),
  });
}

/** Shortest first, so that what a refusal costs is soon there again. */
function createLimits(redis: Redis, keyPrefix: string, declared: readonly LimitConfig[]): Limit[] {
  const shortestFirst = [...declared].sort((one, other) => one.per - other.per);
  return shortestFirst.map(({ requests, per }) => {
    const duration = Math.ceil(per / 1_000);
    const limiter = new RateLimiterRedis({ storeClient: redis, keyPrefix, points: requests, duration });
    /** Until then the window has no points left, by performance.now: nobody needs to be asked. */
    let usedUpUntil = 0;
    return {
      wait: () => Math.max(0, Math.ceil(usedUpUntil - performance.now())),
      async take(wanted) {
        const { consumedPoints, msBeforeNext } = await taken(limiter, windowOf(requests, duration), wanted);
        if (consumedPoints >= requests) usedUpUntil = performance.now() + msBeforeNext;
        // What went over the limit counts as well, but only until the window ends.
        return Math.min(wanted, Math.max(0, requests - (consumedPoints - wanted)));
      },
    };
  });
}

/** A refusal is an answer, too: part of the points may have fitted. */
async function taken(limiter: RateLimiterRedis, key: string, points: number): Promise<RateLimiterRes> {
  try {
    return await limiter.consume(key, points);
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) return refusal;
    throw refusal;
  }
}

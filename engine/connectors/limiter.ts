/**
 * The throttle of one system in one process: who waits, and in which order they go. Its limits and pauses are shared by all
 * processes (counted-limits.ts); a process measures with its own clock how long ago it asked.
 */
import { TandemError } from '../errors.ts';
import { jittered, sleep } from '../timing.ts';
import { createLimitCounts, type LimitCounts, type LimitedSystem } from './counted-limits.ts';

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

export interface LimiterOptions extends LimitedSystem {
  /** Milliseconds that a caller waits here at most; longer waits are for the queue. */
  readonly maxWait?: number;
}

const MAX_WAIT = 2_000;

interface Waiter {
  readonly deadline: number;
  readonly grant: () => void;
  readonly refuse: (error: unknown) => void;
}

interface Line {
  readonly system: string;
  readonly maxWait: number;
  readonly counts: LimitCounts;
  readonly closed: AbortController;
  /** Until then nothing may go, by performance.now; it may have become longer since. */
  closedUntil: number;
  waiting: Waiter[];
  /** Those who wait are being served. */
  running: boolean;
}

export function createLimiter(options: LimiterOptions): Limiter {
  const { system, maxWait = MAX_WAIT } = options;
  const counts = createLimitCounts(options);
  const closed = new AbortController();
  const line: Line = { system, maxWait, counts, closed, closedUntil: 0, waiting: [], running: false };
  return {
    acquire: (signal) => acquire(line, signal),
    async pause(ms) {
      const length = await counts.pause(ms);
      line.closedUntil = Math.max(line.closedUntil, performance.now() + length);
      return length;
    },
    close() {
      closed.abort(new TandemError('SYSTEM_UNREACHABLE', `The client of ${system} is closed`, { system }));
    },
  };
}

function acquire(line: Line, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (line.closed.signal.aborted) return reject(line.closed.signal.reason);
    if (signal?.aborted) return reject(signal.reason);
    const abort = (): void => {
      line.waiting = line.waiting.filter((other) => other !== waiter);
      reject(signal?.reason);
    };
    const waiter: Waiter = {
      deadline: performance.now() + line.maxWait,
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
    line.waiting.push(waiter);
    if (line.running) return;
    line.running = true;
    // Calls of the same turn ask together.
    queueMicrotask(() => void serve(line));
  });
}

/** Serves those who wait in their order, with one round trip for all of them together. */
async function serve(line: Line): Promise<void> {
  const { system, maxWait, closed } = line;
  try {
    while (line.waiting.length > 0) {
      const { granted, wait } = await take(line, line.waiting.length);
      for (const waiter of line.waiting.splice(0, granted)) waiter.grant();
      if (line.waiting.length === 0) break;
      if (granted > 0) continue;
      const now = performance.now();
      const late = line.waiting.filter((waiter) => now + wait > waiter.deadline);
      line.waiting = line.waiting.filter((waiter) => now + wait <= waiter.deadline);
      for (const waiter of late) waiter.refuse(throttled(system, wait));
      if (line.waiting.length > 0) await sleep(Math.min(wait + Math.random() * 10, maxWait), closed.signal);
    }
  } catch (error) {
    const refused = line.waiting;
    line.waiting = [];
    for (const waiter of refused) waiter.refuse(error);
  } finally {
    line.running = false;
  }
}

/** @returns how many may go, or how long all have to wait */
async function take(line: Line, wanted: number): Promise<{ granted: number; wait: number }> {
  const known = Math.ceil(line.closedUntil - performance.now());
  if (known > 0) return { granted: 0, wait: known };
  const [granted, wait] = await line.counts.take(wanted);
  if (wait > 0) line.closedUntil = Math.max(line.closedUntil, performance.now() + wait);
  return { granted, wait: granted > 0 ? 0 : Math.max(1, wait) };
}

/** Callers come back spread out, not all in the same instant. */
export function throttled(system: string, ms: number): TandemError {
  return new TandemError('SYSTEM_THROTTLED', `The limits of ${system} are used up for now`, {
    system,
    retryAfter: jittered(ms),
  });
}

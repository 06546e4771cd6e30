/**
 * The throttle of one system, shared by all processes through Redis: its declared limits, and the pauses it asks for.
 *
 * A limit holds in every span of its length, wherever that begins. Each is counted in 20 slices of its length, and a
 * slice counts until the whole of it is older than the limit's length; that costs at most a twentieth of the rate and
 * a fixed amount of memory. All limits and the pause sit in one hash, so that one script call takes from all of them
 * or from none, and works in a cluster. The clock is that of Redis: processes need not agree on theirs.
 */
import type { Redis } from 'ioredis';
import type { LimitConfig } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { createScript } from './script.ts';
import { jittered, sleep } from './wait.ts';

export interface Throttle {
  /** Waits for its turn. @throws TandemError SYSTEM_THROTTLED with `retryAfter` where that would take longer than `maxWait` */
  acquire(signal?: AbortSignal): Promise<void>;
  /** Stops everybody for `ms`; without a time for one that doubles with every pause in a row. @returns the milliseconds */
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
  /** Epoch milliseconds, instead of the clock of Redis. */
  readonly now?: () => number;
}

export const MAX_WAIT = 2_000;

const NOW = `
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end`;

/** ARGV: now or '', wanted, then pairs of requests and length. Answers { granted, ms to wait }. */
const TAKE = createScript(`${NOW}
local slices = 20
local wanted = tonumber(ARGV[2])
local counts = {}
local flat = redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do counts[flat[i]] = tonumber(flat[i + 1]) end
local pause = (counts['until'] or 0) - now
if pause > 0 then return { 0, pause } end
local granted, wait, keep = wanted, 0, 0
local current = {}
local oldest = {}
for i = 3, #ARGV, 2 do
  local most, length = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  local width = math.max(1, math.ceil(length / slices))
  local slice = math.floor(now / width)
  current[length] = slice
  oldest[length] = slice - slices
  keep = math.max(keep, width * (slices + 2))
  local used = 0
  for at = slice - slices, slice do used = used + (counts[length .. ':' .. at] or 0) end
  granted = math.min(granted, most - used)
  if used >= most then
    for at = slice - slices, slice do
      used = used - (counts[length .. ':' .. at] or 0)
      if used < most then
        wait = math.max(wait, (at + slices + 1) * width - now)
        break
      end
    end
  end
end
for field in pairs(counts) do
  local length, at = string.match(field, '^(%d+):(%d+)$')
  length = tonumber(length)
  if length and (not oldest[length] or tonumber(at) < oldest[length]) then redis.call('HDEL', KEYS[1], field) end
end
if granted <= 0 then return { 0, math.max(1, wait) } end
for length, at in pairs(current) do redis.call('HINCRBY', KEYS[1], length .. ':' .. at, granted) end
if redis.call('PTTL', KEYS[1]) < keep then redis.call('PEXPIRE', KEYS[1], math.max(keep, 1)) end
return { granted, 0 }`);

/** ARGV: now or '', ms or '', first default, longest default, ms after which a row ends. Answers the ms of the pause. */
const PAUSE = createScript(`${NOW}
local known = tonumber(redis.call('HGET', KEYS[1], 'until') or '0')
local row = tonumber(redis.call('HGET', KEYS[1], 'row') or '0')
local ms = tonumber(ARGV[2])
if not ms then
  -- Requests that were under way together are refused together: they are one pause, not several in a row.
  if known > now then return known - now end
  if now - known > tonumber(ARGV[5]) then row = 0 end
  ms = math.min(tonumber(ARGV[3]) * 2 ^ math.min(row, 30), tonumber(ARGV[4]))
  redis.call('HSET', KEYS[1], 'row', row + 1)
end
ms = math.ceil(ms)
if now + ms > known then
  known = now + ms
  redis.call('HSET', KEYS[1], 'until', known)
end
local keep = known - now + tonumber(ARGV[5])
if redis.call('PTTL', KEYS[1]) < keep then redis.call('PEXPIRE', KEYS[1], keep) end
return known - now`);

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 300_000;
const ROW_ENDS = 120_000;

interface Waiter {
  readonly deadline: number;
  readonly grant: () => void;
  readonly refuse: (error: unknown) => void;
}

export function createThrottle(options: ThrottleOptions): Throttle {
  const { redis, system, limits, maxWait = MAX_WAIT } = options;
  const keys = [`${options.prefix}:{${system}}:throttle`];
  const args = limits.flatMap(({ requests, per }) => [requests, per]);
  const clock = (): number | string => options.now?.() ?? '';
  const closed = new AbortController();
  let waiting: Waiter[] = [];
  let running = false;

  /** Serves those who wait in their order; one round trip for all of them together. */
  async function serve(): Promise<void> {
    running = true;
    try {
      while (waiting.length > 0) {
        const [granted, wait] = numbers(await TAKE.run(redis, keys, [clock(), waiting.length, ...args]));
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
      const given = ms === undefined ? '' : Math.max(1, Math.ceil(ms));
      const answer = await PAUSE.run(redis, keys, [clock(), given, FIRST_PAUSE, LONGEST_PAUSE, ROW_ENDS]);
      return Number(answer);
    },
    close() {
      closed.abort(new TandemError('SYSTEM_UNREACHABLE', `The client of ${system} is closed`, { system }));
    },
  };
}

/** Callers come back spread out, not all in the same instant. */
export function throttled(system: string, ms: number): TandemError {
  return new TandemError('SYSTEM_THROTTLED', `The limits of ${system} are used up for now`, {
    system,
    retryAfter: jittered(ms),
  });
}

function numbers(answer: unknown): [number, number] {
  const [granted, wait] = answer as [number, number];
  return [Number(granted), Number(wait)];
}

/**
 * The limits of one system as they are counted in Redis, and the pauses it asks for. One script answers for the pause and
 * all limits, so that a limit is never exceeded and nothing is taken of one where another is used up. Limits are counted in
 * fixed windows that begin with their first request; see docs/decisions/0007-limiter.md. The only clock that decides is that
 * of Redis, by the time its keys have left.
 */
import type { Redis } from 'ioredis';
import type { LimitConfig } from '../config/types.ts';
import { createScript } from './script.ts';

/** A system, and what it declares. */
export interface LimitedSystem {
  readonly redis: Redis;
  readonly prefix: string;
  readonly system: string;
  readonly limits: readonly LimitConfig[];
}

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

/** A limit of less than a second holds as one second: the time that answers take would blur it. */
const windowMs = (per: number): number => Math.max(1_000, per);

function keysOf({ prefix, system, limits }: LimitedSystem) {
  const base = `${prefix}:{${system}}:throttle`;
  return {
    pause: `${base}:pause`,
    row: `${base}:row`,
    windows: limits.map(({ requests, per }) => `${base}:${requests}/${windowMs(per)}`),
  };
}

/** The counts of one system, for those who want to call it. */
export interface LimitCounts {
  /** @returns how many of those that are wanted may go, and the ms until more may; 0 where some may be left */
  take(wanted: number): Promise<[granted: number, wait: number]>;
  /** @param ms undefined: a time that doubles with every pause in a row. @returns the ms until the pause ends */
  pause(ms: number | undefined): Promise<number>;
}

export function createLimitCounts(limited: LimitedSystem): LimitCounts {
  const { redis, limits } = limited;
  const keys = keysOf(limited);
  const declared = limits.flatMap(({ requests, per }) => [requests, windowMs(per)]);
  return {
    take: async (wanted) =>
      (await TAKE.run(redis, [keys.pause, ...keys.windows], [wanted, ...declared])) as [number, number],
    async pause(ms) {
      const args = [ms === undefined ? '' : Math.ceil(Math.max(1, ms)), FIRST_PAUSE, LONGEST_PAUSE, ROW_ENDS];
      return Number(await PAUSE.run(redis, [keys.pause, keys.row], args));
    },
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
export async function limiterState(limited: LimitedSystem): Promise<LimiterState> {
  const { redis, limits } = limited;
  const keys = keysOf(limited);
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

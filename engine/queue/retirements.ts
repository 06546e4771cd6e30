/**
 * Mappings that are being retired. The mark outlives every process: until it is taken away a mapping is in force nowhere,
 * whichever files come back meanwhile, so that a retirement that was cut short can be finished, and nobody works on what
 * is left.
 */
import type { Redis } from 'ioredis';
import { versionKeys } from './heartbeat.ts';

/** A process of which the last sign of life is older counts as gone, in ms. */
const TTL = 20_000;

export interface Retiring {
  /** ISO 8601. */
  readonly since: string;
  /** Where the search for keys goes on. */
  readonly cursor: string;
  /** The Redis server that gave the cursor, as `serverId` has it: on another one it would lead past some keys. */
  readonly server: string;
}

/**
 * KEYS processes, beats, in force, retiring: see heartbeat.ts; ARGV mapping, ttl, JSON of the mark.
 * Answers '' when the mapping is marked, else a living process that has its file.
 */
const MARK = `
if redis.call('HEXISTS', KEYS[4], ARGV[1]) == 1 then return '' end
local time = redis.call('TIME')
local since = string.format('(%.0f', time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[2])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], since, '+inf')) do
  local json = redis.call('HGET', KEYS[1], id)
  local process = json and cjson.decode(json)
  if process and process.mappings[ARGV[1]] then return process.host .. ', pid ' .. process.pid end
end
redis.call('HSET', KEYS[4], ARGV[1], ARGV[3])
redis.call('HDEL', KEYS[3], ARGV[1])
return ''`;

interface Commands {
  tandemRetire(...args: string[]): Promise<string>;
}

export type Retirements = ReturnType<typeof createRetirements>;

/** @param ttl ms without a sign of life after which a process counts as gone; default 20,000, as in versions.ts */
export function createRetirements(connection: Redis, prefix: string, ttl = TTL) {
  connection.defineCommand('tandemRetire', { lua: MARK, numberOfKeys: 4 });
  const redis = connection as Redis & Commands;
  const keys = versionKeys(prefix);
  const parse = (json: string): Retiring => JSON.parse(json) as Retiring;

  return {
    /** Names of the mappings that were in force once and were not retired, and of those that are being retired. */
    async known(): Promise<string[]> {
      const [active, retiring] = await Promise.all([redis.hkeys(keys.inForce), redis.hkeys(keys.retiring)]);
      return [...new Set([...active, ...retiring])].sort();
    },

    async get(mapping: string): Promise<Retiring | undefined> {
      const json = await redis.hget(keys.retiring, mapping);
      return json === null ? undefined : parse(json);
    },

    /** @returns undefined when the mapping is marked; else a living process that has its file, in words */
    async begin(mapping: string): Promise<string | undefined> {
      const mark: Retiring = { since: new Date().toISOString(), cursor: '0', server: '' };
      const args = [mapping, String(ttl), JSON.stringify(mark)];
      const has = await redis.tandemRetire(keys.processes, keys.beats, keys.inForce, keys.retiring, ...args);
      return has || undefined;
    },

    note: async (mapping: string, mark: Retiring): Promise<void> =>
      void (await redis.hset(keys.retiring, mapping, JSON.stringify(mark))),

    end: async (mapping: string): Promise<void> => void (await redis.hdel(keys.retiring, mapping)),
  };
}

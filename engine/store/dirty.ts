/**
 * The dirty sets of mappings: the records that are to be looked at, each with the time from which on, marked and shown. How
 * they are taken and leave the set is in take.ts. Time is that of Redis alone.
 */
import type { Redis } from 'ioredis';
import { createMarkWaits } from './mark-waits.ts';

/** What is kept of an event of a system, while its record waits. */
export interface MarkEvent {
  /** Epoch ms when it came. */
  readonly at: number;
  /** The trace of its request, where traces are made. */
  readonly trace: string | undefined;
}

export interface DirtyStats {
  /** Records in the set, those that are due later or being worked on included. */
  readonly count: number;
  /** Records that are due now and that nobody works on. */
  readonly due: number;
  /** How long the oldest of these is due, in ms; undefined where none is. */
  readonly oldest: number | undefined;
}

/** Records named in one command. */
const BATCH = 500;

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(score) return string.format('%.17g', score) end
`;

/** A taken record has a score that is no whole number: see scripts/take.lua. */
const LEASE = `${NOW}
local function isTaken(score) return score % 1 > 0 end
`;

/**
 * Marks records. One that is due sooner stays so; one that is being worked on is looked at once more.
 * KEYS dirty set, events; ARGV delay in ms, event ('' for none), records
 */
const MARK = `${LEASE}
local due = now + ARGV[1]
local records = {}
for i = 3, #ARGV do records[#records + 1] = ARGV[i] end
local scores = redis.call('ZMSCORE', KEYS[1], unpack(records))
local add, events = {}, {}
for i, record in ipairs(records) do
  local score = scores[i] and tonumber(scores[i])
  events[#events + 1] = record
  events[#events + 1] = ARGV[2]
  if not score or isTaken(score) or score > due then
    add[#add + 1] = text(due)
    add[#add + 1] = record
  end
end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[2], unpack(events)) end
if #add > 0 then redis.call('ZADD', KEYS[1], unpack(add)) end
return #add / 2`;

/** Takes out records that nobody works on. KEYS dirty set, events; ARGV how many. Answers them. */
const DISCARD = `${LEASE}
local result = {}
local found = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #found, 2 do
  if #result >= tonumber(ARGV[1]) then break end
  local score = tonumber(found[i + 1])
  if not (isTaken(score) and score > now) then
    redis.call('ZREM', KEYS[1], found[i])
    redis.call('HDEL', KEYS[2], found[i])
    result[#result + 1] = found[i]
  end
end
return result`;

/** KEYS dirty set. Answers how many there are, how many are due, and for how long the oldest of these is, in ms. */
const STATS = `${NOW}
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local due = redis.call('ZCOUNT', KEYS[1], '-inf', text(now))
return { redis.call('ZCARD', KEYS[1]), due, due > 0 and math.floor(now - tonumber(oldest[2])) or 0 }`;

interface DirtyCommands {
  tandemDirtyMark(...args: string[]): Promise<number>;
  tandemDirtyDiscard(...args: string[]): Promise<string[]>;
  tandemDirtyStats(...args: string[]): Promise<[count: number, due: number, oldest: number]>;
}

function defineDirtyScripts(connection: Redis): Redis & DirtyCommands {
  connection.defineCommand('tandemDirtyMark', { lua: MARK, numberOfKeys: 2 });
  connection.defineCommand('tandemDirtyDiscard', { lua: DISCARD, numberOfKeys: 2 });
  connection.defineCommand('tandemDirtyStats', { lua: STATS, numberOfKeys: 1 });
  return connection as Redis & DirtyCommands;
}

export const dirtyKey = (prefix: string, mapping: string): string => `${prefix}:{${mapping}}:dirty`;

export type Dirty = ReturnType<typeof createDirty>;

/** The dirty sets of all mappings. */
export function createDirty(connection: Redis, prefix: string) {
  const redis = defineDirtyScripts(connection);
  const setOf = (mapping: string): string => dirtyKey(prefix, mapping);
  const keysOf = (mapping: string): [string, string] => [setOf(mapping), `${setOf(mapping)}:events`];

  return {
    ...createMarkWaits(redis, setOf),

    /**
     * Has these records looked at.
     * @param delay ms from now
     * @param event of their system that names them
     */
    async mark(mapping: string, records: readonly string[], delay = 0, event?: MarkEvent): Promise<void> {
      const noted = event ? `${event.at}|${event.trace ?? ''}` : '';
      for (let i = 0; i < records.length; i += BATCH)
        await redis.tandemDirtyMark(...keysOf(mapping), String(delay), noted, ...records.slice(i, i + BATCH));
    },

    /** @returns the records that are not looked at any more, `limit` at most */
    discard: (mapping: string, limit: number): Promise<string[]> =>
      redis.tandemDirtyDiscard(...keysOf(mapping), String(limit)),

    /** Which of these records are marked. */
    async marked(mapping: string, records: readonly string[]): Promise<string[]> {
      if (records.length === 0) return [];
      const scores = await redis.zmscore(setOf(mapping), ...records);
      return records.filter((_, i) => scores[i] !== null);
    },

    /** From when on each of these records is due, of those that are marked. */
    async dueOf(mapping: string, records: readonly string[]): Promise<{ record: string; due: number }[]> {
      const scores = await redis.zmscore(setOf(mapping), ...records);
      return records.flatMap((record, i) => {
        const score = scores[i];
        return score === null || score === undefined ? [] : [{ record, due: Math.floor(Number(score)) }];
      });
    },

    /** Records in the order in which they are due, those that are being worked on included. */
    async list(mapping: string, offset: number, limit: number): Promise<{ record: string; due: number }[]> {
      const flat = await redis.zrange(setOf(mapping), String(offset), String(offset + limit - 1), 'WITHSCORES');
      const listed: { record: string; due: number }[] = [];
      for (let i = 0; i < flat.length; i += 2) listed.push({ record: flat[i]!, due: Math.floor(Number(flat[i + 1])) });
      return listed;
    },

    async stats(mapping: string): Promise<DirtyStats> {
      const [count, due, oldest] = await redis.tandemDirtyStats(setOf(mapping));
      return { count, due, oldest: due > 0 ? oldest : undefined };
    },

    /** Records of each mapping that are due now, in one round trip. */
    async due(mappings: readonly string[]): Promise<number[]> {
      // Sent together: commands of one turn go out in one write.
      return Promise.all(mappings.map(async (mapping) => (await redis.tandemDirtyStats(setOf(mapping)))[1]));
    },
  };
}

/**
 * A sign of life: a process tells Redis which versions of the mappings it has, which decides in one step whether one of
 * them takes over, by the rules of versions.ts.
 */
import type { Redis } from 'ioredis';
import type { SystemStatus } from '../connectors/circuit.ts';

/** Former versions remembered per mapping; an older one counts as new. */
const REMEMBERED = 20;

/** What a process tells of itself. */
export interface ProcessInfo {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly server: boolean;
  readonly workers: boolean;
  /** ISO 8601. */
  readonly since: string;
  /** Version of the whole configuration. */
  readonly config: string;
  /** Version of each mapping, by name. */
  readonly mappings: Readonly<Record<string, string>>;
  /** How each system stands that it has called; absent from processes of before. */
  readonly systems?: Readonly<Record<string, SystemStatus>>;
}

export interface InForce {
  readonly version: string;
  /** Epoch µs of Redis' clock when it took over. */
  readonly at: number;
}

/** Where it is kept which processes live, and which versions of the mappings are in force. */
export const versionKeys = (prefix: string) => {
  const base = `${prefix}:{versions}:`;
  return {
    processes: `${base}processes`,
    beats: `${base}beats`,
    heard: `${base}heard`,
    inForce: `${base}in-force`,
    /** HASH mapping -> JSON: see retirements.ts. */
    retiring: `${base}retiring`,
  } as const;
};

/**
 * KEYS processes (HASH id -> JSON), beats (ZSET id by time), heard (ZSET id by the time of the last answer that it got),
 * in force (HASH mapping -> JSON), retiring (HASH mapping -> JSON): a mapping that is being retired is in force nowhere
 * ARGV id, JSON of the process, ttl, time of its last answer ('' when it starts), JSON of mapping -> version before an edit
 * Answers the time, the time since when all have had an answer, then mapping and JSON of all that is in force. These
 * times are in µs: in one ms somebody may have had an answer and another taken over after it.
 */
const HEARTBEAT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Text, as cjson keeps 14 digits of a number.
local exact = string.format('%d%06d', time[1], time[2])
local own = cjson.decode(ARGV[2])
local edited = cjson.decode(ARGV[5])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[4] == '' and exact or ARGV[4], ARGV[1])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3])) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
end
local living
local function has(mapping, version)
  if not living then
    living = {}
    for _, json in ipairs(redis.call('HVALS', KEYS[1])) do
      local process = cjson.decode(json)
      if process.workers and process.id ~= ARGV[1] then living[#living + 1] = process.mappings end
    end
  end
  for _, mappings in ipairs(living) do
    if mappings[mapping] == version then return true end
  end
  return false
end
local function indexOf(list, version)
  for i, one in ipairs(list) do
    if one == version then return i end
  end
end
for mapping, version in pairs(own.workers and own.mappings or {}) do
  local json = redis.call('HGET', KEYS[4], mapping)
  local current = json and cjson.decode(json) or nil
  if redis.call('HEXISTS', KEYS[5], mapping) == 0 and (not current or current.version ~= version) then
    -- The newest first.
    local history = {}
    if current then
      history[1] = current.version
      for _, one in ipairs(current.former) do history[#history + 1] = one end
    end
    local place = indexOf(history, version)
    local before = edited[mapping] and (indexOf(history, edited[mapping]) or 0)
    local take
    if not current then
      take = true
    elseif before and (not place or before < place) then
      -- Edited to something new, or back. Who only catches up with the edits of others does not take over.
      take = true
    elseif not place and ARGV[4] == '' then
      take = true
    else
      local later = false
      for i = 1, (place or #history + 1) - 1 do later = later or has(mapping, history[i]) end
      take = not later
    end
    if take then
      local former = {}
      for _, one in ipairs(history) do
        if one ~= version and #former < ${REMEMBERED} then former[#former + 1] = one end
      end
      redis.call('HSET', KEYS[4], mapping, cjson.encode({ version = version, at = exact, former = former }))
    end
  end
end
local answer = { exact, redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2] }
for _, one in ipairs(redis.call('HGETALL', KEYS[4])) do answer[#answer + 1] = one end
return answer`;

interface VersionCommands {
  tandemHeartbeat(...args: string[]): Promise<string[]>;
}

/** What all who ask for versions, or tell of theirs, share. */
export interface VersionContext {
  readonly redis: Redis & VersionCommands;
  readonly keys: ReturnType<typeof versionKeys>;
  /** Milliseconds between two signs of life. */
  readonly beat: number;
  /** Milliseconds without a sign of life after which a process counts as gone. */
  readonly ttl: number;
  /** How the systems stand as this process sees them. */
  statuses(): Readonly<Record<string, SystemStatus>>;
}

/** Teaches the connection the script. */
export function withHeartbeat(connection: Redis): Redis & VersionCommands {
  connection.defineCommand('tandemHeartbeat', { lua: HEARTBEAT, numberOfKeys: 5 });
  return connection as Redis & VersionCommands;
}

export interface Answer {
  /** In epoch µs of Redis' clock. */
  readonly time: string;
  /** Since when all processes have had an answer. */
  readonly allHeard: number;
  /** The versions in force, by mapping. */
  readonly force: ReadonlyMap<string, InForce>;
}

/**
 * @param heard time of the last answer that the process got; '' when it starts
 * @param edited mapping -> version before an edit
 */
export async function heartbeat(
  { redis, keys, ttl }: VersionContext,
  info: ProcessInfo,
  heard: string,
  edited: Readonly<Record<string, string>>,
): Promise<Answer> {
  const [time, all, ...rest] = await redis.tandemHeartbeat(
    ...[keys.processes, keys.beats, keys.heard, keys.inForce, keys.retiring],
    ...[info.id, JSON.stringify(info), String(ttl), heard, JSON.stringify(edited)],
  );
  return { time: time!, allHeard: Number(all), force: parseInForce(rest) };
}

export function parseInForce(flat: readonly string[]): Map<string, InForce> {
  const found = new Map<string, InForce>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const { version, at } = JSON.parse(flat[i + 1]!) as { version: string; at: string };
    found.set(flat[i]!, { version, at: Number(at) });
  }
  return found;
}

/**
 * Which version of each mapping is in force, where processes that share one Redis have different ones, as during a
 * roll-out. Only workers that have it handle a mapping: two versions at work side by side would write their conversions
 * to and fro. Every process tells once a second that it lives and which versions it has.
 *
 * - A version that nobody had before takes over as soon as a process with workers starts with it.
 * - One that was in force before takes over once no living process has a later one: a restart during a roll-out changes
 *   nothing, a roll-back does once the last process is replaced.
 * - An edit of the file in a running process takes over at once, also back to what was there before.
 *
 * Time is that of Redis alone. No process learns of a change in the same instant, so a worker that did a job looks
 * again afterwards, and has the record looked at once more if the version under which it was done is not in force any
 * more.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Config } from '../config/types.ts';
import type { SystemStatus } from '../connectors/circuit.ts';

/** Between two signs of life, in ms. */
const BEAT = 1_000;
/** Without a sign of life for this long a process counts as gone, in ms. */
const TTL = 20_000;
/** A process that ends waits this long to have said so, in ms. */
const FAREWELL = 1_000;
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

/** A process that gave a sign of life within the last 20 s (`VersionOptions.ttl`), by the clock of Redis. */
export interface LivingProcess extends ProcessInfo {
  /** Mappings of which it has another version than the one in force: it leaves their work to others. */
  readonly yielded: readonly string[];
}

export interface InForce {
  readonly version: string;
  /** Epoch µs of Redis' clock when it took over. */
  readonly at: number;
}

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

export interface VersionOptions {
  /** Milliseconds between two signs of life; default 1,000. */
  readonly beat?: number;
  /** Milliseconds without a sign of life after which a process counts as gone; default 20,000. */
  readonly ttl?: number;
}

export type Versions = ReturnType<typeof createVersions>;
export type Membership = Awaited<ReturnType<Versions['join']>>;

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

/** @param statuses how the systems stand as this process sees them, reported with every heartbeat */
// Over 60 lines: a factory. What it returns are functions over the same keys; `join` is the long one.
export function createVersions(
  connection: Redis,
  prefix: string,
  options: VersionOptions = {},
  statuses: () => Readonly<Record<string, SystemStatus>> = () => ({}),
) {
  const { beat = BEAT, ttl = TTL } = options;
  connection.defineCommand('tandemHeartbeat', { lua: HEARTBEAT, numberOfKeys: 5 });
  const redis = connection as Redis & VersionCommands;
  const names = versionKeys(prefix);
  const keys = [names.processes, names.beats, names.heard, names.inForce, names.retiring] as const;

  async function living(): Promise<ProcessInfo[]> {
    const [seconds, micros] = await redis.time();
    const since = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000) - ttl;
    const ids = await redis.zrangebyscore(keys[1], `(${since}`, '+inf');
    if (ids.length === 0) return [];
    const found = await redis.hmget(keys[0], ...ids);
    return found.flatMap((json) => (json === null ? [] : [JSON.parse(json) as ProcessInfo]));
  }

  async function inForce(): Promise<Map<string, InForce>> {
    return parseInForce(Object.entries(await redis.hgetall(keys[3])).flat());
  }

  return {
    inForce,

    /** Processes that showed signs of life, those that have been there longest first. */
    async processes(): Promise<LivingProcess[]> {
      const [processes, force] = await Promise.all([living(), inForce()]);
      return processes
        .map((one) => ({
          ...one,
          yielded: one.workers
            ? Object.keys(one.mappings).filter((name) => force.get(name)?.version !== one.mappings[name])
            : [],
        }))
        .sort((a, b) => a.since.localeCompare(b.since) || a.id.localeCompare(b.id));
    },

    /** Whether a living process with workers has this mapping, in any version. */
    worked: async (mapping: string): Promise<boolean> =>
      (await living()).some((one) => one.workers && Object.hasOwn(one.mappings, mapping)),

    /**
     * Tells of this process until it leaves.
     * @param config the configuration it has now
     * @param changed called, after each look but the first, with mappings whose version in force came or went here
     */
    // Over 60 lines: a factory. What it returns are short functions that share what this process reported and heard last.
    async join(
      roles: { readonly server: boolean; readonly workers: boolean },
      config: () => Config,
      changed: (gained: readonly string[], lost: readonly string[]) => void = () => {},
    ) {
      const id = randomUUID();
      const since = new Date().toISOString();
      let reported: Readonly<Record<string, string>> | undefined;
      let force = new Map<string, InForce>();
      let heard = '';
      let allHeard = 0;
      let looked = Number.NEGATIVE_INFINITY;
      let own = new Map<string, string>();
      let queue: Promise<void> = Promise.resolve();
      let left = false;

      const versionsOf = (): Record<string, string> =>
        Object.fromEntries([...config().mappings.values()].map(({ name, version }) => [name, version]));

      async function look(): Promise<void> {
        if (left) return;
        const mappings = versionsOf();
        const edited: Record<string, string> = {};
        for (const [name, version] of Object.entries(mappings))
          if (reported && reported[name] !== version) edited[name] = reported[name] ?? '';
        const info: ProcessInfo = {
          id,
          host: hostname(),
          pid: process.pid,
          ...roles,
          since,
          config: config().version,
          mappings,
          systems: statuses(),
        };
        const asked = performance.now();
        const [now, all, ...rest] = await redis.tandemHeartbeat(
          ...keys,
          ...[id, JSON.stringify(info), String(ttl), heard, JSON.stringify(edited)],
        );
        looked = asked;
        heard = now!;
        allHeard = Number(all);
        force = parseInForce(rest);
        const started = reported === undefined;
        reported = mappings;
        const mine = new Map(
          Object.entries(mappings).filter(([name, version]) => force.get(name)?.version === version),
        );
        const before = own;
        own = mine;
        const gained = [...mine].filter(([name, version]) => before.get(name) !== version).map(([name]) => name);
        const lost = Object.keys(mappings).filter((name) => before.has(name) && !mine.has(name));
        if (!started && (gained.length > 0 || lost.length > 0)) changed(gained, lost);
      }
      /** One after the other: what was reported last is what holds. */
      const refresh = (): Promise<void> => {
        queue = queue.catch(() => {}).then(look);
        return queue;
      };

      await refresh();
      // A failure shows where somebody asks.
      const timer = setInterval(() => refresh().catch(() => {}), beat);
      timer.unref();

      return {
        id,

        /** Whether this version is in force, as known to all who looked within the last two beats. */
        async inForce(mapping: string, version: string): Promise<boolean> {
          const unseen = config().mappings.get(mapping)?.version !== reported?.[mapping];
          if (unseen || performance.now() - looked > 2 * beat) await refresh();
          return force.get(mapping)?.version === version;
        },

        /** Whether it is in force in this very moment, also where this process has not heard of a change: then it hears of it. */
        async inForceNow(mapping: string, version: string): Promise<boolean> {
          const json = await redis.hget(names.inForce, mapping);
          const is = json !== null && (JSON.parse(json) as { version: string }).version === version;
          if (!is) await refresh();
          return is;
        },

        /** Whether every living process has heard which version of this mapping is in force. */
        async known(mapping: string): Promise<boolean> {
          // The first tells that this process has heard.
          await refresh();
          await refresh();
          return (force.get(mapping)?.at ?? 0) <= allHeard;
        },

        /** Mappings whose version in force this process has. */
        held: (): ReadonlySet<string> => new Set(own.keys()),

        version: (mapping: string): string | undefined => force.get(mapping)?.version,

        /** The configuration was reloaded. */
        refresh,

        /** Others need not wait until it counts as gone. */
        async leave(): Promise<void> {
          clearInterval(timer);
          left = true;
          const gone = queue
            .catch(() => {})
            .then(() => redis.multi().hdel(keys[0], id).zrem(keys[1], id).zrem(keys[2], id).exec());
          // Without Redis there is nobody to tell; it then counts as gone by and by.
          await Promise.race([gone.catch(() => {}), setTimeout(FAREWELL, undefined, { ref: false })]);
        },
      };
    },
  };
}

function parseInForce(flat: readonly string[]): Map<string, InForce> {
  const found = new Map<string, InForce>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const { version, at } = JSON.parse(flat[i + 1]!) as { version: string; at: string };
    found.set(flat[i]!, { version, at: Number(at) });
  }
  return found;
}

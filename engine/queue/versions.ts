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
import type { Redis } from 'ioredis';
import type { Config } from '../config/types.ts';
import type { SystemStatus } from '../connectors/circuit.ts';
import {
  type InForce,
  type ProcessInfo,
  parseInForce,
  type VersionContext,
  versionKeys,
  withHeartbeat,
} from './heartbeat.ts';
import { joinVersions, type Roles } from './membership.ts';

/** Between two signs of life, in ms. */
const BEAT = 1_000;
/** Without a sign of life for this long a process counts as gone, in ms. */
const TTL = 20_000;

/** A process that gave a sign of life within the last 20 s (`VersionOptions.ttl`), by the clock of Redis. */
export interface LivingProcess extends ProcessInfo {
  /** Mappings of which it has another version than the one in force: it leaves their work to others. */
  readonly yielded: readonly string[];
}

export interface VersionOptions {
  /** Milliseconds between two signs of life; default 1,000. */
  readonly beat?: number;
  /** Milliseconds without a sign of life after which a process counts as gone; default 20,000. */
  readonly ttl?: number;
}

export type Versions = ReturnType<typeof createVersions>;
export type Membership = Awaited<ReturnType<Versions['join']>>;

/** @param statuses how the systems stand as this process sees them, reported with every heartbeat */
export function createVersions(
  connection: Redis,
  prefix: string,
  options: VersionOptions = {},
  statuses: () => Readonly<Record<string, SystemStatus>> = () => ({}),
) {
  const { beat = BEAT, ttl = TTL } = options;
  const context: VersionContext = {
    redis: withHeartbeat(connection),
    keys: versionKeys(prefix),
    beat,
    ttl,
    statuses,
  };
  return {
    inForce: (): Promise<Map<string, InForce>> => inForce(context),

    /** Processes that showed signs of life, those that have been there longest first. */
    async processes(): Promise<LivingProcess[]> {
      const [processes, force] = await Promise.all([living(context), inForce(context)]);
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
      (await living(context)).some((one) => one.workers && Object.hasOwn(one.mappings, mapping)),

    /**
     * Tells of this process until it leaves.
     * @param config the configuration it has now
     * @param changed called, after each look but the first, with mappings whose version in force came or went here
     */
    join: (
      roles: Roles,
      config: () => Config,
      changed: (gained: readonly string[], lost: readonly string[]) => void = () => {},
    ) => joinVersions(context, roles, config, changed),
  };
}

async function living({ redis, keys, ttl }: VersionContext): Promise<ProcessInfo[]> {
  const [seconds, micros] = await redis.time();
  const since = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000) - ttl;
  const ids = await redis.zrangebyscore(keys.beats, `(${since}`, '+inf');
  if (ids.length === 0) return [];
  const found = await redis.hmget(keys.processes, ...ids);
  return found.flatMap((json) => (json === null ? [] : [JSON.parse(json) as ProcessInfo]));
}

async function inForce({ redis, keys }: VersionContext): Promise<Map<string, InForce>> {
  return parseInForce(Object.entries(await redis.hgetall(keys.inForce)).flat());
}

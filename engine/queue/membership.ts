/** One process among those that share a Redis: what it tells of itself, and what it has heard of the versions in force. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import type { Config } from '../config/types.ts';
import { type Answer, heartbeat, type ProcessInfo, type VersionContext } from './heartbeat.ts';

/** A process that ends waits this long to have said so, in ms. */
const FAREWELL = 1_000;

export type Roles = Pick<ProcessInfo, 'server' | 'workers'>;

type Changed = (gained: readonly string[], lost: readonly string[]) => void;

interface Member {
  readonly context: VersionContext;
  readonly id: string;
  /** ISO 8601. */
  readonly since: string;
  readonly roles: Roles;
  /** The configuration that it has now. */
  config(): Config;
  readonly changed: Changed;
  /** Version of each mapping, as reported last; undefined before the first look. */
  reported: Readonly<Record<string, string>> | undefined;
  /** What it heard last. */
  answer: Answer;
  /** When it looked last, by performance.now. */
  looked: number;
  /** Mappings whose version in force it has, with that version. */
  own: ReadonlyMap<string, string>;
  /** Looks, one after the other. */
  queue: Promise<void>;
  left: boolean;
}

/** See `join` of `createVersions`. */
export async function joinVersions(context: VersionContext, roles: Roles, config: () => Config, changed: Changed) {
  const member = newMember(context, roles, config, changed);
  await refresh(member);
  // A failure shows where somebody asks.
  const timer = setInterval(() => refresh(member).catch(() => {}), context.beat);
  timer.unref();

  return {
    id: member.id,

    /** Whether this version is in force, as known to all who looked within the last two beats. */
    async inForce(mapping: string, version: string): Promise<boolean> {
      const unseen = config().mappings.get(mapping)?.version !== member.reported?.[mapping];
      if (unseen || performance.now() - member.looked > 2 * context.beat) await refresh(member);
      return member.answer.force.get(mapping)?.version === version;
    },

    /** Whether it is in force in this very moment, also where this process has not heard of a change: then it hears of it. */
    async inForceNow(mapping: string, version: string): Promise<boolean> {
      const json = await context.redis.hget(context.keys.inForce, mapping);
      const is = json !== null && (JSON.parse(json) as { version: string }).version === version;
      if (!is) await refresh(member);
      return is;
    },

    /** Whether every living process has heard which version of this mapping is in force. */
    async known(mapping: string): Promise<boolean> {
      // The first tells that this process has heard.
      await refresh(member);
      await refresh(member);
      return (member.answer.force.get(mapping)?.at ?? 0) <= member.answer.allHeard;
    },

    /** Mappings whose version in force this process has. */
    held: (): ReadonlySet<string> => new Set(member.own.keys()),

    version: (mapping: string): string | undefined => member.answer.force.get(mapping)?.version,

    /** The configuration was reloaded. */
    refresh: (): Promise<void> => refresh(member),

    /** Others need not wait until it counts as gone. */
    leave(): Promise<void> {
      clearInterval(timer);
      return farewell(member);
    },
  };
}

const newMember = (context: VersionContext, roles: Roles, config: () => Config, changed: Changed): Member => ({
  context,
  id: randomUUID(),
  since: new Date().toISOString(),
  roles,
  config,
  changed,
  reported: undefined,
  answer: { time: '', allHeard: 0, force: new Map() },
  looked: Number.NEGATIVE_INFINITY,
  own: new Map(),
  queue: Promise.resolve(),
  left: false,
});

/** One after the other: what was reported last is what holds. */
function refresh(member: Member): Promise<void> {
  member.queue = member.queue.catch(() => {}).then(() => look(member));
  return member.queue;
}

async function look(member: Member): Promise<void> {
  if (member.left) return;
  const { reported } = member;
  const mappings = Object.fromEntries(
    [...member.config().mappings.values()].map(({ name, version }) => [name, version]),
  );
  const edited: Record<string, string> = {};
  for (const [name, version] of Object.entries(mappings))
    if (reported && reported[name] !== version) edited[name] = reported[name] ?? '';
  const info = infoOf(member, mappings);
  const asked = performance.now();
  member.answer = await heartbeat(member.context, info, member.answer.time, edited);
  member.looked = asked;
  const started = reported === undefined;
  member.reported = mappings;
  const mine = new Map(
    Object.entries(mappings).filter(([name, version]) => member.answer.force.get(name)?.version === version),
  );
  const before = member.own;
  member.own = mine;
  const gained = [...mine].filter(([name, version]) => before.get(name) !== version).map(([name]) => name);
  const lost = Object.keys(mappings).filter((name) => before.has(name) && !mine.has(name));
  if (!started && (gained.length > 0 || lost.length > 0)) member.changed(gained, lost);
}

const infoOf = (
  { context, id, since, roles, config }: Member,
  mappings: Readonly<Record<string, string>>,
): ProcessInfo => ({
  id,
  host: hostname(),
  pid: process.pid,
  ...roles,
  since,
  config: config().version,
  mappings,
  systems: context.statuses(),
});

async function farewell(member: Member): Promise<void> {
  const { redis, keys } = member.context;
  member.left = true;
  const gone = member.queue
    .catch(() => {})
    .then(() =>
      redis.multi().hdel(keys.processes, member.id).zrem(keys.beats, member.id).zrem(keys.heard, member.id).exec(),
    );
  // Without Redis there is nobody to tell; it then counts as gone by and by.
  await Promise.race([gone.catch(() => {}), setTimeout(FAREWELL, undefined, { ref: false })]);
}

/** Links of one mapping in Redis: link keys, bases, states of handled records, intents, what is held, the match index. */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Mapping } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { type Fingerprinter, hash } from '../expression/values.ts';
import type { Base, SideIndex } from '../types.ts';
import { type BrakeListener, createBrakeStore } from './brake.ts';
import { createHistory } from './history.ts';
import { type MappingKeys, mappingKeys, parseRecordKey, recordKey } from './keys.ts';
import { type LinkCommands, withLinkCommands } from './scripts.ts';
import type { Decided, Held, Intent } from './shapes.ts';
import { createTransfer } from './transfer.ts';

export type { KeptLost, Lost } from './history.ts';
export type { Decided, Held, Intent } from './shapes.ts';

/** Records read or written in one round trip. */
const BATCH = 500;

export interface StoredBase {
  /** Counts the commits of this link; what fences a slow worker. '' for a link that does not exist yet. */
  readonly version: string;
  readonly base: Base;
}

export interface HeldRecord extends Held {
  readonly side: SideIndex;
  readonly id: string;
}

/** Writes to the records of a link that were begun; whether they were done is not known until a new base is recorded. */
export interface BegunWrites {
  /** Version of the base from which they were decided; once there is another one, they are history. */
  readonly version: string;
  readonly ids: readonly [string, string];
  readonly writes: readonly BegunWrite[];
}

export interface BegunWrite {
  readonly property: string;
  /** The side written to. */
  readonly side: SideIndex;
  /** Fingerprint of the value sent. */
  readonly sent: string;
  /** Fingerprint of the value from which it was made, on the other side. */
  readonly from: string;
  /** Of the property, under which it was made. */
  readonly definition?: string;
}

/** What of a mapping's edits has been followed up. */
export interface Followed {
  /** Version under which held records were tried last. */
  readonly version: string;
  /** Definitions of the properties, by name, under which every link was agreed, or is queued or held. */
  readonly definitions: Readonly<Record<string, string>>;
  /** Which records take part and how they find each other, when everything was read last. */
  readonly scope: string;
}

export interface Meeting {
  met(ids: readonly string[]): Promise<void>;
  /** Linked ids that were not met, though their records were known before the meeting began; ends the meeting. */
  missing(): Promise<string[]>;
  /** Ids of records without a link that are held and were not met, a batch at a time. */
  heldMissing(): AsyncGenerator<string[]>;
}

export interface Commit {
  readonly ids: readonly [string, string];
  readonly version: string;
  readonly base: Base;
  readonly states: readonly [string, string];
  readonly held?: Held | undefined;
}

/** A record as the match index holds it. */
export interface IndexEntry {
  readonly id: string;
  /** Hash of the match key per rule. */
  readonly keys: readonly (string | undefined)[];
  /** Id of the record of the other side that this one names as its counterpart. */
  readonly names?: string | undefined;
}

/** What the links of a mapping depend on: its name, its match rules and its correlations. */
export interface LinkRules {
  readonly name: string;
  readonly match: readonly Pick<Mapping['match'][number], 'name'>[];
  readonly sides?: readonly { readonly correlate: { readonly source: string } | undefined }[];
}

/** Changes when what is put into the match index changes. */
export function rulesOf({ match, sides = [] }: LinkRules): string {
  const correlated = sides.flatMap(({ correlate }, side) => (correlate ? [`${side}=${correlate.source}`] : []));
  return [...match.map((rule) => rule.name), ...correlated].join('\n');
}

export type Links = ReturnType<typeof createLinks>;

/** @param prefix first part of every Redis key; onBrake called when this process puts the brake on or takes it off */
export function createLinks(
  connection: Redis,
  prefix: string,
  mapping: LinkRules,
  fingerprinter: Fingerprinter,
  onBrake?: BrakeListener,
) {
  const redis: Redis & LinkCommands = withLinkCommands(connection);
  const rules = mapping.match.map((_, rule) => rule);
  const rulesId = hash(rulesOf(mapping));
  const keys: MappingKeys = mappingKeys(prefix, mapping.name, rulesId);
  const fullRead = (side: SideIndex): string => `full:${side}:${rulesId}`;
  const firstRead = `first:${rulesId}`;
  const indexKeys = (side: SideIndex): string[] =>
    [...rules, 'names' as const].map((rule) => keys.matchIndex(side, rule));

  const watchersOf = (record: string): string => {
    const { side, id } = parseRecordKey(record);
    return keys.watchers(side, id);
  };

  const indexed = async (side: SideIndex, rule: number | 'names', key: string, limit: number): Promise<string[]> => {
    const found = await redis.zrangebylex(keys.matchIndex(side, rule), `[${key} `, `(${key}!`, 'LIMIT', 0, limit);
    return found.map((entry) => entry.slice(key.length + 1));
  };

  /** Links were put back from a copy, or there are none although records name their counterparts. */
  const isRebuild = async (): Promise<boolean> => {
    if (await redis.hexists(keys.progress, 'restored')) return true;
    const naming = await Promise.all(([0, 1] as const).map((side) => redis.zcard(keys.matchIndex(side, 'names'))));
    return naming.some((count) => count > 0) && (await redis.hlen(keys.ids[0])) === 0;
  };

  /** Both sides were read fully before: links are being rebuilt, or the match rules were edited since. */
  const isNoFirst = async (): Promise<boolean> =>
    (await isRebuild()) ||
    (await redis.hkeys(keys.progress)).some((field) => field.startsWith('first:') && field !== firstRead);

  const plannedRead = (side: SideIndex): string => `planned:${side}:${rulesId}`;
  const readBoth = async (field: (side: SideIndex) => string): Promise<boolean> =>
    (await redis.hmget(keys.progress, field(0), field(1))).every(Boolean);

  return {
    keys,
    /** Names the present match rules and correlations. */
    rules: rulesId,
    brake: createBrakeStore(redis, keys.brake, onBrake),

    // ------------------------------------------------------------ links

    counterpart: async (side: SideIndex, id: string): Promise<string | undefined> =>
      (await redis.hget(keys.ids[side], id)) ?? undefined,

    /** Counterparts in the order of the ids. */
    counterparts: (side: SideIndex, ids: readonly string[]): Promise<(string | null)[]> =>
      hmget(redis, keys.ids[side], ids),

    count: (): Promise<number> => redis.hlen(keys.ids[0]),

    /** All links, a batch at a time. */
    async *all(side: SideIndex = 0): AsyncGenerator<[id: string, counterpart: string][]> {
      for await (const batch of hscan(redis, keys.ids[side])) yield batch;
    },

    base: async (id: string): Promise<StoredBase> => parseBase(await redis.hget(keys.base, id)),

    /** All bases, a batch at a time. */
    async *allBases(): AsyncGenerator<{ id: string; base: Base }[]> {
      for await (const batch of hscan(redis, keys.base))
        yield batch.map(([id, stored]) => ({ id, base: parseBase(stored).base }));
    },

    /**
     * Records an agreement in one step: link keys, base and states together, the intents of both fulfilled.
     * @throws TandemError LINK_CHANGED, LINK_TAKEN
     */
    async commit(commit: Commit): Promise<string> {
      const [a, b] = commit.ids;
      const result = await redis.tandemCommit(
        ...[...keys.ids, ...keys.states, keys.base, keys.intents, keys.held, keys.decided],
        ...[a, b, commit.version, JSON.stringify(commit.base), ...commit.states],
        commit.held ? JSON.stringify(commit.held) : '',
      );
      if (result === -1)
        throw new TandemError('LINK_CHANGED', 'Another worker brought this link into agreement meanwhile.', {
          mapping: mapping.name,
          id: a,
        });
      if (result === -2)
        throw new TandemError('LINK_TAKEN', 'One of the two records is linked to another one.', {
          mapping: mapping.name,
          id: a,
        });
      return String(result);
    },

    unlink: async (a: string, b: string): Promise<boolean> =>
      (await redis.tandemUnlink(...keys.ids, ...keys.states, keys.base, keys.held, keys.decided, a, b)) === 1,

    // ------------------------------------------------------------ states of handled records

    states: (side: SideIndex, ids: readonly string[]): Promise<(string | null)[]> =>
      hmget(redis, keys.states[side], ids),

    /**
     * Remembers that a record was handled in this state, and why it waits. What is noted in front of the state of a linked
     * one stays.
     */
    async hold(side: SideIndex, id: string, state: string, held: Held): Promise<void> {
      const note = noteOf(state) === undefined ? noteOf(await redis.hget(keys.states[side], id)) : undefined;
      await redis
        .multi()
        .hset(keys.states[side], id, note === undefined ? state : `${note}${state}`)
        .hset(keys.held, recordKey(side, id), JSON.stringify(held))
        .exec();
    },

    /** A linked record is known in this state: what is held of it stays. */
    known: async (side: SideIndex, id: string, state: string): Promise<void> => {
      await redis.hset(keys.states[side], id, state);
    },

    async handled(side: SideIndex, id: string, state: string): Promise<void> {
      await redis.multi().hset(keys.states[side], id, state).hdel(keys.held, recordKey(side, id)).exec();
    },

    /** The links of these records wait for this, whatever they waited for before. @param ids on side 0 */
    async holdLinks(ids: readonly string[], held: Held): Promise<void> {
      const json = JSON.stringify(held);
      for (let i = 0; i < ids.length; i += BATCH)
        await redis.hset(keys.held, ...ids.slice(i, i + BATCH).flatMap((id) => [recordKey(0, id), json]));
    },

    held: async (side: SideIndex, id: string): Promise<Held | undefined> =>
      parse<Held>(await redis.hget(keys.held, recordKey(side, id))),

    async *allHeld(): AsyncGenerator<HeldRecord[]> {
      for await (const batch of hscan(redis, keys.held)) {
        yield batch.map(([key, json]) => ({ ...parseRecordKey(key), ...(JSON.parse(json) as Held) }));
      }
    },

    /** Lets records be looked at again: their states and what was held are forgotten, but not what is still to be named. */
    async release(records: readonly { side: SideIndex; id: string }[]): Promise<void> {
      const states = await Promise.all(records.map(({ side, id }) => redis.hget(keys.states[side], id)));
      const pipeline = redis.pipeline();
      for (const [i, { side, id }] of records.entries()) {
        const note = noteOf(states[i]);
        pipeline.hdel(keys.held, recordKey(side, id));
        if (note !== undefined) pipeline.hset(keys.states[side], id, note);
        // An empty one was left open, which says as much.
        else if (states[i] !== '') pipeline.hdel(keys.states[side], id);
      }
      await pipeline.exec();
    },

    // ------------------------------------------------------------ what a person decided against

    decided: async (side: SideIndex, id: string): Promise<Decided | undefined> =>
      parse<Decided>(await redis.hget(keys.decided, recordKey(side, id))),

    /** Outlives whatever is held of the records: ends with `undecide`, a new link, the end of the link or of the record. */
    async decide(records: readonly { side: SideIndex; id: string }[], decided: Decided): Promise<void> {
      const json = JSON.stringify(decided);
      for (let i = 0; i < records.length; i += BATCH)
        await redis.hset(
          keys.decided,
          ...records.slice(i, i + BATCH).flatMap(({ side, id }) => [recordKey(side, id), json]),
        );
    },

    undecide: async (side: SideIndex, id: string): Promise<void> => {
      await redis.hdel(keys.decided, recordKey(side, id));
    },

    // ------------------------------------------------------------ failed jobs

    /** Notes the job that failed on a record for good. @returns the one that did before, which tells nothing any more */
    async noteFailedJob(side: SideIndex, id: string, job: string): Promise<string | undefined> {
      const former = await redis.hget(keys.failedJobs, recordKey(side, id));
      await redis.hset(keys.failedJobs, recordKey(side, id), job);
      return former === null || former === job ? undefined : former;
    },

    /** The job that failed last on a record for good. */
    failedJob: (side: SideIndex, id: string): Promise<string | null> =>
      redis.hget(keys.failedJobs, recordKey(side, id)),

    /** The jobs that failed on these records, which are forgotten with this. */
    async takeFailedJobs(records: readonly { side: SideIndex; id: string }[]): Promise<string[]> {
      const fields = records.map(({ side, id }) => recordKey(side, id));
      const jobs = (await hmget(redis, keys.failedJobs, fields)).filter((job) => job !== null);
      if (jobs.length > 0) await redis.hdel(keys.failedJobs, ...fields);
      return jobs;
    },

    // ------------------------------------------------------------ match index

    /** Puts records into the match index under their present keys. */
    async index(side: SideIndex, records: readonly IndexEntry[]): Promise<void> {
      for (let i = 0; i < records.length; i += BATCH) {
        const args = records
          .slice(i, i + BATCH)
          .flatMap(({ id, keys: own, names }) => [
            id,
            ...rules.map((rule) => own[rule] ?? ''),
            names === undefined ? '' : fingerprinter.token(names),
          ]);
        await redis.tandemIndex(rules.length + 2, keys.seen[side], ...indexKeys(side), ...args);
      }
    },

    /** Ids on a side whose key of this rule hashes to `key`; at most `limit`. */
    candidates: (side: SideIndex, rule: number, key: string, limit = 10): Promise<string[]> =>
      indexed(side, rule, key, limit),

    /** Ids on a side whose records name the record `id` of the other side as their counterpart; at most `limit`. */
    namers: (side: SideIndex, id: string, limit = 10): Promise<string[]> =>
      indexed(side, 'names', fingerprinter.token(id), limit),

    /** How many records of a side name a counterpart. */
    namerCount: (side: SideIndex): Promise<number> => redis.zcard(keys.matchIndex(side, 'names')),

    /** Match keys under which records stand in the index, in the order of the ids; undefined for one never seen. */
    async keysOf(side: SideIndex, ids: readonly string[]): Promise<(readonly string[] | undefined)[]> {
      const entries = await hmget(redis, keys.seen[side], ids);
      return entries.map((entry) => entry?.split('|').slice(1, rules.length + 1));
    },

    /** Epoch ms when a record was first seen; undefined for one never seen. */
    async firstSeen(side: SideIndex, id: string): Promise<number | undefined> {
      const first = firstOf(await redis.hget(keys.seen[side], id));
      return Number.isNaN(first) ? undefined : first;
    },

    /** The mapping leaves it without a counterpart deliberately: should it get one later, that is no first sync. */
    async leave(side: SideIndex, id: string): Promise<void> {
      await redis.tandemLeave(keys.seen[side], keys.progress, id, firstRead);
    },

    async forget(side: SideIndex, id: string): Promise<void> {
      await Promise.all([
        redis.tandemForget(rules.length + 3, keys.seen[side], keys.states[side], ...indexKeys(side), id),
        redis.hdel(keys.decided, recordKey(side, id)),
      ]);
    },

    // ------------------------------------------------------------ intents

    intent: async (side: SideIndex, id: string): Promise<Intent | undefined> =>
      parse<Intent>(await redis.hget(keys.intents, recordKey(side, id))),

    /** Open intents of source records on `side`, that is creates on the other side. */
    async openIntents(side: SideIndex): Promise<{ id: string; intent: Intent }[]> {
      const open: { id: string; intent: Intent }[] = [];
      for await (const batch of hscan(redis, keys.intents)) {
        for (const [key, json] of batch) {
          const record = parseRecordKey(key);
          if (record.side === side) open.push({ id: record.id, intent: JSON.parse(json) as Intent });
        }
      }
      return open;
    },

    intend: async (side: SideIndex, id: string, intent: Intent): Promise<void> => {
      await redis.hset(keys.intents, recordKey(side, id), JSON.stringify(intent));
    },

    /** Nobody works on this create now: other records no longer wait for its end, but are held where they look like its result. */
    async doubtIntent(side: SideIndex, id: string): Promise<void> {
      const intent = parse<Intent>(await redis.hget(keys.intents, recordKey(side, id)));
      if (intent && !intent.review)
        await redis.hset(keys.intents, recordKey(side, id), JSON.stringify({ ...intent, review: true }));
    },

    dropIntent: async (side: SideIndex, id: string): Promise<void> => {
      await redis.hdel(keys.intents, recordKey(side, id));
    },

    // ------------------------------------------------------------ writes begun

    async begunWrites(ids: readonly [string, string], version: string): Promise<readonly BegunWrite[]> {
      const begun = parse<BegunWrites>(await redis.hget(keys.begun, ids[0]));
      return begun?.version === version && begun.ids[1] === ids[1] ? begun.writes : [];
    },

    begin: async (begun: BegunWrites): Promise<void> => {
      await redis.hset(keys.begun, begun.ids[0], JSON.stringify(begun));
    },

    /** Only to save space: a commit has made them history. */
    forgetBegun: async (id: string): Promise<void> => {
      await redis.hdel(keys.begun, id);
    },

    // ------------------------------------------------------------ waiting for links

    async wait(side: SideIndex, id: string, waiter: string): Promise<void> {
      await redis.sadd(keys.waiters(side, id), waiter);
    },

    waiters: (side: SideIndex, id: string): Promise<string[]> => redis.smembers(keys.waiters(side, id)),

    async dropWaiters(side: SideIndex, id: string, waiters: readonly string[]): Promise<void> {
      if (waiters.length > 0) await redis.srem(keys.waiters(side, id), ...waiters);
    },

    // ------------------------------------------------------------ watching candidates

    /** A record is in review because of these others. @param candidates record keys */
    async watch(candidates: readonly string[], side: SideIndex, id: string): Promise<void> {
      const pipeline = redis.pipeline();
      for (const key of candidates) pipeline.sadd(watchersOf(key), recordKey(side, id));
      await pipeline.exec();
    },

    async unwatch(candidates: readonly string[], side: SideIndex, id: string): Promise<void> {
      const pipeline = redis.pipeline();
      for (const key of candidates) pipeline.srem(watchersOf(key), recordKey(side, id));
      await pipeline.exec();
    },

    /** Who is in review because of this record: record keys. */
    watchers: (side: SideIndex, id: string): Promise<string[]> => redis.smembers(keys.watchers(side, id)),

    async dropWatchers(side: SideIndex, id: string, watchers: readonly string[]): Promise<void> {
      if (watchers.length > 0) await redis.srem(keys.watchers(side, id), ...watchers);
    },

    // ------------------------------------------------------------ losing values

    ...createHistory(redis, keys),

    // ------------------------------------------------------------ copies

    ...createTransfer(redis, keys, (key) => hscan(redis, key), parseBase),

    // ------------------------------------------------------------ reading progress

    /** Whether both sides were read fully once under the present match rules: before that nothing is matched or created. */
    ready: (): Promise<boolean> => readBoth(fullRead),

    /** Whether a plan has read both sides: enough to tell what would be done, not to do it. */
    readyToPlan: async (): Promise<boolean> => (await readBoth(fullRead)) || readBoth(plannedRead),

    /** When each side was last read fully, and up to which modification it was read; ISO 8601. */
    async readBefore(side: SideIndex): Promise<{ full: string | undefined; since: string | undefined }> {
      const [full, since] = await redis.hmget(keys.progress, fullRead(side), `since:${side}`);
      return { full: full ?? undefined, since: since ?? undefined };
    },

    /** When each side was last read to its end, fully or only what had changed; ISO 8601. */
    async lastRead(side: SideIndex): Promise<{ full: string | undefined; changes: string | undefined }> {
      const [full, changes] = await redis.hmget(keys.progress, fullRead(side), `changes:${side}`);
      return { full: full ?? undefined, changes: changes ?? undefined };
    },

    /** Since when both sides are to be read by schedule; ISO 8601, undefined where they never were. */
    scheduledSince: async (): Promise<string | undefined> =>
      (await redis.hget(keys.progress, 'scheduled')) ?? undefined,

    noteScheduled: async (): Promise<void> => {
      await redis.hsetnx(keys.progress, 'scheduled', new Date().toISOString());
    },

    /** @param since time of the latest modification that was read, as the system states it */
    async readThrough(side: SideIndex, scan: 'changes' | 'full' | 'plan', since: string | undefined): Promise<void> {
      if (scan === 'plan') {
        await redis.hset(keys.progress, plannedRead(side), new Date().toISOString());
        return;
      }
      const fields: Record<string, string> = {
        [scan === 'full' ? fullRead(side) : `changes:${side}`]: new Date().toISOString(),
      };
      if (since !== undefined) fields[`since:${side}`] = since;
      await redis.hset(keys.progress, fields);
      if (scan === 'full' && (await readBoth(fullRead)))
        await redis.hsetnx(keys.progress, firstRead, (await isNoFirst()) ? '0' : String(await redisTime(redis)));
    },

    /**
     * Epoch ms of Redis' clock when both sides had been read fully for the first time, if they have; 0 where that was no
     * first sync, but links are being rebuilt, or there was one under other match rules.
     */
    async firstRead(): Promise<number | undefined> {
      const at = await redis.hget(keys.progress, firstRead);
      return at === null ? undefined : Number(at);
    },

    async followed(): Promise<Partial<Followed>> {
      const [version, definitions, scope] = await redis.hmget(
        keys.progress,
        'followed:version',
        'followed:definitions',
        'followed:scope',
      );
      return {
        ...(version ? { version } : {}),
        ...(definitions ? { definitions: JSON.parse(definitions) as Followed['definitions'] } : {}),
        ...(scope ? { scope } : {}),
      };
    },

    async follow({ version, definitions, scope }: Partial<Followed>): Promise<void> {
      const fields = {
        ...(version === undefined ? {} : { 'followed:version': version }),
        ...(definitions === undefined ? {} : { 'followed:definitions': JSON.stringify(definitions) }),
        ...(scope === undefined ? {} : { 'followed:scope': scope }),
      };
      await redis.hset(keys.progress, fields);
    },

    async parkUntilReady(side: SideIndex, ids: readonly string[]): Promise<void> {
      for (let i = 0; i < ids.length; i += BATCH) await redis.sadd(keys.unready[side], ...ids.slice(i, i + BATCH));
    },

    /** Some of the ids that waited for readiness; they stay until `unpark` confirms that they are queued. */
    parked: (side: SideIndex, limit: number): Promise<string[]> => redis.srandmember(keys.unready[side], limit),

    /** All that wait for readiness, a batch at a time. */
    async *allParked(): AsyncGenerator<{ side: SideIndex; ids: string[] }> {
      for (const side of [0, 1] as const) {
        let cursor = '0';
        do {
          const [next, ids] = await redis.sscan(keys.unready[side], cursor, 'COUNT', BATCH);
          cursor = next;
          if (ids.length > 0) yield { side, ids };
        } while (cursor !== '0');
      }
    },

    parkedCount: async (): Promise<number> =>
      (await redis.scard(keys.unready[0])) + (await redis.scard(keys.unready[1])),

    async unpark(side: SideIndex, ids: readonly string[]): Promise<void> {
      if (ids.length > 0) await redis.srem(keys.unready[side], ...ids);
    },

    /** Notes which ids a full read meets, to tell which linked ones it did not. The notes live in Redis, an hour at most. */
    async meet(side: SideIndex): Promise<Meeting> {
      const met = `${keys.progress}:met:${side}:${randomUUID()}`;
      const began = await redisTime(redis);
      return {
        async met(ids) {
          if (ids.length > 0)
            await redis
              .multi()
              .sadd(met, ...ids)
              .expire(met, 3600)
              .exec();
        },
        async *heldMissing() {
          for await (const batch of hscan(redis, keys.held)) {
            const ids = batch.flatMap(([key, json]) => {
              const { kind } = JSON.parse(json) as Held;
              const record = parseRecordKey(key);
              return record.side === side && kind !== 'gone' ? [record.id] : [];
            });
            if (ids.length === 0) continue;
            const [counterparts, present] = await Promise.all([
              hmget(redis, keys.ids[side], ids),
              redis.smismember(met, ...ids),
            ]);
            const absent = ids.filter((_, i) => counterparts[i] === null && present[i] === 0);
            if (absent.length > 0) yield absent;
          }
        },
        async missing() {
          const missing: string[] = [];
          for await (const batch of hscan(redis, keys.ids[side])) {
            const ids = batch.map(([id]) => id);
            const present = await redis.smismember(met, ...ids);
            const unmet = ids.filter((_, i) => present[i] === 0);
            if (unmet.length === 0) continue;
            // A list that takes long does not tell what was made meanwhile. Whoever links records indexes them before.
            const seen = await redis.hmget(keys.seen[side], ...unmet);
            const absent = unmet.filter((_, i) => !(firstOf(seen[i]) >= began));
            if (absent.length === 0) continue;
            // Known to be gone, and waiting as such: asking again every time would never end.
            const names = absent.map((id, i) => recordKey(0, side === 0 ? id : batch[ids.indexOf(absent[i]!)]![1]));
            const [helds, decided] = await Promise.all([
              redis.hmget(keys.held, ...names),
              redis.hmget(keys.decided, ...names),
            ]);
            const settled = (i: number): boolean =>
              (!!helds[i] && knownGone(JSON.parse(helds[i]!) as Held)) ||
              parse<Decided>(decided[i] ?? null)?.kind === 'deletes';
            missing.push(...absent.filter((_, i) => !settled(i)));
          }
          await redis.del(met);
          return missing;
        },
      };
    },

    // ------------------------------------------------------------ claims

    /** Redis' time in ms once every claim is held, undefined when another owner holds one of them. */
    async claim(names: readonly string[], owner: string, ttl: number): Promise<number | undefined> {
      const now = await redis.tandemClaim(names.length, ...names.map(keys.claim), owner, String(ttl));
      return now === 0 ? undefined : now;
    },

    extend: async (names: readonly string[], owner: string, ttl: number): Promise<boolean> =>
      (await redis.tandemExtend(names.length, ...names.map(keys.claim), owner, String(ttl))) === 1,

    /** Whether anybody works on it right now. */
    claimed: async (name: string): Promise<boolean> => (await redis.exists(keys.claim(name))) === 1,

    unclaim: async (names: readonly string[], owner: string): Promise<void> => {
      if (names.length > 0) await redis.tandemRelease(names.length, ...names.map(keys.claim), owner);
    },
  };
}

/** Epoch ms in an entry of `seen`; NaN without one. */
const firstOf = (entry: string | null | undefined): number => Number(entry?.split('|', 1)[0] ?? Number.NaN);

/** Asking about such a record again would tell nothing new. A conflict (which has a code) knows nothing of a deletion. */
const knownGone = ({ kind, code }: Held): boolean =>
  kind === 'gone' || (kind === 'review' && code === undefined) || code === 'BRAKE_ON';

function parseBase(stored: string | null): StoredBase {
  if (stored === null) return { version: '', base: {} };
  const bar = stored.indexOf('|');
  return { version: stored.slice(0, bar), base: JSON.parse(stored.slice(bar + 1)) as Base };
}

async function redisTime(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

/** What is noted in front of a state (`Unnamed`), without the version and the state that it was noted with. */
const noteOf = (state: string | null | undefined): string | undefined => {
  const note = /^(?:new|open|refused)\./.exec(state ?? '')?.[0];
  return note && `${note}.`;
};

const parse = <T>(json: string | null): T | undefined => (json === null ? undefined : (JSON.parse(json) as T));

async function hmget(redis: Redis, key: string, ids: readonly string[]): Promise<(string | null)[]> {
  if (ids.length === 0) return [];
  if (ids.length <= BATCH) return redis.hmget(key, ...ids);
  const pipeline = redis.pipeline();
  for (let i = 0; i < ids.length; i += BATCH) pipeline.hmget(key, ...ids.slice(i, i + BATCH));
  const answers = (await pipeline.exec()) ?? [];
  return answers.flatMap(([error, values]) => {
    if (error) throw error;
    return values as (string | null)[];
  });
}

async function* hscan(redis: Redis, key: string): AsyncGenerator<[string, string][]> {
  let cursor = '0';
  do {
    const [next, flat] = await redis.hscan(key, cursor, 'COUNT', BATCH);
    cursor = next;
    const batch: [string, string][] = [];
    for (let i = 0; i < flat.length; i += 2) batch.push([flat[i]!, flat[i + 1]!]);
    if (batch.length > 0) yield batch;
  } while (cursor !== '0');
}

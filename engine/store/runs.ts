/** Runs: one trigger's work, with counts and progress, kept in Redis so that any process can tell how it stands. */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Outcome } from '../model/outcome.ts';
import { type Counts, countsBy, OUTCOMES } from '../model/outcome.ts';
import { recordKey } from '../model/record-key.ts';
import type { DefinitionChanges } from '../sync/backfill.ts';
import type { RunKind, ScanProgress, UnidentifiedItems } from '../sync/scan.ts';
import type { SideIndex } from '../types.ts';
import { dirtyKey } from './dirty.ts';
import type { RunCount } from './types.ts';

/**
 * How long a run that shows no sign of life stands in the way of a new one, in ms: the process that began it may have
 * died before its job was queued.
 */
const LEASE = 300_000;
/** How often, and how many ms apart, is looked for a run that was begun but is not stored yet. */
const STORING = 50;
const STORING_LOOK = 10;
/** Stands for the mapping of a group run. */
const GROUP = '*';
/** Runs kept; older ones are forgotten. */
const KEPT = 500;
/** Entries of a plan kept per run. */
const PLAN_KEPT = 10_000;

/**
 * `queued`: no worker has it yet; `scanning`: lists or links are read; `working`: its records are looked at; then it is
 * over. A run that failed may be scanning again.
 */
export const RUN_STATES = ['queued', 'scanning', 'working', 'done', 'failed'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** What may begin a run. */
export const RUN_TRIGGERS = {
  api: 'a request',
  schedule: 'the schedule of the mapping',
  start: 'the start of a worker',
  edit: 'an edit of the mapping',
} as const;

export interface Progress {
  /** Records read per side; of a backfill, links on the first side. */
  readonly read: [number, number];
  /** Records that need work, and how many of those are done. */
  readonly work: number;
  readonly done: number;
  /** Records whose rejected write a full scan tries once more: they are no work. */
  readonly retried: number;
}

/**
 * A run as it is kept: the 500 latest, and those under way. A group has `*` for its mapping, and sums for its counts.
 */
export interface Run {
  readonly id: string;
  readonly mapping: string;
  readonly scan: RunKind | 'record';
  readonly plan: boolean;
  readonly trigger: keyof typeof RUN_TRIGGERS;
  readonly state: RunState;
  /** ISO 8601. */
  readonly created: string;
  readonly started?: string;
  readonly finished?: string;
  readonly progress: Progress;
  readonly counts: Counts;
  /** Why it failed, or what it warns of. */
  readonly reason?: string;
  /** Of a group: the runs that belong to it. */
  readonly children?: readonly string[];
  /** Of a backfill: what changed since the last one, by names of properties. */
  readonly changes?: DefinitionChanges;
  /** Per side: items of its list without a usable id. They are counted as failed, and no record can be named for them. */
  readonly unidentified?: readonly [UnidentifiedItems | undefined, UnidentifiedItems | undefined];
}

/** What a plan would do about one record. The first 10,000 of a run are kept. */
export interface PlanEntry extends Outcome {
  readonly record: { readonly side: SideIndex; readonly id: string };
}

/** What became of a record. */
export interface Finished {
  readonly record: string;
  /** Of a record that was taken from the dirty set. */
  readonly lease?: string;
  readonly outcome: Outcome;
  /** A try failed on it, and it is tried again by a job of its own. */
  readonly retrying?: boolean;
}

export interface RunRequest {
  readonly mapping: string;
  readonly scan: RunKind | 'record';
  readonly plan: boolean;
  readonly trigger: Run['trigger'];
  /** Of a run of one record. */
  readonly record?: { readonly side: SideIndex; readonly id: string };
}

/**
 * Ends the runs of a group once every scan of it is over and nothing it expects is pending: what one mapping writes may
 * give another one work, so they end together.
 */
const END = `
local function endGroup(prefix, group, now)
  if redis.call('HGET', prefix .. group, 'open') ~= '0' or redis.call('SCARD', prefix .. group .. ':pending') > 0 then return 0 end
  for _, id in ipairs(redis.call('SMEMBERS', prefix .. group .. ':members')) do
    if redis.call('HGET', prefix .. id, 'state') == 'working' then redis.call('HSET', prefix .. id, 'state', 'done', 'finished', now) end
    redis.call('SREM', prefix .. 'active:' .. redis.call('HGET', prefix .. id, 'mapping'), id)
  end
  return 1
end
`;

/** What stands in the way of another run of the same kind stays: its key is stored with the run. */
const KEEP = `
local function keep(run, ms)
  local lease = redis.call('HGET', run, 'lease')
  return lease and redis.call('PEXPIRE', lease, ms) or 0
end
`;

/**
 * Ends the work on records, several at once: they leave the dirty set unless they were marked again meanwhile, are taken
 * off what the active runs of their mapping wait for, and their outcomes are counted there.
 * A record that was marked again stays waited for: it is looked at once more. What the first look did counts, what the
 * further one finds counts only if that is something. A record that waits, failed or is in review may come back within the
 * same run: it counts where it was last. One that is in retry is waited for no longer, but counts in its run once it ends,
 * also after the run is over.
 * KEYS dirty set, set of active runs, set of runs with records in retry, set of records that did something and are looked
 * at once more
 * ARGV prefix, mapping, now; per record: record, lease ('' for one that was not taken from the set), where it is
 * ('' for nowhere), the name that its link goes by, 1 where something was done, number of pairs, pairs of field and increment
 * Answers per record 1 where it left the set, 0 where it is looked at once more.
 */
const FINISH = `${END}${KEEP}
local runs = {}
local function add(ids, active)
  for _, id in ipairs(ids) do
    if not runs[id] then
      local run = ARGV[1] .. id
      local group = redis.call('HGET', run, 'group')
      if group then runs[id] = { key = run, group = group, pending = active and ARGV[1] .. group .. ':pending', sums = {}, touched = false } end
    end
  end
end
add(redis.call('SMEMBERS', KEYS[2]), true)
add(redis.call('SMEMBERS', KEYS[3]), false)
local places = { 'waiting', 'review', 'failed' }
local result = {}
local i = 4
while i <= #ARGV do
  local record, lease, place, name, did, pairs_ = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4] == '1', tonumber(ARGV[i + 5])
  local score = redis.call('ZSCORE', KEYS[1], record)
  local again = score and (lease == '' or tonumber(score) ~= tonumber(lease)) and true or false
  if score and not again then
    redis.call('ZREM', KEYS[1], record)
    redis.call('HDEL', KEYS[1] .. ':events', record)
  end
  result[#result + 1] = again and 0 or 1
  if next(runs) then
    local before = redis.call('SISMEMBER', KEYS[4], record) == 1
    if not again then
      if before then redis.call('SREM', KEYS[4], record) end
    elseif did then redis.call('SADD', KEYS[4], record) end
    for id, run in pairs(runs) do
      local member = ARGV[2] .. '|' .. record
      local waited = run.pending and redis.call('SISMEMBER', run.pending, member) == 1
      local retried = not waited and redis.call('SISMEMBER', run.key .. ':retrying', record) == 1
      if waited or retried then
        run.touched = true
        if waited and not again then
          redis.call('SREM', run.pending, member)
          run.sums.done = (run.sums.done or 0) + 1
        end
        if did or not (again or before) then
          for at = i + 6, i + 5 + 2 * pairs_, 2 do run.sums[ARGV[at]] = (run.sums[ARGV[at]] or 0) + ARGV[at + 1] end
        end
        redis.call('SREM', run.key .. ':retrying', record)
        for _, one in ipairs(places) do redis.call('SREM', run.key .. ':' .. one, record, name) end
        if place == 'retrying' then
          redis.call('SADD', run.key .. ':retrying', record)
          redis.call('SADD', KEYS[3], id)
        elseif place ~= '' then redis.call('SADD', run.key .. ':' .. place, name) end
      end
    end
  end
  i = i + 6 + 2 * pairs_
end
for id, run in pairs(runs) do
  if run.touched then
    for field, sum in pairs(run.sums) do redis.call('HINCRBY', run.key, field, sum) end
    keep(run.key, ${LEASE})
    if run.pending then endGroup(ARGV[1], run.group, ARGV[3]) end
    if redis.call('SCARD', run.key .. ':retrying') == 0 then redis.call('SREM', KEYS[3], id) end
  end
end
return result`;

/**
 * A run's own scan begins, or begins again after a crash: what it counted before is forgotten. One whose scan is over
 * already is left as it is: its job was taken over from a worker that was only slow. One that failed is tried once more.
 * KEYS run, set of active runs; ARGV prefix, id, now. Answers 0 where the scan is over.
 */
const SCANNING = `${KEEP}
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'failed' then redis.call('HINCRBY', ARGV[1] .. redis.call('HGET', KEYS[1], 'group'), 'open', 1)
elseif state ~= 'queued' and state ~= 'scanning' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'scanning', 'started', ARGV[3], 'read:0', '0', 'read:1', '0')
redis.call('HDEL', KEYS[1], 'finished', 'reason', 'unidentified:0', 'unidentified:1')
redis.call('SADD', KEYS[2], ARGV[2])
keep(KEYS[1], ${LEASE})
return 1`;

/** The run that was the one of its kind is over. One that took its place meanwhile stays. KEYS current run of the kind; ARGV id */
const OVER = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** The run is under way. KEYS run; ARGV for how many ms it is to stay the one of its kind */
const KEEPING = `${KEEP}
return keep(KEYS[1], ARGV[1])`;

/** A run's own scan is over, well or not. KEYS run; ARGV prefix, id, now, new state, reason */
const SCANNED = `${END}
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'queued' and state ~= 'scanning' then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[4])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'reason', ARGV[5]) end
if ARGV[4] == 'failed' then redis.call('HSET', KEYS[1], 'finished', ARGV[3]) end
local group = redis.call('HGET', KEYS[1], 'group')
redis.call('HINCRBY', ARGV[1] .. group, 'open', -1)
return endGroup(ARGV[1], group, ARGV[3])`;

/**
 * These records are a run's to wait for, while it is not over.
 * KEYS run, set of active runs; ARGV prefix, run, mapping, 1 where rejected writes are only tried again, records... Answers how many
 * are new.
 */
const EXPECT = `
local group = redis.call('HGET', KEYS[1], 'group')
if not group or redis.call('SISMEMBER', KEYS[2], ARGV[2]) == 0 then return 0 end
local members = {}
for i = 5, #ARGV do members[#members + 1] = ARGV[3] .. '|' .. ARGV[i] end
local added = redis.call('SADD', ARGV[1] .. group .. ':pending', unpack(members))
redis.call('HINCRBY', KEYS[1], 'work', added)
if ARGV[4] == '1' then redis.call('HINCRBY', KEYS[1], 'retried', added) end
return added`;

/** A run joins its group, once: a command that is sent again after a lost answer must not count twice. KEYS members, group; ARGV run */
const JOIN = `
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then redis.call('HINCRBY', KEYS[2], 'open', 1) end
return 1`;

export interface UnfinishedRun {
  readonly id: string;
  /** Its scan is not over, or of a group, its children are not all known. */
  readonly scanning: boolean;
  /** Nobody has given a sign of life of it for long. */
  readonly silent: boolean;
  /** Records for which nothing but their reconcile is waited. */
  readonly pending: number;
}

interface RunCommands {
  tandemRunFinish(...args: string[]): Promise<number[]>;
  tandemRunScanning(...args: string[]): Promise<number>;
  tandemRunScanned(...args: string[]): Promise<number>;
  tandemRunOver(...args: string[]): Promise<number>;
  tandemRunKeep(...args: string[]): Promise<number>;
  tandemRunExpect(...args: string[]): Promise<number>;
  tandemRunJoin(...args: string[]): Promise<number>;
}

export type Runs = ReturnType<typeof createRuns>;

// Over 60 lines: a factory. What it returns are short functions that share the names of keys and the scripts.
export function createRuns(connection: Redis, prefix: string) {
  connection.defineCommand('tandemRunFinish', { lua: FINISH, numberOfKeys: 4 });
  connection.defineCommand('tandemRunScanning', { lua: SCANNING, numberOfKeys: 2 });
  connection.defineCommand('tandemRunScanned', { lua: SCANNED, numberOfKeys: 1 });
  connection.defineCommand('tandemRunOver', { lua: OVER, numberOfKeys: 1 });
  connection.defineCommand('tandemRunKeep', { lua: KEEPING, numberOfKeys: 1 });
  connection.defineCommand('tandemRunExpect', { lua: EXPECT, numberOfKeys: 2 });
  connection.defineCommand('tandemRunJoin', { lua: JOIN, numberOfKeys: 2 });
  const redis = connection as Redis & RunCommands;
  const base = `${prefix}:{runs}:`;
  const runKey = (id: string): string => `${base}${id}`;
  const activeKey = (mapping: string): string => `${base}active:${mapping}`;
  const retryingKey = (mapping: string): string => `${base}retrying:${mapping}`;
  const againKey = (mapping: string): string => `${base}again:${mapping}`;
  const currentKey = ({ mapping, scan, plan, record }: RunRequest): string =>
    `${base}current:${mapping}:${scan}:${plan}${record ? `:${recordKey(record.side, record.id)}` : ''}`;
  const index = `${base}index`;
  const now = (): string => new Date().toISOString();

  async function get(id: string): Promise<Run | undefined> {
    const [fields, ...standing] = await Promise.all([
      redis.hgetall(runKey(id)),
      ...PLACES.map((place) => redis.scard(`${runKey(id)}:${place}`)),
    ]);
    if (fields.id === undefined) return undefined;
    const run = parseRun(fields);
    for (const [i, place] of PLACES.entries()) run.counts[place] += standing[i] ?? 0;
    if (run.mapping !== GROUP) return run;
    if (!run.children) return run;
    const children = (await Promise.all(run.children.map(get))).filter((child) => child !== undefined);
    return groupOf(run, children);
  }

  async function store(
    id: string,
    request: RunRequest,
    group: string,
    more: Record<string, string> = {},
  ): Promise<void> {
    const pipeline = redis.pipeline();
    pipeline.hset(runKey(id), {
      id,
      mapping: request.mapping,
      scan: request.scan,
      group,
      plan: request.plan ? '1' : '',
      trigger: request.trigger,
      state: 'queued',
      created: now(),
      ...more,
    });
    pipeline.zadd(index, String(Date.now()), id);
    await pipeline.exec();
    if (request.mapping !== GROUP) await redis.tandemRunJoin(`${runKey(group)}:members`, runKey(group), id);
    const oldest = await redis.zrange(index, '0', String(-KEPT - 1));
    const runs = await Promise.all(oldest.map(get));
    // One that is under way stays, however many began after it.
    const old = oldest.filter((_, i) => !runs[i] || runs[i].state === 'done' || runs[i].state === 'failed');
    if (old.length > 0)
      await redis
        .pipeline()
        .del(
          ...old.flatMap((one) =>
            ['', ':pending', ':members', ':plan', ...PLACES.map((place) => `:${place}`)].map(
              (part) => runKey(one) + part,
            ),
          ),
        )
        .zrem(index, ...old)
        .exec();
  }

  return {
    get,

    /** Newest first. */
    async list(
      options: { offset?: number; limit?: number; mapping?: string } = {},
    ): Promise<{ runs: Run[]; total: number }> {
      const { offset = 0, limit = 50, mapping } = options;
      const ids = await redis.zrevrange(index, 0, -1);
      const runs = (
        await Promise.all((mapping === undefined ? ids.slice(offset, offset + limit) : ids).map(get))
      ).filter((run) => run !== undefined);
      if (mapping === undefined) return { runs, total: ids.length };
      const own = runs.filter((run) => run.mapping === mapping);
      return { runs: own.slice(offset, offset + limit), total: own.length };
    },

    /**
     * A new run, or the one that does the same already.
     * @param group the group it belongs to, if any
     */
    async begin(request: RunRequest, group?: string): Promise<{ run: Run; started: boolean }> {
      const id = randomUUID();
      const key = currentKey(request);
      for (let tries = 0; ; tries++) {
        if ((await redis.set(key, id, 'PX', LEASE, 'NX')) === 'OK') break;
        const current = await redis.get(key);
        const run = current === null ? undefined : await get(current);
        if (current !== null && !run && tries < STORING) {
          // The first caller is about to store it.
          await setTimeout(STORING_LOOK);
          continue;
        }
        // One that has found all its work does not see what was edited since: it holds back nothing that comes after it.
        const found = run?.state === 'working' && request.record === undefined;
        const over = run?.state === 'done' || run?.state === 'failed' || found;
        if (run && !over) return { run, started: false };
        if (current !== null) await redis.tandemRunOver(key, current);
      }
      await store(id, request, group ?? id, { lease: key });
      return { run: (await get(id))!, started: true };
    },

    /** A run of several mappings: they end together, because the writes of one may be work for another. */
    async beginGroup(request: Omit<RunRequest, 'mapping'>): Promise<string> {
      const id = randomUUID();
      // Open by itself until all its children are known, or the first of them could end it.
      await store(id, { ...request, mapping: GROUP }, id, { open: '1' });
      return id;
    },

    /** The group that a run belongs to; its own id where it was begun alone. */
    groupOf: (id: string): Promise<string | null> => redis.hget(runKey(id), 'group'),

    /** A group that was begun and is not needed: all it would do, another one does. */
    async dropGroup(id: string): Promise<void> {
      await redis.multi().del(runKey(id)).zrem(index, id).exec();
    },

    async setChildren(id: string, children: readonly string[]): Promise<Run> {
      await redis.hset(runKey(id), 'children', children.join(','));
      await redis.tandemRunScanned(runKey(id), base, id, now(), 'working', '');
      return (await get(id))!;
    },

    /**
     * The run waits for `ms`, and is to stay the one of its kind meanwhile.
     * @param reason shown until its scan begins again
     */
    keep: async (run: Run, ms: number, reason?: string): Promise<void> => {
      await redis.tandemRunKeep(runKey(run.id), String(LEASE + Math.ceil(ms)));
      if (reason !== undefined) await redis.hset(runKey(run.id), 'reason', reason);
    },

    /** The scan begins, or begins again after a crash. @returns false where it is over already */
    scanning: async (run: Run): Promise<boolean> =>
      (await redis.tandemRunScanning(...[runKey(run.id), activeKey(run.mapping)], ...[base, run.id, now()])) === 1,

    /** What changed since the last backfill. */
    async note(run: Run, changes: DefinitionChanges): Promise<void> {
      await redis.hset(runKey(run.id), 'changes', JSON.stringify(changes));
    },

    async read(run: Run, progress: ScanProgress): Promise<void> {
      const pipeline = redis.pipeline().hset(runKey(run.id), `read:${progress.side}`, progress.read);
      if (progress.failed > 0) pipeline.hincrby(runKey(run.id), 'failed', progress.failed);
      if (progress.unidentified)
        pipeline.hset(runKey(run.id), `unidentified:${progress.side}`, JSON.stringify(progress.unidentified));
      await Promise.all([pipeline.exec(), redis.tandemRunKeep(runKey(run.id), String(LEASE))]);
    },

    /**
     * These records of the run's own mapping are its to wait for, unless it is over. Call before they are queued.
     * @param retried rejected writes of theirs are tried again: they are counted apart
     */
    async expect(run: Pick<Run, 'id'>, mapping: string, records: readonly string[], retried = false): Promise<void> {
      for (let i = 0; i < records.length; i += 500)
        await redis.tandemRunExpect(
          ...[runKey(run.id), activeKey(mapping)],
          ...[base, run.id, mapping, retried ? '1' : '', ...records.slice(i, i + 500)],
        );
    },

    async scanned(run: Pick<Run, 'id'>, reason = ''): Promise<void> {
      await redis.tandemRunScanned(runKey(run.id), base, run.id, now(), 'working', reason);
    },

    async failed(run: Pick<Run, 'id'>, reason: string): Promise<void> {
      await redis.tandemRunScanned(runKey(run.id), base, run.id, now(), 'failed', reason);
    },

    /** Ends the scans of a mapping that is retired, and forgets what is retried. What waits for its records ends by itself. */
    async forget(mapping: string, reason: string): Promise<void> {
      for (const id of await redis.smembers(activeKey(mapping)))
        await redis.tandemRunScanned(runKey(id), base, id, now(), 'failed', reason);
      await redis.unlink(retryingKey(mapping), againKey(mapping));
    },

    /**
     * Ends the work on records of one mapping: see FINISH.
     * @returns per record whether it is done with; false: it was marked again meanwhile
     */
    async finish(mapping: string, finished: readonly Finished[]): Promise<boolean[]> {
      if (finished.length === 0) return [];
      const left = await redis.tandemRunFinish(
        ...[dirtyKey(prefix, mapping), activeKey(mapping), retryingKey(mapping), againKey(mapping)],
        ...[base, mapping, now()],
        ...finished.flatMap(({ record, lease = '', outcome, retrying = false }) => {
          const fields = increments(outcome).filter(([field]) => !isPlace(field));
          return [
            record,
            lease,
            retrying ? 'retrying' : isPlace(outcome.kind) ? outcome.kind : '',
            outcome.ids ? recordKey(0, outcome.ids[0]) : record,
            didSomething(outcome) ? '1' : '',
            ...(retrying ? ['0'] : [String(fields.length), ...fields.flatMap(([field, by]) => [field, String(by)])]),
          ];
        }),
      );
      return left.map((one) => one === 1);
    },

    active: (mapping: string): Promise<string[]> => redis.smembers(activeKey(mapping)),

    /** Runs that are not over, groups included, and what each group's end waits for. */
    async unfinished(): Promise<UnfinishedRun[]> {
      const ids = await redis.zrange(index, '0', '-1');
      const pipeline = redis.pipeline();
      for (const id of ids)
        pipeline
          .hmget(runKey(id), 'state', 'mapping', 'group', 'created', 'lease', 'children', 'open')
          .scard(`${runKey(id)}:pending`);
      const answers = (await pipeline.exec()) ?? [];
      const found: UnfinishedRun[] = [];
      for (const [i, id] of ids.entries()) {
        const [state, mapping, group, created, lease, children, open] = (answers[2 * i]?.[1] ?? []) as (
          | string
          | null
        )[];
        const pending = Number(answers[2 * i + 1]?.[1] ?? 0);
        // A group's own state is that of its children; what it holds itself is open until those are known.
        const over = mapping === GROUP ? children !== null : state === 'done' || state === 'failed';
        if (mapping === undefined || mapping === null || (over && pending === 0)) continue;
        const silent = Date.now() - Date.parse(created ?? '') > LEASE && (await redis.get(lease ?? '')) !== id;
        found.push({
          id,
          scanning: !over && state !== 'working',
          silent,
          pending: open === '0' && group === id ? pending : 0,
        });
      }
      return found;
    },

    /** What the end of a group still waits for, a batch at a time. */
    async *pending(group: string): AsyncGenerator<{ mapping: string; record: string }[]> {
      for await (const batch of redis.sscanStream(`${runKey(group)}:pending`, { count: 500 }))
        yield (batch as string[]).map((entry) => {
          const bar = entry.indexOf('|');
          return { mapping: entry.slice(0, bar), record: entry.slice(bar + 1) };
        });
    },

    /** Epoch ms when the oldest run of this mapping that is under way began; undefined when none is. */
    async since(mapping: string): Promise<number | undefined> {
      const begun = await Promise.all(
        (await redis.smembers(activeKey(mapping))).map((id) => redis.hget(runKey(id), 'created')),
      );
      const times = begun.flatMap((created) => (created === null ? [] : [Date.parse(created)]));
      return times.length === 0 ? undefined : Math.min(...times);
    },

    /** Tells something in every active run of a mapping, unless it tells something already. */
    async warn(mapping: string, reason: string): Promise<void> {
      for (const id of await redis.smembers(activeKey(mapping))) await redis.hsetnx(runKey(id), 'reason', reason);
    },

    /** Whether a scan of this mapping is queued or under way. */
    async scansOf(mapping: string): Promise<boolean> {
      for (const scan of ['changes', 'full'] as const) {
        const id = await redis.get(currentKey({ mapping, scan, plan: false, trigger: 'api' }));
        const state = id === null ? null : await redis.hget(runKey(id), 'state');
        if (state === 'queued' || state === 'scanning') return true;
      }
      return false;
    },

    async plan(run: Pick<Run, 'id'>, entry: PlanEntry): Promise<void> {
      const pipeline = redis
        .pipeline()
        .rpush(`${runKey(run.id)}:plan`, JSON.stringify(entry))
        .ltrim(`${runKey(run.id)}:plan`, 0, PLAN_KEPT - 1);
      for (const [field, by] of increments(entry)) pipeline.hincrby(runKey(run.id), field, by);
      await pipeline.hincrby(runKey(run.id), 'done', 1).hincrby(runKey(run.id), 'work', 1).exec();
    },

    planned: async (id: string, offset = 0, limit = 100): Promise<PlanEntry[]> =>
      (await redis.lrange(`${runKey(id)}:plan`, offset, offset + limit - 1)).map(
        (json) => JSON.parse(json) as PlanEntry,
      ),
  };
}

/** What the runs of a record count of what became of it. */
export const runCount = (outcome: Outcome): RunCount => ({
  place: isPlace(outcome.kind) ? outcome.kind : '',
  did: didSomething(outcome),
  fields: increments(outcome).filter(([field]) => !isPlace(field)),
});

/** Where a record may stand at the end of its work, and come back from: counted by record, not by try. */
const PLACES = ['waiting', 'review', 'failed', 'retrying'] as const;
const isPlace = (name: string): name is (typeof PLACES)[number] => PLACES.some((place) => place === name);

const didSomething = ({ kind, writes }: Outcome): boolean =>
  ['matched', 'created', 'updated', 'deleted'].includes(kind) || writes.some((names) => names.length > 0);

function increments(outcome: Outcome): [string, number][] {
  const fields: [string, number][] = [];
  const { counter } = OUTCOMES[outcome.kind];
  if (counter !== undefined) {
    const perSide = counter === 'created' || counter === 'deleted';
    fields.push([perSide ? `${counter}:${outcome.side ?? 0}` : counter, 1]);
  }
  if (outcome.kind !== 'created')
    for (const side of [0, 1] as const) if (outcome.writes[side].length > 0) fields.push([`updated:${side}`, 1]);
  if (outcome.conflicts) fields.push(['conflicts', outcome.conflicts.length]);
  return fields;
}

function parseRun(fields: Record<string, string>): Run {
  const number = (name: string): number => Number(fields[name] ?? 0);
  const pair = (name: string): [number, number] => [number(`${name}:0`), number(`${name}:1`)];
  const items = (side: 0 | 1): UnidentifiedItems | undefined =>
    fields[`unidentified:${side}`] ? (JSON.parse(fields[`unidentified:${side}`]!) as UnidentifiedItems) : undefined;
  const sides = [items(0), items(1)] as const;
  const retried = number('retried');
  const work = number('work') - retried;
  return {
    id: fields.id!,
    mapping: fields.mapping!,
    scan: fields.scan as Run['scan'],
    plan: fields.plan === '1',
    trigger: fields.trigger as Run['trigger'],
    state: fields.state as RunState,
    created: fields.created!,
    ...(fields.started ? { started: fields.started } : {}),
    ...(fields.finished ? { finished: fields.finished } : {}),
    // What is tried again is marked first, and so most of it is done first.
    progress: { read: pair('read'), work, done: Math.max(0, number('done') - retried), retried },
    // Records in retry are counted by record, in a set of their own.
    counts: countsBy((counter) => (counter === 'retrying' ? 0 : number(counter)), pair),
    ...(fields.reason ? { reason: fields.reason } : {}),
    ...(fields.children ? { children: fields.children.split(',') } : {}),
    ...(fields.changes ? { changes: JSON.parse(fields.changes) as DefinitionChanges } : {}),
    ...(sides.some((items) => items !== undefined) ? { unidentified: sides } : {}),
  };
}

/** A group stands where its slowest child stands; its counts are their sums. */
function groupOf(run: Run, children: readonly Run[]): Run {
  const sum = (of: (child: Run) => number): number => children.reduce((total, child) => total + of(child), 0);
  const pair = (of: (child: Run) => [number, number]): [number, number] => [
    sum((child) => of(child)[0]),
    sum((child) => of(child)[1]),
  ];
  const over = children.every((child) => child.state === 'done' || child.state === 'failed');
  const state: RunState = over
    ? children.some((child) => child.state === 'failed')
      ? 'failed'
      : 'done'
    : children.some((child) => child.state === 'scanning')
      ? 'scanning'
      : children.every((child) => child.state === 'queued')
        ? 'queued'
        : 'working';
  const finished = children
    .map((child) => child.finished ?? '')
    .sort()
    .at(-1);
  const started = children
    .map((child) => child.started ?? '')
    .filter(Boolean)
    .sort()[0];
  return {
    ...run,
    state,
    ...(started ? { started } : {}),
    ...(over && finished ? { finished } : {}),
    progress: {
      read: pair((child) => child.progress.read),
      work: sum((child) => child.progress.work),
      done: sum((child) => child.progress.done),
      retried: sum((child) => child.progress.retried),
    },
    counts: countsBy(
      (counter) => sum((child) => child.counts[counter]),
      (counter) => pair((child) => child.counts[counter]),
    ),
  };
}

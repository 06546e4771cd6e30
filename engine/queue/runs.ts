/** Runs: one trigger's work, with counts and progress, kept in Redis so that any process can tell how it stands. */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Outcome } from '../sync/outcome.ts';
import type { ScanKind, ScanProgress } from '../sync/scan.ts';
import type { SideIndex } from '../types.ts';

/** Runs kept; older ones are forgotten. */
const KEPT = 500;
/** Entries of a plan kept per run. */
const PLAN_KEPT = 10_000;

export type RunState = 'queued' | 'scanning' | 'working' | 'done' | 'failed';

export interface Counts {
  matched: number;
  /** Per side of the mapping, in its order. */
  created: [number, number];
  updated: [number, number];
  deleted: [number, number];
  unchanged: number;
  waiting: number;
  review: number;
  failed: number;
  excluded: number;
  conflicts: number;
}

export interface Run {
  readonly id: string;
  readonly mapping: string;
  readonly scan: ScanKind | 'record';
  readonly plan: boolean;
  readonly trigger: 'api' | 'schedule' | 'start';
  readonly state: RunState;
  /** ISO 8601. */
  readonly created: string;
  readonly started?: string;
  readonly finished?: string;
  /** Records read per side, records that need work, and how many of those are done. */
  readonly progress: { readonly read: [number, number]; readonly work: number; readonly done: number };
  readonly counts: Counts;
  /** Why it failed, or what it warns of. */
  readonly reason?: string;
  /** Of a group: the runs that belong to it. */
  readonly children?: readonly string[];
}

export interface PlanEntry extends Outcome {
  readonly record: { readonly side: SideIndex; readonly id: string };
}

export interface RunRequest {
  readonly mapping: string;
  readonly scan: ScanKind | 'record';
  readonly plan: boolean;
  readonly trigger: Run['trigger'];
}

/**
 * Takes a record off the pending set of every active run of its mapping and counts its outcome there. The last one
 * ends a run whose scan is over.
 * KEYS set of active runs; ARGV prefix of run keys, record key, now, pairs of field and increment
 */
const FINISH = `
local ended = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local run = ARGV[1] .. id
  if redis.call('SREM', run .. ':pending', ARGV[2]) == 1 then
    redis.call('HINCRBY', run, 'done', 1)
    for i = 4, #ARGV, 2 do redis.call('HINCRBY', run, ARGV[i], ARGV[i + 1]) end
    if redis.call('HGET', run, 'state') == 'working' and redis.call('SCARD', run .. ':pending') == 0 then
      redis.call('HSET', run, 'state', 'done', 'finished', ARGV[3])
      redis.call('SREM', KEYS[1], id)
      ended[#ended + 1] = id
    end
  end
end
return ended`;

/** The scan is over: the run ends if nothing is pending. KEYS active, run, pending; ARGV id, now */
const SCANNED = `
if redis.call('SCARD', KEYS[3]) == 0 then
  redis.call('HSET', KEYS[2], 'state', 'done', 'finished', ARGV[2])
  redis.call('SREM', KEYS[1], ARGV[1])
  return 1
end
redis.call('HSET', KEYS[2], 'state', 'working')
return 0`;

interface RunCommands {
  tandemRunFinish(...args: string[]): Promise<string[]>;
  tandemRunScanned(...args: string[]): Promise<number>;
}

export type Runs = ReturnType<typeof createRuns>;

export function createRuns(connection: Redis, prefix: string) {
  connection.defineCommand('tandemRunFinish', { lua: FINISH, numberOfKeys: 1 });
  connection.defineCommand('tandemRunScanned', { lua: SCANNED, numberOfKeys: 3 });
  const redis = connection as Redis & RunCommands;
  const base = `${prefix}:{runs}:`;
  const runKey = (id: string): string => `${base}run:${id}`;
  const pendingKey = (id: string): string => `${runKey(id)}:pending`;
  const activeKey = (mapping: string): string => `${base}active:${mapping}`;
  const currentKey = (request: RunRequest): string => `${base}current:${request.mapping}:${request.scan}:${request.plan}`;
  const index = `${base}index`;
  const now = (): string => new Date().toISOString();

  async function get(id: string): Promise<Run | undefined> {
    const fields = await redis.hgetall(runKey(id));
    if (fields.id === undefined) return undefined;
    const run = parseRun(fields);
    if (!run.children) return run;
    const children = (await Promise.all(run.children.map(get))).filter((child) => child !== undefined);
    return groupOf(run, children);
  }

  async function store(id: string, request: RunRequest, more: Record<string, string> = {}): Promise<void> {
    const pipeline = redis.pipeline();
    pipeline.hset(runKey(id), { id, mapping: request.mapping, scan: request.scan, plan: request.plan ? '1' : '', trigger: request.trigger, state: 'queued', created: now(), ...more });
    pipeline.zadd(index, String(Date.now()), id);
    await pipeline.exec();
    const old = await redis.zrange(index, '0', String(-KEPT - 1));
    if (old.length > 0) await redis.pipeline().del(...old.flatMap((one) => [runKey(one), pendingKey(one), `${runKey(one)}:plan`])).zrem(index, ...old).exec();
  }

  return {
    get,

    /** Newest first. */
    async list(options: { offset?: number; limit?: number; mapping?: string } = {}): Promise<{ runs: Run[]; total: number }> {
      const { offset = 0, limit = 50, mapping } = options;
      const ids = await redis.zrevrange(index, 0, -1);
      const runs = (await Promise.all((mapping === undefined ? ids.slice(offset, offset + limit) : ids).map(get))).filter((run) => run !== undefined);
      if (mapping === undefined) return { runs, total: ids.length };
      const own = runs.filter((run) => run.mapping === mapping);
      return { runs: own.slice(offset, offset + limit), total: own.length };
    },

    /** A new run, or the one that does the same already. */
    async begin(request: RunRequest): Promise<{ run: Run; fresh: boolean }> {
      const id = randomUUID();
      if (request.scan === 'record') {
        await store(id, request);
        return { run: (await get(id))!, fresh: true };
      }
      const key = currentKey(request);
      for (;;) {
        if ((await redis.set(key, id, 'NX')) === 'OK') break;
        const current = await redis.get(key);
        const run = current === null ? undefined : await get(current);
        if (run && run.state !== 'done' && run.state !== 'failed') return { run, fresh: false };
        if (current !== null) await redis.del(key);
      }
      await store(id, request);
      return { run: (await get(id))!, fresh: true };
    },

    async beginGroup(request: Omit<RunRequest, 'mapping'>, children: readonly string[]): Promise<Run> {
      const id = randomUUID();
      await store(id, { ...request, mapping: '*' }, { children: children.join(',') });
      return (await get(id))!;
    },

    /** The scan begins, or begins again after a crash: what it counted before is forgotten. */
    async scanning(run: Pick<Run, 'id' | 'mapping'>): Promise<void> {
      await redis
        .multi()
        .hset(runKey(run.id), { state: 'scanning', started: now(), 'read:0': '0', 'read:1': '0' })
        .sadd(activeKey(run.mapping), run.id)
        .exec();
    },

    async read(run: Pick<Run, 'id'>, progress: ScanProgress): Promise<void> {
      const pipeline = redis.pipeline().hincrby(runKey(run.id), `read:${progress.side}`, progress.read);
      if (progress.failed > 0) pipeline.hincrby(runKey(run.id), 'failed', progress.failed);
      await pipeline.exec();
    },

    /** These records are this run's to wait for. Call before they are queued. */
    async expect(run: Pick<Run, 'id'>, records: readonly string[]): Promise<void> {
      if (records.length === 0) return;
      const added = await redis.sadd(pendingKey(run.id), ...records);
      await redis.hincrby(runKey(run.id), 'work', added);
    },

    async scanned(run: Pick<Run, 'id' | 'mapping'>, reason?: string): Promise<void> {
      if (reason !== undefined) await redis.hset(runKey(run.id), 'reason', reason);
      await redis.tandemRunScanned(activeKey(run.mapping), runKey(run.id), pendingKey(run.id), run.id, now());
    },

    async failed(run: Pick<Run, 'id' | 'mapping'>, reason: string): Promise<void> {
      await redis.multi().hset(runKey(run.id), { state: 'failed', finished: now(), reason }).srem(activeKey(run.mapping), run.id).exec();
    },

    /** Counts a record's outcome in every active run that expects it. @returns ids of runs that ended by it */
    finish: (mapping: string, record: string, outcome: Outcome): Promise<string[]> =>
      redis.tandemRunFinish(activeKey(mapping), `${base}run:`, record, now(), ...increments(outcome).flatMap(([field, by]) => [field, String(by)])),

    active: (mapping: string): Promise<string[]> => redis.smembers(activeKey(mapping)),

    async plan(run: Pick<Run, 'id'>, entry: PlanEntry): Promise<void> {
      const pipeline = redis.pipeline().rpush(`${runKey(run.id)}:plan`, JSON.stringify(entry)).ltrim(`${runKey(run.id)}:plan`, 0, PLAN_KEPT - 1);
      for (const [field, by] of increments(entry)) pipeline.hincrby(runKey(run.id), field, by);
      await pipeline.hincrby(runKey(run.id), 'done', 1).hincrby(runKey(run.id), 'work', 1).exec();
    },

    planned: async (id: string, offset = 0, limit = 100): Promise<PlanEntry[]> =>
      (await redis.lrange(`${runKey(id)}:plan`, offset, offset + limit - 1)).map((json) => JSON.parse(json) as PlanEntry),

    /** Nothing of this mapping is queued any more: what a run still waits for was taken out of the queue by hand. */
    async settle(mapping: string): Promise<void> {
      for (const id of await redis.smembers(activeKey(mapping))) {
        if ((await redis.hget(runKey(id), 'state')) !== 'working') continue;
        await redis.multi().hset(runKey(id), { state: 'done', finished: now() }).del(pendingKey(id)).srem(activeKey(mapping), id).exec();
      }
    },
  };
}

function increments(outcome: Outcome): [string, number][] {
  const fields: [string, number][] = [];
  const count = (field: string): number => fields.push([field, 1]);
  switch (outcome.kind) {
    case 'created':
    case 'deleted':
      count(`${outcome.kind}:${outcome.side ?? 0}`);
      break;
    case 'updated':
    case 'unchanged':
      if (outcome.kind === 'unchanged') count('unchanged');
      break;
    case 'gone':
    case 'unmatched':
    case 'excluded':
      count('excluded');
      break;
    default:
      count(outcome.kind);
  }
  if (outcome.kind !== 'created') for (const side of [0, 1] as const) if (outcome.writes[side].length > 0) count(`updated:${side}`);
  if (outcome.conflicts) fields.push(['conflicts', outcome.conflicts.length]);
  return fields;
}

function parseRun(fields: Record<string, string>): Run {
  const number = (name: string): number => Number(fields[name] ?? 0);
  const pair = (name: string): [number, number] => [number(`${name}:0`), number(`${name}:1`)];
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
    progress: { read: pair('read'), work: number('work'), done: number('done') },
    counts: {
      matched: number('matched'),
      created: pair('created'),
      updated: pair('updated'),
      deleted: pair('deleted'),
      unchanged: number('unchanged'),
      waiting: number('waiting'),
      review: number('review'),
      failed: number('failed'),
      excluded: number('excluded'),
      conflicts: number('conflicts'),
    },
    ...(fields.reason ? { reason: fields.reason } : {}),
    ...(fields.children ? { children: fields.children.split(',') } : {}),
  };
}

/** A group stands where its slowest child stands; its counts are their sums. */
function groupOf(run: Run, children: readonly Run[]): Run {
  const sum = (of: (child: Run) => number): number => children.reduce((total, child) => total + of(child), 0);
  const pair = (of: (child: Run) => [number, number]): [number, number] => [sum((child) => of(child)[0]), sum((child) => of(child)[1])];
  const over = children.every((child) => child.state === 'done' || child.state === 'failed');
  const state: RunState = over
    ? children.some((child) => child.state === 'failed') ? 'failed' : 'done'
    : children.some((child) => child.state === 'scanning') ? 'scanning' : children.every((child) => child.state === 'queued') ? 'queued' : 'working';
  const finished = children.map((child) => child.finished ?? '').sort().at(-1);
  const started = children.map((child) => child.started ?? '').filter(Boolean).sort()[0];
  return {
    ...run,
    state,
    ...(started ? { started } : {}),
    ...(over && finished ? { finished } : {}),
    progress: { read: pair((child) => child.progress.read), work: sum((child) => child.progress.work), done: sum((child) => child.progress.done) },
    counts: {
      matched: sum((child) => child.counts.matched),
      created: pair((child) => child.counts.created),
      updated: pair((child) => child.counts.updated),
      deleted: pair((child) => child.counts.deleted),
      unchanged: sum((child) => child.counts.unchanged),
      waiting: sum((child) => child.counts.waiting),
      review: sum((child) => child.counts.review),
      failed: sum((child) => child.counts.failed),
      excluded: sum((child) => child.counts.excluded),
      conflicts: sum((child) => child.counts.conflicts),
    },
  };
}

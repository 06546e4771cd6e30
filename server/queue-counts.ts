/** The queues by name, how many jobs stand where, why, and how fast they go. */
import type { Queue } from 'bullmq';
import type * as api from '../api/index.ts';
import {
  callsPause,
  type Engine,
  ERRORS,
  type JobState,
  type LivingProcess,
  pageOfJobs,
  reasonOfJob,
  reconcileQueue,
  SCAN_QUEUE,
  sinceOfReason,
  TandemError,
  WAITS,
  type Wait,
  type WaitReason,
} from '../engine/index.ts';
import { systemStates } from './system-states.ts';

export interface QueueStand {
  readonly name: string;
  readonly paused: boolean;
  readonly counts: Record<JobState, number>;
  /** How long the oldest waiting job, or record that is due, has waited, in ms; undefined when none waits. */
  readonly oldestWaiting: number | undefined;
  /** Records in the dirty set of the mapping, those that are due later or being worked on included. */
  readonly marked: number;
  /** Of these, those that are due later or being worked on. */
  readonly later: number;
}

/** The scan queue, one per mapping in force, and those of former mappings that this process has seen. */
export function queuesOf(engine: Engine): Queue[] {
  for (const name of engine.config.current().mappings.keys()) engine.queues.reconcile(name);
  return engine.queues.all();
}

/** The mapping whose records a queue holds; undefined for the scans. */
export const mappingOf = ({ name }: { readonly name: string }): string | undefined =>
  name === SCAN_QUEUE ? undefined : name.slice(reconcileQueue('').length);

/** @param name of the queue, or of its mapping. @throws TandemError NOT_FOUND */
export function queueNamed(engine: Engine, name: string): Queue {
  const queues = queuesOf(engine);
  const named = (wanted: string): Queue | undefined => queues.find((candidate) => candidate.name === wanted);
  const queue = named(name) ?? named(reconcileQueue(name));
  if (queue) return queue;
  throw new TandemError(
    'NOT_FOUND',
    `There is no queue "${name}". There are: ${queues.map((one) => mappingOf(one) ?? one.name).join(', ')}.`,
  );
}

/** Waiting jobs that are looked at to tell batches from records in trouble; there are few batches. */
const LOOKED_AT = 200;

export async function standOf(engine: Engine, queue: Queue): Promise<QueueStand> {
  const mapping = mappingOf(queue);
  const [counts, paused, oldest, dirty] = await Promise.all([
    queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed', 'completed'),
    queue.isPaused(),
    queue.getJobs(['waiting'], 0, LOOKED_AT - 1, true),
    mapping === undefined ? undefined : engine.dirty.stats(mapping),
  ]);
  const jobs = oldest.filter((job) => job?.name !== 'batch');
  const since = jobs[0]?.timestamp;
  const waited = [since === undefined ? undefined : Date.now() - since, dirty?.oldest].filter((ms) => ms !== undefined);
  const batches = oldest.length - jobs.length;
  return {
    name: queue.name,
    paused,
    counts: {
      waiting: (counts.waiting ?? 0) + (counts.prioritized ?? 0) - batches + (dirty?.due ?? 0),
      active: counts.active ?? 0,
      delayed: counts.delayed ?? 0,
      failed: counts.failed ?? 0,
      completed: counts.completed ?? 0,
    },
    oldestWaiting: waited.length === 0 ? undefined : Math.max(0, ...waited),
    marked: dirty?.count ?? 0,
    later: (dirty?.count ?? 0) - (dirty?.due ?? 0),
  };
}

export interface QueueThroughput {
  /** Records (of scans: scans) that were done per second, in every process, over the last five minutes in which some did. */
  readonly perSecond: number;
  /** ms until it is empty if it goes on like this and nothing comes in; undefined where nothing is done. */
  readonly etaMs: number | undefined;
}

/** @param pauses whether no worker takes anything of it now */
export async function throughputOf(
  engine: Engine,
  queue: Queue,
  { counts, marked }: QueueStand,
  pauses: boolean,
): Promise<QueueThroughput> {
  const perSecond = await engine.throughput.perSecond(queue.name);
  // A scan that is delayed waits for its time, not for a worker.
  const left =
    queue.name === SCAN_QUEUE ? counts.waiting + counts.active : counts.delayed + Math.max(marked, counts.waiting);
  const etaMs = left === 0 ? 0 : pauses || perSecond === 0 ? undefined : Math.round((left / perSecond) * 1_000);
  return { perSecond: Number(perSecond.toFixed(3)), etaMs };
}

/** `since` in epoch ms. */
type Reason = Omit<api.QueueReason, 'since'> & { readonly since: number };

/** What keeps workers from taking anything of a queue. */
export interface Pause extends Wait {
  readonly remedy?: string;
  /** Epoch ms, where that is known. */
  readonly since?: number;
}

/** Why nobody takes what waits in a queue, what a person must end first; empty where somebody does. */
export function pausesOf(
  engine: Engine,
  { name, paused }: Pick<QueueStand, 'name' | 'paused'>,
  processes: readonly LivingProcess[],
): Pause[] {
  const mapping = mappingOf({ name });
  const workers = processes.filter((process) => process.workers);
  const pauses: Pause[] = [];
  if (paused) pauses.push(WAITS.paused);
  if (workers.length === 0) pauses.push(WAITS.worker);
  else if (mapping !== undefined && workers.every(({ yielded }) => yielded.includes(mapping)))
    pauses.push(WAITS.version);
  const away = systemsDown(engine, mapping, processes);
  return away ? [...pauses, away] : pauses;
}

/** Work for systems that are down stays in its queue. */
function systemsDown(
  engine: Engine,
  mapping: string | undefined,
  processes: readonly LivingProcess[],
): Pause | undefined {
  const sides = (mapping && engine.config.current().mappings.get(mapping)?.sides) || [];
  const states = systemStates(engine, processes);
  const names = [...new Set(sides.map(({ system }) => system.name))].filter((name) =>
    callsPause(states[name] ?? { state: 'unknown' }),
  );
  if (names.length === 0) return undefined;
  return {
    reason: 'away',
    code: 'SYSTEM_DOWN',
    detail: names.map((name) => `${states[name]?.reason ?? `${name} is down`}.`).join(' '),
    remedy: ERRORS.SYSTEM_DOWN.remedy,
    since: Math.min(...names.map((name) => states[name]?.since ?? Date.now())),
  };
}

/** Why nobody takes what waits, for all of it. */
export function reasonsOfPauses(pauses: readonly Pause[], { counts, oldestWaiting = 0 }: QueueStand): Reason[] {
  if (counts.waiting === 0) return [];
  const queued = Date.now() - oldestWaiting;
  return pauses.map(({ since = queued, ...rest }) => ({
    state: 'waiting',
    ...rest,
    count: counts.waiting,
    // It cannot have kept a job before there was one.
    since: Math.max(since, queued),
  }));
}

/** Jobs of a state that are looked at to tell the reasons: those that are next, or failed last. */
export const REASONS_OF = 1_000;

/** Why jobs are delayed or failed, and records due later, the most frequent first. */
export async function reasonsOf(engine: Engine, queue: Queue, { counts, later }: QueueStand): Promise<Reason[]> {
  const found = new Map<string, Reason>();
  const mapping = mappingOf(queue);
  const waits = mapping === undefined || later === 0 ? [] : await engine.dirty.waits(mapping);
  for (const { reason, code, since } of waits) {
    const known = code === undefined ? undefined : ERRORS[code as keyof typeof ERRORS];
    const words = known
      ? { code: code!, detail: known.title, remedy: known.remedy }
      : { detail: 'They are to be looked at later.' };
    found.set(`delayed ${reason} ${code}`, {
      state: 'delayed',
      reason: reason as WaitReason,
      ...words,
      count: later,
      since,
    });
  }
  for (const state of ['delayed', 'failed'] as const) {
    if (counts[state] === 0) continue;
    for (const job of await pageOfJobs(queue, state, 0, REASONS_OF)) {
      const { reason, code, detail } = reasonOfJob(job, state === 'delayed') ?? { detail: 'It is not known why.' };
      const key = `${state} ${reason} ${code ?? detail}`;
      const former = found.get(key);
      const since = sinceOfReason(job, state === 'delayed');
      found.set(key, {
        state,
        ...(reason === undefined ? {} : { reason }),
        // The words of one job name its property or system; those of the code stand for all.
        ...(code === undefined ? { detail } : { code, detail: ERRORS[code].title, remedy: ERRORS[code].remedy }),
        count: (former?.count ?? 0) + 1,
        since: Math.min(former?.since ?? since, since),
      });
    }
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

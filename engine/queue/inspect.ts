/** The queues as they stand: how many jobs stand where, why, and how fast they go. */
import type { Queue } from 'bullmq';
import type { Engine } from '../engine.ts';
import { ERRORS } from '../errors.ts';
import { SCAN_QUEUE } from '../runtime/queues.ts';
import { type Pause, pausesOf } from './blocked-queue.ts';
import { type JobState, pageOfJobs } from './jobs.ts';
import { mappingOfQueue, queueNamed, rawQueues } from './named.ts';
import { reasonOfJob, sinceOfReason, type WaitReason } from './reasons.ts';
import type { LivingProcess } from './versions.ts';

/** How many jobs and records stand where, of one queue. */
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

interface QueueThroughput {
  /** Records (of scans: scans) that were done per second, in every process, over the last five minutes in which some did. */
  readonly perSecond: number;
  /** ms until it is empty if it goes on like this and nothing comes in; undefined where nothing is done. */
  readonly etaMs: number | undefined;
}

/** Why jobs of one state wait or failed, and how many of them. */
export interface QueueReason {
  readonly state: 'waiting' | 'delayed' | 'failed';
  readonly reason?: WaitReason;
  readonly code?: string;
  readonly detail: string;
  readonly remedy?: string;
  readonly count: number;
  /** Epoch ms: since when the one of them that waits longest does, or when the first failed. */
  readonly since: number;
}

/** One queue, with its throughput and, where they are asked for, the reasons of what waits and what failed. */
export interface QueueReport extends Omit<QueueStand, 'later'>, QueueThroughput {
  /** The most frequent first. */
  readonly reasons?: readonly QueueReason[];
}

/** How every queue stands. */
export const queueStands = (engine: Engine): Promise<QueueStand[]> =>
  Promise.all(rawQueues(engine).map((queue) => standOf(engine, queue)));

/** A page of the queues, with their reasons or without. */
export async function reportQueues(
  engine: Engine,
  { offset, limit, reasons }: { readonly offset: number; readonly limit: number; readonly reasons: boolean },
): Promise<{ page: QueueReport[]; total: number }> {
  const queues = rawQueues(engine);
  const processes = await engine.versions.processes();
  const reports = queues.slice(offset, offset + limit).map((queue) => report(engine, queue, reasons, processes));
  return { page: await Promise.all(reports), total: queues.length };
}

/** @param name of the queue, or of its mapping. @throws TandemError NOT_FOUND */
export const reportQueue = async (engine: Engine, name: string, withReasons: boolean): Promise<QueueReport> =>
  report(engine, queueNamed(engine, name), withReasons);

/** @param living the processes that are alive, where it was asked for already */
async function report(
  engine: Engine,
  queue: Queue,
  withReasons: boolean,
  living?: readonly LivingProcess[],
): Promise<QueueReport> {
  const stand = await standOf(engine, queue);
  const pauses = pausesOf(engine, stand, living ?? (await engine.versions.processes()));
  const [throughput, reasons] = await Promise.all([
    throughputOf(engine, queue, stand, pauses.length > 0),
    withReasons
      ? reasonsOf(engine, queue, stand).then((found) => [...reasonsOfPauses(pauses, stand), ...found])
      : undefined,
  ]);
  const { later: _, ...shown } = stand;
  return { ...shown, ...throughput, ...(reasons ? { reasons } : {}) };
}

/** Waiting jobs that are looked at to tell batches from records in trouble; there are few batches. */
const LOOKED_AT = 200;

async function standOf(engine: Engine, queue: Queue): Promise<QueueStand> {
  const mapping = mappingOfQueue(queue.name);
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

/** @param pauses whether no worker takes anything of it now */
async function throughputOf(
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

/** Why nobody takes what waits, for all of it. */
function reasonsOfPauses(pauses: readonly Pause[], { counts, oldestWaiting = 0 }: QueueStand): QueueReason[] {
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
async function reasonsOf(engine: Engine, queue: Queue, { counts, later }: QueueStand): Promise<QueueReason[]> {
  const found = new Map<string, QueueReason>();
  const mapping = mappingOfQueue(queue.name);
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

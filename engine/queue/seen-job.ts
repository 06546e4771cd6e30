/** Jobs as they are seen from outside: what each is for, where it stands, and why. */
import type { Job, Queue } from 'bullmq';
import type { Engine } from '../engine.ts';
import type { MappingJob, RecordJob, ScanJob } from '../runtime/queues.ts';
import { type Pause, pausesOf } from './blocked-queue.ts';
import { type FoundJob, findJob, fitsFilter, type JobFilter, type JobState, LOOKED, pageOfJobs } from './jobs.ts';
import { queueNamed } from './named.ts';
import { delayedUntil, reasonOfJob, type WaitReason } from './reasons.ts';

/** A job as it stood when it was looked at. Points in time in epoch ms. */
export interface SeenJob {
  readonly id: string;
  readonly queue: string;
  readonly name: string;
  readonly data: MappingJob | ScanJob;
  readonly state: JobState;
  /** Tries that failed, those before there was this job included. */
  readonly attempts: number;
  readonly attemptsAllowed: number;
  /** Why it waits. */
  readonly reason?: WaitReason;
  /** Of the error behind it. */
  readonly code?: string;
  /** In words: why it waits, or why the last try failed. */
  readonly detail?: string;
  readonly result?: string;
  readonly created: number;
  readonly started: number | undefined;
  readonly finished: number | undefined;
  /** When a delayed job goes on, where it is known. */
  readonly until: number | undefined;
}

/** Which jobs of a queue, and which of these. */
export interface JobsQuery extends JobFilter {
  readonly state: JobState;
  readonly offset: number;
  readonly limit: number;
}

/** @param queue its name, or that of its mapping. @throws TandemError NOT_FOUND */
export async function jobOf(engine: Engine, queue: string, id: string): Promise<SeenJob> {
  const { queue: its, ...found } = await findJob(engine, queue, id);
  const [job] = await seenJobs(engine, its, [found]);
  return job!;
}

/** What is next, or was last, comes first. By code or reason, the first `LOOKED` are looked at. @throws TandemError NOT_FOUND */
export async function jobsOf(
  engine: Engine,
  name: string,
  { state, code, reason, offset, limit }: JobsQuery,
): Promise<{ page: SeenJob[]; total: number }> {
  const queue = queueNamed(engine, name);
  const { page, total } = await listed(queue, state, { code, reason }, offset, limit);
  const found = page.map((job) => ({ job, state }));
  return { page: await seenJobs(engine, queue, found), total };
}

async function listed(
  queue: Queue,
  state: JobState,
  filter: JobFilter,
  offset: number,
  limit: number,
): Promise<{ page: Job[]; total: number }> {
  if (filter.code === undefined && filter.reason === undefined) {
    const [counts, page] = await Promise.all([
      queue.getJobCounts(...(state === 'waiting' ? (['waiting', 'prioritized'] as const) : [state])),
      pageOfJobs(queue, state, offset, limit),
    ]);
    return { page, total: Object.values(counts).reduce((sum, count) => sum + count, 0) };
  }
  const page: Job[] = [];
  let total = 0;
  for (let at = 0; at < LOOKED; at += 500) {
    const jobs = await pageOfJobs(queue, state, at, 500);
    if (jobs.length === 0) break;
    for (const job of jobs.filter((one) => fitsFilter(one, state, filter))) {
      if (total >= offset && page.length < limit) page.push(job);
      total++;
    }
  }
  return { page, total };
}

export async function seenJobs(engine: Engine, queue: Queue, found: readonly FoundJob[]): Promise<SeenJob[]> {
  const [pause] = found.some(({ state }) => state === 'waiting') ? await pausesNow(engine, queue) : [];
  return Promise.all(
    found.map(async (one) => {
      const until = one.state === 'delayed' ? await delayedUntil(engine.redis, queue, one.job) : undefined;
      return seenJob(queue, one, { until, pause: one.state === 'waiting' ? pause : undefined });
    }),
  );
}

async function pausesNow(engine: Engine, queue: Queue): Promise<Pause[]> {
  const [paused, processes] = await Promise.all([queue.isPaused(), engine.versions.processes()]);
  return pausesOf(engine, { name: queue.name, paused }, processes);
}

/** @param more.pause why nobody takes a waiting one, if so */
export function seenJob(
  queue: Queue,
  { job, state }: FoundJob,
  { until, pause }: { readonly until?: number | undefined; readonly pause?: Pause | undefined } = {},
): SeenJob {
  const { tried = 0 } = job.data as Partial<RecordJob>;
  return {
    id: job.id ?? '',
    queue: queue.name,
    name: job.name,
    data: job.data as MappingJob | ScanJob,
    state,
    attempts: job.attemptsMade + tried,
    attemptsAllowed: (job.opts.attempts ?? 1) + tried,
    ...(state === 'completed' ? {} : (waitOfPause(pause) ?? reasonOfJob(job, state === 'delayed'))),
    ...(state === 'completed' && typeof job.returnvalue === 'string' ? { result: job.returnvalue } : {}),
    created: job.timestamp,
    started: job.processedOn,
    finished: job.finishedOn,
    until,
  };
}

const waitOfPause = (pause: Pause | undefined): Partial<Pause> | undefined =>
  pause && { reason: pause.reason, detail: pause.detail, ...(pause.code ? { code: pause.code } : {}) };

/** Jobs of a queue: found, shown, tried again, promoted, discarded. */
import type { Job, Queue } from 'bullmq';
import { type JobsQuery, LOOKED, type Static } from '../api/index.ts';
import {
  delayedUntil,
  discard,
  type Engine,
  fitsFilter,
  type JobFilter,
  type JobState,
  pageOfJobs,
  retryJob,
  TandemError,
} from '../engine/index.ts';
import { presentJob } from './present.ts';
import { pausesOf, queueNamed } from './queue-counts.ts';

interface FoundJob {
  readonly job: Job;
  readonly state: JobState;
}

export async function findJob(engine: Engine, name: string, id: string): Promise<FoundJob & { queue: Queue }> {
  const queue = queueNamed(engine, name);
  const found = await jobAndState(queue, id);
  if (found) return { queue, ...found };
  throw new TandemError(
    'NOT_FOUND',
    `There is no job "${id}" in the queue "${name}". Those that are done are kept for a day.`,
  );
}

/** Asks for the state first: other keys of a queue (`events`, `meta`) can be named like a job, and are in no state. */
export async function jobAndState(queue: Queue, id: string): Promise<FoundJob | undefined> {
  const state = await queue.getJobState(id);
  if (state === 'unknown') return undefined;
  const job = (await queue.getJob(id)) as Job | undefined;
  if (!job) return undefined;
  return { job, state: state === 'prioritized' || state === 'waiting-children' ? 'waiting' : state };
}

export async function listJobs(
  engine: Engine,
  queue: Queue,
  { state, code, reason, offset, limit }: Static<typeof JobsQuery>,
) {
  const { page, total } = await listed(queue, state, { code, reason }, offset, limit);
  const found = page.map((job) => ({ job, state }));
  return { jobs: await presentJobs(engine, queue, found), total, offset, limit };
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

export async function presentJobs(engine: Engine, queue: Queue, found: readonly FoundJob[]) {
  const [rest] = found.some(({ state }) => state === 'waiting') ? await restsNow(engine, queue) : [];
  return Promise.all(
    found.map(async ({ job, state }) => {
      const until = state === 'delayed' ? await delayedUntil(engine.redis, queue, job) : undefined;
      return presentJob(engine, queue, job, state, { until, rest: state === 'waiting' ? rest : undefined });
    }),
  );
}

async function restsNow(engine: Engine, queue: Queue) {
  const [paused, processes] = await Promise.all([queue.isPaused(), engine.versions.processes()]);
  return pausesOf(engine, { name: queue.name, paused }, processes);
}

export async function retryFailedJob(engine: Engine, name: string, id: string) {
  const { queue, job, state } = await findJob(engine, name, id);
  if (state !== 'failed')
    throw new TandemError('CONFLICT', `The job is ${state}; only a failed one can be tried again.`);
  try {
    await retryJob(job);
  } catch (cause) {
    throw new TandemError('CONFLICT', 'The job changed meanwhile: look at it again.', { cause });
  }
  const again = await findJob(engine, name, id);
  return presentJob(engine, queue, again.job, again.state);
}

export async function discardJob(engine: Engine, name: string, id: string): Promise<void> {
  const { job, state } = await findJob(engine, name, id);
  if (state === 'active') throw new TandemError('CONFLICT', 'The job is being done just now; it cannot be discarded.');
  if (job.repeatJobKey && state === 'delayed')
    throw new TandemError(
      'CONFLICT',
      'This is the next scheduled scan: take the schedule out of the mapping file instead.',
    );
  if ((await discard(engine, [job], state)) === 0)
    throw new TandemError('CONFLICT', 'The job changed meanwhile: look at it again.');
}

export async function promoteDelayedJob(engine: Engine, name: string, id: string) {
  const { job, state } = await findJob(engine, name, id);
  if (state !== 'delayed')
    throw new TandemError('CONFLICT', `The job is ${state}; only a delayed one can be promoted.`);
  try {
    await job.promote();
  } catch (cause) {
    throw new TandemError('CONFLICT', 'The job changed meanwhile: look at it again.', { cause });
  }
  const again = await findJob(engine, name, id);
  return presentJob(engine, again.queue, again.job, again.state);
}

/** What a person does to one job: try again, do now, discard. Each is refused where the job does not stand as it must. */
import type { Job } from 'bullmq';
import type { Engine } from '../engine.ts';
import { TandemError } from '../errors.ts';
import { findJob, type JobState } from './jobs.ts';
import { discard, tryAgain } from './many-jobs.ts';
import { type SeenJob, seenJob } from './seen-job.ts';

/** Has a job that failed for good tried again at once, with all its tries. @throws TandemError NOT_FOUND; CONFLICT */
export const retryJob = (engine: Engine, queue: string, id: string): Promise<SeenJob> =>
  moveOn(engine, queue, id, { from: 'failed', done: 'tried again', work: tryAgain });

/** Has a delayed job done as soon as a worker is free. @throws TandemError NOT_FOUND; CONFLICT */
export const promoteJob = (engine: Engine, queue: string, id: string): Promise<SeenJob> =>
  moveOn(engine, queue, id, { from: 'delayed', done: 'promoted', work: (job) => job.promote() });

/** Takes a job out; what waits for it is ended, as by `discardJobs`. @throws TandemError NOT_FOUND; CONFLICT */
export async function discardJob(engine: Engine, queue: string, id: string): Promise<void> {
  const { job, state } = await findJob(engine, queue, id);
  if (state === 'active') throw new TandemError('CONFLICT', 'The job is being done just now; it cannot be discarded.');
  if (job.repeatJobKey && state === 'delayed')
    throw new TandemError(
      'CONFLICT',
      'This is the next scheduled scan: take the schedule out of the mapping file instead.',
    );
  if ((await discard(engine, [job], state)) === 0) throw changed();
}

/** @returns the job as it stands afterwards */
async function moveOn(
  engine: Engine,
  queue: string,
  id: string,
  { from, done, work }: { from: JobState; done: string; work: (job: Job) => Promise<void> },
): Promise<SeenJob> {
  const { job, state } = await findJob(engine, queue, id);
  if (state !== from) throw new TandemError('CONFLICT', `The job is ${state}; only a ${from} one can be ${done}.`);
  try {
    await work(job);
  } catch (cause) {
    throw changed({ cause });
  }
  const again = await findJob(engine, queue, id);
  return seenJob(again.queue, again);
}

const changed = (context: { cause?: unknown } = {}): TandemError =>
  new TandemError('CONFLICT', 'The job changed meanwhile: look at it again.', context);

/**
 * What a person does to many jobs of a queue: try again, do now, discard. A page at a time, so that neither memory nor
 * Redis minds how many there are; what was taken out, no run waits for any longer.
 */
import type { Job, Queue } from 'bullmq';
import type { Engine } from '../engine.ts';
import { outcome } from '../model/outcome.ts';
import { recordKey } from '../model/record-key.ts';
import { isRecordJob, type MappingJob, type ScanJob } from '../runtime/queues.ts';
import { reasonOfJob, type WaitReason } from './reasons.ts';

/** The states of a job in BullMQ. `waiting` includes jobs with a priority. */
export const JOB_STATES = ['waiting', 'active', 'delayed', 'failed', 'completed'] as const;
/** Where BullMQ keeps a job. It may be in another state by the time that it is read. */
export type JobState = (typeof JOB_STATES)[number];

/** Jobs that fit all that is given. */
export interface JobFilter {
  /** Of the error that they failed with, or wait for. */
  readonly code?: string | undefined;
  /** Of delayed jobs. */
  readonly reason?: WaitReason | undefined;
}

const PAGE = 200;
/** Jobs looked at per request: for more, ask again from `next` on. */
export const LOOKED = 20_000;

/** What is next, or was last, comes first. @param flip the other end first */
export async function pageOfJobs(
  queue: Queue,
  state: JobState,
  offset: number,
  limit: number,
  flip = false,
): Promise<Job[]> {
  const types = state === 'waiting' ? (['waiting', 'prioritized'] as const) : ([state] as const);
  const ended = state === 'failed' || state === 'completed';
  const jobs = await queue.getJobs([...types], offset, offset + limit - 1, ended === flip);
  // A job may end and be cleaned away between its listing and its reading.
  return jobs.filter((job): job is Job => Boolean(job?.id)).slice(0, limit);
}

/** Reads the job alone. Only a delayed job has a `reason`, so a filter by reason fits no other one. */
export function fitsFilter(job: Job, state: JobState, { code, reason }: JobFilter): boolean {
  if (code === undefined && reason === undefined) return true;
  const wait = reasonOfJob(job, state === 'delayed');
  return (code === undefined || wait?.code === code) && (reason === undefined || wait?.reason === reason);
}

/** How many jobs something was done to. `next` undefined: the last job of the state was looked at. */
export interface Touched {
  readonly touched: number;
  /** Where to go on: there may be more. */
  readonly next?: number;
}

export interface Touch {
  readonly state: JobState;
  readonly filter: JobFilter;
  /** Jobs touched at most. */
  readonly limit: number;
  /** Jobs passed over first. */
  readonly offset: number;
}

/** Has jobs that failed for good tried again, with all their tries. */
export const retryJobs = (queue: Queue, what: Omit<Touch, 'state'>): Promise<Touched> =>
  touch(queue, { ...what, state: 'failed' }, (jobs) => each(jobs, retryJob));

/**
 * Has one failed job tried again at once, with all its tries.
 * @throws Error of BullMQ where it is not failed any more
 */
export const retryJob = (job: Job): Promise<void> =>
  job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });

/** Has delayed jobs done as soon as a worker is free; not scheduled scans, whose time is set in the mapping. */
export const promoteJobs = (queue: Queue, what: Omit<Touch, 'state'>): Promise<Touched> =>
  touch(queue, { ...what, state: 'delayed' }, (jobs) =>
    each(
      jobs.filter((job) => !job.repeatJobKey),
      (job) => job.promote(),
    ),
  );

/** Discards the jobs that fit, `limit` of them at most, and looks at `LOOKED` jobs at most: see `discard`. */
export const discardJobs = (engine: Engine, queue: Queue, what: Touch): Promise<Touched> =>
  touch(queue, what, (jobs) => discard(engine, jobs, what.state));

/**
 * Takes jobs out, with the keys that keep their records from being queued twice, and ends their runs' waiting for them.
 * @returns how many: not those that began or ended meanwhile, nor the next scan of a schedule
 */
export async function discard(engine: Engine, jobs: readonly Job[], state: JobState): Promise<number> {
  const free = jobs.filter((job) => !(job.repeatJobKey && state === 'delayed'));
  const gone: Job[] = [];
  await each(free, async (job) => {
    await job.remove();
    gone.push(job);
  });
  if (state !== 'failed' && state !== 'completed') await endWaits(engine, gone);
  return gone.filter(({ name }) => name !== 'batch').length;
}

/** Takes marked records out of a dirty set; their runs no longer wait for them. @returns how many, `limit` at most */
export async function discardMarked(engine: Engine, mapping: string, limit: number): Promise<number> {
  let discarded = 0;
  while (discarded < limit) {
    const records = await engine.dirty.discard(mapping, Math.min(PAGE, limit - discarded));
    if (records.length === 0) break;
    await leaveToPerson(engine, mapping, records);
    const discardedOutcome = outcome('excluded', { reason: 'Its mark was discarded.' });
    await engine.runs.finish(
      mapping,
      records.map((record) => ({ record, outcome: discardedOutcome })),
    );
    discarded += records.length;
  }
  return discarded;
}

/** Nobody tries creates of these records again: what may be the result of one must not wait for it. */
async function leaveToPerson(engine: Engine, mapping: string, records: readonly string[]): Promise<void> {
  const { batches } = engine.links(mapping);
  await Promise.all(records.map((record) => batches.leaveToPerson(record)));
}

const isScan = (data: MappingJob | ScanJob): data is ScanJob => 'scan' in data;

async function endWaits(engine: Engine, jobs: readonly Job<MappingJob | ScanJob>[]): Promise<void> {
  const reason = 'Its job was discarded.';
  for (const { data } of jobs) {
    if (isScan(data)) {
      const run = data.run === undefined ? undefined : await engine.runs.get(data.run);
      if (run) await engine.runs.failed(run, reason);
    } else if (isRecordJob(data)) {
      const record = recordKey(data.side, data.id);
      await leaveToPerson(engine, data.mapping, [record]);
      const lease = data.refused?.lease;
      await engine.runs.finish(data.mapping, [
        { record, ...(lease === undefined ? {} : { lease }), outcome: outcome('excluded', { reason }) },
      ]);
    }
  }
}

/** A job that changed meanwhile is left as it is. @returns how many it could be done to */
async function each(jobs: readonly Job[], work: (job: Job) => Promise<unknown>): Promise<number> {
  const done = await Promise.allSettled(jobs.map(work));
  const refused = done.find((one) => one.status === 'rejected' && !isStale(one.reason));
  if (refused?.status === 'rejected') throw refused.reason;
  return done.filter((one) => one.status === 'fulfilled').length;
}

/** BullMQ says so of a job that is not where it was. */
const isStale = (error: unknown): boolean =>
  error instanceof Error && /is not in the|could not be removed|Missing (key|lock)|job scheduler/.test(error.message);

async function touch(
  queue: Queue,
  { state, filter, limit, offset }: Touch,
  work: (jobs: Job[]) => Promise<number>,
): Promise<Touched> {
  // What waits longest is the last of its list: taking it out there, one by one, would have Redis walk the whole of it.
  const flip = state === 'waiting';
  let touched = 0;
  let at = offset;
  for (let looked = 0; looked < LOOKED; ) {
    const size = Math.min(PAGE, LOOKED - looked);
    const page = await pageOfJobs(queue, state, at, size, flip);
    if (page.length === 0) return { touched };
    const fitting = page.filter((job) => fitsFilter(job, state, filter));
    const now = fitting.slice(0, limit - touched);
    const last = now.at(-1);
    const passed = last && now.length < fitting.length ? page.indexOf(last) + 1 : page.length;
    const done = await work(now);
    touched += done;
    // Those that were touched are not there any more.
    at += passed - done;
    looked += passed;
    if (touched >= limit) break;
  }
  return { touched, next: at };
}

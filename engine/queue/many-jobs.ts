/**
 * What is done to a queue, and to many jobs of it: pause, try again, do now, discard. A page at a time, so that neither memory nor
 * Redis minds how many there are; what was taken out, no run waits for any longer.
 */
import type { Job, Queue } from 'bullmq';
import type { Engine } from '../engine.ts';
import { outcome } from '../model/outcome.ts';
import { recordKey } from '../model/record-key.ts';
import { isRecordJob, type MappingJob, type ScanJob } from '../runtime/queues.ts';
import { fitsFilter, type JobFilter, type JobState, LOOKED, pageOfJobs } from './jobs.ts';
import { mappingOfQueue, queueNamed } from './named.ts';

const PAGE = 200;

/** How many jobs something was done to. `next` undefined: the last job of the state was looked at. */
export interface ActedOn {
  readonly touched: number;
  /** Where to go on: there may be more. */
  readonly next?: number;
}

/** Which jobs something is done to. */
export interface JobSelection {
  readonly state: JobState;
  readonly filter: JobFilter;
  /** Jobs touched at most. */
  readonly limit: number;
  /** Jobs passed over first. */
  readonly offset: number;
}

/** Lets nothing new begin in a queue, in any process, until `resumeQueue`. @throws TandemError NOT_FOUND */
export const pauseQueue = async (engine: Engine, name: string): Promise<void> => queueNamed(engine, name).pause();

/** Goes on with a queue that was paused. @throws TandemError NOT_FOUND */
export const resumeQueue = async (engine: Engine, name: string): Promise<void> => queueNamed(engine, name).resume();

/** Has jobs that failed for good tried again, with all their tries. @throws TandemError NOT_FOUND */
export const retryJobs = async (engine: Engine, name: string, what: Omit<JobSelection, 'state'>): Promise<ActedOn> =>
  actOn(queueNamed(engine, name), { ...what, state: 'failed' }, (jobs) => each(jobs, tryAgain));

/** @throws Error of BullMQ where it is not failed any more */
export const tryAgain = (job: Job): Promise<void> =>
  job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });

/**
 * Has delayed jobs done as soon as a worker is free; not scheduled scans, whose time is set in the mapping.
 * @throws TandemError NOT_FOUND
 */
export const promoteJobs = async (engine: Engine, name: string, what: Omit<JobSelection, 'state'>): Promise<ActedOn> =>
  actOn(queueNamed(engine, name), { ...what, state: 'delayed' }, (jobs) =>
    each(
      jobs.filter((job) => !job.repeatJobKey),
      (job) => job.promote(),
    ),
  );

/**
 * Discards the jobs that fit, `limit` of them at most, and looks at `LOOKED` jobs at most: see `discard`.
 * @throws TandemError NOT_FOUND
 */
export const discardJobs = async (engine: Engine, name: string, what: JobSelection): Promise<ActedOn> =>
  discardIn(engine, queueNamed(engine, name), what);

const discardIn = (engine: Engine, queue: Queue, what: JobSelection): Promise<ActedOn> =>
  actOn(queue, what, (jobs) => discard(engine, jobs, what.state));

/** Discards all that waits or is delayed: marked records first, then jobs, up to the limit. @throws TandemError NOT_FOUND */
export async function drainQueue(engine: Engine, name: string, limit: number): Promise<ActedOn> {
  const queue = queueNamed(engine, name);
  const mapping = mappingOfQueue(queue.name);
  let touched = mapping === undefined ? 0 : await discardMarked(engine, mapping, limit);
  if (touched >= limit) return { touched, next: 0 };
  for (const state of ['waiting', 'delayed'] as const) {
    const done = await discardIn(engine, queue, { state, filter: {}, limit: limit - touched, offset: 0 });
    touched += done.touched;
    if (touched >= limit) return { touched, next: 0 };
  }
  return { touched };
}

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
async function discardMarked(engine: Engine, mapping: string, limit: number): Promise<number> {
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

async function actOn(
  queue: Queue,
  { state, filter, limit, offset }: JobSelection,
  work: (jobs: Job[]) => Promise<number>,
): Promise<ActedOn> {
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

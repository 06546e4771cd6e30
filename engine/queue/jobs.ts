/** Jobs of a queue as BullMQ has them: one by its id, or those of a state, all or those with one reason. */
import type { Job, Queue } from 'bullmq';
import type { Engine } from '../engine.ts';
import { TandemError } from '../errors.ts';
import { queueNamed } from './named.ts';
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

/** A job, and where BullMQ has it. */
export interface FoundJob {
  readonly job: Job;
  readonly state: JobState;
}

/** @throws TandemError NOT_FOUND */
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

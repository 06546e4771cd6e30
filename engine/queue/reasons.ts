/** Why a job failed or waits, as it stands on the job itself: without a look anywhere else, and in plain words. */
import type { Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { ERRORS, type ErrorCode, type TandemError } from '../errors.ts';

/** Why a delayed job waits: the list from which types, the HTTP schema, docs and the CLI follow. */
export const DELAY_REASONS = {
  quota: 'the system lets no more calls through now',
  busy: 'another worker has the record, or one that may match it',
  away: 'the system is down, and is left alone for a while; the records of its mappings then stay `waiting`, for the same reason',
  version: 'another version of the mapping is in force',
  mapping: 'the mapping was removed',
  parents: 'a scan: mappings that this one refers to are in their first sync',
  retry: 'a try failed, with this `code`; it is repeated ever later, 12 times in about half an hour',
  scheduled: 'its time, which the mapping sets, has not come',
  later: 'its time has not come',
} as const;

/** Why nobody takes what waits. */
export const IDLE_REASONS = {
  paused: 'the queue is paused',
  worker: 'no worker is alive',
  away: 'a system of the mapping is down',
  version: 'no worker has the version in force',
} as const;

/** Why a job waits (`DELAY_REASONS`), or why a whole queue does (`IDLE_REASONS`). */
export type WaitReason = keyof typeof DELAY_REASONS | keyof typeof IDLE_REASONS;

/** `code`: of the error that made it wait, if one did. `detail`: plain words for people, without values. */
export interface Wait {
  readonly reason: WaitReason;
  readonly code?: ErrorCode;
  readonly detail: string;
}

/** Waits that no error stands for. */
export const WAITS = {
  version: {
    reason: 'version',
    detail: 'Another version of the mapping is in force; a process that has it does this.',
  },
  mapping: { reason: 'mapping', detail: 'The mapping was removed.' },
  paused: { reason: 'paused', detail: 'The queue is paused: nothing of it begins until it is resumed.' },
  worker: { reason: 'worker', detail: 'No worker is alive: nobody does this until one is started.' },
  parents: { reason: 'parents', detail: 'The mappings that this one refers to are still in their first sync.' },
} as const satisfies Record<string, Wait>;

export function waitOf({ code, message }: TandemError): Wait {
  const reason =
    code === 'RECORD_LOCKED' || code === 'OUTCOME_UNKNOWN' ? 'busy' : code === 'SYSTEM_THROTTLED' ? 'quota' : 'away';
  return { reason, code, detail: message };
}

/** What a failed try leaves on its job: the code goes first, so that jobs can be told apart by it. */
export const failureText = (code: ErrorCode | undefined, detail: string): string =>
  code === undefined ? detail : `${code}: ${detail}`;

/** Of `failureText`; texts of BullMQ itself, and of former versions, have no code. */
export function parseFailure(text: string): { code?: ErrorCode; detail: string } {
  const [, code, detail] = /^([A-Z_]+): (.*)$/s.exec(text) ?? [];
  return code !== undefined && detail !== undefined && Object.hasOwn(ERRORS, code)
    ? { code: code as ErrorCode, detail }
    : { detail: text };
}

/** Kept as the job's progress. A failed try after it counts more: `tries` tells. */
interface Note extends Wait {
  readonly tries: number;
  /** Epoch ms: since when it holds. Notes of former versions have none. */
  readonly since?: number;
}

/** `tries` of a note on failed tries, whose words stand on the job itself. */
const FAILED_TRIES = -1;

const noteOf = ({ progress }: Job): Note | undefined =>
  typeof progress === 'object' && progress !== null && 'reason' in progress ? (progress as Note) : undefined;

/** Notes why a job that is put back waits; once, however often it is put back for it. */
export async function noteWait(job: Job, wait: Wait): Promise<void> {
  const former = noteOf(job);
  const tries = job.attemptsMade;
  if (former?.reason === wait.reason && former.code === wait.code && former.tries === tries) return;
  await job.updateProgress({ ...wait, tries, since: Date.now() } satisfies Note);
}

/** Notes what a record failed with before it became this job. */
export async function noteFirstTry(job: Job, { code, message }: TandemError): Promise<void> {
  await job.updateProgress({ reason: 'retry', code, detail: message, tries: 0, since: Date.now() } satisfies Note);
}

/** Notes since when a job fails with this code; once, however often it is tried. */
export async function noteRetry(job: Job, code: ErrorCode): Promise<void> {
  const former = noteOf(job);
  if (former?.reason === 'retry' && former.code === code) return;
  await job.updateProgress({
    reason: 'retry',
    code,
    detail: '',
    tries: FAILED_TRIES,
    since: Date.now(),
  } satisfies Note);
}

/** @returns why a delayed job waits, why another one failed last; undefined where it never did */
export function reasonOfJob(job: Job, delayed: boolean): (Omit<Wait, 'reason'> & { reason?: WaitReason }) | undefined {
  const failure = job.failedReason ? parseFailure(job.failedReason) : undefined;
  if (!delayed) return failure;
  const note = noteOf(job);
  if (note && note.tries === job.attemptsMade) {
    const { tries: _, since: __, ...wait } = note;
    return wait;
  }
  if (failure && job.attemptsMade > 0) return { reason: 'retry', ...failure };
  if (job.repeatJobKey) return { reason: 'scheduled', detail: 'The time that the mapping sets for it has not come.' };
  return { reason: 'later', detail: 'It is to be done later.' };
}

/** @returns epoch ms: since when a delayed job waits for its reason, or when another one failed last */
export function sinceOfReason(job: Job, delayed: boolean): number {
  if (!delayed) return job.finishedOn ?? job.timestamp;
  const note = noteOf(job);
  const wait = reasonOfJob(job, true);
  if (note?.since !== undefined && note.reason === wait?.reason && note.code === wait.code) return note.since;
  return (wait?.reason === 'retry' ? job.processedOn : undefined) ?? job.timestamp;
}

/**
 * BullMQ keeps the time in the score of the delayed set, in the bits above the lowest 12.
 * @returns epoch ms until which a delayed job waits; undefined where it does not wait any more
 */
export async function delayedUntil(redis: Redis, queue: Queue, job: Job): Promise<number | undefined> {
  const score = await redis.zscore(queue.toKey('delayed'), job.id ?? '');
  return score === null ? undefined : Math.floor(Number(score) / 0x1000);
}

/** Why a job failed or waits, as it stands on the job itself: without a look anywhere else, and in plain words. */
import type { Job } from 'bullmq';
import { ERRORS, type ErrorCode, type TandemError } from '../errors.ts';

/** Why a delayed job waits. */
export const WHYS = ['quota', 'busy', 'away', 'version', 'mapping', 'parents', 'retry', 'scheduled', 'later'] as const;
/** Why nobody takes what waits, beside systems that are away and versions that are not in force. */
export const RESTS = ['paused', 'worker'] as const;
export type Why = (typeof WHYS)[number] | (typeof RESTS)[number];

export interface Wait {
  readonly why: Why;
  readonly code?: ErrorCode;
  readonly reason: string;
}

/** Waits that no error stands for. */
export const WAITS = {
  version: { why: 'version', reason: 'Another version of the mapping is in force; a process that has it does this.' },
  mapping: { why: 'mapping', reason: 'The mapping was removed.' },
  paused: { why: 'paused', reason: 'The queue is paused: nothing of it begins until it is resumed.' },
  worker: { why: 'worker', reason: 'No worker is alive: nobody does this until one is started.' },
  parents: { why: 'parents', reason: 'The mappings that this one refers to are still in their first sync.' },
} as const satisfies Record<string, Wait>;

export function waitOf({ code, message }: TandemError): Wait {
  const why =
    code === 'RECORD_LOCKED' || code === 'OUTCOME_UNKNOWN' ? 'busy' : code === 'SYSTEM_THROTTLED' ? 'quota' : 'away';
  return { why, code, reason: message };
}

/** What a failed try leaves on its job: the code goes first, so that jobs can be told apart by it. */
export const failureText = (code: ErrorCode | undefined, reason: string): string =>
  code === undefined ? reason : `${code}: ${reason}`;

/** Of `failureText`; texts of BullMQ itself, and of former versions, have no code. */
export function parseFailure(text: string): { code?: ErrorCode; reason: string } {
  const [, code, reason] = /^([A-Z_]+): (.*)$/s.exec(text) ?? [];
  return code !== undefined && reason !== undefined && Object.hasOwn(ERRORS, code)
    ? { code: code as ErrorCode, reason }
    : { reason: text };
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
  typeof progress === 'object' && progress !== null && 'why' in progress ? (progress as Note) : undefined;

/** Notes why a job that is put back waits; once, however often it is put back for it. */
export async function noteWait(job: Job, wait: Wait): Promise<void> {
  const former = noteOf(job);
  const tries = job.attemptsMade;
  if (former?.why === wait.why && former.code === wait.code && former.tries === tries) return;
  await job.updateProgress({ ...wait, tries, since: Date.now() } satisfies Note);
}

/** Notes what a record failed with before it became this job. */
export async function noteFirstTry(job: Job, { code, message }: TandemError): Promise<void> {
  await job.updateProgress({ why: 'retry', code, reason: message, tries: 0, since: Date.now() } satisfies Note);
}

/** Notes since when a job fails with this code; once, however often it is tried. */
export async function noteRetry(job: Job, code: ErrorCode): Promise<void> {
  const former = noteOf(job);
  if (former?.why === 'retry' && former.code === code) return;
  await job.updateProgress({
    why: 'retry',
    code,
    reason: '',
    tries: FAILED_TRIES,
    since: Date.now(),
  } satisfies Note);
}

/** @returns why a delayed job waits, why another one failed last; undefined where it never did */
export function reasonOfJob(job: Job, delayed: boolean): (Omit<Wait, 'why'> & { why?: Why }) | undefined {
  const failure = job.failedReason ? parseFailure(job.failedReason) : undefined;
  if (!delayed) return failure;
  const note = noteOf(job);
  if (note && note.tries === job.attemptsMade) {
    const { tries: _, since: __, ...wait } = note;
    return wait;
  }
  if (failure && job.attemptsMade > 0) return { why: 'retry', ...failure };
  if (job.repeatJobKey) return { why: 'scheduled', reason: 'The time that the mapping sets for it has not come.' };
  return { why: 'later', reason: 'It is to be done later.' };
}

/** @returns epoch ms: since when a delayed job waits for its reason, or when another one failed last */
export function sinceOfReason(job: Job, delayed: boolean): number {
  if (!delayed) return job.finishedOn ?? job.timestamp;
  const note = noteOf(job);
  const reason = reasonOfJob(job, true);
  if (note?.since !== undefined && note.why === reason?.why && note.code === reason.code) return note.since;
  return (reason?.why === 'retry' ? job.processedOn : undefined) ?? job.timestamp;
}

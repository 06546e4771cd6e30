/** Jobs of records in trouble: at most one stands for a record, and it is gone once the record was handled. */
import type { Mapping } from '../config/types.ts';
import type { Engine } from '../engine.ts';
import type { ErrorCode, TandemError } from '../errors.ts';
import { recordKey } from '../model/record-key.ts';
import { noteFirstTry } from '../queue/reasons.ts';
import type { Issue } from '../store/types.ts';
import type { Claims } from '../sync/claim-table.ts';
import type { SideIndex } from '../types.ts';

interface RecordName {
  readonly side: SideIndex;
  readonly id: string;
}

interface RecordJobName extends RecordName {
  readonly run?: string | undefined;
  /** Id of the job that stands for the record. */
  readonly job: string;
}

/** One that is being done goes its way: BullMQ does not let it be removed. */
export async function removeJob(engine: Engine, mapping: string, id: string): Promise<void> {
  await engine.queues.reconcile(mapping).remove(id);
}

/**
 * Where a record waits for its next try, it is tried now: what is new about it may be what fixes it.
 * @param noted the job that stands for it
 * @returns whether it is
 */
export async function tryNow(engine: Engine, mapping: string, noted: string): Promise<boolean> {
  const job = await engine.queues.reconcile(mapping).getJob(noted);
  const state = await job?.getState();
  if (state === 'waiting' || state === 'prioritized') return true;
  if (!job || state !== 'delayed') return false;
  // Somebody else may have promoted it in this moment.
  await job.promote().catch(() => {});
  return true;
}

/**
 * A try failed, and another may not: the record becomes a job of its own.
 * @param former the job that stood for it before, which tells nothing any more
 * @param note ends the work on the record here. @returns false where somebody else has the record by now
 */
export async function retryLater(
  engine: Engine,
  mapping: string,
  { side, id, run, job: jobId }: RecordJobName,
  error: TandemError,
  former: string | undefined,
  note: (job: string) => Promise<boolean>,
): Promise<void> {
  engine.options.onFailure?.({ mapping, work: 'reconcile', code: error.code, result: 'retried' });
  const job = await engine.queues.retry({ mapping, side, id, ...(run ? { run } : {}) }, jobId);
  await noteFirstTry(job, error);
  const noted = await note(jobId);
  if (!noted) await removeJob(engine, mapping, jobId);
  else if (former !== undefined && former !== jobId) await removeJob(engine, mapping, former);
}

/**
 * Nobody tries it any more: it is among the records in trouble, and scans bring it back once the reason may be over.
 * @returns false where the claims on it were lost: somebody else has it, and nothing was stored
 */
export async function failRecord(
  engine: Engine,
  mapping: Mapping,
  { side, id }: RecordName,
  job: string,
  claims: Pick<Claims, 'owner' | 'names'>,
  { code, message, context }: TandemError,
): Promise<boolean> {
  const links = engine.links(mapping.name);
  const former = (await links.issues.open(side, id)).issue;
  const { property } = context;
  const same = former?.kind === 'failed' && former.code === code && former.property === property;
  const { brake, change } = former ?? {};
  const issue: Issue = {
    kind: 'failed',
    code,
    reason: message,
    ...(property === undefined ? {} : { property }),
    mapping: mapping.version,
    since: same ? former.since : Date.now(),
    job,
    // Failing does not take it out of a brake, whose answer is about it too.
    ...(brake !== undefined && change !== undefined ? { brake, change } : {}),
  };
  const held = { owner: claims.owner, claims: claims.names() };
  if (!(await links.states.raise({ side, id }, '', issue, held))) return false;
  await links.batches.leaveToPerson(recordKey(side, id), claims.owner);
  return true;
}

export interface Refusal {
  readonly code: ErrorCode | undefined;
  readonly reason: string;
  /** Under which its mark stays until `runs.finish` takes it. */
  readonly lease: string | undefined;
}

/** A record was refused: it is seen among the jobs that failed. */
export async function showRefusal(
  engine: Engine,
  mapping: string,
  { side, id, run, job }: RecordJobName,
  { code, reason, lease }: Refusal,
): Promise<void> {
  const refused = { reason, ...(lease === undefined ? {} : { lease }), ...(code === undefined ? {} : { code }) };
  await engine.queues.refuse({ mapping, side, id, refused, ...(run ? { run } : {}) }, job);
}

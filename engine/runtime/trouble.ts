/** Jobs of records in trouble: at most one stands for a record, and it is gone once the record was handled. */
import type { Mapping } from '../config/types.ts';
import type { Engine } from '../engine.ts';
import type { ErrorCode, TandemError } from '../errors.ts';
import { noteFirstTry } from '../queue/reasons.ts';
import type { Outcome } from '../sync/outcome.ts';
import type { SideIndex } from '../types.ts';

interface RecordName {
  readonly side: SideIndex;
  readonly id: string;
}

/** Notes the job that stands for a record now; another one that did before tells nothing any more. */
export async function noteJob(engine: Engine, mapping: string, { side, id }: RecordName, job: string): Promise<void> {
  const former = await engine.links(mapping).noteFailedJob(side, id, job);
  if (former !== undefined) await removeJob(engine, mapping, former);
}

/** The record was handled: the jobs that stood for it or for its counterpart are over. */
export async function forgetJobs(
  engine: Engine,
  mapping: string,
  { side, id }: RecordName,
  { ids }: Outcome,
  own?: string,
): Promise<void> {
  const records = ids === undefined ? [{ side, id }] : ids.map((one, i) => ({ side: i as SideIndex, id: one }));
  for (const job of await engine.links(mapping).takeFailedJobs(records))
    if (job !== own) await removeJob(engine, mapping, job);
}

/** One that is being done goes its way: BullMQ does not let it be removed. */
async function removeJob(engine: Engine, mapping: string, id: string): Promise<void> {
  await engine.queues.reconcile(mapping).remove(id);
}

/**
 * Where a record waits for its next try, it is tried now: what is new about it may be what fixes it.
 * @returns whether it is
 */
export async function tryNow(engine: Engine, mapping: string, { side, id }: RecordName): Promise<boolean> {
  const noted = await engine.links(mapping).failedJob(side, id);
  if (noted === null) return false;
  const job = await engine.queues.reconcile(mapping).getJob(noted);
  const state = await job?.getState();
  if (state === 'waiting' || state === 'prioritized') return true;
  if (!job || state !== 'delayed') return false;
  // Somebody else may have promoted it in this moment.
  await job.promote().catch(() => {});
  return true;
}

/** A try failed, and another may not: the record becomes a job of its own. */
export async function retryLater(
  engine: Engine,
  mapping: string,
  record: RecordName & { readonly run?: string | undefined },
  id: string,
  error: TandemError,
): Promise<void> {
  engine.options.onFailure?.({ mapping, work: 'reconcile', code: error.code, result: 'retried' });
  const { run } = record;
  const job = await engine.queues.retry({ mapping, side: record.side, id: record.id, ...(run ? { run } : {}) }, id);
  await noteFirstTry(job, error);
  await noteJob(engine, mapping, record, id);
}

/** Nobody tries it any more: it is among the records in trouble, and scans bring it back once the reason may be over. */
export async function giveUp(
  engine: Engine,
  mapping: Mapping,
  { side, id }: RecordName,
  job: string,
  { code, message, context }: TandemError,
): Promise<void> {
  const links = engine.links(mapping.name);
  const former = await links.held(side, id);
  const { property } = context;
  const same = former?.kind === 'failed' && former.code === code && former.property === property;
  const { brake, change } = former ?? {};
  await links.hold(side, id, '', {
    kind: 'failed',
    code,
    reason: message,
    ...(property === undefined ? {} : { property }),
    mapping: mapping.version,
    since: same ? former.since : Date.now(),
    job,
    // Failing does not take it out of a brake, whose answer is about it too.
    ...(brake !== undefined && change !== undefined ? { brake, change } : {}),
  });
  await links.doubtIntent(side, id);
}

/** A record was refused: it is seen among the jobs that failed. @param lease under which it was taken from the dirty set */
export async function showRefusal(
  engine: Engine,
  mapping: string,
  record: RecordName & { readonly run?: string | undefined },
  id: string,
  { code, reason }: { readonly code: ErrorCode | undefined; readonly reason: string },
  lease: string,
): Promise<void> {
  const { side, run } = record;
  const refused = { reason, lease, ...(code === undefined ? {} : { code }) };
  await engine.queues.refuse({ mapping, side, id: record.id, refused, ...(run ? { run } : {}) }, id);
  await noteJob(engine, mapping, record, id);
}

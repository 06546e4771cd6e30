/** A record in trouble, as a job of its own: tried again with growing delays, then among those that failed. */
import { DelayedError, type Job, UnrecoverableError } from 'bullmq';
import { outcome } from '../model/outcome.ts';
import { recordKey } from '../model/record-key.ts';
import { failureText, noteRetry, noteWait, WAITS, type Wait, waitOf } from '../queue/reasons.ts';
import { takeBatch } from '../sync/batch.ts';
import { lockedError } from '../sync/claim-table.ts';
import { jittered } from '../timing.ts';
import { BUSY_WAIT, shiftOf } from './batch-job.ts';
import { type RecordJob, reconcileQueue } from './queues.ts';
import type { Work } from './work.ts';
import { type RecordResult, type RecordWork, type Shift, workOn } from './work-on-record.ts';

/** How long a job waits whose mapping nobody has here, and for a process that has the version in force, in ms. */
const MAPPING_WAIT = 5_000;
const VERSION_WAIT = 250;

/** @throws what BullMQ takes for a failed try, or for none */
export async function recordJob(work: Work, job: Job<RecordJob>, token: string | undefined): Promise<string> {
  const { engine, member } = work;
  const { mapping: name, side, id, run, refused, tried = 0 } = job.data;
  const record = recordKey(side, id);
  if (refused) return showFailed(work, job, record, refused);
  const config = engine.config.current();
  const mapping = config.mappings.get(name);
  // Its worker is being stopped; a worker that knows the mapping goes on.
  if (!mapping) return delay(job, token, MAPPING_WAIT, WAITS.mapping);
  if (!(await member.inForce(name, mapping.version))) return delay(job, token, VERSION_WAIT, WAITS.version);
  const pause = work.paused(name);
  if (pause > 0) return delay(job, token, jittered(pause));

  const attempt = tried + job.attemptsMade;
  const last = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
  const release = await work.slots(name).acquire();
  const unlessEdited = async (): Promise<RecordResult | undefined> => {
    // While it waited for its turn.
    if (!(await member.inForce(name, mapping.version))) return undefined;
    const shift = shiftOf(work, config, mapping, `${job.id}:${token}`);
    return workAlone(work, shift, { side, id, run, job: job.id ?? '', tried: attempt, last });
  };
  const result = await unlessEdited().finally(release);
  return result ? settle(work, job, token, record, result) : delay(job, token, VERSION_WAIT, WAITS.version);
}

async function workAlone(work: Work, shift: Shift, record: Omit<RecordWork, 'brake'>): Promise<RecordResult> {
  const { side, id } = record;
  const batch = await takeBatch(shift.scope, { records: [{ side, id }] });
  const [unit] = batch.units;
  try {
    if (!unit) return { kind: 'later', wait: waitOf(lockedError()), ms: BUSY_WAIT };
    const result = await workOn(work, shift, unit, { ...record, brake: batch.brake, alone: true });
    if (result.kind === 'later' || result.kind === 'retry') await unit.giveBack();
    return result;
  } catch (error) {
    await unit?.giveBack().catch(() => {});
    throw error;
  } finally {
    batch.close();
  }
}

async function settle(
  work: Work,
  job: Job<RecordJob>,
  token: string | undefined,
  record: string,
  result: RecordResult,
): Promise<string> {
  const { engine } = work;
  const { mapping: name } = job.data;
  switch (result.kind) {
    case 'done':
      await engine.throughput.count(reconcileQueue(name), 1);
      return result.outcome.kind;
    case 'later':
      return delay(job, token, result.ms, result.wait);
    case 'refused': {
      const lease = result.lease === undefined ? {} : { lease: result.lease };
      work.finishOnceFailed(name, job.id, { record, ...lease, outcome: result.outcome });
      throw new UnrecoverableError(failureText(result.code, result.reason));
    }
    case 'retry': {
      const { error } = result;
      engine.options.onFailure?.({ mapping: name, work: 'reconcile', code: error.code, result: 'retried' });
      // Only since when it fails: what it fails with must not be lost over it.
      await noteRetry(job, error.code).catch(() => {});
      throw new Error(failureText(error.code, error.message));
    }
  }
}

/** Puts the job back for later without counting a failed try. */
async function delay(job: Job, token: string | undefined, ms: number, wait?: Wait): Promise<never> {
  if (wait) await noteWait(job, wait);
  await job.moveToDelayed(Date.now() + ms, token);
  throw new DelayedError();
}

/** The record was refused in its batch: all that is left is to show it. Should a person retry the job, the record is tried. */
async function showFailed(
  work: Work,
  job: Job<RecordJob>,
  record: string,
  { code, reason, lease = '' }: NonNullable<RecordJob['refused']>,
): Promise<never> {
  const { refused: _, ...rest } = job.data;
  await job.updateData(rest);
  const result = outcome('failed', { reason, ...(code === undefined ? {} : { code }) });
  work.finishOnceFailed(job.data.mapping, job.id, { record, lease, outcome: result });
  throw new UnrecoverableError(failureText(code, reason));
}

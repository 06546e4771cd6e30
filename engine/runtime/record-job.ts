/** A record in trouble, as a job of its own: tried again with growing delays, then among those that failed. */
import { DelayedError, type Job, UnrecoverableError } from 'bullmq';
import { recordKey } from '../links/keys.ts';
import { failureText, noteRetry, noteWait, WAITS, type Wait } from '../queue/reasons.ts';
import { outcome } from '../sync/outcome.ts';
import { jittered } from '../timing.ts';
import type { RecordJob } from './queues.ts';
import { workOn } from './record.ts';
import { forgetJobs, noteJob } from './trouble.ts';
import type { Work } from './work.ts';

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
  // Its worker is being stopped; whoever knows the mapping goes on.
  if (!mapping) return delay(job, token, MAPPING_WAIT, WAITS.mapping);
  if (!(await member.inForce(name, mapping.version))) return delay(job, token, VERSION_WAIT, WAITS.version);
  const pause = work.paused(name);
  if (pause > 0) return delay(job, token, jittered(pause));

  const attempt = tried + job.attemptsMade;
  const last = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
  const own = { side, id, run, owner: `${job.id}:${token}`, job: job.id ?? '', tried: attempt, last };
  const release = await work.slots(name).acquire();
  const result = await workOn(work, config, mapping, own).finally(release);
  switch (result.kind) {
    case 'done':
      await forgetJobs(engine, name, own, result.outcome, job.id);
      await work.finish(name, { record, outcome: result.outcome });
      return result.outcome.kind;
    case 'later':
      return delay(job, token, result.ms, result.wait);
    case 'refused':
      await noteJob(engine, name, own, own.job);
      work.finishOnceFailed(name, job.id, { record, outcome: result.outcome });
      throw new UnrecoverableError(failureText(result.code, result.reason));
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

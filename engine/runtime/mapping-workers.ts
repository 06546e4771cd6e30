/** A worker for each mapping of the configuration. It pauses while another version of its mapping is in force. */
import { type Job, Worker } from 'bullmq';
import type { Engine } from '../engine.ts';
import { batchJob } from './batch-job.ts';
import { systemDown } from './follow-systems.ts';
import { type BatchJob, isRecordJob, type MappingJob, type RecordJob, reconcileQueue } from './queues.ts';
import { recordJob } from './record-job.ts';
import type { Work } from './work.ts';
import type { WorkersContext } from './workers-context.ts';

/** Batches of one mapping that a process works on side by side; single records in trouble go beside them. */
const BATCHES = 4;

export const watch = <T>({ logger }: Engine, worker: Worker<T>): Worker<T> =>
  worker.on('error', (error) => logger.warn({ queue: worker.name, reason: error.message }, 'worker'));

/** Mappings came or went: so do their workers. */
export function syncWorkers(context: WorkersContext): void {
  const { engine, member, work, workers, common } = context;
  const mappings = engine.config.current().mappings;
  for (const name of mappings.keys()) {
    if (workers.has(name)) continue;
    workers.set(
      name,
      watch(
        engine,
        new Worker<MappingJob>(reconcileQueue(name), (job, token) => mappingJob(work, job, token), {
          ...common,
          concurrency: BATCHES + work.concurrency,
        }).on('failed', (job) => work.failed(job?.id)),
      ),
    );
    if (!member.held().has(name)) idle(context, name);
  }
  for (const [name, worker] of workers) {
    if (mappings.has(name)) continue;
    workers.delete(name);
    worker
      .close()
      .catch((error: unknown) =>
        engine.logger.warn({ mapping: name, reason: String(error) }, 'stopping a removed mapping'),
      );
  }
}

/** The version in force of these mappings came to this process, or went. */
export function switchWorkers(context: WorkersContext, gained: readonly string[], lost: readonly string[]): void {
  const { engine, member, workers } = context;
  syncWorkers(context);
  for (const name of gained) {
    const mapping = engine.config.current().mappings.get(name);
    if (workers.get(name)?.isPaused() && mapping && !systemDown(engine, mapping)) {
      engine.logger.info({ mapping: name, version: member.version(name) }, 'this process works on the mapping again');
      workers.get(name)?.resume();
    }
  }
  for (const name of lost) idle(context, name);
}

/** Leaves the work of a mapping to those that have its version in force, rather than take jobs and put them back. */
function idle({ engine, member, workers }: WorkersContext, name: string): void {
  const version = engine.config.current().mappings.get(name)?.version;
  engine.logger.warn(
    { mapping: name, version, inForce: member.version(name) },
    'another version of this mapping is in force: this process leaves it to those that have it',
  );
  void workers.get(name)?.pause(true);
}

const mappingJob = (work: Work, job: Job<MappingJob>, token: string | undefined): Promise<string> =>
  isRecordJob(job.data) ? recordJob(work, job as Job<RecordJob>, token) : batchJob(work, job as Job<BatchJob>, token);

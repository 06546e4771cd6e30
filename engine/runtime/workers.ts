/** The workers of one process: they take jobs from the queues, look for records that are due, and follow the configuration. */
import { setTimeout } from 'node:timers/promises';
import { type Job, type Processor, Worker } from 'bullmq';
import type { Mapping } from '../config/types.ts';
import { callsPause } from '../connectors/circuit.ts';
import type { Engine } from '../engine.ts';
import { asTandemError } from '../errors.ts';
import { connect } from '../queue/connection.ts';
import { followEdit } from '../queue/edits.ts';
import { tellMissing } from '../queue/missing.ts';
import { applySchedules } from '../queue/schedules.ts';
import { batchJob } from './batch-job.ts';
import {
  type BatchJob,
  isRecordJob,
  type MappingJob,
  queuePrefix,
  type RecordJob,
  reconcileQueue,
  SCAN_QUEUE,
  type ScanJob,
} from './queues.ts';
import { recordJob } from './record-job.ts';
import { scanJob } from './scan-job.ts';
import { createStuckRuns } from './stuck-runs.ts';
import { createWork } from './work.ts';

export interface WorkerOptions {
  /** Records of one mapping that this process works on at once. */
  readonly concurrency?: number;
  /** How long a job may be silent before another worker takes it over, in ms. */
  readonly lockDuration?: number;
  readonly schedules?: boolean;
  /** Whether this process serves HTTP too; only reported to others. */
  readonly server?: boolean;
  /** Each system is called once at the beginning, so that wrong credentials are known before there is work. */
  readonly checkSystems?: boolean;
}

export interface Workers {
  /** Finishes what is under way, takes nothing new. @param deadline ms after which jobs are left to be taken over */
  close(deadline?: number): Promise<void>;
}

/** How soon records that are due are found though nobody lives who was to have them looked at, in ms. */
const DUE_LOOK = 1_000;
/** How often it is looked whether a system is down, or may be tried again, in ms. */
const LOOK = 250;
/** How often schedules are made to fit: webhooks that make scans rare come and go, in ms. */
const SCHEDULES_LOOK = 30_000;
/** Batches of one mapping that a process works on side by side; single records in trouble go beside them. */
const BATCHES = 4;
/** A job whose worker was killed may be taken over this often; it is harmless and must not be lost. */
const TAKEOVERS = 1_000;

// Over 60 lines: a factory. The parts of a process are started and closed here in one order, and share its state.
/**
 * Makes this process work on the mappings of which it has the version in force, until `close`, which comes before that
 * of the engine. Resolves once it takes jobs and its schedules are set.
 */
export async function startWorkers(engine: Engine, options: WorkerOptions = {}): Promise<Workers> {
  const { concurrency = 25, lockDuration = 30_000, schedules = true, server = false } = options;
  // Blocking commands need a connection of their own; BullMQ duplicates this one for each worker.
  const connection = connect(engine.options.redisUrl, engine.prefix);
  connection.on('error', (error) => engine.logger.warn({ reason: error.message }, 'Redis connection of the workers'));
  const common = {
    connection,
    prefix: queuePrefix(engine.prefix),
    lockDuration,
    stalledInterval: lockDuration,
    maxStalledCount: TAKEOVERS,
    ...(engine.options.tracing ? { telemetry: engine.options.tracing.jobs } : {}),
  };
  const workers = new Map<string, Worker>();

  const watch = <T>(worker: Worker<T>): Worker<T> =>
    worker.on('error', (error) => engine.logger.warn({ queue: worker.name, reason: error.message }, 'worker'));

  function syncWorkers(): void {
    const mappings = engine.config.current().mappings;
    for (const name of mappings.keys()) {
      if (workers.has(name)) continue;
      workers.set(
        name,
        watch(
          new Worker<MappingJob>(reconcileQueue(name), (job, token) => mappingJob(job, token), {
            ...common,
            concurrency: BATCHES + concurrency,
          }).on('failed', (job) => work.failed(job?.id)),
        ),
      );
      if (!member.held().has(name)) idle(name);
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

  /** Leaves the work of a mapping to those that have its version in force, rather than take jobs and put them back. */
  function idle(name: string): void {
    const version = engine.config.current().mappings.get(name)?.version;
    engine.logger.warn(
      { mapping: name, version, inForce: member.version(name) },
      'another version of this mapping is in force: this process leaves it to those that have it',
    );
    void workers.get(name)?.pause(true);
  }

  /** Whether a system of the mapping is down, as far as this process has seen. */
  function systemDown({ sides }: Mapping): boolean {
    const statuses = engine.statuses();
    return sides.some(({ system }) => callsPause(statuses[system.name] ?? { state: 'unknown' }));
  }

  /**
   * Work that needs a system which is down stays in its queue, rather than be taken and put back again and again. The
   * system is tried by this process itself, so that all goes on soon after its return, whether there is work or not.
   */
  function followSystems(): void {
    const statuses = engine.statuses();
    for (const mapping of engine.config.current().mappings.values()) {
      const worker = workers.get(mapping.name);
      if (!worker || !member.held().has(mapping.name)) continue;
      if (!systemDown(mapping)) {
        if (worker.isPaused()) worker.resume();
        continue;
      }
      if (!worker.isPaused()) void worker.pause(true);
      for (const { system, entity } of mapping.sides) {
        const { state = 'unknown', next = 0 } = statuses[system.name] ?? {};
        if (callsPause({ state }) && next <= Date.now()) void tryOut(system.name, entity.name);
      }
    }
  }

  async function checkSystems(): Promise<void> {
    const sides = [...engine.config.current().mappings.values()].flatMap((mapping) => mapping.sides);
    const entities = new Map(sides.map(({ system, entity }) => [system.name, entity.name]));
    for (const [system, entity] of entities) {
      try {
        await engine.client(system).check(entity);
      } catch (error) {
        const { code, message } = asTandemError(error);
        engine.logger.warn({ system, code, reason: message }, 'the system does not answer as it should');
      }
    }
  }

  async function tryOut(system: string, entity: string): Promise<void> {
    try {
      await engine.client(system).ready(entity);
    } catch (error) {
      engine.logger.debug({ system, reason: asTandemError(error).message }, 'the system is still down');
    }
  }

  const inBackground = (work: Promise<unknown>): void => {
    work.catch((error: unknown) =>
      engine.logger.error({ reason: String(error) }, 'applying a change of the configuration'),
    );
  };
  /** Mappings that are not in force as they should be, which is a problem of their files. */
  const pending = new Set<string>();
  const follow = async (names: Iterable<string>): Promise<void> => {
    const edited = [...names];
    const failed = new Map<string, unknown>();
    const mappings = engine.config.current().mappings;
    try {
      if (schedules) await applySchedules(engine, member.held(), (name, error) => failed.set(name, error));
    } catch (error) {
      for (const name of member.held()) failed.set(name, error);
    }
    for (const name of edited) {
      const mapping = mappings.get(name);
      if (!mapping || failed.has(name)) continue;
      await followEdit(engine, mapping, schedules).catch((error: unknown) => failed.set(name, error));
    }
    for (const name of new Set([...edited, ...pending, ...failed.keys()])) {
      const mapping = mappings.get(name);
      const error = failed.get(name);
      if (error === undefined || !mapping) pending.delete(name);
      else pending.add(name);
      if (!mapping) continue;
      const reason = error === undefined ? undefined : asTandemError(error).message;
      engine.config.applied(mapping, reason);
      if (reason !== undefined)
        engine.logger.error({ mapping: name, file: mapping.file, reason }, 'a mapping could not be put into force');
    }
  };

  const member = await engine.versions.join({ server, workers: true }, engine.config.current, (gained, lost) => {
    syncWorkers();
    for (const name of gained) {
      const mapping = engine.config.current().mappings.get(name);
      if (workers.get(name)?.isPaused() && mapping && !systemDown(mapping)) {
        engine.logger.info({ mapping: name, version: member.version(name) }, 'this process works on the mapping again');
        workers.get(name)?.resume();
      }
    }
    for (const name of lost) idle(name);
    if (gained.length > 0) inBackground(follow(gained));
  });
  const work = createWork(engine, member, { concurrency, lease: lockDuration });
  const scans = watch(
    new Worker<ScanJob>(SCAN_QUEUE, (job, token) => scanJob(work, job, token), { ...common, concurrency: 8 }),
  );
  const mappingJob: Processor<MappingJob> = (job, token) =>
    isRecordJob(job.data) ? recordJob(work, job as Job<RecordJob>, token) : batchJob(work, job as Job<BatchJob>, token);
  syncWorkers();
  await follow(member.held());
  inBackground(tellMissing(engine));
  const findStuck = createStuckRuns(engine);
  const findingStuck = setInterval(() => {
    findStuck().catch((error: unknown) => engine.logger.warn({ reason: String(error) }, 'looking after runs'));
  }, lockDuration);
  let looking = false;
  const startDue = async (): Promise<void> => {
    const names = [...member.held()].filter((name) => work.paused(name) === 0 && !workers.get(name)?.isPaused());
    const due = await engine.dirty.due(names);
    for (const [i, name] of names.entries()) if (due[i]! > 0) await engine.queues.notify(name);
  };
  const lookingForDue = setInterval(async () => {
    if (looking) return;
    looking = true;
    try {
      await startDue();
    } catch (error) {
      engine.logger.warn({ reason: String(error) }, 'looking for records that are due');
    } finally {
      looking = false;
    }
  }, DUE_LOOK);
  const following = setInterval(followSystems, LOOK);
  const scheduling = setInterval(() => {
    if (schedules || pending.size > 0) inBackground(follow([...pending]));
  }, SCHEDULES_LOOK);
  const unlisten = engine.config.on(() => {
    const work = async (): Promise<void> => {
      await member.refresh();
      syncWorkers();
      await follow([...pending]);
      await tellMissing(engine);
    };
    inBackground(work());
  });

  if (options.checkSystems) inBackground(checkSystems());

  return {
    async close(deadline = 20_000) {
      unlisten();
      clearInterval(findingStuck);
      clearInterval(lookingForDue);
      work.close();
      clearInterval(following);
      clearInterval(scheduling);
      const all = [scans, ...workers.values()];
      const late = new AbortController();
      const finished = Promise.all(all.map((worker) => worker.close())).then(() => true);
      const inTime = await Promise.race([finished, setTimeout(deadline, false, { signal: late.signal })]);
      late.abort();
      if (!inTime) {
        // Their locks run out, and another worker takes them over.
        engine.logger.warn({ deadline }, 'jobs that are not done are left to be taken over');
        await Promise.all(all.map((worker) => worker.disconnect()));
        await member.leave();
        return connection.disconnect();
      }
      await member.leave();
      await connection.quit();
    },
  };
}

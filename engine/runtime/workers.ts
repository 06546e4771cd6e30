/** The workers of one process: they take jobs from the queues, look for records that are due, and follow the configuration. */
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'bullmq';
import type { Engine } from '../engine.ts';
import { connect } from '../queue/connection.ts';
import { tellMissing } from '../queue/missing.ts';
import { createDueLook } from './due-records.ts';
import { followConfigChanges, followFiles, inBackground } from './follow-config.ts';
import { checkSystems, followSystems } from './follow-systems.ts';
import { switchWorkers, syncWorkers, watch } from './mapping-workers.ts';
import { queuePrefix, SCAN_QUEUE, type ScanJob } from './queues.ts';
import { scanJob } from './scan-job.ts';
import { createStuckRuns } from './stuck-runs.ts';
import { createWork } from './work.ts';
import type { WorkersContext } from './workers-context.ts';

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
/** A job whose worker was killed may be taken over this often; it is harmless and must not be lost. */
const TAKEOVERS = 1_000;

/**
 * Makes this process work on the mappings of which it has the version in force, until `close`, which comes before that
 * of the engine. Resolves once it takes jobs and its schedules are set.
 */
export async function startWorkers(engine: Engine, options: WorkerOptions = {}): Promise<Workers> {
  const { concurrency = 25, lockDuration = 30_000, schedules = true, server = false } = options;
  const { connection, common } = openConnection(engine, lockDuration);
  const member = await engine.versions.join({ server, workers: true }, engine.config.current, (gained, lost) => {
    switchWorkers(context, gained, lost);
    if (gained.length > 0) inBackground(engine, followConfigChanges(context, gained));
  });
  const work = createWork(engine, member, { concurrency, lease: lockDuration });
  const pending = new Set<string>();
  const context: WorkersContext = { engine, member, work, workers: new Map(), common, schedules, pending };
  const scans = watch(
    engine,
    new Worker<ScanJob>(SCAN_QUEUE, (job, token) => scanJob(work, job, token), { ...common, concurrency: 8 }),
  );
  syncWorkers(context);
  await followConfigChanges(context, member.held());
  inBackground(engine, tellMissing(engine));
  const findStuck = createStuckRuns(engine);
  const findingStuck = setInterval(() => {
    findStuck().catch((error: unknown) => engine.logger.warn({ reason: String(error) }, 'looking after runs'));
  }, lockDuration);
  const lookingForDue = setInterval(createDueLook(context), DUE_LOOK);
  const following = setInterval(() => followSystems(context), LOOK);
  const scheduling = setInterval(() => {
    if (schedules || pending.size > 0) inBackground(engine, followConfigChanges(context, [...pending]));
  }, SCHEDULES_LOOK);
  const unlisten = engine.config.on(() => inBackground(engine, followFiles(context)));

  if (options.checkSystems) inBackground(engine, checkSystems(engine));

  return {
    async close(deadline = 20_000) {
      unlisten();
      clearInterval(findingStuck);
      clearInterval(lookingForDue);
      work.close();
      clearInterval(following);
      clearInterval(scheduling);
      const all = [scans, ...context.workers.values()];
      const inTime = await closeAll(engine, all, deadline);
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

function openConnection(engine: Engine, lockDuration: number) {
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
  return { connection, common };
}

/** @returns whether they finished what is under way before the deadline, in ms */
async function closeAll({ logger }: Engine, workers: readonly Worker[], deadline: number): Promise<boolean> {
  const late = new AbortController();
  const finished = Promise.all(workers.map((worker) => worker.close())).then(
    () => true,
    (error: unknown) => {
      logger.warn({ reason: String(error) }, 'a worker did not close');
      return false;
    },
  );
  const inTime = await Promise.race([finished, setTimeout(deadline, false, { signal: late.signal })]);
  late.abort();
  return inTime;
}

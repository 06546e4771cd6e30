/** The workers of one process: they take jobs from the queues and hand them to sync. */
import { setTimeout } from 'node:timers/promises';
import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Mapping } from '../config/types.ts';
import type { Engine, Failure, OutcomeEvent } from '../engine.ts';
import { asTandemError, type ErrorCode, type TandemError } from '../errors.ts';
import { recordKey } from '../links/keys.ts';
import { type Logger, withFields } from '../logger.ts';
import { backfill, definitionChanges } from '../sync/backfill.ts';
import { brakeOn, brakeReason, carryOut, liftUnlimited } from '../sync/brake.ts';
import type { SyncContext } from '../sync/context.ts';
import { definitionsOf, scopeOf } from '../sync/definitions.ts';
import { heldStill } from '../sync/hold.ts';
import { type Outcome, outcome } from '../sync/outcome.ts';
import { reconcile } from '../sync/reconcile.ts';
import { releaseHeld, releaseParked, scan } from '../sync/scan.ts';
import { jittered } from '../systems/wait.ts';
import type { SideIndex } from '../types.ts';
import { connect } from './connection.ts';
import { followEdit } from './edits.ts';
import { MINUTES_KEPT } from './pace.ts';
import { planScan } from './plan.ts';
import { queuePrefix, type ReconcileJob, reconcileQueue, SCAN_QUEUE, type ScanJob } from './queues.ts';
import { failureText, noteRetry, noteWait, WAITS, type Wait, waitOf, waitsForSystem } from './reasons.ts';
import { createRepair } from './repair.ts';
import type { Run } from './runs.ts';
import { applySchedules } from './schedules.ts';
import type { Membership } from './versions.ts';

export interface WorkerOptions {
  /** Reconciles at once per mapping in this process. */
  readonly concurrency?: number;
  /** How long a job may be silent before another worker takes it over, in ms. */
  readonly lockDuration?: number;
  readonly schedules?: boolean;
  /** Whether this process serves HTTP too; only told to others. */
  readonly server?: boolean;
}

export interface Workers {
  /** Finishes what is under way, takes nothing new. @param deadline ms after which jobs are left to be taken over */
  close(deadline?: number): Promise<void>;
}

/** How long a scan waits for the parents' first sync before it looks again, in ms. */
const PARENTS_WAIT = 300;
/** How long work waits that another process has the version of its mapping for, in ms. */
const VERSION_WAIT = 250;
/** How soon what a process set aside and did not live to queue is found, in ms. */
const INCOMING = 2_000;
/** How often it is looked whether a system is down, or may be tried again, in ms. */
const LOOK = 250;
/** Of the jobs of a mapping that wait for a system, so many are looked at per second, however many they are. */
const LOOKS = 50;
/** A job whose worker was killed may be taken over this often; it is harmless and must not be lost. */
const TAKEOVERS = 1_000;

export async function startWorkers(engine: Engine, options: WorkerOptions = {}): Promise<Workers> {
  const { concurrency = 10, lockDuration = 30_000, schedules = true, server = false } = options;
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
    metrics: { maxDataPoints: MINUTES_KEPT },
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
          new Worker<ReconcileJob>(reconcileQueue(name), (job, token) => reconcileJob(engine, member, job, token), {
            ...common,
            concurrency,
          }),
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
    const standings = engine.standings();
    return sides.some(({ system }) => standings[system.name]?.state === 'down');
  }

  /**
   * Work that needs a system which is down stays in its queue, rather than be taken and put back again and again. The
   * system is tried by this process itself, so that all goes on soon after its return, whether there is work or not.
   */
  function followSystems(): void {
    const standings = engine.standings();
    for (const mapping of engine.config.current().mappings.values()) {
      const worker = workers.get(mapping.name);
      if (!worker || !member.held().has(mapping.name)) continue;
      if (!systemDown(mapping)) {
        if (worker.isPaused()) worker.resume();
        continue;
      }
      if (!worker.isPaused()) void worker.pause(true);
      for (const { system, entity } of mapping.sides) {
        const { state, next = 0 } = standings[system.name] ?? {};
        if (state === 'down' && next <= Date.now()) void tryOut(system.name, entity.name);
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
  const follow = async (names: Iterable<string>): Promise<void> => {
    if (schedules) await applySchedules(engine, member.held());
    for (const name of names) {
      const mapping = engine.config.current().mappings.get(name);
      if (mapping) await followEdit(engine, mapping, schedules);
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
  const scans = watch(
    new Worker<ScanJob>(SCAN_QUEUE, (job, token) => scanJob(engine, member, job, token), { ...common, concurrency: 8 }),
  );
  syncWorkers();
  await follow(member.held());
  const repair = createRepair(engine);
  const repairing = setInterval(() => {
    repair().catch((error: unknown) => engine.logger.warn({ reason: String(error) }, 'looking after runs'));
  }, lockDuration);
  let looking = false;
  const taking = setInterval(async () => {
    if (looking) return;
    looking = true;
    try {
      await takeIncoming(engine);
    } catch (error) {
      engine.logger.warn({ reason: String(error) }, 'queueing what webhooks named');
    } finally {
      looking = false;
    }
  }, INCOMING);
  const following = setInterval(followSystems, LOOK);
  const unlisten = engine.config.on(() => {
    const work = async (): Promise<void> => {
      await member.refresh();
      syncWorkers();
      if (schedules) await applySchedules(engine, member.held());
    };
    inBackground(work());
  });

  return {
    async close(deadline = 20_000) {
      unlisten();
      clearInterval(repairing);
      clearInterval(taking);
      clearInterval(following);
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

async function takeIncoming(engine: Engine): Promise<void> {
  for (const name of await engine.incoming.waiting([...engine.config.current().mappings.keys()]))
    await engine.incoming.queue(name);
}

/** @throws TandemError SYSTEM_DOWN before the other system is asked for what could not be written then */
async function systemsReady(engine: Engine, { sides }: Mapping): Promise<void> {
  for (const { system, entity } of sides) await engine.client(system.name).ready(entity.name);
}

/**
 * How long a job rests on that was put back because a system took no writes, before it reads anything again: what it wants
 * to write is not known without, but it is likely to be the same.
 */
function writesRest(engine: Engine, { sides }: Mapping, job: Job): number {
  if (!waitsForSystem(job)) return 0;
  return Math.max(...sides.map(({ system }) => engine.client(system.name).circuit.writes.rest()));
}

/** Puts the job back until its system may be tried again, or, of very many, until it is its turn to be looked at. */
async function putBackForSystem(engine: Engine, job: Job, token: string | undefined, ms: number, wait?: Wait) {
  const others = await engine.queues.reconcile(job.data.mapping).getDelayedCount();
  return putBack(job, token, jittered(Math.max(ms, (others * 1_000) / LOOKS)), wait);
}

/** Puts the job back for later without counting a failed try. */
async function putBack(job: Job, token: string | undefined, ms: number, wait?: Wait): Promise<never> {
  if (wait) await noteWait(job, wait);
  await job.moveToDelayed(Date.now() + ms, token);
  throw new DelayedError();
}

async function reconcileJob(
  engine: Engine,
  member: Membership,
  job: Job<ReconcileJob>,
  token: string | undefined,
): Promise<string> {
  const { mapping: name, side, id, run } = job.data;
  const config = engine.config.current();
  const mapping = config.mappings.get(name);
  // Its worker is being stopped; whoever knows the mapping goes on.
  if (!mapping) return putBack(job, token, 5_000, WAITS.mapping);
  if (!(await member.inForce(name, mapping.version))) return putBack(job, token, VERSION_WAIT, WAITS.version);
  const rest = writesRest(engine, mapping, job);
  if (rest > 0) return putBackForSystem(engine, job, token, rest);
  const started = performance.now();
  const key = job.deduplicationId ?? recordKey(side, id);
  const { tracing } = engine.options;
  const log = withFields(engine.logger, {
    mapping: name,
    side: mapping.sides[side].name,
    id,
    job: job.id,
    run,
    trace: tracing?.id(),
  });
  tracing?.note({
    'tandem.mapping': name,
    'tandem.side': mapping.sides[side].name,
    'tandem.id': id,
    'tandem.run': run,
  });
  let expected = '';
  try {
    expected = await engine.runs.expected(name, key);
    const context = engine.context({
      owner: `${job.id}:${token}`,
      config,
      ...(job.id === undefined ? {} : { job: job.id }),
    });
    await systemsReady(engine, mapping);
    const result = await reconcile(context, mapping, side, id);
    // Another version took over meanwhile: what was just done may not be as that one would have it.
    if (!(await member.inForce(name, mapping.version))) await context.enqueue(name, side, [id]);
    const ms = Math.round(performance.now() - started);
    const arrived = await arrivals(engine, job, result);
    tellOutcome(engine, mapping, job, result, ms, arrived);
    tracing?.note({ 'tandem.outcome': result.kind, 'tandem.code': result.code });
    log.info({ outcome: result.kind, writes: written(mapping, result), code: result.code, ms }, 'reconciled');
    if (result.code === 'BRAKE_ON') await engine.runs.warn(name, result.reason ?? '');
    await (result.kind === 'failed' ? noteFailedJob(engine, job) : forgetFailedJobs(engine, job, result));
    await engine.runs.finish(name, key, result, expected);
    // A refusal is for a person: the job fails for good, with its reason, and can be retried from the queue.
    if (result.kind === 'failed')
      throw new UnrecoverableError(failureText(result.code, result.reason ?? 'It was refused.'));
    return result.kind;
  } catch (cause) {
    if (cause instanceof UnrecoverableError) throw cause;
    const error = asTandemError(cause);
    tracing?.note({ 'tandem.code': error.code });
    if (error.retry === 'quota' || error.context.resting) {
      engine.options.onFailure?.({ mapping: name, work: 'reconcile', code: error.code, result: 'postponed' });
      log.debug({ code: error.code, reason: error.message }, 'reconcile waits');
      const wait = waitOf(error);
      const ms = error.context.retryAfter ?? 1_000;
      return wait.why === 'away' ? putBackForSystem(engine, job, token, ms, wait) : putBack(job, token, ms, wait);
    }
    const last = error.retry === 'never' || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    const fields = { code: error.code, reason: error.message, try: job.attemptsMade + 1 };
    if (error.code === 'INTERNAL') log.error({ ...fields, err: error.cause }, 'reconcile failed');
    else log.warn(fields, last ? 'reconcile failed for good' : 'reconcile failed, it is tried again');
    if (last) await giveUp(engine, job, mapping, key, error, expected, Math.round(performance.now() - started));
    else {
      engine.options.onFailure?.({ mapping: name, work: 'reconcile', code: error.code, result: 'retried' });
      await tellRetry(job, error);
    }
    throw thrown(error);
  }
}

/** Properties written, by the name of the side; undefined where nothing was. */
function written({ sides }: Mapping, { writes }: Outcome): Record<string, readonly string[]> | undefined {
  const some = sides.filter(({ index }) => writes[index].length > 0);
  return some.length === 0 ? undefined : Object.fromEntries(some.map(({ name, index }) => [name, writes[index]]));
}

function tellOutcome(
  engine: Engine,
  { name, sides }: Mapping,
  { data: { side, id } }: Job<ReconcileJob>,
  outcome: Outcome,
  ms: number,
  arrived: OutcomeEvent['arrived'],
): void {
  const names = [sides[0].name, sides[1].name] as const;
  engine.options.onOutcome?.({ mapping: name, sides: names, side, id, outcome, ms, arrived });
}

/**
 * How long changes took from where they were made to where they were written: by the time that the source states, or
 * else since its event came. Clocks of systems may go ahead of this one's; what was there before all was read for the
 * first time could not have been brought sooner.
 */
async function arrivals(
  engine: Engine,
  { data: { mapping, at } }: Job<ReconcileJob>,
  { kind, changes }: Outcome,
): Promise<OutcomeEvent['arrived']> {
  if (!changes) return [undefined, undefined];
  const now = Date.now();
  const firstRead = kind === 'created' ? ((await engine.links(mapping).firstRead()) ?? now) : 0;
  const since = (change: string | undefined): number | undefined => {
    const made = change === undefined ? undefined : change === '' ? at : Date.parse(change);
    return made === undefined || Number.isNaN(made) || made < firstRead ? undefined : Math.max(0, now - made);
  };
  return [since(changes[0]), since(changes[1])];
}

/** As BullMQ takes it: its message stays on the job. */
function thrown({ code, message, retry }: TandemError): Error {
  const text = failureText(code, message);
  return retry === 'never' ? new UnrecoverableError(text) : new Error(text);
}

async function giveUp(
  engine: Engine,
  job: Job<ReconcileJob>,
  mapping: Mapping,
  key: string,
  error: TandemError,
  expected: string,
  ms: number,
): Promise<void> {
  const result = outcome('failed', { code: error.code, reason: error.message });
  await holdGivenUp(engine, job, mapping, error);
  await noteFailedJob(engine, job);
  await engine.links(mapping.name).doubtIntent(job.data.side, job.data.id);
  tellOutcome(engine, mapping, job, result, ms, [undefined, undefined]);
  await engine.runs.finish(mapping.name, key, result, expected);
}

/** Nobody tries it any more: it is told among the records in trouble, and scans bring it back once the reason may be over. */
async function holdGivenUp(
  engine: Engine,
  job: Job<ReconcileJob>,
  mapping: Mapping,
  { code, message, context }: TandemError,
): Promise<void> {
  const { side, id } = job.data;
  const links = engine.links(mapping.name);
  const reason = {
    kind: 'failed',
    code,
    reason: message,
    ...(context.property === undefined ? {} : { property: context.property }),
  } as const;
  await links.hold(side, id, '', heldStill({ job: job.id }, mapping, reason, await links.held(side, id)));
}

/** The job that failed on this record before tells nothing any more. */
async function noteFailedJob(engine: Engine, job: Job<ReconcileJob>): Promise<void> {
  if (job.id === undefined) return;
  const { mapping, side, id } = job.data;
  const former = await engine.links(mapping).noteFailedJob(side, id, job.id);
  if (former !== undefined) await removeFailedJob(engine, mapping, former);
}

/** The record was handled: the jobs that failed on it or on its counterpart before are over. */
async function forgetFailedJobs(engine: Engine, job: Job<ReconcileJob>, { ids }: Outcome): Promise<void> {
  const { mapping, side, id } = job.data;
  const records = ids === undefined ? [{ side, id }] : ids.map((one, i) => ({ side: i as SideIndex, id: one }));
  for (const former of await engine.links(mapping).takeFailedJobs(records)) {
    if (former !== job.id) await removeFailedJob(engine, mapping, former);
  }
}

/** Only while it is failed: one that a person has just retried goes its way. */
async function removeFailedJob(engine: Engine, mapping: string, id: string): Promise<void> {
  const job = await engine.queues.reconcile(mapping).getJob(id);
  if (job && (await job.isFailed())) await job.remove();
}

async function scanJob(
  engine: Engine,
  member: Membership,
  job: Job<ScanJob>,
  token: string | undefined,
): Promise<string> {
  const { mapping: name, scan: kind, plan = false, record, read = false } = job.data;
  const config = engine.config.current();
  const mapping = config.mappings.get(name);
  const begun = job.data.run ? await engine.runs.get(job.data.run) : undefined;
  if (!mapping) {
    if (await engine.versions.worked(name)) return putBack(job, token, VERSION_WAIT, WAITS.version);
    if (begun) await engine.runs.failed(begun, `The mapping "${name}" was removed.`);
    return 'removed';
  }
  if (!(await member.inForce(name, mapping.version))) return putBack(job, token, VERSION_WAIT, WAITS.version);
  let run = begun;
  if (!run) {
    const { run: own, fresh } = await engine.runs.begin({ mapping: name, scan: kind, plan, trigger: 'schedule' });
    if (!fresh) return 'runs already';
    run = own;
    await job.updateData({ ...job.data, run: run.id });
  }
  const current = run;
  const links = engine.links(name);
  const { tracing } = engine.options;
  const log = withFields(engine.logger, {
    mapping: name,
    run: current.id,
    scan: kind,
    job: job.id,
    trace: tracing?.id(),
  });
  tracing?.note({ 'tandem.mapping': name, 'tandem.scan': kind, 'tandem.run': current.id });
  const failure = (code: ErrorCode, result: Failure['result']): void =>
    engine.options.onFailure?.({ mapping: name, work: 'scan', code, result });
  try {
    if (!read) {
      if (!(await engine.runs.scanning(current))) return 'scanned already';
      await systemsReady(engine, mapping);
      const context = engine.context({ owner: `${job.id}:${token}`, config, dry: plan, run: current });
      if (kind === 'backfill') await noteChanges(engine, mapping, current);
      if (plan) {
        await engine.runs.scanned(current, await planScan(engine, context, mapping, current, kind, record));
        return 'planned';
      }
      // An answer that a process noted, and did not live to carry out.
      const answered = await liftUnlimited(context, mapping);
      if (answered?.answer) await carryOut(context, mapping, answered);
      if (kind === 'backfill') {
        const done = await backfillLinks(engine, member, context, mapping, current);
        return done ? 'scanned' : await putBack(job, token, VERSION_WAIT, WAITS.version);
      }
      const wasReady = await links.ready();
      const queue = (side: 0 | 1, ids: readonly string[]): Promise<void> =>
        wasReady ? context.enqueue(name, side, ids) : links.parkUntilReady(side, ids);
      const result = await scan(context, mapping, kind, {
        found: queue,
        progress: (progress) => engine.runs.read(current, progress),
      });
      // Edited while it was read: whoever has the version in force reads it anew.
      if (!(await member.inForce(name, mapping.version))) return await putBack(job, token, VERSION_WAIT, WAITS.version);
      await releaseHeld(context, mapping, queue);
      if (result.weighed.lifted) log.warn({}, 'what was missing is there again: the brake is off');
      if (kind === 'full') await links.follow({ scope: scopeOf(mapping) });
      await job.updateData({ ...job.data, run: current.id, read: true });
    }
    if ((await links.parkedCount()) > 0 && (await links.ready())) {
      // Parents first: their first sync ends before this one begins, so that references find their links.
      if (await parentsBusy(engine, mapping)) return await putBack(job, token, PARENTS_WAIT, WAITS.parents);
      await tellRebuild(engine, mapping, log);
      // Every run that is under way counts them, not just the one that happens to come first.
      const context = engine.context({ owner: `${job.id}:${token}`, config });
      await releaseParked(links, (side, ids) => context.enqueue(name, side, ids));
    }
    const brake = await brakeOn(engine, mapping);
    if (brake) log.warn({ brake: brake.kind }, brakeReason(mapping, brake));
    await engine.runs.scanned(current, brake ? brakeReason(mapping, brake) : '');
    return brake ? 'braked' : 'scanned';
  } catch (cause) {
    if (cause instanceof DelayedError) throw cause;
    const error = asTandemError(cause);
    if (error.retry === 'quota') {
      const wait = error.context.retryAfter ?? 1_000;
      failure(error.code, 'postponed');
      log.debug({ code: error.code, reason: error.message }, 'scan waits');
      await engine.runs.keep(current, wait, error.code === 'SYSTEM_DOWN' ? error.message : undefined);
      return putBack(job, token, wait, waitOf(error));
    }
    const last = error.retry === 'never' || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
    failure(error.code, last ? 'failed' : 'retried');
    const fields = { code: error.code, reason: error.message, try: job.attemptsMade + 1 };
    if (error.code === 'INTERNAL') log.error({ ...fields, err: error.cause }, 'scan failed');
    else log.warn(fields, 'scan failed');
    if (last) {
      await engine.runs.failed(current, error.message);
      throw new UnrecoverableError(failureText(error.code, error.message));
    }
    await tellRetry(job, error);
    throw thrown(error);
  }
}

/** Only tells since when it fails: what it fails with must not be lost over it. */
const tellRetry = (job: Job, { code }: TandemError): Promise<void> => noteRetry(job, code).catch(() => {});

/** Records that name a counterpart, and no links: this is no first sync, Redis has lost them. */
async function tellRebuild(engine: Engine, mapping: Mapping, log: Logger): Promise<void> {
  const links = engine.links(mapping.name);
  if ((await links.count()) > 0) return;
  const naming = (await links.namerCount(0)) + (await links.namerCount(1));
  if (naming > 0)
    log.warn(
      { naming },
      'there are no links, but records that name a counterpart: links are being rebuilt. Was Redis emptied?',
    );
}

/**
 * Queues every link that was agreed under other definitions. What is queued is not lost any more: either it is done, or
 * it is held with its reason.
 * @returns false when it must be done again
 */
async function backfillLinks(
  engine: Engine,
  member: Membership,
  context: SyncContext,
  mapping: Mapping,
  run: Run,
): Promise<boolean> {
  const { name, version } = mapping;
  // What began under the former version must not end after its link was looked at here.
  if (!(await member.known(name))) return false;
  await backfill(context, mapping, {
    found: (side, ids) => context.enqueue(name, side, ids),
    progress: (progress) => engine.runs.read(run, progress),
  });
  if (!(await member.inForce(name, version))) return false;
  await engine.links(name).follow({ definitions: definitionsOf(mapping) });
  await engine.runs.scanned(run);
  // Whoever edited the mapping in this moment found this run under way.
  await member.refresh();
  if (!(await member.inForce(name, version)))
    await engine.trigger({ mapping: name, scan: 'backfill', anew: true }, 'edit');
  return true;
}

async function noteChanges(engine: Engine, mapping: Mapping, run: Run): Promise<void> {
  const { definitions } = await engine.links(mapping.name).followed();
  const changes = definitions && definitionChanges(definitions, definitionsOf(mapping));
  if (changes) await engine.runs.note(run, changes);
}

/** Whether the parents' first sync is still going on. */
async function parentsBusy(engine: Engine, mapping: Mapping): Promise<boolean> {
  for (const parent of mapping.parents) {
    if (await engine.runs.scansOf(parent)) return true;
    const links = engine.links(parent);
    if ((await links.ready()) && (await links.parkedCount()) > 0) return true;
    const { waiting = 0, active = 0 } = await engine.queues.reconcile(parent).getJobCounts('waiting', 'active');
    if (waiting + active > 0) return true;
  }
  return false;
}

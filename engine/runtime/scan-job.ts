/** A scan as a job: reads both sides, or the links, marks what needs work, and ends its run's search. */
import { DelayedError, type Job, UnrecoverableError } from 'bullmq';
import type { Config, Mapping } from '../config/types.ts';
import type { Engine, FailureEvent } from '../engine.ts';
import { asTandemError, type ErrorCode, TandemError } from '../errors.ts';
import { type Logger, withFields } from '../logger.ts';
import { formerOf } from '../queue/missing.ts';
import { planScan } from '../queue/plan.ts';
import { failureText, noteRetry, noteWait, WAITS, type Wait, waitOf } from '../queue/reasons.ts';
import type { Membership } from '../queue/versions.ts';
import type { Run } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import { backfill, definitionChanges } from '../sync/backfill.ts';
import { brakeOn, brakeReason, carryOut, liftUnlimited } from '../sync/brake-answer.ts';
import { definitionsOf, scopeOf } from '../sync/definitions.ts';
import { dropCreatesOfGone } from '../sync/find-create.ts';
import { mappingScope } from '../sync/mapping-scope.ts';
import {
  type FoundOnPage,
  releaseGivenUp,
  releaseWaitingRoom,
  retryRejected,
  type ScanOptions,
  ScanSuperseded,
  scan,
} from '../sync/scan.ts';
import type { SyncContext } from '../sync/sync-context.ts';
import type { Delivered, Deliveries } from './deliveries.ts';
import { SCAN_QUEUE, type ScanJob } from './queues.ts';
import type { Work } from './work.ts';

/** How long a scan waits for the parents' first sync before it looks again, in ms. */
const PARENTS_WAIT = 300;
/** How long a scan waits for a process that has the version of its mapping, in ms. */
const VERSION_WAIT = 250;

/** One scan under way. */
interface Scanning {
  readonly engine: Engine;
  readonly member: Membership;
  readonly deliveries: Deliveries;
  readonly job: Job<ScanJob>;
  readonly token: string | undefined;
  readonly config: Config;
  readonly mapping: Mapping;
  readonly run: Run;
  readonly log: Logger;
}

/** @throws what BullMQ takes for a failed try, or for none */
export async function scanJob(
  { engine, member, deliveries }: Work,
  job: Job<ScanJob>,
  token: string | undefined,
): Promise<string> {
  const { mapping: name, scan: kind, plan = false } = job.data;
  const config = engine.config.current();
  const mapping = config.mappings.get(name);
  const begun = job.data.run ? await engine.runs.get(job.data.run) : undefined;
  if (!mapping) {
    if (await engine.versions.worked(name)) return delay(job, token, VERSION_WAIT, WAITS.version);
    if (begun) await engine.runs.failed(begun, `The mapping "${name}" was removed.`);
    return 'removed';
  }
  if (!(await member.inForce(name, mapping.version))) return delay(job, token, VERSION_WAIT, WAITS.version);
  let run = begun;
  if (!run) {
    const { run: own, started } = await engine.runs.begin({ mapping: name, scan: kind, plan, trigger: 'schedule' });
    if (!started) return 'runs already';
    run = own;
    await job.updateData({ ...job.data, run: run.id });
  }
  const { tracing } = engine.options;
  tracing?.note({ 'tandem.mapping': name, 'tandem.scan': kind, 'tandem.run': run.id });
  const fields = { mapping: name, run: run.id, scan: kind, job: job.id, trace: tracing?.id() };
  const log = withFields(engine.logger, fields);
  const scanning: Scanning = { engine, member, deliveries, job, token, config, mapping, run, log };
  try {
    const done = await scanAll(scanning);
    await engine.throughput.count(SCAN_QUEUE, 1);
    return done;
  } catch (cause) {
    if (cause instanceof DelayedError) throw cause;
    return scanFailed(scanning, asTandemError(cause));
  }
}

/** The steps of a scan in their order. Each may end it. */
async function scanAll(scanning: Scanning): Promise<string> {
  const { engine, job, token, config, mapping, run, log } = scanning;
  const { scan: kind, plan = false, record, read } = job.data;
  const { name } = mapping;
  const links = engine.links(name, config);
  if (read !== mapping.version) {
    if (!(await engine.runs.scanning(run))) return 'scanned already';
    for (const { system, entity } of mapping.sides) await engine.client(system.name).ready(entity.name);
    const context = engine.context({ owner: `${job.id}:${token}`, config, run });
    if (kind === 'backfill') await noteChanges(engine, mapping, run);
    if (plan) {
      await engine.runs.scanned(run, await planScan(engine, context, mapping, run, kind, record));
      return 'planned';
    }
    await refuseRenamed(engine, mapping);
    // An answer that a process noted, and did not live to carry out.
    const scope = mappingScope(context, mapping);
    const answered = await liftUnlimited(scope);
    if (answered?.answer) await carryOut(scope, answered);
    if (kind === 'backfill') {
      const done = await backfillLinks(scanning, context);
      return done ? 'scanned' : delay(job, token, VERSION_WAIT, WAITS.version);
    }
    if (!(await readSides(scanning, links, context, kind))) return delay(job, token, VERSION_WAIT, WAITS.version);
    await job.updateData({ ...job.data, run: run.id, read: mapping.version });
  }
  if ((await links.waitingRoom.waitingCount()) > 0 && (await links.progress.ready())) {
    // Parents first: their first sync ends before this one begins, so that references find their links.
    if (await parentsBusy(engine, mapping)) return delay(job, token, PARENTS_WAIT, WAITS.parents);
    await reportRebuild(engine, mapping, log);
    // Every run that is under way counts them, not just the one that happens to come first.
    const context = engine.context({ owner: `${job.id}:${token}`, config });
    await releaseWaitingRoom(links, (side, ids) => context.enqueue(name, side, ids));
  }
  const brake = await brakeOn(engine, mapping);
  if (brake) log.warn({ brake: brake.kind }, brakeReason(mapping, brake));
  await engine.runs.scanned(run, brake ? brakeReason(mapping, brake) : '');
  await scanAgainIfEdited(scanning);
  return brake ? 'blocked' : 'scanned';
}

/** @returns false where the mapping was edited meanwhile: a worker with the version in force reads again */
async function readSides(
  { engine, member, deliveries, job, mapping, run, log }: Scanning,
  links: Store,
  context: SyncContext,
  kind: 'changes' | 'full',
): Promise<boolean> {
  const { name } = mapping;
  const wasReady = await links.progress.ready();
  const found: ScanOptions['found'] = async (side, ids, page) => {
    if (page) deliveries.put(name, side, deliveredOf(mapping.version, page));
    await (wasReady ? context.enqueue(name, side, ids) : links.waitingRoom.addUntilReady(side, ids));
  };
  // Once for each scan, however often it waits or is tried again, and first: what this scan finds is not tried twice.
  if (kind === 'full' && wasReady && !job.data.retried) {
    await retryRejected({ links }, (side, ids) => context.enqueue(name, side, ids, true));
    await job.updateData({ ...job.data, run: run.id, retried: true });
  }
  const progress: NonNullable<Parameters<typeof scan>[3]['progress']> = (page) => engine.runs.read(run, page);
  const inForce = (): Promise<boolean> => member.inForceNow(name, mapping.version);
  const result = await scan(context, mapping, kind, { found, progress, run: run.id, inForce }).catch(
    (cause: unknown) => {
      if (cause instanceof ScanSuperseded) return undefined;
      throw cause;
    },
  );
  if (!result || !(await member.inForce(name, mapping.version))) return false;
  await releaseGivenUp(mappingScope(context, mapping), found);
  if (result.weighed.lifted) log.warn({}, 'what was missing is there again: the brake is off');
  if (kind === 'full') {
    await dropCreatesOfGone(mappingScope(context, mapping), Date.now());
    await links.progress.follow({ scope: scopeOf(mapping) });
  }
  return true;
}

/** Who edited the mapping after the last look at it, and asked for a scan, found this run under way. */
async function scanAgainIfEdited({ engine, member, mapping, job }: Scanning): Promise<void> {
  await member.refresh();
  const { name, version } = mapping;
  if ((await member.inForce(name, version)) || !engine.config.current().mappings.has(name)) return;
  await engine.trigger({ mapping: name, scan: job.data.scan }, 'edit');
}

const deliveredOf = (version: string, { records, ...request }: FoundOnPage): Delivered[] =>
  records.map((one) => ({ ...one, ...request, record: one.view.record, version, from: 'list' }));

async function scanFailed({ engine, job, token, mapping, run, log }: Scanning, error: TandemError): Promise<never> {
  const report = (code: ErrorCode, result: FailureEvent['result']): void =>
    engine.options.onFailure?.({ mapping: mapping.name, work: 'scan', code, result });
  if (error.retry === 'quota') {
    const wait = error.context.retryAfter ?? 1_000;
    report(error.code, 'postponed');
    log.debug({ code: error.code, reason: error.message }, 'scan waits');
    await engine.runs.keep(run, wait, error.code === 'SYSTEM_DOWN' ? error.message : undefined);
    return delay(job, token, wait, waitOf(error));
  }
  const last = error.retry === 'never' || job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
  report(error.code, last ? 'failed' : 'retried');
  const fields = { code: error.code, reason: error.message, try: job.attemptsMade + 1 };
  if (error.code === 'INTERNAL') log.error({ ...fields, err: error.cause }, 'scan failed');
  else log.warn(fields, 'scan failed');
  const text = failureText(error.code, error.message);
  if (last) {
    await engine.runs.failed(run, error.message);
    throw new UnrecoverableError(text);
  }
  // Only since when it fails: what it fails with must not be lost over it.
  await noteRetry(job, error.code).catch(() => {});
  throw new Error(text);
}

/** A first sync under another name would match and create what is linked under the former one. @throws TandemError MAPPING_MISSING */
async function refuseRenamed(engine: Engine, mapping: Mapping): Promise<void> {
  const former = await formerOf(engine, mapping);
  if (!former) return;
  const { name, links } = former;
  const [words, undo] = [
    `the same two sides as ${name}, which has ${links} links and no file`,
    `name it ${name} again`,
  ];
  throw new TandemError(
    'MAPPING_MISSING',
    `${mapping.name} has ${words}: ${undo}, or run "tandem mapping retire ${name}". Until then nothing is read for it.`,
    { mapping: mapping.name },
  );
}

/** Puts the job back for later without counting a failed try. */
async function delay(job: Job, token: string | undefined, ms: number, wait: Wait): Promise<never> {
  await noteWait(job, wait);
  await job.moveToDelayed(Date.now() + ms, token);
  throw new DelayedError();
}

/** Records that name a counterpart, and no links: this is no first sync, Redis has lost them. */
async function reportRebuild(engine: Engine, mapping: Mapping, log: Logger): Promise<void> {
  const links = engine.links(mapping.name);
  if ((await links.links.count()) > 0) return;
  const naming = (await links.unlinked.correlatedCount(0)) + (await links.unlinked.correlatedCount(1));
  if (naming > 0)
    log.warn(
      { naming },
      'there are no links, but records that name a counterpart: links are being rebuilt. Was Redis emptied?',
    );
}

/**
 * Marks every link that was agreed under other definitions. What is marked is not lost any more: either it is done, or
 * it gets an issue with its reason.
 * @returns false when it must be done again
 */
async function backfillLinks(scanning: Scanning, context: SyncContext): Promise<boolean> {
  const { engine, member, mapping, run } = scanning;
  const { name, version } = mapping;
  // What began under the former version must not end after its link was looked at here.
  if (!(await member.known(name))) return false;
  await backfill(context, mapping, {
    found: (side, ids) => context.enqueue(name, side, ids),
    progress: (progress) => engine.runs.read(run, progress),
  });
  if (!(await member.inForce(name, version))) return false;
  await engine.links(name).progress.follow({ definitions: definitionsOf(mapping) });
  await engine.runs.scanned(run);
  await scanAgainIfEdited(scanning);
  return true;
}

async function noteChanges(engine: Engine, mapping: Mapping, run: Run): Promise<void> {
  const { definitions } = await engine.links(mapping.name).progress.followed();
  const changes = definitions && definitionChanges(definitions, definitionsOf(mapping));
  if (changes) await engine.runs.note(run, changes);
}

/** Whether the parents' first sync is still going on. */
async function parentsBusy(engine: Engine, mapping: Mapping): Promise<boolean> {
  for (const parent of mapping.parents) {
    if (await engine.runs.scansOf(parent)) return true;
    const links = engine.links(parent);
    if ((await links.progress.ready()) && (await links.waitingRoom.waitingCount()) > 0) return true;
    if ((await engine.dirty.stats(parent)).count > 0) return true;
  }
  return false;
}

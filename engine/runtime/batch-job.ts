/**
 * A batch: some records of the dirty set of a mapping, each brought into agreement by itself, so that a slow one delays no
 * other. What ends is taken out of the set at once; a record in trouble becomes a job of its own; what waits for quota or
 * for a system goes back into the set, and counts as no try.
 */
import { randomUUID } from 'node:crypto';
import { type Job, SpanKind } from 'bullmq';
import type { Config, Mapping } from '../config/types.ts';
import { asTandemError } from '../errors.ts';
import { parseRecordKey } from '../links/keys.ts';
import type { TakenRecord } from '../store/dirty.ts';
import { outcome } from '../sync/outcome.ts';
import { jittered } from '../timing.ts';
import { type BatchJob, reconcileQueue } from './queues.ts';
import { type RecordResult, workOn } from './record.ts';
import { forgetJobs, retryLater, showRefusal, tryNow } from './trouble.ts';
import type { Work } from './work.ts';

/** Records that a batch takes at most. */
const BATCH = 50;
/** How long work waits that another process has the version of its mapping for, in ms. */
const VERSION_WAIT = 250;
/** Of the records of a mapping that wait for a system, so many are looked at per second, however many they are. */
const LOOKS = 50;

/** @returns in words what was done */
export async function batchJob(work: Work, job: Job<BatchJob>, token: string | undefined): Promise<string> {
  const { engine, member } = work;
  const { mapping: name } = job.data;
  await job.removeDeduplicationKey();
  const config = engine.config.current();
  const mapping = config.mappings.get(name);
  if (!mapping) return 'The mapping was removed.';
  if (!(await member.inForce(name, mapping.version))) {
    work.wakeLater(name, VERSION_WAIT);
    return 'Another version of the mapping is in force.';
  }
  const rest = work.paused(name) || (await systemsRest(work, mapping));
  if (rest > 0) {
    work.pause(name, rest);
    return 'Its systems cannot be asked now.';
  }
  const { records, left } = await engine.dirty.take(name, BATCH, work.lease);
  if (records.length === 0) return 'Nothing is due.';
  if (left > 0) await engine.queues.wake(name);
  await workOnBatch(work, config, mapping, records, `${job.id}:${token}`);
  return `${records.length} records`;
}

/** @returns ms for which a system of the mapping is down; one that may be tried again is tried, once for all who ask */
async function systemsRest({ engine }: Work, { sides }: Mapping): Promise<number> {
  try {
    for (const { system, entity } of sides) await engine.client(system.name).ready(entity.name);
    return 0;
  } catch (cause) {
    const error = asTandemError(cause);
    if (error.retry !== 'quota') throw error;
    return error.context.retryAfter ?? 1_000;
  }
}

/** @param owner names this batch */
export async function workOnBatch(
  work: Work,
  config: Config,
  mapping: Mapping,
  taken: readonly TakenRecord[],
  owner: string,
): Promise<void> {
  const { engine, lease } = work;
  const [run] = await engine.runs.active(mapping.name);
  const open = new Set(taken);
  const alive = setInterval(() => {
    // Without it they are looked at by another worker too, which claims keep from doing anything.
    engine.dirty.extend(mapping.name, [...open], lease).catch(() => {});
  }, lease / 3);
  alive.unref();
  try {
    await Promise.all(
      taken.map(async (one, i) => {
        const release = await work.slots(mapping.name).acquire();
        try {
          await workOnOne(work, config, mapping, one, { owner: `${owner}:${i}`, run });
        } finally {
          release();
          open.delete(one);
        }
      }),
    );
  } finally {
    clearInterval(alive);
  }
}

interface Circumstances {
  readonly owner: string;
  readonly run: string | undefined;
}

async function workOnOne(
  work: Work,
  config: Config,
  mapping: Mapping,
  taken: TakenRecord,
  { owner, run }: Circumstances,
): Promise<void> {
  const { engine } = work;
  const { name } = mapping;
  const record = { ...parseRecordKey(taken.record), run };
  const finished = { record: taken.record, lease: taken.lease } as const;
  if (await tryNow(engine, name, record)) {
    await work.finish(name, { ...finished, lease: taken.lease, outcome: outcome('unchanged'), retrying: true });
    return;
  }
  // What pauses does so for all of a mapping: the rest of a batch is not tried one by one.
  const pause = work.paused(name);
  if (pause > 0) return engine.dirty.giveBack(name, [taken], jittered(pause));
  const job = randomUUID();
  const result = await traced(work, name, taken, () =>
    workOn(work, config, mapping, { ...record, owner, job, at: taken.event?.at, tried: 0 }),
  );
  await settle(work, mapping, taken, record, job, result);
}

async function settle(
  work: Work,
  mapping: Mapping,
  taken: TakenRecord,
  record: ReturnType<typeof parseRecordKey> & { run: string | undefined },
  job: string,
  result: RecordResult,
): Promise<void> {
  const { engine } = work;
  const { name } = mapping;
  const { record: key } = taken;
  switch (result.kind) {
    case 'done':
      await forgetJobs(engine, name, record, result.outcome);
      await work.finish(name, { record: key, lease: taken.lease, outcome: result.outcome });
      return;
    case 'refused':
      // The job ends the work on the record: whoever finds its run done finds it among those that failed.
      await showRefusal(engine, name, record, job, result, taken.lease);
      return;
    case 'later': {
      const ms = await waitFor(work, mapping, result);
      if (work.firstOf(`${name} ${result.wait.why}`)) await engine.dirty.noteWait(name, result.wait, ms);
      await engine.dirty.giveBack(name, [taken], ms);
      work.wakeLater(name, ms);
      return;
    }
    case 'retry':
      await retryLater(engine, name, record, job, result.error);
      await work.finish(name, { record: key, lease: taken.lease, outcome: outcome('unchanged'), retrying: true });
  }
}

/** @returns ms until the record is looked at again; of very many, when it is its turn */
async function waitFor(work: Work, mapping: Mapping, { wait, ms }: Extract<RecordResult, { kind: 'later' }>) {
  if (wait.why === 'quota') work.pause(mapping.name, ms);
  if (wait.why !== 'away') return ms;
  const { count } = await work.engine.dirty.stats(mapping.name);
  return jittered(Math.max(ms, (count * 1_000) / LOOKS));
}

/** In the trace of the event that marked the record, else in that of the batch. */
async function traced<T>(
  { engine }: Work,
  mapping: string,
  { event }: TakenRecord,
  work: () => Promise<T>,
): Promise<T> {
  const telemetry = engine.options.tracing?.jobs;
  if (!telemetry) return work();
  const { contextManager, tracer } = telemetry;
  const active = contextManager.active();
  const parent = event?.trace === undefined ? active : contextManager.fromMetadata(active, event.trace);
  const span = tracer.startSpan(`process ${reconcileQueue(mapping)}`, { kind: SpanKind.CONSUMER }, parent);
  try {
    return await contextManager.with(span.setSpanOnContext(parent) as typeof parent, work);
  } finally {
    span.end();
  }
}

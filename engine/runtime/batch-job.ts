/**
 * A batch: some records of the dirty set of a mapping, taken together, each brought into agreement by itself, so that a slow
 * one delays no other. What ends is recorded and taken out of the set at once; a record in trouble becomes a job of its
 * own; what waits for quota or for a system goes back into the set, and counts as no try.
 */
import { randomUUID } from 'node:crypto';
import { type Job, SpanKind } from 'bullmq';
import { coalesce } from '../coalesce.ts';
import type { Config, Mapping } from '../config/types.ts';
import { asTandemError } from '../errors.ts';
import type { TakenRecord } from '../store/types.ts';
import { type Batch, type ClaimedUnit, takeBatch } from '../sync/batch.ts';
import { mappingScope } from '../sync/mapping-scope.ts';
import { withRecent } from '../sync/recent.ts';
import type { MappingScope } from '../sync/scope.ts';
import { jittered } from '../timing.ts';
import { type BatchJob, reconcileQueue } from './queues.ts';
import { retryLater, showRefusal, tryNow } from './trouble.ts';
import type { Work } from './work.ts';
import { type RecordResult, type RecordWork, type Shift, workOn } from './work-on-record.ts';

/** Records that a batch takes at most. */
const BATCH = 50;
/** How long work waits that another process has the version of its mapping for, in ms. */
const VERSION_WAIT = 250;
/** When records that another batch holds are due again, in ms: see scripts/take.lua. */
export const BUSY_WAIT = 250;
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
    work.notifyLater(name, VERSION_WAIT);
    return 'Another version of the mapping is in force.';
  }
  const rest = work.paused(name) || (await systemsRest(work, mapping));
  if (rest > 0) {
    work.pause(name, rest);
    return 'Its systems cannot be asked now.';
  }
  const shift = shiftOf(work, config, mapping, `${job.id}:${token}`);
  const batch = await takeBatch(shift.scope, { limit: BATCH });
  if (batch.busy.length > 0) work.notifyLater(name, BUSY_WAIT);
  if (batch.left > 0) await engine.queues.notify(name);
  if (batch.units.length > 0) await shift.scope.step?.('after-take');
  await workOnBatch(work, shift, batch);
  return batch.units.length === 0 ? 'Nothing is due.' : `${batch.units.length} records`;
}

/** @param owner names the worker, for claims */
export function shiftOf(work: Work, config: Config, mapping: Mapping, owner: string): Shift {
  const scope = mappingScope(work.engine.context({ owner, config }), mapping);
  const deliver: MappingScope['deliver'] = (sibling, { record }) => {
    const size = JSON.stringify(record.data).length;
    // Of no use where the sibling has a link: whether that was committed since is not known. Like a record of a page it may be
    // some minutes old when it is used, so that it is read again before it is written.
    const { name, version } = sibling.mapping;
    const known = { version, requestedAt: performance.now(), revision: undefined };
    work.deliveries.put(name, sibling.side, [{ record, from: 'list', size, ...known }]);
  };
  const { name, version } = mapping;
  // Units that create at the same time ask together.
  const inForce = coalesce<void, boolean>(async (asked) => {
    const is = await work.member.inForceNow(name, version);
    return asked.map(() => is);
  });
  const own = { ...scope, deliver, inForce, claimTtl: scope.claimTtl ?? work.lease };
  return { config, mapping, scope: withRecent(own, work.recent) };
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

async function workOnBatch(work: Work, shift: Shift, batch: Batch): Promise<void> {
  const { engine } = work;
  const { name } = shift.mapping;
  try {
    if (batch.units.length === 0) return;
    const [run] = await engine.runs.active(name);
    // All of them, also where one fails: claims are extended as long as anybody works under them.
    const ended = await Promise.allSettled(
      batch.units.map(async (unit) => {
        // What is only being recorded takes no slot.
        const release = once(await work.slots(name).acquire());
        try {
          await workOnUnit(work, shift, batch, unit, run, release);
        } finally {
          release();
        }
      }),
    );
    for (const one of ended) if (one.status === 'rejected') throw one.reason;
    await engine.throughput.count(reconcileQueue(name), batch.units.length);
  } finally {
    batch.close();
  }
}

async function workOnUnit(
  work: Work,
  shift: Shift,
  batch: Batch,
  unit: ClaimedUnit,
  run: string | undefined,
  ends: () => void,
): Promise<void> {
  const { engine } = work;
  const { name } = shift.mapping;
  const [taken] = unit.taken.records;
  const { side, id, key, event } = taken!;
  const { failedJob } = unit.taken.open[key] ?? {};
  if (failedJob !== undefined && (await tryNow(engine, name, failedJob))) {
    await unit.commit({ result: { kind: 'none' }, run: RETRYING });
    return;
  }
  // The mapping may have been edited while it waited for its turn.
  if (!(await work.member.inForce(name, shift.mapping.version))) {
    work.notifyLater(name, VERSION_WAIT);
    return unit.giveBack(VERSION_WAIT);
  }
  // What pauses does so for all of a mapping: the rest of a batch is not tried one by one.
  const pause = work.paused(name);
  if (pause > 0) return unit.giveBack(jittered(pause));
  const record = { side, id, run, job: randomUUID(), at: event?.at, tried: 0, brake: batch.brake, ends };
  try {
    const result = await traced(work, name, taken!, () => workOn(work, shift, unit, record));
    await settle(work, shift.mapping, unit, record, result);
  } catch (error) {
    await unit.giveBack(BUSY_WAIT).catch(() => {});
    throw error;
  }
}

function once(release: () => void): () => void {
  let done = false;
  return () => {
    if (!done) release();
    done = true;
  };
}

/** A record that is tried again by a job of its own: its runs wait for it no longer, but count what becomes of it. */
const RETRYING = { place: 'retrying', did: false, fields: [] } as const;

async function settle(
  work: Work,
  mapping: Mapping,
  unit: ClaimedUnit,
  record: RecordWork,
  result: RecordResult,
): Promise<void> {
  const { engine } = work;
  const { name } = mapping;
  const [{ key }] = unit.taken.records as [TakenRecord];
  switch (result.kind) {
    case 'done':
      return;
    case 'refused':
      // The job ends the work on the record: a caller that finds its run done finds it among those that failed.
      await showRefusal(engine, name, record, result);
      return;
    case 'later': {
      const ms = await waitFor(work, mapping, result);
      if (work.firstOf(`${name} ${result.wait.reason}`)) await engine.dirty.noteWait(name, result.wait, ms);
      await unit.giveBack(ms);
      work.notifyLater(name, ms);
      return;
    }
    case 'retry': {
      const former = unit.taken.open[key]?.failedJob;
      await retryLater(engine, name, record, result.error, former, async (failedJob) => {
        const answer = await unit.commit({ result: { kind: 'none' }, open: { [key]: { failedJob } }, run: RETRYING });
        return answer.kind === 'done';
      });
    }
  }
}

/** @returns ms until the record is looked at again; of very many, when it is its turn */
async function waitFor(work: Work, mapping: Mapping, { wait, ms }: Extract<RecordResult, { kind: 'later' }>) {
  if (wait.reason === 'quota') work.pause(mapping.name, ms);
  if (wait.reason !== 'away') return ms;
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

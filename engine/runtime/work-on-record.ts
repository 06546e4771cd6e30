/** One record is brought into agreement: what came of it, reported to the log, to listeners and to the trace. */
import type { Config, Mapping } from '../config/types.ts';
import type { OutcomeEvent } from '../engine.ts';
import { asTandemError, type TandemError } from '../errors.ts';
import { type Logger, withFields } from '../logger.ts';
import { type Outcome, outcome } from '../model/outcome.ts';
import { recordKey } from '../model/record-key.ts';
import { type Wait, waitOf } from '../queue/reasons.ts';
import { runCount } from '../store/runs.ts';
import type { Brake } from '../store/types.ts';
import type { ClaimedUnit } from '../sync/batch.ts';
import { lockedError } from '../sync/claim-table.ts';
import type { Ending } from '../sync/commit.ts';
import type { Facts, Unit } from '../sync/facts.ts';
import { reconcileUnit } from '../sync/reconcile.ts';
import type { MappingScope } from '../sync/scope.ts';
import { otherSide, type SideIndex } from '../types.ts';
import { failRecord, type Refusal, removeJob } from './trouble.ts';
import type { Work } from './work.ts';

/** What the records of one batch have in common. */
export interface Shift {
  readonly config: Config;
  readonly mapping: Mapping;
  readonly scope: MappingScope;
}

export interface RecordWork {
  readonly side: SideIndex;
  readonly id: string;
  /** The job that stands for the record, should it fail. */
  readonly job: string;
  /** A run that waits for it. */
  readonly run?: string | undefined;
  /** Epoch ms when an event of its system named it. */
  readonly at?: number | undefined;
  /** Tries that failed before. */
  readonly tried: number;
  /** Whether there is no further try. */
  readonly last?: boolean;
  /** The brake that was on when the record was taken. */
  readonly brake: Brake | undefined;
  /** A job of its own: its first look may have ended the marks of both records of a link, so both are read. */
  readonly alone?: boolean;
  /** Called when nothing is left but to record what became of it. */
  readonly ends?: () => void;
}

/** When a record is looked at again that another worker took over before it was given up, in ms. */
const LOST_WAIT = 250;

/** All but `later` and `retry` are recorded: those keep their claims. */
export type RecordResult =
  | { readonly kind: 'done'; readonly outcome: Outcome }
  /** Another try would meet the same: a person must fix the record, or the mapping. */
  | ({ readonly kind: 'refused'; readonly outcome: Outcome } & Refusal)
  /** It waits for quota, for a system that is down, or for another worker: no failed try. */
  | { readonly kind: 'later'; readonly wait: Wait; readonly ms: number }
  | { readonly kind: 'retry'; readonly error: TandemError };

/** One look at a record, by whom and since when. */
interface Look {
  readonly work: Work;
  readonly shift: Shift;
  readonly unit: ClaimedUnit;
  readonly record: RecordWork;
  /** `performance.now()` */
  readonly started: number;
  readonly log: Logger;
}

/** @returns never throws for what a record or a system does */
export async function workOn(work: Work, shift: Shift, unit: ClaimedUnit, record: RecordWork): Promise<RecordResult> {
  const { mapping } = shift;
  const { side, id, job, run } = record;
  const started = performance.now();
  const { tracing } = work.engine.options;
  const log = withFields(work.engine.logger, {
    mapping: mapping.name,
    side: mapping.sides[side].name,
    id,
    job,
    run,
    trace: tracing?.id(),
  });
  tracing?.note({
    'tandem.mapping': mapping.name,
    'tandem.side': mapping.sides[side].name,
    'tandem.id': id,
    'tandem.run': run,
  });
  const look: Look = { work, shift, unit, record, started, log };
  try {
    return await reconcileRecord(look);
  } catch (cause) {
    return tryFailed(look, asTandemError(cause));
  }
}

async function reconcileRecord({ work, shift, unit, record, started, log }: Look): Promise<RecordResult> {
  const { engine } = work;
  const { mapping, scope } = shift;
  const { name } = mapping;
  const { side, id, job, brake } = record;
  const { tracing } = engine.options;
  let lease: string | undefined;
  let jobs: readonly string[] = [];
  const what = {
    side,
    id,
    job,
    both: record.alone === true || unit.taken.records.length > 1,
    known: knownOf(work, name, unit, record),
  };
  const ending = async (ended: Outcome, facts: Facts): Promise<Ending> => {
    record.ends?.();
    // Before it is recorded, which may end the run.
    if (ended.code === 'BRAKE_ON') await engine.runs.warn(name, ended.reason ?? '');
    const end = await endingOf(work, mapping, unit, record, ended, facts);
    jobs = end.jobs;
    return end.ending;
  };
  const recorded = ({ lease: due }: { lease?: string }): void => {
    lease = due;
  };
  const result = await reconcileUnit(scope, unit, what, { brake, ending, recorded });
  for (const one of jobs) await removeJob(engine, name, one);
  // As in `endingOf`, for what took over while that was recorded.
  if (!(await work.member.inForce(name, mapping.version))) await scope.markDirty(name, side, [id]);
  const ms = Math.round(performance.now() - started);
  report(work, mapping, record, result, ms, await arrivals(scope, record.at, result));
  tracing?.note({ 'tandem.outcome': result.kind, 'tandem.code': result.code });
  log.info({ outcome: result.kind, writes: written(mapping, result), code: result.code, ms }, 'reconciled');
  if (result.kind !== 'failed') return { kind: 'done', outcome: result };
  const reason = result.reason ?? 'It was refused.';
  return { kind: 'refused', outcome: result, code: result.code, reason, lease };
}

/** A try came to nothing: the record waits, is tried again, or fails for good. */
async function tryFailed({ work, shift, unit, record, started, log }: Look, error: TandemError): Promise<RecordResult> {
  const { engine } = work;
  const { mapping } = shift;
  const { job } = record;
  engine.options.tracing?.note({ 'tandem.code': error.code });
  if (error.retry === 'quota' || error.context.paused) {
    engine.options.onFailure?.({ mapping: mapping.name, work: 'reconcile', code: error.code, result: 'postponed' });
    log.debug({ code: error.code, reason: error.message }, 'reconcile waits');
    return { kind: 'later', wait: waitOf(error), ms: error.context.retryAfter ?? 1_000 };
  }
  const over = error.retry === 'never' || record.last === true;
  const fields = { code: error.code, reason: error.message, try: record.tried + 1 };
  const words = over ? 'reconcile failed for good' : 'reconcile failed, it is tried again';
  if (error.code === 'INTERNAL') log.error({ ...fields, err: error.cause }, words);
  else log.warn(fields, words);
  if (!over) return { kind: 'retry', error };
  if (!(await failRecord(engine, mapping, record, job, unit.claims, error)))
    return { kind: 'later', wait: waitOf(lockedError()), ms: LOST_WAIT };
  const held = { holdMs: work.lease, open: { [unit.taken.records[0]!.key]: { failedJob: job } } };
  const answer = await unit.commit({ result: { kind: 'none' }, ...held });
  if (answer.kind !== 'done') await unit.giveBack();
  const failed = outcome('failed', { code: error.code, reason: error.message });
  report(work, mapping, record, failed, Math.round(performance.now() - started), [undefined, undefined]);
  const lease = answer.kind === 'done' ? answer.lease : undefined;
  return { kind: 'refused', outcome: failed, code: error.code, reason: error.message, lease };
}

/** What the page delivered, unless an event named the record since; of a job of its own nobody knows that any more. */
function knownOf({ deliveries }: Work, mapping: string, { taken }: ClaimedUnit, { alone }: RecordWork): Unit['known'] {
  return (side) => {
    const record = taken.records.find((one) => one.side === side);
    const known = record && deliveries.take(mapping, side, record.id);
    return record?.event || alone ? undefined : known;
  };
}

/**
 * What the last commit records beside the result: what runs count, which job stands for the record. `jobs`: those that stood
 * for it or its counterpart before, and are over.
 */
async function endingOf(
  { member, lease }: Work,
  { name, version }: Mapping,
  { taken }: ClaimedUnit,
  { side, id, job }: RecordWork,
  ended: Outcome,
  { partner }: Facts,
): Promise<{ ending: Ending; jobs: readonly string[] }> {
  // Another version took over meanwhile: what was just done may not be as that one would have it.
  const mark = (await member.inForce(name, version)) ? [] : [{ mapping: name, side, id }];
  const noted = Object.entries(taken.open).flatMap(([key, { failedJob }]) =>
    failedJob === undefined ? [] : [[key, failedJob] as const],
  );
  const other = otherSide(side);
  if (partner?.failedJob !== undefined && ended.ids)
    noted.push([recordKey(other, ended.ids[other]), partner.failedJob]);
  const jobs = noted.map(([, failedJob]) => failedJob).filter((one) => one !== job);
  const own = recordKey(side, id);
  // It leaves the dirty set, and its runs, once its job is among those that failed.
  if (ended.kind === 'failed')
    return {
      ending: { mark, holdMs: lease, open: { [own]: { failedJob: job } } },
      jobs: jobs.filter((one) => one === taken.open[own]?.failedJob),
    };
  const open = Object.fromEntries(noted.map(([key]) => [key, { failedJob: null }]));
  return { ending: { mark, open, run: runCount(ended) }, jobs };
}

function report(
  { engine }: Work,
  { name, sides }: Mapping,
  { side, id }: RecordWork,
  result: Outcome,
  ms: number,
  arrived: OutcomeEvent['arrived'],
): void {
  const names = [sides[0].name, sides[1].name] as const;
  engine.options.onOutcome?.({ mapping: name, sides: names, side, id, outcome: result, ms, arrived });
}

/** Properties written, by the name of the side; undefined where nothing was. */
function written({ sides }: Mapping, { writes }: Outcome): Record<string, readonly string[]> | undefined {
  const some = sides.filter(({ index }) => writes[index].length > 0);
  return some.length === 0 ? undefined : Object.fromEntries(some.map(({ name, index }) => [name, writes[index]]));
}

/**
 * How long changes took from where they were made to where they were written: by the time that the source states, less
 * what its clock is ahead, or else since its event came. What was there before all was read for the first time could not
 * have been brought sooner.
 */
async function arrivals(
  scope: MappingScope,
  at: number | undefined,
  { kind, changes }: Outcome,
): Promise<OutcomeEvent['arrived']> {
  if (!changes) return [undefined, undefined];
  const now = Date.now();
  const firstRead = kind === 'created' ? ((await scope.firstRead()) ?? now) : 0;
  const since = (change: string | undefined, source: SideIndex): number | undefined => {
    const ahead = scope.clients[source].clock.ahead();
    const made = change === undefined ? undefined : change === '' ? at : Date.parse(change) - ahead;
    return made === undefined || Number.isNaN(made) || made < firstRead ? undefined : Math.max(0, now - made);
  };
  return [since(changes[0], 1), since(changes[1], 0)];
}

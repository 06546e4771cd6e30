/** One record is brought into agreement: what came of it, told to the log, to listeners and to the trace. */
import type { Config, Mapping } from '../config/types.ts';
import type { OutcomeEvent } from '../engine.ts';
import { asTandemError, type ErrorCode, type TandemError } from '../errors.ts';
import { withFields } from '../logger.ts';
import { type Wait, waitOf } from '../queue/reasons.ts';
import { type Outcome, outcome } from '../sync/outcome.ts';
import { reconcile } from '../sync/reconcile.ts';
import { mappingScope } from '../sync/scope.ts';
import type { SideIndex } from '../types.ts';
import { giveUp } from './trouble.ts';
import type { Work } from './work.ts';

export interface RecordWork {
  readonly side: SideIndex;
  readonly id: string;
  /** Names whoever does this work, for claims. */
  readonly owner: string;
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
}

export type RecordResult =
  | { readonly kind: 'done'; readonly outcome: Outcome }
  /** Another try would meet the same: a person must fix the record, or the mapping. */
  | {
      readonly kind: 'refused';
      readonly outcome: Outcome;
      readonly code: ErrorCode | undefined;
      readonly reason: string;
    }
  /** It waits for quota, for a system that is down, or for another worker: no failed try. */
  | { readonly kind: 'later'; readonly wait: Wait; readonly ms: number }
  | { readonly kind: 'retry'; readonly error: TandemError };

/** @returns never throws for what a record or a system does */
export async function workOn(work: Work, config: Config, mapping: Mapping, record: RecordWork): Promise<RecordResult> {
  const { engine, member } = work;
  const { name } = mapping;
  const { side, id, owner, job, run, tried } = record;
  const started = performance.now();
  const { tracing } = engine.options;
  const log = withFields(engine.logger, {
    mapping: name,
    side: mapping.sides[side].name,
    id,
    job,
    run,
    trace: tracing?.id(),
  });
  tracing?.note({
    'tandem.mapping': name,
    'tandem.side': mapping.sides[side].name,
    'tandem.id': id,
    'tandem.run': run,
  });
  try {
    const context = engine.context({ owner, config, job });
    const result = await reconcile(mappingScope(context, mapping), { side, id });
    // Another version took over meanwhile: what was just done may not be as that one would have it.
    if (!(await member.inForce(name, mapping.version))) await context.enqueue(name, side, [id]);
    const ms = Math.round(performance.now() - started);
    report(work, mapping, record, result, ms, await arrivals(engine, mapping, record.at, result));
    tracing?.note({ 'tandem.outcome': result.kind, 'tandem.code': result.code });
    log.info({ outcome: result.kind, writes: written(mapping, result), code: result.code, ms }, 'reconciled');
    if (result.code === 'BRAKE_ON') await engine.runs.warn(name, result.reason ?? '');
    if (result.kind !== 'failed') return { kind: 'done', outcome: result };
    return { kind: 'refused', outcome: result, code: result.code, reason: result.reason ?? 'It was refused.' };
  } catch (cause) {
    const error = asTandemError(cause);
    tracing?.note({ 'tandem.code': error.code });
    if (error.retry === 'quota' || error.context.paused) {
      engine.options.onFailure?.({ mapping: name, work: 'reconcile', code: error.code, result: 'postponed' });
      log.debug({ code: error.code, reason: error.message }, 'reconcile waits');
      return { kind: 'later', wait: waitOf(error), ms: error.context.retryAfter ?? 1_000 };
    }
    const over = error.retry === 'never' || record.last === true;
    const fields = { code: error.code, reason: error.message, try: tried + 1 };
    const words = over ? 'reconcile failed for good' : 'reconcile failed, it is tried again';
    if (error.code === 'INTERNAL') log.error({ ...fields, err: error.cause }, words);
    else log.warn(fields, words);
    if (!over) return { kind: 'retry', error };
    await giveUp(engine, mapping, record, job, error);
    const failed = outcome('failed', { code: error.code, reason: error.message });
    report(work, mapping, record, failed, Math.round(performance.now() - started), [undefined, undefined]);
    return { kind: 'refused', outcome: failed, code: error.code, reason: error.message };
  }
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
  engine: Work['engine'],
  { name, sides }: Mapping,
  at: number | undefined,
  { kind, changes }: Outcome,
): Promise<OutcomeEvent['arrived']> {
  if (!changes) return [undefined, undefined];
  const now = Date.now();
  const firstRead = kind === 'created' ? ((await engine.links(name).firstRead()) ?? now) : 0;
  const since = (change: string | undefined, source: SideIndex): number | undefined => {
    const ahead = engine.client(sides[source].system.name).clock.ahead();
    const made = change === undefined ? undefined : change === '' ? at : Date.parse(change) - ahead;
    return made === undefined || Number.isNaN(made) || made < firstRead ? undefined : Math.max(0, now - made);
  };
  return [since(changes[0], 1), since(changes[1], 0)];
}

/** The records of runs: those that a run waits for, and what became of them. */
import { recordKey } from '../../model/record-key.ts';
import { dirtyKey } from '../dirty.ts';
import { now, type RunContext } from './run-context.ts';
import { didSomething, increments, isPlace } from './run-counts.ts';
import type { Finished, PlanEntry, Run } from './types.ts';

/** Entries of a plan kept per run. */
const PLAN_KEPT = 10_000;

export function recordsOfRuns({ redis, prefix, base, runKey, activeKey, retryingKey, againKey }: RunContext) {
  return {
    /**
     * These records of the run's own mapping are its to wait for, unless it is over. Call before they are queued.
     * @param retried rejected writes of theirs are tried again: they are counted apart
     */
    async expect(run: Pick<Run, 'id'>, mapping: string, records: readonly string[], retried = false): Promise<void> {
      for (let i = 0; i < records.length; i += 500)
        await redis.tandemRunExpect(
          ...[runKey(run.id), activeKey(mapping)],
          ...[base, run.id, mapping, retried ? '1' : '', ...records.slice(i, i + 500)],
        );
    },

    /**
     * Ends the work on records of one mapping: see FINISH in run-scripts.ts.
     * @returns per record whether it is done with; false: it was marked again meanwhile
     */
    async finish(mapping: string, finished: readonly Finished[]): Promise<boolean[]> {
      if (finished.length === 0) return [];
      const left = await redis.tandemRunFinish(
        ...[dirtyKey(prefix, mapping), activeKey(mapping), retryingKey(mapping), againKey(mapping)],
        ...[base, mapping, now()],
        ...finished.flatMap(({ record, lease = '', outcome, retrying = false }) => {
          const fields = increments(outcome).filter(([field]) => !isPlace(field));
          return [
            record,
            lease,
            retrying ? 'retrying' : isPlace(outcome.kind) ? outcome.kind : '',
            outcome.ids ? recordKey(0, outcome.ids[0]) : record,
            didSomething(outcome) ? '1' : '',
            ...(retrying ? ['0'] : [String(fields.length), ...fields.flatMap(([field, by]) => [field, String(by)])]),
          ];
        }),
      );
      return left.map((one) => one === 1);
    },

    async plan(run: Pick<Run, 'id'>, entry: PlanEntry): Promise<void> {
      const pipeline = redis
        .pipeline()
        .rpush(`${runKey(run.id)}:plan`, JSON.stringify(entry))
        .ltrim(`${runKey(run.id)}:plan`, 0, PLAN_KEPT - 1);
      for (const [field, by] of increments(entry)) pipeline.hincrby(runKey(run.id), field, by);
      await pipeline.hincrby(runKey(run.id), 'done', 1).hincrby(runKey(run.id), 'work', 1).exec();
    },

    planned: async (id: string, offset = 0, limit = 100): Promise<PlanEntry[]> =>
      (await redis.lrange(`${runKey(id)}:plan`, offset, offset + limit - 1)).map(
        (json) => JSON.parse(json) as PlanEntry,
      ),
  };
}

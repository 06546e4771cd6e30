/** Ends the work on records: what ends at the same time is ended together, and counted. */
import { coalesce } from '../coalesce.ts';
import type { Engine } from '../engine.ts';
import type { Finished } from '../store/runs.ts';
import { reconcileQueue } from './queues.ts';

export interface Finishing {
  /** Ends the work on a record. @returns false where it was marked again meanwhile */
  finish(mapping: string, finished: Finished): Promise<boolean>;
  /**
   * Ends the work on a record once its job is among those that failed: a caller that finds its run done finds the job
   * there.
   */
  finishOnceFailed(mapping: string, job: string | undefined, finished: Finished): void;
  /** Called for every job that failed. */
  failed(job: string | undefined): void;
}

export function createFinishing(engine: Engine): Finishing {
  const finishing = new Map<string, (finished: Finished) => Promise<boolean>>();
  const failing = new Map<string, () => Promise<boolean>>();

  function finish(mapping: string, finished: Finished): Promise<boolean> {
    const known = finishing.get(mapping) ?? finishingOf(engine, mapping);
    finishing.set(mapping, known);
    return known(finished);
  }

  return {
    finish,
    finishOnceFailed(mapping, job, finished) {
      if (job !== undefined) failing.set(job, () => finish(mapping, finished));
    },
    failed(job) {
      const end = job === undefined ? undefined : failing.get(job);
      if (job === undefined || !end) return;
      failing.delete(job);
      // Else its record is due again when its lease ends, or its run is found stuck.
      end().catch((error: unknown) =>
        engine.logger.warn({ job, reason: String(error) }, 'ending the work on a record'),
      );
    },
  };
}

const finishingOf = (engine: Engine, mapping: string): ((finished: Finished) => Promise<boolean>) =>
  coalesce(async (some) => {
    const [left] = await Promise.all([
      engine.runs.finish(mapping, some),
      engine.throughput.count(reconcileQueue(mapping), some.length),
    ]);
    return left;
  });

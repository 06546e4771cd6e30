/** What the jobs of one process share: how many records are worked on at once, what is ended together, who pauses. */

import { coalesce } from '../coalesce.ts';
import { createSemaphore, type Semaphore } from '../connectors/semaphore.ts';
import type { Engine } from '../engine.ts';
import type { Membership } from '../queue/versions.ts';
import type { Finished } from '../store/runs.ts';
import { createRecentReader, type RecentReader } from '../sync/recent.ts';
import { createDeliveries, type Deliveries } from './deliveries.ts';
import { reconcileQueue } from './queues.ts';

export interface WorkOptions {
  /** Records of one mapping that this process works on at once. */
  readonly concurrency: number;
  /** Ms for which a record is hidden from other workers, unless this process shows that it is alive. */
  readonly lease: number;
}

export interface Work extends WorkOptions {
  readonly engine: Engine;
  readonly member: Membership;
  /** Records that scans of this process have just read. */
  readonly deliveries: Deliveries;
  /** What changed in the targets of creates since this process asked last. */
  readonly recent: RecentReader;
  /** Held while a record of the mapping is worked on. */
  slots(mapping: string): Semaphore;
  /** Ends the work on a record. @returns false where it was marked again meanwhile */
  finish(mapping: string, finished: Finished): Promise<boolean>;
  /**
   * Ends the work on a record once its job is among those that failed: a caller that finds its run done finds the job
   * there.
   */
  finishOnceFailed(mapping: string, job: string | undefined, finished: Finished): void;
  /** Called for every job that failed. */
  failed(job: string | undefined): void;
  /** Whether something of this name was not done within the last second. */
  firstOf(name: string): boolean;
  /** Takes nothing of the mapping for `ms`, and looks again then. */
  pause(mapping: string, ms: number): void;
  /** Ms for which nothing of the mapping is taken; 0 where something may be. */
  paused(mapping: string): number;
  /** Has the dirty set of a mapping looked into after `ms`. */
  notifyLater(mapping: string, ms: number): void;
  close(): void;
}

/** What is noted for many records alike is noted once in this time, in ms. */
const ONCE = 1_000;

// Over 60 lines: a factory. What it returns are short functions that share what is under way in this process.
export function createWork(engine: Engine, member: Membership, options: WorkOptions): Work {
  const slots = new Map<string, Semaphore>();
  const finishing = new Map<string, (finished: Finished) => Promise<boolean>>();
  const failing = new Map<string, () => Promise<boolean>>();
  const pauses = new Map<string, number>();
  const deliveries = createDeliveries();
  const lately = new Map<string, number>();
  const timers = new Map<string, { at: number; timer: NodeJS.Timeout }>();

  const known = <T>(map: Map<string, T>, mapping: string, make: () => T): T => {
    const found = map.get(mapping) ?? make();
    map.set(mapping, found);
    return found;
  };

  const work: Work = {
    ...options,
    engine,
    member,
    deliveries,
    recent: createRecentReader(),
    slots: (mapping) => known(slots, mapping, () => createSemaphore(options.concurrency)),
    finish: (mapping, finished) =>
      known(finishing, mapping, () =>
        coalesce(async (some) => {
          const [left] = await Promise.all([
            engine.runs.finish(mapping, some),
            engine.throughput.count(reconcileQueue(mapping), some.length),
          ]);
          return left;
        }),
      )(finished),
    finishOnceFailed(mapping, job, finished) {
      if (job !== undefined) failing.set(job, () => work.finish(mapping, finished));
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
    firstOf(name) {
      const now = performance.now();
      if (now - (lately.get(name) ?? Number.NEGATIVE_INFINITY) < ONCE) return false;
      lately.set(name, now);
      return true;
    },
    pause(mapping, ms) {
      pauses.set(mapping, Math.max(pauses.get(mapping) ?? 0, performance.now() + ms));
      work.notifyLater(mapping, ms);
    },
    paused: (mapping) => Math.max(0, Math.ceil((pauses.get(mapping) ?? 0) - performance.now())),
    notifyLater(mapping, ms) {
      const at = performance.now() + ms;
      const set = timers.get(mapping);
      if (set && set.at <= at) return;
      clearTimeout(set?.timer);
      const timer = setTimeout(() => {
        timers.delete(mapping);
        engine.queues
          .notify(mapping)
          .catch((error: unknown) =>
            engine.logger.debug({ mapping, reason: String(error) }, 'waking: looked at again soon'),
          );
      }, Math.ceil(ms) + 1);
      timer.unref();
      timers.set(mapping, { at, timer });
    },
    close() {
      for (const { timer } of timers.values()) clearTimeout(timer);
      deliveries.close();
    },
  };
  return work;
}

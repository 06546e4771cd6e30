/** What the jobs of one process share: how many records are worked on at once, what is ended together, who pauses. */

import { createSemaphore, type Semaphore } from '../connectors/semaphore.ts';
import type { Engine } from '../engine.ts';
import type { Membership } from '../queue/versions.ts';
import { createRecentReader, type RecentReader } from '../sync/recent.ts';
import { createDeliveries, type Deliveries } from './deliveries.ts';
import { createFinishing, type Finishing } from './finishing.ts';
import { createPauses, type Pauses } from './pauses.ts';

export interface WorkOptions {
  /** Records of one mapping that this process works on at once. */
  readonly concurrency: number;
  /** Ms for which a record is hidden from other workers, unless this process shows that it is alive. */
  readonly lease: number;
}

export interface Work extends WorkOptions, Finishing, Pauses {
  readonly engine: Engine;
  readonly member: Membership;
  /** Records that scans of this process have just read. */
  readonly deliveries: Deliveries;
  /** What changed in the targets of creates since this process asked last. */
  readonly recent: RecentReader;
  /** Held while a record of the mapping is worked on. */
  slots(mapping: string): Semaphore;
  /** Whether something of this name was not done within the last second. */
  firstOf(name: string): boolean;
}

/** What is noted for many records alike is noted once in this time, in ms. */
const ONCE = 1_000;

export function createWork(engine: Engine, member: Membership, options: WorkOptions): Work {
  const slots = new Map<string, Semaphore>();
  const deliveries = createDeliveries();
  const lately = new Map<string, number>();
  const pauses = createPauses(engine);

  return {
    ...options,
    engine,
    member,
    deliveries,
    recent: createRecentReader(),
    slots(mapping) {
      const found = slots.get(mapping) ?? createSemaphore(options.concurrency);
      slots.set(mapping, found);
      return found;
    },
    ...createFinishing(engine),
    firstOf(name) {
      const now = performance.now();
      if (now - (lately.get(name) ?? Number.NEGATIVE_INFINITY) < ONCE) return false;
      lately.set(name, now);
      return true;
    },
    ...pauses,
    close() {
      pauses.close();
      deliveries.close();
    },
  };
}

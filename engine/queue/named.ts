/** The queues by name: that of the scans, and one of each mapping. */
import type { Queue } from 'bullmq';
import type { Engine } from '../engine.ts';
import { TandemError } from '../errors.ts';
import { reconcileQueue, SCAN_QUEUE } from '../runtime/queues.ts';

/**
 * The queues as BullMQ has them, for a board that shows them as they are; all else names a queue. The scan queue, one per
 * mapping in force, and those of former mappings that this process has seen.
 */
export function rawQueues(engine: Engine): Queue[] {
  for (const name of engine.config.current().mappings.keys()) engine.queues.reconcile(name);
  return engine.queues.all();
}

/** The mapping whose records a queue holds; undefined for the scans. */
export const mappingOfQueue = (name: string): string | undefined =>
  name === SCAN_QUEUE ? undefined : name.slice(reconcileQueue('').length);

/** @param name of the queue, or of its mapping. @throws TandemError NOT_FOUND */
export function queueNamed(engine: Engine, name: string): Queue {
  const queues = rawQueues(engine);
  const named = (wanted: string): Queue | undefined => queues.find((candidate) => candidate.name === wanted);
  const queue = named(name) ?? named(reconcileQueue(name));
  if (queue) return queue;
  throw new TandemError(
    'NOT_FOUND',
    `There is no queue "${name}". There are: ${queues.map((one) => mappingOfQueue(one.name) ?? one.name).join(', ')}.`,
  );
}

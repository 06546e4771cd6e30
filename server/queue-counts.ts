/** The queues by name, and how many jobs stand where. */
import type { Queue } from 'bullmq';
import type { Engine } from '../engine/engine.ts';
import { TandemError } from '../engine/errors.ts';

export const JOB_STATES = ['waiting', 'active', 'delayed', 'failed', 'completed'] as const;
export type JobState = (typeof JOB_STATES)[number];

export interface QueueStand {
  readonly name: string;
  readonly paused: boolean;
  readonly counts: Record<JobState, number>;
  /** How long the oldest waiting job has waited, in ms; undefined when none waits. */
  readonly oldestWaiting: number | undefined;
}

/** The scan queue, one per mapping in force, and those of former mappings that this process has seen. */
export function queuesOf(engine: Engine): Queue[] {
  for (const name of engine.config.current().mappings.keys()) engine.queues.reconcile(name);
  return engine.queues.all();
}

/** @throws TandemError NOT_FOUND */
export function queueNamed(engine: Engine, name: string): Queue {
  const queues = queuesOf(engine);
  const queue = queues.find((candidate) => candidate.name === name);
  if (queue) return queue;
  throw new TandemError(
    'NOT_FOUND',
    `There is no queue "${name}". There are: ${queues.map((one) => one.name).join(', ')}.`,
  );
}

export async function standOf(queue: Queue): Promise<QueueStand> {
  const [counts, paused, oldest] = await Promise.all([
    queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed', 'completed'),
    queue.isPaused(),
    queue.getJobs(['waiting'], 0, 0, true),
  ]);
  const since = oldest[0]?.timestamp;
  return {
    name: queue.name,
    paused,
    counts: {
      waiting: (counts.waiting ?? 0) + (counts.prioritized ?? 0),
      active: counts.active ?? 0,
      delayed: counts.delayed ?? 0,
      failed: counts.failed ?? 0,
      completed: counts.completed ?? 0,
    },
    oldestWaiting: since === undefined ? undefined : Math.max(0, Date.now() - since),
  };
}

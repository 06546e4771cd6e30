/** Whole queues: shown with their counts, their pace and why their jobs wait; and drained. */
import type { Queue } from 'bullmq';
import type { QueuesQuery, Static } from '../api/index.ts';
import { discardJobs, discardMarked, type Engine, type LivingProcess, type Touched } from '../engine/index.ts';
import { iso } from './present.ts';
import { mappingOf, pausesOf, queuesOf, reasonsOf, reasonsOfPauses, standOf, throughputOf } from './queue-counts.ts';

export async function listQueues(engine: Engine, { offset, limit, reasons }: Static<typeof QueuesQuery>) {
  const queues = queuesOf(engine);
  const page = queues.slice(offset, offset + limit);
  const processes = await engine.versions.processes();
  const shown = await Promise.all(page.map((queue) => presentQueue(engine, queue, reasons, processes)));
  return { queues: shown, total: queues.length, offset, limit };
}

/** @param living the processes that are alive, where it was asked for already */
export async function presentQueue(
  engine: Engine,
  queue: Queue,
  withReasons: boolean,
  living?: readonly LivingProcess[],
) {
  const { later, ...stand } = await standOf(engine, queue);
  const pauses = pausesOf(engine, stand, living ?? (await engine.versions.processes()));
  const [pace, reasons] = await Promise.all([
    throughputOf(engine, queue, { ...stand, later }, pauses.length > 0),
    withReasons
      ? reasonsOf(engine, queue, { ...stand, later }).then((found) => [
          ...reasonsOfPauses(pauses, { ...stand, later }),
          ...found,
        ])
      : undefined,
  ]);
  return {
    ...stand,
    ...pace,
    ...(reasons ? { reasons: reasons.map((one) => ({ ...one, since: iso(one.since) })) } : {}),
  };
}

/** Marked records first, then jobs, up to the limit. */
export async function drain(engine: Engine, queue: Queue, limit: number): Promise<Touched> {
  const mapping = mappingOf(queue);
  let touched = mapping === undefined ? 0 : await discardMarked(engine, mapping, limit);
  if (touched >= limit) return { touched, next: 0 };
  for (const state of ['waiting', 'delayed'] as const) {
    const done = await discardJobs(engine, queue, { state, filter: {}, limit: limit - touched, offset: 0 });
    touched += done.touched;
    if (touched >= limit) return { touched, next: 0 };
  }
  return { touched };
}

/**
 * Runs that wait for work of which nothing is marked: the process that was to mark it has ended in between. Records are
 * marked again, and a run whose scan was never queued ends; so does the wait for records of a mapping that was removed.
 * Like BullMQ's own look for stalled jobs, every process with workers does this now and then; doing it twice is
 * harmless.
 */
import type { Engine } from '../engine.ts';
import { outcome } from '../model/outcome.ts';
import type { ScanJob } from './queues.ts';

/** @returns what looks once; a run that has moved since the look before is left alone */
export function createStuckRuns(engine: Engine): () => Promise<void> {
  let before = new Map<string, number>();
  return async () => {
    const runs = await engine.runs.unfinished();
    const now = new Map(runs.map(({ id, pending }) => [id, pending]));
    const stuck = runs.filter(({ id, pending }) => pending > 0 && before.get(id) === pending);
    before = now;
    for (const { id } of stuck) await markAgain(engine, id);

    const silent = runs.filter(({ scanning, silent }) => scanning && silent);
    if (silent.length === 0) return;
    const jobs = await engine.queues.scan.getJobs(['waiting', 'active', 'delayed', 'prioritized']);
    const queued = new Set(jobs.map((job) => (job?.data as ScanJob | undefined)?.run));
    for (const { id } of silent)
      if (!queued.has(id))
        await engine.runs.failed({ id }, 'The process that began it ended before its scan was queued.');
  };
}

async function markAgain(engine: Engine, group: string): Promise<void> {
  for await (const batch of engine.runs.pending(group)) {
    for (const mapping of new Set(batch.map((entry) => entry.mapping))) {
      const records = batch.filter((entry) => entry.mapping === mapping).map(({ record }) => record);
      if (!engine.config.current().mappings.has(mapping) && !(await engine.versions.worked(mapping))) {
        const removed = outcome('excluded', { reason: `The mapping "${mapping}" was removed.` });
        await engine.runs.finish(
          mapping,
          records.map((record) => ({ record, outcome: removed })),
        );
        continue;
      }
      const marked = new Set(await engine.dirty.marked(mapping, records));
      const lost = records.filter((record) => !marked.has(record));
      if (lost.length === 0) continue;
      await engine.dirty.mark(mapping, lost);
      await engine.queues.notify(mapping);
    }
  }
}

/** Records that are marked to be looked at, and what is queued for one record. */
import type { Engine } from '../engine.ts';
import { parseRecordKey, recordKey } from '../model/record-key.ts';
import type { SideIndex } from '../types.ts';
import { jobAndState } from './jobs.ts';
import { mappingOfQueue, queueNamed } from './named.ts';
import { type SeenJob, seenJobs } from './seen-job.ts';

/** A record that is to be looked at. */
export interface MarkedRecord {
  readonly mapping: string;
  readonly side: SideIndex;
  readonly id: string;
  /** Epoch ms: from when on it is looked at. */
  readonly due: number;
}

/** A page of the records of a queue that wait to be looked at, the longest due first. @throws TandemError NOT_FOUND */
export async function pageOfMarked(
  engine: Engine,
  queue: string,
  offset: number,
  limit: number,
): Promise<{ page: MarkedRecord[]; total: number }> {
  const mapping = mappingOfQueue(queueNamed(engine, queue).name);
  if (mapping === undefined) return { page: [], total: 0 };
  const [marked, { count: total }] = await Promise.all([
    engine.dirty.list(mapping, offset, limit),
    engine.dirty.stats(mapping),
  ]);
  return { page: marked.map((one) => markedRecord(mapping, one)), total };
}

/**
 * What is queued for a record, and for the one that it is linked to. A record in trouble has a job of its own, which is
 * noted; whatever else is to be looked at is marked.
 */
export async function queuedForRecord(
  engine: Engine,
  mapping: string,
  side: SideIndex,
  id: string,
): Promise<{ jobs: SeenJob[]; marked: MarkedRecord[] }> {
  const queue = engine.queues.reconcile(mapping);
  const links = engine.links(mapping);
  const counterpart = await links.reader.counterpart(side, id);
  const records = [{ side, id }];
  if (counterpart !== undefined) records.push({ side: side === 0 ? 1 : 0, id: counterpart });
  const [noted, due] = await Promise.all([
    Promise.all(records.map((record) => links.issues.open(record.side, record.id))),
    engine.dirty.dueOf(
      mapping,
      records.map((record) => recordKey(record.side, record.id)),
    ),
  ]);
  const jobs = [...new Set(noted.flatMap(({ failedJob }) => failedJob ?? []))];
  const found = await Promise.all(jobs.map((job) => jobAndState(queue, job)));
  return {
    jobs: await seenJobs(
      engine,
      queue,
      found.filter((one) => one !== undefined),
    ),
    marked: due.map((one) => markedRecord(mapping, one)),
  };
}

/** Records and jobs of a mapping that wait, and jobs that failed. */
export async function queuedOf(engine: Engine, mapping: string): Promise<number> {
  const queue = engine.queues.reconcile(mapping);
  const [{ count }, jobs] = await Promise.all([
    engine.dirty.stats(mapping),
    queue.getJobCountByTypes('waiting', 'prioritized', 'delayed', 'failed'),
  ]);
  return count + jobs;
}

const markedRecord = (mapping: string, { record, due }: { record: string; due: number }): MarkedRecord => ({
  mapping,
  ...parseRecordKey(record),
  due,
});

/** Records that are marked to be looked at, and what is queued for one record. */
import type { Queue } from 'bullmq';
import type { MarkedQuery, Static } from '../api/index.ts';
import { type Engine, parseRecordKey, recordKey, type SideIndex } from '../engine/index.ts';
import { iso } from './present.ts';
import { mappingOf } from './queue-counts.ts';
import { jobAndState, presentJobs } from './queue-jobs.ts';
import { sideNames } from './side-names.ts';

export async function listMarked(engine: Engine, queue: Queue, { offset, limit }: Static<typeof MarkedQuery>) {
  const mapping = mappingOf(queue);
  if (mapping === undefined) return { records: [], total: 0, offset, limit };
  const [marked, { count: total }] = await Promise.all([
    engine.dirty.list(mapping, offset, limit),
    engine.dirty.stats(mapping),
  ]);
  return { records: marked.map((one) => presentMarked(engine, mapping, one)), total, offset, limit };
}

/** A record in trouble has a job of its own, which is noted; whatever else is to be looked at is marked. */
export async function jobsOfRecord(engine: Engine, mapping: string, side: SideIndex, id: string) {
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
    jobs: await presentJobs(
      engine,
      queue,
      found.filter((one) => one !== undefined),
    ),
    marked: due.map((one) => presentMarked(engine, mapping, one)),
  };
}

function presentMarked(engine: Engine, mapping: string, { record, due }: { record: string; due: number }) {
  const { side, id } = parseRecordKey(record);
  return { mapping, side: sideNames(engine, mapping)[side], id, due: iso(due) };
}

/**
 * The queues: one for scans, one per mapping. A job of a mapping is a batch (some of the records of its dirty set), or one
 * record in trouble. Jobs name records; they never hold what happened to them.
 */
import { type Job, type JobsOptions, Queue, type QueueOptions, type Telemetry } from 'bullmq';
import type { Redis } from 'ioredis';
import type { ErrorCode } from '../errors.ts';
import type { RunKind } from '../sync/scan.ts';
import type { SideIndex } from '../types.ts';

/** The queue of all scans and backfills, whichever their mapping. */
export const SCAN_QUEUE = 'scan';
/** The queue of one mapping: its batches, and its records in trouble. */
export const reconcileQueue = (mapping: string): string => `reconcile-${mapping}`;
/** In braces, as BullMQ wants it for a Redis Cluster; there it has them already. */
export const queuePrefix = (prefix: string): string => (prefix.startsWith('{') ? prefix : `{${prefix}}`);

/** "Take some records of the dirty set of this mapping." */
export interface BatchJob {
  readonly mapping: string;
}

/** A record in trouble: a job of its own, with tries and a reason. */
export interface RecordJob {
  readonly mapping: string;
  readonly side: SideIndex;
  readonly id: string;
  /** A run that waited for it, so that lines of the log can be found by run. */
  readonly run?: string;
  /** Tries that failed before there was this job. */
  readonly tried?: number;
  /** It was refused: the first thing that the job does is to fail, so that it is seen among those that failed. */
  readonly refused?: { readonly code?: ErrorCode; readonly reason: string; readonly lease?: string };
}

/** The data of a job in the queue of a mapping. A batch takes its records only when it begins. */
export type MappingJob = BatchJob | RecordJob;

/** True for a record in trouble, false for a batch. */
export const isRecordJob = (data: MappingJob): data is RecordJob => 'id' in data;

/** The data of a job in `SCAN_QUEUE`. A job that is tried again, or taken over, goes on where its run left off. */
export interface ScanJob {
  readonly mapping: string;
  readonly scan: RunKind;
  /** Absent for a scheduled scan: its run begins with the job. */
  readonly run?: string;
  /** The version of the mapping under which both sides were read; what is left is to mark what waited for that. */
  readonly read?: string;
  /** Rejected writes were marked to be tried again. */
  readonly retried?: boolean;
  /** Tell what would be done, for all that needs work or for one record. */
  readonly plan?: boolean;
  readonly record?: { readonly side: SideIndex; readonly id: string };
}

/** 1 s, 2 s, 4 s ... with half of it random: 12 tries within about half an hour. */
const FIRST_RETRY = 1_000;
const TRIES = 12;
const KEEP = {
  removeOnComplete: { count: 1_000, age: 24 * 3600 },
  removeOnFail: { count: 10_000, age: 30 * 24 * 3600 },
} as const;
/** Batches are many and tell little once they are done. */
const KEEP_BATCHES = { removeOnComplete: { count: 20 }, removeOnFail: { count: 20 }, attempts: 1 } as const;

/** Jobs are seen by all who may read the queues: the reason is for them, where in the code it arose is for the log. */
const NO_STACKS = { stackTraceLimit: 0 } as const;

export interface Queues {
  readonly scan: Queue<ScanJob>;
  reconcile(mapping: string): Queue<MappingJob>;
  /** All queues opened so far. */
  all(): Queue[];
  /**
   * Has a worker look into the dirty set of a mapping. Any number of calls before it does is one.
   * @param traced whether that belongs to the trace under way here: not for events, whose records have traces of their own
   */
  notify(mapping: string, traced?: boolean): Promise<void>;
  /** Has a record tried again, after a while and up to a number of times. @param id of its job */
  retry(job: Omit<RecordJob, 'tried' | 'refused'>, id: string): Promise<Job>;
  /** Shows a record that was refused among the jobs that failed. @param id of its job */
  refuse(job: RecordJob, id: string): Promise<Job>;
  /** Deletes the queue of a mapping and all its jobs. */
  drop(mapping: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens no queue of a mapping before it is asked for. `close` leaves the connection to the caller.
 * @param prefix first part of every key, as `keyPrefix` says
 * @param firstRetry ms before the first try again; doubled with each further one
 */
export function createQueues(
  connection: Redis,
  prefix: string,
  firstRetry = FIRST_RETRY,
  telemetry?: Telemetry,
): Queues {
  const backoff = { type: 'exponential', delay: firstRetry, jitter: 0.5 } as const;
  const queues = openQueues({
    connection,
    prefix: queuePrefix(prefix),
    defaultJobOptions: { attempts: TRIES, backoff, ...KEEP, ...NO_STACKS },
    ...(telemetry ? { telemetry } : {}),
  });

  const add = (job: RecordJob, jobId: string, options: JobsOptions): Promise<Job> =>
    queues.reconcile(job.mapping).add('record', job, { ...options, jobId });

  return {
    ...queues,
    async notify(mapping, traced = true) {
      // The key is free again once the batch begins: what is marked later is for another one.
      await queues.reconcile(mapping).add(
        'batch',
        { mapping },
        {
          deduplication: { id: 'batch' },
          ...(traced ? {} : { telemetry: { omitContext: true } }),
          ...KEEP_BATCHES,
        },
      );
    },
    retry: (job, id) =>
      add({ ...job, tried: 1 }, id, {
        attempts: TRIES - 1,
        delay: Math.round(firstRetry * (0.5 + Math.random() / 2)),
        backoff: { ...backoff, delay: 2 * firstRetry },
      }),
    refuse: (job, id) => add(job, id, {}),
  };
}

function openQueues(options: QueueOptions): Pick<Queues, 'scan' | 'reconcile' | 'all' | 'drop' | 'close'> {
  // Without a listener BullMQ prints every failure of the connection; the owner of the connection hears of them
  // already.
  const open = <T>(name: string): Queue<T> => new Queue<T>(name, options).on('error', () => {});
  const scan = open<ScanJob>(SCAN_QUEUE);
  const opened = new Map<string, Queue<MappingJob>>();

  function reconcile(mapping: string): Queue<MappingJob> {
    let queue = opened.get(mapping);
    if (!queue) {
      queue = open<MappingJob>(reconcileQueue(mapping));
      opened.set(mapping, queue);
    }
    return queue;
  }

  return {
    scan,
    reconcile,
    all: () => [scan as Queue, ...([...opened.values()] as Queue[])],
    async drop(mapping) {
      const queue = reconcile(mapping);
      await queue.obliterate({ force: true });
      opened.delete(mapping);
      await queue.close();
    },
    async close() {
      await Promise.all([scan.close(), ...[...opened.values()].map((queue) => queue.close())]);
    },
  };
}

/** The queues: one for scans, one per mapping for reconciles. A job names a record; it never holds what happened to it. */
import { type JobsOptions, Queue, type Telemetry } from 'bullmq';
import type { Redis } from 'ioredis';
import { recordKey } from '../links/keys.ts';
import type { RunKind } from '../sync/scan.ts';
import type { SideIndex } from '../types.ts';

export const SCAN_QUEUE = 'scan';
export const reconcileQueue = (mapping: string): string => `reconcile-${mapping}`;
/** In braces, as BullMQ wants it for a Redis Cluster; there it has them already. */
export const queuePrefix = (prefix: string): string => (prefix.startsWith('{') ? prefix : `{${prefix}}`);

export interface ReconcileJob {
  readonly mapping: string;
  readonly side: SideIndex;
  readonly id: string;
  /** A run that waits for it, so that what is written in the log can be told by run. */
  readonly run?: string;
  /** Epoch ms when an event of the system named the record; absent where something else did. */
  readonly at?: number;
}

export interface ScanJob {
  readonly mapping: string;
  readonly scan: RunKind;
  /** Absent for a scheduled scan: its run begins with the job. */
  readonly run?: string;
  /** Both sides were read; what is left is to queue what waited for that. */
  readonly read?: boolean;
  /** Tell what would be done, for all that needs work or for one record. */
  readonly plan?: boolean;
  readonly record?: { readonly side: SideIndex; readonly id: string };
}

/** 1 s, 2 s, 4 s ... with half of it random: 12 tries spread over about an hour. */
const FIRST_RETRY = 1_000;
const retries = (delay: number) => ({ attempts: 12, backoff: { type: 'exponential', delay, jitter: 0.5 } }) as const;
const KEEP = {
  removeOnComplete: { count: 1_000, age: 24 * 3600 },
  removeOnFail: { count: 10_000, age: 30 * 24 * 3600 },
} as const;

/** Jobs are seen by whoever may look at the queues: the reason is for them, where in the code it arose is for the log. */
const NO_STACKS = { stackTraceLimit: 0 } as const;

export interface Queues {
  readonly scan: Queue<ScanJob>;
  reconcile(mapping: string): Queue<ReconcileJob>;
  /** All queues opened so far. */
  all(): Queue[];
  /**
   * Queues a reconcile of each record: at most one waits per record, and one more after the one that is being done.
   * The two records of a link have a job each; claims keep them from being done at the same time.
   * @param more.expect told which records are queued, before they are; more.run and more.at see `ReconcileJob`; more.traces per
   *   record the trace that its work belongs to, where that is not the one under way
   */
  enqueue(
    mapping: string,
    side: SideIndex,
    ids: readonly string[],
    more?: {
      readonly expect?: (records: readonly string[]) => Promise<void>;
      readonly traces?: readonly (string | undefined)[];
    } & Pick<ReconcileJob, 'run' | 'at'>,
  ): Promise<void>;
  /** Of these records, those of which no job waits or is under way. */
  withoutJob(mapping: string, records: readonly string[]): Promise<string[]>;
  close(): Promise<void>;
}

/** @param firstRetry ms before the first try again; doubled with each further one */
export function createQueues(
  connection: Redis,
  prefix: string,
  firstRetry = FIRST_RETRY,
  telemetry?: Telemetry,
): Queues {
  const options = {
    connection,
    prefix: queuePrefix(prefix),
    defaultJobOptions: { ...retries(firstRetry), ...KEEP, ...NO_STACKS },
    ...(telemetry ? { telemetry } : {}),
  };
  // Without a listener BullMQ prints every failure of the connection; whoever made the connection hears of them already.
  const open = <T>(name: string): Queue<T> => new Queue<T>(name, options).on('error', () => {});
  const scan = open<ScanJob>(SCAN_QUEUE);
  const reconcile = new Map<string, Queue<ReconcileJob>>();

  function queueOf(mapping: string): Queue<ReconcileJob> {
    let queue = reconcile.get(mapping);
    if (!queue) {
      queue = open<ReconcileJob>(reconcileQueue(mapping));
      reconcile.set(mapping, queue);
    }
    return queue;
  }

  return {
    scan,
    reconcile: queueOf,
    all: () => [scan as Queue, ...([...reconcile.values()] as Queue[])],
    async enqueue(mapping, side, ids, { expect, traces, ...known } = {}) {
      if (ids.length === 0) return;
      const jobs = ids.map((id, i) => {
        const key = recordKey(side, id);
        const trace = traces?.[i];
        // A job that waits for its next try is tried at once: what is new about its record may be what mends it.
        const opts: JobsOptions = {
          deduplication: { id: key, keepLastIfActive: true, reschedule: true },
          ...(trace === undefined ? {} : { telemetry: { metadata: trace } }),
        };
        return { name: 'reconcile', data: { mapping, side, id, ...known }, opts, key };
      });
      await expect?.(jobs.map((job) => job.key));
      await queueOf(mapping).addBulk(jobs.map(({ name, data, opts }) => ({ name, data, opts })));
    },
    async withoutJob(mapping, records) {
      const queue = queueOf(mapping);
      const jobs = await Promise.all(
        records.map(async (record) => {
          const id = await queue.getDeduplicationJobId(record);
          return id === null ? undefined : queue.getJob(id);
        }),
      );
      return records.filter((_, i) => jobs[i] === undefined);
    },
    async close() {
      await Promise.all([scan.close(), ...[...reconcile.values()].map((queue) => queue.close())]);
    },
  };
}

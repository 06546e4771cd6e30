/** Queues, their jobs, and the records that are to be looked at. */
import Type from 'typebox';
import { DELAY_REASONS, IDLE_REASONS, JOB_STATES, REASONS_OF } from '../engine/index.ts';
import { RecordRef } from './outcome.ts';
import {
  count,
  defaulted,
  described,
  flag,
  list,
  nothing,
  nullable,
  object,
  oneOf,
  optional,
  page,
  paging,
  ref,
  type Static,
  sentences,
  text,
  time,
  widePaging,
  wordOf,
} from './schema.ts';

/** Jobs looked at per request where they are sought by reason. */
export { LOOKED } from '../engine/index.ts';

const delayReason = wordOf(DELAY_REASONS, 'Why a delayed job waits.');
const waitReason = described(
  `Why a delayed job waits. ${sentences(DELAY_REASONS)}. Why nobody takes a waiting one: ${sentences(IDLE_REASONS)}`,
  oneOf([...new Set([...keysOf(DELAY_REASONS), ...keysOf(IDLE_REASONS)])]),
);

function keysOf<K extends string>(table: Readonly<Record<K, unknown>>): K[] {
  return Object.keys(table) as K[];
}

export const QueueReason = object(
  {
    state: described('waiting: no worker takes them now', oneOf(['waiting', 'delayed', 'failed'])),
    reason: optional(waitReason),
    code: optional(text),
    detail: text,
    remedy: optional(text),
    count,
    since: described('Since when this keeps the one of them that it keeps longest, or when the first failed', time),
  },
  { $id: 'QueueReason' },
);
export type QueueReason = Static<typeof QueueReason>;

type JobCounts = Readonly<Record<(typeof JOB_STATES)[number], number>>;
const jobCounts = Type.Unsafe<JobCounts>(object(Object.fromEntries(JOB_STATES.map((state) => [state, count]))));

export const Queue = object(
  {
    name: text,
    paused: flag,
    counts: jobCounts,
    oldestWaiting: optional(described('How long the oldest waiting job or record has waited, in ms', count)),
    marked: described('Records that are to be looked at, those that are being worked on included', count),
    perSecond: described(
      'Records (of the scan queue: scans) done per second, well or not, in every process, since the first of the last five minutes',
      Type.Number({ minimum: 0 }),
    ),
    etaMs: optional(
      described(
        'Milliseconds until nothing waits, if it goes on like this and nothing comes in; absent while nothing is done, or nobody takes what waits',
        count,
      ),
    ),
    reasons: optional(
      described(
        `Where asked for: why nobody takes what waits, then why jobs are delayed or failed, the most frequent first; of each state the first ${REASONS_OF} are looked at`,
        list(ref(QueueReason)),
      ),
    ),
  },
  { $id: 'Queue' },
);
export type Queue = Static<typeof Queue>;

export const QueueParams = object({
  name: described('"scan", or the name of a mapping, with "reconcile-" before it or without', text),
});
export const QueuesQuery = object({
  reasons: defaulted(
    described('Tell also why jobs are delayed or failed, or nobody takes those that wait', flag),
    false,
  ),
  ...widePaging,
});
export const QueuePage = object({ queues: list(ref(Queue)), ...page });
export type QueuePage = Static<typeof QueuePage>;

// ---------------------------------------------------------------- jobs

export const Job = object(
  {
    id: text,
    queue: text,
    name: text,
    data: object({
      mapping: text,
      side: optional(text),
      id: optional(text),
      scan: optional(text),
      run: optional(text),
      plan: optional(flag),
      record: optional(RecordRef),
    }),
    state: oneOf(JOB_STATES),
    attempts: described('Tries that failed so far', count),
    attemptsAllowed: count,
    reason: optional(waitReason),
    code: optional(described('Of the error behind it', text)),
    detail: optional(described('In words: why it waits, or why the last try failed', text)),
    result: optional(text),
    createdAt: time,
    startedAt: optional(time),
    finishedAt: optional(time),
    until: optional(described('When a delayed job goes on', time)),
  },
  { $id: 'Job' },
);
export type Job = Static<typeof Job>;

export const JobParams = object({ name: text, id: text });
const code = optional(described('Only jobs with this code', text));
const reason = optional(delayReason);

export const JobsQuery = object({
  state: defaulted(oneOf(JOB_STATES, 'Where the jobs stand; failed unless another is named'), 'failed'),
  code,
  reason,
  ...paging,
});
export const JobPage = object({ jobs: list(ref(Job)), ...page });
export type JobPage = Static<typeof JobPage>;

// ---------------------------------------------------------------- many jobs at once

/** How many jobs one request touches; to go on, send `next`. */
const bulk = {
  limit: defaulted(Type.Integer({ minimum: 1, maximum: 5_000, description: 'Jobs touched at most' }), 1_000),
  offset: defaulted(
    described('Jobs to pass over first: the "next" of the response before', Type.Integer({ minimum: 0, maximum: 1e9 })),
    0,
  ),
};
const touched = described('Jobs that this was done to', count);
const next = optional(described('There may be more: send this as "offset" to go on', count));

/** What can be done to many jobs: the body of each request, its response, and the member of the response that counts them. */
export const BULK = {
  retry: { body: nullable(object({ code, ...bulk })), response: object({ retried: touched, next }), done: 'retried' },
  promote: {
    body: nullable(object({ code, reason, ...bulk })),
    response: object({ promoted: touched, next }),
    done: 'promoted',
  },
  discard: {
    body: object({ state: oneOf(['waiting', 'delayed', 'failed']), code, reason, ...bulk }),
    response: object({ discarded: touched, next }),
    done: 'discarded',
  },
  drain: {
    body: nullable(object({ limit: bulk.limit })),
    response: object({ discarded: touched, next }),
    done: 'discarded',
  },
} as const;
export type BulkAction = keyof typeof BULK;
/** Of `discard`, which takes all that the others take. */
export type BulkBody = Static<(typeof BULK)['discard']['body']>;
export type BulkResponse = Static<(typeof BULK)[BulkAction]['response']>;

export const Discarded = nothing('Discarded');

// ---------------------------------------------------------------- records that are to be looked at

export const MarkedRecord = object({
  mapping: text,
  side: text,
  id: text,
  due: described('From when on it is looked at', time),
});
export type MarkedRecord = Static<typeof MarkedRecord>;
export const MarkedQuery = object(paging);
export const MarkedPage = object({ records: list(MarkedRecord), ...page });
export type MarkedPage = Static<typeof MarkedPage>;

export const RecordJobs = object({
  jobs: list(ref(Job)),
  marked: described('Where the record, or the one it is linked to, waits to be looked at', list(MarkedRecord)),
});

/** JSON Schemas that several routes share. What a schema of an answer does not name is not sent. */
import { ERRORS } from '../engine/errors.ts';
import { JOB_STATES } from '../engine/queue/hand.ts';
import { DELAY_REASONS, IDLE_REASONS } from '../engine/queue/reasons.ts';
import { ISSUE_KINDS } from '../engine/store/types.ts';
import { ORIGINS } from '../engine/sync/samples.ts';
import { REASONS_OF } from './queue-counts.ts';

export type Schema = Readonly<Record<string, unknown>>;

export const text = { type: 'string' } as const;
export const count = { type: 'integer', minimum: 0 } as const;
export const flag = { type: 'boolean' } as const;
export const time = { type: 'string', description: 'ISO 8601, UTC' } as const;
/** Any JSON value. */
export const anything = {} as const;

/** An object with exactly these properties; those whose name ends in `?` may be absent. */
export function object(properties: Readonly<Record<string, Schema>>, more: Schema = {}): Schema {
  const named = Object.entries(properties).map(([name, schema]) => [name.replace(/\?$/, ''), schema] as const);
  const required = Object.keys(properties).filter((name) => !name.endsWith('?'));
  return {
    type: 'object',
    properties: Object.fromEntries(named),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
    ...more,
  };
}

export const list = (items: Schema): Schema => ({ type: 'array', items });
export const described = (description: string, schema: Schema): Schema => ({ ...schema, description });
/** A value per side, by the side's name. */
export const perSide = (value: Schema): Schema => ({ type: 'object', additionalProperties: value });
export const ref = (name: string): Schema => ({ $ref: `${name}#` });

export const offset = {
  type: 'integer',
  minimum: 0,
  maximum: 1_000_000_000,
  default: 0,
  description: 'How many to leave out first',
} as const;
export const limit = {
  type: 'integer',
  minimum: 1,
  maximum: 500,
  default: 50,
  description: 'How many at most',
} as const;

/** Of lists that are as long as the configuration: one page holds all of almost any. */
export const wideLimit = { ...limit, default: 500 } as const;

const counts = object({
  matched: count,
  created: perSide(count),
  updated: perSide(count),
  deleted: perSide(count),
  unchanged: count,
  waiting: count,
  review: count,
  failed: count,
  retrying: described('Records that a try failed on: the run does not wait for them, they are tried again', count),
  excluded: count,
  conflicts: count,
});

const run = {
  id: text,
  mapping: described('"*" for a run of every mapping', text),
  scan: { type: 'string', enum: ['changes', 'full', 'backfill', 'record'] },
  plan: described('It only tells what would be done', flag),
  trigger: { type: 'string', enum: ['api', 'schedule', 'start', 'edit'] },
  state: { type: 'string', enum: ['queued', 'scanning', 'working', 'done', 'failed'] },
  createdAt: time,
  'startedAt?': time,
  'finishedAt?': time,
  progress: object({
    read: described('Records read; of a backfill, links looked at, on the first side', perSide(count)),
    work: described('Records that need work', count),
    done: count,
  }),
  counts,
  'reason?': described('Why it failed, or what it warns of', text),
  'unidentified?': described(
    'Per side: items of its list without a usable id, which name no record and are left out; where the first of them stand, from 1',
    perSide(object({ count, first: list(object({ page: count, position: count, reason: text })) })),
  ),
  'children?': described('Ids of the runs of the single mappings', list(text)),
  'changes?': described(
    'Of a backfill: names of the properties that changed since the last one',
    object({ added: list(text), changed: list(text), removed: list(text) }),
  ),
} as const;

export const record = object({ side: text, id: text });

const outcome = {
  kind: {
    type: 'string',
    enum: [
      'unchanged',
      'matched',
      'created',
      'updated',
      'deleted',
      'waiting',
      'review',
      'failed',
      'excluded',
      'unmatched',
      'orphaned',
      'missing',
    ],
  },
  writes: described('Names of the properties written', perSide(list(text))),
  'side?': described('On which side a record was created or deleted', text),
  'ids?': perSide(text),
  'code?': text,
  'reason?': text,
  'property?': text,
  'conflicts?': described('Properties that the conflict rule decided', list(text)),
} as const;

export const held = {
  kind: { type: 'string', enum: ISSUE_KINDS },
  'code?': text,
  reason: text,
  'property?': text,
  since: time,
  'candidates?': list(record),
  'waitsFor?': described('Records whose links it waits for', list(object({ mapping: text, side: text, id: text }))),
  'job?': described('The failed job', text),
} as const;

const sentences = (table: Readonly<Record<string, string>>): string =>
  Object.entries(table)
    .map(([name, words]) => `${name}: ${words}`)
    .join('; ');

export const delayReason = {
  type: 'string',
  enum: Object.keys(DELAY_REASONS),
  description: `Why a delayed job waits. ${sentences(DELAY_REASONS)}`,
} as const;

/** Also of those that wait. */
const waitReason = {
  type: 'string',
  enum: [...new Set([...Object.keys(DELAY_REASONS), ...Object.keys(IDLE_REASONS)])],
  description: `${delayReason.description}. Why nobody takes a waiting one: ${sentences(IDLE_REASONS)}`,
} as const;

const states = Object.fromEntries(JOB_STATES.map((state) => [state, count]));

/** Shared under their names, so that the OpenAPI document tells each once. */
export const SHARED: readonly Schema[] = [
  object(
    {
      type: described('Where the error is explained', { type: 'string', examples: ['/errors/NOT_FOUND'] }),
      title: text,
      status: { type: 'integer' },
      detail: text,
      code: { type: 'string', enum: Object.keys(ERRORS) },
      remedy: described('What can be done about it', text),
      'errors?': list(object({ path: text, message: text })),
      'mapping?': text,
      'system?': text,
      'entity?': text,
      'property?': text,
      'side?': text,
      'id?': text,
    },
    { $id: 'Problem', description: 'RFC 9457' },
  ),
  object(
    {
      type: text,
      code: { type: 'string', enum: Object.keys(ERRORS) },
      title: text,
      retry: {
        type: 'string',
        enum: ['later', 'quota', 'never', 'unknown'],
        description:
          'Whether trying again can help: later; after a wait; never, until somebody mends something; unknown: look first',
      },
      status: described('The usual HTTP status', { type: 'integer' }),
      remedy: described('What can be done about it', text),
    },
    { $id: 'ErrorEntry' },
  ),
  object(run, { $id: 'Run' }),
  object(
    {
      ...run,
      'runs?': described('Of a group: the runs of the single mappings', list(ref('Run'))),
      'entries?': described('Of a plan, where asked for: what would be done', list(ref('PlanEntry'))),
    },
    { $id: 'RunDetail' },
  ),
  object(
    {
      ...run,
      started: described('False: a run that does the same was under way already, and is this one', flag),
      'runs?': described('Of a group: the runs of the single mappings', list(ref('Run'))),
    },
    { $id: 'Triggered' },
  ),
  object(outcome, { $id: 'Outcome' }),
  object({ record, ...outcome }, { $id: 'PlanEntry' }),
  object(held, { $id: 'Held' }),
  object(
    {
      mapping: text,
      side: text,
      id: text,
      'ids?': described('Both ids, where it is linked', perSide(text)),
      ...held,
      'review?': described('Name of the review, for POST /reviews/:id/resolve', text),
      'actions?': described('What can be done about the review', list(text)),
    },
    { $id: 'RecordIssue' },
  ),
  object(
    {
      name: text,
      paused: flag,
      counts: object(states),
      'oldestWaiting?': described('How long the oldest waiting job or record has waited, in ms', count),
      marked: described('Records that are to be looked at, those that are being worked on included', count),
      perSecond: described(
        'Records (of the scan queue: scans) done per second, well or not, in every process, since the first of the last five minutes',
        { type: 'number', minimum: 0 },
      ),
      'etaMs?': described(
        'Milliseconds until nothing waits, if it goes on like this and nothing comes in; absent while nothing is done, or nobody takes what waits',
        count,
      ),
      'reasons?': described(
        `Where asked for: why nobody takes what waits, then why jobs are delayed or failed, the most frequent first; of each state the first ${REASONS_OF} are looked at`,
        list(ref('QueueReason')),
      ),
    },
    { $id: 'Queue' },
  ),
  object(
    {
      state: described('waiting: no worker takes them now', { type: 'string', enum: ['waiting', 'delayed', 'failed'] }),
      'reason?': waitReason,
      'code?': text,
      detail: text,
      'remedy?': text,
      count,
      since: described('Since when this keeps the one of them that it keeps longest, or when the first failed', time),
    },
    { $id: 'QueueReason' },
  ),
  object(
    {
      id: text,
      queue: text,
      name: text,
      data: object({
        mapping: text,
        'side?': text,
        'id?': text,
        'scan?': text,
        'run?': text,
        'plan?': flag,
        'record?': record,
      }),
      state: { type: 'string', enum: JOB_STATES },
      attempts: described('Tries that failed so far', count),
      attemptsAllowed: count,
      'detail?': described('In words: why it waits, or why the last try failed', text),
      'code?': described('Of the error behind it', text),
      'reason?': waitReason,
      'result?': text,
      createdAt: time,
      'startedAt?': time,
      'finishedAt?': time,
      'until?': described('When a delayed job goes on', time),
    },
    { $id: 'Job' },
  ),
  object(
    { code: text, file: text, line: count, column: count, where: text, message: text },
    { $id: 'ConfigProblem', description: 'Something wrong in a file' },
  ),
  object(
    {
      kind: { type: 'string', enum: ['lossy', 'refused'] },
      law: { type: 'string', enum: ['there-and-back', 'write-back'] },
      mapping: text,
      property: text,
      file: text,
      line: count,
      column: count,
      from: described('The side that the value comes from', text),
      to: text,
      records: described(
        'Of how many records in the schema examples this is true',
        object({ found: count, of: count }),
      ),
      values: described('Of how many other sample values', object({ found: count, of: count })),
      example: object({
        origin: { type: 'string', enum: ORIGINS },
        value: anything,
        'there?': described('What it becomes; absent where that is nothing', anything),
        'back?': described('What comes back; absent where that is nothing', anything),
      }),
      'code?': text,
      message: text,
      remedy: text,
    },
    {
      $id: 'ConfigWarning',
      description: 'A two-way property that loses information, or a value that it cannot convert',
    },
  ),
  object(
    { code: text, message: text, 'property?': text },
    { $id: 'Fault', description: 'Why a value cannot be converted or written' },
  ),
];

const PROBLEMS: Readonly<Record<number, string>> = {
  400: 'The request cannot be understood',
  401: 'A token is needed',
  403: 'The token is not enough, or the request comes from a page of another origin',
  404: 'There is no such thing',
  409: 'The present state does not allow this',
  413: 'The body is too large',
  414: 'The address is too long',
  415: 'The body is of a type that is not read here',
  422: 'What was asked for cannot be done with these values',
  429: 'Too many requests',
  500: 'Tandem itself failed',
  502: 'A system did not answer as it should',
  503: 'Tandem or a system cannot do this now',
};

/** The problems that a route may answer, beside those of every route (see openapi.ts). */
export function problems(...statuses: readonly number[]): Record<number, Schema> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: PROBLEMS[status], content: { 'application/problem+json': { schema: ref('Problem') } } },
    ]),
  );
}

/** A good answer. */
export const answer = (description: string, schema: Schema): Schema => ({
  description,
  content: { 'application/json': { schema } },
});

/** Queue inspection: how many jobs stand where, why, how fast they go; retry, promote, discard, drain, pause. */
import type { Job, Queue } from 'bullmq';
import {
  BULK,
  type BulkAction,
  type BulkAnswer,
  type BulkBody,
  Discarded,
  JobPage,
  JobParams,
  Job as JobSchema,
  JobsQuery,
  LOOKED,
  MarkedPage,
  MarkedQuery,
  QueuePage,
  QueueParams,
  Queue as QueueSchema,
  QueuesQuery,
  RecordJobs,
  RecordParams,
  ref,
  type Static,
} from '../../api/index.ts';
import {
  delayedUntil,
  discard,
  discardJobs,
  discardMarked,
  type Engine,
  fitsFilter,
  type JobFilter,
  type JobState,
  type LivingProcess,
  pageOfJobs,
  parseRecordKey,
  promoteJobs,
  recordKey,
  retryJob,
  retryJobs,
  type SideIndex,
  TandemError,
  type Touched,
} from '../../engine/index.ts';
import type { Routes } from '../options.ts';
import { iso, presentJob } from '../present.ts';
import { problems } from '../problem-responses.ts';
import {
  mappingOf,
  pausesOf,
  queueNamed,
  queuesOf,
  reasonsOf,
  reasonsOfPauses,
  standOf,
  throughputOf,
} from '../queue-counts.ts';
import { sideIndex, sideNames } from '../side-names.ts';

type App = Parameters<Routes>[0];
type Bulk = Partial<BulkBody>;

const tags = ['queues'];

export const queues: Routes = async (app, { engine }) => {
  queueRoutes(app, engine);
  listRoutes(app, engine);
  jobRoutes(app, engine);
  bulkRoutes(app, engine);
  pauseRoutes(app, engine);
};

/** Queues, with their counts. */
function queueRoutes(app: App, engine: Engine): void {
  app.get(
    '/queues',
    {
      schema: {
        operationId: 'listQueues',
        tags,
        summary: 'Every queue with its counts, how fast it is worked off and when it will be empty',
        querystring: QueuesQuery,
        response: { 200: QueuePage, ...problems() },
      },
    },
    async ({ query }) => listQueues(engine, query),
  );

  app.get(
    '/queues/:name',
    {
      schema: {
        operationId: 'getQueue',
        tags,
        summary: 'One queue, and why its jobs are delayed or failed, or nobody takes those that wait',
        params: QueueParams,
        response: { 200: ref(QueueSchema), ...problems(404) },
      },
    },
    ({ params }) => presentQueue(engine, queueNamed(engine, params.name), true),
  );
}

/** What is in a queue, or is queued for a record. */
// Over 60 lines: one route after the other. Each is its schema and a call.
function listRoutes(app: App, engine: Engine): void {
  app.get(
    '/queues/:name/jobs',
    {
      schema: {
        operationId: 'listJobs',
        tags,
        summary: `Jobs in a state, all or those with one reason: those that wait in their order, those that ended the latest first. By reason, the first ${LOOKED} are looked at`,
        params: QueueParams,
        querystring: JobsQuery,
        response: { 200: JobPage, ...problems(400, 404) },
      },
    },
    async ({ params, query }) => listJobs(engine, queueNamed(engine, params.name), query),
  );

  app.get(
    '/queues/:name/records',
    {
      schema: {
        operationId: 'listMarkedRecords',
        tags,
        summary: 'Records that wait to be looked at, the longest due first, those that are being worked on included',
        params: QueueParams,
        querystring: MarkedQuery,
        response: { 200: MarkedPage, ...problems(404) },
      },
    },
    async ({ params, query }) => listMarked(engine, queueNamed(engine, params.name), query),
  );

  app.get(
    '/queues/:name/jobs/:id',
    {
      schema: {
        operationId: 'getJob',
        tags,
        summary: 'One job',
        params: JobParams,
        response: { 200: ref(JobSchema), ...problems(404) },
      },
    },
    async ({ params }) => {
      const { queue, ...found } = await findJob(engine, params.name, params.id);
      const [job] = await presentJobs(engine, queue, [found]);
      return job;
    },
  );

  app.get(
    '/records/:mapping/:side/:id/jobs',
    {
      schema: {
        operationId: 'getRecordJobs',
        tags,
        summary: 'The jobs of one record and of the record that it is linked to: what waits, is under way, or failed',
        params: RecordParams,
        response: { 200: RecordJobs, ...problems(404) },
      },
    },
    async ({ params }) => {
      const mapping = engine.mapping(params.mapping);
      return jobsOfRecord(engine, mapping.name, sideIndex(mapping, params.side, 'address'), params.id);
    },
  );
}

/** What is done with one job. */
function jobRoutes(app: App, engine: Engine): void {
  app.post(
    '/queues/:name/jobs/:id/retry',
    {
      schema: {
        operationId: 'retryJob',
        tags,
        summary: 'Try a failed job again, with all its tries',
        params: JobParams,
        response: { 202: ref(JobSchema), ...problems(404, 409) },
      },
    },
    async ({ params }, reply) => reply.code(202).send(await retryFailedJob(engine, params.name, params.id)),
  );

  app.delete(
    '/queues/:name/jobs/:id',
    {
      schema: {
        operationId: 'discardJob',
        tags,
        summary: 'Discard a job. What it was for is found again by the next full scan, if it still needs work',
        params: JobParams,
        response: { 204: Discarded, ...problems(404, 409) },
      },
    },
    async ({ params }, reply) => {
      await discardJob(engine, params.name, params.id);
      return reply.code(204).send();
    },
  );

  app.post(
    '/queues/:name/jobs/:id/promote',
    {
      schema: {
        operationId: 'promoteJob',
        tags,
        summary: 'Do a delayed job as soon as a worker is free. One that waits for quota may have to go on waiting',
        params: JobParams,
        response: { 202: ref(JobSchema), ...problems(404, 409) },
      },
    },
    async ({ params }, reply) => reply.code(202).send(await promoteDelayedJob(engine, params.name, params.id)),
  );
}

/** What is done with many jobs at once. */
function bulkRoutes(app: App, engine: Engine): void {
  const many = (
    action: BulkAction,
    operationId: string,
    summary: string,
    work: (queue: Queue, body: Bulk) => Promise<Touched>,
  ): void => {
    const { body, answer, done } = BULK[action];
    app.post(
      `/queues/:name/${action}`,
      {
        schema: {
          operationId,
          tags,
          summary,
          params: QueueParams,
          body,
          response: { 202: answer, ...problems(400, 404) },
        },
      },
      async ({ params, body }, reply) => {
        const { touched, next } = await work(queueNamed(engine, params.name), body ?? {});
        return reply.code(202).send({ [done]: touched, next } as BulkAnswer);
      },
    );
  };
  many(
    'retry',
    'retryFailed',
    'Try failed jobs of a queue again, all or those with one code, with all their tries',
    (queue, body) => retryJobs(queue, touch(body)),
  );
  many(
    'promote',
    'promoteDelayed',
    'Do delayed jobs as soon as workers are free, all or those with one reason; not scheduled scans. Those that wait for quota may have to go on waiting',
    (queue, body) => promoteJobs(queue, touch(body)),
  );
  many(
    'discard',
    'discardJobs',
    'Discard jobs of one state, all or those with one reason; not what is under way, nor scheduled scans. Runs no longer wait for them; what they were for is found again by the next full scan, if it still needs work. A record that failed goes on being listed among the records that wait',
    (queue, { state = 'failed', ...body }) => discardJobs(engine, queue, { ...touch(body), state }),
  );
  many(
    'drain',
    'drainQueue',
    'Discard everything that waits or is delayed; not what is under way, nor scheduled scans. Ask again while there is a "next"',
    (queue, { limit = 1_000 }) => drain(engine, queue, limit),
  );
}

function pauseRoutes(app: App, engine: Engine): void {
  for (const [path, summary, paused] of [
    ['pause', 'Let nothing new begin in a queue, in any process, until it is resumed', true],
    ['resume', 'Go on with a paused queue', false],
  ] as const) {
    app.post(
      `/queues/:name/${path}`,
      {
        schema: {
          operationId: `${path}Queue`,
          tags,
          summary,
          params: QueueParams,
          response: { 200: ref(QueueSchema), ...problems(404) },
        },
      },
      async ({ params }) => {
        const queue = queueNamed(engine, params.name);
        await (paused ? queue.pause() : queue.resume());
        return presentQueue(engine, queue, false);
      },
    );
  }
}

async function listQueues(engine: Engine, { offset, limit, reasons }: Static<typeof QueuesQuery>) {
  const queues = queuesOf(engine);
  const page = queues.slice(offset, offset + limit);
  const processes = await engine.versions.processes();
  const shown = await Promise.all(page.map((queue) => presentQueue(engine, queue, reasons, processes)));
  return { queues: shown, total: queues.length, offset, limit };
}

async function listJobs(
  engine: Engine,
  queue: Queue,
  { state, code, reason, offset, limit }: Static<typeof JobsQuery>,
) {
  const { page, total } = await listed(queue, state, { code, reason }, offset, limit);
  const found = page.map((job) => ({ job, state }));
  return { jobs: await presentJobs(engine, queue, found), total, offset, limit };
}

async function listMarked(engine: Engine, queue: Queue, { offset, limit }: Static<typeof MarkedQuery>) {
  const mapping = mappingOf(queue);
  if (mapping === undefined) return { records: [], total: 0, offset, limit };
  const [marked, { count: total }] = await Promise.all([
    engine.dirty.list(mapping, offset, limit),
    engine.dirty.stats(mapping),
  ]);
  return { records: marked.map((one) => presentMarked(engine, mapping, one)), total, offset, limit };
}

async function retryFailedJob(engine: Engine, name: string, id: string) {
  const { queue, job, state } = await findJob(engine, name, id);
  if (state !== 'failed')
    throw new TandemError('CONFLICT', `The job is ${state}; only a failed one can be tried again.`);
  try {
    await retryJob(job);
  } catch (cause) {
    throw new TandemError('CONFLICT', 'The job changed meanwhile: look at it again.', { cause });
  }
  const again = await findJob(engine, name, id);
  return presentJob(engine, queue, again.job, again.state);
}

async function discardJob(engine: Engine, name: string, id: string): Promise<void> {
  const { job, state } = await findJob(engine, name, id);
  if (state === 'active') throw new TandemError('CONFLICT', 'The job is being done just now; it cannot be discarded.');
  if (job.repeatJobKey && state === 'delayed')
    throw new TandemError(
      'CONFLICT',
      'This is the next scheduled scan: take the schedule out of the mapping file instead.',
    );
  if ((await discard(engine, [job], state)) === 0)
    throw new TandemError('CONFLICT', 'The job changed meanwhile: look at it again.');
}

async function promoteDelayedJob(engine: Engine, name: string, id: string) {
  const { job, state } = await findJob(engine, name, id);
  if (state !== 'delayed')
    throw new TandemError('CONFLICT', `The job is ${state}; only a delayed one can be promoted.`);
  try {
    await job.promote();
  } catch (cause) {
    throw new TandemError('CONFLICT', 'The job changed meanwhile: look at it again.', { cause });
  }
  const again = await findJob(engine, name, id);
  return presentJob(engine, again.queue, again.job, again.state);
}

const touch = ({ code, reason, limit = 1_000, offset = 0 }: Bulk) => ({ filter: { code, reason }, limit, offset });

/** Marked records first, then jobs, up to the limit. */
async function drain(engine: Engine, queue: Queue, limit: number): Promise<Touched> {
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

async function findJob(engine: Engine, name: string, id: string): Promise<FoundJob & { queue: Queue }> {
  const queue = queueNamed(engine, name);
  const found = await jobAndState(queue, id);
  if (found) return { queue, ...found };
  throw new TandemError(
    'NOT_FOUND',
    `There is no job "${id}" in the queue "${name}". Those that are done are kept for a day.`,
  );
}

/** @param living the processes that are alive, where it was asked for already */
async function presentQueue(engine: Engine, queue: Queue, withReasons: boolean, living?: readonly LivingProcess[]) {
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

async function listed(
  queue: Queue,
  state: JobState,
  filter: JobFilter,
  offset: number,
  limit: number,
): Promise<{ page: Job[]; total: number }> {
  if (filter.code === undefined && filter.reason === undefined) {
    const [counts, page] = await Promise.all([
      queue.getJobCounts(...(state === 'waiting' ? (['waiting', 'prioritized'] as const) : [state])),
      pageOfJobs(queue, state, offset, limit),
    ]);
    return { page, total: Object.values(counts).reduce((sum, count) => sum + count, 0) };
  }
  const page: Job[] = [];
  let total = 0;
  for (let at = 0; at < LOOKED; at += 500) {
    const jobs = await pageOfJobs(queue, state, at, 500);
    if (jobs.length === 0) break;
    for (const job of jobs.filter((one) => fitsFilter(one, state, filter))) {
      if (total >= offset && page.length < limit) page.push(job);
      total++;
    }
  }
  return { page, total };
}

interface FoundJob {
  readonly job: Job;
  readonly state: JobState;
}

async function presentJobs(engine: Engine, queue: Queue, found: readonly FoundJob[]) {
  const [rest] = found.some(({ state }) => state === 'waiting') ? await restsNow(engine, queue) : [];
  return Promise.all(
    found.map(async ({ job, state }) => {
      const until = state === 'delayed' ? await delayedUntil(engine.redis, queue, job) : undefined;
      return presentJob(engine, queue, job, state, { until, rest: state === 'waiting' ? rest : undefined });
    }),
  );
}

async function restsNow(engine: Engine, queue: Queue) {
  const [paused, processes] = await Promise.all([queue.isPaused(), engine.versions.processes()]);
  return pausesOf(engine, { name: queue.name, paused }, processes);
}

/** A record in trouble has a job of its own, which is noted; whatever else is to be looked at is marked. */
async function jobsOfRecord(engine: Engine, mapping: string, side: SideIndex, id: string) {
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

/** Asks for the state first: other keys of a queue (`events`, `meta`) can be named like a job, and are in no state. */
async function jobAndState(queue: Queue, id: string): Promise<FoundJob | undefined> {
  const state = await queue.getJobState(id);
  if (state === 'unknown') return undefined;
  const job = (await queue.getJob(id)) as Job | undefined;
  if (!job) return undefined;
  return { job, state: state === 'prioritized' || state === 'waiting-children' ? 'waiting' : state };
}

/** Queue inspection: how many jobs stand where, why, how fast they go; retry, promote, discard, drain, pause. */
import {
  BULK,
  type BulkAction,
  type BulkBody,
  type BulkResponse,
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
} from '../../api/index.ts';
import {
  type ActedOn,
  discardJob,
  discardJobs,
  drainQueue,
  type Engine,
  jobOf,
  jobsOf,
  pageOfMarked,
  pauseQueue,
  promoteJob,
  promoteJobs,
  queuedForRecord,
  reportQueue,
  reportQueues,
  resumeQueue,
  retryJob,
  retryJobs,
} from '../../engine/index.ts';
import type { App, Routes } from '../options.ts';
import { presentJob, presentMarked, presentQueue } from '../present.ts';
import { problems } from '../problem-responses.ts';
import { sideIndex } from '../side-names.ts';

type Bulk = Partial<BulkBody>;

const tags = ['queues'];

export const queues: Routes = async (app, { engine }) => {
  queueRoutes(app, engine);
  listRoutes(app, engine);
  oneRoutes(app, engine);
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
    async ({ query }) => {
      const { page, total } = await reportQueues(engine, query);
      return { queues: page.map(presentQueue), total, offset: query.offset, limit: query.limit };
    },
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
    async ({ params }) => presentQueue(await reportQueue(engine, params.name, true)),
  );
}

/** What is in a queue. */
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
    async ({ params, query }) => {
      const { page, total } = await jobsOf(engine, params.name, query);
      const jobs = await Promise.all(page.map((job) => presentJob(engine, job)));
      return { jobs, total, offset: query.offset, limit: query.limit };
    },
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
    async ({ params, query: { offset, limit } }) => {
      const { page, total } = await pageOfMarked(engine, params.name, offset, limit);
      const records = await Promise.all(page.map((one) => presentMarked(engine, one)));
      return { records, total, offset, limit };
    },
  );
}

/** One job, or those of one record. */
function oneRoutes(app: App, engine: Engine): void {
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
    async ({ params }) => presentJob(engine, await jobOf(engine, params.name, params.id)),
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
      const side = sideIndex(mapping, params.side, 'address');
      const { jobs, marked } = await queuedForRecord(engine, mapping.name, side, params.id);
      return {
        jobs: await Promise.all(jobs.map((job) => presentJob(engine, job))),
        marked: await Promise.all(marked.map((one) => presentMarked(engine, one))),
      };
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
    async ({ params: { name, id } }, reply) =>
      reply.code(202).send(await presentJob(engine, await retryJob(engine, name, id))),
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
    async ({ params: { name, id } }, reply) =>
      reply.code(202).send(await presentJob(engine, await promoteJob(engine, name, id))),
  );
}

/** What is done with many jobs at once. */
function bulkRoutes(app: App, engine: Engine): void {
  const many = (
    action: BulkAction,
    operationId: string,
    summary: string,
    work: (queue: string, body: Bulk) => Promise<ActedOn>,
  ): void => {
    const { body, response, done } = BULK[action];
    app.post(
      `/queues/:name/${action}`,
      {
        schema: {
          operationId,
          tags,
          summary,
          params: QueueParams,
          body,
          response: { 202: response, ...problems(400, 404) },
        },
      },
      async ({ params, body }, reply) => {
        const { touched, next } = await work(params.name, body ?? {});
        return reply.code(202).send({ [done]: touched, next } as BulkResponse);
      },
    );
  };
  many(
    'retry',
    'retryFailed',
    'Try failed jobs of a queue again, all or those with one code, with all their tries',
    (queue, body) => retryJobs(engine, queue, touch(body)),
  );
  many(
    'promote',
    'promoteDelayed',
    'Do delayed jobs as soon as workers are free, all or those with one reason; not scheduled scans. Those that wait for quota may have to go on waiting',
    (queue, body) => promoteJobs(engine, queue, touch(body)),
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
    (queue, { limit = 1_000 }) => drainQueue(engine, queue, limit),
  );
}

function pauseRoutes(app: App, engine: Engine): void {
  for (const [path, summary, change] of [
    ['pause', 'Let nothing new begin in a queue, in any process, until it is resumed', pauseQueue],
    ['resume', 'Go on with a paused queue', resumeQueue],
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
        await change(engine, params.name);
        return presentQueue(await reportQueue(engine, params.name, false));
      },
    );
  }
}

const touch = ({ code, reason, limit = 1_000, offset = 0 }: Bulk) => ({ filter: { code, reason }, limit, offset });

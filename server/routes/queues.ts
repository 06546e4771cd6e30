/** Queue inspection: how many jobs stand where, each job and why it failed; retry, discard, pause. */
import type { Job, Queue } from 'bullmq';
import type { FastifyInstance } from 'fastify';
import type { Engine } from '../../engine/engine.ts';
import { TandemError } from '../../engine/errors.ts';
import { recordKey } from '../../engine/links/keys.ts';
import type { ReconcileJob, ScanJob } from '../../engine/queue/queues.ts';
import { outcome } from '../../engine/sync/outcome.ts';
import type { RouteDeps } from '../options.ts';
import { presentJob } from '../present.ts';
import { JOB_STATES, type JobState, queueNamed, queuesOf, standOf } from '../queue-counts.ts';
import { count, described, limit, list, object, offset, problems, ref, text, wideLimit } from '../schemas.ts';

const queueParams = object({ name: described('"scan", or "reconcile-" and the name of a mapping', text) });
const jobParams = object({ name: text, id: text });

export async function queues(app: FastifyInstance, { engine }: RouteDeps): Promise<void> {
  const tags = ['queues'];

  app.get<{ Querystring: { offset: number; limit: number } }>(
    '/queues',
    {
      schema: {
        operationId: 'listQueues',
        tags,
        summary: 'Every queue with its counts',
        querystring: object({ 'offset?': offset, 'limit?': wideLimit }),
        response: {
          200: object({ queues: list(ref('Queue')), total: count, offset: count, limit: count }),
          ...problems(),
        },
      },
    },
    async ({ query: { offset, limit } }) => {
      const queues = queuesOf(engine);
      const page = queues.slice(offset, offset + limit);
      return { queues: await Promise.all(page.map(standOf)), total: queues.length, offset, limit };
    },
  );

  app.get<{ Params: { name: string } }>(
    '/queues/:name',
    {
      schema: {
        operationId: 'getQueue',
        tags,
        summary: 'One queue',
        params: queueParams,
        response: { 200: ref('Queue'), ...problems(404) },
      },
    },
    ({ params }) => standOf(queueNamed(engine, params.name)),
  );

  app.get<{ Params: { name: string }; Querystring: { state: JobState; offset: number; limit: number } }>(
    '/queues/:name/jobs',
    {
      schema: {
        operationId: 'listJobs',
        tags,
        summary: 'Jobs in a state: those that wait in their order, those that ended the latest first',
        params: queueParams,
        querystring: object({
          'state?': { type: 'string', enum: JOB_STATES, default: 'failed' },
          'offset?': offset,
          'limit?': limit,
        }),
        response: {
          200: object({ jobs: list(ref('Job')), total: count, offset: count, limit: count }),
          ...problems(400, 404),
        },
      },
    },
    async ({ params, query: { state, offset, limit } }) => {
      const queue = queueNamed(engine, params.name);
      const types = state === 'waiting' ? (['waiting', 'prioritized'] as const) : ([state] as const);
      const ended = state === 'failed' || state === 'completed';
      const [{ counts }, jobs] = await Promise.all([
        standOf(queue),
        queue.getJobs([...types], offset, offset + limit - 1, !ended),
      ]);
      // A job may end and be cleaned away between its listing and its reading.
      const present = jobs.filter((job): job is Job => Boolean(job?.id)).slice(0, limit);
      const shown = await Promise.all(
        present.map(async (job) =>
          presentJob(engine, queue, job, state, await delayedUntil(engine, queue, job, state)),
        ),
      );
      return { jobs: shown, total: counts[state], offset, limit };
    },
  );

  app.get<{ Params: { name: string; id: string } }>(
    '/queues/:name/jobs/:id',
    {
      schema: {
        operationId: 'getJob',
        tags,
        summary: 'One job',
        params: jobParams,
        response: { 200: ref('Job'), ...problems(404) },
      },
    },
    async ({ params }) => {
      const { queue, job, state } = await findJob(engine, params.name, params.id);
      return presentJob(engine, queue, job, state, await delayedUntil(engine, queue, job, state));
    },
  );

  app.post<{ Params: { name: string; id: string } }>(
    '/queues/:name/jobs/:id/retry',
    {
      schema: {
        operationId: 'retryJob',
        tags,
        summary: 'Try a failed job again, with all its tries',
        params: jobParams,
        response: { 202: ref('Job'), ...problems(404, 409) },
      },
    },
    async ({ params }, reply) => {
      const { queue, job, state } = await findJob(engine, params.name, params.id);
      if (state !== 'failed')
        throw new TandemError('CONFLICT', `The job is ${state}; only a failed one can be tried again.`);
      try {
        await job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true });
      } catch (cause) {
        throw new TandemError('CONFLICT', 'The job changed meanwhile: look at it again.', { cause });
      }
      const again = await findJob(engine, params.name, params.id);
      return reply.code(202).send(presentJob(engine, queue, again.job, again.state, undefined));
    },
  );

  app.delete<{ Params: { name: string; id: string } }>(
    '/queues/:name/jobs/:id',
    {
      schema: {
        operationId: 'discardJob',
        tags,
        summary: 'Discard a job. What it was for is found again by the next full scan, if it still needs work',
        params: jobParams,
        response: { 204: { type: 'null', description: 'Discarded' }, ...problems(404, 409) },
      },
    },
    async ({ params }, reply) => {
      const { job, state } = await findJob(engine, params.name, params.id);
      if (state === 'active')
        throw new TandemError('CONFLICT', 'The job is being done just now; it cannot be discarded.');
      if (job.repeatJobKey && state === 'delayed')
        throw new TandemError(
          'CONFLICT',
          'This is the next scheduled scan: take the schedule out of the mapping file instead.',
        );
      try {
        await job.remove();
      } catch (cause) {
        throw new TandemError('CONFLICT', 'The job changed meanwhile: look at it again.', { cause });
      }
      if (state !== 'completed' && state !== 'failed') await releaseRuns(engine, job);
      return reply.code(204).send();
    },
  );

  app.post<{ Params: { name: string } }>(
    '/queues/:name/retry',
    {
      schema: {
        operationId: 'retryFailed',
        tags,
        summary: 'Try all failed jobs of a queue again',
        params: queueParams,
        response: { 202: object({ retried: described('Jobs that had failed until now', count) }), ...problems(404) },
      },
    },
    async ({ params }, reply) => {
      const queue = queueNamed(engine, params.name);
      const { failed = 0 } = await queue.getJobCounts('failed');
      await queue.retryJobs({ state: 'failed' });
      return reply.code(202).send({ retried: failed });
    },
  );

  for (const [path, summary, paused] of [
    ['pause', 'Let nothing new begin in a queue, in any process, until it is resumed', true],
    ['resume', 'Go on with a paused queue', false],
  ] as const) {
    app.post<{ Params: { name: string } }>(
      `/queues/:name/${path}`,
      {
        schema: {
          operationId: `${path}Queue`,
          tags,
          summary,
          params: queueParams,
          response: { 200: ref('Queue'), ...problems(404) },
        },
      },
      async ({ params }) => {
        const queue = queueNamed(engine, params.name);
        await (paused ? queue.pause() : queue.resume());
        return standOf(queue);
      },
    );
  }
}

async function findJob(engine: Engine, name: string, id: string): Promise<{ queue: Queue; job: Job; state: JobState }> {
  const queue = queueNamed(engine, name);
  const job = (await queue.getJob(id)) as Job | undefined;
  const state = job ? await job.getState() : 'unknown';
  if (!job || state === 'unknown')
    throw new TandemError(
      'NOT_FOUND',
      `There is no job "${id}" in the queue "${name}". Those that are done are kept for a day.`,
    );
  return { queue, job, state: state === 'prioritized' || state === 'waiting-children' ? 'waiting' : state };
}

/** BullMQ keeps the time in the score of the delayed set, in the bits above the lowest 12. */
async function delayedUntil(engine: Engine, queue: Queue, job: Job, state: JobState): Promise<number | undefined> {
  if (state !== 'delayed') return undefined;
  const score = await engine.redis.zscore(queue.toKey('delayed'), job.id ?? '');
  return score === null ? undefined : Math.floor(Number(score) / 0x1000);
}

/** No run waits any longer for a job that was taken out by hand. */
async function releaseRuns(engine: Engine, job: Job<ReconcileJob | ScanJob>): Promise<void> {
  const { data } = job;
  if (!('scan' in data)) {
    await engine.runs.finish(
      data.mapping,
      job.deduplicationId ?? recordKey(data.side, data.id),
      outcome('excluded', { reason: 'Its job was discarded.' }),
    );
    return;
  }
  const run = data.run === undefined ? undefined : await engine.runs.get(data.run);
  if (run) await engine.runs.failed(run, 'Its job was discarded.');
}

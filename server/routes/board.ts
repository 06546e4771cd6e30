/** The board: the queues in a browser (bull-board), under the same tokens as everything else. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Problem } from '../../api/index.ts';
import { type Engine, isRecordJob, rawQueues, type SeenJob, TandemError } from '../../engine/index.ts';
import type { RouteDeps } from '../options.ts';
import { HttpProblem, PROBLEM_TYPE, problemOf, sendProblem } from '../problems.ts';
import { namesOf, type SideNames, sideNames, UNKNOWN_SIDES } from '../side-names.ts';

export const BOARD = '/queues/board';

/**
 * What the board may do, by method and route as the router matched them: an address as it was sent can be read in more
 * than one way. Its other actions would take jobs away behind the back of the runs that wait for them, or make jobs of
 * their own; `DELETE /queues/:name/jobs/:id` discards properly.
 */
const ALLOWED = new Set(
  [
    '/pause',
    '/resume',
    '/:queueName/pause',
    '/:queueName/resume',
    '/:queueName/promote',
    '/:queueName/retry/:queueStatus',
    '/:queueName/:jobId/retry',
    '/:queueName/:jobId/promote',
  ].map((route) => `PUT ${BOARD}/api/queues${route}`),
);

export async function board(app: FastifyInstance, { engine }: RouteDeps): Promise<void> {
  const adapter = new FastifyAdapter();
  /** Of mappings without a file: the board shows jobs in one step, in which nothing can be looked up. */
  const former = new Map<string, SideNames>();
  const adapters = () =>
    rawQueues(engine).map((queue) => {
      const one = new BullMQAdapter(queue);
      one.setFormatter('data', (data: SeenJob['data']) => {
        const mapping = engine.config.current().mappings.get(data.mapping);
        return withNames(data, mapping ? namesOf(mapping) : (former.get(data.mapping) ?? UNKNOWN_SIDES));
      });
      return one;
    });
  const { replaceQueues } = createBullBoard({
    queues: adapters(),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Tandem', hideRedisDetails: true } },
  });
  adapter.setBasePath(BOARD);
  // Mappings come and go while the server runs, and with them their queues.
  const unlisten = engine.config.on(() => replaceQueues(adapters()));
  app.addHook('onClose', async () => unlisten());

  await app.register(
    async (scope) => {
      // The board's own handler would tell more of an error than is anyone's business.
      scope.addHook('onRoute', (route) => {
        route.errorHandler = (error, request, reply) => sendProblem(error, request, reply, shown);
      });
      // What the board itself finds wrong it answers like anything else.
      scope.addHook('preSerialization', async (request, reply, payload) => {
        if (reply.statusCode < 400 || !isBoardError(payload)) return payload;
        reply.type(PROBLEM_TYPE);
        return translated(reply.statusCode, payload, request.id);
      });
      // The page asks a font of another site; the board does without.
      scope.addHook('onSend', async (_, reply, payload) =>
        typeof payload === 'string' && String(reply.getHeader('content-type')).startsWith('text/html')
          ? payload.replace(/<link [^>]*https:\/\/fonts\.[^>]*>/g, '')
          : payload,
      );
      scope.addHook('preHandler', async (request) => {
        const { method, routeOptions } = request;
        if (method !== 'GET' && method !== 'HEAD' && !ALLOWED.has(`${method} ${routeOptions.url}`))
          throw new TandemError(
            'CONFLICT',
            'The board retries, promotes, pauses and resumes; everything else goes through the HTTP API.',
          );
        await requireJob(engine, request);
        if (!routeOptions.url?.startsWith(`${BOARD}/api/`)) return;
        for (const name of await engine.retirements.known())
          if (!engine.config.current().mappings.has(name)) former.set(name, await sideNames(engine, name));
      });
      await scope.register(adapter.registerPlugin());
    },
    { prefix: BOARD },
  );
}

/** As the data is, but for the sides, which have names. */
function withNames(data: SeenJob['data'], names: SideNames): object {
  if (!('scan' in data)) return isRecordJob(data) ? { ...data, side: names[data.side] } : data;
  return data.record ? { ...data, record: { ...data.record, side: names[data.record.side] } } : data;
}

/** The board reads whatever key of the queue an id leads to, and fails on those that are no job (`events`). */
async function requireJob(engine: Engine, { params, routeOptions }: FastifyRequest): Promise<void> {
  const { queueName, jobId } = params as { queueName?: string; jobId?: string };
  if (queueName === undefined || jobId === undefined || !routeOptions.url?.startsWith(`${BOARD}/api/`)) return;
  const queue = rawQueues(engine).find(({ name }) => name === queueName);
  if (queue && (await queue.getJobState(jobId)) === 'unknown')
    throw new TandemError('NOT_FOUND', `There is no job "${jobId}" in the queue "${queueName}".`);
}

/** The board's page shows these two of an error, and nothing else. */
const shown = ({ title, detail, remedy }: Problem): object => ({ error: title, message: `${detail} ${remedy}` });

interface BoardError {
  /** A text of the page that shows it, by its key. */
  readonly error: { readonly key: string };
}

const isBoardError = (payload: unknown): payload is BoardError =>
  typeof (payload as Partial<BoardError> | null)?.error?.key === 'string';

/** As a problem, which keeps what the page needs to say it in its own language. */
function translated(status: number, { error }: BoardError, requestId: string): object {
  const words = error.key
    .replace(/^\w+\./, '')
    .replaceAll('_', ' ')
    .toLowerCase();
  const detail = `The board cannot do this: ${words}.`;
  const cause =
    status === 404
      ? new TandemError('NOT_FOUND', detail)
      : status < 500
        ? new HttpProblem('CONFLICT', status, detail)
        : new Error(detail);
  return { ...problemOf(cause, requestId), status, error };
}

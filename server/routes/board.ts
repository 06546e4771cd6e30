/** The board: the queues in a browser (bull-board), under the same tokens as everything else. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance } from 'fastify';
import { TandemError } from '../../engine/errors.ts';
import type { RouteDeps } from '../options.ts';
import { problemOf } from '../problems.ts';
import { queuesOf } from '../queue-counts.ts';

/**
 * What the board may do. Its other actions would take jobs away behind the back of the runs that wait for them, or make
 * jobs of their own; `DELETE /queues/:name/jobs/:id` discards properly.
 */
const ALLOWED = /^\/api\/queues\/(pause|resume|[^/]+\/(pause|resume|promote|retry\/[^/]+|[^/]+\/(retry|promote)))$/;

export const BOARD = '/queues/board';

export async function board(app: FastifyInstance, { engine }: RouteDeps): Promise<void> {
  const adapter = new FastifyAdapter();
  const adapters = () => queuesOf(engine).map((queue) => new BullMQAdapter(queue));
  const { replaceQueues } = createBullBoard({
    queues: adapters(),
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle: 'Tandem', hideRedisDetails: true } },
  });
  // The board's own handler would tell more of an error than is anyone's business.
  adapter.setErrorHandler((error) => {
    const problem = problemOf(error, 'of the board');
    return { status: problem.status as 500, body: { error: problem.title, message: problem.detail } };
  });
  adapter.setBasePath(BOARD);
  // Mappings come and go while the server runs, and with them their queues.
  const unlisten = engine.config.on(() => replaceQueues(adapters()));
  app.addHook('onClose', async () => unlisten());

  await app.register(
    async (scope) => {
      // The page asks a font of another site; the board does without.
      scope.addHook('onSend', async (_, reply, payload) =>
        typeof payload === 'string' && String(reply.getHeader('content-type')).startsWith('text/html')
          ? payload.replace(/<link [^>]*https:\/\/fonts\.[^>]*>/g, '')
          : payload,
      );
      scope.addHook('preHandler', async (request) => {
        if (request.method === 'GET' || request.method === 'HEAD') return;
        const path = request.url.split('?', 1)[0] ?? '';
        if (!ALLOWED.test(path.slice(BOARD.length)))
          throw new TandemError(
            'CONFLICT',
            'The board retries, promotes, pauses and resumes; everything else goes through the HTTP API.',
          );
      });
      await scope.register(adapter.registerPlugin());
    },
    { prefix: BOARD },
  );
}

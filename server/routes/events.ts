/** Live events as server-sent events: what each reconcile came to. */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { TandemError } from '../../engine/errors.ts';
import type { OutcomeEvent } from '../events.ts';
import type { RouteDeps } from '../options.ts';
import { presentOutcome } from '../present.ts';
import { object, problems, text } from '../schemas.ts';
import { sideNames } from '../sides.ts';

/** Listeners at once per process. */
const LISTENERS = 50;
/** Bytes that may wait for a slow listener; what would exceed them is left out. */
const BUFFER = 256 * 1024;
const HEARTBEAT = 15_000;

export async function events(app: FastifyInstance, { engine, events }: RouteDeps): Promise<void> {
  const open = new Set<ServerResponse>();
  app.addHook('preClose', async () => {
    for (const response of open) response.end();
  });

  app.get<{ Querystring: { mapping?: string } }>(
    '/events',
    {
      // It would not end.
      exposeHeadRoute: false,
      schema: {
        operationId: 'events',
        tags: ['events'],
        summary:
          'Server-sent events "outcome": what each reconcile came to, as it happens. Nothing is kept for who does not listen',
        querystring: object({ 'mapping?': text }),
        response: {
          200: {
            description: 'A stream that does not end',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
          ...problems(400),
        },
      },
    },
    async ({ query: { mapping } }, reply) => {
      if (open.size >= LISTENERS)
        throw new TandemError('UNAVAILABLE', `There are ${LISTENERS} listeners already.`, { retryAfter: 30_000 });
      const response = reply.raw;
      const send = (event: OutcomeEvent): void => {
        if ((mapping !== undefined && event.mapping !== mapping) || response.writableLength > BUFFER) return;
        const names = sideNames(engine, event.mapping);
        const { at, ms, id, side, outcome } = event;
        response.write(
          `event: outcome\ndata: ${JSON.stringify({ at, mapping: event.mapping, record: { side: names[side], id }, ms, outcome: presentOutcome(names, outcome) })}\n\n`,
        );
      };
      open.add(response);
      let unlisten = (): void => {};
      let heartbeat: NodeJS.Timeout | undefined;
      response.on('close', () => {
        clearInterval(heartbeat);
        unlisten();
        open.delete(response);
      });
      unlisten = await events.listen(send);
      if (response.destroyed) return unlisten();
      reply.hijack();
      response.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      response.write(': listening\n\n');
      heartbeat = setInterval(() => response.write(': still here\n\n'), HEARTBEAT);
    },
  );
}

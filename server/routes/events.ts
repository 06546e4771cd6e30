/** Live events as server-sent events: what each reconcile came to, and brakes that go on or off. */
import type { ServerResponse } from 'node:http';
import { EventsQuery, text } from '../../api/index.ts';
import { type Engine, type LiveEvent, TandemError } from '../../engine/index.ts';
import type { Routes } from '../options.ts';
import { presentBrakeEvent, presentOutcomeEvent } from '../present.ts';
import { problems } from '../problem-responses.ts';

/** Listeners at once per process. */
const LISTENERS = 50;
/** Bytes that may wait for a slow listener; what would exceed them is left out. */
const BUFFER = 256 * 1024;
const HEARTBEAT = 15_000;

export const events: Routes = async (app, { engine, events }) => {
  const open = new Set<ServerResponse>();
  app.addHook('preClose', async () => {
    for (const response of open) response.end();
  });

  app.get(
    '/events',
    {
      // It would not end.
      exposeHeadRoute: false,
      schema: {
        operationId: 'events',
        tags: ['events'],
        summary:
          'Server-sent events "outcome" (what each reconcile came to) and "brake" (it went on or off), as it happens. Nothing is kept for those who do not listen',
        querystring: EventsQuery,
        response: {
          200: {
            description: 'A stream that does not end',
            content: { 'text/event-stream': { schema: text } },
          },
          ...problems(400),
        },
      },
    },
    async ({ query: { mapping } }, reply) => {
      if (open.size >= LISTENERS)
        throw new TandemError('UNAVAILABLE', `There are ${LISTENERS} listeners already.`, { retryAfter: 30_000 });
      const response = reply.raw;
      const send = senderTo(response, engine, mapping, (err) => reply.log.warn({ err }, 'a live event was left out'));
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
};

/** One event after the other: the names of sides may have to be looked up. Where Redis is away, that event is left out. */
function senderTo(
  response: ServerResponse,
  engine: Engine,
  mapping: string | undefined,
  leftOut: (error: unknown) => void,
): (event: LiveEvent) => void {
  const write = async (event: LiveEvent): Promise<void> => {
    if (response.writableLength > BUFFER) return;
    const data = event.type === 'brake' ? presentBrakeEvent(engine, event) : await presentOutcomeEvent(engine, event);
    if (!response.writableEnded) response.write(`event: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  let last = Promise.resolve();
  return (event) => {
    if (mapping === undefined || event.mapping === mapping) last = last.then(() => write(event)).catch(leftOut);
  };
}

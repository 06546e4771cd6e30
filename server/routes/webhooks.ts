/** Webhooks: events of systems come in here. Open to whoever knows the key in the address; the signature is checked where the system has one. */
import type { FastifyInstance } from 'fastify';
import { TandemError } from '../../engine/errors.ts';
import { verifyWebhook } from '../../engine/systems/webhooks.ts';
import { sameSecret } from '../auth.ts';
import type { RouteDeps } from '../options.ts';
import { HttpProblem } from '../problems.ts';
import { count, described, object, problems, text } from '../schemas.ts';

const BODY_LIMIT = 1024 * 1024;
/** Requests per address and minute; a system that is told to slow down sends again, and scans repair what it gives up. */
const REQUESTS = 3_000;

export async function webhooks(app: FastifyInstance, { engine, options }: RouteDeps): Promise<void> {
  const rate = app.createRateLimit({ max: REQUESTS, timeWindow: '1 minute' });
  // The signature covers the bytes as they came, so nothing parses them on the way, whatever type they claim.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_, body, done) => done(null, body));

  app.post<{ Params: { system: string; key: string }; Body: Buffer | undefined }>(
    '/webhooks/:system/:key',
    {
      config: { open: true },
      bodyLimit: BODY_LIMIT,
      schema: {
        operationId: 'webhook',
        tags: ['webhooks'],
        summary: 'Events of a system. The body is whatever that system sends',
        security: [],
        params: object({ system: text, key: described("Secret of this system's webhook address", text) }),
        response: {
          200: object({}, { description: 'Handshake: the header came back' }),
          202: object({ queued: described('Records that will be looked at', count) }),
          ...problems(400, 404, 429),
        },
      },
    },
    async (request, reply) => {
      const limit = await rate(request);
      if (!limit.isAllowed && limit.isExceeded) {
        throw new HttpProblem('BAD_REQUEST', 429, 'Too many webhooks came from this address.', {
          title: 'Too many requests',
          todo: 'Send them again later.',
          retryAfter: limit.ttl,
        });
      }
      const { system, key } = request.params;
      const config = engine.config.current().systems.get(system);
      const expected = config ? options.webhookKey(system) : undefined;
      // One answer for an unknown system and for a wrong key: it tells nothing about either.
      const right = sameSecret(key, expected ?? '');
      if (!right || !expected || !config?.webhooks) throw new TandemError('NOT_FOUND', 'There is no such webhook.');
      const verified = await verifyWebhook(config.webhooks, {
        headers: request.headers,
        rawBody: request.body ?? Buffer.alloc(0),
        now: Date.now(),
      });
      if (verified.kind === 'handshake') return reply.code(200).header(verified.header, verified.value).send({});
      return reply.code(202).send({ queued: await engine.events(system, verified.events) });
    },
  );
}

/**
 * Webhooks: events of systems come in here. Open to all who know the key in the address; the signature is checked where
 * the system has one.
 */
import type { FastifyRequest } from 'fastify';
import { Accepted, Handshake, type Static, WebhookParams } from '../../api/index.ts';
import { TandemError, verifyWebhook } from '../../engine/index.ts';
import { sameSecret } from '../auth.ts';
import type { Routes } from '../options.ts';
import { problems } from '../problem-responses.ts';
import { HttpProblem } from '../problems.ts';

const BODY_LIMIT = 1024 * 1024;
/** Wrong keys per address and minute. A right key is never refused because of them. */
const GUESSES = 30;
/** Requests per address and minute; a system that is told to slow down sends again, and scans repair what it gives up. */
const REQUESTS = 3_000;

export const webhooks: Routes = async (app, { engine, options, metrics }) => {
  const rate = app.createRateLimit({ max: REQUESTS, timeWindow: '1 minute' });
  const guesses = app.createRateLimit({ max: GUESSES, timeWindow: '1 minute' });

  const queuedBy = new WeakMap<FastifyRequest, number>();

  /** Before the body is read: nobody without the key makes this process hold one. */
  const letIn = async (request: FastifyRequest): Promise<void> => {
    const { system, key } = request.params as Static<typeof WebhookParams>;
    const declared = engine.config.current().systems.get(system)?.webhooks !== undefined;
    const expected = declared ? options.webhookKey(system) : undefined;
    const right = sameSecret(key, expected ?? '') && expected !== undefined && expected !== '';
    const limit = await (right ? rate : guesses)(request);
    if (!limit.isAllowed && limit.isExceeded)
      throw new TandemError(
        'RATE_LIMITED',
        `Too many webhooks ${right ? '' : 'with a wrong key '}came from this address.`,
        {
          retryAfter: limit.ttl,
        },
      );
    // One response for an unknown system and for a wrong key: it tells nothing about either.
    if (!right) throw new TandemError('NOT_FOUND', 'There is no such webhook.');
  };

  takeBytes(app);

  app.post(
    '/webhooks/:system/:key',
    {
      config: { open: true },
      onRequest: letIn,
      onResponse: async (request, { statusCode }) => {
        const { system } = request.params;
        const declared = engine.config.current().systems.has(system);
        metrics.onWebhook(declared ? system : undefined, statusCode, queuedBy.get(request) ?? 0);
      },
      bodyLimit: BODY_LIMIT,
      schema: {
        operationId: 'webhook',
        tags: ['webhooks'],
        summary: 'Events of a system. The body is whatever that system sends',
        security: [],
        params: WebhookParams,
        response: { 200: Handshake, 202: Accepted, ...problems(401, 404, 422, 429) },
      },
    },
    async (request, reply) => {
      const { system } = request.params;
      const webhooks = engine.config.current().systems.get(system)?.webhooks;
      if (!webhooks) throw new TandemError('NOT_FOUND', 'There is no such webhook.');
      const verified = await verify(webhooks, system, request);
      if (verified.kind === 'handshake') return reply.code(200).header(verified.header, verified.value).send({});
      const queued = await engine.events(system, verified.events);
      queuedBy.set(request, queued);
      return reply.code(202).send({ queued });
    },
  );
};

/** The signature covers the bytes as they came, so nothing parses them on the way, whatever type they claim. */
function takeBytes(app: Parameters<Routes>[0]): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_LIMIT }, (_, body, done) => done(null, body));
}

/** @throws HttpProblem where the signature is wrong */
async function verify(
  webhooks: Parameters<typeof verifyWebhook>[0],
  system: string,
  { headers, body, log }: Pick<FastifyRequest, 'headers' | 'body' | 'log'>,
): ReturnType<typeof verifyWebhook> {
  try {
    return await verifyWebhook(webhooks, {
      headers,
      rawBody: (body as Buffer | undefined) ?? Buffer.alloc(0),
      now: Date.now(),
    });
  } catch (error) {
    if (!(error instanceof TandemError && error.code === 'UNAUTHORIZED')) throw error;
    // A caller with the key of the address is most likely the system: that its events are lost must be seen.
    log.warn({ system, code: error.code, reason: error.message }, 'webhook refused');
    throw new HttpProblem('UNAUTHORIZED', 401, error.message, {
      title: 'The webhook is not signed as it should be',
      remedy:
        'Sign it with the secret that the system file names under webhooks, and check that both sides have the same one, and the same time.',
    });
  }
}

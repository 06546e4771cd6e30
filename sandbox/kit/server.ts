// The HTTP server under both stand-ins: counts requests, applies faults, offers `/_sandbox`.

import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { BehaviourRule, Behaviours, Merged } from './behaviours.ts';
import type { Clock } from './clock.ts';
import type { FaultRule, Faults } from './faults.ts';
import { isObject } from './json.ts';
import type { Outbox } from './outbox.ts';
import type { LoggedRequest, RequestLog } from './request-log.ts';

export interface ServerParts {
  faults: Faults;
  requests: RequestLog;
  webhooks: Outbox;
  behaviours: Behaviours;
  /** Puts records and all else back to how they were at the start. */
  reset: () => void;
  /** The system's own, which may be off. */
  clock: Clock;
  logger: boolean;
}

/** Routes for people and tests: no token, no limits, no faults, not counted. */
export function isAside(url: string): boolean {
  const path = url.split('?', 1)[0];
  return path === '/' || path === '/favicon.ico' || path === '/_sandbox' || url.startsWith('/_sandbox/');
}

export function createServer(parts: ServerParts): FastifyInstance {
  const { faults, requests } = parts;
  // Open and hanging connections must not keep `close` waiting.
  const app = Fastify({
    logger: parts.logger ? { stream: process.stderr } : false,
    forceCloseConnections: true,
    // Neither system documents HEAD.
    exposeHeadRoutes: false,
    bodyLimit: 10 * 1024 * 1024,
  });
  const entries = new WeakMap<FastifyRequest, LoggedRequest>();
  const hits = new WeakMap<FastifyRequest, FaultRule>();

  app.addHook('onRequest', async (request, reply) => {
    if (isAside(request.url)) return;
    const route = request.routeOptions.url ?? '(no route)';
    const entry = requests.begin(request.method, request.url, route, senderOf(request));
    entries.set(request, entry);
    const fault = faults.pick(request.method, request.url);
    if (!fault) return;
    entry.fault = fault.action;
    hits.set(request, fault);
    return await before(fault, request, reply);
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const entry = entries.get(request);
    if (entry) requests.end(entry, reply.statusCode);
    const date = parts.clock.header();
    if (date !== undefined) reply.header('date', date);
    const fault = hits.get(request);
    return fault ? after(fault, request, reply, payload) : payload;
  });

  addControlRoutes(app, parts);
  return app;
}

function senderOf({ headers }: FastifyRequest): Pick<LoggedRequest, 'sender' | 'readAt'> {
  const [sender, readAt] = [headers['x-sandbox-sender'], headers['x-sandbox-read-at']];
  return {
    ...(typeof sender === 'string' ? { sender } : {}),
    ...(typeof readAt === 'string' ? { readAt: Number(readAt) } : {}),
  };
}

async function before(fault: FaultRule, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { socket } = request.raw;
  switch (fault.action) {
    case 'status':
      reply.code(fault.status ?? 500).headers(fault.headers ?? {});
      return reply.send(fault.body ?? { message: 'A fault of the sandbox.' });
    case 'hang':
      reply.hijack();
      if (fault.ms !== undefined) setTimeout(() => socket.destroy(), fault.ms).unref();
      return undefined;
    case 'reset':
      reply.hijack();
      socket.resetAndDestroy();
      return undefined;
    case 'delay':
      await sleep(fault.ms ?? 1_000, undefined, { ref: false });
      return undefined;
    default:
      return undefined;
  }
}

function after(fault: FaultRule, request: FastifyRequest, reply: FastifyReply, payload: unknown): unknown {
  if (fault.action === 'lose-response') {
    request.raw.socket.destroy();
    return payload;
  }
  if (typeof payload !== 'string') return payload;
  switch (fault.action) {
    case 'truncate':
      reply.removeHeader('content-length');
      return payload.slice(0, Math.floor(payload.length / 2));
    case 'malformed':
      reply.removeHeader('content-length');
      reply.code(200);
      return typeof fault.body === 'string' ? fault.body : '<html><body>We will be back soon</body></html>';
    case 'empty-list':
      reply.removeHeader('content-length');
      return emptied(payload, reply);
    case 'slow-body':
      reply.removeHeader('content-length');
      return Readable.from(inPieces(payload, fault.ms ?? 1_000));
    default:
      return payload;
  }
}

function emptied(payload: string, reply: FastifyReply): string {
  const body: unknown = JSON.parse(payload);
  if (reply.hasHeader('x-total')) reply.headers({ 'x-total': '0', 'x-total-pages': '0' });
  reply.removeHeader('link');
  if (Array.isArray(body)) return '[]';
  if (!isObject(body)) return payload;
  const entries = Object.entries(body).filter(([key]) => key !== 'next_page_token');
  return JSON.stringify(Object.fromEntries(entries.map(([key, value]) => [key, Array.isArray(value) ? [] : value])));
}

async function* inPieces(payload: string, ms: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(payload);
  const pieces = 10;
  const size = Math.max(1, Math.ceil(bytes.length / pieces));
  for (let at = 0; at < bytes.length; at += size) {
    await sleep(ms / pieces, undefined, { ref: false });
    yield bytes.subarray(at, at + size);
  }
}

function addControlRoutes(app: FastifyInstance, parts: ServerParts): void {
  const { faults, requests, webhooks } = parts;

  app.get('/favicon.ico', async (_request, reply) => reply.code(204).send());

  app.get('/_sandbox/faults', async () => ({ faults: faults.list() }));
  app.post<{ Body: unknown }>('/_sandbox/faults', async (request, reply) => {
    const { body } = request;
    try {
      if (isObject(body) && typeof body.seed === 'number') faults.seed(body.seed);
      // `add` checks the shape, whatever it is.
      const added = rulesIn(body).map((rule) => faults.add(rule as FaultRule));
      return reply.code(201).send({ faults: added });
    } catch (error) {
      return refuse(reply, error);
    }
  });
  app.delete('/_sandbox/faults', async (_request, reply) => {
    faults.clear();
    return reply.code(204).send();
  });
  app.delete<{ Params: { id: string } }>('/_sandbox/faults/:id', async (request, reply) => {
    faults.clear(request.params.id);
    return reply.code(204).send();
  });

  app.get<{ Querystring: { since?: string } }>('/_sandbox/requests', async (request) => ({
    last: requests.last,
    counts: requests.counts(),
    requests: requests.since(Number(request.query.since ?? 0) || 0),
  }));
  app.get('/_sandbox/stats', async () => requests.stats());

  app.get('/_sandbox/webhooks', async () => ({ faults: webhooks.faults, ...webhooks.counts() }));
  app.post<{ Body: unknown }>('/_sandbox/webhooks', async (request, reply) => {
    try {
      return { faults: webhooks.configure(request.body ?? null), ...webhooks.counts() };
    } catch (error) {
      return refuse(reply, error);
    }
  });
  app.delete('/_sandbox/webhooks', async (_request, reply) => {
    webhooks.configure(null);
    return reply.code(204).send();
  });

  addBehaviourRoutes(app, parts);
  app.post('/_sandbox/reset', async (_request, reply) => {
    faults.clear();
    requests.clear();
    webhooks.configure(null);
    webhooks.clear();
    parts.reset();
    return reply.code(204).send();
  });
}

/** What the system does to records without an error, and its clock. */
function addBehaviourRoutes(app: FastifyInstance, { behaviours, clock }: ServerParts): void {
  app.get<{ Querystring: { since?: string } }>('/_sandbox/behaviours', async (request) => ({
    behaviours: behaviours.list(),
    happened: behaviours.happened(Number(request.query.since ?? 0) || 0),
  }));
  app.post<{ Body: unknown }>('/_sandbox/behaviours', async ({ body }, reply) => {
    try {
      if (isObject(body) && typeof body.seed === 'number') behaviours.seed(body.seed);
      // `add` checks the shape, whatever it is.
      const added = rulesIn(body).map((rule) => behaviours.add(rule as BehaviourRule));
      return reply.code(201).send({ behaviours: added });
    } catch (error) {
      return refuse(reply, error);
    }
  });
  app.delete('/_sandbox/behaviours', async (_request, reply) => {
    behaviours.clear();
    return reply.code(204).send();
  });
  app.delete<{ Params: { id: string } }>('/_sandbox/behaviours/:id', async (request, reply) => {
    behaviours.clear(request.params.id);
    return reply.code(204).send();
  });
  app.post('/_sandbox/behaviours/settle', async (_request, reply) => {
    behaviours.settle();
    return reply.code(204).send();
  });
  app.post<{ Body: unknown }>('/_sandbox/merge', async ({ body }, reply) => {
    const { entity, loser, winner, shows = 'winner' } = isObject(body) ? body : {};
    if (typeof entity !== 'string' || ![loser, winner].every((id) => typeof id === 'string' || typeof id === 'number'))
      return refuse(reply, 'entity is a plural, loser and winner are ids');
    try {
      // `merge` checks what it shows.
      behaviours.merge(entity, String(loser), { winner: String(winner), shows: shows as Merged['shows'] });
      return reply.code(204).send();
    } catch (error) {
      return refuse(reply, error);
    }
  });

  app.get('/_sandbox/clock', async () => ({ ahead: clock.ahead, now: new Date(clock.now()).toISOString() }));
  app.post<{ Body: unknown }>('/_sandbox/clock', async ({ body }, reply) => {
    if (!isObject(body) || !Number.isSafeInteger(body.ahead))
      return refuse(reply, 'ahead is a whole number of ms, negative for a clock that is behind');
    clock.ahead = Number(body.ahead);
    return { ahead: clock.ahead, now: new Date(clock.now()).toISOString() };
  });
}

const refuse = (reply: FastifyReply, error: unknown): FastifyReply =>
  reply.code(400).send({ message: error instanceof Error ? error.message : String(error) });

/** One rule, a list of them, or an object with `rules`. */
const rulesIn = (body: unknown): unknown[] =>
  Array.isArray(body) ? body : isObject(body) && Array.isArray(body.rules) ? body.rules : [body];

/** Listens, and answers the URL under which this machine reaches it. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  await app.listen({ host, port });
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${address.port}`;
}

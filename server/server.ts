/**
 * The HTTP surface over one engine: triggers, runs, queues, mappings, links, reviews, records, webhooks, health,
 * metrics, live events. One plugin per noun in `routes/`; every route is in the OpenAPI document at /docs.
 */
import { randomUUID } from 'node:crypto';
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from 'fastify';
import { SHARED } from '../api/index.ts';
import { createLiveEvents, type Engine, redisAnswers, type Span, type Tracing, watchSilence } from '../engine/index.ts';
import { auth } from './auth.ts';
import { methodsByPath } from './methods.ts';
import { createMetrics } from './metrics.ts';
import { openapi } from './openapi.ts';
import type { RouteDeps, Routes, ServerOptions } from './options.ts';
import { HttpProblem, notFound, refuseConnection, refuseExpectation, sendProblem } from './problems.ts';
import { board } from './routes/board.ts';
import { errors } from './routes/errors.ts';
import { events } from './routes/events.ts';
import { health } from './routes/health.ts';
import { history } from './routes/history.ts';
import { links } from './routes/links.ts';
import { mappings } from './routes/mappings.ts';
import { metrics } from './routes/metrics.ts';
import { processes } from './routes/processes.ts';
import { queues } from './routes/queues.ts';
import { records } from './routes/records.ts';
import { reviews } from './routes/reviews.ts';
import { runs } from './routes/runs.ts';
import { triggers } from './routes/triggers.ts';
import { webhooks } from './routes/webhooks.ts';
import { responseSerializer } from './serialization.ts';
import { requestValidator } from './validation.ts';

export { type ListenOptions, listen } from './listen.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export type { ServerOptions } from './options.ts';

const ROUTES: readonly Routes[] = [
  health,
  processes,
  triggers,
  runs,
  mappings,
  reviews,
  records,
  history,
  links,
  queues,
  board,
  webhooks,
  metrics,
  events,
  errors,
];

/** What a process tells of itself, whatever else it does. */
const HEALTH_ROUTES: readonly Routes[] = [health, metrics];

const BODY_LIMIT = 256 * 1024;
/** How long a request may take to arrive, and an answer to be made, in ms. Systems may be slow and may have to be waited for. */
const REQUEST_TIMEOUT = 30_000;
const ANSWER_TIMEOUT = 120_000;
/** How long a request waits for a Redis that is away, in ms. */
const REDIS_PATIENCE = 2_000;

/** The board and the docs bring their own scripts; nothing comes from elsewhere. TLS, where there is any, ends before this process. */
const HEADERS: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'", "'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      fontSrc: ["'self'", 'data:'],
      connectSrc: ["'self'"],
      workerSrc: ["'self'", 'blob:'],
      baseUri: ["'self'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  },
  strictTransportSecurity: false,
  xFrameOptions: { action: 'deny' },
};

/** Makes the server, ready but not listening. The engine stays the caller's: close the server first, then the engine. */
export async function createServer(engine: Engine, options: ServerOptions): Promise<FastifyInstance> {
  const deps: RouteDeps = {
    engine,
    options,
    metrics: options.metrics ?? createMetrics(),
    events: options.events ?? createLiveEvents(),
  };
  deps.events.attach(engine);
  const app = Fastify({
    ...loggerOf(options.logger),
    // Fastify's own lines would hold addresses, and with them webhook keys and record ids.
    // Every line of a request has its id, once.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'request' }),
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT,
    handlerTimeout: ANSWER_TIMEOUT,
    trustProxy: trustOf(options.trustProxy),
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: 1_000 },
    forceCloseConnections: 'idle',
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => sendProblem(error, request, reply as never),
  } as FastifyServerOptions) as FastifyInstance;

  app.setValidatorCompiler(requestValidator);
  app.setSerializerCompiler(responseSerializer);
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler(notFound(methodsByPath(app)));
  for (const schema of SHARED) app.addSchema(schema);
  acceptEmptyJson(app);

  await app.register(helmet, HEADERS);
  await app.register(rateLimit, { global: false });
  logRequests(app);
  app.server.on('checkExpectation', refuseExpectation);
  app.addHook('onRequest', async ({ raw }) => {
    // Of a connection that was reset no address is known, and limits count by it. Once asked for, it stays known.
    if (raw.socket.remoteAddress === undefined) throw new HttpProblem('BAD_REQUEST', 400, 'The connection is closed.');
    // The router ends an address there, others read on: what a proxy or a guard sees must be what is done.
    if (raw.url?.includes('#')) throw new HttpProblem('BAD_REQUEST', 400, 'The address holds "#": write it as %23.');
  });
  if (engine.options.tracing) traceRequests(app, engine.options.tracing);
  await app.register(auth, { readToken: options.readToken, apiToken: options.apiToken });
  requireRedis(app, engine);
  if (!options.healthOnly) await app.register(openapi, { version: options.version });
  for (const route of options.healthOnly ? HEALTH_ROUTES : ROUTES) await app.register(route, deps);
  app.addHook('onClose', () => deps.events.close());
  await app.ready();
  return app;
}

function loggerOf(logger: ServerOptions['logger']): { loggerInstance: FastifyBaseLogger } | { logger: boolean } {
  return typeof logger === 'object' ? { loggerInstance: logger } : { logger: logger ?? false };
}

const trustOf = (trust: ServerOptions['trustProxy']): boolean | string | string[] =>
  typeof trust === 'object' ? [...trust] : (trust ?? false);

/** A body may be left out even where a client says that it is JSON. */
function acceptEmptyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, body as string, done);
  });
}

/** What needs Redis is refused while Redis does not answer. */
function requireRedis(app: FastifyInstance, engine: Engine): void {
  const redis = watchSilence(engine);
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.withoutRedis || request.is404) return;
    if (!redis.silent()) return;
    if (!(await redisAnswers(engine, REDIS_PATIENCE))) {
      throw new HttpProblem('UNAVAILABLE', 503, 'Redis does not answer.', {
        remedy: 'Nothing, if it comes back; else start it, or correct REDIS_URL.',
        retryAfter: 5_000,
      });
    }
  });
  app.addHook('onClose', async () => redis.close());
}

/** One line per request, by its route and not by its address. */
function logRequests(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply) => {
    reply.header('request-id', request.id);
    // Answers may show records; scripts and styles of the pages say for themselves how long they may be kept.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
  app.addHook('onResponse', async (request, reply) => {
    const { url = 'none', logLevel } = request.routeOptions as { url?: string; logLevel?: string };
    const fields = {
      method: request.method,
      route: url,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
      from: request.ip,
    };
    // Looking is not worth a line each time: a command that follows a run asks three times a second.
    const looking = request.method === 'GET' && reply.statusCode < 400;
    if (logLevel === 'warn' || looking) request.log.debug(fields, 'request');
    else request.log.info(fields, 'request');
  });
}

/** One span per request that may cause work, by its route and not by its address. What it queues is below it. */
function traceRequests(app: FastifyInstance, tracing: Tracing): void {
  const spans = new WeakMap<FastifyRequest, Span>();
  // Not before: what reads the body does not run within what came before it.
  app.addHook('preHandler', (request, _, done) => {
    if (request.method === 'GET') return done();
    const { url: route = 'none' } = request.routeOptions;
    const attributes = { 'http.request.method': request.method, 'http.route': route, 'tandem.request': request.id };
    const span = tracing.begin('server', `${request.method} ${route}`, attributes);
    spans.set(request, span);
    span.run(done);
  });
  app.addHook('onResponse', async (request, { statusCode }) => {
    const error = statusCode >= 500 ? String(statusCode) : undefined;
    spans.get(request)?.end({ 'http.response.status_code': statusCode }, error);
  });
}

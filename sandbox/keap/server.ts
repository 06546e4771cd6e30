// The Keap stand-in: its API over real HTTP, all state in memory.

import type { FastifyInstance } from 'fastify';
import { Behaviours } from '../kit/behaviours.ts';
import { Clock } from '../kit/clock.ts';
import { Faults } from '../kit/faults.ts';
import { isObject, type JsonObject } from '../kit/json.ts';
import { Moved, movedStatus } from '../kit/moved.ts';
import { Outbox } from '../kit/outbox.ts';
import { RequestLog } from '../kit/request-log.ts';
import { createServer, isAside, listen } from '../kit/server.ts';
import type { Sandbox } from '../types.ts';
import { addAccountRoutes } from './account.ts';
import { type Auth, createAuth } from './auth.ts';
import { addModelRoutes } from './custom-fields.ts';
import { type KeapData, noKeapData, type OAuthClient } from './data.ts';
import { entities } from './entities.ts';
import { KeapError } from './errors.ts';
import { createHooks, type Hooks } from './hooks.ts';
import { Limiter, type LimitOptions } from './limits.ts';
import { addOtherOperations } from './operations.ts';
import { addPage } from './page.ts';
import { addRecordRoutes } from './records.ts';
import { addStageRoutes } from './stages.ts';
import { KeapStore, keapEntities } from './store.ts';

export interface KeapOptions {
  port?: number;
  host?: string;
  data?: KeapData;
  /** The static key, for X-Keap-API-Key or Bearer. */
  apiKey?: string;
  oauth?: OAuthClient;
  /** How long an access token lives; at Keap about 24 hours. */
  accessTokenSeconds?: number;
  /** false: none, and no headers. */
  limits?: LimitOptions | false;
  /** From a change to its hook, in ms. At Keap 30 to 60 s. */
  hookDelayMs?: readonly [number, number];
  /** A hook's receiver that takes longer has failed. */
  hookTimeoutMs?: number;
  /** How far its clock is ahead of this machine's, in ms; negative: behind. */
  clockAhead?: number;
  logger?: boolean;
}

export interface KeapSandbox extends Sandbox {
  /** The records. Editing them here fires no hooks, as bulk edits in Keap do. */
  readonly store: KeapStore;
  readonly auth: Auth;
  readonly apiKey: string;
  /** Puts everything back to the given data, or to that of the start. */
  reset(data?: KeapData): void;
  snapshot(): KeapData;
}

const defaultClient: OAuthClient = {
  clientId: 'sandbox-keap-client',
  clientSecret: 'sandbox-keap-secret',
  refreshToken: 'sandbox-keap-refresh',
};

export async function startKeap(options: KeapOptions = {}): Promise<KeapSandbox> {
  const apiKey = options.apiKey ?? 'sandbox-keap-key';
  const oauth = options.oauth ?? defaultClient;
  const initial = structuredClone({ refreshToken: oauth.refreshToken, ...(options.data ?? noKeapData) });
  const clock = new Clock(options.clockAhead);
  const store = new KeapStore(initial, clock);
  const faults = new Faults();
  const requests = new RequestLog(groupOf);
  const webhooks = new Outbox({ timeoutMs: options.hookTimeoutMs ?? 30_000 });
  const limiter = options.limits === false ? undefined : new Limiter(options.limits ?? {});
  let url = '';

  const behaviours = createBehaviours(store, (...event) => hooks.note(...event));
  const reset = (data: KeapData = initial) => {
    hooks.clear();
    behaviours.reset();
    store.load({ ...data, refreshToken: data.refreshToken ?? oauth.refreshToken });
  };
  const parts = { faults, requests, webhooks, behaviours, clock };
  const app = createServer({
    ...parts,
    reset: () => {
      clock.ahead = options.clockAhead ?? 0;
      reset();
    },
    logger: options.logger ?? false,
  });
  const auth = createAuth(app, { apiKey, oauth, store, lifetimeSeconds: options.accessTokenSeconds ?? 86_400 });

  checkAll(app, auth, limiter);
  answerErrors(app);

  const hooks = createHooks(app, {
    store,
    outbox: webhooks,
    delayMs: options.hookDelayMs ?? [100, 300],
    url: () => url,
  });
  addRoutes(app, apiKey, { store, hooks, behaviours, url: () => url });
  url = await listen(app, options.host ?? '127.0.0.1', options.port ?? 0);

  return {
    url,
    store,
    ...parts,
    auth,
    apiKey,
    stats: () => requests.stats(),
    reset,
    snapshot: () => store.snapshot(),
    async close() {
      hooks.clear();
      behaviours.reset();
      await webhooks.close();
      await app.close();
    },
  };
}

/** Which entity a route is of, for the counts of requests. */
const groupOf = (route: string): string | undefined =>
  route.includes('/model')
    ? undefined
    : /^\/crm\/rest\/v\d\/(opportunities\/stages|\w+)/.exec(route)?.[1]?.split('/').at(-1);

/** What it does to records without an error; hooks hear of it. */
function createBehaviours(store: KeapStore, note: Hooks['note']): Behaviours {
  const behaviours = new Behaviours({
    edit(plural, id, change) {
      const entity = entities.find((one) => one.plural === plural);
      const record = entity && store.table(entity.plural).get(id);
      const changed = record && change(record as JsonObject);
      if (!record || changed === record) return;
      store.edit(entity.plural, id, changed as JsonObject);
      note(`${entity.singular}.edit`, entity.plural, id);
    },
    merge(plural, loser, winner) {
      const entity = entities.find((one) => one.plural === plural);
      if (!entity) throw new Error(`entity is one of ${keapEntities.join(', ')}`);
      store.merge(entity.plural, loser, winner);
      note(`${entity.singular}.edit`, entity.plural, winner);
      note(`${entity.singular}.delete`, entity.plural, loser);
    },
  });
  store.idFor = (entity) => behaviours.idFor(entity, store.table(entity));
  return behaviours;
}

function addRoutes(app: FastifyInstance, apiKey: string, parts: Parameters<typeof addRecordRoutes>[2]): void {
  const v2 = '/crm/rest/v2';
  addAccountRoutes(app, v2, parts.store);
  addStageRoutes(app, v2, parts.store);
  addModelRoutes(app, v2, parts.store);
  addRecordRoutes(app, v2, parts);
  addOtherOperations(app, v2);
  addPage(app, v2, apiKey);
}

/** Every request needs a token, and counts for the limits of its owner. */
function checkAll(app: FastifyInstance, auth: Auth, limiter: Limiter | undefined): void {
  app.addHook('onRequest', async (request, reply) => {
    if (isAside(request.url) || request.url === '/token') return;
    const token = auth.check(request);
    limiter?.check(reply, token);
  });
}

function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler(async (error, request, reply) => {
    if (error instanceof Moved) return reply.redirect(error.location, movedStatus(request.method));
    const { status, body } = error instanceof KeapError ? error : asKeapError(error, request.url);
    return reply.code(status).send(body);
  });
  // Keap's gateway answers unknown paths in HTML.
  app.setNotFoundHandler(async (_request, reply) =>
    reply
      .code(404)
      .type('text/html')
      .send('<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>'),
  );
}

/** What the server below refuses, such as a body that is no JSON, in the error body of the API's version. */
function asKeapError(error: unknown, url: string): KeapError {
  const given = isObject(error) && typeof error.statusCode === 'number' ? error.statusCode : 500;
  const message = error instanceof Error ? error.message : 'Unknown error';
  // No description has 413 or 415.
  const status = given >= 400 && given < 500 ? 400 : 500;
  return url.startsWith('/crm/rest/v1/')
    ? KeapError.v1(status, message)
    : KeapError.api(status, message, 'request', 'body');
}

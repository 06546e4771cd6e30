// The Customwebshop stand-in: its API over real HTTP, all state in memory.

import type { FastifyInstance } from 'fastify';
import { Behaviours } from '../kit/behaviours.ts';
import { Clock } from '../kit/clock.ts';
import { Faults } from '../kit/faults.ts';
import { isObject } from '../kit/json.ts';
import { Moved, movedStatus } from '../kit/moved.ts';
import { Outbox } from '../kit/outbox.ts';
import { RequestLog } from '../kit/request-log.ts';
import { createServer, isAside, listen } from '../kit/server.ts';
import type { Sandbox } from '../types.ts';
import { noShopData, type ShopData } from './data.ts';
import { entities } from './entities.ts';
import { ShopError } from './errors.ts';
import { addPage } from './page.ts';
import { addRecordRoutes } from './records.ts';
import { ShopStore, shopEntities } from './store.ts';
import { createWebhooks, type Webhooks } from './webhooks.ts';

export interface ShopOptions {
  port?: number;
  host?: string;
  data?: ShopData;
  /** The bearer token. */
  token?: string;
  /** From a change to its webhook, in ms. */
  webhookDelayMs?: readonly [number, number];
  webhookTimeoutMs?: number;
  /** How far its clock is ahead of this machine's, in ms; negative: behind. */
  clockAhead?: number;
  logger?: boolean;
}

export interface ShopSandbox extends Sandbox {
  /** The records. Editing them here fires no webhooks. */
  readonly store: ShopStore;
  readonly token: string;
  /** Puts everything back to the given data, or to that of the start. */
  reset(data?: ShopData): void;
  snapshot(): ShopData;
}

export async function startShop(options: ShopOptions = {}): Promise<ShopSandbox> {
  const token = options.token ?? 'sandbox-shop-token';
  const initial = structuredClone(options.data ?? noShopData);
  const clock = new Clock(options.clockAhead);
  const store = new ShopStore(initial, clock);
  const faults = new Faults();
  const requests = new RequestLog((route) => /^\/(\w+)/.exec(route)?.[1]);
  const outbox = new Outbox({ timeoutMs: options.webhookTimeoutMs ?? 30_000 });
  let url = '';

  const behaviours = createBehaviours(store, (...event) => webhooks.note(...event));
  const reset = (data: ShopData = initial) => {
    replays.clear();
    behaviours.reset();
    store.load(data);
  };
  const parts = { faults, requests, webhooks: outbox, behaviours, clock };
  const app = createServer({
    ...parts,
    reset: () => {
      clock.ahead = options.clockAhead ?? 0;
      reset();
    },
    logger: options.logger ?? false,
  });

  app.addHook('onRequest', async (request, reply) => {
    if (isAside(request.url)) return;
    if (request.headers.authorization === `Bearer ${token}`) return;
    reply.header('www-authenticate', 'Bearer');
    throw new ShopError(401, 'The token is missing or not valid.');
  });
  answerErrors(app);

  const webhooks = createWebhooks(app, { store, outbox, delayMs: options.webhookDelayMs ?? [20, 100] });
  const replays = addRecordRoutes(app, { store, webhooks, behaviours, url: () => url });
  addPage(app, token);
  url = await listen(app, options.host ?? '127.0.0.1', options.port ?? 0);

  return {
    url,
    store,
    ...parts,
    token,
    stats: () => requests.stats(),
    reset,
    snapshot: () => store.snapshot(),
    async close() {
      behaviours.reset();
      await outbox.close();
      await app.close();
    },
  };
}

/** What it does to records without an error; webhooks tell of it. */
function createBehaviours(store: ShopStore, note: Webhooks['note']): Behaviours {
  const behaviours = new Behaviours({
    edit(plural, id, change) {
      const entity = entities.find((one) => one.plural === plural);
      const record = entity && store.table(entity.plural).get(Number(id));
      const changed = record && change(record);
      if (!record || changed === record) return;
      store.edit(entity.plural, record.id, changed as typeof record);
      note(entity.singular, 'updated', record.id);
    },
    merge(plural, loser, winner) {
      const entity = entities.find((one) => one.plural === plural);
      if (!entity) throw new Error(`entity is one of ${shopEntities.join(', ')}`);
      store.merge(entity.plural, Number(loser), Number(winner));
      note(entity.singular, 'updated', Number(winner));
      note(entity.singular, 'deleted', Number(loser));
    },
  });
  store.idFor = (entity) => behaviours.idFor(entity, store.table(entity));
  return behaviours;
}

function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler(async (error, request, reply) => {
    if (error instanceof Moved) return reply.redirect(error.location, movedStatus(request.method));
    if (error instanceof ShopError) return reply.code(error.status).send(error.body);
    const status = isObject(error) && typeof error.statusCode === 'number' ? error.statusCode : 500;
    return reply.code(status).send({ message: error instanceof Error ? error.message : 'Unknown error' });
  });
  app.setNotFoundHandler(async (request, reply) =>
    reply.code(404).send({ message: `There is no ${request.method} ${request.url.split('?', 1)[0]}.` }),
  );
}

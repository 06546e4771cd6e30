// The shop's webhooks: signed with HMAC-SHA256 over time and body, tried again a few times.

import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { isObject, type JsonObject } from '../kit/json.ts';
import type { Outbox } from '../kit/outbox.ts';
import { type StoredWebhook, webhookTopics } from './data.ts';
import { type FieldProblem, ShopError } from './errors.ts';
import type { ShopStore } from './store.ts';

export interface Webhooks {
  /** Tells all that listen to the topic. */
  note(resource: string, action: 'created' | 'updated' | 'deleted', id: number): void;
}

/** `t=<unix seconds>,v1=<hex of HMAC-SHA256 over "t.body">`. */
export function sign(secret: string, body: string, seconds = Math.floor(Date.now() / 1_000)): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

interface Parts {
  store: ShopStore;
  outbox: Outbox;
  delayMs: readonly [number, number];
}

export function createWebhooks(app: FastifyInstance, parts: Parts): Webhooks {
  const { store } = parts;
  addRoutes(app, store);
  return {
    note(resource, action, id) {
      const topic = `${resource}.${action}`;
      const occurred_at = new Date(store.clock.now()).toISOString();
      for (const webhook of store.webhooks.values())
        if (webhook.topic === topic) deliver(parts, webhook, { resource, id, occurred_at });
    },
  };
}

function deliver(
  { store, outbox, delayMs }: Parts,
  webhook: StoredWebhook,
  { resource, id, occurred_at }: { resource: string; id: number; occurred_at: string },
): void {
  const { topic } = webhook;
  const delivery = randomUUID();
  const body = JSON.stringify({ id: delivery, topic, resource, resource_id: id, occurred_at });
  const longest = Math.max(delayMs[1], 10);
  outbox.send(
    {
      url: webhook.url,
      // Signed again on each attempt: a receiver refuses old times.
      headers: () => ({
        'content-type': 'application/json',
        'x-shop-signature': sign(webhook.secret, body, Math.floor(store.clock.now() / 1_000)),
        'x-shop-delivery': delivery,
        'x-shop-topic': topic,
      }),
      body,
      retries: [longest * 2, longest * 10, longest * 50],
      accepted: (status) => status >= 200 && status < 300,
      wanted: () => store.webhooks.has(webhook.id),
    },
    outbox.draw(delayMs),
  );
}

function addRoutes(app: FastifyInstance, store: ShopStore): void {
  app.get('/webhooks', async () => store.webhooks.values().map(shown));
  app.get<{ Params: { id: string } }>('/webhooks/:id', async (request) => shown(existing(store, request.params.id)));
  app.post<{ Body: unknown }>('/webhooks', async (request, reply) => {
    const given = isObject(request.body) ? request.body : {};
    const webhook = store.webhooks.put(webhookFrom(store, given));
    reply.code(201);
    // A secret that the shop made is shown once, here.
    return { ...shown(webhook), ...(given.secret === undefined && { secret: webhook.secret }) };
  });
  app.delete<{ Params: { id: string } }>('/webhooks/:id', async (request, reply) => {
    store.webhooks.delete(existing(store, request.params.id).id);
    return reply.code(204).send();
  });
}

const shown = ({ id, topic, url, created_at }: StoredWebhook) => ({ id, topic, url, created_at });

function webhookFrom(store: ShopStore, { topic, url, secret }: JsonObject): StoredWebhook {
  const errors: FieldProblem[] = [];
  if (typeof topic !== 'string' || !webhookTopics.includes(topic))
    errors.push({ field: 'topic', message: `must be one of ${webhookTopics.join(', ')}` });
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url))
    errors.push({ field: 'url', message: 'must be a URL' });
  if (secret !== undefined && (typeof secret !== 'string' || secret === ''))
    errors.push({ field: 'secret', message: 'must be a string' });
  if (errors.length > 0) throw new ShopError(422, 'The webhook is not valid.', errors);
  return {
    id: store.webhooks.takeId(),
    topic: String(topic),
    url: String(url),
    secret: typeof secret === 'string' ? secret : randomBytes(24).toString('hex'),
    created_at: new Date(store.clock.now()).toISOString(),
  };
}

function existing(store: ShopStore, id: string): StoredWebhook {
  const webhook = store.webhooks.get(Number(id));
  if (!webhook) throw new ShopError(404, `There is no webhook ${id}.`);
  return webhook;
}

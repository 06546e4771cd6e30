// What the tests of systems share: a Redis prefix of their own, a small HTTP server, a system config.
import Fastify, { type FastifyInstance } from 'fastify';
import { Redis } from 'ioredis';
import type { EntityConfig, SystemConfig } from '../../../engine/config/types.ts';
import { createSystemClient, type SystemClient } from '../../../engine/connectors/client.ts';
import type { CallInfo, SystemDeps } from '../../../engine/connectors/host.ts';
import { later } from '../../support/closing.ts';
import { deletePrefix, redisUrl, uniquePrefix } from '../../support/redis.ts';

export function testRedis(): { redis: Redis; prefix: string } {
  const redis = new Redis(redisUrl());
  const prefix = uniquePrefix();
  later(async () => {
    await deletePrefix(redis, prefix);
    redis.disconnect();
  });
  return { redis, prefix };
}

/** A server on a free port of this machine. */
export async function serve(define: (app: FastifyInstance) => void): Promise<string> {
  const app = Fastify({ forceCloseConnections: true });
  define(app);
  later(() => app.close());
  return await app.listen({ host: '127.0.0.1', port: 0 });
}

export const operation = (method: string, path: string, query: Record<string, string> = {}) => ({
  method,
  path,
  query,
});

export function things(more: Partial<EntityConfig> = {}): EntityConfig {
  return {
    system: 'shop',
    name: 'things',
    title: 'Thing',
    fields: {},
    schema: { type: 'object', properties: { id: { readOnly: true }, updated_at: { readOnly: true } } },
    id: 'id',
    modified: 'updated_at',
    normalize: undefined,
    denormalize: undefined,
    optional: undefined,
    cache: undefined,
    lag: 60_000,
    equal: [],
    list: {
      ...operation('GET', '/things', { size: '2' }),
      items: 'items',
      paging: { kind: 'token', param: 'token', next: 'next' },
      since: undefined,
    },
    read: { ...operation('GET', '/things/{id}'), items: undefined, exists: undefined },
    find: {
      ...operation('GET', '/things', { size: '2' }),
      items: 'items',
      by: { name: { name: '{value}' } },
      unsafe: '',
      prefix: {},
    },
    create: { ...operation('POST', '/things'), idempotency: 'Idempotency-Key', answer: 'record' },
    update: {
      ...operation('PATCH', '/things/{id}'),
      mask: undefined,
      maskStyle: 'comma',
      nested: 'merge',
      version: 'If-Match',
      answer: 'record',
    },
    delete: operation('DELETE', '/things/{id}'),
    events: [],
    ...more,
  };
}

export function systemConfig(baseUrl: string, more: Partial<SystemConfig> = {}): SystemConfig {
  return {
    name: 'shop',
    title: 'Shop',
    description: '',
    file: 'systems/shop.yaml',
    version: '1',
    connector: 'http',
    baseUrl,
    auth: { kind: 'bearer', token: 'shop-token' },
    credentials: ['SHOP_TOKEN'],
    headers: {},
    timeout: 1_000,
    limits: [],
    concurrency: 4,
    quota: [],
    retry: { statuses: [] },
    errors: { throttled: undefined, message: undefined },
    account: undefined,
    entities: { things: things() },
    webhooks: undefined,
    ...more,
  };
}

export function testClient(
  config: SystemConfig,
  deps: Partial<SystemDeps> = {},
): { client: SystemClient; calls: CallInfo[]; redis: Redis; prefix: string } {
  const calls: CallInfo[] = [];
  const own = deps.redis === undefined ? testRedis() : { redis: deps.redis, prefix: deps.prefix ?? '' };
  const client = createSystemClient(config, { ...own, retryDelay: 5, onCall: (call) => calls.push(call), ...deps });
  later(() => client.close());
  return { client, calls, ...own };
}

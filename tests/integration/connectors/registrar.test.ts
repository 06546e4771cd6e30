// Registering webhooks: what is missing is made, what is stale goes, what is of others stays.
import { afterEach, expect, test } from 'vitest';
import type { WebhookConfig } from '../../../engine/config/types.ts';
import { createWebhookRegistrar } from '../../../engine/connectors/http/webhooks.ts';
import { closeAll, later } from '../../support/closing.ts';
import { operation, serve, systemConfig, testRedis, things } from './support.ts';

afterEach(closeAll);

interface Hook {
  key: string;
  eventKey: string;
  hookUrl: string;
  status: string;
  secret?: string;
}

async function setUp(hooks: Hook[], refused?: string) {
  const log: string[] = [];
  const url = await serve((app) => {
    let number = 100;
    app.get('/hooks', () => hooks);
    app.post<{ Body: Omit<Hook, 'key' | 'status'> }>('/hooks', (request, reply) => {
      log.push(`create ${request.body.eventKey}`);
      if (request.body.eventKey === refused) return reply.code(422).send({ message: 'no such event' });
      hooks.push({ ...request.body, key: String(number++), status: 'Verified' });
      return reply.code(201).send(hooks.at(-1));
    });
    app.post<{ Params: { key: string } }>('/hooks/:key/verify', (request) => {
      log.push(`verify ${request.params.key}`);
      const hook = hooks.find(({ key }) => key === request.params.key);
      if (hook !== undefined) hook.status = 'Verified';
      return hook;
    });
    app.delete<{ Params: { key: string } }>('/hooks/:key', (request, reply) => {
      log.push(`remove ${request.params.key}`);
      hooks.splice(
        hooks.findIndex(({ key }) => key === request.params.key),
        1,
      );
      return reply.code(204).send();
    });
  });
  const webhooks: WebhookConfig = {
    events: { source: '', evaluate: async () => [] },
    handshake: undefined,
    signature: { header: 'X', secret: 'hook-secret', format: 'hex', tolerance: 1 },
    register: {
      list: { ...operation('GET', '/hooks'), items: '' },
      create: { ...operation('POST', '/hooks'), body: { eventKey: '{event}', hookUrl: '{url}', secret: '{secret}' } },
      remove: operation('DELETE', '/hooks/{key}'),
      fields: { key: 'key', event: 'eventKey', url: 'hookUrl', status: 'status' },
      verify: { ...operation('POST', '/hooks/{key}/verify'), when: ['Unverified', 'Inactive'] },
    },
  };
  const entities = {
    things: things({ events: ['thing.add', 'thing.edit'] }),
    others: things({ events: ['thing.edit', 'other.add'] }),
  };
  const registrar = createWebhookRegistrar(systemConfig(url, { webhooks, entities }), testRedis());
  later(() => registrar.close());
  return { registrar, log, hooks };
}

const OURS = 'https://sync.example/webhooks/shop/new-key';
const hook = (key: string, eventKey: string, hookUrl = OURS, status = 'Verified'): Hook => ({
  key,
  eventKey,
  hookUrl,
  status,
});

test('the registrar creates, verifies and removes webhooks as needed, and changes nothing the next time', async () => {
  const { registrar, log, hooks } = await setUp([
    hook('1', 'thing.add', OURS, 'Inactive'),
    hook('2', 'thing.edit', 'https://sync.example/webhooks/shop/old-key'),
    hook('3', 'thing.delete'),
    hook('4', 'thing.add'),
    hook('5', 'thing.add', 'https://staging.example/webhooks/shop/new-key'),
    hook('6', 'thing.add', 'https://sync.example/other'),
    hook('7', 'thing.add', 'no url'),
  ]);
  expect(await registrar.ensure((system) => `https://sync.example/webhooks/${system}/new-key`)).toEqual({
    kept: 1,
    created: 2,
    removed: 3,
    verified: 1,
    failed: [],
  });
  expect(log).toEqual(['create thing.edit', 'create other.add', 'verify 1', 'remove 2', 'remove 3', 'remove 4']);
  expect(hooks.find(({ eventKey }) => eventKey === 'other.add')).toMatchObject({
    hookUrl: OURS,
    secret: 'hook-secret',
  });
  expect(await registrar.ensure(() => OURS)).toEqual({ kept: 3, created: 0, removed: 0, verified: 0, failed: [] });
});

test('an event that the system refuses stops no other', async () => {
  const { registrar, hooks } = await setUp([hook('1', 'thing.delete')], 'thing.add');
  expect(await registrar.ensure(() => OURS)).toMatchObject({
    created: 2,
    removed: 1,
    failed: [{ event: 'thing.add', error: { code: 'SYSTEM_REJECTED' } }],
  });
  expect(hooks.map(({ eventKey }) => eventKey)).toEqual(['thing.edit', 'other.add']);
});

test('a system without registration refuses', async () => {
  const registrar = createWebhookRegistrar(systemConfig('http://127.0.0.1:1'), testRedis());
  later(() => registrar.close());
  await expect(registrar.ensure(() => OURS)).rejects.toMatchObject({ code: 'OPERATION_UNSUPPORTED' });
});

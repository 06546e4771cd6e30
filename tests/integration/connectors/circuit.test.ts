// A system that is down, over real HTTP: what is still asked of it, and what those hear who ask.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { SystemClient } from '../../../engine/connectors/client.ts';
import { createWebhookRegistrar } from '../../../engine/connectors/http/registrar.ts';
import { closeAll } from '../../support/closing.ts';
import { operation, serve, systemConfig, testClient, testRedis, things } from './support.ts';

afterEach(closeAll);

/** @param answer what each request gets: a status, or 'hang' */
async function setUp(answer: (url: string, count: number) => number | 'hang', retryDelay = 2) {
  const requests: string[] = [];
  const url = await serve((app) => {
    app.all('/*', async (request, reply) => {
      requests.push(`${request.method} ${request.url}`);
      const status = answer(request.url, requests.length);
      if (status === 'hang') await delay(2_000);
      if (status !== 200) return reply.code(Number(status) || 500).send({});
      const { token } = request.query as { token?: string };
      return { id: '1', items: [{ id: token ?? '1' }], ...(token === undefined ? { next: 'b' } : {}) };
    });
  });
  const states: string[] = [];
  const made = testClient(systemConfig(url, { timeout: 300 }), {
    retryDelay,
    onCircuit: (_, { state }) => states.push(state),
  });
  return { ...made, requests, states, url };
}
/** A pause long enough to look around in it, in units of the first delay. */
const LONG = 200;

/** Four records are asked for: one bad record alone closes nothing. */
const goesDown = async (client: SystemClient): Promise<unknown> =>
  Promise.all(['1', '2', '3', '4'].map((id) => client.read('things', id).catch(({ code }) => code)));

test('a system that is down is not called any more, and each caller hears at once when to try again', async () => {
  const { client, requests, calls, states } = await setUp(() => 503, LONG);
  // The fault is not that of who finds out, either.
  expect(await goesDown(client)).toContain('SYSTEM_DOWN');
  const before = requests.length;
  for (const ask of [
    () => client.read('things', '5'),
    () => client.create('things', { name: 'x' }),
    () => client.delete('things', '5'),
    () => client.list('things').next(),
    () => client.ready('things'),
  ])
    await expect(ask()).rejects.toMatchObject({
      code: 'SYSTEM_DOWN',
      retry: 'quota',
      context: { retryAfter: expect.any(Number) },
    });
  expect(requests).toHaveLength(before);
  expect(calls).toHaveLength(before);
  expect(states).toEqual(['down']);
});

test('requests for one record that always fail do not count as a system that is down', async () => {
  const { client } = await setUp((url) => (url.includes('bad') ? 504 : 200));
  for (let i = 0; i < 5; i++)
    await expect(client.read('things', 'bad')).rejects.toMatchObject({ code: 'SYSTEM_UNAVAILABLE', retry: 'later' });
  expect(client.circuit.open).toBe(false);
});

test('a create whose response was lost has an unknown outcome, also when the system is down by then', async () => {
  const { client, requests } = await setUp((url) => (url === '/things' ? 'hang' : 503), LONG);
  const lost = client.create('things', { name: '1' }).catch(({ code }) => code);
  await expect.poll(() => requests.length).toBe(1);
  await goesDown(client);
  expect(client.circuit.open).toBe(true);
  expect(await lost).toBe('OUTCOME_UNKNOWN');
  await expect(client.create('things', { name: '2' })).rejects.toMatchObject({ code: 'SYSTEM_DOWN' });
});

test('callers that wait for a system that is down share one request, for the first page of a list', async () => {
  let down = true;
  const { client, requests, states } = await setUp(() => (down ? 503 : 200));
  await goesDown(client);
  await expect.poll(() => client.circuit.retryAfter()).toBe(0);
  const before = requests.length;
  const waiting = (): Promise<unknown[]> =>
    Promise.all(
      Array.from({ length: 10 }, () =>
        client.ready('things').then(
          () => 'ready',
          ({ code }) => code,
        ),
      ),
    );
  expect(await waiting()).toEqual(Array(10).fill('SYSTEM_DOWN'));
  expect(requests.slice(before)).toEqual(['GET /things?size=2']);
  down = false;
  await expect.poll(() => client.circuit.retryAfter()).toBe(0);
  expect(await waiting()).toEqual(Array(10).fill('ready'));
  expect(requests.slice(before)).toEqual(['GET /things?size=2', 'GET /things?size=2']);
  expect(states).toEqual(['down', 'up']);
  // Nothing is asked of one that is there.
  await client.ready('things');
  expect(requests).toHaveLength(before + 2);
});

test('a list that was begun waits until the system is back, and does not begin again', async () => {
  let down = false;
  const { client, requests } = await setUp(() => (down ? 503 : 200));
  const pages: string[][] = [];
  for await (const page of client.list('things')) {
    pages.push(page.records.map(({ id }) => id));
    if (pages.length > 1) continue;
    down = true;
    await goesDown(client);
    setTimeout(() => {
      down = false;
    }, 300);
  }
  expect(pages).toEqual([['1'], ['b']]);
  expect(requests.filter((url) => url === 'GET /things?size=2')).toHaveLength(1);
});

test('webhooks are not registered while the system is down', async () => {
  const { client, requests, url } = await setUp(() => 503, LONG);
  await goesDown(client);
  const before = requests.length;
  const config = systemConfig(url, {
    entities: { things: things({ events: ['thing.made'] }) },
    webhooks: {
      register: {
        list: { ...operation('GET', '/hooks'), items: '' },
        create: { ...operation('POST', '/hooks'), body: {} },
        remove: undefined,
        verify: undefined,
        fields: { key: 'id', event: 'event', url: 'url', status: undefined },
      },
    } as never,
  });
  const registrar = createWebhookRegistrar(config, { ...testRedis(), circuit: client.circuit });
  await expect(registrar.ensure(() => 'https://here')).rejects.toMatchObject({ code: 'SYSTEM_DOWN' });
  await registrar.close();
  expect(requests).toHaveLength(before);
});

// Faults on demand, and the record of what was asked: the same at both stand-ins.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { request } from 'undici';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Faults } from '../../../sandbox/kit/faults.ts';
import { type ShopSandbox, startShop } from '../../../sandbox/shop/server.ts';
import { type Call, caller } from './support.ts';

let shop: ShopSandbox;
let call: Call;

beforeAll(async () => {
  shop = await startShop();
  call = caller(shop.url, { authorization: `Bearer ${shop.token}` });
});
afterAll(() => shop.close());
beforeEach(async () => {
  await call('POST', '/_sandbox/reset');
  await call('POST', '/customers', { company: 'C' });
});

const fault = (rule: unknown) => call('POST', '/_sandbox/faults', rule);

it('a fault gives a response with a status as often as its rule says', async () => {
  await fault({
    method: 'GET',
    path: '/customers',
    times: 1,
    action: 'status',
    status: 503,
    headers: { 'retry-after': '2' },
    body: { message: 'busy' },
  });
  const answer = await call('GET', '/customers');
  expect([answer.status, answer.headers.get('retry-after'), answer.body]).toEqual([503, '2', { message: 'busy' }]);
  expect((await call('GET', '/customers')).status).toBe(200);
  expect((await call('GET', '/_sandbox/faults')).body.faults[0].hits).toBe(1);
});

it('a fault loses the response after the work was done', async () => {
  await fault({ method: 'POST', path: '/customers', times: 1, action: 'lose-response' });
  await expect(call('POST', '/customers', { company: 'D' })).rejects.toThrow();
  expect(shop.store.customers.size).toBe(2);
  expect(shop.stats().entities.customers).toMatchObject({ creates: 2, writes: 2 });
});

it('a fault resets the connection before the work is done', async () => {
  await fault({ method: 'POST', times: 1, action: 'reset' });
  await expect(call('POST', '/customers', { company: 'D' })).rejects.toThrow();
  expect(shop.store.customers.size).toBe(1);
});

it('a fault lets a request hang', async () => {
  await fault({ path: '/customers', action: 'hang' });
  const options = { headers: { authorization: `Bearer ${shop.token}` }, signal: AbortSignal.timeout(100) };
  await expect(fetch(`${shop.url}/customers`, options)).rejects.toThrow(/timeout/);
});

it('faults spoil or delay the bodies of responses', async () => {
  await fault([
    { times: 1, action: 'truncate' },
    { times: 1, action: 'malformed' },
    { times: 1, action: 'empty-list' },
    { times: 1, action: 'slow-body', ms: 60 },
    { times: 1, action: 'delay', ms: 60 },
  ]);
  const cut = await call('GET', '/customers');
  expect(cut.status).toBe(200);
  expect(typeof cut.body).toBe('string');
  expect((await call('GET', '/customers')).body).toContain('<html>');
  const empty = await call('GET', '/customers');
  expect([empty.body, empty.headers.get('x-total')]).toEqual([[], '0']);
  for (const _ of ['slow-body', 'delay']) {
    const start = Date.now();
    expect((await call('GET', '/customers')).body).toHaveLength(1);
    expect(Date.now() - start).toBeGreaterThanOrEqual(50);
  }
});

it('a fault matches paths by regular expression, and rules without sense are refused', async () => {
  await fault({ path: '^/customers/\\d+$', action: 'status', status: 500 });
  expect((await call('GET', '/customers')).status).toBe(200);
  expect((await call('GET', '/customers/1')).status).toBe(500);
  for (const rule of [{}, { action: 'explode' }, { action: 'delay', path: '(' }, { action: 'delay', times: 'x' }])
    expect((await fault(rule)).status).toBe(400);
  await call('DELETE', '/_sandbox/faults');
  expect((await call('GET', '/customers/1')).status).toBe(200);
});

it('faults make the same draws from the same seed', () => {
  const draw = (seed: number) => {
    const faults = new Faults(seed);
    faults.add({ action: 'reset', probability: 0.5 });
    return Array.from({ length: 40 }, () => (faults.pick('GET', '/') ? 1 : 0)).join('');
  };
  expect(draw(1)).toBe(draw(1));
  expect(draw(1)).not.toBe(draw(2));
});

it('the stand-in logs requests, but not those that only read the log', async () => {
  const before = (await call('GET', '/_sandbox/requests')).body.last;
  await call('PATCH', '/customers/1', { company: 'D' });
  await call('PATCH', '/customers/1', { email: 'bad' });
  await call('GET', '/customers?page=1');
  const { body } = await call('GET', `/_sandbox/requests?since=${before}`);
  expect(body.requests).toMatchObject([
    { method: 'PATCH', path: '/customers/1', route: '/customers/:id', status: 200 },
    { method: 'PATCH', status: 422 },
    { method: 'GET', path: '/customers?page=1', status: 200 },
  ]);
  expect(body.counts).toMatchObject({ 'PATCH /customers/:id': 2, 'POST /customers': 1 });
  expect((await call('GET', '/_sandbox/stats')).body).toMatchObject({
    total: 4,
    writes: 2,
    reads: 1,
    failed: 1,
    entities: { customers: { lists: 1, creates: 1, updates: 1 } },
  });
});

it('the stand-in notes who sent a request and when the sender had last read, where the request says so', async () => {
  // As workers of the simulation do.
  const name = (message: unknown): void => {
    const { request } = message as { request: { addHeader(name: string, value: string): void } };
    request.addHeader('x-sandbox-sender', 'worker 1');
    request.addHeader('x-sandbox-read-at', '1700000000000.5');
  };
  subscribe('undici:request:create', name);
  try {
    const headers = { authorization: `Bearer ${shop.token}` };
    const { body } = await request(`${shop.url}/customers`, { headers });
    await body.dump();
  } finally {
    unsubscribe('undici:request:create', name);
  }
  await call('GET', '/customers');
  expect(
    shop.requests
      .since()
      .slice(-2)
      .map(({ sender, readAt }) => [sender, readAt]),
  ).toEqual([
    ['worker 1', 1_700_000_000_000.5],
    [undefined, undefined],
  ]);
});

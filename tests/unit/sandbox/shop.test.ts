// The shop stand-in: lists, search, validation, versions, repeated creates, signed webhooks.

import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ShopSandbox, startShop } from '../../../sandbox/shop/server.ts';
import { until } from '../../support/until.ts';
import { type Call, caller, type Loose, receiver } from './support.ts';

let shop: ShopSandbox;
let call: Call;

beforeAll(async () => {
  shop = await startShop({ webhookDelayMs: [1, 5] });
  call = caller(shop.url, { authorization: `Bearer ${shop.token}` });
});
afterAll(() => shop.close());
beforeEach(() => shop.reset());

async function create(path: string, body: unknown): Promise<Loose> {
  const answer = await call('POST', path, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}

describe('lists', () => {
  it('are paged with totals and a link to the next page', async () => {
    for (let i = 0; i < 5; i++) await create('/customers', { company: `C${i}` });
    const first = await call('GET', '/customers?per_page=2&sort=-updated_at');
    expect(first.body.map((c: Loose) => c.company)).toEqual(['C4', 'C3']);
    expect([first.headers.get('x-total'), first.headers.get('x-total-pages')]).toEqual(['5', '3']);
    const next = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    expect((await call('GET', next.slice(shop.url.length))).body.map((c: Loose) => c.company)).toEqual(['C2', 'C1']);
    const last = await call('GET', '/customers?per_page=2&page=3');
    expect([last.body.length, last.headers.get('link')]).toEqual([1, null]);
    for (const query of ['per_page=101', 'page=0', 'sort=name', 'updated_since=yesterday', 'nothing=1'])
      expect((await call('GET', `/customers?${query}`)).status, query).toBe(400);
  });

  it('can be searched by fields and by time', async () => {
    const a = await create('/customers', {
      company: 'A & B; "C"',
      email: 'Info@X.example',
      billing: { country: 'DE' },
    });
    const b = await create('/customers', { company: 'B' });
    const ids = async (query: string) => (await call('GET', `/customers?${query}`)).body.map((c: Loose) => c.id);
    expect(await ids('email=info@x.EXAMPLE')).toEqual([a.id]);
    expect(await ids(`company=${encodeURIComponent('A & B; "C"')}`)).toEqual([a.id]);
    expect(await ids('billing.country=DE')).toEqual([a.id]);
    expect(await ids('email=')).toEqual([b.id]);
    expect(await ids(`updated_since=${b.updated_at}`)).toEqual([b.id]);
  });
});

describe('writes', () => {
  it('return every field, and merge nested fields', async () => {
    const made = await create('/customers', { company: ' C ', billing: { city: 'Berlin', country: 'DE' } });
    expect(made).toEqual({
      id: made.id,
      company: 'C',
      first_name: null,
      last_name: null,
      email: null,
      phone: null,
      website: null,
      billing: { address_1: null, address_2: null, city: 'Berlin', state: null, postcode: null, country: 'DE' },
      note: null,
      external_id: null,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    const patched = await call('PATCH', `/customers/${made.id}`, { billing: { city: null, postcode: '10115' }, id: 5 });
    expect(patched.body.billing).toMatchObject({ city: null, postcode: '10115', country: 'DE' });
    expect(patched.body.updated_at > made.updated_at).toBe(true);
    expect((await call('DELETE', `/customers/${made.id}`)).status).toBe(204);
    expect((await call('GET', `/customers/${made.id}`)).status).toBe(404);
  });

  it('are refused with a list of all that is wrong with the fields', async () => {
    const bad = { email: 'info(at)x', phone: '(602) 555', billing: { country: 'XX', postcode: 'a/b' }, colour: 'red' };
    const answer = await call('POST', '/customers', bad);
    expect(answer.status).toBe(422);
    expect(answer.body.errors.map((e: Loose) => e.field)).toEqual([
      'email',
      'phone',
      'billing.country',
      'billing.postcode',
      'colour',
    ]);
    expect((await call('POST', '/customers', { first_name: 'Only' })).body.errors[0].field).toBe('company');
    expect((await call('POST', '/orders', { customer_id: 99 })).body.errors[0].field).toBe('title');
    expect((await call('POST', '/orders', { title: 'T', customer_id: 99 })).body.errors[0].field).toBe('customer_id');
    expect((await call('POST', '/products', { name: 'P', price: '1.23456' })).body.errors[0].field).toBe('price');
  });

  it('keep money as text with two places, and sum up line items', async () => {
    const product = await create('/products', { name: 'P', price: 19.9, weight: 0.5 });
    expect(product).toMatchObject({ price: '19.90', weight: 0.5, active: true });
    const customer = await create('/customers', { company: 'C' });
    const items = [
      { product_id: product.id, quantity: 3, price: '0.10' },
      { product_id: product.id, quantity: 1, price: '19999999.99' },
    ];
    const order = await create('/orders', {
      title: 'T',
      customer_id: customer.id,
      line_items: items,
      due_at: '2025-07-01T12:00:00+02:00',
    });
    expect(order).toMatchObject({
      total: '20000000.29',
      status: 'pending',
      due_at: '2025-07-01T10:00:00.000Z',
      number: expect.any(String),
    });
    expect((await call('PATCH', `/orders/${order.id}`, { total: null })).body.total).toBeNull();
    expect(
      (await call('PATCH', `/orders/${order.id}`, { line_items: [{ product_id: 999, quantity: 1 }] })).status,
    ).toBe(422);
  });

  it('are refused with status 412 where If-Match names an old version', async () => {
    const { id } = await create('/customers', { company: 'C' });
    const etag = (await call('GET', `/customers/${id}`)).headers.get('etag') ?? '';
    const first = await call('PATCH', `/customers/${id}`, { company: 'D' }, { 'if-match': etag });
    expect(first.status).toBe(200);
    expect((await call('PATCH', `/customers/${id}`, { company: 'E' }, { 'if-match': etag })).status).toBe(412);
    expect((await call('DELETE', `/customers/${id}`, undefined, { 'if-match': etag })).status).toBe(412);
    const fresh = first.headers.get('etag') ?? '';
    expect((await call('DELETE', `/customers/${id}`, undefined, { 'if-match': fresh })).status).toBe(204);
  });

  it('create one record per Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'k1' };
    const one = await call('POST', '/customers', { company: 'C' }, key);
    const two = await call('POST', '/customers', { company: 'C' }, key);
    expect([two.status, two.body.id, two.headers.get('idempotent-replayed')]).toEqual([201, one.body.id, 'true']);
    expect(shop.store.customers.size).toBe(1);
    expect((await call('POST', '/customers', { company: 'D' }, key)).status).toBe(422);
  });

  it('requests without the right token are refused with status 401', async () => {
    const answer = await caller(shop.url, { authorization: 'Bearer nope' })('GET', '/customers');
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  });
});

describe('webhooks', () => {
  it('are signed, and sent again until taken', async () => {
    const target = await receiver();
    const { body } = await call('POST', '/webhooks', { topic: 'customer.created', url: target.url, secret: 's3' });
    expect(Object.keys(body)).toEqual(['id', 'topic', 'url', 'created_at']);
    let refusals = 1;
    target.answer = () => ({ status: refusals-- > 0 ? 500 : 200 });
    const customer = await create('/customers', { company: 'C' });
    await until(() => target.received.length === 2);
    const [first, second] = target.received;
    const [, time, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(second?.headers['x-shop-signature'])) ?? [];
    expect(createHmac('sha256', 's3').update(`${time}.${second?.body}`).digest('hex')).toBe(signature);
    expect(JSON.parse(second?.body ?? '')).toEqual({
      id: second?.headers['x-shop-delivery'],
      topic: 'customer.created',
      resource: 'customer',
      resource_id: customer.id,
      occurred_at: expect.any(String),
    });
    expect(first?.headers['x-shop-delivery']).toBe(second?.headers['x-shop-delivery']);
    expect((await call('DELETE', `/webhooks/${body.id}`)).status).toBe(204);
    expect((await call('GET', '/webhooks')).body).toEqual([]);
    expect((await call('POST', '/webhooks', { topic: 'x', url: 'y' })).body.errors).toHaveLength(2);
    await target.close();
  });

  it('can be dropped, doubled and put out of order', async () => {
    const target = await receiver();
    await call('POST', '/webhooks', { topic: 'customer.created', url: target.url, secret: 's' });
    const configure = (faults: unknown) => call('POST', '/_sandbox/webhooks', faults);
    await configure({ drop: 1 });
    await create('/customers', { company: 'dropped' });
    await configure({ drop: 0, double: 1 });
    const doubled = await create('/customers', { company: 'doubled' });
    await until(() => target.received.length === 2);
    await configure({ double: 0, reorder: 2 });
    const earlier = await create('/customers', { company: 'earlier' });
    await until(() => shop.webhooks.held === 1);
    const later = await create('/customers', { company: 'later' });
    await until(() => target.received.length === 4);
    const ids = target.received.map(({ body }) => JSON.parse(body).resource_id);
    expect(ids).toEqual([doubled.id, doubled.id, later.id, earlier.id]);
    expect((await call('GET', '/_sandbox/webhooks')).body).toMatchObject({
      dropped: 1,
      doubled: 1,
      faults: { reorder: 2 },
    });
    expect((await configure({ nonsense: 1 })).status).toBe(400);
    await target.close();
  });
});

// What real systems do to records without an error, on demand, at both stand-ins. And their clocks.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type KeapSandbox, startKeap } from '../../../sandbox/keap/server.ts';
import { type ShopSandbox, startShop } from '../../../sandbox/shop/server.ts';
import { until } from '../../support/until.ts';
import { type Answer, type Call, caller, receiver } from './support.ts';

let shop: ShopSandbox;
let keap: KeapSandbox;
const calls: { shop?: Call; keap?: Call } = {};
const call: Call = (...request) => (calls.shop as Call)(...request);
const keapCall: Call = (method, path, ...rest) =>
  (calls.keap as Call)(method, path.startsWith('/_') ? path : `/crm/rest/v2${path}`, ...rest);

beforeAll(async () => {
  shop = await startShop();
  keap = await startKeap({ limits: false });
  calls.shop = caller(shop.url, { authorization: `Bearer ${shop.token}` });
  calls.keap = caller(keap.url, { 'X-Keap-API-Key': keap.apiKey });
});
afterAll(async () => {
  await shop.close();
  await keap.close();
});
beforeEach(async () => {
  await call('POST', '/_sandbox/reset');
  await keapCall('POST', '/_sandbox/reset');
});

async function ok(answer: Promise<Answer>): Promise<Answer['body']> {
  const { status, body } = await answer;
  expect(status, JSON.stringify(body)).toBeLessThan(300);
  return body;
}
const behave = (rule: unknown): Promise<Answer['body']> => ok(call('POST', '/_sandbox/behaviours', rule));
const customer = (fields: object): Promise<Answer['body']> => ok(call('POST', '/customers', fields));
const happened = async (): Promise<Answer['body']> => (await call('GET', '/_sandbox/behaviours')).body.happened;

describe('a read that lags', () => {
  it('shows a record as it was before the write, and as it is once that is over', async () => {
    const { id } = await customer({ company: 'C', note: 'old' });
    await behave({ behaviour: 'lag', ms: 60_000 });
    expect(await ok(call('PATCH', `/customers/${id}`, { note: 'new' }))).toMatchObject({ note: 'new' });
    await ok(call('PATCH', `/customers/${id}`, { note: 'newer' }));
    expect((await call('GET', `/customers/${id}`)).body.note).toBe('old');
    expect((await call('GET', '/customers')).body[0].note).toBe('old');
    expect(await happened()).toMatchObject([
      { behaviour: 'lag', entity: 'customers', id: String(id), until: expect.any(Number) },
      { behaviour: 'lag' },
    ]);
    await call('POST', '/_sandbox/behaviours/settle');
    expect((await call('GET', `/customers/${id}`)).body.note).toBe('newer');
  });

  it('does not have a new record for some time', async () => {
    await behave({ behaviour: 'lag', entity: 'customers', times: 1, ms: 60_000 });
    const { id } = await customer({ company: 'C' });
    expect((await call('GET', `/customers/${id}`)).status).toBe(404);
    expect((await call('GET', '/customers')).body).toEqual([]);
    await call('POST', '/_sandbox/behaviours/settle');
    expect((await call('GET', '/customers')).body).toHaveLength(1);

    await behave({ behaviour: 'lag', entity: 'customers', times: 1, ms: 20 });
    const { id: later } = await customer({ company: 'D' });
    await until(async () => (await call('GET', `/customers/${later}`)).status === 200);
    expect((await call('GET', '/customers')).body).toHaveLength(2);
  });

  it('shows an edit by a person at once, and a conditional write is checked against the real record', async () => {
    const { id } = await customer({ company: 'C', note: 'old' });
    await behave({ behaviour: 'lag', ms: 60_000, times: 1 });
    shop.store.edit('customers', id, { note: 'typed' });
    const read = await call('GET', `/customers/${id}`);
    expect(read.body.note).toBe('typed');
    await ok(call('PATCH', `/customers/${id}`, { note: 'sent' }));
    const stale = await call('GET', `/customers/${id}`);
    expect(stale.body.note).toBe('typed');
    const headers = { 'if-match': stale.headers.get('etag') ?? '' };
    expect((await call('PATCH', `/customers/${id}`, { note: 'again' }, headers)).status).toBe(412);
  });
});

describe('a write that is not accepted as it was sent', () => {
  it('leaves a property out and shows that only in its response', async () => {
    const { id } = await customer({ company: 'C', note: 'old' });
    await behave({ behaviour: 'ignore', property: 'note', times: 1 });
    expect(await ok(call('PATCH', `/customers/${id}`, { note: 'new', phone: '+311' }))).toMatchObject({
      note: 'old',
      phone: '+311',
    });
    expect(await happened()).toEqual([
      {
        n: expect.any(Number),
        at: expect.any(Number),
        behaviour: 'ignore',
        entity: 'customers',
        id: String(id),
        property: 'note',
        from: 'new',
        to: 'old',
      },
    ]);
    expect(await ok(call('PATCH', `/customers/${id}`, { note: 'new' }))).toMatchObject({ note: 'new' });
  });

  it('leaves a property of a new record out, but none that it requires', async () => {
    await behave({ behaviour: 'ignore' });
    expect(await ok(call('POST', '/products', { name: 'P', sku: 'S', weight: 2 }))).toMatchObject({
      name: 'P',
      sku: null,
      weight: null,
    });
  });

  it('echoes what it did not store', async () => {
    const { id } = await customer({ company: 'C', billing: { city: 'Old', state: 'S' } });
    await behave({ behaviour: 'echo', property: 'billing.city' });
    expect(await ok(call('PATCH', `/customers/${id}`, { billing: { city: 'New' } }))).toMatchObject({
      billing: { city: 'New', state: 'S' },
    });
    expect((await call('GET', `/customers/${id}`)).body.billing).toMatchObject({ city: 'Old', state: 'S' });
  });

  it('leaves a property as it is that the request clears', async () => {
    const { id } = await customer({ company: 'C', note: 'old' });
    await behave({ behaviour: 'ignore', property: 'note' });
    expect(await ok(call('PATCH', `/customers/${id}`, { note: null }))).toMatchObject({ note: 'old' });
  });

  it('cuts texts by characters and rounds numbers, also those in a text', async () => {
    await behave([
      { behaviour: 'cut', property: 'name', length: 3 },
      { behaviour: 'round', places: 0 },
    ]);
    const body = { name: 'a😀bcd', sku: 'whole', weight: 1.6, price: '12.50' };
    expect(await ok(call('POST', '/products', body))).toMatchObject({
      name: 'a😀b',
      sku: 'whole',
      weight: 2,
      price: '13.00',
    });
    expect((await call('GET', '/_sandbox/behaviours')).body.behaviours).toMatchObject([{ hits: 1 }, { hits: 2 }]);
  });

  it('changes values inside objects and lists at Keap', async () => {
    await ok(
      keapCall('POST', '/_sandbox/behaviours', [
        { behaviour: 'ignore', entity: 'companies', property: 'address.line2' },
        { behaviour: 'cut', entity: 'companies', property: 'notes', length: 4 },
        { behaviour: 'reformat', entity: 'contacts', property: 'email_addresses', form: 'lower-case' },
      ]),
    );
    const address = { line1: 'One', line2: 'Two', country_code: 'USA' };
    const { id } = await ok(keapCall('POST', '/companies', { company_name: 'C', address, notes: 'long note' }));
    const read = await ok(keapCall('GET', `/companies/${id}?fields=address,notes`));
    expect(read).toMatchObject({ notes: 'long', address: { line1: 'One' } });
    expect(read.address).not.toHaveProperty('line2');
    const contact = await ok(
      keapCall('POST', '/contacts', { email_addresses: [{ email: 'Anna@X.example', field: 'EMAIL1' }] }),
    );
    expect(contact.email_addresses[0].email).toBe('anna@x.example');
  });
});

describe('a value that gets another form later', () => {
  it.each([
    ['line-ends', 'a\nb', 'a\r\nb'],
    ['lower-case', 'ABC', 'abc'],
    ['decomposed', 'caf\u00e9', 'cafe\u0301'],
    ['trailing-space', 'a', 'a '],
  ])('gets %s when it is due, as an edit of the system', async (form, sent, later) => {
    const hooks = await receiver();
    await ok(call('POST', '/webhooks', { topic: 'customer.updated', url: hooks.url }));
    await behave({ behaviour: 'reformat', property: 'note', form, ms: 30, times: 1 });
    const made = await customer({ company: 'C', note: sent });
    expect(made.note).toBe(sent);
    await until(async () => (await call('GET', `/customers/${made.id}`)).body.note === later);
    expect((await call('GET', `/customers/${made.id}`)).body.updated_at > made.updated_at).toBe(true);
    await until(() => hooks.received.length === 1);
    expect(await happened()).toMatchObject([{ behaviour: 'reformat', property: 'note', from: sent, to: later }]);
    await hooks.close();
  });

  it('gets that form at once where the sandbox is asked to settle', async () => {
    await behave({ behaviour: 'reformat', form: 'lower-case', ms: 3_600_000 });
    const { id } = await customer({ company: 'ABC' });
    await call('POST', '/_sandbox/behaviours/settle');
    expect((await call('GET', `/customers/${id}`)).body.company).toBe('abc');
  });
});

describe('records that become others', () => {
  const merge = (body: object): Promise<Answer> => call('POST', '/_sandbox/merge', { entity: 'customers', ...body });

  it.each(['redirect', 'winner', 'absent'])('are merged, and the loser then shows as "%s"', async (shows) => {
    const winner = await customer({ company: 'Winner', note: 'w' });
    const loser = await customer({ company: 'Loser', note: 'l', phone: '+311' });
    const order = await ok(call('POST', '/orders', { title: 'O', customer_id: loser.id }));
    expect((await merge({ loser: loser.id, winner: winner.id, shows })).status).toBe(204);
    expect((await call('GET', `/customers/${winner.id}`)).body).toMatchObject({
      company: 'Winner',
      note: 'w',
      phone: '+311',
    });
    expect((await call('GET', `/orders/${order.id}`)).body.customer_id).toBe(winner.id);
    expect((await call('GET', '/customers')).body).toHaveLength(1);
    const options = { headers: { authorization: `Bearer ${shop.token}` }, redirect: 'manual' } as const;
    const read = await fetch(`${shop.url}/customers/${loser.id}`, options);
    expect(read.status).toBe({ redirect: 301, winner: 200, absent: 404 }[shows]);
    if (shows === 'redirect') expect(read.headers.get('location')).toBe(`${shop.url}/customers/${winner.id}`);
    const written = await call('PATCH', `/customers/${loser.id}`, { note: 'typed' });
    expect([written.status, written.body.id]).toEqual(shows === 'absent' ? [404, undefined] : [200, winner.id]);
    expect(await happened()).toMatchObject([{ behaviour: 'merge', id: String(loser.id), winner: String(winner.id) }]);
  });

  it('are merged at Keap, where opportunities move to the winning contact', async () => {
    const ids = [1, 2].map(
      (n) => keap.store.add('contacts', { email_addresses: [{ email: `c${n}@x.example`, field: 'EMAIL1' }] }).id,
    );
    keap.store.stages.put({ id: '1', name: 'S', order: 1, probability: 1, target_number_days: 1 });
    const deal = keap.store.add('opportunities', {
      opportunity_title: 'D',
      contact_id: ids[1] as string,
      stage_id: '1',
    });
    const body = { entity: 'contacts', loser: ids[1], winner: ids[0], shows: 'winner' };
    expect((await keapCall('POST', '/_sandbox/merge', body)).status).toBe(204);
    expect((await ok(keapCall('GET', `/contacts/${ids[1]}`))).id).toBe(ids[0]);
    expect((await ok(keapCall('GET', `/opportunities/${deal.id}`))).contact.id).toBe(ids[0]);
  });

  it('get the id of a deleted record only where a rule asks for it', async () => {
    const first = await customer({ company: 'A' });
    await call('DELETE', `/customers/${first.id}`);
    const second = await customer({ company: 'B' });
    expect(second.id).not.toBe(first.id);
    await behave({ behaviour: 'reuse-ids', entity: 'customers', times: 1 });
    expect((await customer({ company: 'C' })).id).toBe(first.id);
    expect((await customer({ company: 'D' })).id).toBeGreaterThan(second.id);
    expect(await happened()).toMatchObject([{ behaviour: 'reuse-ids', entity: 'customers', id: String(first.id) }]);
  });

  it('are not merged where a record does not exist or the request is invalid', async () => {
    expect((await merge({ loser: 1, winner: 2 })).body.message).toBe('There is no customers 1.');
    expect((await merge({ loser: 1, winner: 1 })).status).toBe(400);
    expect((await merge({ loser: 1, winner: 2, shows: 'both' })).status).toBe(400);
    expect((await merge({ entity: 'shoes', loser: 1, winner: 2 })).status).toBe(400);
  });
});

it('the sandbox refuses invalid behaviour rules, and forgets rules and their effects on request', async () => {
  for (const rule of [
    {},
    { behaviour: 'smile' },
    { behaviour: 'cut' },
    { behaviour: 'lag', ms: -1 },
    { behaviour: 'reformat', form: 'round' },
  ])
    expect((await call('POST', '/_sandbox/behaviours', rule)).status, JSON.stringify(rule)).toBe(400);
  const { behaviours } = await behave([{ behaviour: 'ignore' }, { behaviour: 'lag', ms: 60_000 }]);
  await call('DELETE', `/_sandbox/behaviours/${behaviours[0].id}`);
  expect((await call('GET', '/_sandbox/behaviours')).body.behaviours).toMatchObject([{ behaviour: 'lag' }]);
  await customer({ company: 'C' });
  await call('DELETE', '/_sandbox/behaviours');
  const { id } = await customer({ company: 'D', note: 'there' });
  expect((await call('GET', `/customers/${id}`)).body.note).toBe('there');
  await call('POST', '/_sandbox/reset');
  expect((await call('GET', '/_sandbox/behaviours')).body).toEqual({ behaviours: [], happened: [] });
});

it('a behaviour with a probability makes the same draws from the same seed', async () => {
  const drawn = async (): Promise<boolean[]> => {
    await call('POST', '/_sandbox/reset');
    await behave({ seed: 5, rules: [{ behaviour: 'ignore', property: 'note', probability: 0.5 }] });
    const made = [];
    for (let i = 0; i < 20; i++) made.push((await customer({ company: 'C', note: 'n' })).note === null);
    return made;
  };
  const first = await drawn();
  expect(new Set(first)).toEqual(new Set([true, false]));
  expect(await drawn()).toEqual(first);
});

it('a fault refuses every request for a while, with the page of a gateway', async () => {
  const html = '<html><body>Maintenance</body></html>';
  await call('POST', '/_sandbox/faults', {
    action: 'status',
    status: 503,
    headers: { 'content-type': 'text/html' },
    body: html,
    lastsMs: 500,
  });
  expect(await call('GET', '/customers')).toMatchObject({ status: 503, body: html });
  await until(async () => (await call('GET', '/customers')).status === 200);
});

it.each([-5_400_000, 600_000])('a stand-in has a clock of its own, %d ms off', async (ahead) => {
  const set = await ok(call('POST', '/_sandbox/clock', { ahead }));
  expect(set.ahead).toBe(ahead);
  const answer = await call('POST', '/customers', { company: 'C' });
  const near = (time: string): void => expect(Math.abs(Date.parse(time) - Date.now() - ahead)).toBeLessThan(5_000);
  near(answer.body.updated_at);
  near(answer.headers.get('date') ?? '');
  near((await call('GET', '/customers')).headers.get('date') ?? '');
  expect((await call('POST', '/_sandbox/clock', { ahead: 'late' })).status).toBe(400);
  await call('POST', '/_sandbox/reset');
  expect((await call('GET', '/_sandbox/clock')).body.ahead).toBe(0);
});

it('a stand-in can start with a clock that is off, which dates its hooks as well', async () => {
  const hooks = await receiver();
  const ahead = await startKeap({ limits: false, clockAhead: 3_600_000, hookDelayMs: [1, 2] });
  const aheadCall = caller(ahead.url, { 'X-Keap-API-Key': ahead.apiKey });
  await aheadCall('POST', '/crm/rest/v1/hooks', { eventKey: 'company.add', hookUrl: hooks.url });
  await aheadCall('POST', '/crm/rest/v2/companies', { company_name: 'C' });
  await until(() => hooks.received.length === 1);
  const { timestamp } = JSON.parse(hooks.received[0]?.body ?? '').object_keys[0];
  expect(Date.parse(timestamp) - Date.now()).toBeGreaterThan(3_000_000);
  expect(Date.parse(ahead.store.companies.values()[0]?.update_time ?? '') - Date.now()).toBeGreaterThan(3_000_000);
  await ahead.close();
  await hooks.close();
});

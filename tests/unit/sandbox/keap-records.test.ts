// The Keap stand-in's records: shapes, lists, masks and refusals.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type KeapSandbox, startKeap } from '../../../sandbox/keap/server.ts';
import { stages } from '../../../sandbox/seed/deals.ts';
import { type Call, caller, type Loose } from './support.ts';

const v2 = '/crm/rest/v2';
let keap: KeapSandbox;
let call: Call;

beforeAll(async () => {
  keap = await startKeap({
    limits: false,
    data: { companies: [], contacts: [], opportunities: [], products: [], stages: [...stages] },
  });
  call = caller(keap.url, { 'X-Keap-API-Key': keap.apiKey });
});
afterAll(() => keap.close());
beforeEach(() => keap.reset());

async function create(entity: string, body: unknown): Promise<Loose> {
  const answer = await call('POST', `${v2}/${entity}`, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}

describe('lists', () => {
  it('pages with opaque tokens, and the two ways of saying that there is no more', async () => {
    for (let i = 0; i < 5; i++) await create('companies', { company_name: `C${i}` });
    const first = await call('GET', `${v2}/companies?page_size=2`);
    expect(first.body.companies.map((c: Loose) => c.company_name)).toEqual(['C0', 'C1']);
    const second = await call('GET', `${v2}/companies?page_size=2&page_token=${first.body.next_page_token}`);
    const third = await call('GET', `${v2}/companies?page_size=2&page_token=${second.body.next_page_token}`);
    expect(third.body.companies.map((c: Loose) => c.company_name)).toEqual(['C4']);
    expect('next_page_token' in third.body).toBe(false);
    expect((await call('GET', `${v2}/products`)).body).toEqual({ products: [], next_page_token: '' });
  });

  it('keeps its place when records before it go', async () => {
    const made = [];
    for (let i = 0; i < 4; i++) made.push(await create('companies', { company_name: `C${i}` }));
    const first = await call('GET', `${v2}/companies?page_size=2`);
    await call('DELETE', `${v2}/companies/${made[0].id}`);
    const second = await call('GET', `${v2}/companies?page_size=2&page_token=${first.body.next_page_token}`);
    expect(second.body.companies.map((c: Loose) => c.company_name)).toEqual(['C2', 'C3']);
  });

  it('orders newest first, by either name of the time', async () => {
    const a = await create('products', { name: 'A', price: 1, short_description: 's' });
    await create('products', { name: 'B', price: 1, short_description: 's' });
    await call('PATCH', `${v2}/products/${a.id}`, { weight: 2 });
    for (const field of ['update_time', 'last_updated_time']) {
      const answer = await call('GET', `${v2}/products?order_by=${field}%20desc`);
      expect(answer.body.products.map((p: Loose) => p.name)).toEqual(['A', 'B']);
    }
  });

  it('filters by what Keap can filter by, whatever the value holds', async () => {
    const odd = 'Müller; Söhne == "GmbH" 50% & co';
    const made = await create('companies', { company_name: odd, email_address: { email: 'Info@X.example' } });
    await create('companies', { company_name: 'Other' });
    const ids = async (filter: string) =>
      (await call('GET', `${v2}/companies?filter=${encodeURIComponent(filter)}`)).body.companies.map(
        (c: Loose) => c.id,
      );
    expect(await ids(`company_name==${odd}`)).toEqual([made.id]);
    expect(await ids('email==info@x.example')).toEqual([made.id]);
    expect(await ids(`email==info@x.example;company_name==Other`)).toEqual([]);
    expect(await ids(`since_time==${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([]);
    expect(await ids('since_time==2020-01-01T00:00:00Z')).toHaveLength(2);
  });

  it('refuses what it does not know', async () => {
    for (const query of [
      'filter=website==x',
      'filter=nonsense',
      'page_size=1001',
      'page_size=-1',
      'page_token=abc',
      'order_by=notes%20desc',
      'order_by=id%20down',
    ]) {
      const answer = await call('GET', `${v2}/companies?${query}`);
      expect(answer.status, query).toBe(400);
      expect(answer.body).toMatchObject({
        code: '400',
        status: 'INVALID_ARGUMENT',
        details: [{ domain: 'companies' }],
      });
    }
    expect((await call('GET', `${v2}/companies/999`)).status).toBe(404);
    const nowhere = await call('GET', `${v2}/nowhere`);
    expect([nowhere.status, nowhere.headers.get('content-type')]).toEqual([404, 'text/html']);
  });

  it('leaves opt-in fields out unless asked', async () => {
    const made = await create('companies', {
      company_name: 'C',
      notes: 'n',
      custom_fields: [{ id: '1', content: 'x' }],
    });
    expect(Object.keys(made)).not.toContain('notes');
    const plain = (await call('GET', `${v2}/companies`)).body.companies[0];
    for (const field of ['notes', 'custom_fields', 'update_time']) expect(plain).not.toHaveProperty(field);
    const asked = (await call('GET', `${v2}/companies/${made.id}?fields=company_name,notes,update_time`)).body;
    expect(asked).toMatchObject({
      company_name: 'C',
      notes: 'n',
      update_time: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    });
    expect(asked).not.toHaveProperty('custom_fields');
  });
});

describe('writes', () => {
  it('writes exactly the masked fields, nested objects whole, and clears what the body lacks', async () => {
    const { id } = await create('companies', {
      company_name: 'C',
      website: 'https://w.example',
      notes: 'n',
      address: { line1: 'L', zip_four: '1234', country_code: 'USA' },
    });
    const body = { company_name: 'D', address: { line1: 'M', country_code: 'USA' }, website: null };
    await call('PATCH', `${v2}/companies/${id}?update_mask=address,website,notes`, body);
    const read = (await call('GET', `${v2}/companies/${id}?fields=notes`)).body;
    expect(read.company_name).toBe('C');
    expect(read.address).toEqual({ line1: 'M', country_code: 'USA' });
    expect(read).not.toHaveProperty('website');
    expect(read).not.toHaveProperty('notes');
  });

  it('without a mask writes the fields present', async () => {
    const { id } = await create('companies', { company_name: 'C', website: 'https://w.example' });
    const answer = await call('PATCH', `${v2}/companies/${id}`, { company_name: 'D', unknown: 1, id: '5' });
    expect(answer.body).toMatchObject({ id, company_name: 'D', website: 'https://w.example' });
  });

  it('moves the modification time on with every write', async () => {
    const { id } = await create('companies', { company_name: 'C' });
    const times = [];
    for (let i = 0; i < 20; i++)
      times.push(
        (await call('PATCH', `${v2}/companies/${id}?fields=update_time`, { company_name: `C${i}` })).body.update_time,
      );
    expect(new Set(times).size).toBe(20);
    expect([...times].sort()).toEqual(times);
  });

  it('enforces sizes, and the country where a region is given', async () => {
    const tooLong: Record<string, unknown> = {
      email: { email_address: { email: `${'a'.repeat(70)}@x.example` } },
      phone: { phone_number: { number: '1'.repeat(41) } },
      line: { address: { line1: 'x'.repeat(76) } },
      city: { address: { locality: 'x'.repeat(51) } },
      zip: { address: { postal_code: 'x'.repeat(16) } },
      region: { address: { region_code: 'US-AZ' } },
      country: { address: { country_code: 'US' } },
    };
    for (const [name, body] of Object.entries(tooLong))
      expect((await call('POST', `${v2}/companies`, body)).status, name).toBe(400);
    // Characters, not UTF-16 units, are counted.
    expect(
      (await call('POST', `${v2}/companies`, { company_name: 'C', address: { locality: '😀'.repeat(50) } })).status,
    ).toBe(201);
  });

  it('keeps phones as sent and adds E.164 on reads only', async () => {
    const made = await create('companies', {
      company_name: 'C',
      phone_number: { number: '+1 (602) 555-0123', number_e164: 'no', type: 'Work' },
    });
    expect(made.phone_number).toEqual({ number: '+1 (602) 555-0123', type: 'Work', number_e164: '+16025550123' });
    expect(keap.store.companies.get(made.id)?.phone_number).toEqual({ number: '+1 (602) 555-0123', type: 'Work' });
  });

  it('deletes once', async () => {
    const { id } = await create('companies', { company_name: 'C' });
    const contact = await create('contacts', { given_name: 'A', company: { id } });
    expect((await call('DELETE', `${v2}/companies/${id}`)).status).toBe(204);
    expect((await call('DELETE', `${v2}/companies/${id}`)).status).toBe(404);
    expect((await call('GET', `${v2}/contacts/${contact.id}`)).body).not.toHaveProperty('company');
    expect((await create('companies', { company_name: 'D' })).id).not.toBe(id);
  });

  it('refuses bodies that are no JSON objects', async () => {
    expect((await call('POST', `${v2}/companies`, [])).status).toBe(400);
    const broken = await fetch(`${keap.url}${v2}/companies`, {
      method: 'POST',
      headers: { 'X-Keap-API-Key': keap.apiKey, 'content-type': 'application/json' },
      body: '{',
    });
    expect([broken.status, ((await broken.json()) as Loose).code]).toEqual([400, '400']);
  });
});

describe('contacts', () => {
  it('need an address, a phone or a name, and an existing company', async () => {
    expect((await call('POST', `${v2}/contacts`, { job_title: 'x' })).status).toBe(400);
    expect((await call('POST', `${v2}/contacts`, { given_name: 'x', company: { id: '77' } })).status).toBe(400);
    const company = await create('companies', { company_name: 'C' });
    const contact = await create('contacts', {
      email_addresses: [{ email: 'a@x.example' }, { email: 'b@x.example' }],
      company: { id: company.id },
    });
    expect(contact.email_addresses.map((e: Loose) => e.field)).toEqual(['EMAIL1', 'EMAIL2']);
    expect(contact.company).toEqual({ id: company.id, company_name: 'C' });
  });

  it('duplicate_option=Email updates the contact of that address', async () => {
    const one = await create('contacts', { email_addresses: [{ email: 'a@x.example' }] });
    const path = `${v2}/contacts?duplicate_option=Email`;
    const two = await call('POST', path, { given_name: 'Ann', email_addresses: [{ email: 'A@x.example' }] });
    expect([two.status, two.body.id, two.body.given_name]).toEqual([200, one.id, 'Ann']);
    expect(keap.store.contacts.size).toBe(1);
    expect((await call('POST', path, { email_addresses: [{ email: 'c@x.example' }] })).status).toBe(201);
  });
});

describe('opportunities', () => {
  it('are written flat and read nested', async () => {
    const contact = await create('contacts', { given_name: 'Ann', family_name: 'Lee' });
    const body = {
      opportunity_title: 'Deal',
      contact_id: contact.id,
      stage_id: '27',
      user_id: '1',
      projected_revenue_high: 12.5,
      estimated_close_time: '2025-07-01T12:00:00+02:00',
    };
    const made = await create('opportunities', body);
    expect(made).toMatchObject({
      contact: { id: contact.id, given_name: 'Ann', family_name: 'Lee' },
      stage: { id: '27', name: 'New Opportunity' },
      user: { id: '1' },
      projected_revenue_high: 12.5,
      estimated_close_time: '2025-07-01T10:00:00.000Z',
      last_updated_time: expect.any(String),
    });
    for (const key of ['contact_id', 'stage_id', 'user_id']) expect(made).not.toHaveProperty(key);
    for (const change of [{ contact_id: '9' }, { stage_id: '9' }, { opportunity_title: undefined }])
      expect((await call('POST', `${v2}/opportunities`, { ...body, ...change })).status).toBe(400);
    expect((await call('PATCH', `${v2}/opportunities/${made.id}?update_mask=stage_id`, {})).status).toBe(400);
    const found = await call('GET', `${v2}/opportunities?filter=opportunity_title==dea;stage_id==27`);
    expect(found.body.opportunities).toHaveLength(1);
  });

  it('have stages', async () => {
    const { body } = await call('GET', `${v2}/opportunities/stages`);
    expect(body.stages.map((s: Loose) => s.name)).toContain('Internal Review');
    expect((await call('GET', `${v2}/opportunities/stages/44`)).body).toMatchObject({ id: '44', name: 'On Hold' });
    expect((await call('GET', `${v2}/opportunities/stages/1`)).status).toBe(404);
  });
});

describe('products', () => {
  it('take prices in minor units and answer them as an object', async () => {
    const made = await create('products', { name: 'P', price: 123_456, short_description: 's', sku: 'X' });
    expect(made.price).toMatchObject({ amount: 123_456, currency_code: 'USD' });
    expect(made).toMatchObject({ active: true, shippable: false });
    for (const price of [19.9, '1990', -1, { amount: 1 }])
      expect((await call('PATCH', `${v2}/products/${made.id}`, { price })).status).toBe(400);
    expect((await call('POST', `${v2}/products`, { name: 'P', price: 1 })).status).toBe(400);
    await create('products', { name: 'P2', price: 1, short_description: 's', sku: 'X' });
    expect((await call('GET', `${v2}/products?filter=sku==X`)).body.products).toHaveLength(2);
  });
});

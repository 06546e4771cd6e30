// The Keap stand-in's records: what may be written, how it is written, and how it is read.

import { describe, expect, it } from 'vitest';
import { startKeap } from '../../../sandbox/keap/server.ts';
import { keapCalls, v2 } from './keap-support.ts';
import { caller, type Loose } from './support.ts';

const keap = keapCalls();
const { call, create, get, refusal } = keap;

const email = [{ email: 'a@x.example' }];
const x = (length: number) => 'x'.repeat(length);

describe('bodies', () => {
  const contactWith = (fields: object) => ({ email_addresses: email, ...fields });
  it.each([
    ['a property that is not described', '/companies', { company_name: 'C', nickname: 'c' }],
    ['a read-only property', '/companies', { company_name: 'C', update_time: '2025-01-01T00:00:00.000Z' }],
    ['a property that is not described inside of an object', '/companies', { address: { city: 'x' } }],
    ['a number where a text is described', '/companies', { company_name: 5 }],
    ['an id as a number', '/contacts', contactWith({ company: { id: 5 } })],
    ['an e-mail of 76 characters', '/companies', { email_address: { email: `${x(66)}@x.example` } }],
    [
      'an e-mail in a slot that does not exist',
      '/companies',
      { email_address: { email: 'a@x.example', field: 'WORK' } },
    ],
    ['an opt-in status that does not exist', '/companies', { email_address: { email_opt_status: 'YES' } }],
    ['an opt-in in a contact', '/contacts', { email_addresses: [{ email: 'a@x.example', is_opt_in: true }] }],
    ['a phone number of 41 characters', '/companies', { phone_number: { number: '1'.repeat(41) } }],
    [
      'a fourth phone number of 21 characters',
      '/contacts',
      { phone_numbers: [{ number: '1'.repeat(21), field: 'PHONE4' }] },
    ],
    ['an extension of a fax number', '/companies', { fax_number: { number: '1', extension: '2' } }],
    ['a first line of 76 characters', '/companies', { address: { line1: x(76) } }],
    ['a city of 51 characters', '/companies', { address: { locality: x(51) } }],
    ['a postal code of 16 characters', '/companies', { address: { postal_code: x(16) } }],
    ['a region without its country', '/companies', { address: { region_code: 'US-AZ' } }],
    ['a region that is no code', '/companies', { address: { region_code: 'Arizona', country_code: 'USA' } }],
    ['a country of two letters', '/companies', { address: { country_code: 'US' } }],
    ['a custom field that does not exist', '/companies', { custom_fields: [{ id: '999', content: 'x' }] }],
    ['a custom field of another entity', '/contacts', contactWith({ custom_fields: [{ id: '6', content: 'x' }] })],
    ['a custom text of 65,536 characters', '/companies', { custom_fields: [{ id: '6', content: x(65_536) }] }],
    ['a given name of 41 characters', '/contacts', contactWith({ given_name: x(41) })],
    ['a family name of 41 characters', '/contacts', contactWith({ family_name: x(41) })],
    ['a website of 101 characters', '/contacts', contactWith({ website: x(101) })],
    ['notes of a contact', '/contacts', contactWith({ notes: 'n' })],
    [
      'two e-mails in one slot',
      '/contacts',
      { email_addresses: [...email, ...email].map((e) => ({ ...e, field: 'EMAIL1' })) },
    ],
    ['four e-mails', '/contacts', { email_addresses: [...email, ...email, ...email, ...email] }],
    ['a contact without an e-mail, a phone and an address', '/contacts', { given_name: 'A', family_name: 'B' }],
    ['a company that does not exist', '/contacts', contactWith({ company: { id: '77' } })],
    ['a source that does not exist', '/contacts', contactWith({ source_type: 'SHOP' })],
    ['an account without its type', '/contacts', contactWith({ social_accounts: [{ name: '@a' }] })],
    ['no short description', '/products', { name: 'P', price: 1 }],
    ['a price with a fraction', '/products', { name: 'P', price: 19.9, short_description: 's' }],
    ['a price as a text', '/products', { name: 'P', price: '1990', short_description: 's' }],
    ['a price as it is read', '/products', { name: 'P', price: { amount: 1 }, short_description: 's' }],
    ['a negative price', '/products', { name: 'P', price: -1, short_description: 's' }],
    ['a negative weight', '/products', { name: 'P', price: 1, short_description: 's', weight: -1 }],
    ['a list', '/companies', []],
  ])('with %s are refused', async (_what, path, body) => {
    await refusal('POST', path, body);
  });

  it('are measured in characters, not in UTF-16 units', async () => {
    await create('/companies', { address: { locality: '😀'.repeat(50) } });
  });

  it('get the error body of their version where they are no JSON', async () => {
    const post = async (path: string) => {
      const answer = await fetch(`${keap.keap.url}/crm/rest${path}`, {
        method: 'POST',
        headers: { 'X-Keap-API-Key': keap.keap.apiKey, 'content-type': 'application/json' },
        body: '{',
      });
      return [answer.status, (await answer.json()) as Loose];
    };
    expect(await post('/v2/companies')).toMatchObject([400, { code: 400, status: 'INVALID_ARGUMENT' }]);
    expect(await post('/v1/hooks')).toEqual([400, { message: expect.any(String) }]);
  });
});

describe('update_mask', () => {
  const fields = 'fields=address,notes,website';

  it('is a repeated parameter; exactly its properties are written, whole, and cleared where the body lacks them', async () => {
    const { id } = await create('/companies', {
      company_name: 'C',
      website: 'https://w.example',
      notes: 'n',
      address: { line1: 'L', zip_four: '1234', country_code: 'FRA' },
    });
    const mask = 'update_mask=address&update_mask=website&update_mask=notes';
    const body = { company_name: 'D', address: { line1: 'M', country_code: 'FRA' }, website: null };
    expect((await call('PATCH', `/companies/${id}?${mask}`, body)).status).toBe(200);
    expect(await get(`/companies/${id}?${fields}`)).toEqual({
      id,
      company_name: 'C',
      address: { field: 'BILLING', line1: 'M', country_code: 'FRA', country: 'France' },
    });
  });

  it('is refused with names that it does not offer, with commas, and with one name twice', async () => {
    await create('/companies', { company_name: 'C' });
    for (const mask of ['update_mask=phone', 'update_mask=notes,website', 'update_mask=notes&update_mask=notes'])
      await refusal('PATCH', `/companies/1?${mask}`, { notes: 'n' });
    await refusal('PATCH', '/opportunities/1?update_mask=contact', {});
  });

  it('may name read-only properties, which are not written', async () => {
    const { id } = await create('/companies', { company_name: 'C' });
    expect((await call('PATCH', `/companies/${id}?update_mask=id&update_mask=create_time`, {})).body).toEqual({
      id,
      company_name: 'C',
    });
  });

  it('may be absent: the properties of the body are written then', async () => {
    const { id } = await create('/companies', { company_name: 'C', website: 'https://w.example' });
    await call('PATCH', `/companies/${id}`, { company_name: 'D' });
    expect(await get(`/companies/${id}?fields=website`)).toEqual({
      id,
      company_name: 'D',
      website: 'https://w.example',
    });
  });
});

describe('records', () => {
  it('get a later time with every write', async () => {
    const { id } = await create('/contacts', { email_addresses: email });
    const times = [];
    for (let i = 0; i < 20; i++)
      times.push((await call('PATCH', `/contacts/${id}?fields=update_time`, { given_name: `N${i}` })).body.update_time);
    expect(new Set(times).size).toBe(20);
    expect([...times].sort()).toEqual(times);
  });

  it('are deleted once, and their ids are not given again', async () => {
    const { id } = await create('/companies', { company_name: 'C' });
    const contact = await create('/contacts', { email_addresses: email, company: { id } });
    expect((await call('DELETE', `/companies/${id}`)).status).toBe(204);
    const again = await call('DELETE', `/companies/${id}`);
    expect([again.status, again.body]).toMatchObject([404, { code: 404, status: 'NOT_FOUND' }]);
    expect(await get(`/contacts/${contact.id}?fields=company`)).toEqual({ id: contact.id });
    expect((await create('/companies', { company_name: 'D' })).id).not.toBe(id);
  });
});

describe('addresses', () => {
  const read = async () => (await get('/companies/1?fields=address')).address;
  const write = (address: object) => call('PATCH', '/companies/1?update_mask=address', { address });

  it('are read with the long name of the country, and in the United States with a ZIP code', async () => {
    await create('/companies', {
      address: { line1: 'L', region_code: 'US-AZ', postal_code: '85001', zip_four: '1234', country_code: 'USA' },
    });
    expect(await read()).toEqual({
      field: 'BILLING',
      line1: 'L',
      region_code: 'US-AZ',
      postal_code: '85001',
      zip_code: '85001',
      zip_four: '1234',
      country_code: 'USA',
      country: 'United States of America',
    });
    await write({ postal_code: '69002', country_code: 'FRA' });
    expect(await read()).toEqual({ field: 'BILLING', postal_code: '69002', country_code: 'FRA', country: 'France' });
  });

  it('keep nothing of the deprecated names, and a ZIP code that is sent back undoes an edit of the postal code', async () => {
    await create('/companies', { address: { postal_code: '85001', country_code: 'USA' } });
    await write({ ...(await read()), country: 'France', region: 'Texas', postal_code: '90210' });
    expect(await read()).toMatchObject({ postal_code: '85001', country: 'United States of America' });
    await write({ postal_code: '90210', country_code: 'USA' });
    expect(await read()).toMatchObject({ postal_code: '90210', zip_code: '90210' });
  });

  it('may be longer where they are not for billing', async () => {
    const address = { field: 'SHIPPING', line1: x(100), locality: x(100), postal_code: x(20), country_code: 'FRA' };
    await create('/contacts', { addresses: [address] });
    await refusal('POST', '/contacts', { addresses: [{ ...address, field: 'OTHER' }] });
  });
});

describe('phone numbers and e-mail addresses', () => {
  it('are kept as sent; E.164 and the opt-in status are only read', async () => {
    await create('/companies', {
      company_name: 'C',
      phone_number: { number: '+1 (602) 555-0123', number_e164: 'no', type: 'Work' },
      email_address: { email: 'a@x.example', is_opt_in: true, email_opt_status: 'SPAM' },
    });
    expect(await get('/companies/1?fields=phone_number,email_address')).toMatchObject({
      phone_number: { field: 'PHONE1', number: '+1 (602) 555-0123', type: 'Work', number_e164: '+16025550123' },
      email_address: { field: 'EMAIL1', email: 'a@x.example', is_opt_in: true, email_opt_status: 'SINGLE_OPT_IN' },
    });
    expect(keap.keap.store.companies.get('1')?.phone_number).not.toHaveProperty('number_e164');
  });

  it('get the free slots of a contact where they name none', async () => {
    const made = await create('/contacts?fields=email_addresses', {
      email_addresses: [{ email: 'a@x.example' }, { email: 'b@x.example', field: 'EMAIL1' }, { email: 'c@x.example' }],
    });
    expect(made.email_addresses.map((e: Loose) => [e.email[0], e.field])).toEqual([
      ['a', 'EMAIL2'],
      ['b', 'EMAIL1'],
      ['c', 'EMAIL3'],
    ]);
  });
});

describe('contacts', () => {
  it('are created with a phone number or an address alone, and name their company', async () => {
    const company = await create('/companies', { company_name: 'C' });
    await create('/contacts', { phone_numbers: [{ number: '1' }] });
    const made = await create('/contacts?fields=company', {
      addresses: [{ country_code: 'FRA' }],
      company: { id: company.id, company_name: 'not read' },
    });
    expect(made.company).toEqual({ id: company.id, company_name: 'C' });
  });

  it('are updated instead of created where duplicate_option finds an equal contact', async () => {
    await create('/contacts', { given_name: 'Ann', email_addresses: email });
    const post = (option: string, body: object) =>
      call('POST', `/contacts?duplicate_option=${option}&fields=given_name`, {
        email_addresses: [{ email: 'A@X.example' }],
        ...body,
      });
    const updated = await post('Email', { given_name: 'Anna' });
    expect([updated.status, updated.body]).toEqual([200, { id: '1', given_name: 'Anna' }]);
    expect((await post('EmailAndName', { given_name: 'anna' })).status).toBe(200);
    expect((await post('EmailAndName', { given_name: 'Bea' })).status).toBe(201);
    const { id } = await create('/companies', { company_name: 'C' });
    expect((await post('EmailAndNameAndCompany', { given_name: 'Anna', company: { id } })).status).toBe(201);
    expect(keap.keap.store.contacts.size).toBe(3);
    await refusal('POST', '/contacts?duplicate_option=Phone', { email_addresses: email });
    await refusal('POST', '/companies?duplicate_option=Email', { company_name: 'C' });
  });
});

describe('opportunities', () => {
  it('are written flat and read nested', async () => {
    const company = await create('/companies', { company_name: 'C' });
    const contact = await create('/contacts', {
      given_name: 'Ann',
      family_name: 'Lee',
      job_title: 'CEO',
      email_addresses: email,
      phone_numbers: [{ number: '555' }],
      addresses: [{ locality: 'Chandler', region_code: 'US-AZ', country_code: 'USA' }],
      company: { id: company.id },
    });
    const body = {
      opportunity_title: 'Deal',
      contact_id: contact.id,
      stage_id: '27',
      user_id: '1',
      projected_revenue_high: 12.5,
      estimated_close_time: '2025-07-01T12:00:00+02:00',
    };
    const made = await create('/opportunities', body);
    expect(made).toEqual({
      id: '1',
      opportunity_title: 'Deal',
      contact: {
        id: contact.id,
        first_name: 'Ann',
        last_name: 'Lee',
        email: 'a@x.example',
        company_name: 'C',
        job_title: 'CEO',
        phone_number: '555',
        city: 'Chandler',
        state: 'AZ',
      },
      stage: {
        id: '27',
        name: 'New Opportunity',
        details: { probability: 10, stage_order: 10, target_num_days: 7, checklist_items: [] },
      },
      user: { id: '1' },
      projected_revenue_high: 12.5,
      estimated_close_time: '2025-07-01T10:00:00.000Z',
      created_time: expect.any(String),
      last_updated_time: expect.any(String),
    });
    for (const change of [{ contact_id: '9' }, { stage_id: '9' }, { opportunity_title: undefined }, { contact: {} }])
      await refusal('POST', '/opportunities', { ...body, ...change });
    await refusal('PATCH', '/opportunities/1?update_mask=stage_id', {});
  });

  it('have stages, which are read only', async () => {
    const { stages } = await get('/opportunities/stages');
    expect(stages.map((s: Loose) => s.name)).toContain('Internal Review');
    expect(await get('/opportunities/stages/44')).toMatchObject({ id: '44', name: 'On Hold' });
    expect((await call('GET', '/opportunities/stages/1')).status).toBe(404);
    expect((await call('POST', '/opportunities/stages', {})).status).toBe(501);
  });
});

describe('products', () => {
  it('are written and read with prices in the smallest unit of the currency', async () => {
    const made = await create('/products', { name: 'P', price: 123_456, short_description: 's', sku: 'X' });
    expect(made.price).toEqual({ amount: 123_456, currency_code: 'USD', formatted_amount: '$1,234.56' });
    expect(made).toMatchObject({ active: true, shippable: false, categories: [], options: [] });
    // Keap does not mind a second product of one sku.
    await create('/products', { name: 'P2', price: 1, short_description: 's', sku: 'X' });
  });

  it.each([
    ['JPY', '¥123,456'],
    ['KWD', 'KWD\u00a0123.456'],
    ['HUF', 'HUF\u00a01,234.56'],
  ])('format a price in %s by the digits of that currency', async (currency, formatted_amount) => {
    const product = { id: '1', name: 'P', price: 123_456, short_description: 's', create_time: '', update_time: '' };
    const data = { companies: [], contacts: [], opportunities: [], products: [product], stages: [], currency };
    const own = await startKeap({ limits: false, data });
    const ask = caller(own.url, { 'X-Keap-API-Key': own.apiKey });
    const { body } = await ask('GET', `${v2}/products/1`);
    const profile = await ask('GET', `${v2}/businessProfile`);
    await own.close();
    expect(profile.body.currency_code).toBe(currency);
    expect(body.price).toEqual({ amount: 123_456, currency_code: currency, formatted_amount });
  });

  it('are created with an inventory as an object, updated with its properties beside the others', async () => {
    const body = { name: 'P', price: 1, short_description: 's', inventory: { inventory_limit: 5, inventory_count: 3 } };
    await create('/products', body);
    await refusal('PATCH', '/products/1', { inventory: { inventory_limit: 6 } });
    await call('PATCH', '/products/1?update_mask=inventory_limit', { inventory_limit: 6 });
    expect((await get('/products/1')).inventory).toEqual({ inventory_limit: 6, inventory_count: 3 });
    // Lists leave the count out.
    expect((await get('/products')).products[0].inventory).toEqual({ inventory_limit: 6 });
  });
});

describe('custom fields', () => {
  it('are described by the model of their entity, and can be added to it', async () => {
    const { custom_fields } = await get('/contacts/model');
    expect(custom_fields[0]).toMatchObject({ id: expect.any(String), record_type: 'CONTACT', field_type: 'TEXT' });
    const made = await create('/contacts/model/customFields', {
      label: 'Favourite colour',
      field_type: 'DROPDOWN',
      options: [{ label: 'Red' }],
    });
    expect(made).toMatchObject({ record_type: 'CONTACT', options: [{ id: '1', label: 'Red' }] });
    expect((await get('/contacts/model')).custom_fields).toContainEqual(made);
    await refusal('POST', '/contacts/model/customFields', { label: 'No type' });
    await refusal('POST', '/contacts/model/customFields', { label: 'No such type', field_type: 'COLOUR' });
    expect((await call('GET', '/products/model')).status).toBe(404);
  });

  it('are written whole: one that is not listed is removed', async () => {
    const ids = ['6', '8'];
    await create('/companies', { custom_fields: ids.map((id) => ({ id, content: id })) });
    await call('PATCH', '/companies/1?update_mask=custom_fields', { custom_fields: [{ id: '8', content: 5 }] });
    expect((await get('/companies/1?fields=custom_fields')).custom_fields).toEqual([{ id: '8', content: 5 }]);
    await call('PATCH', '/companies/1?update_mask=custom_fields', { custom_fields: [] });
    expect(await get('/companies/1?fields=custom_fields')).toEqual({ id: '1' });
  });
});

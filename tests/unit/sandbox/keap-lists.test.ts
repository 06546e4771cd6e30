// The Keap stand-in's lists: pages, filters, orders and opt-in fields, each only as Keap describes it.

import { describe, expect, it } from 'vitest';
import { keapCalls } from './keap-support.ts';
import { caller, type Loose } from './support.ts';

const keap = keapCalls();
const { call, create, get, ids, filtered, refusal } = keap;

const company = (fields: object) => create('/companies', fields);
const contact = (fields: object = {}) =>
  create('/contacts?fields=id', { email_addresses: [{ email: 'someone@x.example' }], ...fields });
const product = (fields: object) => create('/products', { name: 'P', price: 1, short_description: 's', ...fields });
const later = new Date(Date.now() + 60_000).toISOString();

describe('pages', () => {
  it('go by tokens, and end without a token or with an empty one', async () => {
    for (let i = 0; i < 5; i++) await company({ company_name: `C${i}` });
    const names = (page: Loose) => page.companies.map((c: Loose) => c.company_name);
    const first = await get('/companies?page_size=2');
    expect(names(first)).toEqual(['C0', 'C1']);
    const second = await get(`/companies?page_size=2&page_token=${first.next_page_token}`);
    const third = await get(`/companies?page_size=2&page_token=${second.next_page_token}`);
    expect(names(third)).toEqual(['C4']);
    expect(third).not.toHaveProperty('next_page_token');
    expect(await get('/products')).toEqual({ products: [], next_page_token: '' });
  });

  it('name the next page of contacts by its whole address', async () => {
    for (let i = 0; i < 3; i++) await contact({ given_name: `N${i}` });
    const first = await get('/contacts?page_size=2&fields=given_name&order_by=id%20asc');
    const next = new URL(first.next_page_token);
    expect(next.origin).toBe(keap.keap.url);
    const { body } = await caller(next.origin, { 'X-Keap-API-Key': keap.keap.apiKey })(
      'GET',
      next.pathname + next.search,
    );
    expect(body).toEqual({ contacts: [{ id: '3', given_name: 'N2' }] });
  });

  it('keep their place when records before it go', async () => {
    for (let i = 0; i < 4; i++) await company({ company_name: `C${i}` });
    const first = await get('/companies?page_size=2');
    await call('DELETE', '/companies/1');
    expect(await ids('companies', `page_size=2&page_token=${first.next_page_token}`)).toEqual(['3', '4']);
  });
});

describe('what no description has is refused', () => {
  it.each([
    ['/companies', 'limit=5'],
    ['/companies', 'page_size=1001'],
    ['/companies', 'page_size=-1'],
    ['/companies', 'page_size='],
    ['/companies', 'page_token=abc'],
    ['/companies', 'page_size=1&page_size=2'],
    ['/companies', 'order_by=update_time%20desc'],
    ['/companies', 'order_by=id'],
    ['/companies', 'order_by=id%20down'],
    ['/contacts', 'order_by=given_name%20asc'],
    ['/opportunities', 'order_by=last_updated_time%20desc'],
    ['/products', 'order_by=update_time%20desc'],
    ['/opportunities/stages', 'order_by=name%20asc'],
    ['/companies', 'fields=company_name,phone'],
    ['/companies', 'fields=notes,%20website'],
    ['/companies', 'fields=notes&fields=website'],
    ['/contacts', 'fields=email'],
    ['/opportunities', 'fields=opportunity_title'],
    ['/opportunities', 'fields=order_revenue'],
    ['/products', 'fields=name'],
    ['/companies/1', 'page_size=1'],
    ['/companies/1', 'fields=company_name'],
    ['/companies/1', 'fields=update_time'],
    ['/products/1', 'fields=name'],
    ['/companies/model', 'optional_properties=custom_fields'],
  ])('GET %s with %s', async (path, query) => {
    await refusal('GET', `${path}?${query}`);
  });

  it.each([
    ['companies', 'website==x'],
    ['companies', 'id==1'],
    ['companies', 'nonsense'],
    ['companies', 'company_name>A'],
    ['companies', 'company_id==abc'],
    ['companies', 'company_id!=1'],
    ['companies', 'since_time==2025-04-16'],
    ['companies', 'since_time==2025-04-16T20:33:02Z'],
    ['companies', 'start_update_time==2025-04-16T20:33:02.321Z'],
    ['companies', 'company_name==Smith; Sons'],
    ['contacts', 'since_time==2025-04-16T20:33:02.321Z'],
    ['contacts', 'start_update_time==2025-04-16'],
    ['contacts', 'phone_number==123'],
    ['contacts', 'phone_number==123;phone_fields==FAX1'],
    ['opportunities', 'title==x'],
    ['opportunities', 'since_time==2025-04-16T20:33:02.321Z'],
    ['opportunities', 'ids==1,2;opportunity_id>5'],
    ['opportunities', `ids==${Array.from({ length: 101 }, (_, i) => i).join()}`],
    ['products', 'price==5'],
    ['products', 'since_time==2025-04-16T20:33:02.321Z'],
    ['companies', 'Visits==many'],
    ['companies', 'ShopNumber>5'],
    ['companies', 'LastVisit>2025-04-16'],
  ])('%s filtered by %s', async (entity, filter) => {
    await refusal('GET', `/${entity}?filter=${encodeURIComponent(filter)}`);
  });

  it('an operation that Keap describes and the stand-in lacks gets status 501 instead', async () => {
    const answer = await call('GET', '/companies?filter=state==Arizona');
    expect(answer).toMatchObject({ status: 501, body: { code: 501, status: 'UNIMPLEMENTED' } });
    expect((await call('POST', '/products/1:adjustInventory', {})).status).toBe(501);
    expect((await call('PUT', '/products/1', {})).body).toMatchObject({ code: 405 });
    const nowhere = await call('GET', '/nowhere');
    expect([nowhere.status, nowhere.headers.get('content-type')]).toEqual([404, 'text/html']);
  });
});

describe('filters', () => {
  it('find companies by name, prefix, e-mail, city and id, without regard to case', async () => {
    await company({
      company_name: 'Acme == "Büro" 50% & co',
      email_address: { email: 'Info@X.example' },
      address: { locality: 'Chandler' },
    });
    await company({ company_name: 'Acme*' });
    await company({ company_name: 'Other' });
    expect(await filtered('companies', 'company_name==acme == "büro" 50% & co')).toEqual(['1']);
    // Equality only: the asterisk is a character.
    expect(await filtered('companies', 'company_name==Acme*')).toEqual(['2']);
    expect(await filtered('companies', 'name==acme*')).toEqual(['1', '2']);
    expect(await filtered('companies', 'name==Acme')).toEqual([]);
    expect(await filtered('companies', 'email==info@x.example;city==chan*;')).toEqual(['1']);
    expect(await filtered('companies', 'email==info@x.example;company_name==Other')).toEqual([]);
    expect(await filtered('companies', 'company_id>1;company_id<=3')).toEqual(['2', '3']);
    expect(await filtered('companies', 'company_id==3')).toEqual(['3']);
  });

  it('take the times of the last change from and up to an instant', async () => {
    const { id } = await company({ company_name: 'C' });
    const at = keap.keap.store.companies.get(id)?.update_time;
    expect(await filtered('companies', `since_time==${at};until_time==${at}`)).toEqual([id]);
    expect(await filtered('companies', `since_time==${later}`)).toEqual([]);
    await contact();
    expect(await filtered('contacts', 'start_update_time==2020-01-01T00:00:00.000+02:00')).toEqual(['1']);
    expect(await filtered('contacts', `start_update_time==${later}`)).toEqual([]);
    expect(await filtered('contacts', `end_update_time==${later}`)).toEqual(['1']);
  });

  it('find contacts by address, phone, company and several ids at once', async () => {
    const { id } = await company({ company_name: 'C' });
    await contact({ company: { id }, family_name: 'Smith', phone_numbers: [{ number: '555', field: 'PHONE2' }] });
    await contact({
      family_name: 'Smithers',
      addresses: [{ locality: 'Lyon', country_code: 'FRA', field: 'SHIPPING' }],
    });
    await contact();
    expect(await filtered('contacts', 'company_id==1;family_name==smi*')).toEqual(['1']);
    expect(await filtered('contacts', 'ids==3,1')).toEqual(['1', '3']);
    expect(await filtered('contacts', 'phone_number==555;phone_fields==PHONE1,PHONE2')).toEqual(['1']);
    expect(await filtered('contacts', 'phone_number==555;phone_fields==PHONE1')).toEqual([]);
    expect(await filtered('contacts', 'shipping_address_country_code==FRA')).toEqual(['2']);
    expect(await filtered('contacts', 'billing_address_country_code==FRA')).toEqual([]);
    expect(await filtered('contacts', 'email==someone@*')).toEqual(['1', '2', '3']);
  });

  it('find products by equality, and by a prefix only with an asterisk', async () => {
    await product({ name: 'Chair', sku: 'C-1' });
    await product({ name: 'Chair, blue', sku: 'C-10' });
    expect(await filtered('products', 'name==chair')).toEqual(['1']);
    expect(await filtered('products', 'name==Chair*')).toEqual(['1', '2']);
    expect(await filtered('products', 'sku==C-1')).toEqual(['1']);
    expect(await filtered('products', 'product_ids==1,2;product_id>=2')).toEqual(['2']);
  });

  it('find opportunities by stage, contact, revenue and prefix of the title', async () => {
    const person = await contact({ phone_numbers: [{ number: '(480) 123-4567' }] });
    for (const [title, stage_id, projected_revenue_high] of [
      ['Deal', '27', 500],
      ['Dealer', '12', 1_500.5],
    ])
      await create('/opportunities', {
        opportunity_title: title,
        contact_id: person.id,
        stage_id,
        projected_revenue_high,
      });
    expect(await filtered('opportunities', 'opportunity_title==deal')).toEqual(['1']);
    expect(await filtered('opportunities', 'opportunity_title==deal*;stage_id==12')).toEqual(['2']);
    expect(await filtered('opportunities', 'projected_revenue_high>=1500.5')).toEqual(['2']);
    expect(await filtered('opportunities', 'contact_id==1;ids==1,2')).toEqual(['1', '2']);
    expect(await filtered('opportunities', 'contact_phone==(480)*')).toEqual(['1', '2']);
    expect(await ids('opportunities', 'order_by=opportunity_title%20desc')).toEqual(['2', '1']);
  });

  it('find stages by name and id, and order them', async () => {
    const names = async (query: string) =>
      (await get(`/opportunities/stages?${query}`)).stages.map((s: Loose) => s.name);
    expect(await names('filter=opportunity_stage_name==qual*')).toEqual(['Qualifying']);
    expect(await names(`filter=${encodeURIComponent('opportunity_stage_id<20')}&order_by=stage_order%20asc`)).toEqual([
      'Won',
      'Lost',
    ]);
  });

  it('find records by custom fields, by the name in their model', async () => {
    const { custom_fields } = await get('/companies/model');
    const idOf = (name: string) => custom_fields.find((field: Loose) => field.field_name === name).id;
    const values = (number: string, visits: number, standing: string) => [
      { id: idOf('ShopNumber'), content: number },
      { id: idOf('Visits'), content: visits },
      { id: idOf('Standing'), content: standing },
      { id: idOf('LastVisit'), content: `2025-0${visits}-01T00:00:00.000Z` },
    ];
    await company({ company_name: 'A', custom_fields: values('S-1', 1, 'New') });
    await company({ company_name: 'B', custom_fields: values('S-2', 2, 'Known') });
    await company({ company_name: 'C' });
    expect(await filtered('companies', 'shopnumber==S-1')).toEqual(['1']);
    expect(await filtered('companies', 'ShopNumber==s-*')).toEqual(['1', '2']);
    expect(await filtered('companies', 'Visits>1')).toEqual(['2']);
    expect(await filtered('companies', 'Standing==New')).toEqual(['1']);
    expect(await filtered('companies', 'LastVisit<=2025-01-01T00:00:00.000Z')).toEqual(['1']);
    expect(await refusal('GET', '/contacts?filter=Nothing==1')).toContain('Nothing');
  });
});

describe('orders', () => {
  it('sort each entity by its own properties', async () => {
    for (const [name, email] of [
      ['B', 'a@x.example'],
      ['A', 'b@x.example'],
    ])
      await company({ company_name: name, email_address: { email } });
    expect(await ids('companies', 'order_by=name%20asc')).toEqual(['2', '1']);
    expect(await ids('companies', 'order_by=email%20desc')).toEqual(['2', '1']);
    await product({ name: 'A' });
    await product({ name: 'B' });
    await call('PATCH', '/products/1', { weight: 2 });
    expect(await ids('products', 'order_by=last_updated_time%20desc')).toEqual(['1', '2']);
    await contact();
    await contact();
    expect(await ids('contacts', 'order_by=update_time%20desc')).toEqual(['2', '1']);
  });
});

describe('fields', () => {
  const whole = {
    company_name: 'C',
    website: 'https://w.example',
    notes: 'n',
    address: { line1: 'L', country_code: 'USA' },
    email_address: { email: 'a@x.example' },
    phone_number: { number: '1' },
    custom_fields: [{ id: '6', content: 'x' }],
  };

  it('are opt-in for companies, and differ between a list and one record', async () => {
    const made = await company(whole);
    // A create cannot be asked for more.
    expect(made).toEqual({ id: '1', company_name: 'C' });
    expect((await get('/companies')).companies).toEqual([{ id: '1', company_name: 'C', website: 'https://w.example' }]);
    const listed = (await get('/companies?fields=company_name,notes,update_time')).companies[0];
    expect(Object.keys(listed).sort()).toEqual(['company_name', 'id', 'notes', 'update_time', 'website']);
    expect(listed.update_time).toMatch(/^\d{4}-.*\.\d{3}Z$/);
    expect(await get('/companies/1?fields=notes,custom_fields')).toEqual({
      id: '1',
      company_name: 'C',
      notes: 'n',
      custom_fields: whole.custom_fields,
    });
  });

  it('are exactly those that are named for contacts, also in the response to a write', async () => {
    const path = '/contacts?fields=given_name,update_time,notes';
    const body = { given_name: 'Ann', family_name: 'Lee', email_addresses: [{ email: 'a@x.example' }] };
    const made = await create(path, body);
    // `notes` can be named, and no contact has them.
    expect(made).toEqual({ id: '1', given_name: 'Ann', update_time: expect.any(String) });
    expect((await call('PATCH', '/contacts/1?fields=family_name', { job_title: 'x' })).body).toEqual({
      id: '1',
      family_name: 'Lee',
    });
    expect((await get('/contacts')).contacts).toMatchObject([{ given_name: 'Ann', family_name: 'Lee' }]);
    expect(await get('/contacts/1')).not.toHaveProperty('update_time');
  });

  it('are opt-in for the custom fields of opportunities', async () => {
    const { id: contact_id } = await contact();
    const body = { opportunity_title: 'T', contact_id, stage_id: '27', custom_fields: [{ id: '26', content: 'x' }] };
    expect(await create('/opportunities', body)).not.toHaveProperty('custom_fields');
    expect(await get('/opportunities/1?fields=custom_fields')).toMatchObject({ custom_fields: body.custom_fields });
  });
});

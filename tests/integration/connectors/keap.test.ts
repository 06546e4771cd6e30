// What systems/keap.yaml asks of Keap and sends to it, beside what Keap's own descriptions say: REST API v2 (OpenAPI
// 2.0.21, 2026-08) for records. Lists of names are written down here from there, so that a typing error in the file fails.
import type { FastifyReply } from 'fastify';
import { afterEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../engine/config/load.ts';
import { validateRecord } from '../../../engine/config/record-schema.ts';
import { updateBody } from '../../../engine/connectors/http/request-body.ts';
import { parsePath } from '../../../engine/expression/path.ts';
import type { JsonObject } from '../../../engine/types.ts';
import { closeAll } from '../../support/closing.ts';
import { loadReal, REAL_ENV, ROOT } from '../../unit/config/real.ts';
import { serve, testClient } from './support.ts';

afterEach(closeAll);

const path = (source: string) => parsePath(source) ?? expect.unreachable();

interface Asked {
  readonly method: string;
  /** Below /v2. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly raw: string;
  readonly body: unknown;
}

/** Keap, answering every request with what is given for its path (`/companies`), and an empty list where nothing is. */
async function keap(answers: Record<string, object | ((reply: FastifyReply) => object)> = {}) {
  const asked: Asked[] = [];
  const url = await serve((app) => {
    app.all('/*', (request, reply) => {
      const { pathname, searchParams } = new URL(request.url, 'http://keap');
      const below = pathname.replace('/v2', '');
      asked.push({ method: request.method, path: below, query: searchParams, raw: request.url, body: request.body });
      const answer = answers[`${request.method} ${below}`] ?? answers[below];
      if (typeof answer === 'function') return answer(reply);
      return answer ?? { [below.split('/')[1] ?? '']: [] };
    });
  });
  const { config } = await loadConfig({
    root: ROOT,
    env: { ...REAL_ENV, KEAP_BASE_URL: url, KEAP_API_KEY: 'key-of-this-test' },
  });
  return { ...testClient(config.systems.get('keap')!), asked };
}

const names = (text: string | null): string[] => (text ?? '').split(',').filter((name) => name !== '');

describe('changes since a time are asked for in the words of each entity', () => {
  const since = '2026-05-01T10:20:30.400Z';
  test.each([
    ['companies', { filter: `since_time==2026-05-01T10:18:30.400Z` }],
    // Contacts have no since_time.
    ['contacts', { filter: `start_update_time==2026-05-01T10:18:30.400Z` }],
    ['opportunities', { order_by: 'update_time desc' }],
    ['products', { order_by: 'last_updated_time desc' }],
  ])('%s', async (entity, query) => {
    const { client, asked } = await keap();
    for await (const _ of client.list(entity, { since }));
    expect(asked).toHaveLength(1);
    expect(Object.fromEntries(asked[0]!.query)).toMatchObject(query);
    expect(Object.fromEntries((await allOf(entity)).asked[0]!.query)).not.toHaveProperty(Object.keys(query)[0]!);
  });

  async function allOf(entity: string) {
    const one = await keap();
    for await (const _ of one.client.list(entity));
    return one;
  }
});

describe('opt-in fields', () => {
  const offered: Record<string, string[]> = {
    // Properties of a company; GET /v2/companies/{id} offers fewer, and is not called.
    companies: names(
      'company_name,website,notes,fax_number,address,email_address,phone_number,create_time,update_time,custom_fields',
    ),
    contacts: names(
      'addresses,anniversary_date,birth_date,company,contact_type,create_time,custom_fields,email_addresses,family_name,' +
        'fax_numbers,given_name,id,job_title,leadsource_id,links,middle_name,notes,origin,owner_id,phone_numbers,' +
        'preferred_locale,preferred_name,prefix,referral_code,score_value,social_accounts,source_type,spouse_name,suffix,' +
        'tag_ids,time_zone,update_time,utm_parameters,website,account_id,assistant_name,assistant_phone,' +
        'billing_information,created_by,groups,last_updated_by',
    ),
    opportunities: names('custom_fields,created_by,last_updated_by,status_id'),
    products: [],
    stages: [],
  };
  /** Answered without being asked for. */
  const usual: Record<string, string[]> = {
    companies: ['id'],
    opportunities: names(
      'id,contact_id,stage_id,user_id,opportunity_title,next_action_time,next_action_notes,opportunity_notes,affiliate_id,' +
        'estimated_close_time,include_in_forecast,projected_revenue_low,projected_revenue_high,created_time,' +
        'last_updated_time,lead_source',
    ),
  };

  test('each operation asks for nothing that it does not offer, and for all that the schema has', async () => {
    const { config } = await loadReal();
    for (const entity of Object.values(config.systems.get('keap')!.entities)) {
      const operations = [entity.list, entity.read, entity.find, entity.create, entity.update].filter((one) => one);
      const properties = Object.keys(entity.schema.properties as object);
      for (const operation of operations) {
        const asked = names(operation!.query.fields ?? null);
        const where = `${operation!.method} ${operation!.path}`;
        expect(offered[entity.name], where).toEqual(expect.arrayContaining(asked));
        // POST and PATCH of companies take no "fields".
        if (entity.name === 'companies' && operation!.method !== 'GET') expect(asked, where).toEqual([]);
        else if (offered[entity.name]!.length > 0)
          expect([...asked, ...(usual[entity.name] ?? [])], where).toEqual(expect.arrayContaining(properties));
      }
    }
  });

  test('a company is read with the time of its modification, which only the list offers', async () => {
    const company = { id: '7', company_name: 'Acme', update_time: '2026-05-01T10:00:00.000Z' };
    const { client, asked } = await keap({ '/companies': { companies: [company] } });
    expect(await client.read('companies', '7')).toMatchObject({ id: '7', modified: company.update_time });
    expect(asked.map((one) => [one.path, one.query.get('filter')])).toEqual([['/companies', 'company_id==7']]);
  });

  test('a company that no list shows is gone only where its own address says so', async () => {
    const { client, asked } = await keap({
      '/companies/8': (reply) => {
        reply.code(404);
        return { code: 404, message: 'Not found', status: 'NOT_FOUND', details: [] };
      },
    });
    await expect(client.read('companies', '7')).rejects.toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
    expect(await client.read('companies', '8')).toBeUndefined();
    expect(asked.map((one) => one.path)).toEqual(['/companies', '/companies/7', '/companies', '/companies/8']);
  });

  test('a contact is written and answered with one call', async () => {
    const contact = { id: '7', given_name: 'Ann', update_time: '2026-05-01T10:00:00.000Z' };
    const { client, asked } = await keap({ '/contacts': contact, '/contacts/7': contact });
    await client.create('contacts', { given_name: 'Ann' });
    await client.update('contacts', '7', { data: { given_name: 'Ann' }, changed: [path('given_name')] });
    expect(asked.map(({ method }) => method)).toEqual(['POST', 'PATCH']);
    for (const { query } of asked) expect(names(query.get('fields'))).toContain('update_time');
  });
});

describe('update_mask', () => {
  test('is one parameter per property, as an array in a query is described', async () => {
    const { client, asked } = await keap({ '/opportunities/7': { id: '7' } });
    await client.update('opportunities', '7', {
      data: { opportunity_title: 'A', stage_id: '2' },
      changed: [path('opportunity_title'), path('stage_id')],
    });
    expect(asked[0]!.query.getAll('update_mask')).toEqual(['opportunity_title', 'stage_id']);
    expect(asked[0]!.body).toEqual({ opportunity_title: 'A', stage_id: '2' });
  });
});

describe('a search by a value that means something to the syntax of filters', () => {
  const found = (entity: string, field: string, value: string) => ({
    [entity]: [
      { id: '1', [field]: value },
      { id: '2', [field]: 'Smith' },
    ],
  });

  test.each([
    // Quotes, spaces, brackets and signs are sent as they are, once encoded.
    ['companies', 'company_name', `Smith "&" Sons' (UK) = 100% +1 ü`, `company_name==Smith "&" Sons' (UK) = 100% +1 ü`],
    ['companies', 'company_name', 'Star *', 'company_name==Star *'],
    ['companies', 'company_name', 'Smith; Sons', 'name==Smith*'],
    ['products', 'sku', 'A*B;C', 'sku==A*'],
    ['products', 'name', 'Chair "big"; red', 'name==Chair "big"*'],
  ])('finds only the record with this value among %s by %s: %j', async (entity, field, value, filter) => {
    const { client, asked } = await keap({ [`/${entity}`]: found(entity, field, value) });
    expect((await client.find(entity, field, value)).map(({ id }) => id)).toEqual(['1']);
    expect(asked[0]!.query.get('filter')).toBe(filter);
    // A + is a space to who reads the query as a form, and a plus sign to who does not.
    expect(asked[0]!.raw).not.toContain('+');
  });

  test.each([
    ['companies', 'email_address.email', 'x@x.x;x@x.x'],
    ['products', 'sku', '*'],
    ['products', 'sku', ' ;x'],
  ])('%s by %s cannot be asked for %j, which is reported instead of finding nothing', async (entity, field, value) => {
    const { client, asked } = await keap();
    await expect(client.find(entity, field, value)).rejects.toMatchObject({
      code: 'OPERATION_UNSUPPORTED',
      message: expect.not.stringContaining('x'),
    });
    expect(asked).toEqual([]);
  });
});

describe('next_page_token', () => {
  test.each([
    ['a token', 'abc=='],
    ['a whole URL, of whatever host', 'https://api.keap.com/crm/rest/v2/companies?page_size=9&page_token=abc%3D%3D'],
  ])('leads to the next page of the same list when it is %s', async (_, next) => {
    let calls = 0;
    const { client, asked } = await keap({
      '/companies': () =>
        calls++ === 0
          ? { companies: [{ id: '1' }], next_page_token: next }
          : { companies: [{ id: '2' }], next_page_token: '' },
    });
    const ids: string[] = [];
    for await (const { records } of client.list('companies')) ids.push(...records.map(({ id }) => id));
    expect(ids).toEqual(['1', '2']);
    const [first, second] = asked.map(({ query }) => Object.fromEntries(query));
    expect(second).toEqual({ ...first, page_token: 'abc==' });
  });

  test('is followed on the same host only when it is a URL without a token', async () => {
    const { client } = await keap({
      '/companies': { companies: [], next_page_token: 'https://other.example/x?offset=5' },
    });
    await expect(client.list('companies').next()).resolves.toMatchObject({ done: false });
    const pages = client.list('companies');
    await pages.next();
    await expect(pages.next()).rejects.toMatchObject({
      code: 'SYSTEM_BAD_RESPONSE',
      message: expect.stringContaining('another host'),
    });
  });
});

describe('when Keap has had enough', () => {
  const quota = { code: '429', message: 'Quota Exceeded', status: 'Request Throttled', details: null };
  const spike = {
    fault: { faultstring: 'Spike arrest violation.', detail: { errorcode: 'policies.ratelimit.SpikeArrestViolation' } },
  };
  const refusal = (status: number, body: object, headers: Record<string, string> = {}) => ({
    '/companies': (reply: FastifyReply) => {
      reply.code(status).headers(headers);
      return body;
    },
  });
  const untilMinute = () => 60_000 - (Date.now() % 60_000);
  const untilDay = () => 86_400_000 - (Date.now() % 86_400_000);

  test.each([
    ['the API', 429, quota, 'Quota Exceeded'],
    ['the gateway', 429, spike, 'Spike arrest violation.'],
    // Its older form has another status.
    ['the gateway', 500, spike, 'Spike arrest violation.'],
  ])('a refusal of %s with %i is no failure, and all calls wait', async (_, status, body, words) => {
    const { client, asked } = await keap(refusal(status, body));
    await expect(client.find('companies', 'company_name', 'Acme')).rejects.toMatchObject({
      code: 'SYSTEM_THROTTLED',
      message: expect.stringContaining(words),
    });
    expect(asked).toHaveLength(1);
  });

  test('the message of another error of the gateway is reported', async () => {
    const fault = { fault: { faultstring: 'Invalid Access Token', detail: { errorcode: 'keymanagement.service.x' } } };
    const { client } = await keap(refusal(401, fault));
    await expect(client.find('companies', 'company_name', 'Acme')).rejects.toMatchObject({
      code: 'SYSTEM_DOWN',
      cause: { code: 'SYSTEM_AUTH', message: expect.stringContaining('Invalid Access Token') },
    });
  });

  test.each<[string, Record<string, string>, () => number]>([
    ['the minute of the token', { 'x-keap-product-throttle-available': '0' }, untilMinute],
    ['the minute of the account', { 'x-keap-tenant-throttle-available': '0|249000' }, untilMinute],
    ['the minute of the account, stated alone', { 'x-keap-tenant-throttle-available': '0' }, untilMinute],
    ['the day of the account', { 'x-keap-tenant-throttle-available': '9000|0' }, untilDay],
    [
      'the day of the token',
      { 'x-keap-product-quota-available': '0', 'x-keap-product-quota-expiry-time': String(Date.now() + 3_600_000) },
      () => 3_600_000,
    ],
  ])('a 429 waits until the end of %s', async (_, headers, wait) => {
    const { client } = await keap(refusal(429, quota, headers));
    const error = await client.find('companies', 'company_name', 'Acme').catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'SYSTEM_THROTTLED' });
    // Those who wait come back spread out over another part of the time.
    expect(error.context.retryAfter).toBeGreaterThan(wait() * 0.8 - 5_000);
    expect(error.context.retryAfter).toBeLessThan(wait() * 1.5 + 5_000);
  });

  test('a quota that others have used up stops the next call, even after a good response', async () => {
    const { client, asked } = await keap({
      '/companies': (reply) => {
        reply.header('x-keap-tenant-throttle-available', '9000|0');
        return { companies: [] };
      },
    });
    await client.find('companies', 'company_name', 'Acme');
    await expect(client.find('companies', 'company_name', 'Acme')).rejects.toMatchObject({ code: 'SYSTEM_THROTTLED' });
    expect(asked).toHaveLength(1);
  });
});

/** What Keap answers, with all that its schemas have beside what is written. */
const address = {
  field: 'BILLING',
  line1: '1 Old St',
  line2: 'Suite 4',
  locality: 'Phoenix',
  region: 'Arizona',
  region_code: 'US-AZ',
  postal_code: '85001',
  zip_code: '85001',
  zip_four: '1234',
  country: 'United States of America',
  country_code: 'USA',
};
const phone = { number: '+1 602', extension: '1', type: 'Work', field: 'PHONE1', number_e164: '+1602' };
const email = {
  email: 'a@x.example',
  field: 'EMAIL1',
  is_opt_in: true,
  email_opt_status: 'SINGLE_OPT_IN',
  opt_in_reason: 'Said so',
};

describe('what is deprecated or only read is never sent back', () => {
  test('an edit of a company sends its address without the former ZIP code and the long names', async () => {
    const company = { id: '7', address, phone_number: phone, email_address: email };
    const { client, asked } = await keap({ '/companies': { companies: [company] }, 'PATCH /companies/7': company });
    const { data } = (await client.read('companies', '7')) ?? expect.unreachable();
    const changed = ['address.postal_code', 'phone_number.number', 'email_address.email'];
    const next = [
      ['address.postal_code', '97205'],
      ['phone_number.number', '+1 503'],
      ['email_address.email', 'b@x.example'],
    ].reduce<JsonObject>((record, [place, value]) => path(place!).set(record, value!), data);
    await client.update('companies', '7', { data: next, changed: changed.map(path) });
    expect(asked.find(({ method }) => method === 'PATCH')!.body).toEqual({
      address: {
        field: 'BILLING',
        line1: '1 Old St',
        line2: 'Suite 4',
        locality: 'Phoenix',
        region_code: 'US-AZ',
        postal_code: '97205',
        country_code: 'USA',
      },
      phone_number: { number: '+1 503', extension: '1', type: 'Work', field: 'PHONE1' },
      email_address: { email: 'b@x.example', field: 'EMAIL1' },
    });
  });

  test('an edit of a contact keeps its other addresses, numbers and e-mails, without those names', async () => {
    const contact = { id: '7', addresses: [address, { ...address, field: 'OTHER' }], email_addresses: [email] };
    const { client, asked } = await keap({ '/contacts/7': contact });
    const { data } = (await client.read('contacts', '7')) ?? expect.unreachable();
    const places = ["addresses[field='OTHER'].line1", "email_addresses[field='EMAIL1'].email"].map(path);
    const next = places.reduce<JsonObject>((record, place) => place.set(record, 'new'), data);
    await client.update('contacts', '7', { data: next, changed: places });
    const { zip_code, zip_four, country, region, ...kept } = address;
    expect(asked.at(-1)!.body).toEqual({
      addresses: [kept, { ...kept, field: 'OTHER', line1: 'new' }],
      email_addresses: [{ email: 'new', field: 'EMAIL1' }],
    });
  });

  test('a ZIP code that stands alone is the postal code, and is not lost by an edit of another line', async () => {
    const stored = { id: '7', address: { line1: '1 Old St', zip_code: '85001', country_code: 'USA' } };
    const { client, asked } = await keap({ '/companies': { companies: [stored] } });
    const { data } = (await client.read('companies', '7')) ?? expect.unreachable();
    expect(data).toMatchObject({ address: { postal_code: '85001' } });
    const line = path('address.line1');
    await client.update('companies', '7', { data: line.set(data, '2 New St'), changed: [line] });
    expect(asked.find(({ method }) => method === 'PATCH')!.body).toEqual({
      address: { line1: '2 New St', postal_code: '85001', country_code: 'USA' },
    });
  });

  test('nothing is sent that an update does not name in its mask', async () => {
    const masks: Record<string, string[]> = {
      companies: names('company_name,address,phone_number,fax_number,email_address,notes,website,custom_fields'),
      contacts: names(
        'addresses,anniversary_date,assistant_name,assistant_phone,billing_information,birth_date,company,contact_type,' +
          'custom_fields,email_addresses,family_name,fax_numbers,given_name,job_title,middle_name,owner_id,phone_numbers,' +
          'preferred_locale,preferred_name,prefix,referral_code,spouse_name,suffix,time_zone,website',
      ),
      opportunities: names(
        'opportunity_title,next_action_time,next_action_notes,opportunity_notes,estimated_close_time,include_in_forecast,' +
          'projected_revenue_low,projected_revenue_high,contact_id,stage_id,user_id,custom_fields,affiliate_id',
      ),
      products: names(
        'active,name,description,price,sku,shippable,short_description,subscription_only,storefront_hidden,weight,taxable,' +
          'country_taxable,city_taxable,state_taxable,top_html,bottom_html,is_package,needs_digital_delivery,' +
          'delivery_description',
      ),
    };
    const { config } = await loadReal();
    for (const [name, mask] of Object.entries(masks)) {
      const { schema, update } = config.systems.get('keap')!.entities[name]!;
      const all = Object.keys(schema.properties as object);
      const record = Object.fromEntries(all.map((one) => [one, 'x']));
      expect(Object.keys(updateBody(update!, schema, record, all.map(path))).sort(), name).toEqual([...mask].sort());
    }
  });
});

describe('lengths, enums and required fields are those of the description', async () => {
  const { config } = await loadReal();
  const faults = (entity: string, record: object, partial = true) =>
    validateRecord(config.systems.get('keap')!.entities[entity]!, record, { partial });
  const long = (length: number) => 'x'.repeat(length);

  test.each<[string, (text: string) => object, number]>([
    ['contacts', (given_name) => ({ given_name }), 40],
    ['contacts', (family_name) => ({ family_name }), 40],
    ['contacts', (middle_name) => ({ middle_name }), 100],
    ['contacts', (preferred_name) => ({ preferred_name }), 100],
    ['contacts', (spouse_name) => ({ spouse_name }), 100],
    ['contacts', (job_title) => ({ job_title }), 255],
    ['contacts', (website) => ({ website }), 100],
    ['contacts', (assistant_name) => ({ assistant_name }), 20],
    ['contacts', (assistant_phone) => ({ assistant_phone }), 15],
    ['contacts', (billing_information) => ({ billing_information }), 100],
    ['contacts', (line1) => ({ addresses: [{ field: 'BILLING', line1 }] }), 75],
    ['contacts', (line2) => ({ addresses: [{ field: 'SHIPPING', line2 }] }), 100],
    ['contacts', (locality) => ({ addresses: [{ field: 'OTHER', locality }] }), 100],
    ['contacts', (postal_code) => ({ addresses: [{ field: 'SHIPPING', postal_code }] }), 20],
    ['contacts', (postal_code) => ({ addresses: [{ field: 'OTHER', postal_code }] }), 15],
    ['contacts', (number) => ({ phone_numbers: [{ field: 'PHONE3', number }] }), 40],
    ['contacts', (number) => ({ phone_numbers: [{ field: 'PHONE4', number }] }), 20],
    ['companies', (line1) => ({ address: { line1 } }), 75],
    ['companies', (locality) => ({ address: { locality } }), 50],
    ['companies', (postal_code) => ({ address: { postal_code } }), 15],
    ['companies', (number) => ({ phone_number: { number } }), 40],
  ])('%s: %o takes %i characters and not one more', (entity, record, length) => {
    expect(faults(entity, record(long(length)))).toEqual([]);
    expect(faults(entity, record(long(length + 1)))).toMatchObject([
      { message: `May have at most ${length} characters.` },
    ]);
  });

  test.each([
    ['EMAIL1', 75],
    ['EMAIL2', 100],
  ])('an e-mail address of %s takes %i characters', (field, length) => {
    const of = (size: number) => ({
      email_addresses: [{ field, email: `${'a'.repeat(size - 62)}@${'b'.repeat(55)}.tests` }],
    });
    expect(faults('contacts', of(length))).toEqual([]);
    expect(faults('contacts', of(length + 1))).toMatchObject([{ message: `May have at most ${length} characters.` }]);
  });

  test.each([
    ['contacts', { addresses: [{ field: 'HOME' }] }],
    ['contacts', { email_addresses: [{ field: 'EMAIL4' }] }],
    ['contacts', { phone_numbers: [{ field: 'PHONE6' }] }],
    ['contacts', { fax_numbers: [{ field: 'FAX3' }] }],
    ['companies', { fax_number: { field: 'PHONE1' } }],
  ])('%s do not take %j', (entity, record) => {
    expect(faults(entity, record)).toMatchObject([{ message: expect.stringContaining('Must be one of') }]);
  });

  test('a region needs its country, and a fault of one line is no fault of the whole address', () => {
    expect(faults('companies', { address: { region_code: 'US-AZ' } })).toMatchObject([
      { property: 'address', message: expect.stringContaining('"country_code" is missing') },
    ]);
    expect(faults('companies', { address: { region_code: null, country_code: null } })).toEqual([]);
    expect(faults('companies', { address: { line1: long(80), line2: 'x' } }).map(({ property }) => property)).toEqual([
      'address.line1',
    ]);
  });

  test('a new contact needs an e-mail address, a phone number or an address', () => {
    expect(faults('contacts', { given_name: 'Ann' }, false)).toEqual([
      { property: 'email_addresses', message: 'Is required, or phone_numbers, addresses.' },
    ]);
    for (const one of [{ email_addresses: [email] }, { phone_numbers: [phone] }, { addresses: [address] }])
      expect(faults('contacts', one, false)).toEqual([]);
    expect(faults('contacts', { given_name: 'Ann' })).toEqual([]);
  });

  test.each([
    ['opportunities', ['contact_id', 'opportunity_title', 'stage_id']],
    ['products', ['name', 'price', 'short_description']],
    ['companies', []],
  ])('new %s need %j', (entity, required) => {
    expect(
      faults(entity, {}, false)
        .map(({ property }) => property)
        .sort(),
    ).toEqual(required);
  });
});

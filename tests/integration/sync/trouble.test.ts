/** Systems that fail, lie or answer too late: everything arrives all the same, and nothing twice. */

import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isRecordJob } from '../../../engine/runtime/queues.ts';
import type { FaultRule } from '../../../sandbox/kit/faults.ts';
import { linksIn } from '../../support/links.ts';
import {
  all,
  edit,
  expectQuiet,
  issueOf,
  linked,
  type MappingName,
  make,
  read,
  reconcile,
  type SystemName,
  sync,
  unique,
  worldWith,
} from './support.ts';

const world = worldWith({ lag: '1s' });
let person: { contact: string; customer: string };
beforeAll(async () => {
  const customer = await make(world, 'shop', 'customers', { email: 'buyer@x.example', last_name: 'Buyer' });
  await reconcile(world, 'contact-customer', 'shop', customer);
  person = { customer, contact: await linked(world, 'contact-customer', 'shop', customer) };
});
afterEach(() => {
  world.keap.faults.clear();
  world.shop.faults.clear();
});

const V2 = '/crm/rest/v2';

/** One record of each kind that the mappings create, its source, and the field of the result that bears its name. */
const creates: readonly {
  mapping: MappingName;
  from: SystemName;
  entity: string;
  target: string;
  label: string;
  record: (name: string) => object;
}[] = [
  {
    mapping: 'company-customer',
    from: 'keap',
    entity: 'companies',
    target: 'customers',
    label: 'company',
    record: (company_name) => ({ company_name }),
  },
  {
    mapping: 'company-customer',
    from: 'shop',
    entity: 'customers',
    target: 'companies',
    label: 'company_name',
    record: (company) => ({ company }),
  },
  {
    mapping: 'contact-customer',
    from: 'shop',
    entity: 'customers',
    target: 'contacts',
    label: 'family_name',
    record: (last_name) => ({ last_name, email: `${last_name}@x.example` }),
  },
  {
    mapping: 'product-product',
    from: 'keap',
    entity: 'products',
    target: 'products',
    label: 'name',
    record: (name) => ({ name, price: 100, short_description: 'x' }),
  },
  {
    mapping: 'product-product',
    from: 'shop',
    entity: 'products',
    target: 'products',
    label: 'name',
    record: (name) => ({ name, sku: name, price: '1.00', short_description: 'x' }),
  },
  {
    mapping: 'product-product',
    from: 'shop',
    entity: 'products',
    target: 'products',
    label: 'name',
    record: (name) => ({ name, price: '1.00', short_description: 'no sku to search by' }),
  },
  {
    mapping: 'opportunity-order',
    from: 'keap',
    entity: 'opportunities',
    target: 'orders',
    label: 'title',
    record: (opportunity_title) => ({ opportunity_title, contact_id: person.contact, stage_id: '27' }),
  },
  {
    mapping: 'opportunity-order',
    from: 'shop',
    entity: 'orders',
    target: 'opportunities',
    label: 'opportunity_title',
    record: (title) => ({ title, customer_id: Number(person.customer) }),
  },
];
const targetOf = (from: SystemName): SystemName => (from === 'keap' ? 'shop' : 'keap');

/** The next write of each entity meets this fault; two for products in Keap, for two are made there. */
function failEvery(method: 'POST' | 'PATCH', fault: Omit<FaultRule, 'method' | 'path' | 'times'>): void {
  for (const entity of ['companies', 'contacts', 'opportunities', 'products'])
    world.keap.faults.add({ method, path: `${V2}/${entity}`, times: entity === 'products' ? 2 : 1, ...fault });
  for (const entity of ['customers', 'orders', 'products'])
    world.shop.faults.add({ method, path: `/${entity}`, times: 1, ...fault });
}

const hits = (): number =>
  [...world.keap.faults.list(), ...world.shop.faults.list()].reduce((sum, fault) => sum + fault.hits, 0);

async function makeAll(): Promise<{ name: string; id: string }[]> {
  return Promise.all(
    creates.map(async ({ from, entity, record }) => {
      const name = unique('trouble');
      return { name, id: await make(world, from, entity, record(name)) };
    }),
  );
}

async function queueAll(made: readonly { id: string }[]): Promise<void> {
  const { enqueue } = world.engine.context({ owner: 'test' });
  await Promise.all(creates.map(({ mapping, from }, i) => enqueue(mapping, from === 'keap' ? 0 : 1, [made[i]!.id])));
  await world.settle();
}

const faults: readonly { what: string; fault: Omit<FaultRule, 'method' | 'path' | 'times'> }[] = [
  { what: 'the answer is lost after the work was done', fault: { action: 'lose-response' } },
  { what: 'the connection is reset before the work is done', fault: { action: 'reset' } },
  { what: 'the answer is cut off after the work was done', fault: { action: 'truncate' } },
  { what: 'the answer is 500', fault: { action: 'status', status: 500, body: { message: 'oops' } } },
  {
    what: 'the answer is 429 with Retry-After',
    fault: { action: 'status', status: 429, headers: { 'retry-after': '0.2' } },
  },
];

describe.each(faults)('$what', ({ fault }) => {
  it('on a create: each record is made exactly once', async () => {
    const made = await makeAll();
    failEvery('POST', fault);
    await queueAll(made);
    expect(hits()).toBe(creates.length);
    for (const [i, { mapping, from, target, label }] of creates.entries()) {
      const copies = all(world, targetOf(from), target).filter((one) => one[label] === made[i]!.name);
      expect([mapping, from, copies.length]).toEqual([mapping, from, 1]);
      expect(await linked(world, mapping, from, made[i]!.id)).toBe(String(copies[0].id));
    }
    world.keap.faults.clear();
    world.shop.faults.clear();
    // Nor does a scan make a second one of anything, on either side.
    await sync(world);
    for (const [i, { from, entity, target, label, record }] of creates.entries()) {
      const own = Object.keys(record(''))[0]!;
      const name = made[i]!.name;
      expect([entity, all(world, from, entity).filter((one) => one[own] === name).length]).toEqual([entity, 1]);
      expect([target, all(world, targetOf(from), target).filter((one) => one[label] === name).length]).toEqual([
        target,
        1,
      ]);
    }
    for (const mapping of world.engine.config.current().mappings.keys())
      expect(await linksIn(world.engine.links(mapping)).pendingCreates(0)).toEqual([]);
  });

  it('on an update: the edit still arrives on the other side', async () => {
    const made = await makeAll();
    await queueAll(made);
    const edits: Record<string, [object, object]> = {
      companies: [{ website: 'https://new.example' }, { website: 'https://new.example' }],
      customers: [{ website: 'https://new.example', first_name: 'New' }, {}],
      products: [{ description: 'New' }, { description: 'New' }],
      opportunities: [{ opportunity_notes: 'New' }, { note: 'New' }],
      orders: [{ note: 'New' }, { opportunity_notes: 'New' }],
    };
    for (const [i, { from, entity }] of creates.entries())
      await edit(world, from, entity, made[i]!.id, edits[entity]![0]);
    failEvery('PATCH', fault);
    await queueAll(made);
    expect(hits()).toBeGreaterThanOrEqual(7);
    for (const [i, { mapping, from, entity, target }] of creates.entries()) {
      const arrived =
        entity === 'customers'
          ? target === 'contacts'
            ? { given_name: 'New' }
            : { website: 'https://new.example' }
          : edits[entity]![1];
      expect(await read(world, targetOf(from), target, await linked(world, mapping, from, made[i]!.id))).toMatchObject(
        arrived,
      );
    }
  });
});

it.each([
  { what: 'as long as Retry-After says', headers: { 'retry-after': '1' } },
  { what: 'where nothing says how long', headers: {} },
])('waiting for quota, $what, is no failed try', async ({ headers }) => {
  const company_name = unique('quota');
  const company = await make(world, 'keap', 'companies', { company_name });
  world.shop.faults.add({ method: 'POST', path: '/customers', times: 1, action: 'status', status: 429, headers });
  const n = world.shop.requests.last;
  await reconcile(world, 'company-customer', 'keap', company);
  const posts = world.shop.requests.since(n).filter(({ method }) => method === 'POST');
  expect(posts.map(({ status }) => status)).toEqual([429, 201]);
  // Everybody waits, reads too.
  const between = world.shop.requests
    .since(posts[0]!.n)
    .filter(({ at }) => Date.parse(at) - Date.parse(posts[0]!.at) < 900);
  expect(between).toEqual([]);
  // No job of its own was made for it.
  const jobs = await world.engine.queues.reconcile('company-customer').getJobs(['completed', 'failed', 'delayed']);
  expect(jobs.filter(({ data }) => isRecordJob(data) && data.id === company)).toEqual([]);
});

describe('reads that fail', () => {
  it.each([
    { what: '500', fault: { action: 'status', status: 500 } },
    { what: '429', fault: { action: 'status', status: 429, headers: { 'retry-after': '0.2' } } },
    { what: 'malformed JSON', fault: { action: 'malformed' } },
    { what: 'a reset', fault: { action: 'reset' } },
    { what: 'a list cut in half', fault: { action: 'truncate' } },
  ] as const)(
    '$what, in lists and of single records: everything arrives, nothing is deleted or made twice',
    async ({ fault }) => {
      const name = unique('reads');
      const product = await make(world, 'keap', 'products', { name, sku: name, price: 100, short_description: 'x' });
      await reconcile(world, 'product-product', 'keap', product);
      const shopId = await linked(world, 'product-product', 'keap', product);
      await edit(world, 'keap', 'products', product, { description: 'New' });
      const counts = [all(world, 'keap', 'products').length, all(world, 'shop', 'products').length];
      // More often than a client tries in place.
      const times = 'status' in fault && fault.status === 429 ? 2 : 5;
      world.keap.faults.add({ method: 'GET', path: `${V2}/products`, times, ...fault });
      world.shop.faults.add({ method: 'GET', path: '/products', times, ...fault });
      await sync(world, 'full', 'product-product');
      expect((await read(world, 'shop', 'products', shopId)).description).toBe('New');
      expect([all(world, 'keap', 'products').length, all(world, 'shop', 'products').length]).toEqual(counts);
      expect(hits()).toBe(2 * times);
    },
  );

  it('an empty list answered by mistake changes nothing, and hides no edit from the next scan', async () => {
    const name = unique('empty');
    const company = await make(world, 'keap', 'companies', { company_name: name });
    await reconcile(world, 'company-customer', 'keap', company);
    const customer = await linked(world, 'company-customer', 'keap', company);
    await edit(world, 'keap', 'companies', company, { notes: 'New' });
    world.keap.faults.add({ method: 'GET', path: `${V2}/companies?`, times: 1, action: 'empty-list' });
    await sync(world, 'changes', 'company-customer');
    expect(hits()).toBe(1);
    await sync(world, 'changes', 'company-customer');
    expect((await read(world, 'shop', 'customers', customer)).note).toBe('New');
  });
});

describe('a record that changes while it is being written', () => {
  it('is refused by If-Match, read again, and no edit is lost', async () => {
    const name = unique('race');
    const company = await make(world, 'keap', 'companies', { company_name: name });
    await reconcile(world, 'company-customer', 'keap', company);
    const customer = await linked(world, 'company-customer', 'keap', company);
    await edit(world, 'keap', 'companies', company, { notes: 'from Keap', website: 'https://keap.example' });
    // Between the engine's read and its write, somebody edits the customer.
    world.shop.faults.add({ method: 'PATCH', path: `/customers/${customer}`, times: 1, action: 'delay', ms: 150 });
    const n = world.shop.requests.last;
    await world.engine.context({ owner: 'test' }).enqueue('company-customer', 0, [company]);
    await expect.poll(() => hits(), { interval: 5 }).toBe(1);
    await world.shopApi('PATCH', `/customers/${customer}`, { phone: '12345' });
    await world.settle();
    const statuses = world.shop.requests
      .since(n)
      .filter(({ method, path }) => method === 'PATCH' && path === `/customers/${customer}`)
      .map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 200, 412]);
    expect(await read(world, 'shop', 'customers', customer)).toMatchObject({
      note: 'from Keap',
      website: 'https://keap.example',
      phone: '12345',
    });
    await sync(world, 'changes', 'company-customer');
    expect((await read(world, 'keap', 'companies', company)).phone_number.number).toBe('12345');
    expect(await world.engine.links('company-customer').history.history(company)).toEqual([]);
  });

  it('in the very property that was to be written: the later edit wins, the other is kept once', async () => {
    const name = unique('race');
    const company = await make(world, 'keap', 'companies', { company_name: name });
    await reconcile(world, 'company-customer', 'keap', company);
    const customer = await linked(world, 'company-customer', 'keap', company);
    await edit(world, 'keap', 'companies', company, { notes: 'from Keap' });
    world.shop.faults.add({ method: 'PATCH', path: `/customers/${customer}`, times: 1, action: 'delay', ms: 150 });
    await world.engine.context({ owner: 'test' }).enqueue('company-customer', 0, [company]);
    await expect.poll(() => hits(), { interval: 5 }).toBe(1);
    await world.shopApi('PATCH', `/customers/${customer}`, { note: 'from the shop' });
    await world.settle();
    expect((await read(world, 'shop', 'customers', customer)).note).toBe('from the shop');
    expect((await read(world, 'keap', 'companies', company)).notes).toBe('from the shop');
    expect(await world.engine.links('company-customer').history.history(company)).toMatchObject([
      { property: 'notes', side: 'keap', value: 'from Keap' },
    ]);
  });

  it('while its counterpart is searched for, in a system without versions: no edit is lost', async () => {
    const [name, email] = [unique('race'), `${unique('race')}@x.example`];
    const company = await make(world, 'keap', 'companies', { company_name: name, email_address: { email } });
    const own = { email, company: name, billing: { address_2: 'Second floor' } };
    const customer = await make(world, 'shop', 'customers', own);
    const rival = await make(world, 'shop', 'customers', { email, company: unique('race') });
    await sync(world, 'changes', 'company-customer');
    expect(await issueOf(world, 'company-customer', 'shop', customer)).toMatchObject({ kind: 'review' });
    await edit(world, 'shop', 'customers', rival, { email: `${unique('race')}@x.example` });
    // The rival is read after the company, to see that it is none any more.
    world.shop.faults.add({ method: 'GET', path: `/customers/${rival}`, times: 1, action: 'delay', ms: 500 });
    await world.engine.context({ owner: 'test' }).enqueue('company-customer', 1, [customer]);
    await expect.poll(() => hits(), { interval: 5 }).toBe(1);
    await edit(world, 'keap', 'companies', company, { address: { line1: 'Main Street' } });
    await world.settle();
    expect(await linked(world, 'company-customer', 'keap', company)).toBe(customer);
    expect((await read(world, 'keap', 'companies', company)).address).toMatchObject({
      line1: 'Main Street',
      line2: 'Second floor',
    });
    expect((await read(world, 'shop', 'customers', customer)).billing).toMatchObject({
      address_1: 'Main Street',
      address_2: 'Second floor',
    });
  });

  it('a conflict whose write fails at first keeps the losing value once', async () => {
    const name = unique('kept');
    const company = await make(world, 'keap', 'companies', { company_name: name, notes: 'one' });
    await reconcile(world, 'company-customer', 'keap', company);
    const customer = await linked(world, 'company-customer', 'keap', company);
    await edit(world, 'keap', 'companies', company, { notes: 'from Keap' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await edit(world, 'shop', 'customers', customer, { note: 'from the shop' });
    world.keap.faults.add({
      method: 'PATCH',
      path: `${V2}/companies/${company}`,
      times: 1,
      action: 'status',
      status: 500,
    });
    await reconcile(world, 'company-customer', 'keap', company);
    expect((await read(world, 'keap', 'companies', company)).notes).toBe('from the shop');
    expect(await world.engine.links('company-customer').history.history(company)).toMatchObject([
      { property: 'notes', side: 'keap', value: 'from Keap' },
    ]);
  });
});

it('a full scan after all these faults leaves nothing to do', async () => {
  await sync(world, 'full');
  await expectQuiet(world);
});

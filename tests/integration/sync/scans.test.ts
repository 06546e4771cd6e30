/** How changes are found: changes scans of both kinds, full scans, events; and that own writes are never taken for changes. */
import { describe, expect, it } from 'vitest';
import { startWorld } from '../../support/world.ts';
import {
  all,
  counterpart,
  edit,
  expectQuiet,
  linked,
  type MappingName,
  make,
  read,
  reconcile,
  type SystemName,
  sync,
  unique,
  worldWith,
  writes,
} from './support.ts';

const world = worldWith({ synced: false });

/** Paths that were asked for since `n`, with their queries in plain text. */
const asked = (system: SystemName, n: number): string[] =>
  world[system].requests
    .since(n)
    .map(({ method, path }) => `${method} ${decodeURIComponent(path.replaceAll('+', ' '))}`);

// First in this file, for there is one first time only; the others make sure of it themselves.
const first = async (): Promise<void> => {
  for (const mapping of world.engine.config.current().mappings.keys())
    if (!(await world.engine.links(mapping).progress.ready())) await sync(world, 'full', mapping as MappingName);
};

describe('before both sides were read fully once', () => {
  it('Tandem creates and links nothing, whatever asks for it; afterwards it does all of it', async () => {
    const other = await startWorld();
    try {
      const company = await make(other, 'keap', 'companies', { company_name: 'Only in Keap' });
      const second = await make(other, 'keap', 'companies', { company_name: 'On both sides' });
      const customer = await make(other, 'shop', 'customers', { company: 'On both sides', email: 'both@x.example' });
      const order = await make(other, 'shop', 'orders', { title: 'Order', customer_id: Number(customer) });
      const before = writes(other);
      expect(
        await other.engine.events(
          'keap',
          [company, second].map((id) => ({ event: 'company.add', id })),
        ),
      ).toBe(2);
      expect(
        await other.engine.events('customwebshop', [
          { event: 'customer.created', id: customer },
          { event: 'order.created', id: order },
        ]),
      ).toBe(3);
      await other.settle();
      await reconcile(other, 'company-customer', 'keap', second);
      // One side can be read, the other cannot: still nothing.
      other.shop.faults.add({ method: 'GET', path: '/customers?', times: 4, action: 'status', status: 503 });
      const n = other.shop.requests.last;
      await sync(other, 'changes');
      const failing = other.shop.requests
        .since(n)
        .filter(({ status }) => status === 503)
        .at(-1)!;
      const posts = [...other.shop.requests.since(n), ...other.keap.requests.since()].filter(
        ({ method, path, at }) =>
          method === 'POST' && /customers|companies|contacts|orders|opportunities/.test(path) && at < failing.at,
      );
      // What the test itself made stands before all of this.
      expect(posts.filter(({ at }) => at > other.shop.requests.since(n)[0]!.at)).toEqual([]);
      expect(await linked(other, 'company-customer', 'keap', second)).toBe(customer);
      await linked(other, 'company-customer', 'keap', company);
      await linked(other, 'opportunity-order', 'shop', order);
      expect(writes(other)[0]).toBeGreaterThan(before[0]);
      for (const [system, entity, count] of [
        ['keap', 'companies', 2],
        ['shop', 'customers', 2],
        ['keap', 'contacts', 1],
        ['keap', 'opportunities', 1],
        ['shop', 'orders', 1],
      ] as const) {
        expect([entity, all(other, system, entity).length]).toEqual([entity, count]);
      }
      await expectQuiet(other);
    } finally {
      await other.close();
    }
  });

  it('an event alone writes nothing', async () => {
    const other = await startWorld();
    try {
      const product = await make(other, 'keap', 'products', { name: 'Early', price: 1, short_description: 'x' });
      await other.engine.events('keap', [{ event: 'product.add', id: product }]);
      await other.settle();
      expect(all(other, 'shop', 'products')).toEqual([]);
      expect(await counterpart(other, 'product-product', 'keap', product)).toBeUndefined();
    } finally {
      await other.close();
    }
  });
});

interface Kind {
  readonly mapping: MappingName;
  readonly system: SystemName;
  readonly entity: string;
  readonly into: string;
  readonly record: (name: string) => Promise<object>;
  readonly edit: object;
  readonly arrived: object;
  /** How the list asks for changes. */
  readonly query: RegExp;
}

async function contactOf(name: string): Promise<{ contact: string; customer: string }> {
  const customer = await make(world, 'shop', 'customers', { email: `${name}@buyers.example`, last_name: name });
  await reconcile(world, 'contact-customer', 'shop', customer);
  return { customer, contact: await linked(world, 'contact-customer', 'shop', customer) };
}

const kinds: readonly Kind[] = [
  {
    mapping: 'company-customer',
    system: 'keap',
    entity: 'companies',
    into: 'customers',
    record: async (company_name) => ({ company_name }),
    edit: { website: 'https://new.example' },
    arrived: { website: 'https://new.example' },
    query: /filter=since_time==20/,
  },
  {
    mapping: 'company-customer',
    system: 'shop',
    entity: 'customers',
    into: 'companies',
    record: async (company) => ({ company }),
    edit: { website: 'https://new.example' },
    arrived: { website: 'https://new.example' },
    query: /updated_since=20/,
  },
  {
    mapping: 'contact-customer',
    system: 'keap',
    entity: 'contacts',
    into: 'customers',
    record: async (name) => ({ given_name: name, email_addresses: [{ email: `${name}@x.example`, field: 'EMAIL1' }] }),
    edit: { family_name: 'New' },
    arrived: { last_name: 'New' },
    query: /filter=start_update_time==20/,
  },
  {
    mapping: 'contact-customer',
    system: 'shop',
    entity: 'customers',
    into: 'contacts',
    record: async (name) => ({ email: `${name}@x.example` }),
    edit: { last_name: 'New' },
    arrived: { family_name: 'New' },
    query: /updated_since=20/,
  },
  {
    mapping: 'product-product',
    system: 'keap',
    entity: 'products',
    into: 'products',
    record: async (name) => ({ name, price: 100, short_description: 'x' }),
    edit: { description: 'New' },
    arrived: { description: 'New' },
    query: /order_by=last_updated_time desc/,
  },
  {
    mapping: 'product-product',
    system: 'shop',
    entity: 'products',
    into: 'products',
    record: async (name) => ({ name, price: '1.00', short_description: 'x' }),
    edit: { description: 'New' },
    arrived: { description: 'New' },
    query: /updated_since=20/,
  },
  {
    mapping: 'opportunity-order',
    system: 'keap',
    entity: 'opportunities',
    into: 'orders',
    record: async (name) => ({ opportunity_title: name, contact_id: (await contactOf(name)).contact, stage_id: '27' }),
    edit: { stage_id: '12' },
    arrived: { status: 'completed' },
    query: /order_by=update_time desc/,
  },
  {
    mapping: 'opportunity-order',
    system: 'shop',
    entity: 'orders',
    into: 'opportunities',
    record: async (name) => ({ title: name, customer_id: Number((await contactOf(name)).customer) }),
    edit: { next_step: 'New' },
    arrived: { next_action_notes: 'New' },
    query: /updated_since=20/,
  },
];

describe.each(kinds)('$mapping, $system', ({ mapping, system, entity, into, record, edit: change, arrived, query }) => {
  const target: SystemName = system === 'keap' ? 'shop' : 'keap';

  async function pair(): Promise<{ id: string; to: string }> {
    await first();
    const name = unique('scan');
    const id = await make(world, system, entity, await record(name));
    if (mapping === 'contact-customer' && system === 'keap')
      await make(world, 'shop', 'customers', { email: `${name}@x.example` });
    await sync(world, 'changes', mapping);
    return { id, to: await linked(world, mapping, system, id) };
  }

  it('a changes scan finds new records and edits, and asks for changes only', async () => {
    const { id, to } = await pair();
    await edit(world, system, entity, id, change);
    const n = world[system].requests.last;
    await sync(world, 'changes', mapping);
    expect(await read(world, target, into, to)).toMatchObject(arrived);
    const lists = asked(system, n).filter((path) => new RegExp(`^GET (/crm/rest/v2)?/${entity}\\?`).test(path));
    // One company is read through its list.
    const changes = lists.filter((path) => !path.includes('filter=company_id=='));
    expect(changes.length).toBeGreaterThan(0);
    for (const path of changes) expect(path).toMatch(query);
  });

  it('own writes never come back: not by a changes scan, a full scan or an event', async () => {
    const { id, to } = await pair();
    await edit(world, system, entity, id, change);
    await sync(world, 'changes', mapping);
    const before = writes(world);
    expect((await sync(world, 'changes', mapping)).progress.work).toBe(0);
    await expectQuiet(world, mapping);
    await reconcile(world, mapping, system, id);
    await reconcile(world, mapping, target, to);
    expect(writes(world)).toEqual(before);
  });

  it('one event brings an edit to the other side, and repeated or late events do no harm', async () => {
    const { id, to } = await pair();
    const word = {
      companies: 'company',
      contacts: 'contact',
      opportunities: 'opportunity',
      products: 'product',
      customers: 'customer',
      orders: 'order',
    }[entity];
    const event = { event: `${word}.${system === 'keap' ? 'edit' : 'updated'}`, id };
    const name = system === 'keap' ? 'keap' : 'customwebshop';
    await edit(world, system, entity, id, change);
    expect(await world.engine.events(name, [event, event])).toBe(entity === 'customers' ? 2 : 1);
    await world.settle();
    expect(await read(world, target, into, to)).toMatchObject(arrived);
    const before = writes(world);
    await world.engine.events(name, [event]);
    await world.engine.events(name, [event]);
    await world.settle();
    expect(writes(world)).toEqual(before);
  });
});

it('events of unknown names, and of records that do not exist, do nothing', async () => {
  await first();
  const before = writes(world);
  expect(
    await world.engine.events('keap', [
      { event: 'invoice.add', id: '1' },
      { event: 'customer.created', id: '1' },
    ]),
  ).toBe(0);
  expect(await world.engine.events('nobody', [{ event: 'company.add', id: '1' }])).toBe(0);
  expect(await world.engine.events('keap', [{ event: 'company.edit', id: '987654' }])).toBe(1);
  await world.settle();
  expect(writes(world)).toEqual(before);
  expect((await world.issues('company-customer')).filter(({ id }) => id === '987654')).toEqual([]);
});

it('a stage move is an event of the opportunity', async () => {
  await first();
  const name = unique('move');
  const { contact } = await contactOf(name);
  const id = await make(world, 'keap', 'opportunities', {
    opportunity_title: name,
    contact_id: contact,
    stage_id: '27',
  });
  await reconcile(world, 'opportunity-order', 'keap', id);
  await edit(world, 'keap', 'opportunities', id, { stage_id: '44' });
  expect(await world.engine.events('keap', [{ event: 'opportunity.stage_move', id }])).toBe(1);
  await world.settle();
  expect((await read(world, 'shop', 'orders', await linked(world, 'opportunity-order', 'keap', id))).status).toBe(
    'on-hold',
  );
});

it('newest first: reading stops at what is older than the last scan; a full scan repairs what was missed', async () => {
  await first();
  const prefix = unique('old');
  const old = await Promise.all(
    [1, 2, 3].map((i) =>
      make(world, 'keap', 'products', { name: `${prefix} ${i}`, price: 100, short_description: 'x' }),
    ),
  );
  await sync(world, 'changes', 'product-product');
  const table = world.keap.store.products;
  // As if they had been changed long ago, and nobody had noticed.
  for (const id of old)
    table.put({ ...table.get(id)!, description: 'missed', update_time: '2020-01-01T00:00:00.000Z' });
  const run = await sync(world, 'changes', 'product-product');
  expect(run.progress.read[0]).toBeLessThanOrEqual(table.values().length - old.length);
  const [shopId] = await Promise.all(old.map((id) => linked(world, 'product-product', 'keap', id)));
  expect((await read(world, 'shop', 'products', shopId!)).description).toBeNull();
  await sync(world, 'full', 'product-product');
  expect((await read(world, 'shop', 'products', shopId!)).description).toBe('missed');
});

it('a changes scan finds bulk edits that send no event', async () => {
  await first();
  const names = Array.from({ length: 5 }, () => unique('bulk'));
  const ids = await Promise.all(names.map((company_name) => make(world, 'keap', 'companies', { company_name })));
  await sync(world, 'changes', 'company-customer');
  for (const id of ids) world.keap.store.edit('companies', id, { notes: 'bulk' });
  await sync(world, 'changes', 'company-customer');
  for (const id of ids)
    expect((await read(world, 'shop', 'customers', await linked(world, 'company-customer', 'keap', id))).note).toBe(
      'bulk',
    );
});

it('an unchanged record costs no call of its own', async () => {
  await first();
  await sync(world, 'full');
  const [keap, shop] = [world.keap.requests.last, world.shop.requests.last];
  await sync(world, 'full');
  // Lists only: nothing is read by its id.
  for (const path of [...asked('keap', keap), ...asked('shop', shop)])
    expect(path).toMatch(/^GET [^?]*\/(companies|contacts|opportunities|products|customers|orders)\?/);
});

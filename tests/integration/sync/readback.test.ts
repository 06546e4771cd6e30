/** Systems that lag, ignore, echo, cut or reformat what they are sent: no edit is lost, nothing is written for ever. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { restoreValue } from '../../../engine/sync/manual.ts';
import type { BehaviourRule } from '../../../sandbox/kit/behaviours.ts';
import { replaced } from '../../support/world.ts';
import { issueOf, laterThan, linked, make, read, scopeOf, sync, unique, worldWith, writes } from './support.ts';

/** How long reads of products may be old. The stand-ins lag for less. */
const LAG = 1_500;
const REPLICA = 700;

const laggingProducts = replaced(['\n  products:\n', `\n  products:\n    lag: ${LAG}ms\n`]);

const world = worldWith({
  files: { 'systems/keap.yaml': laggingProducts, 'systems/customwebshop.yaml': laggingProducts },
  synced: false,
});
afterEach(() => {
  for (const system of [world.keap, world.shop]) {
    system.behaviours.clear();
    system.behaviours.settle();
  }
});

interface Product {
  readonly keap: string;
  readonly shop: string;
}

/** A product on both sides, with this description. */
async function product(description: string): Promise<Product> {
  const sku = unique('readback');
  const keap = await make(world, 'keap', 'products', {
    name: sku,
    sku,
    price: 100,
    description,
    short_description: 'x',
  });
  await sync(world, 'full', 'product-product');
  return { keap, shop: await linked(world, 'product-product', 'keap', keap) };
}

/** As a person edits it. */
function edit(system: 'keap' | 'shop', id: string, fields: object): void {
  if (system === 'keap') world.keap.store.edit('products', id, fields);
  else world.shop.store.edit('products', Number(id), fields);
}
const shopDoes = (rule: Omit<BehaviourRule, 'entity'>) => world.shop.behaviours.add({ entity: 'products', ...rule });
const keapDoes = (rule: Omit<BehaviourRule, 'entity'>) => world.keap.behaviours.add({ entity: 'products', ...rule });
const changes = () => sync(world, 'changes', 'product-product');
const productIssue = ({ keap }: Product) => issueOf(world, 'product-product', 'keap', keap);
/** As it is stored, whatever reads show. */
const textsOf = ({ keap, shop }: Product): unknown[] => [
  world.keap.store.table('products').get(keap)?.description ?? '',
  world.shop.store.products.get(Number(shop))?.description ?? '',
];
const history = async ({ keap }: Product): Promise<unknown[]> => {
  const kept = await world.engine.links('product-product').history.history(keap);
  return kept.map(({ property, side, value, rule }) => ({ property, side, value, rule }));
};
async function expectNoMoreWrites(): Promise<void> {
  const before = writes(world);
  for (let i = 0; i < 2; i++) await sync(world, 'full', 'product-product');
  expect(writes(world)).toEqual(before);
}

describe.each(['ignore', 'echo'] as const)('a shop that answers 200 and does not store the value (%s)', (behaviour) => {
  it('does not undo the edit, gets an issue, and is not written for ever', async () => {
    const one = await product('before');
    shopDoes({ behaviour, property: 'description' });
    edit('keap', one.keap, { description: 'typed in Keap' });
    await changes();
    // Where the shop shows what it stores, it is read again by itself; where it shows what was sent, a scan finds it.
    await vi.waitFor(
      async () => {
        await sync(world, 'full', 'product-product');
        expect(await productIssue(one)).toMatchObject({
          kind: 'failed',
          code: 'WRITE_NOT_STORED',
          property: 'description',
        });
      },
      { timeout: 15_000 },
    );
    expect(textsOf(one)).toEqual(['typed in Keap', 'before']);
    await expectNoMoreWrites();
    expect(await productIssue(one)).toMatchObject({ code: 'WRITE_NOT_STORED' });
  });

  it('gets the value once it stores values again and the record is triggered', async () => {
    const one = await product('before');
    const rule = shopDoes({ behaviour: 'ignore', property: 'description' });
    edit('keap', one.keap, { description: 'typed in Keap' });
    await changes();
    await vi.waitFor(async () => expect(await productIssue(one)).toMatchObject({ code: 'WRITE_NOT_STORED' }), {
      timeout: 15_000,
    });
    world.shop.behaviours.clear(rule.id);
    await world.engine.trigger({ mapping: 'product-product', record: { side: 1, id: one.shop } });
    await world.settle();
    expect(textsOf(one)).toEqual(['typed in Keap', 'typed in Keap']);
    expect(await productIssue(one)).toBeUndefined();
  });
});

it('a clear right after a write that the replica does not show yet is written, though its first try is refused', async () => {
  const ids = await product('');
  shopDoes({ behaviour: 'lag', ms: REPLICA, times: 1 });
  edit('keap', ids.keap, { description: 'for a moment' });
  await changes();
  edit('keap', ids.keap, { description: '' });
  await changes();
  expect(world.shop.requests.since().filter(({ status }) => status === 412)).not.toEqual([]);
  await sync(world, 'full', 'product-product');
  expect(textsOf(ids)).toEqual(['', '']);
});

describe('a shop in which somebody edits the record right after a write that it did not store', () => {
  afterEach(() => {
    world.shop.requests.onEnd = undefined;
  });

  /** The text is edited in Keap. */
  async function edited(behaviour: 'ignore' | 'echo', fields: object): Promise<Product> {
    const one = await product('before');
    shopDoes({ behaviour, property: 'description' });
    world.shop.requests.onEnd = ({ method }) => {
      if (method !== 'PATCH') return;
      world.shop.requests.onEnd = undefined;
      setTimeout(() => edit('shop', one.shop, fields), 5);
    };
    edit('keap', one.keap, { description: 'typed in Keap' });
    await changes();
    await changes();
    return one;
  }

  it('keeps the text in the other system where something else was edited', async () => {
    const one = await edited('ignore', { weight: 7 });
    expect(world.keap.store.table('products').get(one.keap)?.weight).toBe(7);
    expect(textsOf(one)).toEqual(['typed in Keap', 'before']);
    await vi.waitFor(async () => expect(await productIssue(one)).toMatchObject({ code: 'WRITE_NOT_STORED' }), {
      timeout: 15_000,
    });
  });

  it('loses no text where that very text was edited: the other one is in the history', async () => {
    const one = await edited('echo', { description: 'typed in the shop' });
    expect(textsOf(one)).toEqual(['typed in the shop', 'typed in the shop']);
    const kept = { property: 'description', side: 'keap', value: 'typed in Keap', rule: 'returned' };
    expect(await history(one)).toContainEqual(kept);
  });

  it('loses no text that was echoed as the record was created: it is in the history', async () => {
    shopDoes({ behaviour: 'echo', property: 'description' });
    const one = await product('typed in Keap');
    edit('shop', one.shop, { description: 'typed in the shop' });
    await changes();
    expect(textsOf(one)).toEqual(['typed in the shop', 'typed in the shop']);
    const kept = { property: 'description', side: 'keap', value: 'typed in Keap', rule: 'returned' };
    expect(await history(one)).toContainEqual(kept);
  });
});

describe('a shop that stores less than it is sent', () => {
  const long = 'A description of forty characters or more.';

  it('cuts a text: the whole text stays, and the issue counts the characters', async () => {
    const one = await product('before');
    shopDoes({ behaviour: 'cut', property: 'description', length: 12 });
    edit('keap', one.keap, { description: long });
    await changes();
    expect(await productIssue(one)).toMatchObject({
      code: 'WRITE_NOT_STORED',
      reason: 'customwebshop stored description otherwise: 12 of 42 characters.',
    });
    expect(textsOf(one)).toEqual([long, long.slice(0, 12)]);
    await expectNoMoreWrites();
  });

  it('loses no text when somebody edits it later: the edit wins, and the history has the whole text', async () => {
    const one = await product('before');
    shopDoes({ behaviour: 'cut', property: 'description', length: 12 });
    edit('keap', one.keap, { description: long });
    await changes();
    world.shop.behaviours.clear();
    await vi.waitFor(async () => {
      const record = await read(world, 'keap', 'products', one.keap);
      expect(Date.now()).toBeGreaterThan(Date.parse(record.update_time) + 1_000);
    });
    edit('shop', one.shop, { description: 'typed there' });
    await changes();
    expect(textsOf(one)).toEqual(['typed there', 'typed there']);
    expect(await history(one)).toContainEqual({ property: 'description', side: 'keap', value: long, rule: 'conflict' });
    expect(await productIssue(one)).toBeUndefined();
  });

  it('cuts a text as the record is created: the whole text stays, and the issue counts the characters', async () => {
    const rule = shopDoes({ behaviour: 'cut', property: 'description', length: 12 });
    const one = await product(long);
    expect(await productIssue(one)).toMatchObject({
      code: 'WRITE_NOT_STORED',
      reason: 'customwebshop stored description otherwise: 12 of 42 characters.',
    });
    expect(textsOf(one)).toEqual([long, long.slice(0, 12)]);
    await expectNoMoreWrites();
    world.shop.behaviours.clear(rule.id);
    edit('keap', one.keap, { description: `${long} And more.` });
    await changes();
    expect(textsOf(one)).toEqual([`${long} And more.`, `${long} And more.`]);
    expect(await productIssue(one)).toBeUndefined();
  });

  it('cuts a text as the record is created, and answers an id only: it is no edit, and nothing flows back', async () => {
    world.keap.behaviours.add({ entity: 'companies', behaviour: 'cut', property: 'notes', length: 12 });
    const company = unique('Cut');
    const email = `${company}@example.test`;
    const id = await make(world, 'shop', 'customers', { company, email, note: long });
    await sync(world, 'full', 'company-customer');
    const keap = await linked(world, 'company-customer', 'shop', id);
    expect(await issueOf(world, 'company-customer', 'keap', keap)).toMatchObject({ code: 'WRITE_NOT_STORED' });
    expect(world.keap.store.table('companies').get(keap)?.notes).toBe(long.slice(0, 12));
    expect(world.shop.store.customers.get(Number(id))?.note).toBe(long);
  });

  it('ignores that a text is cleared: it stays cleared where it was, and nothing flows back', async () => {
    const one = await product('before');
    shopDoes({ behaviour: 'ignore', property: 'description' });
    edit('keap', one.keap, { description: '' });
    await changes();
    await vi.waitFor(async () => expect(await productIssue(one)).toMatchObject({ code: 'WRITE_NOT_STORED' }), {
      timeout: 15_000,
    });
    expect(textsOf(one)[0]).toBe('');
  });
});

describe('reads that show what was there before a write', () => {
  it.each([
    ['of the shop', false],
    ['of both systems', true],
  ])('%s undo no edit, and raise no issue', async (_, both) => {
    const one = await product('one');
    shopDoes({ behaviour: 'lag', ms: REPLICA });
    if (both) keapDoes({ behaviour: 'lag', ms: REPLICA });
    edit('keap', one.keap, { description: 'two' });
    await changes();
    const before = writes(world);
    for (let i = 0; i < 5; i++) {
      await world.engine.context({ owner: 'test' }).enqueue('product-product', 1, [one.shop]);
      await world.engine.context({ owner: 'test' }).enqueue('product-product', 0, [one.keap]);
    }
    await world.settle();
    expect(await productIssue(one)).toBeUndefined();
    expect(textsOf(one)).toEqual(['two', 'two']);
    expect(writes(world)).toEqual(before);
    await sync(world, 'full', 'product-product');
    expect(writes(world)).toEqual(before);
  });

  it('do not hide an edit that is made meanwhile on the other side', async () => {
    const one = await product('one');
    shopDoes({ behaviour: 'lag', ms: REPLICA });
    edit('keap', one.keap, { description: 'two' });
    await changes();
    edit('keap', one.keap, { description: 'three' });
    await changes();
    expect(textsOf(one)).toEqual(['three', 'three']);
  });

  it('do not undo that a person puts a value back', async () => {
    const one = await product('one');
    edit('shop', one.shop, { description: 'lost' });
    await laterThan(await read(world, 'shop', 'products', one.shop));
    edit('keap', one.keap, { description: 'won' });
    await changes();
    expect(textsOf(one)).toEqual(['won', 'won']);
    const [entry] = await world.engine.links('product-product').history.history(one.keap);
    expect(entry).toMatchObject({ side: 'customwebshop', value: 'lost' });
    shopDoes({ behaviour: 'lag', ms: REPLICA });
    await restoreValue(scopeOf(world, 'product-product'), { side: 0, id: one.keap }, entry!.id);
    await world.settle();
    expect(textsOf(one)).toEqual(['lost', 'lost']);
    expect(await productIssue(one)).toBeUndefined();
  });
});

/** A product on each side, of one SKU and not linked yet. */
async function unlinkedProducts(shopFields: object, keapFields: object = {}): Promise<Product> {
  const sku = unique('readback');
  await sync(world, 'full', 'product-product');
  const fields = { sku, name: sku, short_description: 'x' };
  const shop = await make(world, 'shop', 'products', { ...fields, price: '1.00', ...shopFields });
  return { shop, keap: await make(world, 'keap', 'products', { ...fields, price: 200, ...keapFields }) };
}

describe('two records that are linked while the reads of one lag', () => {
  it('agree on a clear that is made between the two first writes', async () => {
    const { keap, shop } = await unlinkedProducts({ description: 'only here' });
    keapDoes({ behaviour: 'lag', ms: REPLICA });
    // The write to Keap is done when that to the shop, whose version is old by then, arrives.
    world.shop.faults.add({ method: 'PATCH', path: '/products/', action: 'delay', ms: 400, times: 1 });
    const { last } = world.keap.requests;
    await world.engine.context({ owner: 'test' }).enqueue('product-product', 0, [keap]);
    await vi.waitFor(() => expect(world.keap.requests.since(last).some(({ method }) => method === 'PATCH')).toBe(true));
    await vi.waitFor(() => expect(world.keap.store.table('products').get(keap)?.description).toBe('only here'));
    edit('shop', shop, { description: '' });
    await vi.waitFor(async () => {
      await sync(world, 'full', 'product-product');
      expect(textsOf({ keap, shop })).toEqual(['', '']);
    }, 10_000);
    expect(await linked(world, 'product-product', 'keap', keap)).toBe(shop);
    expect(await productIssue({ keap, shop })).toBeUndefined();
    await expectNoMoreWrites();
  });
});

describe('a value that was to be written, and is typed later by a person', () => {
  it('is an edit where its write was refused as the two records were linked', async () => {
    const { keap, shop } = await unlinkedProducts({ description: 'from the shop' }, { description: 'from Keap' });
    edit('keap', keap, { description: 'the newest' });
    world.shop.faults.add({ method: 'PATCH', path: '/products/', action: 'delay', ms: 400, times: 1 });
    const { last } = world.shop.requests;
    await world.engine.context({ owner: 'test' }).enqueue('product-product', 0, [keap]);
    await vi.waitFor(() => expect(world.shop.requests.since(last).some(({ method }) => method === 'PATCH')).toBe(true));
    edit('shop', shop, { description: 'typed meanwhile' });
    await vi.waitFor(async () => {
      await sync(world, 'full', 'product-product');
      expect(textsOf({ keap, shop })).toEqual(['typed meanwhile', 'typed meanwhile']);
    }, 10_000);
    expect(world.shop.requests.since(last).some(({ status }) => status === 412)).toBe(true);
    edit('shop', shop, { description: 'the newest' });
    await sync(world, 'full', 'product-product');
    expect(textsOf({ keap, shop })).toEqual(['the newest', 'the newest']);
  });
});

describe('a write that a system took, after which its record could not be read', () => {
  afterEach(() => {
    world.keap.requests.onEnd = undefined;
  });

  it.each([
    [403, 1],
    [423, 1],
    [429, 1],
    [422, 1],
    [422, 2],
  ])('is known to be our own (%i, %i times): the former value, typed again, is an edit', async (status, times) => {
    const name = unique('readback');
    const company = await make(world, 'keap', 'companies', {
      company_name: name,
      email_address: { email: `${name}@firm.example` },
      website: 'https://one.example',
    });
    await sync(world, 'full', 'company-customer');
    const customer = await linked(world, 'company-customer', 'keap', company);
    const type = (website: string) => world.shop.store.edit('customers', Number(customer), { website });
    const websites = () => [
      world.keap.store.table('companies').get(company)?.website,
      world.shop.store.customers.get(Number(customer))?.website,
    ];
    const { last } = world.keap.requests;
    world.keap.requests.onEnd = ({ method }) => {
      if (method !== 'PATCH') return;
      world.keap.requests.onEnd = undefined;
      // A refusal of one call waits for its record alone.
      world.keap.faults.add({ method: 'GET', path: 'v2/companies', action: 'status', status, times });
      type('https://one.example');
    };
    type('https://two.example');
    await world.engine.context({ owner: 'test' }).enqueue('company-customer', 1, [customer]);
    await vi.waitFor(async () => {
      await sync(world, 'full', 'company-customer');
      expect(websites()).toEqual(['https://one.example', 'https://one.example']);
    }, 10_000);
    expect(world.keap.requests.since(last).filter((one) => one.status === status)).toHaveLength(times);
    expect(await issueOf(world, 'company-customer', 'keap', company)).toBeUndefined();
  });
});

describe('a nested object that is sent whole while reads show what was there before', () => {
  it('holds what was sent a moment ago too', async () => {
    const company = unique('nested');
    const billing = { address_1: 'One street', city: 'Paris', postcode: '75001', country: 'FR' };
    const customer = await make(world, 'shop', 'customers', { company, email: `${company}@firm.example`, billing });
    await sync(world, 'full', 'company-customer');
    const id = await linked(world, 'company-customer', 'shop', customer);
    const addressOf = () => world.keap.store.table('companies').get(id)?.address;
    expect(addressOf()).toMatchObject({ locality: 'Paris', line1: 'One street' });
    world.keap.behaviours.add({ behaviour: 'lag', entity: 'companies', ms: 10_000 });
    const { billing: stored } = world.shop.store.customers.get(Number(customer))!;
    const typed = async (fields: object, arrived: object): Promise<void> => {
      world.shop.store.edit('customers', Number(customer), { billing: { ...stored, ...fields } });
      await world.engine.context({ owner: 'test' }).enqueue('company-customer', 1, [customer]);
      await vi.waitFor(() => expect(addressOf()).toMatchObject(arrived), { timeout: 10_000 });
    };
    await typed({ city: 'Lyon' }, { locality: 'Lyon' });
    await typed({ city: 'Lyon', address_1: 'Two street' }, { line1: 'Two street' });
    expect(addressOf()).toMatchObject({ locality: 'Lyon', line1: 'Two street' });
    world.keap.behaviours.settle();
    await world.settle();
  });
});

describe('systems that write a value in a form of their own some time later', () => {
  it('are not written again after a few turns, and an issue names the line to add', async () => {
    const one = await product('Typed In Keap');
    let turns = 0;
    for (; turns < 10 && (await productIssue(one)) === undefined; turns++) {
      if (turns % 2 === 0) edit('shop', one.shop, { description: 'typed in keap' });
      else edit('keap', one.keap, { description: 'Typed In Keap' });
      await changes();
    }
    expect(turns).toBeLessThan(6);
    expect(await productIssue(one)).toMatchObject({
      code: 'WRITE_LOOP',
      property: 'description',
      reason: expect.stringContaining('equal: [case]'),
    });
    expect(await history(one)).toContainEqual({
      property: 'description',
      side: 'keap',
      value: 'Typed In Keap',
      rule: 'loop',
    });
    await expectNoMoreWrites();
    // A person's edit is written as ever.
    edit('keap', one.keap, { description: 'Another text' });
    await changes();
    expect(textsOf(one)).toEqual(['Another text', 'Another text']);
    expect(await productIssue(one)).toBeUndefined();
  });
});

/** Two records that meet for the first time: how they find each other, what happens to their values, and when nobody may guess. */
import { describe, expect, it } from 'vitest';
import {
  all,
  counterpart,
  edit,
  expectQuiet,
  issueOf,
  laterThan,
  linked,
  make,
  read,
  reconcile,
  sync,
  unique,
  worldWith,
} from './support.ts';

const world = worldWith();

describe('match rules', () => {
  it.each(['keap', 'shop'] as const)(
    'companies and customers meet by e-mail without regard to case, found from %s',
    async (from) => {
      const name = unique('mail');
      const company = await make(world, 'keap', 'companies', {
        company_name: name,
        email_address: { email: `${name}@Example.org` },
      });
      const customer = await make(world, 'shop', 'customers', {
        company: `${name} Ltd`,
        email: `${name.toUpperCase()}@example.ORG`,
      });
      await reconcile(world, 'company-customer', from, from === 'keap' ? company : customer);
      expect(await linked(world, 'company-customer', 'keap', company)).toBe(customer);
    },
  );

  it.each(['keap', 'shop'] as const)(
    'companies and customers meet by name where the e-mail finds none, from %s',
    async (from) => {
      const name = unique('name');
      const company = await make(world, 'keap', 'companies', {
        company_name: name,
        email_address: { email: `${name}@one.example` },
      });
      const customer = await make(world, 'shop', 'customers', { company: name });
      await reconcile(world, 'company-customer', from, from === 'keap' ? company : customer);
      expect(await linked(world, 'company-customer', 'keap', company)).toBe(customer);
      expect((await read(world, 'shop', 'customers', customer)).email).toBe(`${name}@one.example`);
    },
  );

  it('match by e-mail before they match by name', async () => {
    const name = unique('better');
    const company = await make(world, 'keap', 'companies', {
      company_name: name,
      email_address: { email: `${name}@x.example` },
    });
    const namesake = await make(world, 'shop', 'customers', { company: name });
    const right = await make(world, 'shop', 'customers', { company: `${name} (new)`, email: `${name}@x.example` });
    await sync(world);
    expect(await linked(world, 'company-customer', 'keap', company)).toBe(right);
    expect(await counterpart(world, 'company-customer', 'shop', namesake)).not.toBe(company);
  });

  it.each(['keap', 'shop'] as const)(
    'contacts and customers meet by the first e-mail address, from %s',
    async (from) => {
      const name = unique('person');
      const contact = await make(world, 'keap', 'contacts', {
        given_name: name,
        email_addresses: [
          { email: `${name}@second.example`, field: 'EMAIL2' },
          { email: `${name}@FIRST.example`, field: 'EMAIL1' },
        ],
      });
      const stranger = await make(world, 'shop', 'customers', {
        email: `${name}@second.example`,
        last_name: 'Stranger',
      });
      const customer = await make(world, 'shop', 'customers', { email: `${name}@first.example`, last_name: 'Known' });
      await reconcile(world, 'contact-customer', from, from === 'keap' ? contact : customer);
      expect(await linked(world, 'contact-customer', 'keap', contact)).toBe(customer);
      await reconcile(world, 'contact-customer', 'shop', stranger);
      expect(await linked(world, 'contact-customer', 'shop', stranger)).not.toBe(contact);
      expect(await read(world, 'keap', 'contacts', contact)).toMatchObject({
        given_name: name,
        family_name: 'Known',
        email_addresses: [{ email: `${name}@second.example`, field: 'EMAIL2' }, { field: 'EMAIL1' }],
      });
    },
  );

  it('a contact without a customer gets none, and waits for one', async () => {
    const name = unique('lonely');
    const contact = await make(world, 'keap', 'contacts', {
      given_name: name,
      email_addresses: [{ email: `${name}@x.example`, field: 'EMAIL1' }],
    });
    await reconcile(world, 'contact-customer', 'keap', contact);
    expect(await issueOf(world, 'contact-customer', 'keap', contact)).toMatchObject({ kind: 'unmatched' });
    expect(all(world, 'shop', 'customers').filter((customer) => customer.email === `${name}@x.example`)).toEqual([]);
    const customer = await make(world, 'shop', 'customers', { email: `${name}@x.example` });
    await sync(world);
    expect(await linked(world, 'contact-customer', 'shop', customer)).toBe(contact);
    expect(await issueOf(world, 'contact-customer', 'keap', contact)).toBeUndefined();
    expect((await read(world, 'shop', 'customers', customer)).first_name).toBe(name);
  });

  it.each(['keap', 'shop'] as const)('products meet by sku, from %s', async (from) => {
    const sku = unique('sku');
    const keap = await make(world, 'keap', 'products', { name: `${sku} K`, sku, price: 100, short_description: 'k' });
    const shop = await make(world, 'shop', 'products', { name: `${sku} S`, sku });
    await reconcile(world, 'product-product', from, from === 'keap' ? keap : shop);
    expect(await linked(world, 'product-product', 'keap', keap)).toBe(shop);
  });

  it.each(['keap', 'shop'] as const)(
    'products of one name but no common sku go to review, and neither is made again, from %s',
    async (from) => {
      const name = unique('Chair');
      const keap = await make(world, 'keap', 'products', {
        name,
        sku: `${name}-k`,
        price: 100,
        short_description: 'k',
      });
      const shop = await make(world, 'shop', 'products', {
        name,
        sku: `${name}-s`,
        price: '1.00',
        short_description: 's',
      });
      await reconcile(world, 'product-product', from, from === 'keap' ? keap : shop);
      await sync(world);
      expect(await issueOf(world, 'product-product', 'keap', keap)).toMatchObject({
        kind: 'review',
        candidates: [`1/${shop}`],
      });
      expect(await issueOf(world, 'product-product', 'shop', shop)).toMatchObject({
        kind: 'review',
        candidates: [`0/${keap}`],
      });
      expect(all(world, 'keap', 'products').filter((product) => product.name === name)).toHaveLength(1);
      expect(all(world, 'shop', 'products').filter((product) => product.name === name)).toHaveLength(1);
    },
  );

  it('opportunities and orders never meet by likeness', async () => {
    const name = unique('candidate');
    const customer = await make(world, 'shop', 'customers', { email: `${name}@x.example`, last_name: name });
    await reconcile(world, 'contact-customer', 'shop', customer);
    const contact = await linked(world, 'contact-customer', 'shop', customer);
    const opportunity = await make(world, 'keap', 'opportunities', {
      opportunity_title: name,
      contact_id: contact,
      stage_id: '27',
    });
    const order = await make(world, 'shop', 'orders', { title: name, customer_id: Number(customer) });
    await sync(world);
    expect(await linked(world, 'opportunity-order', 'keap', opportunity)).not.toBe(order);
    expect(all(world, 'shop', 'orders').filter((one) => one.title === name)).toHaveLength(2);
    expect(all(world, 'keap', 'opportunities').filter((one) => one.opportunity_title === name)).toHaveLength(2);
  });
});

describe('an ambiguous match', () => {
  it.each(['keap', 'shop'] as const)(
    'two companies and one customer of one e-mail: all go to review, nothing is made, from %s',
    async (from) => {
      const name = unique('double');
      const email_address = { email: `${name}@x.example` };
      const first = await make(world, 'keap', 'companies', { company_name: `${name} A`, email_address });
      const second = await make(world, 'keap', 'companies', { company_name: `${name} B`, email_address });
      const customer = await make(world, 'shop', 'customers', { company: `${name} C`, email: `${name}@x.example` });
      // All three are known, as after a scan, and come in either order.
      await sync(world);
      await reconcile(world, 'company-customer', from, ...(from === 'keap' ? [second, first] : [customer]));
      for (const [system, id] of [
        ['keap', first],
        ['keap', second],
        ['shop', customer],
      ] as const) {
        expect(await issueOf(world, 'company-customer', system, id)).toMatchObject({
          kind: 'review',
          reason: expect.stringMatching(/several records could belong together/i),
        });
      }
      expect(all(world, 'shop', 'customers').filter((one) => one.company?.startsWith(name))).toHaveLength(1);
      expect(all(world, 'keap', 'companies').filter((one) => one.company_name?.startsWith(name))).toHaveLength(2);
    },
  );

  it('is retried automatically once it is no longer ambiguous', async () => {
    const name = unique('resolved');
    const email_address = { email: `${name}@x.example` };
    const first = await make(world, 'keap', 'companies', { company_name: `${name} A`, email_address });
    const second = await make(world, 'keap', 'companies', { company_name: `${name} B`, email_address });
    const customer = await make(world, 'shop', 'customers', { company: `${name} C`, email: `${name}@x.example` });
    await sync(world);
    expect(await counterpart(world, 'company-customer', 'shop', customer)).toBeUndefined();
    await edit(world, 'keap', 'companies', second, { email_address: { email: `${name}@other.example` } });
    await sync(world);
    await sync(world, 'full');
    expect(await linked(world, 'company-customer', 'keap', second)).not.toBe(customer);
    // The two that are left have not changed: a person asks for one of them, or it is edited.
    await reconcile(world, 'company-customer', 'shop', customer);
    expect(await linked(world, 'company-customer', 'shop', customer)).toBe(first);
    expect(await issueOf(world, 'company-customer', 'keap', first)).toBeUndefined();
    expect(await issueOf(world, 'company-customer', 'shop', customer)).toBeUndefined();
  });

  it('a linked record is no candidate of a match: a duplicate of it gets its own counterpart', async () => {
    const sku = unique('mirrored');
    const first = await make(world, 'keap', 'products', { name: `${sku} 1`, sku, price: 100, short_description: 'k' });
    await reconcile(world, 'product-product', 'keap', first);
    const counterpartId = await linked(world, 'product-product', 'keap', first);
    const second = await make(world, 'keap', 'products', { name: `${sku} 2`, sku, price: 100, short_description: 'k' });
    await reconcile(world, 'product-product', 'keap', second);
    expect(await linked(world, 'product-product', 'keap', second)).not.toBe(counterpartId);
  });
});

describe('values at first contact', () => {
  it('an empty value never beats a value, on either side and in either order of editing', async () => {
    for (const later of ['keap', 'shop'] as const) {
      const name = unique('gaps');
      const company = {
        company_name: name,
        website: 'https://keap.example',
        address: { line1: 'Keap St 1', country_code: 'FRA' },
      };
      const customer = { company: name, phone: '123456', billing: { city: 'Lyon' }, note: 'from the shop' };
      let keap = '';
      let shop = '';
      if (later === 'shop') {
        keap = await make(world, 'keap', 'companies', company);
        await laterThan(await read(world, 'keap', 'companies', keap));
        shop = await make(world, 'shop', 'customers', customer);
      } else {
        shop = await make(world, 'shop', 'customers', customer);
        await laterThan(await read(world, 'shop', 'customers', shop));
        keap = await make(world, 'keap', 'companies', company);
      }
      await reconcile(world, 'company-customer', 'keap', keap);
      expect(await linked(world, 'company-customer', 'keap', keap)).toBe(shop);
      expect(await read(world, 'keap', 'companies', keap)).toMatchObject({
        website: 'https://keap.example',
        phone_number: { number: '123456' },
        address: { line1: 'Keap St 1', country_code: 'FRA', locality: 'Lyon' },
        notes: 'from the shop',
      });
      expect(await read(world, 'shop', 'customers', shop)).toMatchObject({
        website: 'https://keap.example',
        phone: '123456',
        billing: { address_1: 'Keap St 1', country: 'FR', city: 'Lyon' },
        note: 'from the shop',
      });
      expect(await world.engine.links('company-customer').history.history(keap)).toEqual([]);
    }
  });

  it.each(['keap', 'shop'] as const)(
    'the later of two values wins, and the history keeps the other: %s',
    async (later) => {
      const sku = unique('differ');
      const inKeap = (): Promise<string> =>
        make(world, 'keap', 'products', { name: 'Keap name', sku, price: 500, short_description: 'same' });
      const inShop = (): Promise<string> =>
        make(world, 'shop', 'products', { name: 'Shop name', sku, price: '7.00', short_description: 'same' });
      const first = later === 'keap' ? await inShop() : await inKeap();
      await laterThan(await read(world, later === 'keap' ? 'shop' : 'keap', 'products', first));
      const second = later === 'keap' ? await inKeap() : await inShop();
      const [keap, shop] = later === 'keap' ? [second, first] : [first, second];
      await reconcile(world, 'product-product', 'keap', keap);
      expect((await read(world, 'keap', 'products', keap)).name).toBe(later === 'keap' ? 'Keap name' : 'Shop name');
      expect(await read(world, 'shop', 'products', shop)).toMatchObject(
        later === 'keap' ? { name: 'Keap name', price: '5.00' } : { name: 'Shop name', price: '7.00' },
      );
      const history = await world.engine.links('product-product').history.history(keap);
      expect(history).toContainEqual(
        expect.objectContaining({ property: 'name', value: later === 'keap' ? 'Shop name' : 'Keap name' }),
      );
      expect(history.map(({ property }) => property)).not.toContain('short_description');
    },
  );

  it('values that are equal under the mapping are not written', async () => {
    const name = unique('equal');
    const company = await make(world, 'keap', 'companies', {
      company_name: name,
      phone_number: { number: '(089) 12-34' },
      address: { country_code: 'DEU' },
    });
    const customer = await make(world, 'shop', 'customers', {
      company: name,
      phone: '0891234',
      billing: { country: 'DE' },
    });
    const before = [world.keap.stats().writes, world.shop.stats().writes];
    await reconcile(world, 'company-customer', 'shop', customer);
    expect(await linked(world, 'company-customer', 'keap', company)).toBe(customer);
    expect([world.keap.stats().writes, world.shop.stats().writes]).toEqual(before);
  });
});

describe('two records that match each other, made at one moment on both sides', () => {
  it('become one link each, in all mappings that match', async () => {
    const names = Array.from({ length: 8 }, () => unique('moment'));
    const made = await Promise.all(
      names.map(async (name) => ({
        company: await make(world, 'keap', 'companies', {
          company_name: name,
          email_address: { email: `${name}@x.example` },
        }),
        customer: await make(world, 'shop', 'customers', { company: name, email: `${name}@x.example` }),
        product: await make(world, 'keap', 'products', { name, sku: name, price: 100, short_description: 'x' }),
        item: await make(world, 'shop', 'products', { name, sku: name, price: '1.00', short_description: 'x' }),
      })),
    );
    const { enqueue } = world.engine.context({ owner: 'test' });
    await Promise.all(
      made.flatMap(({ company, customer, product, item }) => [
        enqueue('company-customer', 0, [company]),
        enqueue('company-customer', 1, [customer]),
        enqueue('product-product', 0, [product]),
        enqueue('product-product', 1, [item]),
      ]),
    );
    await world.settle();
    await sync(world);
    for (const { company, customer, product, item } of made) {
      expect(await linked(world, 'company-customer', 'keap', company)).toBe(customer);
      expect(await linked(world, 'product-product', 'keap', product)).toBe(item);
    }
    for (const name of names) {
      expect(all(world, 'keap', 'companies').filter((one) => one.company_name === name)).toHaveLength(1);
      expect(all(world, 'shop', 'customers').filter((one) => one.company === name)).toHaveLength(1);
      expect(all(world, 'keap', 'products').filter((one) => one.name === name)).toHaveLength(1);
      expect(all(world, 'shop', 'products').filter((one) => one.name === name)).toHaveLength(1);
      expect(
        all(world, 'keap', 'contacts').filter((one) => one.email_addresses?.[0]?.email === `${name}@x.example`),
      ).toHaveLength(1);
    }
  });
});

it('a full scan after all first contacts leaves nothing to do', async () => {
  await sync(world, 'full');
  await expectQuiet(world);
});

/** `conflict: latest` compares edits of people: what Tandem itself writes to a record does not make an older edit the latest. */
import { afterEach, expect, it } from 'vitest';
import { edit, laterThan, linked, make, read, reconcile, sync, unique, worldWith } from './support.ts';

const world = worldWith();
afterEach(() => {
  for (const { faults } of [world.keap, world.shop]) faults.clear();
});

/** A company and a contact in Keap that are one customer of the shop, which both mappings write to. */
async function customer(): Promise<{ company: string; contact: string; customer: string }> {
  const name = unique('own');
  const email = `${name}@x.example`;
  const customer = await make(world, 'shop', 'customers', { email, company: name, first_name: 'Ada', note: 'before' });
  await sync(world);
  const company = await linked(world, 'company-customer', 'shop', customer);
  const contact = await linked(world, 'contact-customer', 'shop', customer);
  return { company, contact, customer };
}

// As people edit; no event says so.
const inShop = (id: string, fields: object) => world.shop.store.edit('customers', Number(id), fields);
const inKeap = (id: string, fields: object) => world.keap.store.edit('companies', id, fields);

async function expectNote(ids: { company: string; customer: string }, note: string): Promise<void> {
  await sync(world);
  await sync(world);
  expect(await read(world, 'shop', 'customers', ids.customer)).toMatchObject({ note });
  expect(await read(world, 'keap', 'companies', ids.company)).toMatchObject({ notes: note });
}

it('a write through a sibling mapping is no edit: the later of two edits before it wins', async () => {
  const ids = await customer();
  await laterThan(inShop(ids.customer, { note: 'the older edit' }));
  await laterThan(inKeap(ids.company, { notes: 'the newer edit' }));
  // This is written to the customer after both.
  await edit(world, 'keap', 'contacts', ids.contact, { given_name: 'Grace' });
  await reconcile(world, 'contact-customer', 'keap', ids.contact);
  expect(await read(world, 'shop', 'customers', ids.customer)).toMatchObject({ first_name: 'Grace' });
  await expectNote(ids, 'the newer edit');
});

it('a write of another property does not make an older, unseen edit of the record win', async () => {
  const ids = await customer();
  await edit(world, 'shop', 'customers', ids.customer, { website: 'https://example.test/own' });
  world.keap.faults.add({ method: 'PATCH', path: '/crm/rest/v2/companies', times: 1, action: 'delay', ms: 500 });
  const reconciled = reconcile(world, 'company-customer', 'shop', ids.customer);
  await expect.poll(() => world.keap.faults.list()[0]?.hits, { interval: 2 }).toBe(1);
  await laterThan(inKeap(ids.company, { notes: 'the older edit' }));
  await laterThan(inShop(ids.customer, { note: 'the newer edit' }));
  await reconciled;
  expect(await read(world, 'keap', 'companies', ids.company)).toMatchObject({ website: 'https://example.test/own' });
  await expectNote(ids, 'the newer edit');
});

it('an edit that is first shown by the response to a write of another property is found by the next scan', async () => {
  const ids = await customer();
  await edit(world, 'shop', 'customers', ids.customer, { first_name: 'Grace' });
  world.keap.faults.add({ method: 'PATCH', path: '/crm/rest/v2/contacts', times: 1, action: 'delay', ms: 500 });
  const reconciled = reconcile(world, 'contact-customer', 'shop', ids.customer);
  await expect.poll(() => world.keap.faults.list()[0]?.hits, { interval: 2 }).toBe(1);
  await world.keap.store.edit('contacts', ids.contact, { job_title: 'Admiral', family_name: 'Hopper' });
  await reconciled;
  expect(await read(world, 'keap', 'contacts', ids.contact)).toMatchObject({ given_name: 'Grace' });
  await sync(world, 'full');
  expect(await read(world, 'shop', 'customers', ids.customer)).toMatchObject({ last_name: 'Hopper' });
});

it('an edit that is first shown by the response to the write of the counterpart’s id is found by the next scan', async () => {
  const name = unique('own');
  const product = await make(world, 'shop', 'products', { sku: name, name, price: 100, short_description: 'x' });
  world.keap.faults.add({ method: 'POST', path: '/crm/rest/v2/products', times: 1, action: 'delay', ms: 500 });
  const synced = sync(world);
  await expect.poll(() => world.keap.faults.list()[0]?.hits, { interval: 2 }).toBe(1);
  await world.shop.store.edit('products', Number(product), { name: `${name} meanwhile` });
  await synced;
  const counterpart = await linked(world, 'product-product', 'shop', product);
  expect(await read(world, 'keap', 'products', counterpart)).toMatchObject({ name });
  await sync(world, 'full');
  expect(await read(world, 'keap', 'products', counterpart)).toMatchObject({ name: `${name} meanwhile` });
});

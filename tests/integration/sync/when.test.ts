/** A linked record that no longer takes part keeps its link and its last state; when it takes part again, the two meet. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  all,
  counterpart,
  edit,
  expectQuiet,
  issueOf,
  linked,
  make,
  read,
  reconcile,
  remove,
  sync,
  unique,
  worldWith,
  writes,
} from './support.ts';

const world = worldWith({ lag: '0s' });

it('a company that leaves the scope keeps its link; edits made meanwhile on both sides arrive after it rejoins', async () => {
  const name = unique('leaves');
  const company = await make(world, 'keap', 'companies', { company_name: name, website: 'https://one.example' });
  await reconcile(world, 'company-customer', 'keap', company);
  const customer = await linked(world, 'company-customer', 'keap', company);

  await edit(world, 'keap', 'companies', company, { company_name: null });
  await sync(world);
  expect(await issueOf(world, 'company-customer', 'keap', company)).toMatchObject({
    kind: 'paused',
    reason: expect.stringContaining('keap.when'),
  });
  expect((await read(world, 'shop', 'customers', customer)).company).toBe(name);

  await edit(world, 'keap', 'companies', company, { website: 'https://two.example' });
  await edit(world, 'shop', 'customers', customer, { note: 'meanwhile' });
  const before = writes(world);
  await sync(world);
  expect(writes(world)).toEqual(before);
  await expectQuiet(world);
  expect(await linked(world, 'company-customer', 'keap', company)).toBe(customer);

  await edit(world, 'keap', 'companies', company, { company_name: `${name} again` });
  await sync(world);
  expect(await read(world, 'shop', 'customers', customer)).toMatchObject({
    company: `${name} again`,
    website: 'https://two.example',
    note: 'meanwhile',
  });
  expect(await read(world, 'keap', 'companies', company)).toMatchObject({ notes: 'meanwhile' });
  expect(await issueOf(world, 'company-customer', 'keap', company)).toBeUndefined();
  expect(all(world, 'shop', 'customers').filter((one) => one.company?.startsWith(name))).toHaveLength(1);
});

it('a customer that leaves the scope is paused, and the edit of the other side waits', async () => {
  const name = unique('leaves');
  const customer = await make(world, 'shop', 'customers', { company: name, last_name: 'Person' });
  await reconcile(world, 'company-customer', 'shop', customer);
  const company = await linked(world, 'company-customer', 'shop', customer);
  await edit(world, 'shop', 'customers', customer, { company: null });
  await sync(world);
  await edit(world, 'keap', 'companies', company, { notes: 'waits', company_name: `${name} new` });
  await sync(world);
  expect(await read(world, 'shop', 'customers', customer)).toMatchObject({ company: null, note: null });
  await edit(world, 'shop', 'customers', customer, { company: name });
  await sync(world);
  // The customer's name is back to what it was at the last agreement: only Keap's edit is one.
  expect(await read(world, 'shop', 'customers', customer)).toMatchObject({ company: `${name} new`, note: 'waits' });
  expect(await linked(world, 'company-customer', 'shop', customer)).toBe(company);
});

it('a customer that loses its e-mail address keeps its contact, and finds it again with a new one', async () => {
  const name = unique('mail');
  const customer = await make(world, 'shop', 'customers', {
    first_name: name,
    email: `${name}@x.example`,
    last_name: 'One',
  });
  await reconcile(world, 'contact-customer', 'shop', customer);
  const contact = await linked(world, 'contact-customer', 'shop', customer);
  await edit(world, 'shop', 'customers', customer, { email: null, last_name: 'Two' });
  await sync(world);
  expect(await read(world, 'keap', 'contacts', contact)).toMatchObject({
    family_name: 'One',
    email_addresses: [{ email: `${name}@x.example` }],
  });
  await edit(world, 'keap', 'contacts', contact, { given_name: 'Renamed' });
  await sync(world);
  expect((await read(world, 'shop', 'customers', customer)).first_name).toBe(name);
  await edit(world, 'shop', 'customers', customer, { email: `${name}@new.example` });
  await sync(world);
  expect(await linked(world, 'contact-customer', 'shop', customer)).toBe(contact);
  expect(await read(world, 'keap', 'contacts', contact)).toMatchObject({
    given_name: 'Renamed',
    family_name: 'Two',
    email_addresses: [{ email: `${name}@new.example`, field: 'EMAIL1' }],
  });
  expect((await read(world, 'shop', 'customers', customer)).first_name).toBe('Renamed');
});

it('a record that never took part is left alone, and is created once it does', async () => {
  const name = unique('person');
  const customer = await make(world, 'shop', 'customers', { last_name: name });
  await sync(world);
  expect(await counterpart(world, 'company-customer', 'shop', customer)).toBeUndefined();
  await edit(world, 'shop', 'customers', customer, { note: 'still a person' });
  await sync(world);
  expect(all(world, 'keap', 'companies').filter((one) => one.notes === 'still a person')).toEqual([]);
  await edit(world, 'shop', 'customers', customer, { company: name });
  await sync(world);
  const company = await linked(world, 'company-customer', 'shop', customer);
  expect(await read(world, 'keap', 'companies', company)).toMatchObject({
    company_name: name,
    notes: 'still a person',
  });
});

it('a record that left the scope before it was linked is not a candidate for a match', async () => {
  const name = unique('hidden');
  const company = await make(world, 'keap', 'companies', { email_address: { email: `${name}@x.example` } });
  await sync(world);
  const customer = await make(world, 'shop', 'customers', { company: name, email: `${name}@x.example` });
  await sync(world);
  expect(await linked(world, 'company-customer', 'shop', customer)).not.toBe(company);
});

it('a full scan after all these changes leaves nothing to do', async () => {
  await sync(world, 'full');
  await expectQuiet(world);
});

it('a record outside the scope is not deleted with its counterpart, even where deletes propagate: a person decides', async () => {
  const name = unique('left');
  const product = await make(world, 'keap', 'products', { name, sku: name, price: 100, short_description: 'x' });
  await reconcile(world, 'product-product', 'keap', product);
  const counterpartId = await linked(world, 'product-product', 'keap', product);
  const file = join(world.dir, 'mappings', 'product-product.yaml');
  const rules = async (before: string, after: string): Promise<void> => {
    const { version } = world.engine.mapping('product-product');
    await writeFile(file, (await readFile(file, 'utf8')).replace(before, after));
    await expect.poll(() => world.engine.mapping('product-product').version, { timeout: 30_000 }).not.toBe(version);
    await sync(world, 'full', 'product-product');
  };
  const when = `when: { customwebshop: 'sku != "${name}"' }\n`;
  await rules('deletes: keep', `${when}deletes: propagate`);
  expect(await issueOf(world, 'product-product', 'keap', product)).toMatchObject({ kind: 'paused' });
  await remove(world, 'keap', 'products', product);
  await reconcile(world, 'product-product', 'keap', product);
  expect(await read(world, 'shop', 'products', counterpartId)).toBeDefined();
  expect(await issueOf(world, 'product-product', 'keap', product)).toMatchObject({
    kind: 'review',
    reason: 'The counterpart in keap was deleted, but customwebshop.when excludes the record: a person decides.',
  });
  await expectQuiet(world, 'product-product');
  // Once it takes part again, the rule of the mapping holds.
  await rules(when, '');
  expect(await read(world, 'shop', 'products', counterpartId)).toBeUndefined();
});

/** Counterparts that are created on demand, once a record that is synchronized refers to the record; and records that are only linked. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replaced } from '../../support/world.ts';
import {
  all,
  counterpart,
  edit,
  expectQuiet,
  issueOf,
  linked,
  make,
  read,
  remove,
  sync,
  unique,
  worldWith,
} from './support.ts';

const CONTACTS = 'mappings/contact-customer.yaml';
const COMPANIES = 'mappings/company-customer.yaml';
const emailOf = (name: string): string => `${name}@x.example`;

describe('a customer of whom a contact is created on demand', () => {
  const world = worldWith({ files: { [CONTACTS]: replaced(['create: [keap]', 'create: { keap: on-demand }']) } });
  const contactsOf = (name: string) =>
    all(world, 'keap', 'contacts').filter((one) => one.email_addresses?.[0]?.email === emailOf(name));
  const customer = (name: string) =>
    make(world, 'shop', 'customers', { email: emailOf(name), first_name: 'Ada', last_name: name });
  const order = (name: string, of: string) =>
    make(world, 'shop', 'orders', { title: name, customer_id: Number(of), status: 'processing' });

  it('gets none while no order refers to it, and later scans make no work of that', async () => {
    const name = unique('alone');
    const id = await customer(name);
    await sync(world, 'full');
    expect(contactsOf(name)).toEqual([]);
    expect(await issueOf(world, 'contact-customer', 'shop', id)).toMatchObject({
      kind: 'unmatched',
      code: 'NOT_REFERENCED',
    });
    await expectQuiet(world);
  });

  it('gets one contact once orders refer to it, and the orders name that contact', async () => {
    const name = unique('buyer');
    const id = await customer(name);
    await sync(world);
    expect(contactsOf(name)).toEqual([]);
    const orders = [await order(`${name} 1`, id), await order(`${name} 2`, id)];
    await sync(world);
    const contact = await linked(world, 'contact-customer', 'shop', id);
    expect(contactsOf(name)).toMatchObject([{ id: contact, given_name: 'Ada' }]);
    for (const one of orders) {
      const opportunity = await linked(world, 'opportunity-order', 'shop', one);
      expect(await read(world, 'keap', 'opportunities', opportunity)).toMatchObject({ contact: { id: contact } });
    }
    expect(await issueOf(world, 'contact-customer', 'shop', id)).toBeUndefined();
    await expectQuiet(world);
  });

  it('gets one where the customer and its first order are new at once', async () => {
    const name = unique('new');
    const id = await customer(name);
    await order(name, id);
    await sync(world);
    await linked(world, 'contact-customer', 'shop', id);
    expect(contactsOf(name)).toHaveLength(1);
  });

  it('gets one where an order that is linked already is given to it', async () => {
    const [before, after] = [unique('before'), unique('after')];
    const ids = [await customer(before), await customer(after)] as const;
    const moved = await order(before, ids[0]);
    await sync(world);
    expect(contactsOf(after)).toEqual([]);
    await edit(world, 'shop', 'orders', moved, { customer_id: Number(ids[1]) });
    await sync(world);
    const contact = await linked(world, 'contact-customer', 'shop', ids[1]);
    const opportunity = await linked(world, 'opportunity-order', 'shop', moved);
    expect(await read(world, 'keap', 'opportunities', opportunity)).toMatchObject({ contact: { id: contact } });
  });

  it('is linked with a contact that matches, though nothing refers to it', async () => {
    const name = unique('known');
    const contact = await make(world, 'keap', 'contacts', {
      given_name: 'Ada',
      email_addresses: [{ email: emailOf(name), field: 'EMAIL1' }],
    });
    const id = await customer(name);
    await sync(world);
    expect(await linked(world, 'contact-customer', 'shop', id)).toBe(contact);
    expect(contactsOf(name)).toHaveLength(1);
  });

  it('stays in step with its contact after its last order was deleted', async () => {
    const name = unique('former');
    const id = await customer(name);
    const only = await order(name, id);
    await sync(world);
    const contact = await linked(world, 'contact-customer', 'shop', id);
    await remove(world, 'shop', 'orders', only);
    await sync(world, 'full');
    await edit(world, 'shop', 'customers', id, { first_name: 'Grace' });
    await sync(world);
    expect(await read(world, 'keap', 'contacts', contact)).toMatchObject({ given_name: 'Grace' });
  });

  it('gets none where the order that waited for it was deleted before the contact could be created', async () => {
    const name = unique('withdrawn');
    const id = await make(world, 'shop', 'customers', { last_name: name });
    const only = await order(name, id);
    await sync(world);
    expect(await issueOf(world, 'opportunity-order', 'shop', only)).toMatchObject({ code: 'REFERENCE_WAITING' });
    await remove(world, 'shop', 'orders', only);
    await sync(world, 'full');
    // Now it could be created.
    await edit(world, 'shop', 'customers', id, { email: emailOf(name) });
    await sync(world);
    expect(await issueOf(world, 'contact-customer', 'shop', id)).toMatchObject({ code: 'NOT_REFERENCED' });
    expect(contactsOf(name)).toEqual([]);
  });

  it('gets one once the mapping file says so, though nothing refers to it', async () => {
    const name = unique('late');
    const id = await customer(name);
    await sync(world);
    expect(contactsOf(name)).toEqual([]);
    const version = world.engine.mapping('contact-customer').version;
    const file = join(world.dir, CONTACTS);
    await writeFile(file, (await readFile(file, 'utf8')).replace('create: { keap: on-demand }', 'create: [keap]'));
    await expect.poll(() => world.engine.mapping('contact-customer').version, { timeout: 10_000 }).not.toBe(version);
    await sync(world, 'full');
    await linked(world, 'contact-customer', 'shop', id);
  });
});

describe('a company of which a customer is created on demand', () => {
  const world = worldWith({
    files: { [COMPANIES]: replaced([/^create:.*$/m, 'create: { customwebshop: on-demand }']) },
  });

  it('gets none before, and one once an opportunity of its contact asks for it by $link', async () => {
    const name = unique('company');
    const company = await make(world, 'keap', 'companies', { company_name: name });
    const contact = await make(world, 'keap', 'contacts', {
      given_name: 'Staff',
      company: { id: company },
      email_addresses: [{ email: emailOf(name), field: 'EMAIL1' }],
    });
    await sync(world);
    expect(await counterpart(world, 'company-customer', 'keap', company)).toBeUndefined();
    const opportunity = await make(world, 'keap', 'opportunities', {
      opportunity_title: name,
      contact_id: contact,
      stage_id: '27',
    });
    await sync(world);
    const customer = await linked(world, 'company-customer', 'keap', company);
    const order = await linked(world, 'opportunity-order', 'keap', opportunity);
    expect(await read(world, 'shop', 'orders', order)).toMatchObject({ customer_id: Number(customer) });
    await expectQuiet(world);
  });
});

describe('a chain of records that are created on demand', () => {
  const world = worldWith({
    files: {
      [CONTACTS]: replaced(
        ['create: [keap]', 'create: { keap: on-demand }'],
        // A contact waits for its company.
        [
          /$/,
          '\n  - keap: job_title\n    customwebshop: id\n    direction: keap\n    convert: { keap: "$link(\'company-customer\', $string($))" }\n',
        ],
      ),
      [COMPANIES]: replaced(
        [/^create:.*$/m, 'create: { keap: on-demand }'],
        ['    customwebshop: phone\n', '    customwebshop: phone\n    required: true\n'],
      ),
    },
  });
  const PHONE = '+49301234567';
  const customer = (name: string, phone?: string) =>
    make(world, 'shop', 'customers', { email: emailOf(name), last_name: name, company: name, ...(phone && { phone }) });
  const order = (name: string, of: string) =>
    make(world, 'shop', 'orders', { title: name, customer_id: Number(of), status: 'processing' });
  const companiesOf = (name: string) => all(world, 'keap', 'companies').filter((one) => one.company_name === name);

  it('is created from its end, and each record refers to the one that it waited for', async () => {
    const name = unique('chain');
    const id = await customer(name, PHONE);
    await sync(world);
    expect(companiesOf(name)).toEqual([]);
    const one = await order(name, id);
    await sync(world);
    const company = await linked(world, 'company-customer', 'shop', id);
    const contact = await linked(world, 'contact-customer', 'shop', id);
    expect(await read(world, 'keap', 'contacts', contact)).toMatchObject({ job_title: company });
    expect(
      await read(world, 'keap', 'opportunities', await linked(world, 'opportunity-order', 'shop', one)),
    ).toMatchObject({ contact: { id: contact } });
  });

  it('is created once its end was corrected, and not at all where the order is gone by then', async () => {
    const [kept, gone] = [unique('kept'), unique('gone')];
    const ids = [await customer(kept), await customer(gone)] as const;
    const orders = [await order(kept, ids[0]), await order(gone, ids[1])] as const;
    await sync(world);
    expect(await issueOf(world, 'company-customer', 'shop', ids[0])).toMatchObject({ kind: 'failed' });
    for (const one of orders)
      expect(await issueOf(world, 'opportunity-order', 'shop', one)).toMatchObject({ code: 'REFERENCE_WAITING' });
    await remove(world, 'shop', 'orders', orders[1]);
    await sync(world, 'full');
    // Nobody needs these any more, so they are no trouble either.
    for (const mapping of ['contact-customer', 'company-customer'] as const)
      expect(await issueOf(world, mapping, 'shop', ids[1])).toMatchObject({ code: 'NOT_REFERENCED' });
    for (const id of ids) await edit(world, 'shop', 'customers', id, { phone: PHONE });
    await sync(world);
    await linked(world, 'company-customer', 'shop', ids[0]);
    await linked(world, 'opportunity-order', 'shop', orders[0]);
    expect(companiesOf(gone)).toEqual([]);
  });
});

describe('a mapping without properties', () => {
  const world = worldWith({
    files: {
      [CONTACTS]: replaced([/^create:.*\n/m, ''], [/^properties:\n(?: .*\n|#.*\n|\n)*/m, 'properties: []\n']),
    },
  });

  it('links records that match, writes nothing to them, and leads references through the links', async () => {
    const name = unique('linked');
    const contact = await make(world, 'keap', 'contacts', {
      given_name: 'Ada',
      email_addresses: [{ email: emailOf(name), field: 'EMAIL1' }],
    });
    const customer = await make(world, 'shop', 'customers', { email: emailOf(name), first_name: 'Grace' });
    const order = await make(world, 'shop', 'orders', {
      title: name,
      customer_id: Number(customer),
      status: 'pending',
    });
    await sync(world);
    expect(await linked(world, 'contact-customer', 'shop', customer)).toBe(contact);
    const opportunity = await linked(world, 'opportunity-order', 'shop', order);
    expect(await read(world, 'keap', 'opportunities', opportunity)).toMatchObject({ contact: { id: contact } });
    await edit(world, 'shop', 'customers', customer, { first_name: 'Joan' });
    await sync(world);
    expect(await read(world, 'keap', 'contacts', contact)).toMatchObject({ given_name: 'Ada' });
    expect(await counterpart(world, 'contact-customer', 'keap', contact)).toBe(customer);
    await expectQuiet(world);
  });
});

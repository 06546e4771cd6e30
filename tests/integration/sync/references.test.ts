/** Orders and opportunities refer to customers and contacts: parents first, whatever arrives first. */

import { describe, expect, it } from 'vitest';
import { isRecordJob } from '../../../engine/runtime/queues.ts';
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
  sync,
  unique,
  worldWith,
} from './support.ts';

const world = worldWith();

const ordersOf = (title: string) => all(world, 'shop', 'orders').filter((order) => order.title === title);
const opportunitiesOf = (title: string) =>
  all(world, 'keap', 'opportunities').filter((one) => one.opportunity_title === title);

describe('an order', () => {
  it('pulls in a customer that the engine does not know yet', async () => {
    const title = unique('order');
    const customer = await make(world, 'shop', 'customers', { email: `${title}@x.example`, first_name: 'Ada' });
    const order = await make(world, 'shop', 'orders', { title, customer_id: Number(customer), status: 'processing' });
    await reconcile(world, 'opportunity-order', 'shop', order);
    const contact = await linked(world, 'contact-customer', 'shop', customer);
    const opportunity = await linked(world, 'opportunity-order', 'shop', order);
    expect(await read(world, 'keap', 'opportunities', opportunity)).toMatchObject({
      contact: { id: contact },
      stage: { name: 'Qualifying' },
    });
  });

  it('of a customer without an e-mail waits, and is created once, when the customer gets one', async () => {
    const title = unique('order');
    const customer = await make(world, 'shop', 'customers', { last_name: title });
    const order = await make(world, 'shop', 'orders', { title, customer_id: Number(customer) });
    await sync(world);
    expect(await issueOf(world, 'opportunity-order', 'shop', order)).toMatchObject({
      kind: 'waiting',
      code: 'REFERENCE_WAITING',
      property: 'contact_id',
    });
    expect(opportunitiesOf(title)).toEqual([]);
    // To wait is no failure.
    expect(
      (await world.engine.queues.reconcile('opportunity-order').getFailed()).filter(
        ({ data }) => isRecordJob(data) && data.id === order,
      ),
    ).toEqual([]);
    // Scans do not make work of it either.
    await expectQuiet(world);
    await edit(world, 'shop', 'customers', customer, { email: `${title}@x.example` });
    await reconcile(world, 'contact-customer', 'shop', customer);
    await linked(world, 'opportunity-order', 'shop', order);
    expect(opportunitiesOf(title)).toHaveLength(1);
    expect(await issueOf(world, 'opportunity-order', 'shop', order)).toBeUndefined();
  });

  it('is created once, however often it and its customer are queued at the same moment', async () => {
    const title = unique('order');
    const customer = await make(world, 'shop', 'customers', { email: `${title}@x.example`, company: title });
    const order = await make(world, 'shop', 'orders', { title, customer_id: Number(customer) });
    const { enqueue } = world.engine.context({ owner: 'test' });
    await Promise.all(
      [1, 2, 3].flatMap(() => [
        enqueue('opportunity-order', 1, [order]),
        enqueue('contact-customer', 1, [customer]),
        enqueue('company-customer', 1, [customer]),
      ]),
    );
    await world.settle();
    expect(opportunitiesOf(title)).toHaveLength(1);
    expect(await linked(world, 'opportunity-order', 'shop', order)).toBe(opportunitiesOf(title)[0].id);
    expect(
      all(world, 'keap', 'contacts').filter((one) => one.email_addresses?.[0]?.email === `${title}@x.example`),
    ).toHaveLength(1);
  });
});

describe('an opportunity', () => {
  it('whose contact has a customer goes to that customer', async () => {
    const title = unique('deal');
    const email = `${title}@x.example`;
    const customer = await make(world, 'shop', 'customers', { email });
    const contact = await make(world, 'keap', 'contacts', {
      given_name: 'Own',
      email_addresses: [{ email, field: 'EMAIL1' }],
    });
    const opportunity = await make(world, 'keap', 'opportunities', {
      opportunity_title: title,
      contact_id: contact,
      stage_id: '12',
    });
    // The contact is not known to the engine either: it is pulled in, and finds its customer.
    await reconcile(world, 'opportunity-order', 'keap', opportunity);
    expect(await linked(world, 'contact-customer', 'keap', contact)).toBe(customer);
    expect(ordersOf(title)).toMatchObject([{ customer_id: Number(customer), status: 'completed' }]);
  });

  it('whose contact has no customer goes to the customer of its company, which is pulled in as well', async () => {
    const title = unique('deal');
    const company = await make(world, 'keap', 'companies', { company_name: title });
    const contact = await make(world, 'keap', 'contacts', {
      given_name: 'Staff',
      company: { id: company },
      email_addresses: [{ email: `${title}@x.example`, field: 'EMAIL1' }],
    });
    const opportunity = await make(world, 'keap', 'opportunities', {
      opportunity_title: title,
      contact_id: contact,
      stage_id: '27',
    });
    await reconcile(world, 'opportunity-order', 'keap', opportunity);
    const customer = await linked(world, 'company-customer', 'keap', company);
    const order = await linked(world, 'opportunity-order', 'keap', opportunity);
    expect(ordersOf(title)).toMatchObject([{ id: Number(order), customer_id: Number(customer) }]);
    // The contact stays the one that it was, whatever is edited on the other side.
    await edit(world, 'shop', 'orders', order, { note: 'edited in the shop' });
    await reconcile(world, 'opportunity-order', 'shop', order);
    expect(await read(world, 'keap', 'opportunities', opportunity)).toMatchObject({
      contact: { id: contact },
      opportunity_notes: 'edited in the shop',
    });
  });

  it('waits while its contact has neither a customer nor a company, and gets one order once a customer exists', async () => {
    const title = unique('deal');
    const email = `${title}@x.example`;
    const contact = await make(world, 'keap', 'contacts', {
      given_name: 'Alone',
      email_addresses: [{ email, field: 'EMAIL1' }],
    });
    const opportunity = await make(world, 'keap', 'opportunities', {
      opportunity_title: title,
      contact_id: contact,
      stage_id: '27',
    });
    await sync(world);
    expect(await issueOf(world, 'opportunity-order', 'keap', opportunity)).toMatchObject({
      kind: 'waiting',
      property: 'contact_id',
    });
    expect(ordersOf(title)).toEqual([]);
    const customer = await make(world, 'shop', 'customers', { email });
    await sync(world);
    await linked(world, 'opportunity-order', 'keap', opportunity);
    expect(ordersOf(title)).toMatchObject([{ customer_id: Number(customer) }]);
  });

  it('waits while its contact has no counterpart, and gets an order after the contact joins a company', async () => {
    const title = unique('deal');
    const contact = await make(world, 'keap', 'contacts', {
      given_name: 'Joins',
      email_addresses: [{ email: `${title}@x.example`, field: 'EMAIL1' }],
    });
    const opportunity = await make(world, 'keap', 'opportunities', {
      opportunity_title: title,
      contact_id: contact,
      stage_id: '27',
    });
    await sync(world);
    expect(ordersOf(title)).toEqual([]);
    const company = await make(world, 'keap', 'companies', { company_name: title });
    await edit(world, 'keap', 'contacts', contact, { company: { id: company } });
    await sync(world);
    // The contact itself looks the same to its mapping; asking for the opportunity is what brings it on.
    await reconcile(world, 'opportunity-order', 'keap', opportunity);
    const customer = await linked(world, 'company-customer', 'keap', company);
    expect(ordersOf(title)).toMatchObject([{ customer_id: Number(customer) }]);
  });

  it('moved to another contact moves its order, and back', async () => {
    const title = unique('deal');
    const people: { contact: string; customer: string }[] = [];
    for (const word of ['a', 'b']) {
      const customer = await make(world, 'shop', 'customers', { email: `${title}-${word}@x.example`, last_name: word });
      await reconcile(world, 'contact-customer', 'shop', customer);
      people.push({ customer, contact: await linked(world, 'contact-customer', 'shop', customer) });
    }
    const [a, b] = people as [(typeof people)[0], (typeof people)[0]];
    const opportunity = await make(world, 'keap', 'opportunities', {
      opportunity_title: title,
      contact_id: a.contact,
      stage_id: '27',
    });
    await reconcile(world, 'opportunity-order', 'keap', opportunity);
    const order = await linked(world, 'opportunity-order', 'keap', opportunity);
    await edit(world, 'keap', 'opportunities', opportunity, { contact_id: b.contact });
    await reconcile(world, 'opportunity-order', 'keap', opportunity);
    expect(ordersOf(title)).toMatchObject([{ id: Number(order), customer_id: Number(b.customer) }]);
    await edit(world, 'shop', 'orders', order, { customer_id: Number(a.customer) });
    await reconcile(world, 'opportunity-order', 'shop', order);
    expect((await read(world, 'keap', 'opportunities', opportunity)).contact.id).toBe(a.contact);
  });

  it('moved to a contact without a link keeps its other edits, waits with that one property, and continues automatically', async () => {
    const title = unique('deal');
    const customer = await make(world, 'shop', 'customers', { email: `${title}@x.example` });
    await reconcile(world, 'contact-customer', 'shop', customer);
    const contact = await linked(world, 'contact-customer', 'shop', customer);
    const opportunity = await make(world, 'keap', 'opportunities', {
      opportunity_title: title,
      contact_id: contact,
      stage_id: '27',
    });
    await reconcile(world, 'opportunity-order', 'keap', opportunity);
    const order = await linked(world, 'opportunity-order', 'keap', opportunity);
    const email = `${title}-new@x.example`;
    const stranger = await make(world, 'keap', 'contacts', {
      given_name: 'New',
      email_addresses: [{ email, field: 'EMAIL1' }],
    });
    await edit(world, 'keap', 'opportunities', opportunity, { contact_id: stranger, opportunity_notes: 'moved' });
    await reconcile(world, 'opportunity-order', 'keap', opportunity);
    expect(await read(world, 'shop', 'orders', order)).toMatchObject({ note: 'moved', customer_id: Number(customer) });
    expect(await issueOf(world, 'opportunity-order', 'keap', opportunity)).toMatchObject({
      kind: 'waiting',
      property: 'contact_id',
    });
    const newCustomer = await make(world, 'shop', 'customers', { email });
    await sync(world);
    expect(await linked(world, 'contact-customer', 'keap', stranger)).toBe(newCustomer);
    expect(await read(world, 'shop', 'orders', order)).toMatchObject({ customer_id: Number(newCustomer) });
    expect(await issueOf(world, 'opportunity-order', 'keap', opportunity)).toBeUndefined();
  });
});

it('one changes scan of everything that is new makes each counterpart once', async () => {
  const titles = Array.from({ length: 6 }, () => unique('together'));
  for (const title of titles) {
    const customer = await make(world, 'shop', 'customers', { company: title, email: `${title}@x.example` });
    await make(world, 'shop', 'orders', { title, customer_id: Number(customer) });
    const company = await make(world, 'keap', 'companies', { company_name: `${title} K` });
    const contact = await make(world, 'keap', 'contacts', {
      phone_numbers: [{ number: '+49891234567' }],
      company: { id: company },
    });
    await make(world, 'keap', 'opportunities', {
      opportunity_title: `${title} K`,
      contact_id: contact,
      stage_id: '31',
    });
  }
  await sync(world);
  for (const title of titles) {
    expect([title, ordersOf(title).length, opportunitiesOf(title).length]).toEqual([title, 1, 1]);
    expect([title, ordersOf(`${title} K`).length, opportunitiesOf(`${title} K`).length]).toEqual([title, 1, 1]);
    expect(await counterpart(world, 'opportunity-order', 'keap', opportunitiesOf(title)[0].id)).toBe(
      String(ordersOf(title)[0].id),
    );
  }
  await expectQuiet(world);
});

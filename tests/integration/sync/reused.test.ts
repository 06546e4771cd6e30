/** Systems that give the id of a deleted record to a new one: never is one person's data written over another's. */
import { afterEach, expect, it } from 'vitest';
import { dismiss, unlinkByHand } from '../../../engine/sync/manual.ts';
import { all, edit, issueOf, linked, make, STAGES, scopeOf, sync, unique, worldWith } from './support.ts';

const world = worldWith({ lag: '0s' });
afterEach(() => {
  for (const system of [world.keap, world.shop]) system.behaviours.clear();
});

const person = (name: string) => ({ email: `${name}@x.example`, first_name: name, last_name: `${name}sen` });

/** A customer whose id a deleted one had before, with the contact of that one. @returns ids, and the e-mail of the contact */
async function reused(): Promise<{ customer: string; contact: string; email: string }> {
  const [former, next] = [person(unique('Ann')), person(unique('Zoe'))];
  const customer = await make(world, 'shop', 'customers', former);
  await sync(world, 'changes', 'contact-customer');
  const contact = await linked(world, 'contact-customer', 'shop', customer);
  world.shop.behaviours.add({ behaviour: 'reuse-ids', entity: 'customers', times: 1 });
  world.shop.store.remove('customers', Number(customer));
  expect(await make(world, 'shop', 'customers', next)).toBe(customer);
  return { customer, contact, email: former.email };
}

const emailOf = (contact: string): unknown =>
  world.keap.store.table('contacts').get(contact)?.email_addresses?.[0]?.email;

it('a new record under a reused id does not overwrite the counterpart of the former record, and a person is asked', async () => {
  const { contact, email } = await reused();
  await sync(world, 'full', 'contact-customer');
  expect(emailOf(contact)).toBe(email);
  expect(await issueOf(world, 'contact-customer', 'keap', contact)).toMatchObject({
    kind: 'review',
    code: 'ID_REUSED',
    reason: expect.stringContaining('it was created later'),
  });
});

it('a record that refers to a reused id waits, and does not go to the counterpart of the former record', async () => {
  const { customer, contact, email } = await reused();
  await sync(world, 'full', 'contact-customer');
  const title = unique('order');
  const order = await make(world, 'shop', 'orders', { title, customer_id: Number(customer) });
  await sync(world, 'full', 'opportunity-order');
  expect(await issueOf(world, 'opportunity-order', 'shop', order)).toMatchObject({
    kind: 'waiting',
    code: 'REFERENCE_WAITING',
  });
  const made = () => all(world, 'keap', 'opportunities').filter((one) => one.opportunity_title === title);
  expect(made()).toEqual([]);
  // A person breaks the link: the new record gets a counterpart of its own, and what waits goes on.
  await unlinkByHand(scopeOf(world, 'contact-customer'), [contact, customer]);
  await sync(world, 'full', 'contact-customer');
  const own = await linked(world, 'contact-customer', 'shop', customer);
  expect(own).not.toBe(contact);
  expect(made()).toMatchObject([{ contact_id: own }]);
  expect(emailOf(contact)).toBe(email);
});

it('a record that waits for a reused id goes on once the id belongs to the same record after all', async () => {
  const { customer, contact, email } = await reused();
  await sync(world, 'full', 'contact-customer');
  const title = unique('order');
  const order = await make(world, 'shop', 'orders', { title, customer_id: Number(customer) });
  await sync(world, 'full', 'opportunity-order');
  expect(await issueOf(world, 'opportunity-order', 'shop', order)).toMatchObject({ code: 'REFERENCE_WAITING' });
  await edit(world, 'shop', 'customers', customer, { email });
  await sync(world, 'full', 'contact-customer');
  expect(all(world, 'keap', 'opportunities').filter((one) => one.opportunity_title === title)).toMatchObject([
    { contact_id: contact },
  ]);
});

it('a record that refers to a reused id waits also where a fallback would take its place', async () => {
  const { contact } = await reused();
  const company = await make(world, 'keap', 'companies', { company_name: unique('Firm') });
  await edit(world, 'keap', 'contacts', contact, { company: { id: company } });
  await sync(world, 'full');
  expect(await issueOf(world, 'contact-customer', 'keap', contact)).toMatchObject({ code: 'ID_REUSED' });
  await linked(world, 'company-customer', 'keap', company);
  const title = unique('opportunity');
  const opportunity = await make(world, 'keap', 'opportunities', {
    opportunity_title: title,
    contact_id: contact,
    stage_id: STAGES.pending,
  });
  await sync(world, 'full', 'opportunity-order');
  expect(all(world, 'shop', 'orders').filter((one) => one.title === title)).toEqual([]);
  expect(await issueOf(world, 'opportunity-order', 'keap', opportunity)).toMatchObject({ code: 'REFERENCE_WAITING' });
});

it('a reused id stays known while the record fails, when it is asked for by name, and after a person has left it', async () => {
  const { customer, contact } = await reused();
  await sync(world, 'full', 'contact-customer');
  const { links } = scopeOf(world, 'contact-customer');
  const record = { side: 0, id: contact } as const;
  const held = () => issueOf(world, 'contact-customer', 'keap', contact);
  const failed = { kind: 'failed', code: 'EXPRESSION_FAILED', reason: 'No.', mapping: '1', since: 1 } as const;
  await links.states.raise(record, '', failed);
  expect(await held()).toMatchObject({ kind: 'review', code: 'ID_REUSED' });
  await links.states.forget([record]);
  expect(await held()).toMatchObject({ kind: 'review', code: 'ID_REUSED' });
  await dismiss(scopeOf(world, 'contact-customer'), record);
  expect(await held()).toMatchObject({ kind: 'orphaned', code: 'ID_REUSED' });
  const title = unique('order');
  const order = await make(world, 'shop', 'orders', { title, customer_id: Number(customer) });
  await sync(world, 'full', 'opportunity-order');
  expect(await issueOf(world, 'opportunity-order', 'shop', order)).toMatchObject({ code: 'REFERENCE_WAITING' });
});

it('a copy of the links says which ids were given again', async () => {
  const { contact } = await reused();
  await sync(world, 'full', 'contact-customer');
  const copied = [];
  for await (const batch of scopeOf(world, 'contact-customer').links.transfer.copyLinks()) copied.push(...batch);
  const one = copied.find(({ ids }) => ids[0] === contact);
  expect(one).toMatchObject({ issue: { kind: 'review', code: 'ID_REUSED' } });
});

it('a counterpart that is created under the id of a linked record is not created again, and is linked once that link ends', async () => {
  const former = await make(world, 'shop', 'customers', person(unique('Ann')));
  await sync(world, 'changes', 'contact-customer');
  const contact = await linked(world, 'contact-customer', 'shop', former);
  world.keap.store.remove('contacts', contact);
  world.keap.behaviours.add({ behaviour: 'reuse-ids', entity: 'contacts', times: 1 });
  const next = person(unique('Zoe'));
  const customer = await make(world, 'shop', 'customers', next);
  for (let i = 0; i < 3; i++) await sync(world, 'full', 'contact-customer');
  const made = () =>
    world.keap.store
      .table('contacts')
      .values()
      .filter(({ email_addresses: all = [] }) => all[0]?.email === next.email);
  expect(made().map(({ id }) => id)).toEqual([contact]);
  expect(await issueOf(world, 'contact-customer', 'shop', customer)).toMatchObject({
    kind: 'review',
    code: 'ID_REUSED',
  });
  await unlinkByHand(scopeOf(world, 'contact-customer'), [contact, former]);
  await sync(world, 'full', 'contact-customer');
  expect(await linked(world, 'contact-customer', 'shop', customer)).toBe(contact);
  expect(made()).toHaveLength(1);
});

/** Rules that the delivered mappings do not use: one-way properties, drift, conflicts that a side or a person decides. */
import { describe, expect, it } from 'vitest';
import { resolveConflict } from '../../../engine/sync/manual.ts';
import { replaced } from '../../support/world.ts';
import {
  edit,
  expectQuiet,
  issueOf,
  laterThan,
  linked,
  make,
  read,
  reconcile,
  ruled,
  scopeOf,
  sync,
  unique,
  worldWith,
} from './support.ts';

const RULES: Record<string, string> = {
  notes: 'direction: customwebshop',
  website: 'direction: customwebshop\n    drift: revert',
  'address.locality': 'direction: keap\n    drift: revert',
  'address.postal_code': 'direction: keap',
  'address.line1': 'conflict: keap',
  'address.line2': 'conflict: customwebshop',
  'phone_number.number': 'conflict: review',
};

const world = worldWith({ files: { 'mappings/company-customer.yaml': replaced(...ruled(RULES)) } });

async function pair(fields: object = {}): Promise<{ company: string; customer: string }> {
  const company = await make(world, 'keap', 'companies', { company_name: unique('Rules'), ...fields });
  await reconcile(world, 'company-customer', 'keap', company);
  return { company, customer: await linked(world, 'company-customer', 'keap', company) };
}

describe('a one-way property', () => {
  it('flows its way only, at creation in either direction', async () => {
    const { customer } = await pair({
      notes: 'to the shop',
      website: 'https://keap.example',
      address: { locality: 'stays', postal_code: 'stays', country_code: 'FRA' },
    });
    expect(await read(world, 'shop', 'customers', customer)).toMatchObject({
      note: 'to the shop',
      website: 'https://keap.example',
      billing: { city: null, postcode: null, country: 'FR' },
    });
    const made = await make(world, 'shop', 'customers', {
      company: unique('Rules'),
      note: 'stays',
      website: 'https://shop.example',
      billing: { city: 'to Keap', postcode: 'K1' },
    });
    await reconcile(world, 'company-customer', 'shop', made);
    const company = await read(world, 'keap', 'companies', await linked(world, 'company-customer', 'shop', made));
    expect(company).toMatchObject({ address: { locality: 'to Keap', postal_code: 'K1' } });
    expect([company.notes, company.website]).toEqual([undefined, undefined]);
    // An empty value never beats a value at first contact, not even the leader's.
    expect(await read(world, 'shop', 'customers', made)).toMatchObject({
      note: 'stays',
      website: 'https://shop.example',
    });
  });

  it("drift keep: the follower's own edit is left alone until the leader's value changes", async () => {
    const { company, customer } = await pair({ notes: 'one' });
    await edit(world, 'shop', 'customers', customer, { note: 'own' });
    await sync(world, 'changes', 'company-customer');
    expect((await read(world, 'shop', 'customers', customer)).note).toBe('own');
    expect((await read(world, 'keap', 'companies', company)).notes).toBe('one');
    // Nor does an edit of something else bring it back.
    await edit(world, 'keap', 'companies', company, { company_name: unique('Renamed') });
    await sync(world, 'changes', 'company-customer');
    await expectQuiet(world, 'company-customer');
    expect((await read(world, 'shop', 'customers', customer)).note).toBe('own');
    await edit(world, 'keap', 'companies', company, { notes: 'two' });
    await sync(world, 'changes', 'company-customer');
    expect((await read(world, 'shop', 'customers', customer)).note).toBe('two');
    await edit(world, 'keap', 'companies', company, { notes: null });
    await sync(world, 'changes', 'company-customer');
    expect((await read(world, 'shop', 'customers', customer)).note).toBeNull();
  });

  it("drift revert: the follower's own edit is put back, toward either side", async () => {
    const { company, customer } = await pair({ website: 'https://one.example' });
    await edit(world, 'shop', 'customers', customer, { website: 'https://own.example', billing: { city: 'Rom' } });
    await sync(world, 'changes', 'company-customer');
    expect((await read(world, 'shop', 'customers', customer)).website).toBe('https://one.example');
    expect((await read(world, 'keap', 'companies', company)).address).toEqual({
      field: 'BILLING',
      locality: 'Rom',
    });
    await edit(world, 'keap', 'companies', company, { address: { locality: 'Paris', line1: 'two-way' } });
    await sync(world, 'changes', 'company-customer');
    expect((await read(world, 'keap', 'companies', company)).address).toEqual({
      field: 'BILLING',
      locality: 'Rom',
      line1: 'two-way',
    });
    expect((await read(world, 'shop', 'customers', customer)).billing).toMatchObject({
      city: 'Rom',
      address_1: 'two-way',
    });
    await expectQuiet(world, 'company-customer');
  });
});

describe('a conflict', () => {
  it('that one side always wins is not decided by time', async () => {
    const { company, customer } = await pair({ address: { line1: 'a', line2: 'b' } });
    await laterThan(
      await edit(world, 'shop', 'customers', customer, { billing: { address_1: 'shop 1', address_2: 'shop 2' } }),
    );
    await edit(world, 'keap', 'companies', company, { address: { line1: 'keap 1', line2: 'keap 2' } });
    await sync(world, 'changes', 'company-customer');
    expect((await read(world, 'shop', 'customers', customer)).billing).toMatchObject({
      address_1: 'keap 1',
      address_2: 'shop 2',
    });
    expect((await read(world, 'keap', 'companies', company)).address).toMatchObject({
      line1: 'keap 1',
      line2: 'shop 2',
    });
    const history = await world.engine.links('company-customer').history.history(company);
    expect(
      history
        .map(({ property, side, value }) => ({ property, side, value }))
        .sort((a, b) => (a.property < b.property ? -1 : 1)),
    ).toEqual([
      { property: 'address.line1', side: 'customwebshop', value: 'shop 1' },
      { property: 'address.line2', side: 'keap', value: 'keap 2' },
    ]);
  });

  it('needs edits of both sides: its rule does not override an edit of one side only', async () => {
    const { company, customer } = await pair({ address: { line1: 'a', line2: 'b' } });
    await edit(world, 'shop', 'customers', customer, { billing: { address_1: 'shop 1' } });
    await edit(world, 'keap', 'companies', company, { address: { line1: 'a', line2: 'keap 2' } });
    await sync(world, 'changes', 'company-customer');
    expect((await read(world, 'keap', 'companies', company)).address).toMatchObject({
      line1: 'shop 1',
      line2: 'keap 2',
    });
    expect((await read(world, 'shop', 'customers', customer)).billing).toMatchObject({
      address_1: 'shop 1',
      address_2: 'keap 2',
    });
  });

  it('for a person waits in review; the other properties go on, and no job fails', async () => {
    const { company, customer } = await pair({ phone_number: { number: '1' } });
    await edit(world, 'shop', 'customers', customer, { phone: '222', note: 'x', billing: { address_1: 'new' } });
    await edit(world, 'keap', 'companies', company, { phone_number: { number: '333' } });
    await sync(world, 'changes', 'company-customer');
    expect(await issueOf(world, 'company-customer', 'keap', company)).toMatchObject({
      kind: 'review',
      code: 'CONFLICT',
      property: 'phone_number.number',
      reason: expect.stringContaining('changed on both sides'),
    });
    expect((await read(world, 'shop', 'customers', customer)).phone).toBe('222');
    expect(await read(world, 'keap', 'companies', company)).toMatchObject({
      phone_number: { number: '333' },
      address: { line1: 'new' },
    });
    expect(await world.engine.queues.reconcile('company-customer').getFailedCount()).toBe(0);
    await expectQuiet(world, 'company-customer');

    // It stays one while others are edited, and ends when both sides say the same.
    await edit(world, 'keap', 'companies', company, { notes: 'later' });
    await sync(world, 'changes', 'company-customer');
    expect(await issueOf(world, 'company-customer', 'keap', company)).toMatchObject({ kind: 'review' });
    expect((await read(world, 'shop', 'customers', customer)).note).toBe('later');
    await edit(world, 'shop', 'customers', customer, { phone: '333' });
    await sync(world, 'changes', 'company-customer');
    expect(await issueOf(world, 'company-customer', 'keap', company)).toBeUndefined();
    await edit(world, 'shop', 'customers', customer, { phone: '444' });
    await sync(world, 'changes', 'company-customer');
    expect((await read(world, 'keap', 'companies', company)).phone_number.number).toBe('444');
  });

  it.each([0, 1] as const)('for a person, decided for side %i: that value wins, the other is kept', async (winner) => {
    const { company, customer } = await pair({ phone_number: { number: '1' } });
    await edit(world, 'shop', 'customers', customer, { phone: '222' });
    await edit(world, 'keap', 'companies', company, { phone_number: { number: '333' } });
    await sync(world, 'changes', 'company-customer');
    await resolveConflict(scopeOf(world, 'company-customer'), { side: 0, id: company }, winner);
    await world.settle();
    const phone = winner === 0 ? '333' : '222';
    expect((await read(world, 'shop', 'customers', customer)).phone).toBe(phone);
    expect((await read(world, 'keap', 'companies', company)).phone_number.number).toBe(phone);
    expect(await issueOf(world, 'company-customer', 'keap', company)).toBeUndefined();
    expect(await world.engine.links('company-customer').history.history(company)).toMatchObject([
      { property: 'phone_number.number', value: winner === 0 ? '222' : '333' },
    ]);
    await expectQuiet(world, 'company-customer');
  });

  it('for a person at first contact overwrites neither value', async () => {
    const company_name = unique('First');
    const company = await make(world, 'keap', 'companies', { company_name, phone_number: { number: '1' } });
    const customer = await make(world, 'shop', 'customers', {
      company: company_name,
      phone: '2',
      billing: { address_1: 'filled' },
    });
    await reconcile(world, 'company-customer', 'keap', company);
    expect(await linked(world, 'company-customer', 'keap', company)).toBe(customer);
    expect(await issueOf(world, 'company-customer', 'keap', company)).toMatchObject({
      kind: 'review',
      property: 'phone_number.number',
    });
    expect(await read(world, 'keap', 'companies', company)).toMatchObject({
      phone_number: { number: '1' },
      address: { line1: 'filled' },
    });
    expect((await read(world, 'shop', 'customers', customer)).phone).toBe('2');
  });
});

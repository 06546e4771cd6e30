/**
 * A create whose answer is lost may have been done. Each way of finding out is tested alone: by the correlation property,
 * by a match rule that the target can search, among what was changed there since; by an idempotency key where nothing
 * can be searched; and where that is missing too, a person is asked.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createByHand } from '../../../engine/sync/manual.ts';
import type { FaultRule } from '../../../sandbox/kit/faults.ts';
import { linksIn } from '../../support/links.ts';
import { type Change, changeFiles, replaced, type World } from '../../support/world.ts';
import {
  all,
  edit,
  issueOf,
  linked,
  type MappingName,
  make,
  product,
  reconcile,
  type SystemName,
  scopeOf,
  sync,
  unique,
  worldWith,
} from './support.ts';

let world: World;

const SHOP = 'systems/customwebshop.yaml';
const PRODUCTS = 'mappings/product-product.yaml';
const NO_IDEMPOTENCY = [/ idempotency: Idempotency-Key,/g, ''] as const;
/** Neither searched nor listed by time: nothing tells whether the shop has a product already. */
const NO_SEARCH = [
  [/( {4}read: \{ path: "\/products\/\{id\}" \}\n) {4}find:\n(?: {6}.*\n)+/, '$1'],
  [/(path: \/products\n(?: {6}.*\n)*?) {6}since:.*\n/, '$1'],
] as const;
const NO_CORRELATION = [/correlate:\n(?: {2}.*\n)+/, ''] as const;

function start(files: Readonly<Record<string, Change>>): void {
  const started = worldWith({ retryDelay: 1_000, lag: '2s', files });
  beforeAll(() => {
    world = started;
  });
  afterEach(() => {
    world.keap.faults.clear();
    world.shop.faults.clear();
  });
}

/** Begins a create that meets a fault, and holds up its next try until `goOn`. */
async function begin(
  mapping: MappingName,
  from: SystemName,
  id: string,
  fault: Pick<FaultRule, 'action' | 'path'>,
): Promise<void> {
  const target = from === 'keap' ? world.shop : world.keap;
  target.faults.add({ method: 'POST', times: 1, ...fault });
  await world.engine.context({ owner: 'test' }).enqueue(mapping, from === 'keap' ? 0 : 1, [id]);
  await expect.poll(() => target.faults.list()[0]!.hits, { interval: 5 }).toBe(1);
  await world.engine.queues.reconcile(mapping).pause();
}
async function goOn(mapping: MappingName): Promise<void> {
  await world.engine.queues.reconcile(mapping).resume();
  await world.settle();
}

const posts = (system: SystemName, path: string): number =>
  world[system].requests.since().filter((request) => request.method === 'POST' && request.path.endsWith(path)).length;

describe('the result of a create whose answer was lost is found', () => {
  start({ [SHOP]: replaced(NO_IDEMPOTENCY) });

  it('by the correlation property, whatever else of it was edited', async () => {
    const name = unique('once');
    const company = await make(world, 'keap', 'companies', { company_name: name });
    await begin('company-customer', 'keap', company, { path: '/customers', action: 'lose-response' });
    const made = () => all(world, 'shop', 'customers').filter((one) => one.external_id === company);
    await expect.poll(made).toHaveLength(1);
    await edit(world, 'shop', 'customers', String(made()[0].id), {
      company: `${name} Ltd`,
      email: `${name}@x.example`,
    });
    const before = posts('shop', '/customers');
    await goOn('company-customer');
    expect(await linked(world, 'company-customer', 'keap', company)).toBe(String(made()[0].id));
    expect(posts('shop', '/customers')).toBe(before);
    expect(all(world, 'keap', 'companies').filter((one) => one.id === company)).toMatchObject([
      { company_name: `${name} Ltd`, email_address: { email: `${name}@x.example` } },
    ]);
  });

  it('by a match rule that the target can search', async () => {
    const email = `${unique('once')}@x.example`;
    const customer = await make(world, 'shop', 'customers', { email, first_name: 'Ada' });
    await begin('contact-customer', 'shop', customer, { path: '/crm/rest/v2/contacts', action: 'lose-response' });
    const made = () => all(world, 'keap', 'contacts').filter((one) => one.email_addresses?.[0]?.email === email);
    await expect.poll(made).toHaveLength(1);
    const n = world.keap.requests.last;
    await goOn('contact-customer');
    expect(await linked(world, 'contact-customer', 'shop', customer)).toBe(made()[0].id);
    expect(made()).toHaveLength(1);
    const asked = world.keap.requests.since(n).map(({ path }) => decodeURIComponent(path));
    expect(asked.some((path) => path.includes(`email==${email}`))).toBe(true);
  });

  it('among what was changed since, where no rule can be searched', async () => {
    const name = unique('once');
    // Without a sku: Keap searches products by that only.
    const { sku: _, ...fields } = product(name);
    const made = () => all(world, 'keap', 'products').filter((one) => one.name === name);
    const id = await make(world, 'shop', 'products', { ...fields, price: '1.00' });
    await begin('product-product', 'shop', id, { path: '/crm/rest/v2/products', action: 'lose-response' });
    await expect.poll(made).toHaveLength(1);
    await goOn('product-product');
    expect(await linked(world, 'product-product', 'shop', id)).toBe(made()[0].id);
    expect(made()).toHaveLength(1);
  });

  it('by a person when it was edited since and nothing else identifies it: neither is made again', async () => {
    const title = unique('once');
    const customer = await make(world, 'shop', 'customers', { email: `${title}@x.example`, first_name: 'Ada' });
    await reconcile(world, 'contact-customer', 'shop', customer);
    const contact = await linked(world, 'contact-customer', 'shop', customer);
    const orders = () => all(world, 'shop', 'orders').filter((one) => one.title === title);
    const made = () => all(world, 'keap', 'opportunities').filter((one) => one.opportunity_title === title);
    const order = await make(world, 'shop', 'orders', {
      title,
      customer_id: Number(customer),
      status: 'completed',
      note: 'as it was',
    });
    await begin('opportunity-order', 'shop', order, { path: '/crm/rest/v2/opportunities', action: 'lose-response' });
    await expect.poll(made).toHaveLength(1);
    const result = String(made()[0].id);
    await edit(world, 'keap', 'opportunities', result, { opportunity_notes: 'edited' });
    await goOn('opportunity-order');
    await sync(world, 'full');
    const doubt = { kind: 'review', code: 'OUTCOME_UNKNOWN' };
    expect(await issueOf(world, 'opportunity-order', 'shop', order)).toMatchObject(doubt);
    expect(await issueOf(world, 'opportunity-order', 'keap', result)).toMatchObject(doubt);
    expect([orders().length, made().length]).toEqual([1, 1]);
    // What is nothing like it goes on.
    const other = unique('other');
    const another = await make(world, 'keap', 'opportunities', {
      opportunity_title: other,
      contact_id: contact,
      stage_id: '27',
      opportunity_notes: 'another',
    });
    await reconcile(world, 'opportunity-order', 'keap', another);
    await linked(world, 'opportunity-order', 'keap', another);
  });

  it('by a person when the mapping was edited since and nothing identifies it: neither is made again', async () => {
    const name = unique('Once');
    const id = await make(world, 'shop', 'products', { name, price: '1.00', short_description: 'x' });
    const made = () => all(world, 'keap', 'products').filter((one) => one.name === name);
    await begin('product-product', 'shop', id, { path: '/crm/rest/v2/products', action: 'lose-response' });
    await expect.poll(made).toHaveLength(1);
    const file = join(world.dir, 'mappings', 'product-product.yaml');
    const text = await readFile(file, 'utf8');
    const version = () => world.engine.config.current().mappings.get('product-product')?.version;
    const before = version();
    await changeFiles(world.dir, {
      [PRODUCTS]: replaced(
        [/ {2}- keap: name\n {4}customwebshop: name\n {4}onMatch: review.*\n/, ''],
        [/ {4}required: true\n/, '$&    equal: [case]\n'],
      ),
    });
    await expect.poll(version, { timeout: 5_000 }).not.toBe(before);
    await goOn('product-product');
    await sync(world, 'full', 'product-product');
    expect(made()).toHaveLength(1);
    expect(all(world, 'shop', 'products').filter((one) => one.name === name)).toHaveLength(1);
    const doubt = { kind: 'review', code: 'OUTCOME_UNKNOWN' };
    expect(await issueOf(world, 'product-product', 'shop', id)).toMatchObject(doubt);
    expect(await issueOf(world, 'product-product', 'keap', made()[0].id)).toMatchObject(doubt);
    // The edit is taken back.
    await writeFile(file, text);
    await expect.poll(version, { timeout: 5_000 }).toBe(before);
    await sync(world, 'full', 'product-product');
    expect(await linked(world, 'product-product', 'shop', id)).toBe(made()[0].id);
  });

  it('although searches and lists show it late: it is searched for again, and not created again', async () => {
    const name = unique('once');
    const company = await make(world, 'keap', 'companies', { company_name: name });
    await begin('company-customer', 'keap', company, { path: '/customers', action: 'lose-response' });
    const before = posts('shop', '/customers');
    world.shop.faults.add({ method: 'GET', path: '^/customers[?]', action: 'empty-list' });
    await world.engine.queues.reconcile('company-customer').resume();
    await expect.poll(() => world.shop.faults.list().at(-1)!.hits, { interval: 5, timeout: 10_000 }).toBeGreaterThan(1);
    world.shop.faults.clear();
    await world.settle();
    const made = all(world, 'shop', 'customers').filter((one) => one.external_id === company);
    expect(made).toHaveLength(1);
    expect(await linked(world, 'company-customer', 'keap', company)).toBe(String(made[0].id));
    expect(posts('shop', '/customers')).toBe(before);
  });

  it('not to be there where it was not made: then it is made', async () => {
    const name = unique('once');
    const company = await make(world, 'keap', 'companies', { company_name: name });
    await begin('company-customer', 'keap', company, { path: '/customers', action: 'reset' });
    await goOn('company-customer');
    await linked(world, 'company-customer', 'keap', company);
    expect(all(world, 'shop', 'customers').filter((one) => one.company === name)).toHaveLength(1);
  });

  it('by the id that the system answered, however long it does not show the record', async () => {
    const name = unique('once');
    const customer = await make(world, 'shop', 'customers', { company: name, email: `${name}@x.example` });
    const before = posts('keap', '/companies');
    const { last } = world.keap.requests;
    world.keap.faults.add({ method: 'GET', path: '^/crm/rest/v2/companies/', action: 'status', status: 404, body: {} });
    world.keap.faults.add({ method: 'GET', path: '^/crm/rest/v2/companies[?]', action: 'empty-list' });
    await world.engine.context({ owner: 'test' }).enqueue('company-customer', 1, [customer]);
    const made = () => all(world, 'keap', 'companies').filter((one) => one.company_name === name);
    await expect.poll(made).toHaveLength(1);
    // Several tries meet a system that does not know the record.
    const looks = () =>
      world.keap.requests.since(last).filter(({ path }) => path.endsWith(`/companies/${made()[0].id}`));
    await expect.poll(() => looks().length, { timeout: 15_000 }).toBeGreaterThan(3);
    world.keap.faults.clear();
    // Not shown for longer than reads may lag, it may have been deleted, and a person is asked. A scan that meets it links it.
    await sync(world, 'changes', 'company-customer');
    expect(await linked(world, 'company-customer', 'shop', customer)).toBe(made()[0].id);
    expect(posts('keap', '/companies')).toBe(before + 1);
  });
});

describe('the id that a create answered', () => {
  const FAILS = [
    /^between:\n/m,
    `when: { customwebshop: "name = 'unreadable' ? $error('no') : true" }\nbetween:\n`,
  ] as const;
  start({ [SHOP]: replaced(NO_IDEMPOTENCY), [PRODUCTS]: replaced(FAILS) });

  it('is kept where an expression fails on the record: it is linked once that is corrected, and not created again', async () => {
    const id = await make(world, 'keap', 'products', product('unreadable'));
    const before = posts('shop', '/products');
    await reconcile(world, 'product-product', 'keap', id);
    const [made] = all(world, 'shop', 'products').filter((one) => one.name === 'unreadable');
    const { pendingCreate } = linksIn(world.engine.links('product-product'));
    const pending = (await pendingCreate(0, id))!;
    expect(pending).toMatchObject({ made: String(made.id), review: true });
    expect(pending.madeAt).toBeGreaterThanOrEqual(pending.at);
    await edit(world, 'shop', 'products', String(made.id), { name: 'corrected', external_id: '', sku: '' });
    await reconcile(world, 'product-product', 'keap', id);
    expect(await linked(world, 'product-product', 'keap', id)).toBe(String(made.id));
    expect(posts('shop', '/products')).toBe(before + 1);
  });

  it('is kept with the note that all was stored: a value that a person clears before the two are linked is cleared', async () => {
    const id = await make(world, 'keap', 'products', { ...product(unique('cleared')), weight: 5 });
    const next = String(Math.max(...all(world, 'shop', 'products').map((one) => Number(one.id))) + 1);
    const { batches, reader } = world.engine.links('product-product');
    // Somebody else works on the new record, by its event, say.
    await batches.claim('somebody', [`1/${next}`], 60_000);
    await world.engine.context({ owner: 'test' }).enqueue('product-product', 0, [id]);
    const { pendingCreate } = linksIn(world.engine.links('product-product'));
    await expect.poll(() => pendingCreate(0, id)).toMatchObject({ made: next, intactAt: expect.stringMatching(/^2/) });
    await edit(world, 'shop', 'products', next, { weight: null });
    await batches.releaseTaken('somebody', [{ records: [], claims: [`1/${next}`] }]);
    await expect.poll(() => reader.counterpart(0, id), { timeout: 10_000 }).toBe(next);
    const weight = () => all(world, 'keap', 'products').find((one) => one.id === id)?.weight ?? null;
    await expect.poll(weight).toBeNull();
    expect(await issueOf(world, 'product-product', 'keap', id)).toBeUndefined();
  });
});

describe('where nothing can be searched', () => {
  const made = (name: string) => all(world, 'shop', 'products').filter((one) => one.name === name);

  describe('an idempotency key', () => {
    start({ [SHOP]: replaced(...NO_SEARCH), [PRODUCTS]: replaced(NO_CORRELATION) });

    it.each(['lose-response', 'reset'] as const)('makes it safe to send the same again (%s)', async (action) => {
      const name = unique('once');
      const id = await make(world, 'keap', 'products', product(name));
      const before = posts('shop', '/products');
      await begin('product-product', 'keap', id, { path: '/products', action });
      const { key } = (await linksIn(world.engine.links('product-product')).pendingCreate(0, id))!;
      expect(key).not.toBe('');
      await goOn('product-product');
      expect(posts('shop', '/products')).toBe(before + 2);
      expect(made(name)).toHaveLength(1);
      expect(await linked(world, 'product-product', 'keap', id)).toBe(String(made(name)[0].id));
    });

    it('is no help once the record was edited: other content may not go under the same key', async () => {
      const name = unique('once');
      const id = await make(world, 'keap', 'products', product(name));
      const before = posts('shop', '/products');
      await begin('product-product', 'keap', id, { path: '/products', action: 'lose-response' });
      await edit(world, 'keap', 'products', id, { description: 'edited' });
      await goOn('product-product');
      expect(await issueOf(world, 'product-product', 'keap', id)).toMatchObject({
        kind: 'review',
        code: 'OUTCOME_UNKNOWN',
      });
      expect(posts('shop', '/products')).toBe(before + 1);
    });
  });

  describe('and no idempotency key is taken', () => {
    start({ [SHOP]: replaced(NO_IDEMPOTENCY, ...NO_SEARCH), [PRODUCTS]: replaced(NO_CORRELATION) });

    it('a create by hand without a response is left to a person again, and nothing waits for it without end', async () => {
      const id = await make(world, 'keap', 'products', product(unique('once')));
      await begin('product-product', 'keap', id, { path: '/products', action: 'reset' });
      await goOn('product-product');
      const { pendingCreate } = linksIn(world.engine.links('product-product'));
      const { key } = (await pendingCreate(0, id))!;
      world.shop.faults.add({ method: 'POST', path: '/products', times: 1, action: 'reset' });
      const byHand = createByHand(scopeOf(world, 'product-product'), { side: 0, id });
      await expect(byHand).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
      expect((await pendingCreate(0, id))!.key).not.toBe(key);
      await world.settle();
      expect(await pendingCreate(0, id)).toMatchObject({ review: true });
    });

    it('a person is asked and nothing is sent again, until the result itself is read', async () => {
      const name = unique('once');
      const id = await make(world, 'keap', 'products', product(name));
      const before = posts('shop', '/products');
      await begin('product-product', 'keap', id, { path: '/products', action: 'lose-response' });
      await goOn('product-product');
      await edit(world, 'keap', 'products', id, { description: 'edited' });
      await reconcile(world, 'product-product', 'keap', id);
      expect(await issueOf(world, 'product-product', 'keap', id)).toMatchObject({
        kind: 'review',
        code: 'OUTCOME_UNKNOWN',
      });
      expect(posts('shop', '/products')).toBe(before + 1);
      await sync(world, 'full');
      expect(await linked(world, 'product-product', 'keap', id)).toBe(String(made(name)[0].id));
      expect(made(name)).toMatchObject([{ description: 'edited' }]);
      expect(posts('shop', '/products')).toBe(before + 1);
      expect(all(world, 'keap', 'products').filter((one) => one.name === name)).toHaveLength(1);
    });
  });
});

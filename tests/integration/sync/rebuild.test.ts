/** Redis loses everything after a full sync: another one links what belongs together again, and makes nothing twice. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createByHand, linkByHand, unlinkByHand } from '../../../engine/sync/manual.ts';
import type { Size } from '../../../sandbox/seed/index.ts';
import { linksIn } from '../../support/links.ts';
import type { World } from '../../support/world.ts';
import {
  all,
  counterpart,
  edit,
  expectQuiet,
  issueOf,
  laterThan,
  linked,
  type MappingName,
  make,
  read,
  reconcile,
  remove,
  scopeOf,
  sync,
  unique,
  wipe,
  worldWith,
  writes,
} from './support.ts';

const ENTITIES: Record<MappingName, readonly [keap: string, shop: string]> = {
  'company-customer': ['companies', 'customers'],
  'contact-customer': ['contacts', 'customers'],
  'product-product': ['products', 'products'],
  'opportunity-order': ['opportunities', 'orders'],
};
const MAPPINGS = Object.keys(ENTITIES) as MappingName[];

/** Records of every entity, counted through the systems' own APIs. */
async function counts(world: World): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const entity of ['companies', 'contacts', 'products', 'opportunities']) {
    let count = 0;
    for (let token = ''; ; ) {
      const page = await world.keapApi('GET', `/v2/${entity}?page_size=1000${token}`);
      count += page[entity].length;
      if (!page.next_page_token) break;
      token = `&page_token=${encodeURIComponent(page.next_page_token)}`;
    }
    found[`keap ${entity}`] = count;
  }
  for (const entity of ['customers', 'products', 'orders']) {
    let count = 0;
    for (let page = 1; ; page++) {
      const records = await world.shopApi('GET', `/${entity}?per_page=100&page=${page}`);
      count += records.length;
      if (records.length < 100) break;
    }
    found[`shop ${entity}`] = count;
  }
  return found;
}

/** Every link, by mapping. */
async function linksOf(world: World): Promise<Record<MappingName, Map<string, string>>> {
  const found = {} as Record<MappingName, Map<string, string>>;
  for (const name of MAPPINGS) {
    found[name] = new Map();
    for await (const batch of linksIn(world.engine.links(name)).all())
      for (const [a, b] of batch) found[name].set(a, b);
  }
  return found;
}

/** Links of `before` that are not in `after`; each of their records must be in review. */
async function lostLinks(
  world: World,
  before: Record<MappingName, Map<string, string>>,
  after: Record<MappingName, Map<string, string>>,
): Promise<string[]> {
  const lost: string[] = [];
  for (const name of MAPPINGS) {
    for (const [a, b] of before[name]) {
      if (after[name].get(a) === b) continue;
      lost.push(`${name} ${a} ${b}`);
      expect(await issueOf(world, name, 'keap', a), `${name} keap ${a}`).toMatchObject({ kind: 'review' });
      expect(await issueOf(world, name, 'shop', b), `${name} shop ${b}`).toMatchObject({ kind: 'review' });
    }
  }
  return lost;
}

const sizeOf = (links: Record<MappingName, Map<string, string>>): number =>
  MAPPINGS.reduce((sum, name) => sum + links[name].size, 0);

describe('after a full sync of real-looking data', () => {
  const world = worldWith({ size: (process.env.REBUILD_SIZE as Size | undefined) ?? 'small', timeout: 300_000 });

  it('a full sync after the loss of all links restores them, and writes nothing', async () => {
    const [before, links] = [await counts(world), await linksOf(world)];
    const writesBefore = writes(world);
    await wipe(world);
    expect(sizeOf(await linksOf(world))).toBe(0);
    await sync(world, 'full');
    const rebuilt = await linksOf(world);
    const lost = await lostLinks(world, links, rebuilt);
    console.info(
      `rebuilt ${sizeOf(rebuilt)} of ${sizeOf(links)} links (${MAPPINGS.map((name) => `${name} ${rebuilt[name].size}/${links[name].size}`).join(', ')}); in review: ${lost.length}; writes: ${writes(world).map((n, i) => n - writesBefore[i]!)}`,
    );
    expect(await counts(world)).toEqual(before);
    expect(writes(world)).toEqual(writesBefore);
    expect(lost).toEqual([]);
    // To the brake this is no first sync: what were created now would be counted.
    expect(await world.engine.links('company-customer').progress.firstRead()).toBe(0);
    await expectQuiet(world);
  });

  it('a full sync after the loss of all links makes nothing twice, and makes new records once', async () => {
    const [before, links] = [await counts(world), await linksOf(world)];
    const [company, customer] = [...links['company-customer']][0]!;
    const [product, article] = [...links['product-product']][0]!;
    const [opportunity, order] = [...links['opportunity-order']][0]!;
    await wipe(world);
    await edit(world, 'keap', 'companies', company, { notes: 'edited in Keap' });
    await edit(world, 'shop', 'products', article, { description: 'edited in the shop' });
    await edit(world, 'keap', 'opportunities', opportunity, { next_action_notes: 'edited in Keap' });
    const fresh = unique('Fresh');
    const made = {
      company: await make(world, 'keap', 'companies', { company_name: fresh }),
      customer: await make(world, 'shop', 'customers', { company: `${fresh} shop`, email: `${fresh}@example.com` }),
      product: await make(world, 'keap', 'products', { name: fresh, price: 100, short_description: 'x' }),
    };
    // Events of records that are linked and of new ones, while nothing has been read yet.
    await world.engine.events('keap', [
      { event: 'company.edit', id: company },
      { event: 'company.add', id: made.company },
      { event: 'product.add', id: made.product },
    ]);
    await world.engine.events('customwebshop', [
      { event: 'customer.created', id: made.customer },
      { event: 'order.updated', id: order },
      { event: 'product.updated', id: article },
    ]);
    await sync(world, 'full');
    expect(await lostLinks(world, links, await linksOf(world))).toEqual([]);
    expect(await counts(world)).toEqual({
      ...before,
      // Each side's new company is made on the other; the new customer has a person in Keap as well.
      'keap companies': before['keap companies']! + 2,
      'shop customers': before['shop customers']! + 2,
      'keap contacts': before['keap contacts']! + 1,
      'keap products': before['keap products']! + 1,
      'shop products': before['shop products']! + 1,
    });
    expect((await read(world, 'shop', 'customers', customer)).note).toBe('edited in Keap');
    expect((await read(world, 'keap', 'products', product)).description).toBe('edited in the shop');
    expect((await read(world, 'shop', 'orders', order)).next_step).toBe('edited in Keap');
    await linked(world, 'company-customer', 'keap', made.company);
    await linked(world, 'company-customer', 'shop', made.customer);
    await linked(world, 'product-product', 'keap', made.product);
    await expectQuiet(world);
  });
});

describe('what a record names', () => {
  const world = worldWith();

  const company = (name: string, more: object = {}) =>
    make(world, 'keap', 'companies', { company_name: name, ...more });
  const customer = (name: string, more: object = {}) => make(world, 'shop', 'customers', { company: name, ...more });
  const names = async (id: string) => (await read(world, 'shop', 'customers', id)).external_id;
  /** A company and its customer, which Tandem made for it. */
  async function pair(): Promise<{ keap: string; shop: string; name: string }> {
    const name = unique('Named');
    const keap = await company(name);
    await sync(world, 'changes', 'company-customer');
    return { name, keap, shop: await linked(world, 'company-customer', 'keap', keap) };
  }
  const customers = () => all(world, 'shop', 'customers').length;
  const companies = () => all(world, 'keap', 'companies').length;

  it('is the id of its counterpart, whichever of the two was made for the other', async () => {
    const { keap, shop } = await pair();
    expect(await names(shop)).toBe(keap);
    const own = await customer(unique('Shop'));
    await sync(world, 'changes', 'company-customer');
    expect(await names(own)).toBe(await linked(world, 'company-customer', 'shop', own));
    await expectQuiet(world, 'company-customer');
  });

  it('counts more than match keys that were edited since', async () => {
    const { keap, shop } = await pair();
    await wipe(world);
    await edit(world, 'shop', 'customers', shop, { company: unique('Renamed') });
    const count = [companies(), customers()];
    await sync(world, 'full', 'company-customer');
    expect(await counterpart(world, 'company-customer', 'keap', keap)).toBe(shop);
    expect([companies(), customers()]).toEqual(count);
  });

  it('is written where a person links two records, and taken out where a person parts them', async () => {
    const keap = await company(unique('Left'));
    const shop = await customer(unique('Right'));
    await linkByHand(scopeOf(world, 'company-customer'), [keap, shop]);
    await world.settle();
    expect(await names(shop)).toBe(keap);
    await wipe(world);
    await sync(world, 'full', 'company-customer');
    expect(await counterpart(world, 'company-customer', 'keap', keap)).toBe(shop);
    await expectQuiet(world, 'company-customer');

    await unlinkByHand(scopeOf(world, 'company-customer'), [keap, shop]);
    expect(await names(shop)).toBeNull();
    expect(await counterpart(world, 'company-customer', 'keap', keap)).toBeUndefined();
  });

  describe('that has to wait', () => {
    const MAPPING = 'company-customer';
    const refusing = (id = '') =>
      world.shop.faults.add({
        method: 'PATCH',
        path: `/customers/${id}`,
        action: 'status',
        status: 422,
        body: { message: 'not now' },
      });
    beforeEach(() => sync(world, 'full', MAPPING));
    afterEach(() => world.shop.faults.clear());
    const byHand = async (keap: string, shop: string) => {
      await linkByHand(scopeOf(world, MAPPING), [keap, shop]);
      await world.settle();
    };

    it('is written once the records take part', async () => {
      const keap = await make(world, 'keap', 'companies', { company_name: unique('Out') });
      await edit(world, 'keap', 'companies', keap, { company_name: null });
      const shop = await customer(unique('Other'));
      await byHand(keap, shop);
      expect(await issueOf(world, MAPPING, 'keap', keap)).toMatchObject({ kind: 'paused' });
      await expectQuiet(world, MAPPING);
      expect(await names(shop)).toBeNull();
      await edit(world, 'keap', 'companies', keap, { company_name: unique('In') });
      await sync(world, 'changes', MAPPING);
      expect(await names(shop)).toBe(keap);
      await expectQuiet(world, MAPPING);
    });

    it('is written once the record takes the values that it refused', async () => {
      const shop = await customer(unique('Strict'), { external_id: 'somebody' });
      const keap = await company(unique('Refused'), { website: 'https://a.example' });
      refusing(shop);
      await byHand(keap, shop);
      expect(await issueOf(world, MAPPING, 'keap', keap)).toMatchObject({ kind: 'failed' });
      await expectQuiet(world, MAPPING);
      world.shop.faults.clear();
      await edit(world, 'keap', 'companies', keap, { website: 'https://b.example' });
      await sync(world, 'changes', MAPPING);
      expect(await read(world, 'shop', 'customers', shop)).toMatchObject({
        external_id: keap,
        website: 'https://b.example',
      });
      await expectQuiet(world, MAPPING);
    });

    it.each(['linked by hand', 'made for it'])(
      'is not written again after a refusal until the record itself is edited (%s)',
      async (how) => {
        let keap: string | undefined;
        if (how === 'linked by hand') {
          keap = await company(unique('Older'));
          await laterThan(await read(world, 'keap', 'companies', keap));
        }
        const shop = await customer(unique('Newer'));
        refusing(shop);
        if (keap === undefined) await sync(world, 'changes', MAPPING);
        else await byHand(keap, shop);
        keap ??= await linked(world, MAPPING, 'shop', shop);
        expect(await issueOf(world, MAPPING, 'keap', keap)).toBeUndefined();
        await expectQuiet(world, MAPPING);
        world.shop.faults.clear();
        // Neither a look at it nor an edit of the other record tries again; one of this record does.
        await reconcile(world, MAPPING, 'shop', shop);
        await edit(world, 'keap', 'companies', keap, { website: 'https://later.example' });
        await sync(world, 'changes', MAPPING);
        expect(await read(world, 'shop', 'customers', shop)).toMatchObject({
          website: 'https://later.example',
          external_id: null,
        });
        await edit(world, 'shop', 'customers', shop, { note: 'edited' });
        await sync(world, 'changes', MAPPING);
        expect(await names(shop)).toBe(keap);
        await expectQuiet(world, MAPPING);
      },
    );
  });

  it('goes to a review when two records name the same one', async () => {
    const { keap, shop, name } = await pair();
    await wipe(world);
    const copy = await customer(name, { external_id: keap });
    const count = [companies(), customers()];
    await sync(world, 'full', 'company-customer');
    for (const id of [shop, copy])
      expect(await issueOf(world, 'company-customer', 'shop', id)).toMatchObject({ kind: 'review' });
    expect(await issueOf(world, 'company-customer', 'keap', keap)).toMatchObject({
      kind: 'review',
      candidates: expect.arrayContaining([`1/${shop}`, `1/${copy}`]),
    });
    expect([companies(), customers()]).toEqual(count);
    // Once one of them names nobody any more, the other is the counterpart.
    await edit(world, 'shop', 'customers', copy, { external_id: null, company: unique('Other') });
    await sync(world, 'full', 'company-customer');
    expect(await counterpart(world, 'company-customer', 'keap', keap)).toBe(shop);
    expect(await counterpart(world, 'company-customer', 'shop', copy)).toBeDefined();
  });

  it('goes to a review when the named record is linked to another one', async () => {
    const { keap, shop, name } = await pair();
    const copy = await customer(name, { external_id: keap });
    const count = [companies(), customers()];
    await sync(world, 'changes', 'company-customer');
    expect(await issueOf(world, 'company-customer', 'shop', copy)).toMatchObject({
      kind: 'review',
      reason: expect.stringContaining('linked to another one'),
    });
    expect(await counterpart(world, 'company-customer', 'keap', keap)).toBe(shop);
    expect([companies(), customers()]).toEqual(count);
  });

  it('is not created again when it is gone, until a person says so', async () => {
    const { keap, shop } = await pair();
    await remove(world, 'keap', 'companies', keap);
    await wipe(world);
    const count = companies();
    await sync(world, 'full', 'company-customer');
    expect(await issueOf(world, 'company-customer', 'shop', shop)).toMatchObject({
      kind: 'review',
      reason: expect.stringContaining('does not have'),
    });
    expect(companies()).toBe(count);
    await createByHand(scopeOf(world, 'company-customer'), { side: 1, id: shop });
    await world.settle();
    expect(await names(shop)).toBe(await linked(world, 'company-customer', 'shop', shop));
    expect(companies()).toBe(count + 1);
    await expectQuiet(world, 'company-customer');
  });

  it('goes to a review when match keys lead to another record', async () => {
    const { keap, shop, name } = await pair();
    await wipe(world);
    const elsewhere = unique('Elsewhere');
    const rival = await company(elsewhere);
    await edit(world, 'shop', 'customers', shop, { company: elsewhere });
    const count = [companies(), customers()];
    await sync(world, 'full', 'company-customer');
    expect(await issueOf(world, 'company-customer', 'keap', keap)).toMatchObject({ kind: 'review' });
    expect(await issueOf(world, 'company-customer', 'keap', rival)).toMatchObject({ kind: 'review' });
    expect(await issueOf(world, 'company-customer', 'shop', shop)).toMatchObject({ kind: 'review' });
    expect([companies(), customers()]).toEqual(count);
    // Named so again, the pair has a match key in common: the rival is a company of its own.
    await edit(world, 'shop', 'customers', shop, { company: name });
    await sync(world, 'full', 'company-customer');
    expect(await counterpart(world, 'company-customer', 'keap', keap)).toBe(shop);
    expect(await linked(world, 'company-customer', 'keap', rival)).not.toBe(shop);
  });

  it('is linked though it does not take part at the moment: paused, as before', async () => {
    const one = await pair();
    const two = await pair();
    await edit(world, 'keap', 'companies', one.keap, { company_name: '' });
    await edit(world, 'shop', 'customers', two.shop, { last_name: 'Person', company: null });
    await wipe(world);
    const count = [companies(), customers()];
    await sync(world, 'full', 'company-customer');
    for (const { keap, shop } of [one, two]) {
      expect(await counterpart(world, 'company-customer', 'keap', keap)).toBe(shop);
      expect(await issueOf(world, 'company-customer', 'keap', keap)).toMatchObject({ kind: 'paused' });
    }
    expect([companies(), customers()]).toEqual(count);
  });

  it('does not prevent a match when it was never the id of a record', async () => {
    const name = unique('Numbered');
    const keap = await company(name);
    const shop = await customer(name, { external_id: 'ERP/77' });
    await sync(world, 'changes', 'company-customer');
    expect(await counterpart(world, 'company-customer', 'keap', keap)).toBe(shop);
    expect(await names(shop)).toBe('ERP/77');
  });

  it('is searched for before anything is created, for a Redis restored from an older copy knows no better', async () => {
    const links = world.engine.links('company-customer');
    const { since } = await links.progress.readBefore(1);
    const { keap, shop } = await pair();
    await edit(world, 'keap', 'companies', keap, { company_name: unique('Renamed') });
    await links.progress.readThrough(1, 'changes', since);
    // What was linked after the copy was taken: nothing of it is known, but both sides count as read.
    await linksIn(links).unlink(keap, shop);
    for (const [side, id] of [keap, shop].entries()) await linksIn(links).forget(side as 0 | 1, id);
    const count = [companies(), customers()];
    await world.reconcile('company-customer', 0, keap);
    expect(await counterpart(world, 'company-customer', 'keap', keap)).toBe(shop);
    expect([companies(), customers()]).toEqual(count);
  });
});

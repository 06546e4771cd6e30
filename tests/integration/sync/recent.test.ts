/** Before a create the target is asked for what changed there: what its list shows late, and what is new by now, is found. */
import { expect, it, vi } from 'vitest';
import { indexEntry } from '../../../engine/merge/record-state.ts';
import { createRecentReader, withRecent } from '../../../engine/sync/recent.ts';
import type { MappingScope } from '../../../engine/sync/scope.ts';
import { viewRecord } from '../../../engine/sync/view.ts';
import { customers, products } from '../../../sandbox/shop/entities.ts';
import { all, linked, make, reconcile, reconcileOne, scopeOf, unique, worldWith } from './support.ts';

const world = worldWith();

/** A company in Keap, of which the shop is asked before it gets a counterpart. */
async function company(name: string): Promise<string> {
  const id = await make(world, 'keap', 'companies', {
    company_name: name,
    email_address: { email: `${name}@x.example`, field: 'EMAIL1' },
  });
  await reconcile(world, 'company-customer', 'keap', id);
  return linked(world, 'company-customer', 'keap', id);
}

it('a record that appears late in the list, with a time before the last request, is linked and not created again', async () => {
  // The second question ends at what the first one came before.
  for (let i = 0; i < 2; i++) await company(unique('first'));
  const name = unique('late');
  const { store } = world.shop;
  const { id } = store.add('customers', { ...customers.defaults, company: name, email: `${name}@x.example` } as never);
  const updated_at = new Date(Date.now() - 30_000).toISOString();
  store.customers.put({ ...store.customers.get(id)!, updated_at });
  expect(await company(name)).toBe(String(id));
  expect(all(world, 'shop', 'customers').filter((one) => one.company === name)).toHaveLength(1);
});

it('a record that is edited again within the second in which it was read is linked and not created again', async () => {
  const name = unique('again');
  const { store } = world.shop;
  const { id } = store.add('customers', {
    ...customers.defaults,
    company: 'x',
    email: `${name}-former@x.example`,
  } as never);
  const updated_at = new Date(Date.now() - 1_000).toISOString();
  store.customers.put({ ...store.customers.get(id)!, updated_at });
  // It is seen by this create's question, as it is now.
  await company(unique('before'));
  store.customers.put({ ...store.customers.get(id)!, email: `${name}@x.example`, company: name, updated_at });
  expect(await company(name)).toBe(String(id));
  expect(all(world, 'shop', 'customers').filter((one) => one.company === name)).toHaveLength(1);
});

it('a record that the list showed to another batch between two requests of this batch is linked and not created again', async () => {
  const name = unique('between');
  const email = `${name}@x.example`;
  const { id } = world.shop.store.add('customers', { ...customers.defaults, company: name, email } as never);
  const { id: keap } = world.keap.store.add('companies', { company_name: name, email_address: { email } } as never);
  const reader = createRecentReader();
  const scope = withRecent(scopeOf(world, 'company-customer'), {
    // The index was asked already. The other batch of the same worker asks the list first, and so it alone is shown the record.
    read: async (...question) => (await reader.read(...question)) && reader.read(...question),
  });
  const outcome = await reconcileOne(scope, { side: 0, id: keap });
  expect(outcome).toMatchObject({ kind: 'matched', ids: [keap, String(id)] });
});

it('a record that the index pairs with itself by a correlation that was cleared is found by its match key', async () => {
  const sku = unique('unlinked');
  const { id } = world.shop.store.add('products', { ...products.defaults, name: sku, sku } as never);
  const { id: keap } = world.keap.store.add('products', { product_name: sku, sku } as never);
  const scope = scopeOf(world, 'product-product');
  const { unlinked } = scope.links;
  const viewOf = async (side: 0 | 1, one: string) =>
    viewRecord(scope.mapping, side, (await scope.clients[side].read('products', one))!, scope.fingerprinter);
  const views = [await viewOf(0, keap), await viewOf(1, String(id))] as const;
  // A person unlinked the two. A scan that read its page before that puts it into the index while the record is looked at.
  const candidates: typeof unlinked.candidates = async (...question) => {
    await unlinked.index(0, [indexEntry(views[0])]);
    await unlinked.index(1, [indexEntry({ ...views[1], correlationId: keap })]);
    return unlinked.candidates(...question);
  };
  const raced = { ...scope, links: { ...scope.links, unlinked: { ...unlinked, candidates } } };
  const outcome = await reconcileOne(raced, { side: 1, id: String(id) });
  expect(outcome).toMatchObject({ kind: 'matched', ids: [keap, String(id)] });
});

it('creates share one response of the target for two seconds; then the target is asked again', async () => {
  const clock = vi.spyOn(performance, 'now');
  try {
    const read = vi.fn(async () => []);
    const { recent } = withRecent({} as MappingScope, { read });
    for (const [at, questions] of [
      [0, 1],
      [1_999, 1],
      [2_000, 2],
      [3_999, 2],
    ] as const) {
      clock.mockReturnValue(at);
      await recent!(1);
      expect(read).toHaveBeenCalledTimes(questions);
    }
  } finally {
    clock.mockRestore();
  }
});

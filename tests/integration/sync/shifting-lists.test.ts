/** Records that are edited, moved or deleted while a list is read: no edit is missed for good, and nothing is created twice. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { replaced, startWorld, type World } from '../../support/world.ts';
import { all, counterpart, linked, make, read, sync, unique } from './support.ts';

let world: World;
afterEach(async () => {
  vi.restoreAllMocks();
  await world?.close();
});

/** Pages of two products, nothing read twice as overlap, and each edit must find what it replaces. */
function pagesOfTwo(...edits: readonly (readonly [RegExp, string])[]): Promise<World> {
  const products = /( {2}products:\n(?: {4}.*\n)*?)( {6}query: \{ per_page: )100(.*\n.*\n {6}paging: .*size: )100/;
  const shop = replaced([products, '$1$22$32'], [/overlap: 1m/g, 'overlap: 0s'], ...edits);
  // The id of the counterpart cannot be searched for either.
  const mapping = replaced([/correlate:\n(?: {2}.*\n)+/, '']);
  return startWorld({
    files: {
      'systems/customwebshop.yaml': shop,
      ...(edits.length > 0 && { 'mappings/product-product.yaml': mapping }),
    },
  });
}

/** Does something once, when the list of the shop's products is asked for a page. */
function whenPageIsAsked(page: number, act: () => void): void {
  const { requests } = world.shop;
  const begin = requests.begin.bind(requests);
  let done = false;
  vi.spyOn(requests, 'begin').mockImplementation((method, path, route) => {
    if (!done && method === 'GET' && route === '/products' && new RegExp(`[?&]page=${page}(&|$)`).test(path)) {
      done = true;
      act();
    }
    return begin(method, path, route);
  });
}

const products = () => world.shop.store.products;
/** As somebody of the shop edits it; no webhook says so. */
const editInShop = (id: string, fields: object): void => void world.shop.store.edit('products', Number(id), fields);

it('a record counts as read once, even if the list of changes shows it again after the full list', async () => {
  world = await pagesOfTwo([/overlap: 0s/g, 'overlap: 1m']);
  for (let i = 0; i < 5; i++) {
    const sku = unique('twice');
    await make(world, 'shop', 'products', { name: sku, sku, price: '1.00', short_description: 'x' });
  }
  const listed = () => world.shop.requests.since().filter(({ path }) => path.includes('updated_since=')).length;
  const run = await sync(world, 'full', 'product-product');
  expect(listed()).toBeGreaterThan(0);
  expect(run.progress.read).toEqual([0, 5]);
});

describe('an edit is found by the next scan of changes', () => {
  /** Six linked products, by their ids in the shop. */
  async function six(): Promise<string[]> {
    world = await pagesOfTwo();
    const ids: string[] = [];
    for (let i = 0; i < 6; i++) {
      const sku = unique('shift');
      ids.push(await make(world, 'shop', 'products', { name: sku, sku, price: '1.00', short_description: 'x' }));
    }
    await sync(world, 'full');
    return ids;
  }
  const inKeap = async (id: string) =>
    read(world, 'keap', 'products', await linked(world, 'product-product', 'shop', id));

  it('although its page had been read, and a record on a later page was edited after it', async () => {
    const [first, , , , , last] = await six();
    whenPageIsAsked(2, () => {
      editInShop(first!, { description: 'on a page that was read' });
      editInShop(last!, { description: 'on a page that was not' });
    });
    await sync(world, 'full');
    expect(await inKeap(last!)).toMatchObject({ description: 'on a page that was not' });
    vi.restoreAllMocks();
    await sync(world, 'changes');
    expect(await inKeap(first!)).toMatchObject({ description: 'on a page that was read' });
  });

  it('although another record states a time in the future', async () => {
    const [first, second] = await six();
    const odd = products().get(Number(second))!;
    products().put({ ...odd, description: 'odd', updated_at: '2099-01-01T00:00:00.000Z' });
    await sync(world, 'changes');
    expect(await inKeap(second!)).toMatchObject({ description: 'odd' });
    for (const round of [1, 2]) {
      editInShop(first!, { description: `edit ${round}` });
      await sync(world, 'changes');
      expect(await inKeap(first!)).toMatchObject({ description: `edit ${round}` });
    }
  });
});

describe('a first read of a list that shifts makes no duplicate where nothing can be searched', () => {
  const NO_SEARCH = [/( {4}read: \{ path: "\/products\/\{id\}" \}\n) {4}find:\n(?: {6}.*\n)+/, '$1'] as const;
  const NO_CHANGES = [/(path: \/products\n(?: {6}.*\n)*?) {6}since:.*\n/, '$1'] as const;
  const LATEST_FIRST = [/(path: \/products\n {6}query: \{ per_page: 2, sort: )id/, '$1-updated_at'] as const;

  /** Eight products that are in both systems, and belong together by their sku. */
  async function eight(): Promise<string[]> {
    const ids: string[] = [];
    for (let i = 0; i < 8; i++) {
      const sku = unique('both');
      ids.push(await make(world, 'shop', 'products', { name: sku, sku, price: '1.00', short_description: 'x' }));
      await make(world, 'keap', 'products', { name: sku, sku, price: 100, short_description: 'x' });
    }
    return ids;
  }

  async function expectOnce(): Promise<void> {
    for (const system of ['keap', 'shop'] as const) {
      const skus = all(world, system, 'products').map(({ sku }) => sku);
      expect(skus).toEqual([...new Set(skus)]);
    }
    for (const { id } of all(world, 'shop', 'products'))
      expect(await counterpart(world, 'product-product', 'shop', String(id))).toBeDefined();
  }

  it.each([
    ['without a list of changes', [NO_SEARCH, NO_CHANGES]],
    ['with a list of changes', [NO_SEARCH]],
  ])('even if an earlier record is deleted during the read, %s', async (_, edits) => {
    world = await pagesOfTwo(...edits);
    const bystander = await make(world, 'shop', 'products', {
      name: 'bystander',
      price: '1.00',
      short_description: 'x',
    });
    await eight();
    whenPageIsAsked(3, () => void products().delete(Number(bystander)));
    await sync(world, 'full');
    await sync(world, 'full');
    expect(products().get(Number(bystander))).toBeUndefined();
    await expectOnce();
  });

  it.each([
    ['without a list of changes', [NO_SEARCH, NO_CHANGES, LATEST_FIRST]],
    ['with a list of changes', [NO_SEARCH, LATEST_FIRST]],
  ])('even if an edit moves a record to the front of the list, %s', async (_, edits) => {
    world = await pagesOfTwo(...edits);
    const [oldest] = await eight();
    whenPageIsAsked(2, () => editInShop(oldest!, { description: 'edited' }));
    await sync(world, 'full');
    await sync(world, 'full');
    expect(all(world, 'keap', 'products').map(({ description }) => description)).toContain('edited');
    await expectOnce();
  });
});

/** A create whose answer is lost may have been done: until that is known, nothing is made twice and no edit is lost. */

import { afterEach, describe, expect, it } from 'vitest';
import { linksIn } from '../../support/links.ts';
import { all, counterpart, edit, issueOf, linked, make, read, reconcile, sync, unique, worldWith } from './support.ts';

const V2 = '/crm/rest/v2';

const world = worldWith({ retryDelay: 1_000 });
afterEach(() => world.keap.faults.clear());

describe('between a lost answer to a create and its next try', () => {
  /** A create in Keap that is done but not known to be; the next try comes after `goOn`. */
  async function lose(sku: string, fields: object): Promise<string> {
    const product = await make(world, 'shop', 'products', { price: '1.00', short_description: 'x', ...fields });
    world.keap.faults.add({ method: 'POST', path: `${V2}/products`, times: 1, action: 'lose-response' });
    await world.engine.context({ owner: 'test' }).enqueue('product-product', 1, [product]);
    await expect.poll(() => world.keap.faults.list()[0]!.hits, { interval: 5 }).toBe(1);
    await world.engine.queues.reconcile('product-product').pause();
    await expect.poll(() => inKeap(sku)).toHaveLength(1);
    return product;
  }
  async function goOn(): Promise<void> {
    await world.engine.queues.reconcile('product-product').resume();
    await world.settle();
  }
  const inKeap = (name: string) => all(world, 'keap', 'products').filter((one) => one.name === name);

  it('edits of the source arrive, also those that clear a value', async () => {
    const sku = unique('lost');
    const product = await lose(sku, { name: sku, sku, description: 'old', weight: 5 });
    await edit(world, 'shop', 'products', product, { description: null, weight: 6, price: '2.00' });
    await goOn();
    expect(inKeap(sku)).toMatchObject([{ weight: 6, price: 200 }]);
    expect(inKeap(sku)[0].description).toBeUndefined();
    expect(await linked(world, 'product-product', 'shop', product)).toBe(inKeap(sku)[0].id);
  });

  it('edits of the result arrive at the source', async () => {
    const sku = unique('lost');
    const product = await lose(sku, { name: sku, sku, description: 'old' });
    await edit(world, 'keap', 'products', inKeap(sku)[0].id, { description: 'new', weight: 7 });
    await goOn();
    expect(await read(world, 'shop', 'products', product)).toMatchObject({ description: 'new', weight: 7 });
    expect(inKeap(sku)).toHaveLength(1);
  });

  it('an event of the result makes no second source', async () => {
    const name = unique('lost');
    const product = await lose(name, { name });
    await world.engine.events('keap', [{ event: 'product.add', id: inKeap(name)[0].id }]);
    await goOn();
    expect(await linked(world, 'product-product', 'shop', product)).toBe(inKeap(name)[0].id);
    expect(all(world, 'shop', 'products').filter((one) => one.name === name)).toHaveLength(1);
  });

  it.each([
    { what: 'is deleted', change: (id: string) => world.shopApi('DELETE', `/products/${id}`) },
    { what: 'becomes invalid', change: (id: string) => world.shopApi('PATCH', `/products/${id}`, { price: null }) },
  ])(
    'the source $what: new records of the other side go on all the same, and its result is not made again',
    async ({ change }) => {
      const sku = unique('lost');
      const product = await lose(sku, { name: sku, sku });
      await change(product);
      await goOn();
      const name = unique('bystander');
      const bystander = await make(world, 'keap', 'products', { name, price: 100, short_description: 'x' });
      await reconcile(world, 'product-product', 'keap', bystander);
      await linked(world, 'product-product', 'keap', bystander);
      await reconcile(world, 'product-product', 'keap', inKeap(sku)[0].id);
      const result = inKeap(sku)[0].id;
      // Where the source can still be found by its sku the two are linked, else a person is asked.
      const counterpartId = await counterpart(world, 'product-product', 'keap', result);
      if (counterpartId === undefined)
        expect(await issueOf(world, 'product-product', 'keap', result)).toMatchObject({ kind: 'review' });
      else expect(counterpartId).toBe(product);
      expect(all(world, 'shop', 'products').filter((one) => one.sku === sku).length).toBeLessThanOrEqual(1);
    },
  );

  it('the source is deleted: its create is forgotten by a full scan, once its result would have been seen', async () => {
    const sku = unique('lost');
    const links = world.engine.links('product-product');
    const pending = async () => (await linksIn(links).pendingCreates(1)).map(({ id }) => id);
    const product = await lose(sku, { name: sku, sku });
    await world.shopApi('DELETE', `/products/${product}`);
    await goOn();
    await sync(world, 'full', 'product-product');
    expect(await pending()).toContain(product);
    const pendingCreate = (await linksIn(links).pendingCreate(1, product))!;
    await linksIn(links).beginCreate(1, product, { ...pendingCreate, at: pendingCreate.at - 3 * 86_400_000 });
    await sync(world, 'full', 'product-product');
    expect(await pending()).not.toContain(product);
  });
});

// Prices of Keap are whole numbers of the currency's smallest unit: how many places they have follows the currency.
import { beforeAll, describe, expect, it } from 'vitest';
import { edit, expectQuiet, linked, make, read, sync, unique, worldWith } from './support.ts';

interface Case {
  readonly code: string;
  /** In Keap, and the same in the shop. */
  readonly amount: number;
  readonly price: string;
  /** What a person makes of it in the shop, and what that is in Keap. */
  readonly edited: string;
  readonly written: number;
}
const cases: Case[] = [
  { code: 'USD', amount: 1250, price: '12.50', edited: '0.57', written: 57 },
  { code: 'JPY', amount: 1250, price: '1250.00', edited: '1300', written: 1300 },
  { code: 'KWD', amount: 12_345, price: '12.345', edited: '0.5', written: 500 },
  { code: 'HUF', amount: 199_900, price: '1999.00', edited: '2000.50', written: 200_050 },
];

describe.each(cases)('in an account of $code', ({ code, amount, price, edited, written }) => {
  const world = worldWith({ synced: false });
  let made: string;
  let counterpartId: string;
  beforeAll(async () => {
    world.keap.store.currency = code;
    const product = () => ({ name: unique('Chair'), sku: unique('CHAIR'), short_description: 'x' });
    made = await make(world, 'keap', 'products', { ...product(), price: amount });
    counterpartId = await make(world, 'shop', 'products', { ...product(), price: edited });
    await sync(world, 'full', 'product-product');
  });

  it(`${amount} in Keap is ${price} in the shop`, async () => {
    const id = await linked(world, 'product-product', 'keap', made);
    expect(await read(world, 'shop', 'products', id)).toMatchObject({ price });
  });

  it(`a product made in the shop for ${edited} is made in Keap for ${written}`, async () => {
    const id = await linked(world, 'product-product', 'shop', counterpartId);
    expect((await read(world, 'keap', 'products', id)).price).toMatchObject({ amount: written, currency_code: code });
  });

  it(`an edit to ${edited} in the shop is ${written} in Keap, and changes nothing more`, async () => {
    const id = await linked(world, 'product-product', 'keap', made);
    await edit(world, 'shop', 'products', id, { price: edited });
    await sync(world, 'changes', 'product-product');
    expect((await read(world, 'keap', 'products', made)).price).toMatchObject({ amount: written });
    await expectQuiet(world, 'product-product');
  });

  if (code !== 'JPY') return;
  it('a price with more places than the currency has waits, with the reason', async () => {
    const id = await linked(world, 'product-product', 'keap', made);
    await edit(world, 'shop', 'products', id, { price: '12.50' });
    await sync(world, 'changes', 'product-product');
    expect((await read(world, 'keap', 'products', made)).price).toMatchObject({ amount: written });
    const waiting = await world.engine.queues.reconcile('product-product').getFailed();
    expect(waiting.map(({ failedReason }) => failedReason)).toEqual([
      expect.stringContaining('more decimal places than its currency, which has 0'),
    ]);
  });
});

/** Systems whose clocks are off: what Tandem's clock says of them must make no duplicate and hide no edit. */
import { afterEach, describe, expect, it } from 'vitest';
import { replaced, startWorld, type World } from '../../support/world.ts';
import { all, edit, linked, make, read, reconcile, sync, unique } from './support.ts';

let world: World;
afterEach(() => world?.close());

/** Keap cannot be searched for products: the result of a create is found among what was changed. */
const UNSEARCHABLE = {
  'systems/keap.yaml': replaced([/( {4}read: \{ path: "\/v2\/products\/\{id\}" \}\n) {4}find:\n(?: {6}.*\n)+/, '$1']),
};

const MINUTES = 60_000;
const HOURS = 60 * MINUTES;

describe.each([
  { ahead: -10 * MINUTES, header: -10 * MINUTES, words: 'ten minutes behind' },
  { ahead: -5 * HOURS, header: -5 * HOURS, words: 'five hours behind' },
  { ahead: 3 * HOURS, header: 3 * HOURS, words: 'three hours ahead' },
  { ahead: -5 * HOURS, header: 0, words: 'right, but its records state times five hours behind' },
  { ahead: 5 * HOURS, header: 0, words: 'right, but its records state times five hours ahead' },
])('the clock of a system is $words', ({ ahead, header }) => {
  it('a create whose response was lost makes no duplicate, before and after the clock was measured', async () => {
    world = await startWorld({ files: UNSEARCHABLE });
    world.keap.store.clock.ahead = ahead;
    world.keap.store.clock.headerAhead = header;
    await sync(world, 'full');
    const inKeap = (name: string) => all(world, 'keap', 'products').filter((one) => one.name === name);
    for (const lost of [true, false, true]) {
      const name = unique('clock');
      const id = await make(world, 'shop', 'products', { name, price: '1.00', short_description: 'x' });
      if (lost)
        world.keap.faults.add({ method: 'POST', path: '/crm/rest/v2/products', times: 1, action: 'lose-response' });
      await reconcile(world, 'product-product', 'shop', id);
      expect(inKeap(name)).toHaveLength(1);
      expect(await linked(world, 'product-product', 'shop', id)).toBe(inKeap(name)[0].id);
    }
  });

  it('edits on both sides arrive by scans of changes', async () => {
    world = await startWorld();
    world.keap.store.clock.ahead = ahead;
    world.keap.store.clock.headerAhead = header;
    const name = unique('clock');
    const id = await make(world, 'keap', 'products', { name, sku: name, price: 100, short_description: 'x' });
    await sync(world, 'full');
    const counterpartId = await linked(world, 'product-product', 'keap', id);
    for (const round of [1, 2]) {
      await edit(world, 'keap', 'products', id, { description: `keap ${round}` });
      await sync(world);
      expect(await read(world, 'shop', 'products', counterpartId)).toMatchObject({ description: `keap ${round}` });
      await edit(world, 'shop', 'products', counterpartId, { description: `shop ${round}` });
      await sync(world);
      expect(await read(world, 'keap', 'products', id)).toMatchObject({ description: `shop ${round}` });
    }
  });
});

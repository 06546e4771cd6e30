/** A record that came while the first scan was still under way, and is recorded only after that scan has ended. */
import { expect, it, vi } from 'vitest';
import { make, reconcileOne, scopeOf, worldWith } from './support.ts';

const world = worldWith({ synced: false });

it('records of a batch that wait for a scan at the same time ask once whether it has ended', async () => {
  const scope = scopeOf(world, 'product-product');
  const ready = vi.spyOn(scope.links.progress, 'readByAny');
  const ids = Array.from({ length: 50 }, (_, i) => String(i));
  await Promise.all(ids.map((id) => scope.releaseIfReady({ mapping: 'product-product', side: 0, id })));
  expect(ready).toHaveBeenCalledTimes(1);
  ready.mockRestore();
});

it('a record that a batch parks after the scan has released all others is looked at, and keeps no later mapping waiting', async () => {
  const scope = scopeOf(world, 'product-product');
  expect(await scope.ready()).toBe(false);
  await world.sync();
  const { waitingRoom } = world.engine.links('product-product');
  const id = await make(world, 'keap', 'products', {
    name: 'Late',
    sku: 'late',
    price: 100,
    short_description: 'x',
    description: 'said',
  });
  // What the batch knows is from before the scan.
  await reconcileOne(scope, { side: 0, id });
  expect(await waitingRoom.waitingCount()).toBe(0);
  await expect.poll(async () => (await world.shopApi('GET', '/products')).length).toBe(1);
});

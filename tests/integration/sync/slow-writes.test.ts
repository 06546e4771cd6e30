/**
 * A system without versions cannot refuse a write to a record that was edited meanwhile. A write goes ahead of other calls that
 * wait, and never by an old reading.
 */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { replaced, type World } from '../../support/world.ts';
import { edit, laterThan, linked, make, read, reconcile, unique, worldWith } from './support.ts';

const MAPPING = 'product-product';
const V2 = '/crm/rest/v2';

let world: World;
afterEach(() => world.keap.faults.clear());

/** Keap takes one call at a time. */
function oneAtATime(...more: readonly (readonly [RegExp, string])[]): void {
  const started = worldWith({
    files: { 'systems/keap.yaml': replaced([/^concurrency: .*$/m, 'concurrency: 1'], ...more) },
  });
  beforeAll(() => {
    world = started;
  });
}

async function pair(description: string): Promise<{ keap: string; shop: string }> {
  const sku = unique('slow');
  const shop = await make(world, 'shop', 'products', {
    name: sku,
    sku,
    price: '1.00',
    short_description: 'x',
    description,
  });
  await reconcile(world, MAPPING, 'shop', shop);
  return { shop, keap: await linked(world, MAPPING, 'shop', shop) };
}

describe('a write whose system has many other calls to answer', () => {
  oneAtATime();

  it('goes ahead of those that wait, and does not overwrite an edit that is made meanwhile', async () => {
    const { keap, shop } = await pair('as it was');
    await edit(world, 'shop', 'products', shop, { description: 'from the shop' });
    await laterThan(await read(world, 'shop', 'products', shop));
    const { faults } = world.keap;
    faults.add({ method: 'GET', path: `${V2}/products/${keap}`, times: 1, action: 'delay', ms: 300 });
    faults.add({ method: 'GET', path: `${V2}/contacts/`, times: 8, action: 'delay', ms: 500 });
    const hits = () => faults.list().map((one) => one.hits);
    await world.engine.context({ owner: 'test' }).enqueue(MAPPING, 1, [shop]);
    await expect.poll(hits, { interval: 5 }).toEqual([1, 0]);
    const others = Array.from({ length: 8 }, (_, i) =>
      world.engine.client('keap').read('contacts', String(999_999_000 + i)),
    );
    // The write waits for one of them at most.
    await expect.poll(() => hits()[1], { interval: 5, timeout: 5_000 }).toBe(3);
    await edit(world, 'keap', 'products', keap, { description: 'from Keap, later' });
    await Promise.all(others);
    await world.settle();
    await reconcile(world, MAPPING, 'keap', keap);
    expect((await read(world, 'keap', 'products', keap)).description).toBe('from Keap, later');
    expect((await read(world, 'shop', 'products', shop)).description).toBe('from Keap, later');
  });
});

describe('writes that always wait for their turn', () => {
  oneAtATime([/^limits:\n(?: {2}- .*\n)+/m, 'limits: [{ requests: 2, per: 1s }]\n']);

  it('are done all the same', async () => {
    const pairs = [await pair('as it was'), await pair('as it was'), await pair('as it was')];
    for (const { shop } of pairs) await edit(world, 'shop', 'products', shop, { description: 'edited' });
    await reconcile(world, MAPPING, 'shop', ...pairs.map(({ shop }) => shop));
    for (const { keap } of pairs) expect((await read(world, 'keap', 'products', keap)).description).toBe('edited');
  }, 60_000);
});

/** Whoever found a link before a person changed it, and gets at its records only after that, does nothing to them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SyncContext } from '../../../engine/sync/context.ts';
import { createByHand, deleteSurvivor, unlinkByHand } from '../../../engine/sync/manual.ts';
import { reconcile } from '../../../engine/sync/reconcile.ts';
import { startWorld, type World } from '../../support/world.ts';
import { counterpart, edit, linked, make, read, remove, scopeOf, sync, unique } from './support.ts';

const MAPPING = 'product-product';

let world: World;
beforeAll(async () => {
  world = await startWorld({
    async prepare(dir) {
      const file = join(dir, 'mappings', `${MAPPING}.yaml`);
      await writeFile(file, (await readFile(file, 'utf8')).replace('deletes: keep', 'deletes: propagate'));
    },
  });
  await sync(world, 'full', MAPPING);
});
afterAll(() => world?.close());

async function pair(): Promise<{ keap: string; shop: string }> {
  const name = unique('pair');
  const keap = await make(world, 'keap', 'products', { name, sku: name, price: 100, short_description: 'x' });
  await sync(world, 'changes', MAPPING);
  return { keap, shop: await linked(world, MAPPING, 'keap', keap) };
}

/** A process so slow that all of this happens between its look for the link and its claim. */
function slow(meanwhile: () => Promise<unknown>): SyncContext {
  const context = world.engine.context({ owner: 'slow' });
  const links = context.links(MAPPING);
  let once = false;
  const claim: typeof links.claim = async (...args) => {
    if (!once) {
      once = true;
      await meanwhile();
    }
    return links.claim(...args);
  };
  return { ...context, links: (name) => (name === MAPPING ? { ...links, claim } : context.links(name)) };
}

it.each(['a job', 'a person'] as const)('%s deletes no record that has got a new counterpart', async (who) => {
  const { keap, shop } = await pair();
  await remove(world, 'shop', 'products', shop);
  const anew = () => createByHand(scopeOf(world, MAPPING), { side: 0, id: keap });
  await expect(
    who === 'a job'
      ? reconcile(scopeOf(world, MAPPING, slow(anew)), { side: 1, id: shop })
      : deleteSurvivor(scopeOf(world, MAPPING, slow(anew)), { side: 0, id: keap }),
  ).rejects.toThrow(/^The link changed/);
  const now = await linked(world, MAPPING, 'keap', keap);
  expect(now).not.toBe(shop);
  expect(await read(world, 'keap', 'products', keap)).toBeDefined();
  expect(await read(world, 'shop', 'products', now)).toBeDefined();
});

it('a job does not make a link again that a person broke', async () => {
  const { keap, shop } = await pair();
  await edit(world, 'keap', 'products', keap, { description: 'edited' });
  const apart = () => unlinkByHand(scopeOf(world, MAPPING), [keap, shop]);
  await expect(reconcile(scopeOf(world, MAPPING, slow(apart)), { side: 0, id: keap })).rejects.toMatchObject({
    code: 'LINK_CHANGED',
  });
  expect(await counterpart(world, MAPPING, 'keap', keap)).toBeUndefined();
  expect((await read(world, 'shop', 'products', shop)).description).not.toBe('edited');
});

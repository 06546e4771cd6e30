/** A process that took a link, and goes on only after its claims have ended and a person has changed the link, does nothing to its records. */
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createByHand, deleteSurvivor, unlinkByHand } from '../../../engine/sync/manual.ts';
import type { SyncContext } from '../../../engine/sync/sync-context.ts';
import { replaced } from '../../support/world.ts';
import {
  counterpart,
  edit,
  linked,
  make,
  read,
  reconcileOne,
  remove,
  scopeOf,
  sync,
  unique,
  worldWith,
} from './support.ts';

const MAPPING = 'product-product';

const world = worldWith({
  lag: '0s',
  files: { [`mappings/${MAPPING}.yaml`]: replaced(['deletes: keep', 'deletes: propagate']) },
  synced: MAPPING,
});

async function pair(): Promise<{ keap: string; shop: string }> {
  const name = unique('pair');
  const keap = await make(world, 'keap', 'products', { name, sku: name, price: 100, short_description: 'x' });
  await sync(world, 'changes', MAPPING);
  return { keap, shop: await linked(world, MAPPING, 'keap', keap) };
}

/** How long its claims last, in ms. */
const TTL = 100;

/** A process so slow that its claims end, and all of this happens, before it begins. */
function slow(meanwhile: () => Promise<unknown>): SyncContext {
  const context = world.engine.context({ owner: 'slow' });
  const links = context.links(MAPPING);
  const take: typeof links.batches.take = async (request) => {
    const taken = await links.batches.take(request);
    await setTimeout(TTL + 10);
    await meanwhile();
    return taken;
  };
  const late = { ...links, batches: { ...links.batches, take } };
  return { ...context, claimTtl: TTL, links: (name) => (name === MAPPING ? late : context.links(name)) };
}

it.each(['a job', 'a person'] as const)('%s deletes no record that has got a new counterpart', async (who) => {
  const { keap, shop } = await pair();
  await remove(world, 'shop', 'products', shop);
  const recreated = () => createByHand(scopeOf(world, MAPPING), { side: 0, id: keap });
  await expect(
    who === 'a job'
      ? reconcileOne(scopeOf(world, MAPPING, slow(recreated)), { side: 1, id: shop })
      : deleteSurvivor(scopeOf(world, MAPPING, slow(recreated)), { side: 0, id: keap }),
  ).rejects.toMatchObject({ code: 'LINK_CHANGED' });
  const now = await linked(world, MAPPING, 'keap', keap);
  expect(now).not.toBe(shop);
  expect(await read(world, 'keap', 'products', keap)).toBeDefined();
  expect(await read(world, 'shop', 'products', now)).toBeDefined();
});

it('a job does not make a link again that a person broke', async () => {
  const { keap, shop } = await pair();
  await edit(world, 'keap', 'products', keap, { description: 'edited' });
  const apart = () => unlinkByHand(scopeOf(world, MAPPING), [keap, shop]);
  await expect(reconcileOne(scopeOf(world, MAPPING, slow(apart)), { side: 0, id: keap })).rejects.toMatchObject({
    code: 'LINK_CHANGED',
  });
  expect(await counterpart(world, MAPPING, 'keap', keap)).toBeUndefined();
  expect((await read(world, 'shop', 'products', shop)).description).not.toBe('edited');
});

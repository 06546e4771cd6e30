/** Every cell of the rules for deletes: the rule of the side that is left, where it was deleted, edited or not, and how it is learnt. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { linkByHand } from '../../../engine/sync/manual.ts';
import type { Base } from '../../../engine/types.ts';
import { linksIn } from '../../support/links.ts';
import { replaced, type World } from '../../support/world.ts';
import {
  all,
  counterpart,
  edit,
  expectQuiet,
  issueOf,
  laterThan,
  linked,
  make,
  other,
  product,
  read,
  reconcile,
  remove,
  type SystemName,
  scopeOf,
  sync,
  unique,
  worldWith,
} from './support.ts';

const MAPPING = 'product-product';
const names = { keap: 'keap', shop: 'customwebshop' } as const;
type Rule = 'keep' | 'propagate' | 'review';
type Pair = Record<SystemName, string>;

let world: World;
/** Something to bring deleted records back from. */
function start(...edits: readonly (readonly [string, string])[]): void {
  const started = worldWith({
    lag: '0s',
    files: { [`mappings/${MAPPING}.yaml`]: replaced(...edits) },
    synced: MAPPING,
  });
  beforeAll(() => {
    world = started;
  });
}
const deletes = (rule: Rule) => ['deletes: keep', `deletes: ${rule}\nbrake: off`] as const;

async function pair(): Promise<Pair> {
  const keap = await make(world, 'keap', 'products', product(unique('pair')));
  await reconcile(world, MAPPING, 'keap', keap);
  return { keap, shop: await linked(world, MAPPING, 'keap', keap) };
}

const event = (system: SystemName, id: string, what: 'delete' | 'edit'): Promise<number> => {
  const shop = { delete: 'product.deleted', edit: 'product.updated' }[what];
  return world.engine.events(names[system], [{ event: system === 'keap' ? `product.${what}` : shop, id }]);
};

/** The ways in which a deletion is learnt. */
const ways = {
  webhook: async (gone: SystemName, ids: Pair) => void (await event(gone, ids[gone], 'delete')),
  'webhook of an edit on the other side': async (gone: SystemName, ids: Pair) =>
    void (await event(other(gone), ids[other(gone)], 'edit')),
  'full scan': async () => void (await world.engine.triggerAll({ scan: 'full' })),
  'trigger of the record': async (gone: SystemName, ids: Pair) =>
    void (await world.engine.trigger({
      mapping: MAPPING,
      record: { side: gone === 'keap' ? 0 : 1, id: ids[gone] },
    })),
} as const;
type Way = keyof typeof ways;

async function learn(way: Way, gone: SystemName, ids: Pair): Promise<void> {
  await ways[way](gone, ids);
  await world.settle();
}

const editOf = { keap: { description: 'edited' }, shop: { description: 'edited' } };
const cells = (Object.keys(ways) as Way[]).flatMap((way) =>
  (['keap', 'shop'] as const).flatMap((gone) => [true, false].map((edited) => ({ way, gone, edited }))),
);
/** Nothing on the other side tells of an edit that was not made. */
const possible = cells.filter(({ way, edited }) => edited || way !== 'webhook of an edit on the other side');

/** Deletes one of two, after an edit of the other one or not. */
async function lose({ gone, edited }: { gone: SystemName; edited: boolean }): Promise<Pair> {
  const ids = await pair();
  if (edited) await edit(world, other(gone), 'products', ids[other(gone)], editOf[other(gone)]);
  await remove(world, gone, 'products', ids[gone]);
  return ids;
}

describe.each<{ rule: Rule; left: Record<'edited' | 'untouched', 'orphaned' | 'review' | 'deleted'> }>([
  { rule: 'keep', left: { edited: 'orphaned', untouched: 'orphaned' } },
  { rule: 'review', left: { edited: 'review', untouched: 'review' } },
  { rule: 'propagate', left: { edited: 'review', untouched: 'deleted' } },
])('$rule', ({ rule, left }) => {
  start(deletes(rule));

  it.each(possible)(
    'the rule applies to a record deleted in $gone, edited on the other side: $edited, learnt by $way',
    async (cell) => {
      const { gone, edited, way } = cell;
      const stays = other(gone);
      const ids = await lose(cell);
      const before = { [gone]: all(world, gone, 'products').length };
      await learn(way, gone, ids);
      const what = left[edited ? 'edited' : 'untouched'];
      const survivor = await read(world, stays, 'products', ids[stays]);
      const issue = await issueOf(world, MAPPING, 'keap', ids.keap);
      if (what === 'deleted') {
        expect(survivor).toBeUndefined();
        expect(issue).toBeUndefined();
        expect(await counterpart(world, MAPPING, stays, ids[stays])).toBeUndefined();
      } else {
        expect(survivor).toMatchObject(edited ? editOf[stays] : { name: expect.any(String) });
        expect(issue).toMatchObject({ kind: what });
        expect(await counterpart(world, MAPPING, stays, ids[stays])).toBe(ids[gone]);
      }
      // Reported once more, in every way, nothing else comes of it; above all nothing is created again.
      await event(gone, ids[gone], 'delete');
      await event(gone, ids[gone], 'edit');
      await event(stays, ids[stays], 'edit');
      await world.settle();
      await expectQuiet(world, MAPPING);
      expect({ [gone]: all(world, gone, 'products').length }).toEqual(before);
      expect((await issueOf(world, MAPPING, 'keap', ids.keap))?.kind).toBe(what === 'deleted' ? undefined : what);
    },
  );

  it.each(['webhook', 'full scan', 'trigger of the record'] as const)(
    'both deleted, learnt by %s: the link goes',
    async (way) => {
      const ids = await pair();
      await remove(world, 'keap', 'products', ids.keap);
      await remove(world, 'shop', 'products', ids.shop);
      const before = [all(world, 'keap', 'products').length, all(world, 'shop', 'products').length];
      await learn(way, 'shop', ids);
      expect(await counterpart(world, MAPPING, 'keap', ids.keap)).toBeUndefined();
      expect(await issueOf(world, MAPPING, 'keap', ids.keap)).toBeUndefined();
      await learn('webhook', 'keap', ids);
      await expectQuiet(world, MAPPING);
      expect([all(world, 'keap', 'products').length, all(world, 'shop', 'products').length]).toEqual(before);
    },
  );

  it.each(['webhook', 'full scan', 'trigger of the record'] as const)(
    'both deleted, one after the other, learnt by %s',
    async (way) => {
      const ids = await lose({ gone: 'shop', edited: true });
      await learn(way, 'shop', ids);
      await remove(world, 'keap', 'products', ids.keap);
      await learn(way, 'keap', ids);
      expect(await counterpart(world, MAPPING, 'keap', ids.keap)).toBeUndefined();
      expect(await issueOf(world, MAPPING, 'keap', ids.keap)).toBeUndefined();
      await expectQuiet(world, MAPPING);
    },
  );

  it.each(['keap', 'shop'] as const)(
    'a record of %s that exists again keeps its link, and syncs go on',
    async (gone) => {
      const stays = other(gone);
      const ids = await pair();
      const store = gone === 'keap' ? world.keap.store.table('products') : world.shop.store.table('products');
      const former = all(world, gone, 'products').find((one) => String(one.id) === ids[gone]);
      await edit(world, stays, 'products', ids[stays], editOf[stays]);
      await remove(world, gone, 'products', ids[gone]);
      await learn('webhook', gone, ids);
      expect((await issueOf(world, MAPPING, 'keap', ids.keap))?.kind).toBe(left.edited);
      store.put(former as never);
      await sync(world, 'full', MAPPING);
      expect(await issueOf(world, MAPPING, 'keap', ids.keap)).toBeUndefined();
      expect(await read(world, gone, 'products', ids[gone])).toMatchObject(editOf[gone]);
      await edit(world, gone, 'products', ids[gone], { short_description: 'again' });
      await sync(world, 'full', MAPPING);
      expect(await read(world, stays, 'products', ids[stays])).toMatchObject({ short_description: 'again' });
      await expectQuiet(world, MAPPING);
    },
  );

  it.each(['keap', 'shop'] as const)(
    'one that was never linked, deleted in %s, leaves nothing and never comes as new',
    async (system) => {
      const id = await make(world, system, 'products', {
        ...product(unique('single')),
        price: system === 'keap' ? 100 : '1.00',
      });
      await remove(world, system, 'products', id);
      const count = all(world, other(system), 'products').length;
      for (const what of ['edit', 'delete', 'delete'] as const) {
        await event(system, id, what);
        await world.settle();
      }
      await world.engine.trigger({ mapping: MAPPING, record: { side: system === 'keap' ? 0 : 1, id } });
      await world.settle();
      expect(await issueOf(world, MAPPING, system, id)).toBeUndefined();
      expect(all(world, other(system), 'products')).toHaveLength(count);
      await expectQuiet(world, MAPPING);
    },
  );

  it('a record that a list still shows after its deletion counts as deleted once the list shows it no more', async () => {
    const linkedPair = await pair();
    const before = all(world, 'shop', 'products').length;
    world.keap.faults.add({
      method: 'GET',
      path: `/crm/rest/v2/products/${linkedPair.keap}`,
      action: 'status',
      status: 404,
    });
    await edit(world, 'keap', 'products', linkedPair.keap, { description: 'of a record that is not there' });
    await sync(world, 'full', MAPPING);
    expect(all(world, 'shop', 'products')).toHaveLength(before);
    await remove(world, 'keap', 'products', linkedPair.keap);
    await sync(world, 'full', MAPPING);
    await sync(world, 'full', MAPPING);
    world.keap.faults.clear();
    expect(all(world, 'shop', 'products')).toHaveLength(rule === 'propagate' ? before - 1 : before);
  });
});

describe('a conflict that waits for a person', () => {
  start(deletes('review'));

  it('does not hide that the record was deleted', async () => {
    const file = join(world.dir, 'mappings', `${MAPPING}.yaml`);
    const version = world.engine.mapping(MAPPING).version;
    await writeFile(file, (await readFile(file, 'utf8')).replace('conflict: latest', 'conflict: review'));
    await expect.poll(() => world.engine.mapping(MAPPING).version, { timeout: 10_000 }).not.toBe(version);
    const ids = await pair();
    await edit(world, 'keap', 'products', ids.keap, { description: 'here' });
    const edited = await edit(world, 'shop', 'products', ids.shop, { description: 'there' });
    await laterThan(edited);
    await sync(world, 'full', MAPPING);
    expect(await issueOf(world, MAPPING, 'keap', ids.keap)).toMatchObject({ kind: 'review', code: 'CONFLICT' });
    await remove(world, 'shop', 'products', ids.shop);
    await sync(world, 'full', MAPPING);
    const issue = await issueOf(world, MAPPING, 'keap', ids.keap);
    expect(issue).toMatchObject({ kind: 'review', reason: expect.stringContaining('was deleted') });
    expect(issue?.code).toBeUndefined();
    await expectQuiet(world, MAPPING);
  });
});

describe('a survivor with values that never agreed with those of the record that is gone', () => {
  start(['conflict: latest', 'conflict: review'], deletes('propagate'));

  /** Two records that differ in what they say. */
  async function two(name: string): Promise<Pair> {
    const keap = await make(world, 'keap', 'products', { ...product(name), description: 'here' });
    const shop = await make(world, 'shop', 'products', { name, sku: name, price: '1.00', description: 'there' });
    return { keap, shop };
  }

  async function expectKept(ids: Pair, reason: string): Promise<void> {
    for (const way of ['webhook', 'full scan'] as const) {
      await learn(way, 'shop', ids);
      expect(await read(world, 'keap', 'products', ids.keap)).toBeDefined();
      expect(await issueOf(world, MAPPING, 'keap', ids.keap)).toMatchObject({
        kind: 'review',
        reason: expect.stringContaining(reason),
      });
    }
  }

  it('is kept for a review when both were in conflict since they matched', async () => {
    const ids = await two(unique('met'));
    await reconcile(world, MAPPING, 'keap', ids.keap);
    expect(await issueOf(world, MAPPING, 'keap', ids.keap)).toMatchObject({ kind: 'review', code: 'CONFLICT' });
    await remove(world, 'shop', 'products', ids.shop);
    await expectKept(ids, 'in keap never agreed with it');
  });

  it('is kept for a review when both were in conflict since they were linked by hand', async () => {
    const keap = await make(world, 'keap', 'products', product(unique('one')));
    const shop = await make(world, 'shop', 'products', { name: unique('two'), sku: unique('two'), price: '1.00' });
    await linkByHand(scopeOf(world, MAPPING), [keap, shop]);
    await world.settle();
    expect(await issueOf(world, MAPPING, 'keap', keap)).toMatchObject({ kind: 'review', code: 'CONFLICT' });
    await remove(world, 'shop', 'products', shop);
    await expectKept({ keap, shop }, 'in keap never agreed with it');
  });

  it.each(['keap', 'shop'] as const)('is kept for a review in %s when the link was never compared', async (stays) => {
    const { keap, shop } = await two(unique('linked'));
    await linksIn(world.engine.links(MAPPING)).commit({ ids: [keap, shop], version: '', base: {}, states: ['', ''] });
    await remove(world, other(stays), 'products', { keap, shop }[other(stays)]);
    await event(other(stays), { keap, shop }[other(stays)], 'delete');
    await world.settle();
    expect(await read(world, stays, 'products', { keap, shop }[stays])).toBeDefined();
    expect(await issueOf(world, MAPPING, 'keap', keap)).toMatchObject({ kind: 'review' });
  });

  it.each<{ what: string; value: string; definition?: string; kept: boolean }>([
    { what: 'of a property just added', value: 'said', kept: true },
    { what: 'read otherwise now', value: 'said', definition: '?'.repeat(20), kept: true },
    { what: 'empty, of a property just added', value: '', kept: false },
    { what: 'empty, read otherwise now', value: '', definition: '?'.repeat(20), kept: false },
  ])('$what', async ({ value, definition, kept }) => {
    const keap = await make(world, 'keap', 'products', { ...product(unique('added')), description: value });
    await reconcile(world, MAPPING, 'keap', keap);
    const ids = { keap, shop: await linked(world, MAPPING, 'keap', keap) };
    const links = world.engine.links(MAPPING);
    const { version, base } = await linksIn(links).base(keap);
    const { description, ...others } = base;
    const [a, b] = description!;
    const entry: Base = definition === undefined ? {} : { description: [a, b, definition] };
    await linksIn(links).commit({
      ids: [ids.keap, ids.shop],
      version,
      base: { ...others, ...entry },
      states: ['', ''],
    });
    await remove(world, 'shop', 'products', ids.shop);
    if (kept) return expectKept(ids, 'in keap never agreed with it');
    await learn('webhook', 'shop', ids);
    expect(await read(world, 'keap', 'products', keap)).toBeUndefined();
  });
});

/** The brake: too many deletes, creates or clears in one run stop a mapping's writes, and a person is asked. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { answerBrake, brakeOn, brakeReason } from '../../../engine/sync/brake-answer.ts';
import {
  createByHand,
  deleteSurvivor,
  linkByHand,
  resolveConflict,
  restoreValue,
} from '../../../engine/sync/manual.ts';
import { convertContext } from '../../../engine/sync/references.ts';
import { linksIn } from '../../support/links.ts';
import { replaced, startWorld, type World } from '../../support/world.ts';
import {
  all,
  counterpart,
  edit,
  expectQuiet,
  issueOf,
  linked,
  make,
  product as plainProduct,
  read,
  reconcile,
  reconcileOne,
  remove,
  scopeOf,
  sync,
  unique,
  writes,
} from './support.ts';

const MAPPING = 'product-product';
const FILE = `mappings/${MAPPING}.yaml`;
/** What the mapping of these tests says instead of its own `deletes`. */
const RULES = `deletes: propagate
brake:
  deletes: { count: 3 }
  creates: { count: 3 }
  clears: { count: 3 }`;

let world: World;
afterEach(() => world?.close());

type Pair = { keap: string; shop: string };
const product = (name: string) => ({ ...plainProduct(name), description: 'said' });
const store = () => world.engine.links(MAPPING).brake;
const context = () => world.engine.context({ owner: 'person' });
const answer = async (what: 'continue' | 'discard'): Promise<number> => {
  const released = await answerBrake(scopeOf(world, MAPPING, context()), what);
  await world.settle();
  return released;
};
const links = () => world.engine.links(MAPPING);
const blockedIssues = async () => (await world.issues(MAPPING)).filter(({ code }) => code === 'BRAKE_ON');
const products = () => [all(world, 'keap', 'products').length, all(world, 'shop', 'products').length];

/** A world in which so many pairs exist, made by the first sync. */
async function start(
  pairs: number,
  rules = RULES,
  {
    conflict = 'latest',
    only = [MAPPING],
    ...options
  }: { retryDelay?: number; conflict?: string; only?: string[] } = {},
): Promise<Pair[]> {
  const edits = replaced(['conflict: latest', `conflict: ${conflict}`], ['deletes: keep', rules]);
  world = await startWorld({ lag: '0s', only, ...options, files: { [FILE]: edits } });
  const ids: string[] = [];
  for (let i = 0; i < pairs; i++) ids.push(await make(world, 'keap', 'products', product(unique('product'))));
  await sync(world, 'full');
  return Promise.all(ids.map(async (keap) => ({ keap, shop: await linked(world, MAPPING, 'keap', keap) })));
}

async function tell(what: 'add' | 'edit' | 'delete', ids: readonly string[]): Promise<void> {
  for (const id of ids) await world.engine.events('keap', [{ event: `product.${what}`, id }]);
  await world.settle();
}

/** Keap loses these, and says so one by one. */
async function lose(pairs: readonly Pair[]): Promise<void> {
  for (const { keap } of pairs) await remove(world, 'keap', 'products', keap);
  await tell(
    'delete',
    pairs.map(({ keap }) => keap),
  );
}

const survivors = async (pairs: readonly Pair[]): Promise<Pair[]> => {
  const found = await Promise.all(pairs.map(({ shop }) => read(world, 'shop', 'products', shop)));
  return pairs.filter((_, i) => found[i] !== undefined);
};

describe('deletes that events report one by one', () => {
  it('stop at the limit: all writes of the mapping wait, other mappings go on, nothing is forgotten', async () => {
    const pairs = await start(12, RULES, { only: [MAPPING, 'company-customer'] });
    const [lost, rest] = [pairs.slice(0, 8), pairs.slice(8)];
    await lose(lost);
    expect(await survivors(lost)).toHaveLength(5);
    expect(await store().on()).toMatchObject({ kind: 'deletes', by: 'writes', count: 4, limit: 3 });
    expect(await blockedIssues()).toHaveLength(5);
    for (const one of await blockedIssues())
      expect(one).toMatchObject({
        kind: 'blocked',
        change: 'deletes',
        reason: expect.stringMatching(
          /^The brake of product-product is on: one run wanted to delete more than 3 records.*continue or discard/,
        ),
      });
    expect(await world.engine.queues.reconcile(MAPPING).getFailedCount()).toBe(0);

    // Nothing of the mapping is written, neither an edit nor a new record.
    await edit(world, 'keap', 'products', rest[0]!.keap, { description: 'edited' });
    const fresh = await make(world, 'keap', 'products', product(unique('fresh')));
    const before = writes(world);
    const run = await sync(world, 'changes', MAPPING);
    expect(run).toMatchObject({ state: 'done', reason: expect.stringContaining('The brake of product-product is on') });
    expect(run.counts.waiting).toBe(2);
    expect(writes(world)).toEqual(before);
    expect(await issueOf(world, MAPPING, 'keap', fresh)).toMatchObject({ code: 'BRAKE_ON', change: 'creates' });
    expect((await issueOf(world, MAPPING, 'keap', rest[0]!.keap))?.change).toBeUndefined();
    // And it is quiet, even over a restart.
    await expectQuiet(world, MAPPING);
    await world.restartWorkers();
    await expectQuiet(world, MAPPING);
    expect(await blockedIssues()).toHaveLength(7);

    const company = await make(world, 'keap', 'companies', { company_name: unique('company') });
    await reconcile(world, 'company-customer', 'keap', company);
    await linked(world, 'company-customer', 'keap', company);

    expect(await answer('continue')).toBe(7);
    expect(await store().on()).toBeUndefined();
    expect(await survivors(lost)).toEqual([]);
    expect(await survivors(rest)).toEqual(rest);
    expect(await read(world, 'shop', 'products', rest[0]!.shop)).toMatchObject({ description: 'edited' });
    await linked(world, MAPPING, 'keap', fresh);
    expect(await world.issues(MAPPING)).toEqual([]);
    await expectQuiet(world, MAPPING);
    await expect(answer('continue')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are not made once a person discards them, while other changes go on', async () => {
    const pairs = await start(10);
    const [lost, rest] = [pairs.slice(0, 6), pairs.slice(6)];
    await lose(lost);
    const left = await survivors(lost);
    expect(left).toHaveLength(3);
    await edit(world, 'keap', 'products', rest[0]!.keap, { description: 'edited' });
    await sync(world, 'changes', MAPPING);
    await answer('discard');
    expect(await survivors(lost)).toEqual(left);
    for (const { keap } of left)
      expect(await issueOf(world, MAPPING, 'keap', keap)).toMatchObject({
        kind: 'orphaned',
        reason: 'The counterpart in keap was deleted; a person decided that customwebshop keeps its record.',
      });
    expect(await read(world, 'shop', 'products', rest[0]!.shop)).toMatchObject({ description: 'edited' });
    await expectQuiet(world, MAPPING);
    expect(products()).toEqual([4, 7]);
    // Reported once more, they are kept still.
    await tell(
      'delete',
      left.map(({ keap }) => keap),
    );
    expect(await survivors(lost)).toEqual(left);
    expect(await store().on()).toBeUndefined();
  });

  it('a few deletes on a quiet day do not trip the brake, and an answer restarts the count', async () => {
    const pairs = await start(12);
    await lose(pairs.slice(0, 3));
    expect(await store().on()).toBeUndefined();
    await lose(pairs.slice(3, 4));
    expect(await store().on()).toMatchObject({ count: 4 });
    await answer('continue');
    await lose(pairs.slice(4, 7));
    expect(await store().on()).toBeUndefined();
    expect(await survivors(pairs)).toHaveLength(5);
  });

  it('count once when they are tried again', async () => {
    const pairs = await start(12);
    for (const { shop } of pairs.slice(0, 3))
      world.shop.faults.add({ method: 'DELETE', path: `/products/${shop}`, times: 4, action: 'status', status: 503 });
    await lose(pairs.slice(0, 3));
    expect(world.shop.faults.list().every(({ hits }) => hits === 4)).toBe(true);
    expect(await survivors(pairs)).toHaveLength(9);
    expect(await store().on()).toBeUndefined();
  });

  it('a record that is blocked just when the brake is taken off goes on', async () => {
    const pairs = await start(12);
    await lose(pairs.slice(0, 4));
    const work = context();
    const links = work.links(MAPPING);
    const { brake } = links;
    const commit: typeof links.batches.commit = async (...args) => {
      const seen = await brake.on();
      if (seen) await brake.release({ ...seen, answer: 'continue' });
      return links.batches.commit(...args);
    };
    await edit(world, 'keap', 'products', pairs[5]!.keap, { description: 'edited' });
    const slow = {
      ...work,
      links: (name: string) =>
        name === MAPPING ? { ...links, batches: { ...links.batches, commit } } : work.links(name),
    };
    const outcome = await reconcileOne(scopeOf(world, MAPPING, slow), { side: 0, id: pairs[5]!.keap });
    expect(outcome).toMatchObject({ kind: 'waiting', code: 'BRAKE_ON' });
    await world.settle();
    expect(await read(world, 'shop', 'products', pairs[5]!.shop)).toMatchObject({ description: 'edited' });
  });

  it('a record that comes back while the brake is on is not deleted by the answer', async () => {
    const pairs = await start(8);
    const lost = pairs.slice(0, 5);
    await lose(lost);
    const [waiting] = await survivors(lost);
    const counterpartRecord = await read(world, 'shop', 'products', waiting!.shop);
    world.keap.store.products.put({
      ...(world.keap.store.products.values()[0] as object),
      id: waiting!.keap,
      product_name: counterpartRecord.name,
      name: counterpartRecord.name,
      sku: counterpartRecord.sku,
    } as never);
    await answer('continue');
    expect(await read(world, 'shop', 'products', waiting!.shop)).toBeDefined();
    expect(await counterpart(world, MAPPING, 'keap', waiting!.keap)).toBe(waiting!.shop);
  });
});

describe('records that a full scan does not see', () => {
  it('keep their counterparts until a person continues, and each is read before its counterpart is deleted', async () => {
    const pairs = await start(10);
    const [lost, rest] = [pairs.slice(0, 5), pairs.slice(5)];
    for (const { keap } of lost) await remove(world, 'keap', 'products', keap);
    // One of the others is missing in the list by mistake: reading it tells.
    const spared = rest[0]!;
    const before = writes(world);
    const run = await sync(world, 'full', MAPPING);
    expect(run).toMatchObject({
      state: 'done',
      reason: expect.stringMatching(/brake of product-product is on: 5 of 10 linked records were missing .* 3 may be/),
    });
    expect(writes(world)).toEqual(before);
    expect(await survivors(lost)).toHaveLength(5);
    await expectQuiet(world, MAPPING);
    await world.restartWorkers();
    await expectQuiet(world, MAPPING);
    expect(await store().on()).toMatchObject({ kind: 'deletes', by: 'scan', count: 5, limit: 3, linked: 10 });
    expect(await store().missingCount()).toBe(5);

    await store().noteMissing([...lost, spared].map(({ keap }) => keap));
    await answer('continue');
    expect(await survivors(pairs)).toEqual(rest);
    expect(await counterpart(world, MAPPING, 'keap', spared.keap)).toBe(spared.shop);
    expect(await world.issues(MAPPING)).toEqual([]);
    await expectQuiet(world, MAPPING);
  });

  it('keep their counterparts once a person discards the deletes, and no review follows', async () => {
    const pairs = await start(10);
    const lost = pairs.slice(0, 6);
    for (const { shop } of lost) await remove(world, 'shop', 'products', shop);
    await sync(world, 'full', MAPPING);
    await answer('discard');
    for (const { keap } of lost) {
      expect(await read(world, 'keap', 'products', keap)).toBeDefined();
      expect(await issueOf(world, MAPPING, 'keap', keap)).toMatchObject({ kind: 'orphaned' });
    }
    await expectQuiet(world, MAPPING);
    expect(await store().on()).toBeUndefined();
    expect(products()).toEqual([10, 4]);
    // That the one that was kept goes too is seen all the same, however many do: nothing is deleted for it.
    for (const { keap } of lost.slice(0, 4)) await remove(world, 'keap', 'products', keap);
    await sync(world, 'full', MAPPING);
    expect(await links().links.count()).toBe(6);
    expect(await world.issues(MAPPING)).toMatchObject([{ kind: 'orphaned' }, { kind: 'orphaned' }]);
    await expectQuiet(world, MAPPING);
  });

  it.each(['keap', 'shop'] as const)(
    'and whose counterparts the other system refuses to delete count once: missing in %s',
    async (gone) => {
      const pairs = await start(10);
      const stays = gone === 'keap' ? 'shop' : 'keap';
      const path = stays === 'shop' ? '/products/' : '/crm/rest/v2/products/';
      world[stays].faults.add({ method: 'DELETE', path, action: 'status', status: 422 });
      for (const pair of pairs.slice(0, 3)) await remove(world, gone, 'products', pair[gone]);
      for (let scans = 0; scans < 2; scans++) {
        const run = await sync(world, 'full', MAPPING);
        expect(run.counts.failed).toBe(3);
        expect(await store().on()).toBeUndefined();
      }
      expect(all(world, stays, 'products')).toHaveLength(10);
    },
  );

  it('take the brake off once they are there again, and blocked changes go on', async () => {
    const pairs = await start(8);
    world.shop.faults.add({ method: 'GET', path: '/products', times: 1, action: 'empty-list' });
    await sync(world, 'full', MAPPING);
    world.shop.faults.clear();
    expect(await store().on()).toMatchObject({ by: 'scan', count: 8 });
    await edit(world, 'keap', 'products', pairs[0]!.keap, { description: 'edited' });
    // A scan of changes has not looked at everything.
    await sync(world, 'changes', MAPPING);
    expect(await store().on()).toBeDefined();
    expect((await read(world, 'shop', 'products', pairs[0]!.shop)).description).toBe('said');

    const run = await sync(world, 'full', MAPPING);
    expect(run.reason).toBeUndefined();
    expect(await store().on()).toBeUndefined();
    expect((await read(world, 'shop', 'products', pairs[0]!.shop)).description).toBe('edited');
    expect(await survivors(pairs)).toEqual(pairs);
    await expectQuiet(world, MAPPING);
  });

  it.each([
    ['few records and no limits of its own', 'deletes: propagate', 4, 3],
    ['nothing is deleted anyway', 'deletes: keep # as it is included', 14, 6],
  ])('trip the brake by default too: %s', async (_, rules, all, missing) => {
    const pairs = await start(all, rules);
    for (const { keap } of pairs.slice(0, missing)) await remove(world, 'keap', 'products', keap);
    await sync(world, 'full', MAPPING);
    expect(await store().on()).toMatchObject({ by: 'scan', count: missing, linked: all });
    expect(await survivors(pairs)).toEqual(pairs);
    expect(await world.issues(MAPPING)).toEqual([]);
  });

  it('do not include those that are there, but cannot be understood', async () => {
    const pairs = await start(8);
    const table = world.shop.store.table('products');
    let deep: object = {};
    for (let i = 0; i < 120; i++) deep = { deep };
    for (const { shop } of pairs.slice(0, 5)) {
      const record = all(world, 'shop', 'products').find((one) => String(one.id) === shop);
      table.put({ ...record, deep } as never);
    }
    const run = await sync(world, 'full', MAPPING);
    expect(run.counts.failed).toBeGreaterThanOrEqual(5);
    expect(await store().on()).toBeUndefined();
  });

  it('do not include those linked while the list was read: created, by hand or by a match', async () => {
    const pairs = await start(4);
    const links = world.engine.links(MAPPING);
    const seen = [await links.seenRecords.of(0), await links.seenRecords.of(1)] as const;
    await tell('add', [await make(world, 'keap', 'products', product(unique('fresh')))]);
    const name = unique('match');
    await make(world, 'shop', 'products', { name, sku: name, price: '1.00' });
    await tell('add', [await make(world, 'keap', 'products', product(name))]);
    const keap = await make(world, 'keap', 'products', product(unique('one')));
    const shop = await make(world, 'shop', 'products', { name: unique('two'), sku: unique('two'), price: '1.00' });
    await linkByHand(scopeOf(world, MAPPING, context()), [keap, shop]);
    await world.settle();
    expect(await links.links.count()).toBe(7);
    const [lost, ...rest] = pairs;
    await seen[0].mark(rest.map((pair) => pair.keap));
    await seen[1].mark(rest.map((pair) => pair.shop));
    expect(await seen[0].missing()).toMatchObject({ unexpected: [lost!.keap] });
    expect(await seen[1].missing()).toMatchObject({ unexpected: [lost!.shop] });
  });

  it('are looked at one by one while they stay below the limit of both sides together', async () => {
    const pairs = await start(12, 'deletes: propagate');
    await remove(world, 'keap', 'products', pairs[0]!.keap);
    await remove(world, 'shop', 'products', pairs[1]!.shop);
    // Gone from both sides counts once, and leaves nothing behind.
    await remove(world, 'keap', 'products', pairs[2]!.keap);
    await remove(world, 'shop', 'products', pairs[2]!.shop);
    await sync(world, 'full', MAPPING);
    expect(await store().on()).toBeUndefined();
    expect(products()).toEqual([9, 9]);
    for (const { keap } of [pairs[3]!, pairs[4]!, pairs[5]!]) await remove(world, 'keap', 'products', keap);
    for (const { shop } of [pairs[6]!, pairs[7]!]) await remove(world, 'shop', 'products', shop);
    // Two deleted a moment ago count with the five that are missing now.
    await sync(world, 'full', MAPPING);
    expect(await store().on()).toMatchObject({ by: 'scan', count: 7, limit: 5, linked: 11 });
    expect(products()).toEqual([6, 7]);
  });
});

describe('creates', () => {
  it('are not counted in the first sync, however late they come, and are counted later', async () => {
    world = await startWorld({ only: [MAPPING], lag: '0s', files: { [FILE]: replaced(['deletes: keep', RULES]) } });
    const first: string[] = [];
    for (let i = 0; i < 8; i++) first.push(await make(world, 'keap', 'products', product(unique('first'))));
    // The shop takes nothing at first, and the workers are stopped meanwhile.
    world.shop.faults.add({ method: 'POST', path: '/products', times: 12, action: 'status', status: 503 });
    const { run } = await world.engine.trigger({ mapping: MAPPING, scan: 'full' });
    await expect.poll(() => world.shop.faults.list()[0]?.hits ?? 12, { timeout: 10_000 }).toBeGreaterThan(3);
    await world.restartWorkers();
    await world.settle();
    expect((await world.engine.runs.get(run.id))?.state).toBe('done');
    for (const id of first) await linked(world, MAPPING, 'keap', id);
    expect(await store().on()).toBeUndefined();

    const later: string[] = [];
    for (let i = 0; i < 7; i++) later.push(await make(world, 'keap', 'products', product(unique('later'))));
    const second = await sync(world, 'changes', MAPPING);
    expect(await store().on()).toMatchObject({ kind: 'creates', by: 'writes', limit: 3 });
    expect(second).toMatchObject({
      state: 'done',
      reason: expect.stringContaining('one run wanted to create more than 3 records'),
    });
    expect(second.counts).toMatchObject({ created: [0, 3], waiting: 4 });
    expect(await blockedIssues()).toHaveLength(4);
    await expectQuiet(world, MAPPING);
    await answer('continue');
    for (const id of later) await linked(world, MAPPING, 'keap', id);
    expect(products()).toEqual([15, 15]);
    await expectQuiet(world, MAPPING);
  });

  it.each(['', ', though an outage kept their jobs from it at first', ', though each was asked for by name'])(
    'that an edit of the mapping allows to records left alone until then are counted%s',
    async (how) => {
      const edits = replaced(
        ['deletes: keep', RULES],
        ['create: [keap, customwebshop]', 'create: []'],
        [/correlate:\n.*\n/, ''],
      );
      world = await startWorld({ only: [MAPPING], lag: '0s', retryDelay: 1, files: { [FILE]: edits } });
      const ids: string[] = [];
      for (let i = 0; i < 6; i++) ids.push(await make(world, 'keap', 'products', product(unique('left'))));
      await sync(world, 'full');
      expect((await world.issues(MAPPING)).map(({ kind }) => kind)).toEqual(Array(6).fill('unmatched'));
      if (how.includes('outage'))
        world.keap.faults.add({ method: 'GET', path: '/crm/rest/v2/products/', action: 'status', status: 503 });
      const file = join(world.dir, 'mappings', `${MAPPING}.yaml`);
      const version = world.engine.mapping(MAPPING).version;
      await writeFile(file, (await readFile(file, 'utf8')).replace('create: []', 'create: [customwebshop]'));
      await expect.poll(() => world.engine.mapping(MAPPING).version, { timeout: 30_000 }).not.toBe(version);
      if (how.includes('name'))
        for (const id of ids) await world.engine.trigger({ mapping: MAPPING, record: { side: 0, id } });
      await sync(world, 'full', MAPPING);
      world.keap.faults.clear();
      await sync(world, 'full', MAPPING);
      expect(await store().on()).toMatchObject({ kind: 'creates' });
      expect(products()).toEqual([6, 3]);
    },
  );

  /** Records in review, two for each of the shop, and then match rules by which none has a key. */
  async function ambiguous(count: number): Promise<{ keap: string[]; shop: string[]; editRules: () => Promise<void> }> {
    await start(0, 'deletes: keep\nbrake:\n  creates: { count: 3 }');
    const keap: string[] = [];
    const shop: string[] = [];
    for (let i = 0; i < count; i++) {
      const name = unique('same');
      for (let n = 0; n < 2; n++) keap.push(await make(world, 'keap', 'products', product(name)));
      shop.push(await make(world, 'shop', 'products', { name, sku: name, price: '1.00' }));
    }
    await sync(world, 'full', MAPPING);
    expect((await world.issues(MAPPING)).filter(({ kind }) => kind === 'review')).toHaveLength(3 * count);
    const editRules = async () => {
      const file = join(world.dir, 'mappings', `${MAPPING}.yaml`);
      const { version } = world.engine.mapping(MAPPING);
      const rules = 'match:\n  - keap: (sku = "zz" ? sku)\n    customwebshop: (sku = "zz" ? sku)\n';
      await writeFile(file, (await readFile(file, 'utf8')).replace(/match:\n(?: {2}.*\n)+/, rules));
      await expect.poll(() => world.engine.mapping(MAPPING).version, { timeout: 30_000 }).not.toBe(version);
      await sync(world, 'full', MAPPING);
      await sync(world, 'full', MAPPING);
    };
    return { keap, shop, editRules };
  }

  it('are not made for records in review by match rules that were edited since', async () => {
    const { keap, shop, editRules } = await ambiguous(3);
    const before = writes(world);
    await editRules();
    expect(writes(world)).toEqual(before);
    const issues = await world.issues(MAPPING);
    expect(issues.map(({ kind }) => kind)).toEqual(Array(9).fill('review'));
    expect(issues[0]!.reason).toContain('By the match rules as they were');
    expect(await store().on()).toBeUndefined();
    await expectQuiet(world, MAPPING);
    // A person says so, or the last of those that could have belonged to it goes: then one is made.
    await createByHand(scopeOf(world, MAPPING, context()), { side: 0, id: keap[0]! });
    await world.settle();
    expect(await links().links.count()).toBe(1);
    await remove(world, 'shop', 'products', shop[1]!);
    await sync(world, 'full', MAPPING);
    expect(await links().links.count()).toBe(3);
  });

  it('are counted when match rules were edited since the first sync', async () => {
    const { shop, editRules } = await ambiguous(4);
    for (const id of shop) await remove(world, 'shop', 'products', id);
    await editRules();
    expect(products()).toEqual([8, 3]);
    expect(await store().on()).toMatchObject({ kind: 'creates', by: 'writes', limit: 3 });
  });

  it('are not made once a person discards them, until the records change', async () => {
    await start(2);
    const later: string[] = [];
    for (let i = 0; i < 6; i++) later.push(await make(world, 'keap', 'products', product(unique('later'))));
    await sync(world, 'changes', MAPPING);
    const left = (await blockedIssues()).map(({ id }) => id);
    expect(left).toHaveLength(3);
    await answer('discard');
    for (const id of left)
      expect(await issueOf(world, MAPPING, 'keap', id)).toMatchObject({
        kind: 'unmatched',
        reason: expect.stringContaining('A person decided'),
      });
    await expectQuiet(world, MAPPING);
    expect(products()).toEqual([8, 5]);
    // Another look at them changes nothing.
    await tell('edit', left);
    expect(products()).toEqual([8, 5]);
    expect(await world.issues(MAPPING)).toHaveLength(3);
    await edit(world, 'keap', 'products', left[0]!, { description: 'edited' });
    await sync(world, 'changes', MAPPING);
    await linked(world, MAPPING, 'keap', left[0]!);
    expect(products()).toEqual([8, 6]);
  });

  it('children of a record that the brake holds wait for it', async () => {
    const edits = replaced([/^deletes: .*$/m, 'brake: { creates: { count: 1 } }']);
    world = await startWorld({ lag: '0s', files: { 'mappings/contact-customer.yaml': edits } });
    await sync(world, 'full');
    const customers: string[] = [];
    for (let i = 0; i < 3; i++)
      customers.push(
        await make(world, 'shop', 'customers', { email: `${unique('child')}@x.example`, last_name: 'Child' }),
      );
    await sync(world, 'changes', 'contact-customer');
    const [waiting] = (await world.issues('contact-customer')).filter(({ code }) => code === 'BRAKE_ON');
    expect(waiting).toMatchObject({ side: 1 });
    const order = await make(world, 'shop', 'orders', { title: unique('order'), customer_id: Number(waiting!.id) });
    await reconcile(world, 'opportunity-order', 'shop', order);
    expect(await issueOf(world, 'opportunity-order', 'shop', order)).toMatchObject({ code: 'REFERENCE_WAITING' });
    // It is not settled that the parent has no counterpart: nothing else is put in its place.
    const orders = world.engine.mapping('opportunity-order');
    const reference = orders.properties.find((property) => property.reference)!;
    expect(await convertContext(scopeOf(world, 'opportunity-order')).reference(reference, 1, waiting!.id)).toBe(
      'pending',
    );
    await answerBrake(scopeOf(world, 'contact-customer', context()), 'continue');
    await world.settle();
    for (const customer of customers) await linked(world, 'contact-customer', 'shop', customer);
    await linked(world, 'opportunity-order', 'shop', order);
  });
});

describe('clears', () => {
  const clear = async (pairs: readonly Pair[]): Promise<void> => {
    for (const { keap } of pairs) await edit(world, 'keap', 'products', keap, { description: '' });
    await sync(world, 'changes', MAPPING);
  };
  const said = async (pairs: readonly Pair[]): Promise<unknown[]> =>
    Promise.all(pairs.map(async ({ shop }) => (await read(world, 'shop', 'products', shop)).description || ''));
  const count = async (pairs: readonly Pair[]) => (await said(pairs)).filter((text) => text === 'said').length;

  it('stop after so many records, and go on when a person says so', async () => {
    const pairs = await start(8);
    await clear(pairs.slice(0, 6));
    expect(await store().on()).toMatchObject({ kind: 'clears', limit: 3 });
    expect(await count(pairs)).toBe(5);
    await expectQuiet(world, MAPPING);
    await answer('continue');
    expect(await count(pairs)).toBe(2);
    await expectQuiet(world, MAPPING);
  });

  it('are not made once a person discards them, until one side changes', async () => {
    const pairs = await start(8);
    await clear(pairs.slice(0, 6));
    const blocked = (await blockedIssues()).map(({ id }) => id);
    // A change of another property of such a record is not discarded with it.
    await edit(world, 'keap', 'products', blocked[0]!, { short_description: 'new' });
    await answer('discard');
    expect(await count(pairs)).toBe(5);
    expect(await world.issues(MAPPING)).toEqual([]);
    const one = pairs.find(({ keap }) => keap === blocked[0])!;
    expect(await read(world, 'shop', 'products', one.shop)).toMatchObject({
      short_description: 'new',
      description: 'said',
    });
    expect((await read(world, 'keap', 'products', one.keap)).description || '').toBe('');
    await expectQuiet(world, MAPPING);
    await edit(world, 'shop', 'products', one.shop, { description: 'said again' });
    await sync(world, 'changes', MAPPING);
    expect(await read(world, 'keap', 'products', one.keap)).toMatchObject({ description: 'said again' });
  });
});

describe('an answer', () => {
  it('is carried out by the next scan or the next request when the process that noted it died', async () => {
    const pairs = await start(10);
    for (const { keap } of pairs.slice(0, 5)) await remove(world, 'keap', 'products', keap);
    await sync(world, 'full', MAPPING);
    await store().answer((await store().on())!, 'discard');
    await expect(answer('continue')).rejects.toMatchObject({ code: 'CONFLICT' });
    await sync(world, 'changes', MAPPING);
    expect(await store().on()).toBeUndefined();
    expect(await survivors(pairs)).toEqual(pairs);
    expect((await world.issues(MAPPING)).filter(({ kind }) => kind === 'orphaned')).toHaveLength(5);

    // Died after the brake was taken off, before the records were queued.
    await lose(pairs.slice(5));
    const brake = (await store().on())!;
    expect(brake).toMatchObject({ by: 'writes' });
    expect(await blockedIssues()).toHaveLength(2);
    await store().release({ ...brake, answer: 'continue' });
    expect(await answer('continue')).toBe(2);
    expect(await survivors(pairs)).toEqual(pairs.slice(0, 5));
  });

  it('applies to its own brake only, and still counts while a second brake is on', async () => {
    const pairs = await start(12);
    await lose(pairs.slice(0, 6));
    const first = (await store().on())!;
    await store().release({ ...first, answer: 'continue' });
    const brake = await store().trip({ kind: 'creates', by: 'writes', count: 4, limit: 3, linked: 9 });
    await tell(
      'delete',
      pairs.slice(0, 6).map(({ keap }) => keap),
    );
    expect(await survivors(pairs)).toHaveLength(9);
    expect(new Set((await blockedIssues()).map((one) => one.brake))).toEqual(new Set([first.id]));
    await store().answer(brake, 'discard');
    await sync(world, 'changes', MAPPING);
    expect(await survivors(pairs)).toHaveLength(6);
  });

  it.each(['continue', 'discard'] as const)(
    'to a brake for creates says nothing of deletes that nobody had seen: %s',
    async (what) => {
      const pairs = await start(12);
      const lost = pairs.slice(0, 8);
      await store().trip({ kind: 'creates', by: 'writes', count: 4, limit: 3, linked: 12 });
      // Blocked for an edit each; then they are deleted, which nothing reports.
      for (const { keap } of lost) await edit(world, 'keap', 'products', keap, { description: 'edited' });
      await sync(world, 'changes', MAPPING);
      for (const { keap } of lost) await remove(world, 'keap', 'products', keap);
      await answer(what);
      expect(await survivors(lost)).toHaveLength(5);
      expect(await store().on()).toMatchObject({ kind: 'deletes', by: 'writes', limit: 3 });
    },
  );

  it('lets no other write past a brake that went on since', async () => {
    const [pair] = await start(3);
    await store().trip({ kind: 'clears', by: 'writes', count: 4, limit: 3, linked: 3 });
    await edit(world, 'keap', 'products', pair!.keap, { description: '', short_description: 'new' });
    await sync(world, 'changes', MAPPING);
    await world.whileStopped(async () => {
      await answerBrake(scopeOf(world, MAPPING, context()), 'discard');
      await store().trip({ kind: 'deletes', by: 'writes', count: 4, limit: 3, linked: 3 });
    });
    await world.settle();
    const shown = () => read(world, 'shop', 'products', pair!.shop);
    expect(await shown()).toMatchObject({ description: 'said', short_description: 'x' });
    await answer('continue');
    expect(await shown()).toMatchObject({ description: 'said', short_description: 'new' });
    await expectQuiet(world, MAPPING);
  });

  it('is not needed for a decision of a person about one record', async () => {
    const pairs = await start(8);
    await lose(pairs.slice(0, 4));
    const [left] = await survivors(pairs.slice(0, 4));
    await deleteSurvivor(scopeOf(world, MAPPING, context()), { side: 0, id: left!.keap });
    expect(await read(world, 'shop', 'products', left!.shop)).toBeUndefined();
    const fresh = await make(world, 'keap', 'products', product(unique('fresh')));
    await reconcile(world, MAPPING, 'keap', fresh);
    expect(await issueOf(world, MAPPING, 'keap', fresh)).toMatchObject({ code: 'BRAKE_ON' });
    await createByHand(scopeOf(world, MAPPING, context()), { side: 0, id: fresh });
    const counterpartId = await linked(world, MAPPING, 'keap', fresh);
    expect(await read(world, 'shop', 'products', counterpartId)).toBeDefined();
    expect(await store().on()).toBeDefined();
  });
});

describe('what was discarded outlives', () => {
  /** Ten pairs, of which these are for losing. */
  const startTen = async () => (await start(10, RULES, { retryDelay: 1 })).slice(0, 7);
  const kept = async (pairs: readonly Pair[]) => {
    const found = await Promise.all(pairs.map(({ keap }) => read(world, 'keap', 'products', keap)));
    return pairs.filter((_, i) => found[i] !== undefined);
  };
  const loseInShop = async (pairs: readonly Pair[]): Promise<Pair[]> => {
    for (const { shop } of pairs) await remove(world, 'shop', 'products', shop);
    for (const { shop } of pairs) await world.engine.events('customwebshop', [{ event: 'product.deleted', id: shop }]);
    await world.settle();
    return kept(pairs);
  };

  it('an outage in which the jobs give up, before any of them found the answer', async () => {
    const lost = await startTen();
    for (const { shop } of lost) await remove(world, 'shop', 'products', shop);
    await sync(world, 'full', MAPPING);
    expect(await store().on()).toMatchObject({ by: 'scan', count: 7 });
    world.shop.faults.add({ method: 'GET', path: '/products/', action: 'status', status: 503 });
    await answer('discard');
    expect((await world.issues(MAPPING)).map(({ kind }) => kind)).toEqual(Array(7).fill('failed'));
    world.shop.faults.clear();
    // Not missed once more either.
    await sync(world, 'full', MAPPING);
    expect(await store().on()).toBeUndefined();
    expect(await kept(lost)).toEqual(lost);
    expect((await world.issues(MAPPING)).map(({ kind }) => kind)).toEqual(Array(7).fill('orphaned'));
    await expectQuiet(world, MAPPING);
  });

  it('a sync of the one record, a job that gives up on it, and a survivor that cannot be read', async () => {
    const lost = await startTen();
    const left = await loseInShop(lost);
    expect(left).toHaveLength(4);
    await answer('discard');
    const links = world.engine.links(MAPPING);
    await world.engine.trigger({ mapping: MAPPING, record: { side: 0, id: left[0]!.keap } });
    const trouble = { kind: 'failed', reason: 'down', mapping: 'x', since: 1 } as const;
    await linksIn(links).raise(0, left[1]!.keap, '', { ...trouble, code: 'SYSTEM_UNAVAILABLE' });
    await linksIn(links).raise(0, left[2]!.keap, 'error', { ...trouble, code: 'EXPRESSION_FAILED' });
    await sync(world, 'changes', MAPPING);
    expect(await kept(lost)).toEqual(left);
    for (const { keap } of left)
      expect(await issueOf(world, MAPPING, 'keap', keap)).toMatchObject({ kind: 'orphaned' });
    await expectQuiet(world, MAPPING);

    // Another decision of a person ends it.
    await deleteSurvivor(scopeOf(world, MAPPING, context()), { side: 0, id: left[0]!.keap });
    await createByHand(scopeOf(world, MAPPING, context()), { side: 0, id: left[1]!.keap });
    const renewed = { keap: left[1]!.keap, shop: await linked(world, MAPPING, 'keap', left[1]!.keap) };
    expect(await linksIn(links).decided(0, left[0]!.keap)).toBeUndefined();
    expect(await loseInShop([renewed])).toEqual([]);
  });

  it('an outage in which the job gives up before there is an answer', async () => {
    const left = await loseInShop(await startTen());
    expect(left).toHaveLength(4);
    const [one] = left;
    world.keap.faults.add({
      method: 'GET',
      path: `/crm/rest/v2/products/${one!.keap}`,
      action: 'status',
      status: 503,
    });
    await reconcile(world, MAPPING, 'keap', one!.keap);
    expect(await issueOf(world, MAPPING, 'keap', one!.keap)).toMatchObject({ kind: 'failed', change: 'deletes' });
    world.keap.faults.clear();
    await answer('discard');
    await sync(world, 'full', MAPPING);
    expect(await kept(left)).toEqual(left);
    expect(await issueOf(world, MAPPING, 'keap', one!.keap)).toMatchObject({ kind: 'orphaned' });
    await expectQuiet(world, MAPPING);
  });

  it('a discarded delete ends once the counterpart returns, and a later deletion is a new one', async () => {
    const lost = await startTen();
    const shop = new Map(all(world, 'shop', 'products').map((one) => [String(one.id), structuredClone(one)]));
    const [one] = await loseInShop(lost);
    await answer('discard');
    const links = world.engine.links(MAPPING);
    expect(await linksIn(links).decided(0, one!.keap)).toEqual({ kind: 'deletes' });
    world.shop.store.table('products').put(shop.get(one!.shop) as never);
    await reconcile(world, MAPPING, 'keap', one!.keap);
    expect(await linksIn(links).decided(0, one!.keap)).toBeUndefined();
    expect(await loseInShop([one!])).toEqual([]);
  });

  it('an edit of the mapping, and trouble: discarded creates stay undone until the record changes', async () => {
    await start(2);
    const later: string[] = [];
    for (let i = 0; i < 6; i++) later.push(await make(world, 'keap', 'products', product(unique('later'))));
    await sync(world, 'changes', MAPPING);
    await answer('discard');
    expect(products()).toEqual([8, 5]);
    const left = (await world.issues(MAPPING)).map(({ id }) => id);
    const version = world.engine.mapping(MAPPING).version;
    const file = join(world.dir, 'mappings', `${MAPPING}.yaml`);
    const text = await readFile(file, 'utf8');
    const edited = text.replace(
      '    customwebshop: description\n    type: string\n',
      '    customwebshop: description\n    type: string\n    convert: { customwebshop: "$trim($)", keap: "$trim($)" }\n',
    );
    expect(edited).not.toBe(text);
    await writeFile(file, edited);
    await expect.poll(() => world.engine.mapping(MAPPING).version, { timeout: 10_000 }).not.toBe(version);
    await sync(world, 'full', MAPPING);
    for (const id of left) await world.engine.trigger({ mapping: MAPPING, record: { side: 0, id } });
    await world.settle();
    expect(products()).toEqual([8, 5]);
    expect(await store().on()).toBeUndefined();
    await edit(world, 'keap', 'products', left[0]!, { description: 'edited' });
    await sync(world, 'changes', MAPPING);
    await linked(world, MAPPING, 'keap', left[0]!);
    expect(products()).toEqual([8, 6]);
    expect(await linksIn(world.engine.links(MAPPING)).decided(0, left[0]!)).toBeUndefined();
  });
});

describe('what a person decides about one value while clears are blocked', () => {
  const cleared = async (review = false) => {
    const [pair] = await start(2, RULES, { conflict: review ? 'review' : 'latest' });
    await store().trip({ kind: 'clears', by: 'writes', count: 9, limit: 3, linked: 2 });
    return pair!;
  };
  const issue = (pair: Pair) => issueOf(world, MAPPING, 'keap', pair.keap);
  const history = (pair: Pair) => world.engine.links(MAPPING).history.history(pair.keap);
  const shown = (pair: Pair) => read(world, 'shop', 'products', pair.shop);

  it('writes nothing else when a value is put back, and a cleared value can be put back later', async () => {
    const pair = await cleared();
    await world.engine
      .links(MAPPING)
      .history.keepOverwritten(
        [pair.keap, pair.shop],
        [{ at: new Date().toISOString(), property: 'sku', side: 'keap', value: 'old', rule: 'conflict' }],
      );
    await edit(world, 'keap', 'products', pair.keap, { description: '' });
    await sync(world, 'changes', MAPPING);
    expect(await issue(pair)).toMatchObject({ code: 'BRAKE_ON', change: 'clears' });
    const [lost] = await history(pair);
    const outcome = await restoreValue(scopeOf(world, MAPPING, context()), { side: 0, id: pair.keap }, lost!.id);
    expect(outcome).toMatchObject({ kind: 'updated', writes: [['sku'], ['sku']] });
    await world.settle();
    expect(await shown(pair)).toMatchObject({ sku: 'old', description: 'said' });
    expect(await issue(pair)).toMatchObject({ code: 'BRAKE_ON', change: 'clears' });
    await expectQuiet(world, MAPPING);

    await answer('continue');
    expect((await shown(pair)).description).toBeFalsy();
    expect(await issue(pair)).toBeUndefined();
    const gone = (await history(pair)).find(({ property }) => property === 'description');
    expect(gone).toMatchObject({ rule: 'cleared', side: 'customwebshop', value: 'said' });
    await restoreValue(scopeOf(world, MAPPING, context()), { side: 0, id: pair.keap }, gone!.id);
    await world.settle();
    expect(await shown(pair)).toMatchObject({ description: 'said' });
    expect(await read(world, 'keap', 'products', pair.keap)).toMatchObject({ description: 'said' });
  });

  it('writes the chosen side of a conflict, while an edit of one side alone waits', async () => {
    const pair = await cleared(true);
    await edit(world, 'keap', 'products', pair.keap, { description: '', name: 'ours' });
    await edit(world, 'shop', 'products', pair.shop, { name: 'theirs' });
    await sync(world, 'changes', MAPPING);
    expect(await issue(pair)).toMatchObject({ code: 'BRAKE_ON' });
    await resolveConflict(scopeOf(world, MAPPING, context()), { side: 0, id: pair.keap }, 0);
    await world.settle();
    expect(await shown(pair)).toMatchObject({ name: 'ours', description: 'said' });
    expect(await issue(pair)).toMatchObject({ code: 'BRAKE_ON', change: 'clears' });
    await answer('discard');
    expect(await shown(pair)).toMatchObject({ name: 'ours', description: 'said' });
    expect(await issue(pair)).toBeUndefined();
  });

  it.each<[string, (shop: string) => Promise<unknown>]>([
    ['', async () => {}],
    [
      ', also after a sync of that one record',
      (id) => world.engine.trigger({ mapping: MAPPING, record: { side: 1, id } }),
    ],
    [
      ', also after an outage in which its job gave up',
      async (id) => {
        world.shop.faults.add({ method: 'GET', path: '/products/', action: 'status', status: 503 });
        await reconcile(world, MAPPING, 'shop', id);
        world.shop.faults.clear();
      },
    ],
    [
      ', also after it could not be understood',
      async (id) => {
        const table = world.shop.store.table('products');
        const record = structuredClone(all(world, 'shop', 'products').find((one) => String(one.id) === id));
        let deep: object = {};
        for (let i = 0; i < 120; i++) deep = { deep };
        table.put({ ...record, deep } as never);
        await sync(world, 'full', MAPPING);
        table.put(record as never);
      },
    ],
  ])('the correlation id of two records linked by hand is written once the brake is off%s', async (_, trouble) => {
    await start(2, RULES, { retryDelay: 1 });
    await store().trip({ kind: 'clears', by: 'writes', count: 9, limit: 3, linked: 2 });
    const keap = await make(world, 'keap', 'products', product(unique('one')));
    const shop = await make(world, 'shop', 'products', {
      name: unique('two'),
      sku: unique('two'),
      price: '1.00',
      external_id: 'somebody',
    });
    await linkByHand(scopeOf(world, MAPPING, context()), [keap, shop]);
    await world.settle();
    expect(await issueOf(world, MAPPING, 'keap', keap)).toMatchObject({ code: 'BRAKE_ON' });
    await expectQuiet(world, MAPPING);
    await trouble(shop);
    await sync(world, 'full', MAPPING);
    await expectQuiet(world, MAPPING);
    expect(await read(world, 'shop', 'products', shop)).toMatchObject({ external_id: 'somebody' });
    await answer('continue');
    expect(await read(world, 'shop', 'products', shop)).toMatchObject({ external_id: keap });
    await expectQuiet(world, MAPPING);
  });
});

describe('a mapping file', () => {
  it('without the limit only reports the brake, as it may not be the version in force', async () => {
    await start(2);
    await store().trip({ kind: 'deletes', by: 'writes', count: 4, limit: 3, linked: 9 });
    const mapping = world.engine.mapping(MAPPING);
    const other = { ...mapping, brake: { ...mapping.brake, deletes: undefined } };
    const brake = await brakeOn(world.engine, other);
    expect(brakeReason(other, brake!)).toMatch(/has no limit for deletes any more: the next scan takes it off\.$/);
    expect(await store().on()).toEqual(brake);
  });

  it('keeps a decision that was noted when it takes the limit away', async () => {
    const pairs = await start(10);
    for (const { keap } of pairs.slice(0, 5)) await remove(world, 'keap', 'products', keap);
    await sync(world, 'full', MAPPING);
    // The process dies before it has carried it out.
    await store().answer((await store().on())!, 'discard');
    const file = join(world.dir, 'mappings', `${MAPPING}.yaml`);
    const { version } = world.engine.mapping(MAPPING);
    await writeFile(file, (await readFile(file, 'utf8')).replace('deletes: { count: 3 }', 'deletes: off'));
    await expect.poll(() => world.engine.mapping(MAPPING).version, { timeout: 30_000 }).not.toBe(version);
    await edit(world, 'keap', 'products', pairs[6]!.keap, { description: 'edited' });
    await tell('edit', [pairs[6]!.keap]);
    await sync(world, 'full', MAPPING);
    expect(await survivors(pairs)).toEqual(pairs);
    expect(await store().on()).toBeUndefined();
    expect((await read(world, 'shop', 'products', pairs[6]!.shop)).description).toBe('edited');
  });

  it('takes the brake off when it takes the limit away', async () => {
    const pairs = await start(8);
    await lose(pairs.slice(0, 5));
    expect(await survivors(pairs)).toHaveLength(5);
    const file = join(world.dir, 'mappings', `${MAPPING}.yaml`);
    const version = world.engine.mapping(MAPPING).version;
    await writeFile(file, (await readFile(file, 'utf8')).replace('deletes: { count: 3 }', 'deletes: off'));
    await expect.poll(() => world.engine.mapping(MAPPING).version, { timeout: 10_000 }).not.toBe(version);
    await sync(world, 'changes', MAPPING);
    expect(await store().on()).toBeUndefined();
    expect(await survivors(pairs)).toHaveLength(3);
  });
});

describe('a plan', () => {
  it('tells that the brake would trip, goes on while it is on, and touches it in no way', async () => {
    const pairs = await start(10);
    const plan = async () => {
      const { run } = await world.engine.trigger({ mapping: MAPPING, scan: 'full', plan: true });
      await world.settle();
      return (await world.engine.runs.get(run.id))!;
    };
    const later: string[] = [];
    for (let i = 0; i < 5; i++) later.push(await make(world, 'keap', 'products', product(unique('later'))));
    expect(await plan()).toMatchObject({
      state: 'done',
      counts: { created: [0, 5] },
      reason: 'The brake may trip: 5 records would be created, and 3 may be in one run.',
    });
    for (const { keap } of pairs.slice(0, 4)) await remove(world, 'keap', 'products', keap);
    expect((await plan()).reason).toBe('The brake would trip: 4 of 10 linked records are missing, and 3 may be.');
    expect(await store().on()).toBeUndefined();
    await sync(world, 'full', MAPPING);
    expect(await plan()).toMatchObject({ reason: expect.stringContaining('is on'), counts: { created: [0, 0] } });
    expect(await store().on()).toMatchObject({ by: 'scan', count: 4 });
  });
});

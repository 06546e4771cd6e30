/** An edit of which records take part, or how they match, never has a counterpart created that is there already. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Size } from '../../../sandbox/seed/index.ts';
import { startWorld, type World } from '../../support/world.ts';
import {
  all,
  counterpart,
  issueOf,
  linked,
  make,
  type ProductRules,
  product,
  productFile,
  productMapping,
  reconcile,
  sync,
} from './support.ts';

const MAPPING = 'product-product';

const text = (rules: ProductRules): string => productMapping({ when: 'true', ...rules });

let world: World;
afterEach(() => world?.close());

/** @param size `small`: products of the shop were there long before, so that no question for changes shows them */
async function begin(first: ProductRules, size: Size = 'small'): Promise<void> {
  world = await startWorld({ size, lag: '0s', mappings: { [MAPPING]: text(first) } });
  await sync(world, 'full', MAPPING);
}

async function rewrite(next: ProductRules): Promise<void> {
  const version = (): string => world.engine.mapping(MAPPING).version;
  const before = version();
  await writeFile(productFile(world.dir), text(next));
  await expect.poll(version, { timeout: 5_000 }).not.toBe(before);
  await world.settle();
}

/** A product of the shop that has no counterpart. */
async function free(): Promise<{ id: string; sku: string; name: string }> {
  for (const { id, sku, name } of all(world, 'shop', 'products')) {
    const taken = all(world, 'keap', 'products').some((one) => one.sku === sku || one.name === name);
    if (sku && !taken) return { id: String(id), sku, name };
  }
  throw new Error('Each product of the shop has a counterpart.');
}

const inKeap = ({ sku, name }: { sku: string; name: string }) =>
  make(world, 'keap', 'products', { ...product(name), sku });
const having = (name: string, sku: string) =>
  all(world, 'shop', 'products').filter((one) => one.name === name || one.sku === sku);

it('a record that a wider "when" takes in is linked, and none is created beside it before both sides are read again', async () => {
  await begin({ when: 'false' });
  const old = await free();
  await rewrite({});
  const made = await inKeap({ sku: old.sku, name: `${old.name} of Keap` });
  await reconcile(world, MAPPING, 'keap', made);
  expect(await counterpart(world, MAPPING, 'keap', made)).toBeUndefined();
  expect(having(old.name, old.sku)).toHaveLength(1);
  await sync(world, 'full', MAPPING);
  expect(await linked(world, MAPPING, 'keap', made)).toBe(old.id);
  expect(await issueOf(world, MAPPING, 'keap', made)).toBeUndefined();
});

it('an edit that is undone before both sides were read again asks for them to be read all the same', async () => {
  await begin({});
  const old = await free();
  await rewrite({ when: 'false' });
  // It is looked at, and leaves the index.
  await reconcile(world, MAPPING, 'shop', old.id);
  await rewrite({});
  const made = await inKeap({ sku: old.sku, name: `${old.name} of Keap` });
  await reconcile(world, MAPPING, 'keap', made);
  expect(await counterpart(world, MAPPING, 'keap', made)).toBeUndefined();
  await sync(world, 'full', MAPPING);
  expect(await linked(world, MAPPING, 'keap', made)).toBe(old.id);
});

describe('a match rule that is edited while a worker has a record under the former one', () => {
  it.each([
    { who: 'that has heard of the edit', beat: 20 },
    { who: 'that has not heard of the edit', beat: 60_000 },
  ])('does not let a worker $who create a counterpart', async ({ beat }) => {
    await begin({});
    const old = await free();
    let taken = (): void => {};
    let release = (): void => {};
    const took = new Promise<void>((resolve) => {
      taken = resolve;
    });
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let holding = false;
    let made = '';
    await world.whileStopped(async () => {
      await world.another(async (dir) => writeFile(productFile(dir), await readFile(productFile(world.dir), 'utf8')), {
        versions: { beat },
        step: async (name) => {
          if (name !== 'after-take' || holding) return;
          holding = true;
          taken();
          await held;
        },
      });
      made = await inKeap({ sku: `${old.sku}-K`, name: old.name });
      await world.engine.context({ owner: 'test' }).enqueue(MAPPING, 0, [made]);
      await took;
    });
    const version = world.engine.mapping(MAPPING).version;
    await writeFile(productFile(world.dir), text({ match: 'name' }));
    await expect.poll(() => world.engine.mapping(MAPPING).version, { timeout: 5_000 }).not.toBe(version);
    await expect.poll(async () => (await world.engine.versions.inForce()).get(MAPPING)?.version).not.toBe(version);
    // The other record is looked at under the edit, and is from now on found by the new rule only.
    const looked = async (): Promise<boolean> => {
      await world.engine.context({ owner: 'test' }).enqueue(MAPPING, 1, [old.id]);
      return world.outcomes.slice(looks).some(({ id }) => id === old.id);
    };
    const looks = world.outcomes.length;
    await expect.poll(looked, { timeout: 20_000 }).toBe(true);
    release();
    await world.settle();
    await sync(world, 'full', MAPPING);
    expect(having(old.name, `${old.sku}-K`).map((one) => String(one.id))).toEqual([old.id]);
    expect(await linked(world, MAPPING, 'keap', made)).toBe(old.id);
  });
});

it('a mapping without match rules goes on creating after an edit, beside records that have no counterpart', async () => {
  await begin({ match: '' }, 'empty');
  await inKeap({ sku: 'first', name: 'First' });
  await sync(world, 'full', MAPPING);
  expect(having('First', 'first')).toHaveLength(1);
  await make(world, 'shop', 'products', { name: 'By hand', sku: 'by-hand', price: '1.00', short_description: 'x' });
  await rewrite({ match: '', when: 'name != "x"' });
  await inKeap({ sku: 'second', name: 'Second' });
  await sync(world, 'full', MAPPING);
  expect(having('Second', 'second')).toHaveLength(1);
});

it('a scan that had read both sides under a former version reads them again', async () => {
  await begin({}, 'empty');
  const { runs, queues } = world.engine;
  const { run } = await runs.begin({ mapping: MAPPING, scan: 'full', plan: false, trigger: 'api' });
  await inKeap({ sku: 'one', name: 'One' });
  await queues.scan.add('scan', { mapping: MAPPING, scan: 'full', run: run.id, read: 'a former version' });
  await expect.poll(async () => (await runs.get(run.id))?.state, { timeout: 10_000 }).toBe('done');
  expect((await runs.get(run.id))?.progress.read).toEqual([1, 0]);
});

/** A mapping that would create records beside others with which nothing compares them: refused until the file says so. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Run } from '../../../engine/store/runs.ts';
import { replaced, startWorld, type World } from '../../support/world.ts';
import { all, make, unique, worldWith } from './support.ts';

const NAME = 'product-product';
const fileOf = (dir: string): string => join(dir, 'mappings', `${NAME}.yaml`);

/** Without a match rule and without `correlate`: nothing tells which products belong together. */
const UNMATCHED = {
  [`mappings/${NAME}.yaml`]: replaced(
    [/^match:\n(?:(?: {2}.*)?\n)+?(?=\S)/m, ''],
    [/^correlate:.*\n(?: {2}.*\n)*/m, ''],
    [/^create:.*\n/m, 'create: [customwebshop]\n'],
  ),
};

const makeProduct = (world: World): Promise<string> =>
  make(world, 'keap', 'products', { name: unique('keap'), sku: unique('K'), price: 100, short_description: 's' });

async function run(world: World, plan: boolean): Promise<Run> {
  const { run: begun } = await world.engine.trigger({ mapping: NAME, scan: 'full', plan });
  await expect
    .poll(async () => (await world.engine.runs.get(begun.id))?.state, { timeout: 20_000 })
    .toMatch(/^(done|failed)$/);
  await world.settle();
  return (await world.engine.runs.get(begun.id))!;
}

describe('on a side that has records already', () => {
  const world = worldWith({ files: UNMATCHED, synced: false });
  beforeAll(async () => {
    for (let i = 0; i < 3; i++) await makeProduct(world);
    for (let i = 0; i < 2; i++)
      await make(world, 'shop', 'products', { name: unique('shop'), sku: unique('S'), price: '1.00' });
  });

  it('a plan shows how many there are, and that a run would refuse to begin', async () => {
    const planned = await run(world, true);
    expect(planned.counts.created).toEqual([0, 3]);
    expect(planned.reason).toMatch(/^A run would refuse to begin: customwebshop has 2 records already/);
  });

  it('a run fails with this reason, and nothing is created, also by an event', async () => {
    const failed = await run(world, false);
    expect(failed).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/create: \{ customwebshop: always \}/),
    });
    const id = await makeProduct(world);
    await world.reconcile(NAME, 0, id);
    expect(all(world, 'shop', 'products')).toHaveLength(2);
  });

  it('a run creates records once the mapping file allows it', async () => {
    const text = await readFile(fileOf(world.dir), 'utf8');
    const version = world.engine.mapping(NAME).version;
    await writeFile(fileOf(world.dir), text.replace('create: [customwebshop]', 'create: { customwebshop: always }'));
    await expect.poll(() => world.engine.mapping(NAME).version, { timeout: 10_000 }).not.toBe(version);
    await world.settle();
    expect(await run(world, false)).toMatchObject({ state: 'done' });
    expect(all(world, 'shop', 'products')).toHaveLength(6);
  });
});

it('a run creates records on an empty side without such permission', async () => {
  const world = await startWorld({ files: UNMATCHED });
  try {
    await makeProduct(world);
    expect(await run(world, false)).toMatchObject({ state: 'done' });
    expect(all(world, 'shop', 'products')).toHaveLength(1);
    // What was created there is no reason to refuse later.
    await makeProduct(world);
    expect(await run(world, false)).toMatchObject({ state: 'done' });
    expect(all(world, 'shop', 'products')).toHaveLength(2);
  } finally {
    await world.close();
  }
});

/** Nothing only grows: the same life of records, again and again under edited rules, leaves behind what the first one left. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { answerBrake } from '../../../engine/sync/brake-answer.ts';
import { startWorld, type World } from '../../support/world.ts';
import { all, make, remove, scopeOf, sync } from '../sync/support.ts';
import { keysBehind } from './support.ts';

const MAPPING = 'product-product';
/** Pruned by time, entry by entry: tests/integration/store/batches.test.ts. */
const PRUNED = /:brake:answers$/;

/** Kind of each key with how much is in it. Numbers that name a period, a version of the rules or a bucket are left out. */
async function sizes({ engine: { redis, prefix } }: World): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  const count: Record<string, (key: string) => Promise<number>> = {
    string: async () => 1,
    hash: (key) => redis.hlen(key),
    set: (key) => redis.scard(key),
    zset: (key) => redis.zcard(key),
    list: (key) => redis.llen(key),
    stream: (key) => redis.xlen(key),
  };
  for (const key of await keysBehind(redis, `${prefix}:{${MAPPING}}:`)) {
    // What expires does not only grow.
    if (PRUNED.test(key) || (await redis.pttl(key)) > 0) continue;
    const name = key.slice(prefix.length).replace(/free:[^:]+:/, 'free:RULES:');
    found[name] = (found[name] ?? 0) + (await count[await redis.type(key)]!(key));
  }
  return found;
}

/** Another match rule, another property and another definition each time. */
async function editRules(world: World, round: number): Promise<void> {
  const file = join(world.dir, 'mappings', `${MAPPING}.yaml`);
  const text = await readFile(file, 'utf8');
  const edited = text
    .replace(
      /match:\n {2}- keap: .*\n {4}customwebshop: .*\n/,
      `match:\n  - keap: $trim(sku & '${' '.repeat(round)}')\n    customwebshop: sku\n`,
    )
    .replace(/deletes: \w+/, 'deletes: propagate')
    .replace(
      /(- keap: short_description\n {4}customwebshop: short_description\n {4}type: string\n)( {4}conflict: \w+\n)?/,
      `$1    conflict: ${round % 2 ? 'keap' : 'customwebshop'}\n`,
    );
  expect(edited).not.toBe(text);
  await writeFile(file, edited);
  await world.engine.config.reload();
  expect(world.engine.config.problems()).toEqual([]);
}

async function live(world: World, round: number): Promise<void> {
  await editRules(world, round);
  const product = (n: number) => ({
    sku: `S${round}-${n}`,
    name: `Product ${round}-${n}`,
    short_description: 'Short',
    price: 1,
  });
  for (let n = 0; n < 9; n++) await make(world, 'keap', 'products', product(n));
  // Two that a rule finds and a person decides about, one that is refused, one that is found by its key.
  await make(world, 'shop', 'products', { sku: `T${round}`, name: `Product ${round}-0` });
  await make(world, 'shop', 'products', { sku: `S${round}-1`, name: 'Found by its key' });
  world.shop.faults.add({ method: 'POST', path: '/products', times: 2, action: 'status', status: 422 });
  await sync(world, 'full');
  world.shop.faults.clear();
  await sync(world, 'full');
  for (const { id } of [...all(world, 'keap', 'products')]) await remove(world, 'keap', 'products', String(id));
  await sync(world, 'full');
  if (await world.engine.links(MAPPING).brake.on()) {
    await answerBrake(scopeOf(world, MAPPING, world.engine.context({ owner: 'people' })), 'continue');
    await world.settle();
  }
  for (const { id } of [...all(world, 'shop', 'products')]) await remove(world, 'shop', 'products', String(id));
  await sync(world, 'full');
  await sync(world, 'full');
}

it('records that came and went under rules that are edited leave as many keys and entries after each round', async () => {
  const world = await startWorld({ lag: '0s' });
  try {
    const after: Record<string, number>[] = [];
    for (let round = 0; round < 3; round++) {
      await live(world, round);
      after.push(await sizes(world));
    }
    expect(Object.keys(after[0]!)).not.toEqual([]);
    expect(after[1]).toEqual(after[0]);
    expect(after[2]).toEqual(after[0]);
  } finally {
    await world.close();
  }
}, 120_000);

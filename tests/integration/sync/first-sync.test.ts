/** The first sync of real-looking data, counted through the systems' own APIs, and the quiet after it. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Run } from '../../../engine/store/runs.ts';
import { values } from '../../../sandbox/demo/exercise.ts';
import { RULES } from '../../../sandbox/oracle/rules.ts';
import type { MappingName } from '../../../sandbox/seed/index.ts';
import { compareWorld, demoApis } from '../../support/values.ts';
import { worldWith } from './support.ts';

const world = worldWith({ size: 'small', synced: false });
let first: Run;
beforeAll(async () => {
  first = await world.sync();
  await world.settle();
});

const entities: Record<MappingName, readonly [string, string]> = {
  'company-customer': ['companies', 'customers'],
  'contact-customer': ['contacts', 'customers'],
  'product-product': ['products', 'products'],
  'opportunity-order': ['opportunities', 'orders'],
};

async function countKeap(entity: string): Promise<number> {
  let count = 0;
  for (let token = ''; ; ) {
    const page = await world.keapApi('GET', `/v2/${entity}?page_size=1000${token}`);
    count += page[entity].length;
    if (!page.next_page_token) return count;
    token = `&page_token=${encodeURIComponent(page.next_page_token)}`;
  }
}

async function countShop(entity: string): Promise<number> {
  let count = 0;
  for (let page = 1; ; page++) {
    const records = await world.shopApi('GET', `/${entity}?per_page=100&page=${page}`);
    count += records.length;
    if (records.length < 100) return count;
  }
}

describe.each(Object.keys(entities) as MappingName[])('%s', (name) => {
  it('has as many records on both sides as the mapping implies', async () => {
    const expected = world.seed.expected.mappings[name];
    const [keap, shop] = entities[name];
    expect({ keap: await countKeap(keap), customwebshop: await countShop(shop) }).toEqual(expected.after);
  });

  it('linked what it should and has the issues that it should', async () => {
    const expected = world.seed.expected.mappings[name];
    const issues = await world.issues(name);
    const ids = (kind: string, side: number) =>
      issues
        .filter((one) => one.kind === kind && one.side === side)
        .map((one) => one.id)
        .sort();
    expect(await world.engine.links(name).links.count()).toBe(
      expected.matched + expected.created.keap + expected.created.customwebshop,
    );
    expect(ids('review', 0)).toEqual([...expected.review.keap].sort());
    expect(ids('review', 1)).toEqual([...expected.review.customwebshop].sort());
    expect(ids('failed', 0)).toEqual(expected.failed.keap.map((one) => one.id).sort());
    expect(ids('failed', 1)).toEqual(expected.failed.customwebshop.map((one) => one.id).sort());
    expect(ids('waiting', 0)).toEqual([...expected.waiting.keap].sort());
    expect(ids('waiting', 1)).toEqual([...expected.waiting.customwebshop].sort());
  });
});

it('the run counts each record once, where it stands at the end', async () => {
  for (const id of first.children ?? []) {
    const run = await world.engine.runs.get(id);
    if (!run) throw new Error(`There is no run ${id}.`);
    const { matched, created, waiting, review, failed } = world.seed.expected.mappings[run.mapping as MappingName];
    expect(run.counts).toMatchObject({
      matched,
      created: [created.keap, created.customwebshop],
      waiting: waiting.keap.length + waiting.customwebshop.length,
      review: review.keap.length + review.customwebshop.length,
      failed: failed.keap.length + failed.customwebshop.length,
    });
  }
});

it('records with conflicts at first contact are linked to the expected counterparts', async () => {
  for (const conflict of world.seed.expected.conflicts) {
    const mapping = world.engine.mapping(conflict.mapping);
    expect(await world.engine.links(mapping.name).reader.counterpart(0, conflict.keapId)).toBe(conflict.shopId);
  }
});

it('every property of every linked pair agrees, by an oracle that knows nothing of the mappings', async () => {
  for (const { mapping, pairs, properties, differences } of await compareWorld(world)) {
    const { matched, created } = world.seed.expected.mappings[mapping];
    expect(pairs).toBe(matched + created.keap + created.customwebshop);
    expect(properties).toBe(pairs * RULES[mapping].length);
    expect(differences).toEqual([]);
  }
  const lines = await values({ apis: await demoApis(world), seed: 42 }, 'small');
  expect(lines).toMatch(/\n {2}together: \d+ pairs, \d+ properties compared, differences: 0$/);
});

it('a second full scan makes no write and no job', async () => {
  const before = [world.keap.stats().writes, world.shop.stats().writes];
  const run = await world.sync();
  await world.settle();
  expect(run.progress.work).toBe(0);
  expect([world.keap.stats().writes, world.shop.stats().writes]).toEqual(before);
  expect(run.progress.read[0]).toBeGreaterThan(0);
});

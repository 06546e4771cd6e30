/** A property that is added, removed or defined otherwise is brought to every link by a run of its own. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Run } from '../../../engine/store/runs.ts';
import { linksIn } from '../../support/links.ts';
import { startWorld, type World } from '../../support/world.ts';
import {
  edit,
  expectQuiet,
  issueOf,
  laterThan,
  linked,
  make,
  read,
  reconcile,
  type SystemName,
  sync,
  unique,
  worldWith,
  writes,
} from './support.ts';

const MAPPING = 'product-product';
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** @param rows YAML of the rows beside the name */
const file = (rows: readonly string[], more = ''): string => `mapping: ${MAPPING}
description: Products.
between:
  keap: products
  customwebshop: products
match:
  - keap: sku
    customwebshop: sku
create: []
schedule: off
${more}
properties:
  - { keap: name, customwebshop: name, required: true }
  - { keap: short_description, customwebshop: short_description }
${rows.map((row) => `  - ${row}\n`).join('')}`;

async function define(world: World, rows: readonly string[], more = ''): Promise<void> {
  await writeFile(join(world.dir, 'mappings', `${MAPPING}.yaml`), file(rows, more));
  await world.engine.config.reload();
  expect(world.engine.config.problems()).toEqual([]);
  await world.settle();
}

async function ended(world: World, id: string): Promise<Run> {
  await expect.poll(async () => (await world.engine.runs.get(id))?.state, { timeout: 20_000 }).toBe('done');
  return (await world.engine.runs.get(id))!;
}

async function backfill(world: World, plan = false): Promise<Run> {
  const { run } = await world.engine.trigger({ mapping: MAPPING, scan: 'backfill', plan });
  return ended(world, run.id);
}

/** Calls of both systems so far. */
const calls = (world: World): number => world.keap.stats().total + world.shop.stats().total;

interface Pair {
  readonly keap: string;
  readonly shop: string;
}

/** A linked pair, with fields that the mapping may not know yet. The shop's record is modified later. */
async function pair(world: World, keap: object = {}, shop: object = {}): Promise<Pair> {
  const sku = unique('sku');
  const a = await make(world, 'keap', 'products', { name: sku, sku, price: 100, short_description: 'short', ...keap });
  await laterThan(await read(world, 'keap', 'products', a));
  const b = await make(world, 'shop', 'products', { name: sku, sku, short_description: 'short', ...shop });
  await sync(world, 'full', MAPPING);
  expect(await linked(world, MAPPING, 'keap', a)).toBe(b);
  return { keap: a, shop: b };
}

const value = async (world: World, system: SystemName, id: string, field = 'description'): Promise<unknown> =>
  (await read(world, system, 'products', id))[field] ?? undefined;
const both = async (world: World, { keap, shop }: Pair, field = 'description'): Promise<unknown[]> => [
  await value(world, 'keap', keap, field),
  await value(world, 'shop', shop, field),
];
const lost = async (world: World, { keap }: Pair): Promise<unknown[]> =>
  (await world.engine.links(MAPPING).history.history(keap)).map((entry) => [entry.property, entry.side, entry.value]);

const ROW = '{ keap: description, customwebshop: description }';

describe('a backfill asked for', () => {
  const world = worldWith({ mappings: { [MAPPING]: file([]) } });
  beforeEach(async () => {
    await define(world, []);
    await backfill(world);
  });

  it('fills empty values of an added property, leaves equal ones, and decides different ones by the rule', async () => {
    const left = await pair(world, { description: 'keap has it' });
    const right = await pair(world, {}, { description: 'shop has it' });
    const equal = await pair(world, { description: 'same' }, { description: 'same' });
    const neither = await pair(world);
    const differ = await pair(world, { description: 'of keap' }, { description: 'of shop' });
    await define(world, [ROW]);
    const run = await backfill(world);
    expect(run).toMatchObject({
      scan: 'backfill',
      changes: { added: ['description'], changed: [], removed: [] },
      counts: { updated: [2, 1], conflicts: 1, failed: 0 },
    });
    expect(run.progress.work).toBe(run.progress.read[0]);
    expect(run.progress.done).toBe(run.progress.work);
    expect(await both(world, left)).toEqual(['keap has it', 'keap has it']);
    expect(await both(world, right)).toEqual(['shop has it', 'shop has it']);
    expect(await both(world, equal)).toEqual(['same', 'same']);
    expect(await both(world, neither)).toEqual([undefined, undefined]);
    expect(await both(world, differ)).toEqual(['of shop', 'of shop']);
    expect(await lost(world, differ)).toEqual([['description', 'keap', 'of keap']]);
    await expectQuiet(world, MAPPING);
  });

  it.each([
    ['keap', 'of keap'],
    ['customwebshop', 'of shop'],
    ['review', undefined],
  ])('decides different values of an added property by the rule %s', async (conflict, winner) => {
    const differ = await pair(world, { description: 'of keap' }, { description: 'of shop' });
    await define(world, [`{ keap: description, customwebshop: description, conflict: ${conflict} }`]);
    await backfill(world);
    expect(await both(world, differ)).toEqual(winner ? [winner, winner] : ['of keap', 'of shop']);
    if (winner === undefined)
      expect(await issueOf(world, MAPPING, 'keap', differ.keap)).toMatchObject({
        kind: 'review',
        property: 'description',
      });
    await expectQuiet(world, MAPPING);
  });

  it('converts again toward the side of a changed conversion, whichever record was modified later', async () => {
    await define(world, [ROW]);
    const one = await pair(world, { description: 'Text' });
    const two = await pair(world, {}, { description: 'Other' });
    await define(world, [
      '{ keap: description, customwebshop: description, convert: { customwebshop: $uppercase($) } }',
    ]);
    await backfill(world);
    expect(await both(world, one)).toEqual(['Text', 'TEXT']);
    expect(await both(world, two)).toEqual(['Other', 'OTHER']);
    expect(await lost(world, one)).toEqual([['description', 'customwebshop', 'Text']]);
    await define(world, [
      '{ keap: description, customwebshop: description, convert: { customwebshop: $uppercase($), keap: $lowercase($) } }',
    ]);
    const run = await backfill(world);
    expect(run.changes).toEqual({ added: [], changed: ['description'], removed: [] });
    expect(await both(world, one)).toEqual(['text', 'TEXT']);
    await expectQuiet(world, MAPPING);
  });

  it('lets an edit arrive that had not yet, whatever the rule says', async () => {
    await define(world, [ROW]);
    const edited = await pair(world, { description: 'first' });
    await edit(world, 'keap', 'products', edited.keap, { description: 'Edited' });
    await define(world, [
      '{ keap: description, customwebshop: description, conflict: customwebshop, convert: { customwebshop: $uppercase($) } }',
    ]);
    await backfill(world);
    expect(await both(world, edited)).toEqual(['Edited', 'EDITED']);
  });

  it('translates only the values again that a changed value table turns into another value', async () => {
    const row = (to: string): string =>
      `{ keap: description, customwebshop: description, values: { won: completed, open: ${to} } }`;
    await define(world, [row('pending')]);
    const open = await pair(world, { description: 'open' });
    const won = await pair(world, { description: 'won' });
    expect(await both(world, open)).toEqual(['open', 'pending']);
    await define(world, [row('waiting')]);
    const before = writes(world);
    await backfill(world);
    expect(await both(world, open)).toEqual(['open', 'waiting']);
    expect(await both(world, won)).toEqual(['won', 'completed']);
    expect(writes(world)).toEqual([before[0], before[1] + 1]);
  });

  it('brings a value to the new place of a moved property', async () => {
    await define(world, [ROW]);
    const moved = await pair(world, { description: 'text' });
    await define(world, ['{ keap: description, customwebshop: sku }'], '# moved');
    // The place is taken: both have a value, and the rule decides.
    await define(world, ['{ keap: description, customwebshop: sku, conflict: keap }']);
    await backfill(world);
    expect(await value(world, 'shop', moved.shop, 'sku')).toBe('text');
    expect(await value(world, 'shop', moved.shop)).toBe('text');
  });

  it('forgets a removed property: added again, it is met for the first time', async () => {
    await define(world, [ROW]);
    await backfill(world);
    const one = await pair(world, { description: 'agreed' });
    await define(world, []);
    expect((await backfill(world)).changes).toEqual({ added: [], changed: [], removed: ['description'] });
    expect(Object.keys((await linksIn(world.engine.links(MAPPING)).base(one.keap)).base).sort()).toEqual([
      'name',
      'short_description',
    ]);
    await edit(world, 'keap', 'products', one.keap, { description: 'edited while nobody looked' });
    await sync(world, 'full', MAPPING);
    expect(await both(world, one)).toEqual(['edited while nobody looked', 'agreed']);
    await define(world, ['{ keap: description, customwebshop: description, conflict: customwebshop }']);
    await backfill(world);
    // An old base would have made it an edit, which wins over any rule.
    expect(await both(world, one)).toEqual(['agreed', 'agreed']);
    expect(await lost(world, one)).toEqual([['description', 'keap', 'edited while nobody looked']]);
  });

  it('compares by the new type of a property, and writes nothing when values are equal', async () => {
    await define(world, [ROW]);
    const equal = await pair(world, { description: '1.50' });
    await define(world, ['{ keap: description, customwebshop: description, type: decimal }']);
    await edit(world, 'shop', 'products', equal.shop, { description: '1.5' });
    const before = writes(world);
    await backfill(world);
    expect(await both(world, equal)).toEqual(['1.50', '1.5']);
    expect(writes(world)).toEqual(before);
    await expectQuiet(world, MAPPING);
  });

  it('decides a value that a one-way property let differ, once the property is two-way again', async () => {
    await define(world, [ROW]);
    const one = await pair(world, { description: 'agreed' });
    const before = writes(world);
    await define(world, ['{ keap: description, customwebshop: description, direction: customwebshop }']);
    await backfill(world);
    expect(writes(world)).toEqual(before);
    await edit(world, 'shop', 'products', one.shop, { description: 'own words' });
    await sync(world, 'full', MAPPING);
    expect(await both(world, one)).toEqual(['agreed', 'own words']);
    await define(world, ['{ keap: description, customwebshop: description, conflict: keap }']);
    await backfill(world);
    expect(await both(world, one)).toEqual(['agreed', 'agreed']);
    expect(await lost(world, one)).toEqual([['description', 'customwebshop', 'own words']]);
    await expectQuiet(world, MAPPING);
  });

  it('puts back the value of the leading side once the mapping reverts drift', async () => {
    await define(world, ['{ keap: description, customwebshop: description, direction: customwebshop }']);
    const one = await pair(world, { description: 'leads' });
    await edit(world, 'shop', 'products', one.shop, { description: 'own words' });
    await sync(world, 'full', MAPPING);
    await define(world, ['{ keap: description, customwebshop: description, direction: customwebshop, drift: revert }']);
    await backfill(world);
    expect(await both(world, one)).toEqual(['leads', 'leads']);
    expect(await lost(world, one)).toEqual([['description', 'customwebshop', 'own words']]);
  });

  it('a value that cannot be converted waits with its reason, and is written once the conversion is fixed', async () => {
    const one = await pair(world, { description: 'text' });
    await define(world, ['{ keap: description, customwebshop: description, values: { other: thing } }']);
    const run = await backfill(world);
    expect(run.counts.failed).toBeGreaterThan(0);
    expect(await issueOf(world, MAPPING, 'keap', one.keap)).toMatchObject({
      kind: 'failed',
      code: 'VALUE_NOT_IN_TABLE',
    });
    await expectQuiet(world, MAPPING);
    await define(world, ['{ keap: description, customwebshop: description, values: { text: TEXT } }']);
    await backfill(world);
    expect(await both(world, one)).toEqual(['text', 'TEXT']);
    expect(await issueOf(world, MAPPING, 'keap', one.keap)).toBeUndefined();
  });

  it('costs no call for links that are in date, also where what changed does not matter to agreements', async () => {
    await pair(world);
    const before = calls(world);
    expect(await backfill(world)).toMatchObject({ progress: { work: 0, done: 0 }, state: 'done' });
    await define(world, [], 'conflict: keap\ndeletes: review');
    const run = await backfill(world);
    expect(run.progress.read[0]).toBeGreaterThan(0);
    expect(run.progress.work).toBe(0);
    expect(run.changes).toBeUndefined();
    expect(calls(world)).toBe(before);
  });

  it('as a plan tells what would be written, and writes nothing', async () => {
    const left = await pair(world, { description: 'keap has it' });
    await define(world, [ROW]);
    const before = writes(world);
    const planned = await backfill(world, true);
    expect(planned).toMatchObject({ plan: true, changes: { added: ['description'] } });
    const entries = await world.engine.runs.planned(planned.id, 0, 1_000);
    expect(entries.find((entry) => entry.record.id === left.keap)).toMatchObject({
      kind: 'updated',
      writes: [[], ['description']],
    });
    expect(writes(world)).toEqual(before);
    await backfill(world);
    expect(await both(world, left)).toEqual(['keap has it', 'keap has it']);
  });
});

describe('a backfill by itself', () => {
  const world = worldWith({ mappings: { [MAPPING]: file([]) }, workers: { schedules: true } });

  const latest = async (): Promise<Run | undefined> =>
    (await world.engine.runs.list({ limit: 1, mapping: MAPPING })).runs[0];

  it('follows an edit of the file at once; an edit of who takes part is followed by a full scan', async () => {
    const left = await pair(world, { description: 'keap has it' });
    const { total } = await world.engine.runs.list();
    await define(world, [ROW]);
    await expect.poll(latest, { timeout: 10_000 }).toMatchObject({
      scan: 'backfill',
      trigger: 'edit',
      state: 'done',
      changes: { added: ['description'] },
    });
    expect(await both(world, left)).toEqual(['keap has it', 'keap has it']);
    expect((await world.engine.runs.list()).total).toBe(total + 1);
    await define(world, [ROW], 'when: { keap: name != "excluded" }');
    await expect.poll(latest, { timeout: 10_000 }).toMatchObject({ scan: 'full', trigger: 'edit', state: 'done' });
    expect((await world.engine.runs.list()).total).toBe(total + 2);
    // Nothing to look through: conflicts are decided when they come up.
    await define(world, [ROW], 'when: { keap: name != "excluded" }\nconflict: keap');
    await expect
      .poll(async () => (await world.engine.links(MAPPING).progress.followed()).version)
      .toBe(world.engine.mapping(MAPPING).version);
    expect((await world.engine.runs.list()).total).toBe(total + 2);
  });

  it('an edit that comes while the records of the one before are worked on begins another backfill', async () => {
    const one = await pair(world, { description: 'Text' });
    const queue = world.engine.queues.reconcile(MAPPING);
    const lastBackfill = async (): Promise<Run | undefined> =>
      (await world.engine.runs.list({ mapping: MAPPING })).runs.find((run) => run.scan === 'backfill');
    const change = async (by: string): Promise<void> => {
      const row = `{ keap: description, customwebshop: description, convert: { customwebshop: '${by}' } }`;
      await writeFile(join(world.dir, 'mappings', `${MAPPING}.yaml`), file([row]));
      await world.engine.config.reload();
    };
    const before = (await lastBackfill())?.id;
    await queue.pause();
    try {
      await change('"one " & $');
      await expect.poll(async () => (await lastBackfill())?.id, { timeout: 20_000 }).not.toBe(before);
      await expect.poll(lastBackfill, { timeout: 20_000 }).toMatchObject({ state: 'working' });
      const first = (await lastBackfill())!.id;
      await change('"two " & $');
      await expect.poll(async () => (await lastBackfill())?.id, { timeout: 20_000 }).not.toBe(first);
    } finally {
      await queue.resume();
    }
    await expect.poll(() => both(world, one), { timeout: 20_000 }).toEqual(['Text', 'two Text']);
    await world.settle();
    await expectQuiet(world, MAPPING);
  });

  it('follows an edit that was made while nothing ran, and one that comes while it looks', async () => {
    const one = await pair(world, { description: 'Text' });
    await define(world, [ROW]);
    await expect.poll(() => both(world, one), { timeout: 10_000 }).toEqual(['Text', 'Text']);
    const upper = '{ keap: description, customwebshop: description, convert: { customwebshop: $uppercase($) } }';
    await world.whileStopped(async () => {
      await writeFile(join(world.dir, 'mappings', `${MAPPING}.yaml`), file([upper]));
      await world.engine.config.reload();
    });
    await define(world, [upper.replace('$uppercase($)', '$uppercase($) & "!"')]);
    await expect.poll(() => both(world, one), { timeout: 10_000 }).toEqual(['Text', 'TEXT!']);
    await world.settle();
    await expectQuiet(world, MAPPING);
  });
});

it('a backfill updates the other links when the counterpart of one link is gone', async () => {
  const world = await startWorld({ mappings: { [MAPPING]: file([]) } });
  try {
    await sync(world, 'full');
    const good = await pair(world, { description: 'good' });
    const gone = await pair(world, { description: 'gone' });
    await define(world, [ROW]);
    await world.shopApi('DELETE', `/products/${gone.shop}`);
    const run = await backfill(world);
    expect(run.state).toBe('done');
    expect(await both(world, good)).toEqual(['good', 'good']);
    expect(await issueOf(world, MAPPING, 'keap', gone.keap)).toMatchObject({ kind: 'orphaned' });
    await reconcile(world, MAPPING, 'keap', good.keap);
    await expectQuiet(world, MAPPING);
  } finally {
    await world.close();
  }
});

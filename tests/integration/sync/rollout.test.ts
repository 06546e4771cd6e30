/** Two versions of a mapping side by side on one Redis: one is in force, the other process leaves the mapping alone. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { type Another, startWorld, type World } from '../../support/world.ts';
import {
  edit,
  expectQuiet,
  linked,
  make,
  product,
  productFile,
  productMapping,
  read,
  sync,
  unique,
  writes,
} from './support.ts';

const MAPPING = 'product-product';
const PLAIN = '{ keap: description, customwebshop: description }';
const UPPER = '{ keap: description, customwebshop: description, convert: { customwebshop: $uppercase($) } }';

const text = (row: string): string => productMapping({ rows: [row] });
const having = (row: string) => (dir: string) => writeFile(productFile(dir), text(row));

// Scans pass from hand to hand until a process with the version in force gets them.
vi.setConfig({ testTimeout: 120_000 });

let world: World;
afterEach(() => world?.close());

async function begin(row: string): Promise<void> {
  world = await startWorld({ mappings: { [MAPPING]: text(row) }, workers: { schedules: true } });
  await sync(world, 'full');
}

async function pair(description: string): Promise<{ keap: string; shop: string }> {
  const sku = unique('sku');
  const keap = await make(world, 'keap', 'products', { ...product(sku), description });
  await sync(world, 'full', MAPPING);
  return { keap, shop: await linked(world, MAPPING, 'keap', keap) };
}

const values = async ({ keap, shop }: { keap: string; shop: string }): Promise<string[]> => [
  (await read(world, 'keap', 'products', keap)).description,
  (await read(world, 'shop', 'products', shop)).description,
];

/** Both processes get the same records, over and over, as from webhooks and scans. */
async function bothBusy(second: Another, ids: readonly string[]): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await world.engine.context({ owner: 'test' }).enqueue(MAPPING, 0, ids);
    await second.engine.context({ owner: 'test' }).enqueue(MAPPING, 0, ids);
    await world.engine.trigger({ mapping: MAPPING, scan: 'full' });
    await world.settle();
  }
}

it('a newer version takes over all links while the older process idles; a rollback does the reverse', async () => {
  await begin(PLAIN);
  const one = await pair('Text');
  const two = await pair('More');
  const second = await world.another(having(UPPER));
  await expect.poll(() => values(one), { timeout: 10_000 }).toEqual(['Text', 'TEXT']);
  await expect.poll(() => values(two)).toEqual(['More', 'MORE']);
  await world.settle();

  const done = world.outcomes.length;
  await edit(world, 'keap', 'products', one.keap, { description: 'From keap' });
  await edit(world, 'shop', 'products', two.shop, { description: 'From shop' });
  await bothBusy(second, [one.keap, two.keap]);
  expect(await values(one)).toEqual(['From keap', 'FROM KEAP']);
  expect(await values(two)).toEqual(['From shop', 'From shop']);
  expect(world.outcomes.length).toBe(done);
  const before = writes(world);
  await bothBusy(second, [one.keap, two.keap]);
  await expectQuiet(world, MAPPING);
  expect(writes(world)).toEqual(before);
  expect((await world.engine.versions.processes()).map((process) => process.yielded)).toEqual([[MAPPING], []]);

  await second.close();
  await expect.poll(() => values(one), { timeout: 15_000 }).toEqual(['From keap', 'From keap']);
  await world.settle();
  await edit(world, 'keap', 'products', two.keap, { description: 'again' });
  await sync(world, 'full', MAPPING);
  expect(await values(two)).toEqual(['again', 'again']);
  expect(world.outcomes.length).toBeGreaterThan(done);
  await expectQuiet(world, MAPPING);
});

it('a process that is restarted with the older version changes nothing while the newer one runs', async () => {
  await begin(PLAIN);
  const one = await pair('Text');
  const second = await world.another(having(UPPER));
  await expect.poll(() => values(one), { timeout: 10_000 }).toEqual(['Text', 'TEXT']);
  await world.settle();
  await world.restartWorkers();
  const third = await world.another(having(PLAIN));
  const done = world.outcomes.length;
  await edit(world, 'keap', 'products', one.keap, { description: 'Next' });
  await bothBusy(second, [one.keap]);
  expect(await values(one)).toEqual(['Next', 'NEXT']);
  expect(third.outcomes).toEqual([]);
  expect(world.outcomes.length).toBe(done);
});

it.each(['before-update', 'before-link'] as const)(
  'what the older version had in hand when the newer one took over ends as that one has it: %s',
  async (moment) => {
    await begin(PLAIN);
    let edited = await pair('Text');
    let go = (): void => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    let reached = false;
    let slow: Another | undefined;
    // The world's own workers stand aside, so that the record is in the hands of the one that is held up.
    await world.whileStopped(async () => {
      slow = await world.another(async () => {}, {
        step: async (name) => {
          if (name !== moment) return;
          reached = true;
          await held;
        },
      });
      if (moment === 'before-update') await edit(world, 'keap', 'products', edited.keap, { description: 'Edited' });
      else {
        const sku = unique('sku');
        const made = { name: sku, sku, price: 100, short_description: 'x', description: 'Edited' };
        edited = { keap: await make(world, 'keap', 'products', made), shop: '' };
      }
      await slow.engine.context({ owner: 'test' }).enqueue(MAPPING, 0, [edited.keap]);
      await expect.poll(() => reached, { timeout: 10_000 }).toBe(true);
    });
    const second = await world.another(having(UPPER));
    const { versions, runs } = slow!.engine;
    await expect
      .poll(async () => (await versions.processes()).filter((one) => one.yielded.length > 0).length, {
        timeout: 10_000,
      })
      .toBe(2);
    // The backfill has looked at all links by now: it is not what finds this one.
    await expect
      .poll(async () => (await runs.list({ limit: 1 })).runs[0], { timeout: 20_000 })
      .toMatchObject({ scan: 'backfill', state: moment === 'before-update' ? 'working' : 'done' });
    go();
    await world.settle();
    if (moment === 'before-link') edited = { ...edited, shop: await linked(world, MAPPING, 'keap', edited.keap) };
    await expect.poll(() => values(edited), { timeout: 15_000 }).toEqual(['Edited', 'EDITED']);
    expect(second.outcomes.length).toBeGreaterThan(0);
    await world.settle();
    await expectQuiet(world, MAPPING);
  },
);

it('a process without the file of a mapping leaves the scans of the mapping to other processes', async () => {
  await begin(PLAIN);
  const second = await world.another((dir) => writeFile(join(dir, 'mappings', 'companies.yaml'), COMPANIES));
  for (let i = 0; i < 5; i++) {
    const { run } = await second.engine.trigger({ mapping: 'companies', scan: 'full' });
    await expect.poll(async () => (await second.engine.runs.get(run.id))?.state, { timeout: 10_000 }).toBe('done');
  }
  expect((await second.engine.runs.list({ mapping: 'companies' })).runs.map((run) => run.state)).not.toContain(
    'failed',
  );
});

const COMPANIES = `mapping: companies
between: { keap: companies, customwebshop: customers }
match: [{ keap: company_name, customwebshop: company }]
schedule: { changes: 1h, full: off }
properties:
  - { keap: company_name, customwebshop: company, required: true }
`;

it('schedules are those of the version in force; a process without the mapping leaves them alone', async () => {
  await begin(PLAIN);
  const schedulers = async (): Promise<unknown[]> =>
    (await world.engine.queues.scan.getJobSchedulers()).map(({ key, every }) => [key, Number(every)]);
  const second = await world.another(async (dir) => {
    await writeFile(join(dir, 'mappings', 'companies.yaml'), COMPANIES);
    await writeFile(productFile(dir), text(UPPER).replace('schedule: off', 'schedule: { changes: 2h, full: off }'));
  });
  const wanted = [
    ['schedule.changes.companies', 3_600_000],
    [`schedule.changes.${MAPPING}`, 7_200_000],
  ];
  await expect.poll(async () => (await schedulers()).sort()).toEqual(wanted);
  await world.restartWorkers();
  expect((await schedulers()).sort()).toEqual(wanted);
  await second.close();
  await expect.poll(schedulers, { timeout: 10_000 }).toEqual([]);
});

/** Every row of every mapping, both ways: it arrives at creation, follows an edit, is cleared, and edits on both sides meet. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../support/world.ts';
import { people, type Row, type Table, tables } from './rows.ts';
import {
  edit,
  expectQuiet,
  get,
  laterThan,
  linked,
  make,
  other,
  read,
  reconcile,
  type SystemName,
  set,
  sideOf,
  sync,
  worldWith,
} from './support.ts';

const world = worldWith();
beforeAll(async () => {
  for (let i = 0; i < 5; i++) {
    const email = `buyer-${i}@buyers.example`;
    const customer = await make(world, 'shop', 'customers', { email, first_name: 'Buyer', last_name: String(i) });
    await reconcile(world, 'contact-customer', 'shop', customer);
    people.push({ customer, contact: await linked(world, 'contact-customer', 'shop', customer) });
  }
});

interface Pair {
  readonly n: number;
  readonly keap: string;
  readonly shop: string;
}

const systems = ['keap', 'shop'] as const;
let numbers = 0;

const pathOf = (row: Row, system: SystemName): string => (system === 'keap' ? row.keap.write : row.shop);

/** Examples `k` of all rows, as they are written. */
function written(table: Table, system: SystemName, n: number, k: number): Json {
  const record = {};
  for (const row of table.rows) set(record, pathOf(row, system), row.example(n, k)[system]);
  return record;
}

/** What a system holds now, by the names of the rows. */
async function values(table: Table, system: SystemName, id: string): Promise<Record<string, Json>> {
  const record = await read(world, system, table[system], id);
  return Object.fromEntries(
    table.rows.map((row) => [row.name, get(record, system === 'keap' ? row.keap.read : row.shop)]),
  );
}

/** What it must hold once examples `k` of the other side have arrived; `k` may differ by row. */
function expected(table: Table, system: SystemName, n: number, k: (row: Row) => number): Record<string, Json> {
  return Object.fromEntries(
    table.rows.map((row) => {
      const example = row.example(n, k(row));
      return [row.name, system === 'keap' ? (example.keapRead ?? example.keap) : (example.shopRead ?? example.shop)];
    }),
  );
}

/** Whether example 2 is an edit of example 0. Of a yes or no there are two examples only. */
const differs = (row: Row, system: SystemName, n: number): boolean =>
  row.example(n, 0)[system] !== row.example(n, 2)[system];

/** Pairs made in `from`, several at once; each test takes its own. */
async function pairs(table: Table, from: SystemName, count: number): Promise<Pair[]> {
  const made = await Promise.all(
    Array.from({ length: count }, async () => {
      const n = ++numbers;
      return { n, id: await make(world, from, table[from], written(table, from, n, 0)) };
    }),
  );
  await reconcile(world, table.mapping, from, ...made.map(({ id }) => id));
  return Promise.all(
    made.map(async ({ n, id }) => {
      const counterpartId = await linked(world, table.mapping, from, id);
      return from === 'keap' ? { n, keap: id, shop: counterpartId } : { n, shop: id, keap: counterpartId };
    }),
  );
}

/** Edits some rows of a record as a user does: what is nested is read, changed and sent. */
async function change(
  table: Table,
  system: SystemName,
  pair: Pair,
  rows: readonly Row[],
  k: number | undefined,
): Promise<Json> {
  const record = await read(world, system, table[system], pair[system]);
  const fields: Json = {};
  for (const row of rows) {
    const path = pathOf(row, system);
    const root = /^\w+/.exec(path)![0];
    if (root !== path) fields[root] = record[root];
    set(record, path, k === undefined ? null : row.example(pair.n, k)[system]);
    fields[root] = record[root];
  }
  return edit(world, system, table[system], pair[system], fields);
}

describe.each(tables)('$mapping', (table) => {
  const source = table.creates.includes('shop') ? 'keap' : 'shop';
  let pool: Pair[] = [];
  const take = (): Pair => pool.pop()!;
  const nameOf = (system: SystemName) => world.engine.mapping(table.mapping).sides[sideOf(system)].name;
  const historyOf = ({ keap }: Pair) => world.engine.links(table.mapping).history.history(keap);
  const namesOf = (all: readonly { readonly property?: string; readonly name?: string }[]) =>
    all.map(({ property, name }) => property ?? name).sort();

  beforeAll(async () => {
    pool = await pairs(table, source, 2 * table.rows.length + 2 * table.rows.filter((row) => row.clears).length + 4);
  });

  it.each(table.creates.map((to) => ({ to, from: other(to) })))(
    'a record made in $from is made in $to, every property converted',
    async ({ from, to }) => {
      const [pair] = await pairs(table, from, 1);
      expect(await values(table, to, pair![to])).toEqual(expected(table, to, pair!.n, () => 0));
      const shop = await read(world, 'shop', table.shop, pair!.shop);
      // Whichever of the two was made for the other, the shop keeps which they are.
      expect(shop.external_id).toBe(table.correlated ? pair!.keap : null);
    },
  );

  for (const from of systems) {
    const to = other(from);

    it.each(table.rows)(`$name, edited in ${from}, arrives in ${to}, and nothing else does`, async (row) => {
      const pair = take();
      const before = await values(table, to, pair[to]);
      await change(table, from, pair, [row], 1);
      await reconcile(world, table.mapping, from, pair[from]);
      expect(await values(table, to, pair[to])).toEqual({
        ...before,
        [row.name]: expected(table, to, pair.n, () => 1)[row.name],
      });
      // Who edits a record right after we made it may not have seen what we wrote to it.
      const kept = from === source ? [] : [{ property: row.name, side: nameOf(to), rule: 'returned' }];
      expect(await historyOf(pair)).toMatchObject(kept);
    });

    it.each(table.rows.filter((row) => row.clears))(
      `$name, cleared in ${from}, is cleared in ${to}, and what stands beside it stays`,
      async (row) => {
        const pair = take();
        const cleared = table.rows.filter((one) => one === row || row.with?.includes(one.name));
        const before = await values(table, to, pair[to]);
        await change(table, from, pair, cleared, undefined);
        await reconcile(world, table.mapping, from, pair[from]);
        const nothing = Object.fromEntries(cleared.map(({ name }) => [name, undefined]));
        expect(await values(table, to, pair[to])).toEqual({ ...before, ...nothing });
      },
    );

    it(`the later value of each property wins when both sides are edited, ${from} last, and the other is kept`, async () => {
      const pair = take();
      await laterThan(await change(table, to, pair, table.rows, 1).then(() => read(world, to, table[to], pair[to])));
      await change(table, from, pair, table.rows, 2);
      const losing = await values(table, to, pair[to]);
      await reconcile(world, table.mapping, to, pair[to]);
      // What was not edited here holds the value of the other side.
      const differing = table.rows.filter((one) => differs(one, from, pair.n));
      expect(await values(table, to, pair[to])).toEqual(
        expected(table, to, pair.n, (one) => (differing.includes(one) ? 2 : 1)),
      );
      const history = await historyOf(pair);
      const lostBy = (rule: string) => history.filter((lost) => lost.rule === rule);
      expect(namesOf(lostBy('conflict'))).toEqual(namesOf(differing));
      const others = table.rows.filter((row) => !differing.includes(row));
      expect(namesOf(lostBy('returned'))).toEqual(to === source ? [] : namesOf(others));
      for (const lost of lostBy('conflict')) {
        expect(lost).toMatchObject({ side: nameOf(to) });
        // A price is kept as it would be written back: as a decimal.
        if (lost.property !== 'price') expect(lost.value).toEqual(losing[lost.property]);
      }
    });
  }

  it('edits of different properties on both sides both survive', async () => {
    const pair = take();
    const mine = table.rows.filter((_, i) => i % 2 === 0);
    await change(table, 'keap', pair, mine, 1);
    await change(
      table,
      'shop',
      pair,
      table.rows.filter((row) => !mine.includes(row)),
      2,
    );
    await reconcile(world, table.mapping, 'shop', pair.shop);
    const shop = await values(table, 'shop', pair.shop);
    const keap = await values(table, 'keap', pair.keap);
    for (const row of table.rows) {
      if (mine.includes(row))
        expect([row.name, shop[row.name]]).toEqual([row.name, expected(table, 'shop', pair.n, () => 1)[row.name]]);
      else expect([row.name, keap[row.name]]).toEqual([row.name, expected(table, 'keap', pair.n, () => 2)[row.name]]);
    }
    const returned =
      source === 'shop' ? mine : table.rows.filter((row) => !mine.includes(row) && differs(row, 'shop', pair.n));
    const history = await historyOf(pair);
    expect(namesOf(history)).toEqual(namesOf(returned));
    for (const lost of history) expect(lost).toMatchObject({ side: nameOf(source), rule: 'returned' });
  });

  it('a full scan after these edits leaves nothing to do', async () => {
    await sync(world, 'full');
    await expectQuiet(world);
  });
});

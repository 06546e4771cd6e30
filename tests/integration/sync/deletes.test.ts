/** Deletes are deliberate: what stays, what follows, what a person must decide, and what is not believed to be one. */
import { beforeAll, describe, expect, it } from 'vitest';
import { replaced, type World } from '../../support/world.ts';
import {
  all,
  counterpart,
  edit,
  expectQuiet,
  issueOf,
  linked,
  type MappingName,
  make,
  other,
  read,
  reconcile,
  remove,
  type SystemName,
  sync,
  unique,
  worldWith,
} from './support.ts';

interface Kind {
  readonly mapping: MappingName;
  readonly entities: Record<SystemName, string>;
  /** Where a pair begins. */
  readonly from: SystemName;
  readonly record: (name: string) => object;
  readonly edit: Record<SystemName, object>;
}

let world: World;
let person: { contact: string; customer: string };

function start(deletes: Partial<Record<MappingName, string>>): void {
  const files = Object.entries(deletes).map(([mapping, rule]) => [
    `mappings/${mapping}.yaml`,
    replaced(['deletes: keep', `deletes: ${rule}\nbrake: off`]),
  ]);
  const started = worldWith({ lag: '0s', files: Object.fromEntries(files) });
  beforeAll(async () => {
    world = started;
    const customer = await make(world, 'shop', 'customers', { email: 'buyer@x.example', last_name: 'Buyer' });
    await reconcile(world, 'contact-customer', 'shop', customer);
    person = { customer, contact: await linked(world, 'contact-customer', 'shop', customer) };
  });
}

const kinds: readonly Kind[] = [
  {
    mapping: 'company-customer',
    entities: { keap: 'companies', shop: 'customers' },
    from: 'keap',
    record: (company_name) => ({ company_name }),
    edit: { keap: { notes: 'edited' }, shop: { note: 'edited' } },
  },
  {
    mapping: 'contact-customer',
    entities: { keap: 'contacts', shop: 'customers' },
    from: 'shop',
    record: (name) => ({ email: `${name}@x.example`, last_name: name }),
    edit: { keap: { given_name: 'edited' }, shop: { first_name: 'edited' } },
  },
  {
    mapping: 'product-product',
    entities: { keap: 'products', shop: 'products' },
    from: 'keap',
    record: (name) => ({ name, sku: name, price: 100, short_description: 'x' }),
    edit: { keap: { description: 'edited' }, shop: { description: 'edited' } },
  },
  {
    mapping: 'opportunity-order',
    entities: { keap: 'opportunities', shop: 'orders' },
    from: 'keap',
    record: (opportunity_title) => ({ opportunity_title, contact_id: person.contact, stage_id: '27' }),
    edit: { keap: { opportunity_notes: 'edited' }, shop: { note: 'edited' } },
  },
];
const both = kinds.flatMap((kind) =>
  (['keap', 'shop'] as const).map((from) => ({ ...kind, gone: from, stays: other(from) })),
);

async function pair({ mapping, entities, from, record }: Kind): Promise<Record<SystemName, string>> {
  const id = await make(world, from, entities[from], record(unique('pair')));
  await reconcile(world, mapping, from, id);
  const counterpartId = await linked(world, mapping, from, id);
  return from === 'keap' ? { keap: id, shop: counterpartId } : { keap: counterpartId, shop: id };
}

const names = { keap: 'keap', shop: 'customwebshop' } as const;
/** What the system's webhook says, as `engine.events` takes it. */
function tellDeleted(system: SystemName, entity: string, id: string): Promise<number> {
  const singular = {
    companies: 'company',
    contacts: 'contact',
    opportunities: 'opportunity',
    products: 'product',
    customers: 'customer',
    orders: 'order',
  }[entity];
  return world.engine.events(names[system], [{ event: `${singular}.${system === 'keap' ? 'delete' : 'deleted'}`, id }]);
}

describe('keep, which is the default', () => {
  start({});

  it.each(both)(
    '$mapping: deleted in $gone, the other stays, is not made again, and its edits make nothing',
    async (kind) => {
      const { mapping, entities, gone, stays } = kind;
      const ids = await pair(kind);
      await remove(world, gone, entities[gone], ids[gone]);
      const count = all(world, gone, entities[gone]).length;
      await sync(world, 'full', mapping);
      expect(await read(world, stays, entities[stays], ids[stays])).toBeDefined();
      expect(await issueOf(world, mapping, 'keap', ids.keap)).toMatchObject({
        kind: 'orphaned',
        reason: expect.stringContaining(`${names[gone]} was deleted`),
      });

      await edit(world, stays, entities[stays], ids[stays], kind.edit[stays]);
      await sync(world, 'changes', mapping);
      await sync(world, 'full', mapping);
      expect(all(world, gone, entities[gone])).toHaveLength(count);
      // The link is what remembers that it was deleted.
      expect(await counterpart(world, mapping, stays, ids[stays])).toBe(ids[gone]);
      await expectQuiet(world, mapping);

      await remove(world, stays, entities[stays], ids[stays]);
      await tellDeleted(stays, entities[stays], ids[stays]);
      await world.settle();
      expect(await counterpart(world, mapping, stays, ids[stays])).toBeUndefined();
      expect(await issueOf(world, mapping, 'keap', ids.keap)).toBeUndefined();
      await expectQuiet(world, mapping);
    },
  );

  it('a record that is deleted before it was ever linked leaves no trace', async () => {
    const id = await make(world, 'shop', 'products', { name: unique('short-lived') });
    await reconcile(world, 'product-product', 'shop', id); // fails: Keap demands a price
    await remove(world, 'shop', 'products', id);
    await tellDeleted('shop', 'products', id);
    await world.settle();
    expect(await issueOf(world, 'product-product', 'shop', id)).toBeUndefined();
  });
});

describe('propagate', () => {
  start({
    'product-product': 'propagate',
    'opportunity-order': '{ keap: propagate, customwebshop: keep }',
    'contact-customer': 'review',
    'company-customer': 'propagate',
  });

  const deleting = both.filter(({ mapping }) => mapping === 'product-product' || mapping === 'company-customer');

  it.each(deleting)(
    '$mapping: a record deleted in $gone, reported by a webhook, is deleted in $stays',
    async (kind) => {
      const { mapping, entities, gone, stays } = kind;
      const ids = await pair(kind);
      await remove(world, gone, entities[gone], ids[gone]);
      await tellDeleted(gone, entities[gone], ids[gone]);
      await world.settle();
      expect(await read(world, stays, entities[stays], ids[stays])).toBeUndefined();
      expect(await counterpart(world, mapping, gone, ids[gone])).toBeUndefined();
      // The event that tells of our own delete finds nothing to do.
      await tellDeleted(stays, entities[stays], ids[stays]);
      await world.settle();
      await expectQuiet(world, kind.mapping);
    },
  );

  it.each(deleting)('$mapping: a record deleted in $gone, found by a full scan, is deleted in $stays', async (kind) => {
    const { entities, gone, stays } = kind;
    const ids = await pair(kind);
    await remove(world, gone, entities[gone], ids[gone]);
    await sync(world, 'full', kind.mapping);
    expect(await read(world, stays, entities[stays], ids[stays])).toBeUndefined();
    await expectQuiet(world, kind.mapping);
  });

  it.each(deleting)(
    '$mapping: deleted in $gone, but edited in $stays: the edit survives and a person decides',
    async (kind) => {
      const { mapping, entities, gone, stays } = kind;
      const ids = await pair(kind);
      await edit(world, stays, entities[stays], ids[stays], kind.edit[stays]);
      await remove(world, gone, entities[gone], ids[gone]);
      const count = all(world, gone, entities[gone]).length;
      await sync(world, 'full', kind.mapping);
      expect(await read(world, stays, entities[stays], ids[stays])).toMatchObject(kind.edit[stays]);
      expect(await issueOf(world, mapping, 'keap', ids.keap)).toMatchObject({
        kind: 'review',
        reason: expect.stringContaining('was edited in'),
      });
      expect(all(world, gone, entities[gone])).toHaveLength(count);
      await expectQuiet(world, kind.mapping);
    },
  );

  it('applies by side: a deleted order deletes its opportunity, but not the other way round', async () => {
    const kind = kinds[3]!;
    const first = await pair(kind);
    await remove(world, 'shop', 'orders', first.shop);
    await sync(world, 'full', kind.mapping);
    expect(await read(world, 'keap', 'opportunities', first.keap)).toBeUndefined();
    const second = await pair(kind);
    await remove(world, 'keap', 'opportunities', second.keap);
    await sync(world, 'full', kind.mapping);
    expect(await read(world, 'shop', 'orders', second.shop)).toBeDefined();
    expect(await issueOf(world, 'opportunity-order', 'keap', second.keap)).toMatchObject({ kind: 'orphaned' });
  });

  it.each(['keap', 'shop'] as const)(
    'review: a contact or customer deleted in %s is asked about once',
    async (gone) => {
      const kind = kinds[1]!;
      const stays = other(gone);
      const ids = await pair(kind);
      await remove(world, gone, kind.entities[gone], ids[gone]);
      await sync(world, 'full', kind.mapping);
      expect(await read(world, stays, kind.entities[stays], ids[stays])).toBeDefined();
      expect(await issueOf(world, kind.mapping, 'keap', ids.keap)).toMatchObject({
        kind: 'review',
        reason: expect.stringContaining('a person decides'),
      });
      await expectQuiet(world, kind.mapping);
    },
  );

  it('a list that is empty by mistake deletes nothing: few records are looked at one by one', async () => {
    const ids = await pair(kinds[2]!);
    const before = [all(world, 'keap', 'products').length, all(world, 'shop', 'products').length];
    for (const [sandbox, path] of [
      [world.shop, '/products'],
      [world.keap, '/crm/rest/v2/products'],
    ] as const) {
      sandbox.faults.add({ method: 'GET', path, times: 1, action: 'empty-list' });
      await sync(world, 'full', 'product-product');
      expect(sandbox.faults.list().find((fault) => fault.action === 'empty-list')).toMatchObject({ hits: 1 });
      sandbox.faults.clear();
    }
    expect([all(world, 'keap', 'products').length, all(world, 'shop', 'products').length]).toEqual(before);
    expect(await linked(world, 'product-product', 'keap', ids.keap)).toBe(ids.shop);
    await expectQuiet(world, 'product-product');
  });
});

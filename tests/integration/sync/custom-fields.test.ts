/** Rows on Keap's custom fields, by YAML alone: each item of the list keeps its value while another one is written. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../engine/config/load.ts';
import { changeFiles, type Json, replaced } from '../../support/world.ts';
import { REAL_ENV, ROOT } from '../../unit/config/real.ts';
import { worldWith } from './support.ts';

/** Custom fields of the account: companies have 6 and more, contacts 16, opportunities 26. */
const ROWS: readonly (readonly [file: string, row: RegExp, keap: string])[] = [
  ['company-customer', /keap: website/, "keap: custom_fields[id='6'].content"],
  ['contact-customer', /keap: given_name/, "keap: custom_fields[id='16'].content"],
  ['opportunity-order', /keap: next_action_notes/, "keap: custom_fields[id='26'].content"],
];

const FILES = Object.fromEntries(
  ROWS.map(([name, row, keap]) => [`mappings/${name}.yaml`, replaced([row, keap])] as const),
);

interface Item {
  readonly id: string;
  readonly content?: unknown;
}

const sorted = (items: readonly Item[] | undefined): readonly Item[] =>
  [...(items ?? [])].sort((a, b) => Number(a.id) - Number(b.id));

describe.each([
  {
    entity: 'companies',
    shopEntity: 'customers',
    mapping: 'company-customer',
    shopField: 'website',
    ids: ['6', '8', '10'],
    record: { company_name: 'Acme', email_address: { email: 'info@acme.example', field: 'EMAIL1' } },
    edit: { notes: 'edited' },
    made: { company: 'Made in the shop', email: 'made@shop.example' },
  },
  {
    entity: 'contacts',
    shopEntity: 'customers',
    mapping: 'contact-customer',
    shopField: 'first_name',
    ids: ['16', '18', '20'],
    record: { family_name: 'Diaz', email_addresses: [{ email: 'ana@diaz.example', field: 'EMAIL1' }] },
    edit: { family_name: 'Edited' },
    made: { last_name: 'Shopper', email: 'shopper@shop.example' },
  },
  {
    entity: 'opportunities',
    shopEntity: 'orders',
    mapping: 'opportunity-order',
    shopField: 'next_step',
    ids: ['26', '28', '30'],
    record: { opportunity_title: 'A deal', stage_id: '27' },
    edit: { opportunity_notes: 'edited' },
    made: { title: 'Ordered in the shop' },
  },
])('$entity', ({ entity, shopEntity, mapping, shopField, ids, record, edit, made }) => {
  const world = worldWith({ files: FILES, synced: false });
  const [mapped = '', ...others] = ids;
  let own: string;
  let counterpart: string;
  /** What the record needs to be written, once its surroundings are there. */
  let needs: { keap: object; shop: object } = { keap: {}, shop: {} };

  const inKeap = async (id: string): Promise<readonly Item[]> =>
    sorted((await world.keapApi('GET', `/v2/${entity}/${id}?fields=custom_fields`)).custom_fields);
  const inShop = async (id: string): Promise<Json> => (await world.shopApi('GET', `/${shopEntity}/${id}`))[shopField];
  const setInKeap = (id: string, items: readonly Item[]) =>
    world.keapApi('PATCH', `/v2/${entity}/${id}?update_mask=custom_fields`, { custom_fields: items });
  const settled = async () => {
    await world.sync('changes');
    await world.settle();
  };

  beforeAll(async () => {
    if (entity === 'opportunities') {
      world.keap.store.stages.put({
        id: '27',
        name: 'New Opportunity',
        order: 1,
        probability: 1,
        target_number_days: 1,
      });
      const contact = await world.keapApi('POST', '/v2/contacts', {
        family_name: 'Buyer',
        email_addresses: [{ email: 'buyer@shop.example', field: 'EMAIL1' }],
      });
      const customer = await world.shopApi('POST', '/customers', { last_name: 'Buyer', email: 'buyer@shop.example' });
      needs = { keap: { contact_id: contact.id }, shop: { customer_id: customer.id } };
      await world.sync();
      await world.settle();
    }
  });

  beforeEach(async () => {
    const items = ids.map((id, i) => ({ id, content: i === 1 ? 7 : `value of ${id}` }));
    const count = world.outcomes.length;
    const unique = JSON.parse(JSON.stringify({ ...record, ...needs.keap }).replace(/example/g, `${count}.example`));
    ({ id: own } = await world.keapApi('POST', `/v2/${entity}`, { ...unique, custom_fields: items }));
    if (mapping === 'contact-customer')
      await world.shopApi('POST', '/customers', { last_name: 'Diaz', email: unique.email_addresses[0].email });
    await settled();
    counterpart = (await world.engine.links(mapping).reader.counterpart(0, own)) ?? '';
    expect(await inShop(counterpart)).toBe(`value of ${mapped}`);
  });

  it('an edit in the shop changes its own item and no other', async () => {
    await world.shopApi('PATCH', `/${shopEntity}/${counterpart}`, { [shopField]: 'from the shop' });
    await settled();
    expect(await inKeap(own)).toEqual([
      { id: mapped, content: 'from the shop' },
      { id: others[0], content: 7 },
      { id: others[1], content: `value of ${others[1]}` },
    ]);
  });

  it('an edit in the shop and one of another item in Keap are both kept', async () => {
    await world.whileStopped(async () => {
      await world.shopApi('PATCH', `/${shopEntity}/${counterpart}`, { [shopField]: 'from the shop' });
      await setInKeap(own, [
        { id: mapped, content: `value of ${mapped}` },
        { id: others[0]!, content: 8 },
      ]);
    });
    await settled();
    expect(await inKeap(own)).toEqual([
      { id: mapped, content: 'from the shop' },
      { id: others[0], content: 8 },
    ]);
  });

  it('an edit of another item in Keap is kept when it comes while Tandem reads the shop', async () => {
    await world.whileStopped(async () => {
      await world.shopApi('PATCH', `/${shopEntity}/${counterpart}`, { [shopField]: 'from the shop' });
      await world.keapApi('PATCH', `/v2/${entity}/${own}?update_mask=${Object.keys(edit)[0]}`, edit);
    });
    const path = `/${shopEntity}/${counterpart}`;
    const slow = world.shop.faults.add({ method: 'GET', path, times: 1, action: 'delay', ms: 700 });
    const done = world.reconcile(mapping, 0, own);
    await expect.poll(() => world.shop.faults.list().find(({ id }) => id === slow.id)?.hits ?? 1).toBe(1);
    await setInKeap(own, [
      { id: mapped, content: `value of ${mapped}` },
      { id: others[0]!, content: 9 },
    ]);
    await done;
    await settled();
    world.shop.faults.clear();
    expect(await inKeap(own)).toEqual([
      { id: mapped, content: 'from the shop' },
      { id: others[0], content: 9 },
    ]);
  });

  it('a value that is cleared in the shop clears its own item and no other', async () => {
    await world.shopApi('PATCH', `/${shopEntity}/${counterpart}`, { [shopField]: null });
    await settled();
    const items = await inKeap(own);
    expect(items.find(({ id }) => id === mapped)?.content ?? null).toBe(null);
    expect(items.filter(({ id }) => id !== mapped)).toEqual([
      { id: others[0], content: 7 },
      { id: others[1], content: `value of ${others[1]}` },
    ]);
  });

  it('an item that the record does not have yet is added to the others', async () => {
    await setInKeap(own, [{ id: others[0]!, content: 7 }]);
    await settled();
    expect(await inShop(counterpart)).toBe(null);
    await world.shopApi('PATCH', `/${shopEntity}/${counterpart}`, { [shopField]: 'new' });
    await settled();
    expect(await inKeap(own)).toEqual([
      { id: mapped, content: 'new' },
      { id: others[0], content: 7 },
    ]);
  });

  it('a record that is created in Keap gets the item', async () => {
    const shopRecord = await world.shopApi('POST', `/${shopEntity}`, {
      ...made,
      ...needs.shop,
      [shopField]: 'made there',
    });
    await settled();
    const id = await world.engine.links(mapping).reader.counterpart(1, String(shopRecord.id));
    expect(await inKeap(id ?? '')).toEqual([{ id: mapped, content: 'made there' }]);
  });
});

it('a system file that does not ask for custom fields keeps the row from being used', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'tandem-custom-'));
  try {
    for (const part of ['mappings', 'systems', 'schemas'])
      await cp(join(ROOT, part), join(dir, part), { recursive: true });
    await changeFiles(dir, FILES);
    const file = join(dir, 'systems', 'keap.yaml');
    // JSON is YAML.
    const text = JSON.stringify(load(await readFile(file, 'utf8')));
    await writeFile(file, text.replace(/("fields":"[^"]*?),?custom_fields/g, '$1'));
    const { problems } = await loadConfig({ root: dir, env: REAL_ENV });
    expect(problems).toMatchObject(
      ROWS.map(([name]) => ({
        code: 'CONFIG_OPERATION',
        file: `mappings/${name}.yaml`,
        message: expect.stringContaining('custom_fields only where the query parameter "fields" names it'),
      })).sort((a, b) => (a.file < b.file ? -1 : 1)),
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

/** Mapping files are edited while everything runs: a good edit is in force for the next record, a bad one changes nothing. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  all,
  counterpart,
  edit,
  expectQuiet,
  failures,
  issueOf,
  linked,
  make,
  read,
  reconcile,
  STAGE_WITHOUT_STATUS,
  sync,
  unique,
  worldWith,
} from './support.ts';

const world = worldWith();

const fileOf = (mapping: string): string => join(world.dir, 'mappings', `${mapping}.yaml`);
const versionOf = (mapping: string): string | undefined => world.engine.config.current().mappings.get(mapping)?.version;

/** Edits a file as an editor does, and waits until the edit is in force. */
async function rewrite(mapping: string, change: (text: string) => string): Promise<void> {
  const before = versionOf(mapping);
  const text = await readFile(fileOf(mapping), 'utf8');
  const next = change(text);
  expect(next).not.toBe(text);
  await writeFile(fileOf(mapping), next);
  await expect.poll(() => versionOf(mapping), { timeout: 5_000 }).not.toBe(before);
  await world.settle();
}

describe('a good edit', () => {
  it('applies a changed system file to new work only: work under way keeps the former one', async () => {
    const { engine } = world;
    const before = engine.config.current();
    const former = engine.client('customwebshop', before);
    const file = join(world.dir, 'systems', 'customwebshop.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(file, `${text}\n# edited\n`);
    const version = () => engine.config.current().systems.get('customwebshop')?.version;
    await expect.poll(version, { timeout: 5_000 }).not.toBe(before.systems.get('customwebshop')?.version);
    const now = engine.client('customwebshop');
    expect(now).not.toBe(former);
    expect(engine.context({ owner: 'test', config: before }).client('customwebshop')).toBe(former);
    expect(engine.context({ owner: 'test' }).client('customwebshop')).toBe(now);
    expect((await former.list('products', {}).next()).done).toBe(false);
    await writeFile(file, text);
    await expect.poll(version, { timeout: 5_000 }).toBe(before.systems.get('customwebshop')?.version);
    expect(engine.client('customwebshop')).toBe(former);
    await world.settle();
  });

  it('applies a changed conversion to the next record', async () => {
    await rewrite('company-customer', (text) =>
      text.replace('customwebshop: $replace($, /[^0-9+]/, "")', 'customwebshop: \'"00" & $replace($, /[^0-9]/, "")\''),
    );
    const company = await make(world, 'keap', 'companies', {
      company_name: unique('Phone'),
      phone_number: { number: '+49 (89) 1' },
    });
    await reconcile(world, 'company-customer', 'keap', company);
    expect(
      (await read(world, 'shop', 'customers', await linked(world, 'company-customer', 'keap', company))).phone,
    ).toBe('0049891');
  });

  it('applies moved properties to records that a scan has read before it', async () => {
    const queue = world.engine.queues.reconcile('product-product');
    await queue.pause();
    const sku = unique('Moved');
    const texts = { name: `${sku} name`, short_description: `${sku} short`, description: `${sku} text` };
    const product = await make(world, 'keap', 'products', { sku, price: 12, ...texts });
    await world.engine.trigger({ mapping: 'product-product', scan: 'changes' });
    await expect.poll(async () => (await world.engine.dirty.stats('product-product')).count).toBe(1);
    const file = fileOf('product-product');
    const text = await readFile(file, 'utf8');
    const row = '  - keap: sku\n    customwebshop: sku\n    type: string\n';
    expect(text).toContain(row);
    const version = versionOf('product-product');
    await writeFile(file, `${text.replace(row, '')}${row}`);
    await expect.poll(() => versionOf('product-product'), { timeout: 5_000 }).not.toBe(version);
    await queue.resume();
    await world.settle();
    const made = await read(world, 'shop', 'products', await linked(world, 'product-product', 'keap', product));
    expect(made).toMatchObject({ sku, ...texts });
  });

  it('brings an added property to records that are linked already', async () => {
    const name = unique('Row');
    const customer = await make(world, 'shop', 'customers', { email: `${name}@x.example`, last_name: name });
    await reconcile(world, 'contact-customer', 'shop', customer);
    const contact = await linked(world, 'contact-customer', 'shop', customer);
    await edit(world, 'shop', 'customers', customer, { website: 'https://person.example' });
    await sync(world);
    expect((await read(world, 'keap', 'contacts', contact)).job_title).toBeUndefined();
    await rewrite(
      'contact-customer',
      (text) =>
        `${text}  - keap: addresses[field='BILLING'].line1\n    customwebshop: billing.address_1\n    type: string\n`,
    );
    await edit(world, 'shop', 'customers', customer, { billing: { address_1: 'New Street 1' } });
    await sync(world, 'changes', 'contact-customer');
    expect((await read(world, 'keap', 'contacts', contact)).addresses).toMatchObject([
      { field: 'BILLING', line1: 'New Street 1' },
    ]);
    await sync(world, 'full');
    await expectQuiet(world);
  });

  it('retries the records that failed by a value table once the table is edited, without a request', async () => {
    const title = unique('Stage');
    const customer = await make(world, 'shop', 'customers', { email: `${title}@x.example` });
    await reconcile(world, 'contact-customer', 'shop', customer);
    const contact_id = await linked(world, 'contact-customer', 'shop', customer);
    const opportunity = await make(world, 'keap', 'opportunities', {
      opportunity_title: title,
      contact_id,
      stage_id: STAGE_WITHOUT_STATUS,
    });
    await reconcile(world, 'opportunity-order', 'keap', opportunity);
    expect(await failures(world, 'opportunity-order', 'keap', opportunity)).toHaveLength(1);
    await rewrite('opportunity-order', (text) => text.replace('Lost: cancelled', 'Internal Review: cancelled'));
    await expect.poll(() => counterpart(world, 'opportunity-order', 'keap', opportunity)).toBeDefined();
    await world.settle();
    expect(
      await read(world, 'shop', 'orders', await linked(world, 'opportunity-order', 'keap', opportunity)),
    ).toMatchObject({ title, status: 'cancelled' });
    expect(await failures(world, 'opportunity-order', 'keap', opportunity)).toEqual([]);
  });

  it('takes records out and in by a changed condition of the mapping', async () => {
    const name = unique('Vip');
    const company = await make(world, 'keap', 'companies', { company_name: name });
    await rewrite('company-customer', (text) =>
      text.replace(/(when:\n {2}keap: ).*/, '$1$contains(company_name, "Vip") and website = "yes"'),
    );
    await reconcile(world, 'company-customer', 'keap', company);
    expect(await counterpart(world, 'company-customer', 'keap', company)).toBeUndefined();
    expect(await issueOf(world, 'company-customer', 'keap', company)).toMatchObject({ kind: 'unmatched' });
    await rewrite('company-customer', (text) =>
      text.replace(/(when:\n {2}keap: ).*/, '$1$exists(company_name) and company_name != ""'),
    );
    await sync(world, 'full', 'company-customer');
    await linked(world, 'company-customer', 'keap', company);
  });
});

describe('a bad edit', () => {
  it.each([
    { what: 'no YAML', change: (text: string) => text.replace('properties:', 'properties: ['), code: 'CONFIG_YAML' },
    {
      what: 'a path that the entity does not have',
      change: (text: string) => text.replace('- keap: description', '- keap: descripton'),
      code: 'CONFIG_PATH',
    },
    {
      what: 'an expression that does not compile',
      change: (text: string) => text.replace('type: decimal', 'type: decimal\n    convert: { customwebshop: "$ / " }'),
      code: 'CONFIG_EXPRESSION',
    },
    {
      what: 'a key that nobody knows',
      change: (text: string) => text.replace('deletes: keep', 'deletez: keep'),
      code: 'CONFIG_SCHEMA',
    },
  ])('$what: the fault is reported with file and line, the last good version goes on', async ({ change, code }) => {
    const good = await readFile(fileOf('product-product'), 'utf8');
    const version = versionOf('product-product');
    expect(change(good)).not.toBe(good);
    await writeFile(fileOf('product-product'), change(good));
    await expect.poll(() => world.engine.config.problems().length, { timeout: 5_000 }).toBeGreaterThan(0);
    expect(world.engine.config.problems()[0]).toMatchObject({
      code,
      file: expect.stringContaining('product-product.yaml'),
      line: expect.any(Number),
    });
    expect(versionOf('product-product')).toBe(version);
    const name = unique('during');
    const product = await make(world, 'keap', 'products', {
      name,
      sku: name,
      price: 1999,
      short_description: 'x',
      description: 'long',
    });
    await reconcile(world, 'product-product', 'keap', product);
    expect(
      await read(world, 'shop', 'products', await linked(world, 'product-product', 'keap', product)),
    ).toMatchObject({ price: '19.99', description: 'long' });
    await writeFile(fileOf('product-product'), good);
    await expect.poll(() => world.engine.config.problems(), { timeout: 5_000 }).toEqual([]);
    expect(versionOf('product-product')).toBe(version);
  });
});

it('a removed mapping stops, the others go on; put back, it knows its links and takes up what was missed', async () => {
  const name = unique('stops');
  const product = await make(world, 'keap', 'products', { name, sku: name, price: 100, short_description: 'x' });
  await reconcile(world, 'product-product', 'keap', product);
  const counterpartId = await linked(world, 'product-product', 'keap', product);
  const text = await readFile(fileOf('product-product'), 'utf8');
  await rm(fileOf('product-product'));
  await expect.poll(() => versionOf('product-product'), { timeout: 5_000 }).toBeUndefined();

  await edit(world, 'keap', 'products', product, { description: 'meanwhile' });
  const unseen = await make(world, 'keap', 'products', { name: `${name} new`, price: 100, short_description: 'x' });
  expect(await world.engine.events('keap', [{ event: 'product.edit', id: product }])).toBe(0);
  await expect(world.engine.trigger({ mapping: 'product-product', scan: 'full' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  const company = await make(world, 'keap', 'companies', { company_name: name });
  await sync(world);
  await linked(world, 'company-customer', 'keap', company);
  expect((await read(world, 'shop', 'products', counterpartId)).description).toBeNull();
  expect(all(world, 'shop', 'products').filter((one) => one.name === `${name} new`)).toEqual([]);

  await writeFile(fileOf('product-product'), text);
  await expect.poll(() => versionOf('product-product'), { timeout: 5_000 }).toBeDefined();
  await sync(world, 'changes', 'product-product');
  expect(await linked(world, 'product-product', 'keap', product)).toBe(counterpartId);
  expect((await read(world, 'shop', 'products', counterpartId)).description).toBe('meanwhile');
  await linked(world, 'product-product', 'keap', unseen);
});

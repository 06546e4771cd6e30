/** What must not follow: a plan that lets writes happen, one bad create that holds up others, a rule that depends on order. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RecordJob } from '../../../engine/runtime/queues.ts';
import { linksIn } from '../../support/links.ts';
import { linked, make, product, reconcile, remove, sync, unique, worldWith } from './support.ts';

describe('a plan', () => {
  const world = worldWith({ synced: false });

  it('lets nothing be written: not by itself, and not by an event that comes after it', async () => {
    const id = await make(world, 'keap', 'products', product(unique('planned')));
    const before = world.shop.stats().writes;
    const { run } = await world.engine.trigger({ mapping: 'product-product', scan: 'full', plan: true });
    await expect.poll(async () => (await world.engine.runs.get(run.id))?.state).toBe('done');
    expect(await world.engine.runs.planned(run.id)).toMatchObject([{ kind: 'created', record: { side: 0, id } }]);

    await world.engine.events('keap', [{ event: 'product.edit', id }]);
    await world.settle();
    expect(world.shop.stats().writes).toBe(before);
    expect(await world.engine.links('product-product').reader.counterpart(0, id)).toBeUndefined();

    await world.sync('full');
    expect(await world.engine.links('product-product').reader.counterpart(0, id)).toBeDefined();
  });

  it('reports that it is too early to say for a record that may not be shown yet, and does not wait for the record', async () => {
    const id = await make(world, 'keap', 'products', product(unique('early')));
    await reconcile(world, 'product-product', 'keap', id);
    const counterpartId = await linked(world, 'product-product', 'keap', id);
    await remove(world, 'keap', 'products', id);
    await remove(world, 'shop', 'products', counterpartId);
    const record = { side: 0, id } as const;
    const { run } = await world.engine.trigger({ mapping: 'product-product', record, plan: true });
    await expect.poll(async () => (await world.engine.runs.get(run.id))?.state, { timeout: 8_000 }).toBe('done');
    expect(await world.engine.runs.planned(run.id)).toMatchObject([
      {
        kind: 'waiting',
        code: 'RECORD_LOCKED',
        reason: expect.stringMatching(/too early to say: plan it again after \d+ s/),
      },
    ]);
  });
});

describe('with both sides read', () => {
  const world = worldWith({ retryDelay: 60_000 });
  afterEach(() => {
    world.keap.faults.clear();
    world.shop.faults.clear();
  });

  it('a match under a lower rule does not depend on which record comes first', async () => {
    for (const first of ['keap', 'shop'] as const) {
      const [firm, mail] = [unique('Firm'), `${unique('mail')}@x.example`];
      const older = await make(world, 'keap', 'companies', {
        company_name: unique('Older'),
        email_address: { email: mail },
      });
      await reconcile(world, 'company-customer', 'keap', older);
      await linked(world, 'company-customer', 'keap', older);

      const company = await make(world, 'keap', 'companies', { company_name: firm, email_address: { email: mail } });
      const customer = await make(world, 'shop', 'customers', { company: firm, email: `${unique('other')}@x.example` });
      const links = world.engine.links('company-customer');
      await (first === 'keap'
        ? reconcile(world, 'company-customer', 'keap', company)
        : reconcile(world, 'company-customer', 'shop', customer));
      expect(await links.reader.counterpart(0, company)).toBe(customer);
    }
  });

  it('a create that always fails in the target does not block a new record of the target', async () => {
    world.shop.faults.add({ method: 'POST', path: '/products', action: 'status', status: 500 });
    const poison = await make(world, 'keap', 'products', product(unique('poison')));
    await world.engine.context({ owner: 'test' }).enqueue('product-product', 0, [poison]);
    await expect.poll(() => linksIn(world.engine.links('product-product')).pendingCreate(0, poison)).toBeDefined();
    await expect.poll(() => world.engine.links('product-product').claims.claimed(`0/${poison}`)).toBe(false);

    world.shop.faults.clear();
    const bystander = await make(world, 'shop', 'products', {
      name: unique('bystander'),
      short_description: 'x',
      price: '1.00',
    });
    await world.engine.context({ owner: 'test' }).enqueue('product-product', 1, [bystander]);
    await expect
      .poll(() => world.engine.links('product-product').reader.counterpart(1, bystander), { timeout: 10_000 })
      .toBeDefined();
    expect(await world.engine.links('product-product').reader.counterpart(0, poison)).toBeUndefined();
  });
});

describe('records that nobody edits', () => {
  // With schedules something always waits in the queues: these tests wait for what they want to see instead.
  const world = worldWith({ workers: { schedules: true }, synced: false });
  beforeAll(async () => {
    await world.sync('full');
  });

  it('are found when an edited rule lets them take part', async () => {
    const name = unique('left-out');
    const file = join(world.dir, 'mappings', 'product-product.yaml');
    const text = await readFile(file, 'utf8');
    const version = () => world.engine.mapping('product-product').version;
    const before = version();
    await writeFile(file, `${text}when:\n  keap: $not($contains(name, "left-out"))\n`);
    await expect.poll(version, { timeout: 10_000 }).not.toBe(before);

    const id = await make(world, 'keap', 'products', product(name));
    await world.sync('changes');
    expect(await world.engine.links('product-product').reader.counterpart(0, id)).toBeUndefined();

    await writeFile(file, text);
    await expect
      .poll(() => world.engine.links('product-product').reader.counterpart(0, id), { timeout: 15_000 })
      .toBeDefined();
  });
});

describe('records whose tries are used up', () => {
  const world = worldWith();

  it('are tried again by the next scan after an outage that outlasted all tries', async () => {
    const id = await make(world, 'keap', 'products', product(unique('outlasted')));
    world.shop.faults.add({ method: 'POST', path: '/products', action: 'status', status: 503 });
    const links = world.engine.links('product-product');
    const queue = world.engine.queues.reconcile('product-product');
    const job = async () => (await queue.getFailed())[0];
    await world.engine.context({ owner: 'test' }).enqueue('product-product', 0, [id]);
    // It is tried again at once, until the tries are used up.
    await expect
      .poll(
        async () => {
          for (const delayed of await queue.getDelayed()) await delayed.promote().catch(() => {});
          return ((await job())?.data as RecordJob | undefined)?.id;
        },
        { timeout: 20_000, interval: 30 },
      )
      .toBe(id);
    world.shop.faults.clear();
    await world.settle();
    if ((await links.reader.counterpart(0, id)) === undefined) await sync(world, 'changes');
    expect(await links.reader.counterpart(0, id)).toBeDefined();
    expect(await job()).toBeUndefined();
  });
});

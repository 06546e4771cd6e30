/** Things that happen in one moment: triggers, waiting for links, links that end while a record is worked on. */

import { afterEach, expect, it } from 'vitest';
import { scan } from '../../../engine/sync/scan.ts';
import type { SyncContext } from '../../../engine/sync/sync-context.ts';
import { linksIn } from '../../support/links.ts';
import { replaced } from '../../support/world.ts';
import {
  edit,
  issueOf,
  linked,
  make,
  read,
  reconcile,
  reconcileOne,
  scopeOf,
  sync,
  unique,
  worldWith,
} from './support.ts';

const CUSTOMERS = 'schema: customwebshop/customers\n    id: id\n    modified: updated_at';
// Such a customer is there, and cannot be read.
const FAILS = `${CUSTOMERS}\n    normalize: 'note = "unreadable" ? "no record" : $'`;
const world = worldWith({ files: { 'systems/customwebshop.yaml': replaced([CUSTOMERS, FAILS]) } });
afterEach(() => {
  world.keap.faults.clear();
  world.shop.faults.clear();
});

it('two triggers in one moment are one run', async () => {
  const begun = await Promise.all(
    Array.from({ length: 6 }, () => world.engine.trigger({ mapping: 'company-customer', scan: 'full' })),
  );
  expect(new Set(begun.map(({ run }) => run.id)).size).toBe(1);
  await world.settle();
  // None ends before the last of them comes.
  await world.engine.queues.scan.pause();
  const groups = await Promise.all(Array.from({ length: 4 }, () => world.engine.triggerAll({ scan: 'full' })));
  await world.engine.queues.scan.resume();
  const runs = await Promise.all(groups.map(({ run }) => world.engine.runs.get(run.id)));
  const children = new Set(runs.flatMap((run) => run?.children ?? []));
  expect(children.size).toBe(world.engine.config.current().mappings.size);
  await world.settle();
});

it('records that wait for one that cannot be read are looked at once, not at each scan', async () => {
  const title = unique('waits');
  const customer = await make(world, 'shop', 'customers', { email: `${title}@x.example`, first_name: 'Ada' });
  world.shop.store.edit('customers', Number(customer), { note: 'unreadable' });
  const order = await make(world, 'shop', 'orders', { title, customer_id: Number(customer), status: 'processing' });
  await sync(world);
  await sync(world, 'full');
  expect(await issueOf(world, 'opportunity-order', 'shop', order)).toBeDefined();
  const looks = (): number => world.outcomes.filter(({ id }) => id === order).length;
  const before = looks();
  for (const kind of ['full', 'changes', 'full'] as const) await sync(world, kind);
  expect(looks()).toBe(before);
  await edit(world, 'shop', 'customers', customer, { note: 'readable' });
  await sync(world);
  await sync(world);
  await linked(world, 'opportunity-order', 'shop', order);
});

it('a record that cannot be read any more is an issue, though a worker with an older reading ends after the scan', async () => {
  const name = unique('older');
  const company = await make(world, 'keap', 'companies', { company_name: name });
  await reconcile(world, 'company-customer', 'keap', company);
  const customer = await linked(world, 'company-customer', 'keap', company);
  await edit(world, 'keap', 'companies', company, { company_name: `${name} Ltd` });
  const context = world.engine.context({ owner: 'worker' });
  const step: SyncContext['step'] = async (at) => {
    if (at !== 'before-base') return;
    world.shop.store.edit('customers', Number(customer), { note: 'unreadable' });
    await scan(context, world.engine.mapping('company-customer'), 'changes', {
      // The company, which was edited, would have both looked at anyway.
      async found(side, ids) {
        if (side === 1) await context.enqueue('company-customer', side, ids);
      },
    });
  };
  await reconcileOne(scopeOf(world, 'company-customer', { ...context, step }), { side: 0, id: company });
  await world.settle();
  // Of a link the issue stands under its first record.
  expect(await issueOf(world, 'company-customer', 'keap', company)).toMatchObject({ code: 'EXPRESSION_FAILED' });
});

it('a look that fails keeps the edit of the other record of the link: the next try reads both', async () => {
  const name = unique('both');
  const product = await make(world, 'keap', 'products', { name, price: 100, short_description: 'x' });
  await reconcile(world, 'product-product', 'keap', product);
  const counterpart = await linked(world, 'product-product', 'keap', product);
  const queue = world.engine.queues.reconcile('product-product');
  const { enqueue } = world.engine.context({ owner: 'test' });
  await queue.pause();
  await edit(world, 'shop', 'products', counterpart, { description: 'edited in the shop' });
  // Both are taken as one unit: the one that did not change names it.
  await enqueue('product-product', 0, [product]);
  await enqueue('product-product', 1, [counterpart]);
  world.shop.faults.add({ method: 'GET', path: `/products/${counterpart}`, times: 4, action: 'status', status: 503 });
  await queue.resume();
  await world.settle();
  expect(world.shop.faults.list().map(({ hits }) => hits)).toEqual([4]);
  expect(await read(world, 'keap', 'products', product)).toMatchObject({ description: 'edited in the shop' });
});

it('a link that is broken and made again while a record is worked on takes nothing from before', async () => {
  const name = unique('relink');
  const product = await make(world, 'keap', 'products', { name, price: 100, short_description: 'x' });
  await sync(world);
  const counterpartId = await linked(world, 'product-product', 'keap', product);
  const links = world.engine.links('product-product');
  await edit(world, 'keap', 'products', product, { description: 'two' });
  world.shop.faults.add({ method: 'PATCH', path: '/products', times: 1, action: 'delay', ms: 600 });
  const reconciled = reconcile(world, 'product-product', 'keap', product);
  await expect.poll(() => world.shop.faults.list()[0]?.hits, { interval: 2 }).toBe(1);
  const n = world.shop.requests.last;
  // The same ids, another link: the commit of what is under way must not pass for it.
  await linksIn(links).unlink(product, counterpartId);
  await linksIn(links).commit({ ids: [product, counterpartId], version: '', base: {}, states: ['', ''] });
  await reconciled;
  await world.settle();
  const reads = world.shop.requests
    .since(n)
    .filter(({ method, path }) => method === 'GET' && path === `/products/${counterpartId}`);
  expect(reads.length).toBeGreaterThan(0);
  expect(await read(world, 'shop', 'products', counterpartId)).toMatchObject({ description: 'two' });
  expect(await read(world, 'keap', 'products', product)).toMatchObject({ description: 'two' });
});

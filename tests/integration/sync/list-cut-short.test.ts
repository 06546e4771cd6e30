// A list that ends early by a mistake of the system: what it did not show is found before a second one is created.
import { expect, it } from 'vitest';
import { customers } from '../../../sandbox/shop/entities.ts';
import { replaced, startWorld } from '../../support/world.ts';

it('a record on a page that was empty by mistake is not created a second time', async () => {
  const pagesOfTwo = replaced([/page_size: \d+/g, 'page_size: 2'], [/overlap: \w+/g, 'overlap: 1s']);
  const world = await startWorld({ files: { 'systems/keap.yaml': pagesOfTwo } });
  const { keap, shop } = world;
  try {
    const company = (name: string) =>
      keap.store.add('companies', { company_name: name, email_address: { email: `${name}@x.example` } }).id;
    company('a');
    company('b');
    await world.sync();
    const made = company('c');
    // It was made long before the watermark of the scan that does not show it.
    const record = keap.store.companies.get(made);
    if (record) keap.store.companies.put({ ...record, update_time: '2026-01-01T00:00:00.000Z' });
    keap.faults.add({ action: 'empty-list', path: 'companies\\?.*page_token=', times: 1 });
    await world.sync();
    await world.settle();
    expect(keap.faults.list()[0]?.hits).toBe(1);
    const { id } = shop.store.add('customers', {
      ...customers.defaults,
      company: 'c',
      email: 'c@x.example',
    } as never);
    await world.reconcile('company-customer', 1, String(id));
    expect(keap.store.companies.size).toBe(3);
    expect(await world.engine.links('company-customer').reader.counterpart(1, String(id))).toBe(made);
  } finally {
    await world.close();
  }
});

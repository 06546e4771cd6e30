// Writes that a system rejected: what made it do so may be over there, without an edit that Tandem could see.
import { afterEach, expect, test } from 'vitest';
import { closeAll, person, until, world } from './support.ts';

afterEach(closeAll);

test.each([400, 422])(
  'a write that was rejected with %i is tried again by each full scan, and by no scan of changes',
  async (status) => {
    const all = await world({ crm: [person('1', 'Ada', 'ada@x.test')] });
    const { call, crm, shop, sync } = all;
    await sync();
    const scan = async (kind: string): Promise<number> => {
      const before = shop.writes.length;
      const { body } = await call('POST', '/triggers/people', { scan: kind });
      await until(async () => (await call('GET', `/runs/${body.id}`)).body.state === 'done');
      return shop.writes.length - before;
    };
    shop.reject = status;
    crm.records.set('1', { ...crm.records.get('1'), name: 'Ada L.', updated_at: new Date().toISOString() });
    crm.records.set('2', person('2', 'Bob', 'bob@x.test', { updated_at: new Date().toISOString() }));
    expect(await scan('changes')).toBe(2);
    const failed = async () => (await call('GET', '/records?kind=failed')).body;
    const first = await failed();
    expect(first).toMatchObject({ total: 2, records: [{ code: 'SYSTEM_REJECTED' }, { code: 'SYSTEM_REJECTED' }] });
    expect(await scan('changes')).toBe(0);
    expect(await scan('full')).toBe(2);
    // Since when it goes on is kept.
    const since = ({ records }: typeof first) => records.map((one: { since: string }) => one.since).sort();
    expect(since(await failed())).toEqual(since(first));
    shop.reject = undefined;
    expect(await scan('changes')).toBe(0);
    expect(await scan('full')).toBe(2);
    expect((await failed()).total).toBe(0);
    expect([...shop.records.values()].map(({ name }) => name).sort()).toEqual(['Ada L.', 'Bob']);
    expect(await scan('full')).toBe(0);
  },
);

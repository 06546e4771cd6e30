// Writes that a system refused: what made it do so may be over there, without an edit that Tandem could see.
import { afterEach, expect, test } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { MAPPING, people, person, type World, world } from './support.ts';

afterEach(closeAll);

const stamp = (): string => new Date().toISOString();

/** A scan to its end. @returns how many writes were sent, and what its run counts */
async function scan({ call, shop }: World, kind: 'changes' | 'full', target = shop) {
  const before = target.writes.length;
  const { body } = await call('POST', '/triggers/people', { scan: kind });
  const run = await until(async () => {
    const { body: now } = await call('GET', `/runs/${body.id}`);
    return now.state === 'done' && now;
  });
  return { writes: target.writes.length - before, work: run.progress.work, retried: run.progress.retried };
}

/** As after the time in which writes count together: what is counted now counts from the beginning. */
async function forgetConsumed(
  { engine: { redis, prefix } }: World,
  kind: 'creates' | 'deletes',
): Promise<() => Promise<number>> {
  const keys = await redis.keys(`${prefix}*brake:consumed:${kind}`);
  expect(keys).toHaveLength(1);
  await redis.del(...keys);
  return () => redis.zcard(keys[0]!);
}

test('a write that was rejected is tried again by each full scan, and by no scan of changes', async () => {
  const all = await world({ crm: [person('1', 'Ada', 'ada@x.test')] });
  const { call, crm, shop, sync } = all;
  await sync();
  shop.reject = 400;
  crm.records.set('1', { ...crm.records.get('1'), name: 'Ada L.', updated_at: stamp() });
  crm.records.set('2', person('2', 'Bob', 'bob@x.test', { updated_at: stamp() }));
  expect(await scan(all, 'changes')).toEqual({ writes: 2, work: 2, retried: 0 });
  const failed = async () => (await call('GET', '/records?kind=failed')).body;
  const first = await failed();
  expect(first).toMatchObject({ total: 2, records: [{ code: 'SYSTEM_REJECTED' }, { code: 'SYSTEM_REJECTED' }] });
  expect(await scan(all, 'changes')).toEqual({ writes: 0, work: 0, retried: 0 });
  // Nothing changed: that is no work.
  expect(await scan(all, 'full')).toEqual({ writes: 2, work: 0, retried: 2 });
  expect(await scan(all, 'full')).toEqual({ writes: 2, work: 0, retried: 2 });
  // Since when it goes on is kept.
  const since = ({ records }: typeof first) => records.map((one: { since: string }) => one.since).sort();
  expect(since(await failed())).toEqual(since(first));
  shop.reject = undefined;
  expect(await scan(all, 'changes')).toEqual({ writes: 0, work: 0, retried: 0 });
  expect(await scan(all, 'full')).toEqual({ writes: 2, work: 0, retried: 2 });
  expect((await failed()).total).toBe(0);
  expect([...shop.records.values()].map(({ name }) => name).sort()).toEqual(['Ada L.', 'Bob']);
  expect(await scan(all, 'full')).toEqual({ writes: 0, work: 0, retried: 0 });
});

test('creates that are rejected at each full scan never put the brake on', async () => {
  const mapping = MAPPING.replace('deletes: review', 'deletes: review\nbrake: { creates: { count: 5 }, firstSync: 3 }');
  const all = await world({ crm: people(3), mapping });
  const { call, crm, shop, sync } = all;
  await sync();
  shop.reject = 422;
  for (const one of people(8).slice(3)) crm.records.set(String(one.id), one);
  expect(await scan(all, 'full')).toMatchObject({ writes: 5 });
  const consumed = await forgetConsumed(all, 'creates');
  for (let i = 0; i < 2; i++) expect(await scan(all, 'full')).toEqual({ writes: 5, work: 0, retried: 5 });
  expect(await consumed()).toBe(0);
  expect((await call('GET', '/reviews')).body.total).toBe(0);
  shop.reject = undefined;
  expect(await scan(all, 'full')).toMatchObject({ writes: 5 });
  expect(shop.records.size).toBe(8);
});

test('deletes that are rejected at each full scan never put the brake on', async () => {
  const mapping = MAPPING.replace('deletes: review', 'deletes: propagate\nbrake: { deletes: { count: 2 } }');
  const all = await world({ crm: people(5), mapping });
  const { call, crm, shop, sync } = all;
  await sync();
  crm.reject = 422;
  const [first, second, third] = shop.records.keys();
  for (const id of [first!, second!]) shop.records.delete(id);
  expect(await scan(all, 'full', crm)).toEqual({ writes: 2, work: 2, retried: 0 });
  await forgetConsumed(all, 'deletes');
  shop.records.delete(third!);
  expect(await scan(all, 'full', crm)).toEqual({ writes: 3, work: 1, retried: 2 });
  const consumed = await forgetConsumed(all, 'deletes');
  expect(await scan(all, 'full', crm)).toEqual({ writes: 3, work: 0, retried: 3 });
  expect(await consumed()).toBe(0);
  expect((await call('GET', '/reviews')).body.total).toBe(0);
  expect((await call('GET', '/records?kind=failed')).body.total).toBe(3);
  crm.reject = undefined;
  expect(await scan(all, 'full', crm)).toEqual({ writes: 3, work: 0, retried: 3 });
  expect([crm.records.size, shop.records.size]).toEqual([2, 2]);
  expect(await scan(all, 'full', crm)).toEqual({ writes: 0, work: 0, retried: 0 });
});

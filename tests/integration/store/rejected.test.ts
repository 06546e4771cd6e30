/** Rejected writes that full scans try again: about a thousand each, so that all get their turn. */
import { expect, it } from 'vitest';
import { recordKey } from '../../../engine/model/record-key.ts';
import type { Store } from '../../../engine/store/store.ts';
import type { RecordKey } from '../../../engine/store/types.ts';
import { RETRIED, retryRejected } from '../../../engine/sync/scan.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';
import { issue, storeOf } from './support.ts';

const redis = redisOfFile();

const keyAt = (n: number): RecordKey => recordKey((n % 2) as 0 | 1, String(n));

/** A store with so many records that failed; each fifth broke a schema, the others were rejected. */
async function failed(count: number): Promise<{ store: Store; rejected: RecordKey[] }> {
  const store = storeOf(redis, uniquePrefix(), { name: 'm', match: [] });
  const schema = issue('failed', { code: 'RECORD_SCHEMA' });
  const rejection = issue('failed', { code: 'SYSTEM_REJECTED' });
  const all = Array.from({ length: count }, (_, n) => [keyAt(n), { issue: n % 5 ? rejection : schema }] as const);
  await store.issues.patch(all);
  return { store, rejected: all.flatMap(([key, open]) => (open.issue === rejection ? [key] : [])) };
}

/** What one full scan tries again. */
async function scan(links: Store): Promise<RecordKey[]> {
  const found: RecordKey[] = [];
  await retryRejected({ links }, async (side, ids) => void found.push(...ids.map((id) => recordKey(side, id))));
  return found;
}

it('a full scan tries about a thousand, the next ones go on with the rest, and all of them get their turn', async () => {
  const { store, rejected } = await failed(3_000);
  const first = await scan(store);
  expect(first.length).toBeGreaterThanOrEqual(RETRIED);
  expect(first.length).toBeLessThan(RETRIED + 200);
  // Some are repaired meanwhile: nobody tries them.
  const repaired = new Set(rejected.filter((key) => !first.includes(key)).slice(0, 300));
  await store.issues.patch([...repaired].map((key) => [key, { issue: null }]));
  const tried = [...first];
  while ((await store.progress.retriedTo()) !== '0') tried.push(...(await scan(store)));
  expect([...new Set(tried)].sort()).toEqual(rejected.filter((key) => !repaired.has(key)).sort());
  // Redis may name one twice while it makes room.
  expect(tried.length).toBeLessThan(rejected.length);
  // The way begins again.
  expect((await scan(store)).length).toBeGreaterThanOrEqual(RETRIED);
});

it.each([20, 1_500])(
  'where most of %i were repaired, a scan that goes on behind the end begins again',
  async (count) => {
    const { store, rejected } = await failed(count);
    await store.progress.noteRetriedTo('18446744073709551615');
    await store.issues.patch(rejected.slice(10).map((key) => [key, { issue: null }]));
    const found = new Set([...(await scan(store)), ...(await scan(store))]);
    expect([...found].sort()).toEqual(rejected.slice(0, 10).sort());
  },
);

it('a full scan retries no rejected write while a brake is on', async () => {
  const { store, rejected } = await failed(20);
  const brake = await store.brake.trip({ kind: 'creates', by: 'writes', count: 9, limit: 2, linked: 10 });
  expect(await scan(store)).toEqual([]);
  await store.brake.release(brake);
  expect(await scan(store)).toHaveLength(rejected.length);
});

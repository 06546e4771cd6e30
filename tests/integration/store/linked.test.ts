/** The index by which a link is found under the match keys of its records. */
import { expect, it } from 'vitest';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';
import { family, linkState, storeOf, token, unit } from './support.ts';

const redis = redisOfFile();

it('the index enters a bounded number of links under one match key, and drops all entries with the links', async () => {
  const store = storeOf(redis, uniquePrefix(), { name: 'm', match: [{ name: 'rule' }] });
  const ids = Array.from({ length: 1_000 }, (_, i) => String(i));
  const matchKeys = [token('key of many')];
  await store.batches.commit(
    'o',
    ids.map((id) => unit({ kind: 'link', link: linkState(id, `b${id}`, { matchKeys }) })),
  );
  const entered = async () => [...(await family(redis, store, 'linked')).values()].map((value) => value.length);
  const [bytes, ...others] = await entered();
  expect(others).toEqual([]);
  expect(bytes).toBeGreaterThan(900);
  expect(bytes).toBeLessThan(1_100);
  expect((await store.unlinked.linkedBy(matchKeys))[0]).toHaveLength(11);
  await store.batches.commit(
    'o',
    ids.map((id) => unit({ kind: 'removed', ids: [id, `b${id}`] })),
  );
  expect(await entered()).toEqual([]);
});

/** What is not needed any more is deleted: after edits of a mapping, deleted records and broken links nothing of them is left. */
import { expect, it } from 'vitest';
import type { StoreRules } from '../../../engine/store/store-context.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';
import { contradictions, issue, keysOf, linkState, makeLink, storeOf, token, unit } from './support.ts';

const redis = redisOfFile();

it('edits of rules and properties, deleted records and broken links leave no key and no entry behind', async () => {
  const prefix = uniquePrefix();
  const rules = (...names: string[]): StoreRules => ({ name: 'm', match: names.map((name) => ({ name })) });
  const former = storeOf(redis, prefix, rules('email', 'phone'));
  for (const side of [0, 1] as const)
    await former.unlinked.index(side, [
      { id: 'stays', keys: [token('a'), token('b')], correlationId: 'somebody' },
      { id: 'gone', keys: [token('c'), undefined] },
    ]);
  for (const side of [0, 1] as const) await former.progress.readThrough(side, 'full', undefined);
  const old = await makeLink(former, '1', 'b1', { base: { p: ['', '', 'd1'], q: ['', '', 'd1'] } });
  await makeLink(former, '2', 'b2', { base: { p: ['', '', 'd1'], q: ['', '', 'd1'] } });
  await former.batches.commit('w', [
    unit(
      { kind: 'unlinked', record: { side: 0, id: 'gone' }, state: 's' },
      {
        open: {
          '0/gone': { issue: issue('waiting', { refs: [{ mapping: 'm', side: 1, id: 'never' }] }), failedJob: '9' },
        },
        waitFor: [{ mapping: 'm', side: 1, id: 'never' }],
      },
    ),
    unit(
      { kind: 'unlinked', record: { side: 1, id: 'stays' }, state: 's' },
      { open: { '1/stays': { issue: issue('unmatched') } } },
    ),
  ]);

  // The mapping is edited: other rules, a property less, another definition.
  const store = storeOf(redis, prefix, rules('email'));
  expect(await store.progress.ready()).toBe(false);
  for (const side of [0, 1] as const) await store.unlinked.index(side, [{ id: 'stays', keys: [token('a')] }]);
  for (const side of [0, 1] as const) await store.progress.readThrough(side, 'full', undefined);
  expect(await store.progress.firstRead()).toBe(0);
  await store.batches.commit('w', [
    unit({ kind: 'link', link: linkState('1', 'b1', { revision: old, base: { p: ['', '', 'd2'] } }) }),
    unit({ kind: 'removed', ids: ['2', 'b2'] }),
    unit({ kind: 'removed', record: { side: 0, id: 'gone' } }, { open: { '0/gone': { failedJob: null } } }),
    unit({ kind: 'removed', record: { side: 1, id: 'gone' } }),
    unit({ kind: 'unlinked', record: { side: 1, id: 'stays' }, state: 's' }, { open: { '1/stays': { issue: null } } }),
  ]);
  expect(await contradictions(redis, store)).toEqual([]);
  const {
    base,
    rules: { tag },
  } = store.context;
  const names = (await keysOf(redis, store)).map((key) => key.slice(base.length));
  expect(names).toEqual(
    [
      ...[0, 1].flatMap((side) => [`free:${tag}:0:${side}:0`, `unlinked:${side}:0`]),
      'ended',
      'link',
      'progress',
      'rev:0',
      'revision',
      'sizes',
      'words',
    ].sort(),
  );
  const { next, ...used } = await redis.hgetall(`${base}words`);
  expect(Object.keys(used).sort()).toEqual([`#${next}`, next]);
  expect(Object.keys(await redis.hgetall(`${base}progress`)).sort()).toEqual([
    'doubtful:0',
    'doubtful:1',
    'first',
    'full:0',
    'full:1',
  ]);

  // Then the rest goes too.
  const { revision } = (await store.reader.record(0, '1')).link!;
  await store.batches.commit('w', [
    unit({ kind: 'unlink', ids: ['1', 'b1'], revision }),
    ...([0, 1] as const).map((side) => unit({ kind: 'removed', record: { side, id: 'stays' } })),
  ]);
  expect((await keysOf(redis, store)).map((key) => key.slice(base.length))).toEqual([
    'ended',
    'progress',
    'revision',
    'words',
  ]);
});

it('texts that were given a number and then used by nobody do not pile up', async () => {
  const store = storeOf(redis, uniquePrefix(), { name: 'm', match: [] });
  for (let i = 0; i < 60; i++) await store.context.words.numberOf(`text ${i}`);
  expect((await redis.hkeys(`${store.context.base}words`)).length).toBeLessThanOrEqual(22);
  // A number that is known from before is not trusted: the text gets another one.
  const [answer] = await store.batches.commit('w', [unit({ kind: 'link', link: linkState('1', 'b1') })]);
  expect(answer?.kind).toBe('done');
  const slow = storeOf(redis, store.context.prefix, { name: 'm', match: [] });
  const base = { p: ['', '', 'new'] as const };
  const before = await slow.context.words.setFor(base);
  await redis.hdel(`${store.context.base}words`, String(before.number));
  await makeLink(slow, '2', 'b2', { base });
  expect((await slow.reader.record(0, '2')).link?.base).toEqual(base);
  expect((await store.reader.record(0, '2')).link?.base).toEqual(base);
});

/** Whatever is done to the data of a mapping, in whatever order, its indexes, counts and shared texts agree with it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { IssueKind } from '../../../engine/store/types.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';
import { contradictions, issue, linkState, storeOf, token, unit } from './support.ts';

const redis = redisOfFile();

const RULES = [{ name: 'first' }, { name: 'second' }];
const id = fc.constantFrom('1', '2', '3');
const side = fc.constantFrom(0 as const, 1 as const);
const record = fc.record({ side, id });
const key = fc.constantFrom(undefined, token('k1'), token('k2'));
const kind = fc.constantFrom<IssueKind>('failed', 'waiting', 'blocked', 'review', 'unmatched', 'orphaned', 'paused');
const open = fc.record(
  {
    issue: fc.option(kind.map((one) => issue(one))),
    decision: fc.option(fc.constant({ kind: 'deletes' as const })),
    pendingCreate: fc.option(fc.constant({ at: 1, key: 'k', sent: {} })),
    failedJob: fc.option(fc.constant('7')),
  },
  { requiredKeys: [] },
);
const definitions = fc.constantFrom({ p: 'd1' }, { p: 'd2' }, { p: 'd1', q: 'd1' });

const matchKeys = fc.option(fc.uniqueArray(fc.constantFrom(token('k1'), token('k2'), token('k3'))), { nil: undefined });

const step = fc.oneof(
  fc.record({ do: fc.constant('link' as const), a: id, b: id, definitions, matchKeys }),
  fc.record({ do: fc.constant('unlink' as const), a: id, b: id }),
  fc.record({
    do: fc.constant('index' as const),
    record,
    keys: fc.tuple(key, key),
    names: fc.option(id, { nil: undefined }),
  }),
  fc.record({ do: fc.constantFrom('hold' as const, 'remove' as const), record, open }),
  fc.record({ do: fc.constant('rules' as const), rules: fc.integer({ min: 1, max: 2 }) }),
);

it('indexes and counts agree with the data after any history of links, issues, removals and edited rules', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const prefix = uniquePrefix();
      let store = storeOf(redis, prefix, { name: 'm', match: RULES });
      for (const one of steps) {
        if (one.do === 'rules') {
          store = storeOf(redis, prefix, { name: 'm', match: RULES.slice(0, one.rules) });
        } else if (one.do === 'index') {
          await store.unlinked.index(one.record.side, [
            { id: one.record.id, keys: one.keys, correlationId: one.names },
          ]);
        } else if (one.do === 'link') {
          const known = (await store.reader.record(0, one.a)).link;
          const base = Object.fromEntries(
            Object.entries(one.definitions).map(([p, d]) => [p, [token(p), '', d] as const]),
          );
          const link = linkState(one.a, one.b, {
            base,
            matchKeys: one.matchKeys,
            revision: known?.ids[1] === one.b ? known.revision : undefined,
          });
          await store.batches.commit('o', [unit({ kind: 'link', link })]);
        } else if (one.do === 'unlink') {
          const known = (await store.reader.record(0, one.a)).link;
          if (known)
            await store.batches.commit('o', [unit({ kind: 'unlink', ids: [one.a, one.b], revision: known.revision })]);
        } else {
          const { side: of, id: its } = one.record;
          const result =
            one.do === 'hold' ? ({ kind: 'none' } as const) : ({ kind: 'removed', record: one.record } as const);
          await store.batches.commit('o', [unit(result, { open: { [`${of}/${its}`]: one.open } })]);
        }
        expect(await contradictions(redis, store)).toEqual([]);
      }
    }),
    { numRuns: 40 },
  );
  // Forty histories: seconds where nothing else runs.
}, 180_000);

it('indexes and counts agree with the data also when there are more entries than one bucket takes', async () => {
  const store = storeOf(redis, uniquePrefix(), { name: 'm', match: RULES });
  const many = Array.from({ length: 700 }, (_, i) => String(i));
  await store.unlinked.index(
    0,
    many.map((one) => ({ id: one, keys: [token(`k${Number(one) % 300}`), token(one)] })),
  );
  expect(await contradictions(redis, store)).toEqual([]);
  expect((await store.unlinked.candidates(0, 0, token('k7'))).sort()).toEqual(['307', '607', '7']);
  for (let i = 0; i < 700; i += 100)
    await store.batches.commit(
      'o',
      many.slice(i, i + 100).map((one) => unit({ kind: 'link', link: linkState(one, `b${one}`) })),
    );
  expect(await contradictions(redis, store)).toEqual([]);
  expect(await store.unlinked.candidates(0, 0, token('k7'))).toEqual([]);
  expect(
    (
      await store.reader.lookup(
        1,
        many.map((one) => `b${one}`),
      )
    ).map(({ link }) => link?.ids[0]),
  ).toEqual(many);
});

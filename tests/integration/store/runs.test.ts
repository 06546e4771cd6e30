/** What a batch counts in the runs of its mapping is what records finished one by one count, whatever happens in between. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Outcome } from '../../../engine/model/outcome.ts';
import { createDirty } from '../../../engine/store/dirty.ts';
import { createRuns, type Run, runCount } from '../../../engine/store/runs.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';
import { storeOf, unit } from './support.ts';

const redis = redisOfFile();

const NAMES = ['0/1', '0/2', '1/a', '1/b'];
const record = fc.constantFrom(...NAMES);
const outcome = fc
  .record({
    kind: fc.constantFrom('unchanged', 'updated', 'created', 'deleted', 'waiting', 'review', 'failed', 'unmatched'),
    writes: fc.constantFrom([[], []], [['p'], []], [['p'], ['q', 'r']]),
    conflicts: fc.constantFrom(undefined, ['p']),
  })
  .map((parts) => ({ ...parts, side: 1 }) as unknown as Outcome);
const step = fc.oneof(
  fc.record({ do: fc.constant('finish' as const), record, outcome, meanwhile: fc.boolean() }),
  fc.record({ do: fc.constant('expect' as const), records: fc.uniqueArray(record, { minLength: 1 }) }),
  fc.constant({ do: 'begin' as const }),
  fc.constant({ do: 'scanned' as const }),
);

/** Both ways of finishing records, each with its own data. */
function createTwo() {
  const ways = ['one by one', 'in a batch'].map((way) => {
    const prefix = uniquePrefix();
    return {
      way,
      runs: createRuns(redis, prefix),
      dirty: createDirty(redis, prefix),
      store: storeOf(redis, prefix, { name: 'm', match: [] }),
      run: undefined as Run | undefined,
      began: [] as string[],
    };
  });
  return ways as [(typeof ways)[0], (typeof ways)[0]];
}

it('counts, places and ends of runs are the same for records of a batch as for single ones', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
      const two = createTwo();
      const state = ({ runs, began }: (typeof two)[0]) =>
        Promise.all(
          began.map(async (id) => {
            const { state, progress, counts } = (await runs.get(id))!;
            return { state, progress, counts };
          }),
        );
      for (const now of [{ do: 'begin' as const }, ...steps]) {
        for (const each of two) {
          const { way, runs, dirty, store } = each;
          if (now.do === 'begin') {
            const { run } = await runs.begin({ mapping: 'm', scan: 'full', plan: false, trigger: 'api' });
            await runs.scanning(run);
            each.run = run;
            if (!each.began.includes(run.id)) each.began.push(run.id);
          } else if (now.do === 'scanned') await runs.scanned(each.run!);
          else if (now.do === 'expect') {
            await runs.expect(each.run!, 'm', now.records);
            await dirty.mark('m', now.records);
          } else {
            const ref = { side: Number(now.record[0]) as 0 | 1, id: now.record.slice(2) };
            const { units } = await store.batches.take({ owner: 'w', ttlMs: 60_000, records: [ref] });
            const lease = (await redis.zscore(`${store.context.base}dirty`, now.record)) ?? '';
            if (now.meanwhile) await store.batches.markDirty([ref]);
            if (way === 'one by one') await runs.finish('m', [{ record: now.record, lease, outcome: now.outcome }]);
            else {
              const { claims } = units[0]!;
              const what = { records: [now.record], claims, run: runCount(now.outcome) };
              expect((await store.batches.commit('w', [unit({ kind: 'none' }, what)]))[0]?.kind).toBe('done');
            }
          }
        }
        const [single, batch] = await Promise.all(two.map(state));
        expect(batch).toEqual(single);
      }
    }),
    { numRuns: 40 },
  );
});

it('rejected writes that are tried again are waited for, and are no work', async () => {
  const [{ runs, store }] = createTwo();
  const { run } = await runs.begin({ mapping: 'm', scan: 'full', plan: false, trigger: 'api' });
  await runs.scanning(run);
  await runs.expect(run, 'm', ['0/1', '0/2'], true);
  await runs.expect(run, 'm', ['0/2', '0/3']);
  await runs.scanned(run);
  const count = runCount({ kind: 'unchanged', writes: [[], []] });
  for (const [record, progress] of [
    ['0/1', { work: 1, done: 0, retried: 2 }],
    ['0/2', { work: 1, done: 0, retried: 2 }],
    ['0/3', { work: 1, done: 1, retried: 2 }],
  ] as const) {
    expect(await runs.get(run.id)).toMatchObject({ state: 'working' });
    await store.batches.claim('w', [record], 60_000);
    await store.batches.commit('w', [unit({ kind: 'none' }, { records: [record], claims: [record], run: count })]);
    expect(await runs.get(run.id)).toMatchObject({ progress });
  }
  expect(await runs.get(run.id)).toMatchObject({ state: 'done', counts: { unchanged: 3 } });
});

it('the two records of a link that are both waited for are one record of the counts, and both done', async () => {
  const [{ runs, store }] = createTwo();
  const { run } = await runs.begin({ mapping: 'm', scan: 'full', plan: false, trigger: 'api' });
  await runs.scanning(run);
  await runs.expect(run, 'm', ['0/1', '1/a', '0/2']);
  await runs.scanned(run);
  const finish = async (kind: Outcome['kind'], ...records: string[]) => {
    await store.batches.claim('w', records, 60_000);
    const count = runCount({ kind, writes: [[], []] });
    await store.batches.commit('w', [unit({ kind: 'none' }, { records, claims: records, run: count })]);
    return runs.get(run.id);
  };
  const done = await finish('waiting', '0/1', '1/a');
  expect(done).toMatchObject({ state: 'working', progress: { work: 3, done: 2 }, counts: { waiting: 1 } });
  expect(await finish('unchanged', '0/2')).toMatchObject({ state: 'done', counts: { waiting: 1, unchanged: 1 } });
});

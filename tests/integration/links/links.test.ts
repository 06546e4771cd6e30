/** Links in a real Redis: atomic commits, fencing, claims, the match index, issues. */

import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { HISTORY_DAYS, HISTORY_ENTRIES, HISTORY_VALUE } from '../../../engine/store/history.ts';
import { redisTime } from '../../../engine/store/store-context.ts';
import type { Issue } from '../../../engine/store/types.ts';
import { testFingerprinter } from '../../support/fingerprints.ts';
import { createLinks, type Links, type Overwritten } from '../../support/links.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';

const redis = redisOfFile();

const mapping = { name: 'm', match: [{ name: 'first' }, { name: 'second' }] } as unknown as Parameters<
  typeof createLinks
>[2];
let links: Links;
let prefix: string;
beforeEach(() => {
  prefix = uniquePrefix();
  links = createLinks(redis, prefix, mapping, testFingerprinter);
});

const token = (text: string): string => testFingerprinter.token(text);
const [x, y, s0, s1] = ['x', 'y', 's0', 's1'].map(token) as [string, string, string, string];
const commit = (a: string, b: string, version = '', more: Partial<Parameters<Links['commit']>[0]> = {}) =>
  links.commit({ ids: [a, b], version, base: { p: [x, y] }, states: [s0, s1], ...more });
const issue = (kind: Issue['kind'], more: Partial<Issue> = {}): Issue => ({
  kind,
  reason: 'because',
  mapping: 'v1',
  since: Date.parse('2026-01-01'),
  ...more,
});

describe('commit', () => {
  it('records link keys, base and states in one step', async () => {
    expect(await commit('1', '2')).toBe('1');
    expect(await links.counterpart(0, '1')).toBe('2');
    expect(await links.counterpart(1, '2')).toBe('1');
    expect(await links.base('1')).toEqual({ version: '1', base: { p: [x, y] } });
    expect(await links.states(0, ['1', 'other'])).toEqual([s0, null]);
    expect(await links.states(1, ['2'])).toEqual([s1]);
    expect(await links.count()).toBe(1);
  });

  it('refuses a worker that read an older version', async () => {
    await commit('1', '2');
    await commit('1', '2', '1');
    await expect(commit('1', '2', '1')).rejects.toMatchObject({ code: 'LINK_CHANGED' });
    await expect(commit('1', '2', '')).rejects.toMatchObject({ code: 'LINK_CHANGED' });
    expect((await links.base('1')).version).toBe('2');
  });

  it.each([
    ['1', '3'],
    ['3', '2'],
  ])('refuses a second counterpart (%s, %s)', async (a, b) => {
    await commit('1', '2');
    await expect(commit(a, b)).rejects.toMatchObject({ code: 'LINK_TAKEN' });
    expect(await links.counterpart(0, '1')).toBe('2');
    expect(await links.counterpart(1, '2')).toBe('1');
  });

  it('succeeds for exactly one of many workers that link the same record at once', async () => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => commit('1', `b${i}`)));
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    expect(await links.count()).toBe(1);
  });

  it('ends the pending creates of both records and removes their issues', async () => {
    await links.beginCreate(0, '1', { at: 1, key: 'k', sent: {} });
    await links.beginCreate(1, '2', { at: 1, key: 'k', sent: {} });
    await links.raise(0, '1', 's', issue('failed'));
    await commit('1', '2');
    expect(await links.pendingCreate(0, '1')).toBeUndefined();
    expect(await links.pendingCreate(1, '2')).toBeUndefined();
    expect(await links.issue(0, '1')).toBeUndefined();
  });

  it('unlink takes everything of the link away, once', async () => {
    await commit('1', '2');
    expect(await links.unlink('1', '3')).toBe(false);
    expect(await links.unlink('1', '2')).toBe(true);
    expect(await links.unlink('1', '2')).toBe(false);
    expect(await links.counterpart(1, '2')).toBeUndefined();
    expect(await links.base('1')).toEqual({ version: '', base: {} });
    expect(Number(await commit('1', '3'))).toBeGreaterThan(1);
  });

  it('a worker that read a link before it was broken and made again does not commit to the new one', async () => {
    const before = await commit('1', '2');
    await links.unlink('1', '2');
    const after = await commit('1', '2');
    expect(after).not.toBe(before);
    await expect(commit('1', '2', before)).rejects.toMatchObject({ code: 'LINK_CHANGED' });
    expect((await links.base('1')).version).toBe(after);
  });
});

describe('claims', () => {
  it('are taken all or none', async () => {
    expect(await links.claim(['a', 'b'], 'w1', 60_000)).toBeTypeOf('number');
    expect(await links.claim(['c', 'b'], 'w2', 60_000)).toBeUndefined();
    expect(await links.claim(['c'], 'w2', 60_000)).toBeTypeOf('number');
  });
  it('are given back by their owner only, and extended only while held', async () => {
    await links.claim(['a'], 'w1', 60_000);
    await links.unclaim(['a'], 'w2');
    expect(await links.claim(['a'], 'w2', 60_000)).toBeUndefined();
    expect(await links.extend(['a'], 'w2', 60_000)).toBe(false);
    expect(await links.extend(['a'], 'w1', 60_000)).toBe(true);
    await links.unclaim(['a'], 'w1');
    expect(await links.extend(['a'], 'w1', 60_000)).toBe(false);
    expect(await links.claim(['a'], 'w2', 60_000)).toBeTypeOf('number');
  });
  it('end by themselves when their owner dies', async () => {
    await links.claim(['a'], 'dead', 1);
    await expect.poll(() => links.claim(['a'], 'w2', 60_000), { timeout: 2_000, interval: 5 }).toBeTypeOf('number');
  });
});

describe('match index', () => {
  const [k, n] = ['k', 'n'].map(token) as [string, string];

  it('finds records under their present keys only', async () => {
    await links.index(0, [
      { id: '1', keys: [k, n] },
      { id: '2', keys: [k, undefined] },
      { id: '3', keys: [token('kk'), n] },
    ]);
    expect(await links.candidates(0, 0, k)).toEqual(['1', '2']);
    expect(await links.candidates(0, 1, n)).toEqual(['1', '3']);
    expect(await links.candidates(1, 0, k)).toEqual([]);
    await links.index(0, [{ id: '1', keys: [token('other'), n] }]);
    expect(await links.candidates(0, 0, k)).toEqual(['2']);
    expect(await links.candidates(0, 0, token('other'))).toEqual(['1']);
    await links.forget(0, '1');
    expect(await links.candidates(0, 1, n)).toEqual(['3']);
    expect(await links.candidates(0, 0, token('other'))).toEqual([]);
  });

  it('keeps when a record was first seen', async () => {
    await links.index(0, [{ id: '1', keys: [token('a'), undefined] }]);
    const first = await links.firstSeen(0, '1');
    await links.index(0, [{ id: '1', keys: [token('b'), undefined] }]);
    expect(first).toBeGreaterThan(1e12);
    expect(await links.firstSeen(0, '1')).toBe(first);
    expect(await links.firstSeen(0, '2')).toBeUndefined();
  });

  it('agrees with a plain map, whatever is indexed and forgotten', async () => {
    const key = fc.option(fc.constantFrom(...['k1', 'k2', 'k3'].map(token)), { nil: undefined });
    const step = fc.record({
      id: fc.constantFrom('1', '2', '10', 'x y'),
      keys: fc.option(fc.tuple(key, key), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const own = createLinks(redis, uniquePrefix(), mapping, testFingerprinter);
        const model = new Map<string, readonly (string | undefined)[]>();
        for (const { id, keys } of steps) {
          if (keys) {
            await own.index(1, [{ id, keys }]);
            model.set(id, keys);
          } else {
            await own.forget(1, id);
            model.delete(id);
          }
        }
        for (const rule of [0, 1]) {
          for (const wanted of ['k1', 'k2', 'k3'].map(token)) {
            const expected = [...model].filter(([, keys]) => keys[rule] === wanted).map(([id]) => id);
            expect((await own.candidates(1, rule, wanted)).sort()).toEqual(expected.sort());
          }
        }
      }),
      { numRuns: 30 },
    );
  });
});

/** A link of the very millisecond in which a read began is too new to be missed. */
async function nextMillisecond(): Promise<void> {
  const now = await redisTime(redis);
  await expect.poll(() => redisTime(redis), { interval: 1 }).toBeGreaterThan(now);
}

describe('reading progress', () => {
  it('is ready once both sides were read fully under the present rules', async () => {
    await links.readThrough(0, 'full', '2026-01-01T00:00:00.000Z');
    expect(await links.ready()).toBe(false);
    await links.readThrough(1, 'changes', undefined);
    expect(await links.ready()).toBe(false);
    await links.readThrough(1, 'full', undefined);
    expect(await links.ready()).toBe(true);
    expect((await links.readBefore(0)).since).toBe('2026-01-01T00:00:00.000Z');
    const otherRules = createLinks(
      redis,
      prefix,
      { name: 'm', match: [{ name: 'third' }] } as never,
      testFingerprinter,
    );
    expect(await otherRules.ready()).toBe(false);
    expect(await otherRules.readByAny()).toBe(true);
    expect(await links.forgetFormerReads()).toBe(false);
    expect(await links.ready()).toBe(true);
    // An edit that is undone leaves no side read.
    expect(await otherRules.forgetFormerReads()).toBe(true);
    expect(await otherRules.readByAny()).toBe(false);
    expect(await links.ready()).toBe(false);
    await links.readThrough(0, 'full', undefined);
    expect(await links.ready()).toBe(false);
    await links.readThrough(1, 'full', undefined);
    expect(await links.ready()).toBe(true);
  });

  it('tells which linked records a full read did not see, those known to be gone apart', async () => {
    for (const id of ['1', '2', '3']) await commit(id, `b${id}`);
    await commit('2', 'b2', (await links.base('2')).version, { states: ['', s1], issue: issue('orphaned') });
    await nextMillisecond();
    const [ofA, ofB] = await Promise.all([links.seenRecords.of(0), links.seenRecords.of(1)]);
    await ofA.mark(['1', '99']);
    await ofB.mark(['b1']);
    await ofB.mark(['b3']);
    expect(await ofA.missing()).toEqual({ ids: ['3'], unexpected: ['3'] });
    // That the other one goes too is news, yet no sign that the list is wrong.
    expect(await ofB.missing()).toEqual({ ids: ['b2'], unexpected: [] });
  });

  it('counts no linked record that a full read did not see where its issue says so already', async () => {
    const issues = [issue('failed'), issue('paused'), issue('blocked'), issue('review'), issue('orphaned')];
    const others = [issue('review', { code: 'CONFLICT' }), issue('waiting', { code: 'REFERENCE_WAITING' })];
    for (const [i, one] of [...issues, ...others].entries()) await commit(`${i}`, `b${i}`, '', { issue: one });
    await commit('job', 'bjob');
    await links.raise(1, 'bjob', '', issue('failed'));
    await nextMillisecond();
    for (const [side, last] of [
      [0, 'job'],
      [1, 'bjob'],
    ] as const) {
      const { ids, unexpected } = await (await links.seenRecords.of(side)).missing();
      expect([...ids].sort()).toEqual([...[...issues, ...others].map((_, i) => `${side === 0 ? '' : 'b'}${i}`), last]);
      expect([...unexpected].sort()).toEqual(side === 0 ? ['5', '6'] : ['b5', 'b6']);
    }
  });
});

describe('the history of values that lost', () => {
  const lost = (value: unknown, more: Partial<Overwritten> = {}): Overwritten => ({
    at: new Date().toISOString(),
    property: 'p',
    side: 'a',
    value,
    rule: 'conflict',
    ...more,
  });

  it('is bounded in number, newest first', async () => {
    for (let i = 0; i < HISTORY_ENTRIES + 5; i++) await links.keepOverwritten(['1', 'b1'], [lost(i)]);
    const history = await links.history('1');
    expect(history).toHaveLength(HISTORY_ENTRIES);
    expect(history[0]?.value).toBe(HISTORY_ENTRIES + 4);
  });

  it('is bounded in size: the oldest go, the newest stays whatever its size', async () => {
    const long = (letter: string): string => letter.repeat(HISTORY_VALUE - 2);
    for (const letter of 'abcdef') await links.keepOverwritten(['1', 'b1'], [lost(long(letter))]);
    const history = await links.history('1');
    expect(history.map(({ value }) => String(value)[0])).toEqual(['f', 'e', 'd']);
    expect(history.every(({ cut }) => cut === undefined)).toBe(true);
  });

  it('cuts a text that is too long, leaves out other values of that size, and says so', async () => {
    const text = '"'.repeat(HISTORY_VALUE);
    await links.keepOverwritten(['1', 'b1'], [lost(text), lost([text], { property: 'list' })]);
    const [one, other] = await links.history('1');
    expect(one).toMatchObject({ property: 'p', cut: true });
    expect(text.startsWith(String(one?.value))).toBe(true);
    expect(String(one?.value).length).toBeGreaterThan(1_000);
    expect(other).toMatchObject({ property: 'list', cut: true });
    expect(other).not.toHaveProperty('value');
  });

  it('holds a value once, however often it is kept, under one name', async () => {
    await links.keepOverwritten(
      ['1', 'b1'],
      [lost('x', { at: new Date(Date.now() - 60_000).toISOString() }), lost('y')],
    );
    const before = await links.history('1');
    const at = new Date().toISOString();
    await links.keepOverwritten(['1', 'b1'], [lost('x', { at })]);
    const after = await links.history('1');
    expect(after.map(({ value }) => value)).toEqual(['x', 'y']);
    expect(after[0]).toEqual({ ...before.find(({ value }) => value === 'x'), at });
    await links.keepOverwritten(['1', 'b1'], [lost('x', { side: 'b' }), lost('x', { property: 'q' })]);
    expect(new Set((await links.history('1')).map(({ id }) => id)).size).toBe(4);
  });

  it('keeps all values that several workers add at the same time', async () => {
    await Promise.all(Array.from({ length: 10 }, (_, i) => links.keepOverwritten(['1', 'b1'], [lost(i)])));
    expect((await links.history('1')).map(({ value }) => value).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('forgets values after their time', async () => {
    const old = new Date(Date.now() - (HISTORY_DAYS + 1) * 86_400_000).toISOString();
    await links.keepOverwritten(['1', 'b1'], [lost('old', { at: old }), lost('new')]);
    expect((await links.history('1')).map(({ value }) => value)).toEqual(['new']);
    await links.keepOverwritten(['1', 'b1'], [lost('newer')]);
    expect(await redis.llen(`${prefix}:{m}:history:1`)).toBe(2);
    expect(await redis.ttl(`${prefix}:{m}:history:1`)).toBeGreaterThan((HISTORY_DAYS - 1) * 86_400);
  });

  it('is found from either side, also once the link is gone, and forgotten at once', async () => {
    await commit('1', 'b1');
    expect(await links.historyOf(1, 'b1')).toBe('1');
    await links.keepOverwritten(['1', 'b1'], [lost('x')]);
    await links.unlink('1', 'b1');
    expect(await links.historyOf(1, 'b1')).toBe('1');
    expect(await links.historyOf(1, 'other')).toBeUndefined();
    expect(await links.forgetHistory(1, 'b1')).toBe(1);
    expect(await links.history('1')).toEqual([]);
    expect(await links.historyOf(1, 'b1')).toBeUndefined();
    expect(await links.forgetHistory(1, 'b1')).toBe(0);
  });
});

it('a retry forgets the issue of a record and the state it was handled in', async () => {
  await links.raise(1, 'x|y/z', 'state', issue('waiting', { refs: [{ mapping: 'm', side: 0, id: '1' }] }));
  const all = [];
  for await (const batch of links.allIssues()) all.push(...batch);
  expect(all).toEqual([{ side: 1, id: 'x|y/z', ...issue('waiting', { refs: [{ mapping: 'm', side: 0, id: '1' }] }) }]);
  await links.retryIssues([{ side: 1, id: 'x|y/z' }]);
  expect(await links.issue(1, 'x|y/z')).toBeUndefined();
  expect(await links.states(1, ['x|y/z'])).toEqual([null]);
});

/** Whether an operation is judged rightly, whatever records a system has: a right answer is never blamed, an ignored parameter is. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFind, checkRead, checkSince, fullest, planSince, searchable } from '../../../engine/check/answers.ts';
import type { EntityConfig, SinceConfig } from '../../../engine/config/types.ts';
import { parsePath } from '../../../engine/expression/path.ts';
import type { SystemRecord } from '../../../engine/types.ts';

const NOW = Date.parse('2026-05-01T12:00:00.000Z');
const MINUTE = 60_000;
const OVERLAP = 2 * MINUTE;

const since = (kind: SinceConfig['kind']): SinceConfig => ({ kind, query: {}, overlap: OVERLAP });
const record = (id: string, at: number | undefined, data: object = {}): SystemRecord => ({
  id,
  modified: at === undefined ? undefined : new Date(at).toISOString(),
  version: undefined,
  data: { id, ...data },
});

/** Records with times up to two years ago, some of them at the same moment, some without a time. */
const records = fc
  .array(fc.option(fc.integer({ min: 0, max: 730 * 24 * 60 }), { nil: undefined, freq: 10 }), { maxLength: 30 })
  .map((ages) => ages.map((age, i) => record(String(i), age === undefined ? undefined : NOW - age * MINUTE)));

const at = ({ modified }: SystemRecord): number => Date.parse(modified ?? '');
const newestFirst = (list: readonly SystemRecord[]) => [...list].sort((a, b) => at(b) - at(a));
const timed = (list: readonly SystemRecord[]) => list.filter(({ modified }) => modified !== undefined);

describe('since', () => {
  it('the check accepts a filter that works, also one that is off by at most the overlap', () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 0, max: OVERLAP }), (list, off) => {
        const plan = planSince(list, since('filter'), NOW);
        if ('notChecked' in plan) {
          expect(timed(list)).toEqual([]);
          return;
        }
        const answer = timed(list).filter((one) => at(one) >= plan.start - off);
        const result = checkSince(since('filter'), plan, answer);
        expect(result === undefined || 'notChecked' in result).toBe(true);
      }),
    );
  });

  it('the check reports a filter that the system ignores, or says that the records cannot show it', () => {
    fc.assert(
      fc.property(records, (list) => {
        const plan = planSince(list, since('filter'), NOW);
        if ('notChecked' in plan) return;
        const result = checkSince(since('filter'), plan, list);
        const recent = timed(list).every((one) => at(one) >= plan.start - OVERLAP - 1_000);
        expect(result).toMatchObject(
          recent ? { notChecked: expect.any(String) } : { kind: 'ignored', severity: 'problem' },
        );
      }),
    );
  });

  it('the check reports an empty response where the newest record is old enough to be in every index', () => {
    const old = [record('a', NOW - 60 * MINUTE), record('b', NOW - 30 * MINUTE)];
    const plan = planSince(old, since('filter'), NOW);
    expect(plan).toMatchObject({ start: NOW - 30 * MINUTE, newest: { id: 'b' }, expectsNewest: true });
    expect(checkSince(since('filter'), plan as never, [])).toMatchObject({ kind: 'missing' });
    const fresh = planSince([...old, record('c', NOW - MINUTE)], since('filter'), NOW);
    expect(checkSince(since('filter'), fresh as never, [])).toBeUndefined();
  });

  it('the check reports a filter from now on that returns records of one earlier moment', () => {
    const list = [record('a', NOW - 60 * MINUTE), record('b', NOW - 60 * MINUTE)];
    const plan = planSince(list, since('filter'), NOW);
    expect(plan).toMatchObject({ start: NOW, expectsNewest: false, tells: true });
    expect(checkSince(since('filter'), plan as never, list)).toMatchObject({ kind: 'ignored' });
    expect(checkSince(since('filter'), plan as never, [])).toBeUndefined();
  });

  it('the check accepts the order newest first, and reports any other order', () => {
    fc.assert(
      fc.property(records, fc.integer(), (list, seed) => {
        const plan = planSince(list, since('newest-first'), NOW);
        if ('notChecked' in plan) return;
        const right = checkSince(since('newest-first'), plan, newestFirst(timed(list)));
        expect(right === undefined || 'notChecked' in right).toBe(true);
        const turned = [
          ...newestFirst(timed(list)).slice((seed >>> 0) % timed(list).length),
          ...newestFirst(timed(list)),
        ].slice(0, list.length);
        const sorted =
          turned.every((one, i) => i === 0 || at(one) <= at(turned[i - 1]!)) && at(turned[0]!) === plan.newest.at;
        const result = checkSince(since('newest-first'), plan, turned);
        if (!sorted) expect(result).toMatchObject({ kind: 'ignored' });
      }),
    );
  });
});

describe('find', () => {
  const list = ['Ann', 'bob', 'Carol', ''].map((name, i) => record(String(i), NOW, { name }));

  it('the check searches for plain text before unusual text, and never for an empty value', () => {
    const odd = [
      record('1', NOW, { name: '' }),
      record('2', NOW, { name: 'a;b*' }),
      record('3', NOW, { name: 'Ann B. Cee' }),
    ];
    expect(searchable(odd, 'name')?.id).toBe('3');
    expect(searchable(odd.slice(0, 2), 'name')?.id).toBe('2');
    expect(searchable(odd.slice(0, 1), 'name')).toBeUndefined();
  });

  it('the check accepts a response with the record, also beside records that begin alike', () => {
    expect(checkFind('name', list[0]!, list, [list[0]!])).toBeUndefined();
    expect(checkFind('name', list[0]!, list, [record('9', NOW, { name: 'ANNA' }), list[0]!])).toBeUndefined();
  });

  it('the check reports a response without the record, and a response that ignores the search', () => {
    expect(checkFind('name', list[0]!, list, [])).toMatchObject({ kind: 'missing' });
    expect(checkFind('name', list[0]!, list, list)).toMatchObject({ kind: 'ignored' });
    expect(checkFind('name', list[0]!, list, list.slice(0, 2))).toMatchObject({ kind: 'ignored' });
  });
});

describe('read', () => {
  const entity = { modified: 'changed' } as EntityConfig;
  const uses = ['note', 'address.city'].map((source) => ({ path: parsePath(source)!, file: 'f', line: 1, column: 1 }));
  const listed = record('1', NOW, { note: 'n', address: { city: 'c' } });

  it('reads the record that holds the most', () => {
    expect(fullest([record('1', NOW), listed, record('3', NOW, { note: '' })])).toBe(listed);
    expect(fullest([])).toBeUndefined();
  });

  it('the same record in another order of its keys is right', () => {
    expect(
      checkRead(entity, listed, { ...listed, data: { address: { city: 'c' }, note: 'n', id: '1' } }, uses),
    ).toEqual([]);
  });

  it.each([
    ['is not found', undefined, 'missing', 'problem'],
    ['is another', record('2', NOW, listed.data), 'differs', 'problem'],
    ['lacks a property', record('1', NOW, { note: 'n' }), 'differs', 'problem'],
    ['has one that the list lacks', record('1', NOW, { ...listed.data, note: 'other' }), 'differs', 'problem'],
    ['has no time of modification', record('1', undefined, listed.data), 'differs', 'warning'],
  ] as const)('a record that %s is found', (_, read, kind, severity) => {
    expect(checkRead(entity, listed, read && { ...read, data: { ...read.data, id: read.id } }, uses)).toMatchObject([
      { kind, severity },
    ]);
  });

  it('a record that was edited in between is not compared', () => {
    expect(checkRead(entity, listed, record('1', NOW + 1, {}), uses)).toEqual([]);
  });
});

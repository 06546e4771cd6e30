/** Plain JSON out of what JSONata answers, and values without nulls. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainResult, withoutNulls } from '../../../engine/expression/plain.ts';
import type { Json } from '../../../engine/types.ts';

/** No `__proto__`: it is left out of results, which has an example of its own. */
const json = (fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>).filter(
  (value) => !JSON.stringify(value).includes('__proto__'),
);

describe('a result', () => {
  it('that is JSON comes back equal, and as a copy', () => {
    fc.assert(
      fc.property(json, (value) => {
        const before = JSON.stringify(value);
        // JSONata knows no -0 either.
        expect(JSON.stringify(plainResult(value))).toBe(before);
        expect(JSON.stringify(value)).toBe(before);
      }),
    );
    const list = [{ a: 1 }];
    expect(plainResult(list)).not.toBe(list);
    expect((plainResult(list) as object[])[0]).not.toBe(list[0]);
  });

  it.each([
    [undefined, undefined],
    [null, null],
    ['', ''],
    [0, 0],
    [false, false],
    [true, true],
    [[], []],
    [{}, {}],
    [
      [1, undefined, 2],
      [1, null, 2],
    ],
    [{ a: undefined, b: [{ c: undefined }] }, { b: [{}] }],
    [Object.assign([1, 2], { sequence: true, keepSingleton: true }), [1, 2]],
    [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    [JSON.parse('{"__proto__": {"x": 1}, "a": 1}'), { a: 1 }],
  ])('%j is %j', (value, expected) => expect(plainResult(value)).toStrictEqual(expected));

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('%s is none', (value) => {
    for (const result of [value, [value], { a: value }])
      expect(() => plainResult(result)).toThrow(
        expect.objectContaining({ code: 'EXPRESSION_FAILED', message: 'The result is no finite number.' }),
      );
  });

  it.each([
    ['a function', () => 1],
    ['a lambda', { _jsonata_lambda: true }],
    ['a function of JSONata', { _jsonata_function: true }],
    ['a symbol', Symbol('x')],
    ['a big integer', 1n],
  ])('%s is none', (_, value) => {
    for (const result of [value, [value], { a: value }])
      expect(() => plainResult(result)).toThrow(
        expect.objectContaining({
          code: 'EXPRESSION_FAILED',
          message: 'The result is a function; was it meant to be called, with parentheses?',
        }),
      );
  });
});

describe('without nulls', () => {
  it('holds no null at any depth, and everything else', () => {
    const bare = (value: Json): Json | undefined => {
      if (value === null) return undefined;
      if (Array.isArray(value)) return value.map(bare).filter((item) => item !== undefined);
      if (typeof value !== 'object') return value;
      return Object.fromEntries(
        Object.entries(value).flatMap(([key, item]) => (item === null ? [] : [[key, bare(item)!]])),
      );
    };
    fc.assert(
      fc.property(json, (value) => {
        const before = JSON.stringify(value);
        expect(withoutNulls(value)).toEqual(bare(value));
        expect(JSON.stringify(value)).toBe(before);
      }),
      { numRuns: 500 },
    );
  });

  it('is the value itself where there is none, so that nothing is copied', () => {
    for (const value of ['x', 0, false, undefined, [], {}, [1, [2]], { a: [{ b: 1 }] }])
      expect(withoutNulls(value)).toBe(value);
    const whole = { same: { a: 1 }, gone: null };
    const next = withoutNulls(whole) as typeof whole;
    expect(next).toStrictEqual({ same: { a: 1 } });
    expect(next.same).toBe(whole.same);
    const list = [{ a: 1 }, { b: null }, null];
    const shorter = withoutNulls(list) as object[];
    expect(shorter).toStrictEqual([{ a: 1 }, {}]);
    expect(shorter[0]).toBe(list[0]);
  });

  it('keeps undefined in a list that is otherwise unchanged', () => {
    expect(withoutNulls([undefined, 1])).toHaveLength(2);
  });
});

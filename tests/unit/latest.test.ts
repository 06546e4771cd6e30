import { expect, test } from 'vitest';
import { keepLatest } from '../../engine/latest.ts';

test('a value is made once for each key, and again after as many others were asked for as are kept', () => {
  const made: string[] = [];
  const latest = keepLatest<string>(2);
  const ask = (key: string): string =>
    latest(key, () => {
      made.push(key);
      return key.toUpperCase();
    });
  expect([ask('a'), ask('b'), ask('a'), ask('c'), ask('a')]).toEqual(['A', 'B', 'A', 'C', 'A']);
  // `a` was asked for again, so `b` was the oldest when `c` came.
  expect(made).toEqual(['a', 'b', 'c']);
  ask('b');
  expect(made).toEqual(['a', 'b', 'c', 'b']);
});

test('a value that could not be made is not kept', () => {
  const latest = keepLatest<number>(2);
  const fail = (): number => {
    throw new Error('no');
  };
  expect(() => latest('a', fail)).toThrow('no');
  expect(latest('a', () => 1)).toBe(1);
});

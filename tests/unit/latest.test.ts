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

test('values are kept up to a size of all together, and one that is larger alone is not kept', () => {
  const made: string[] = [];
  const latest = keepLatest<string>(10, (_, key) => key.length);
  const ask = (key: string): string =>
    latest(key, () => {
      made.push(key);
      return key;
    });
  const [four, five, eleven] = ['four', 'fives', 'eleven char'];
  for (const key of [four, five, eleven, eleven, four, five]) ask(key);
  expect(made).toEqual([four, five, eleven, eleven]);
  ask('two');
  expect([ask(five), ask(four)]).toEqual([five, four]);
  expect(made.slice(4)).toEqual(['two', four]);
});

test('a value that could not be made is not kept', () => {
  const latest = keepLatest<number>(2);
  const fail = (): number => {
    throw new Error('no');
  };
  expect(() => latest('a', fail)).toThrow('no');
  expect(latest('a', () => 1)).toBe(1);
});

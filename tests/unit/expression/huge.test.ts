/** Records that hold very many values end an expression in a limit, before they use up the memory. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { compileExpression } from '../../../engine/expression/compile.ts';

const run = (source: string, input: unknown): Promise<unknown> => compileExpression(source).evaluate(input);

const failure = async (work: Promise<unknown>): Promise<TandemError> => {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TandemError);
  return error as TandemError;
};

const HUGE = {
  list: Array.from({ length: 1_000_000 }, (_, i) => i % 7),
  text: 'ab'.repeat(400_000),
  objects: Array.from({ length: 300_000 }, (_, i) => ({ a: i, b: { c: i } })),
  wide: Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`k${i}`, i])),
};

describe('expressions', () => {
  it('let a plain path go through very many values', async () => {
    expect(((await run('objects.b.c', HUGE)) as number[]).length).toBe(300_000);
  });

  it.each([
    ['sorting', '$sort(list)'],
    ['sorting pieces', '$sort($split(text, ""))'],
    ['sorting by a function', '$sort(list, function($a, $b) { $a > $b })'],
    ['sifting', '$sift(wide, function($v) { $v > 1 })'],
    ['mapping', '$map(list, function($v) { $v + 1 })'],
    ['grouping', 'objects{$string(a): a}'],
    ['ordering', 'objects^(a)'],
    ['descending', '$count(**)'],
  ])('%s very many values of a record ends in EXPRESSION_LIMIT', async (_, source) => {
    // Of this process: others on the machine make it no longer.
    const start = process.cpuUsage();
    expect((await failure(run(source, HUGE))).code).toBe('EXPRESSION_LIMIT');
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1_000).toBeLessThan(10_000);
  });
});

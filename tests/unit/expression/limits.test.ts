/** What an expression may use. Time is that of a clock which the test moves, so that no machine is too fast or too slow. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { compileExpression } from '../../../engine/expression/compile.ts';
import { type ExpressionFunctions, noFunctions } from '../../../engine/expression/expression.ts';
import { MAX_SOURCE, MAX_STRING } from '../../../engine/expression/limits.ts';
import { plainResult } from '../../../engine/expression/plain.ts';
import { LinearRegex } from '../../../engine/expression/regex.ts';

const run = (source: string, input: unknown = {}, functions?: ExpressionFunctions): Promise<unknown> =>
  compileExpression(source).evaluate(input, functions ? { functions } : {});

const failure = async (work: Promise<unknown>): Promise<TandemError> => {
  const error = await work.then(
    (value) => value,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TandemError);
  return error as TandemError;
};

/** A clock that goes on by so many milliseconds each time it is read. */
function clock(step: number): { skip(ms: number): void } {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => {
    now += step;
    return now;
  });
  return {
    skip: (ms) => {
      now += ms;
    },
  };
}

afterEach(() => vi.restoreAllMocks());

describe('time', () => {
  it.each([
    ['endless tail recursion', '($f := function($x) { $f($x) }; $f(1))'],
    ['mutual recursion', '($f := function($x) { $g($x) }; $g := function($x) { $f($x) }; $f(1))'],
    ['a product of ranges', '[1..9000].[1..9000]'],
    ['nested loops', '$reduce([1..5000], function($a, $b) { $a + $sum([1..5000]) })'],
  ])('%s ends after a second', async (_, source) => {
    clock(1);
    const error = await failure(run(source));
    expect(error.code).toBe('EXPRESSION_LIMIT');
    expect(error.message).toMatch(/^It used more than 1000 ms; it may never end\. Expression: /);
  });

  it('is measured by a real clock', async () => {
    const error = await failure(run('($f := function($x) { $f($x) }; $f(1))'));
    expect(error.message).toContain('It used more than 1000 ms');
  });

  it('is exactly a second', async () => {
    const time = clock(0);
    const spend = (ms: number): ExpressionFunctions => ({
      ...noFunctions,
      // Not while waiting: the time passes between the call and the next step.
      link: () =>
        ({
          // biome-ignore lint/suspicious/noThenProperty: it is the very moment at which waiting ends that matters
          then: (done: (value: string) => void) => {
            done('x');
            queueMicrotask(() => time.skip(ms));
          },
        }) as unknown as Promise<string>,
    });
    expect(await run('$link("m", 1) & "y"', {}, spend(1_000))).toBe('xy');
    expect((await failure(run('$link("m", 1) & "y"', {}, spend(1_001)))).code).toBe('EXPRESSION_LIMIT');
  });

  it('does not count while $link, $record and $find wait', async () => {
    const time = clock(0);
    const slow = async <T>(value: T): Promise<T> => {
      await Promise.resolve();
      time.skip(60_000);
      return value;
    };
    const functions: ExpressionFunctions = {
      link: () => slow('a'),
      record: () => slow({ x: 'b' }),
      find: () => slow([{ y: 'c' }]),
    };
    expect(await run('$link("m", 1) & $record("c", 1).x & $find("c", {}).y', {}, functions)).toBe('abc');
  });

  it('begins anew with each evaluation', async () => {
    const time = clock(0);
    const expression = compileExpression('1 + 1 + $length($)');
    for (let i = 0; i < 3; i++) {
      expect(await expression.evaluate('ab')).toBe(4);
      time.skip(900);
    }
  });
});

describe('space', () => {
  beforeEach(() => {
    clock(0);
  });

  it.each([
    [
      'endless recursion',
      '($f := function($x) { 1 + $f($x) }; $f(1))',
      'It nests more than 800 levels deep; it may never end.',
    ],
    ['a huge range', '[1..10000000]', 'It made a'],
    ['a list that grows too long', '$append([1..9000], [1..9000])', 'It made a list of more than 10000 elements.'],
    [
      'a text that doubles',
      '($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f("ab", 60))',
      'It made a text of more than 1000000 characters.',
    ],
    ['a wide pad', '$pad("x", 1000001)', '$pad would make a text of more than 1000000 characters.'],
    ['a wide pad to the left', '$pad("x", -1000001)', '$pad would make a text of more than 1000000 characters.'],
    [
      'a long join',
      '($s := $pad("x", 500000); $join([$s, $s, "y"]))',
      '$join would make a text of more than 1000000 characters.',
    ],
    [
      'a long separator',
      '($s := $pad("x", 300000); $join(["a", "b", "c", "d"], $s))',
      '$join would make a text of more than 1000000 characters.',
    ],
    [
      'a long join of more than texts',
      '($s := $pad("x", 500000); $f := $join(?, ""); $f([1, $s, $s, "y"]))',
      '$join would make a text of more than 1000000 characters.',
    ],
    [
      'a text of an object that doubles',
      '($f := function($o, $n) { $n = 0 ? $o : $f({"a": $o, "b": $o}, $n - 1) }; $string($f({}, 40)))',
      '$string takes at most 100000 values.',
    ],
    [
      'a result that doubles',
      '($f := function($o, $n) { $n = 0 ? $o : $f({"a": $o, "b": $o}, $n - 1) }; $f({}, 40))',
      'The result holds more than 100000 values.',
    ],
    ['comparing everything with everything', '$distinct([1..2001].{"a": $})', '$distinct takes at most 2000 elements.'],
    [
      'a long text as a time',
      '$toMillis($pad("", 129, "1"), "[Y]")',
      '$toMillis takes texts of at most 128 characters.',
    ],
    [
      'a picture that backtracks',
      '$toMillis("1", $pad("", 129, "[Y]"))',
      '$toMillis takes texts of at most 128 characters.',
    ],
  ])('%s ends in EXPRESSION_LIMIT', async (_, source, message) => {
    const error = await failure(run(source));
    expect(error.code).toBe('EXPRESSION_LIMIT');
    expect(error.message).toContain(message);
    expect(error.message).toContain(' Expression: ');
  });

  it.each([
    ['$length($pad("x", 1000000))', 1_000_000],
    ['$length($pad("x", -1000000))', 1_000_000],
    ['($s := $pad("x", 499998); $length($join([$s, $s], "ab")))', 999_998],
    ['$join(missing, $pad("x", 1000000))', undefined],
    ['$count($distinct([1..2000]))', 2_000],
    ['$length($string([1..9000]))', 9_000 * 5 - 8_107 + 1_000],
    ['$count([1..10000])', 10_000],
    ['$length($string([1..3].{"a": [1..8000].$sum}))', 3 * (8_000 * 3 + 7) + 4],
    ['$toMillis($pad("2020", 128, "x"), "[Y]" & $pad("", 124, "x"))', 1_577_836_800_000],
    ['$toMillis($pad("2020", 125, "x"), "[Y0001]" & $pad("", 121, "x"))', 1_577_836_800_000],
    ['$toMillis($substring("2020-01-01T00:00:00.000Z", 0, 10), $pad("[Y]-[M]-[D]", 11))', 1_577_836_800_000],
  ])('%s is within it', async (source, expected) => {
    const value = await run(source);
    if (source.includes('$string([1..9000])')) expect(value).toBeGreaterThan(9_000);
    else expect(value).toBe(expected);
  });

  it('bounds what $sort and $sift are given, and not one less', async () => {
    const list = (length: number): number[] => Array.from({ length }, (_, i) => length - i);
    const wide = (length: number): object => Object.fromEntries(list(length).map((i) => [`k${i}`, i]));
    expect(await run('$sort(a)[0]', { a: list(10_000) })).toBe(1);
    expect((await failure(run('$sort(a)', { a: list(10_001) }))).message).toContain(
      '$sort takes at most 10000 elements.',
    );
    expect(await run('$sift($, function($v) { $v = 1 })', wide(10_000))).toEqual({ k1: 1 });
    expect((await failure(run('$sift($, function($v) { $v = 1 })', wide(10_001)))).message).toContain(
      '$sift takes at most 10000 fields.',
    );
  });

  it('leaves room for honest recursion', async () => {
    expect(await run('($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(50))')).toBe(50);
  });

  it('counts every value of a result, and not one less', () => {
    const list = (length: number): number[] => new Array<number>(length).fill(0);
    expect(plainResult(list(99_999))).toHaveLength(99_999);
    expect(() => plainResult(list(100_000))).toThrow('The result holds more than 100000 values.');
  });

  it('counts every value that $string is given, and not one less', async () => {
    const list = (length: number): unknown[] => [new Array<number>(length).fill(0)];
    expect(await run('$length($string($[0]))', [list(99_998)])).toBe(99_998 * 2 + 1 + 2);
    expect((await failure(run('$length($string($[0]))', [list(99_999)]))).message).toContain('$string takes at most');
  });

  it('holds a source of ten thousand characters, and not one more', () => {
    const text = (length: number): string => `"${'x'.repeat(length - 2)}"`;
    expect(() => compileExpression(text(MAX_SOURCE))).not.toThrow();
    expect(() => compileExpression(text(MAX_SOURCE + 1))).toThrow(
      'The expression has 10001 characters; at most 10000 are allowed.',
    );
  });
});

describe('calls', () => {
  const counting = (): ExpressionFunctions & { calls: number } => {
    const functions = {
      ...noFunctions,
      calls: 0,
      link: async () => {
        functions.calls++;
        return 'x';
      },
    };
    return functions;
  };

  it('are a hundred, and not one more', async () => {
    const functions = counting();
    expect(await run('$count([1..100].$link("m", $))', {}, functions)).toBe(100);
    const error = await failure(run('[1..101].$link("m", $)', {}, functions));
    expect(error.code).toBe('EXPRESSION_LIMIT');
    expect(error.message).toContain('It called $link, $record and $find more than 100 times.');
    expect(functions.calls).toBe(200);
  });
});

describe('regular expressions', () => {
  it('take at most half a second of one evaluation', async () => {
    clock(100);
    const error = await failure(run('$match($, /a/)', 'a'.repeat(20)));
    expect(error.code).toBe('EXPRESSION_LIMIT');
    const regex = new LinearRegex(/a/g);
    const text = 'a'.repeat(20);
    let found = 0;
    expect(() => {
      while (regex.exec(text)) found++;
    }).toThrow('A regular expression used more than 500 ms.');
    expect(found).toBe(5);
  });

  it('are given texts of a million characters, and not one more', () => {
    expect(new LinearRegex(/b/).exec('a'.repeat(MAX_STRING))).toBeNull();
    expect(() => new LinearRegex(/b/).exec('a'.repeat(MAX_STRING + 1))).toThrow(
      expect.objectContaining({
        code: 'EXPRESSION_LIMIT',
        message: 'A regular expression was given a text of more than 1000000 characters.',
      }),
    );
  });

  it('stop a catastrophic pattern by being linear', async () => {
    expect(await run('$contains($, /^(a+)+$/)', `${'a'.repeat(5_000)}!`)).toBe(false);
  });
});

/** What an expression may use. Time is that of a clock which the test moves, so that no machine is too fast or too slow. */
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { compileExpression } from '../../../engine/expression/compile.ts';
import { type ExpressionFunctions, noFunctions } from '../../../engine/expression/expression.ts';
import { MAX_REGEX_TEXT, MAX_SOURCE } from '../../../engine/expression/limits.ts';
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

/** A clock that goes on by so many milliseconds each time it is read, in which the process computed or stood still. */
function clock(step: number, computing = true): { skip(ms: number): void } {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => {
    now += step;
    return now;
  });
  vi.spyOn(process, 'cpuUsage').mockImplementation((since) => ({
    user: computing ? now * 1_000 - (since?.user ?? 0) : 0,
    system: 0,
  }));
  return {
    skip: (ms) => {
      now += ms;
    },
  };
}

/** How often all else had its turn meanwhile. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  let working = true;
  const ended = work.finally(() => {
    working = false;
  });
  for (; working; turns++) await setImmediate();
  await ended;
  return turns;
}

// A turn of the event loop in which an earlier test evaluated began by another clock.
beforeEach(() => setImmediate());
afterEach(() => vi.restoreAllMocks());

describe('time', () => {
  it.each([
    ['endless tail recursion', '($f := function($x) { $f($x) }; $f(1))'],
    ['mutual recursion', '($f := function($x) { $g($x) }; $g := function($x) { $f($x) }; $f(1))'],
    ['nested loops', '($l := [1..5000]; $reduce($l, function($a, $b) { $a + $sum($l) }))'],
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

  it('all else has its turns, however many evaluations never end', async () => {
    clock(1);
    const endless = (): Promise<unknown> => failure(run('($f := function($x) { $f($x) }; $f(1))'));
    expect(await turnsDuring(Promise.all([endless(), endless(), endless()]))).toBeGreaterThan(100);
  });

  it('does not count while the process stands still', async () => {
    clock(1_000, false);
    expect(await run('$sum([1..50].($ + 1))')).toBe(1_325);
  });

  it('does not count while others have their turn', async () => {
    clock(20);
    const others = Array.from({ length: 20 }, () => run('$sum([1..5].($ + 1))'));
    expect(await Promise.all(others)).toEqual(new Array(20).fill(20));
  });

  it('does not count while $link, $record and $find wait', async () => {
    const time = clock(0);
    const slow = async <T>(value: T): Promise<T> => {
      await setImmediate();
      time.skip(60_000);
      await setImmediate();
      return value;
    };
    const functions: ExpressionFunctions = {
      link: () => slow('a'),
      record: () => slow({ x: 'b' }),
      find: () => slow([{ y: 'c' }]),
    };
    expect(await run('$link("m", 1) & $record("c", 1).x & $find("c", {}).y', {}, functions)).toBe('abc');
  });

  it('begins again with each evaluation', async () => {
    const time = clock(0);
    const expression = compileExpression('1 + 1 + $length($)');
    for (let i = 0; i < 3; i++) {
      expect(await expression.evaluate('ab')).toBe(4);
      time.skip(900);
    }
  });
});

describe('space', () => {
  it.each<[string, string, string]>([
    [
      'endless recursion',
      '($f := function($x) { 1 + $f($x) }; $f(1))',
      'It nests more than 800 levels deep; it may never end.',
    ],
    ['a huge range', '[1..10000000]', 'It made a'],
    ['a product of ranges', '[1..9000].[1..9000]', 'It made ranges of more than 1000000 elements.'],
    [
      'ranges within ranges',
      '$map([1..9000], function($i) { {"a": [1..9000]} })',
      'It made ranges of more than 1000000 elements.',
    ],
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
      '$string takes at most 50000 values.',
    ],
    [
      'a result that doubles',
      '($f := function($o, $n) { $n = 0 ? $o : $f({"a": $o, "b": $o}, $n - 1) }; $f({}, 40))',
      'The result holds more than 50000 values.',
    ],
    [
      'a text that is too long for a function',
      '$length("x" & $pad("", 1000000, "x"))',
      'It made a text of more than 1000000 characters.',
    ],
    [
      'a long text as a time',
      '$toMillis($pad("", 129, "1"), "[Y]")',
      '$toMillis takes texts of at most 128 characters where it reads them by a picture.',
    ],
    [
      'a long text as a number',
      '$parseInteger($pad("", 129, "1"), "1")',
      '$parseInteger takes texts of at most 128 characters where it reads them by a picture.',
    ],
    ...['$toMillis("1", P)', '$fromMillis(0, P)', '$now(P)', '$formatInteger(1, P)', '$parseInteger("1", P)'].flatMap(
      (call) => {
        const name = call.slice(0, call.indexOf('('));
        return [
          [
            `a long picture for ${name}`,
            call.replace('P', '$pad("", 129, "[Y]")'),
            `${name} takes pictures of at most 128 characters.`,
          ],
          [
            `a wide picture for ${name}`,
            call.replace('P', '"[Y, 1 0 0]"'),
            `${name} takes components of at most 99 characters.`,
          ],
        ] satisfies [string, string, string][];
      },
    ),
    [
      'a long picture for $formatNumber',
      '$formatNumber(1, $pad("", 129, "#"))',
      '$formatNumber takes pictures of at most 128 characters.',
    ],
    ['a wide picture, from and to', '$fromMillis(0, "[Y,*-300000000]")', 'components of at most 99 characters.'],
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
    ['$count($distinct([1..10000]))', 10_000],
    ['$count($distinct($append([1..4999], [1..4999]).{"a": $}))', 4_999],
    ['$length($fromMillis(0, "[Y,99-99]"))', 99],
    ['$fromMillis(0, "[Y], 2024-1000 [[,1000] [D]")', '1970, 2024-1000 [,1000] 1'],
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

  it('bounds the lists that functions are given, and not by one less', async () => {
    const list = (length: number): { a: number[] } => ({ a: Array.from({ length }, (_, i) => length - i) });
    for (const [source, expected] of [
      ['$sort(a)[0]', 1],
      ['$count($zip(a, a))', 10_000],
      ['$count($spread(a.{"x": $}))', 10_000],
      ['$count($reverse(a))', 10_000],
      ['$count($distinct(a))', 10_000],
    ] as const) {
      expect(await run(source, list(10_000))).toBe(expected);
      expect((await failure(run(source, list(10_001)))).message).toMatch(
        /takes at most 10000 elements|a list of more than 10000 elements/,
      );
    }
    for (const source of ['$count(a)', '$max(a)', '$sum(a) > 0', '$exists(a)'])
      expect(await run(source, list(20_000))).toBeTruthy();
  });

  it('bounds the texts that functions are given', async () => {
    const error = await failure(run('$map(a, $length)', { a: ['x'.repeat(1_000_001)] }));
    expect(error.message).toContain('$length takes texts of at most 1000000 characters.');
  });

  it('bounds what $find and $record find', async () => {
    const found = (length: number): ExpressionFunctions => ({
      ...noFunctions,
      find: async () => new Array(length).fill(0),
    });
    expect(await run('$count($find("c", {"a": 1}))', {}, found(49_999))).toBe(49_999);
    expect((await failure(run('$count($find("c", {"a": 1}))', {}, found(50_000)))).message).toContain(
      'It found more than 50000 values',
    );
  });

  it('leaves room for honest recursion', async () => {
    expect(await run('($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(50))')).toBe(50);
  });

  it('allows a result of 50,000 values, and not one more', () => {
    const list = (length: number): number[] => new Array<number>(length).fill(0);
    expect(plainResult(list(49_999))).toHaveLength(49_999);
    expect(() => plainResult(list(50_000))).toThrow('The result holds more than 50000 values.');
  });

  it('counts every value that $string is given, and not one less', async () => {
    const list = (length: number): unknown[] => [new Array<number>(length).fill(0)];
    expect(await run('$length($string($[0]))', [list(49_998)])).toBe(49_998 * 2 + 1 + 2);
    expect((await failure(run('$length($string($[0]))', [list(49_999)]))).message).toContain('$string takes at most');
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
  it('take the time of the evaluation, and others have their turn between two matches', async () => {
    clock(100);
    const error = await failure(run('$match($, /a/)', 'a'.repeat(2_000)));
    expect(error.code).toBe('EXPRESSION_LIMIT');
    expect(error.message).toContain('It used more than 1000 ms');
  });

  it.each(['$match($, /a/)', '$replace($, /a/, "b")', '$split($, /a/)'])(
    '%s lets others have their turn',
    async (source) => {
      clock(1);
      const turns = await turnsDuring(run(source, 'a'.repeat(100)));
      expect(turns).toBeGreaterThan(5);
    },
  );

  it('are given texts of 30,000 characters, and not one more', () => {
    expect(new LinearRegex(/b/).exec('a'.repeat(MAX_REGEX_TEXT))).toBeNull();
    expect(() => new LinearRegex(/b/).exec('a'.repeat(MAX_REGEX_TEXT + 1))).toThrow(
      expect.objectContaining({
        code: 'EXPRESSION_LIMIT',
        message: 'A regular expression was given a text of more than 30000 characters.',
      }),
    );
  });

  it('are given shorter texts the larger they are', () => {
    const large = new LinearRegex(/(?:a?b){1,500}c$/);
    expect(() => large.exec('ab'.repeat(5_000))).toThrow(/^A regular expression was given a text of more than \d{4} /);
    expect(large.exec('abc')).not.toBeNull();
  });

  it('stop a catastrophic pattern by being linear', async () => {
    expect(await run('$contains($, /^(a+)+$/)', `${'a'.repeat(5_000)}!`)).toBe(false);
  });
});

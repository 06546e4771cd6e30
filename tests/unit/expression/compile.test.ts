/** Expressions: what they may do, what they may not, and how they fail. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { BUILTINS } from '../../../engine/expression/builtins.ts';
import { calls, compileExpression, errorPosition } from '../../../engine/expression/compile.ts';
import { type ExpressionFunctions, noFunctions } from '../../../engine/expression/expression.ts';

const run = (
  source: string,
  input?: unknown,
  context?: Parameters<ReturnType<typeof compileExpression>['evaluate']>[1],
): Promise<unknown> => compileExpression(source).evaluate(input, context);

const failure = async (work: Promise<unknown>): Promise<TandemError> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TandemError);
  return error as TandemError;
};

const compileFailure = (source: string): { message: string; position: number | undefined; code: string } => {
  try {
    compileExpression(source);
  } catch (error) {
    if (error instanceof TandemError)
      return { message: error.message, position: errorPosition(error), code: error.code };
  }
  throw new Error(`${source} compiled`);
};

describe('values', () => {
  it.each([
    ['$lowercase(a.b)', { a: { b: 'X' } }, 'x'],
    ['a', { a: 1 }, 1],
    ['a', [{ a: 1 }, { a: 2 }], [1, 2]],
    ['a', null, undefined],
    ['a', undefined, undefined],
    ['$', null, null],
    ['$exists($)', undefined, false],
    ['$replace($, /[^0-9+]/, "")', '+31 (0)6 12-34', '+310612' + '34'],
    ['$split($, /,\\s*/)', 'a, b,c', ['a', 'b', 'c']],
    ['$match($, /(a)(b)?/).match', 'aab', ['a', 'ab']],
    ['$contains($, /^A$/im)', 'x\na', true],
    ['{"a": b, "c": missing}', { b: 1 }, { a: 1 }],
    ['[1..3]', {}, [1, 2, 3]],
    ['items.price', { items: [] }, undefined],
    ['$pad("a", -3, "-") & $join(["b", "c"], "/") & $string({"d": 1})', {}, '--ab/c{"d":1}'],
    ['$distinct([1, 1, 2])', {}, [1, 2]],
    ['$toMillis("2020-01-01T00:00:00Z")', {}, 1_577_836_800_000],
  ])('%s of %j is %j', async (source, input, expected) => {
    expect(await run(source, input)).toEqual(expected);
  });

  it('come back as plain JSON', async () => {
    const list = (await run('items[price > 1]', { items: [{ price: 2 }, { price: 3 }] })) as object;
    expect(Object.getOwnPropertyNames(list)).toEqual(['0', '1', 'length']);
    const object = (await run('$merge([$, {"b": 1}])', { a: 1 })) as object;
    expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
  });

  it('leave the input as it was', async () => {
    const input = { a: [1], b: { c: [2] } };
    const before = structuredClone(input);
    await run('[a[], b.c[], $append(a, 3), $sort(a), $merge([b, {"c": 1}])]', input);
    expect(input).toEqual(before);
    expect(Object.getOwnPropertyNames(input.a)).toEqual(['0', 'length']);
  });

  it('see null as missing where that is asked for', async () => {
    const record = { email: null, deep: [{ x: null }, null, 1] };
    const strict = compileExpression('$lowercase(email)');
    expect((await failure(strict.evaluate(record))).code).toBe('EXPRESSION_FAILED');
    const lenient = (source: string): Promise<unknown> =>
      compileExpression(source, { nulls: 'missing' }).evaluate(record, { record });
    expect(await lenient('$lowercase(email)')).toBeUndefined();
    expect(await lenient('email')).toBeUndefined();
    expect(await lenient('$exists(email)')).toBe(false);
    expect(await lenient('$exists($record.email)')).toBe(false);
    expect(await lenient('deep')).toEqual([{}, 1]);
    expect(record.deep).toHaveLength(3);
  });

  it('may not be functions', async () => {
    expect((await failure(run('$lowercase', {}))).message).toContain('is a function');
    expect((await failure(run('[function($x) { $x }]', {}))).message).toContain('is a function');
  });
});

describe('$record, $link and $find', () => {
  const functions: ExpressionFunctions = {
    link: async (mapping, id) => (id === '1' ? `${mapping}:${id}` : undefined),
    record: async (entity, id) => ({ entity, id, nothing: null }),
    find: async (entity, query) => [{ entity, ...query }],
  };

  it.each([
    ['$record.name', 'whole'],
    ['$record("contacts", $).id', '1'],
    ['$record("contacts", $record.other).id', '9'],
    ['"contacts" ~> $record("7") ~> $lookup("id")', '7'],
    ['$link("m", 1)', 'm:1'],
    ['$link("m", 2)', undefined],
    ['$link("m", missing)', undefined],
    ['$find("contacts", {"email": "x"}).email', 'x'],
    ['$map(["1", "2"], function($id) { $record("c", $id).id })', ['1', '2']],
  ])('%s is %j', async (source, expected) => {
    expect(await run(source, '1', { record: { name: 'whole', other: '9' }, functions })).toEqual(expected);
  });

  it('fail in plain words where there are none', async () => {
    const error = await failure(run('$link("m", 1)', {}));
    expect(error.code).toBe('EXPRESSION_FAILED');
    expect(error.message).toContain('$link(…) is not available here');
  });

  it('hand on what they throw', async () => {
    const cause = new TandemError('SYSTEM_THROTTLED', 'Wait.', { retryAfter: 5 });
    const error = await failure(
      run('$record("c", 1).x', {}, { functions: { ...noFunctions, record: () => Promise.reject(cause) } }),
    );
    expect(error).toBe(cause);
  });

  it('do not use up the time of the expression while they wait', async () => {
    const slow: ExpressionFunctions = {
      ...noFunctions,
      record: () => new Promise((resolve) => setTimeout(resolve, 1_200, { x: 1 })),
    };
    expect(await run('$record("c", 1).x + 1', {}, { functions: slow })).toBe(2);
  });

  it('are limited in number', async () => {
    const error = await failure(run('[1..1000].$link("m", $)', {}, { functions }));
    expect(error.code).toBe('EXPRESSION_LIMIT');
  });

  it('are known before they are called', () => {
    const found = calls(
      compileExpression(
        '$link("a", x) & $record("b", $record.y).z & $find("c", {"k": "d" ~> $link(1)})[0].q & $link(dynamic, 1)',
      ),
    );
    expect(found).toMatchObject({ link: expect.arrayContaining(['a', 'd']), record: ['b'], find: ['c'] });
    expect(calls(compileExpression('a.b'))).toMatchObject({ link: [], record: [], find: [] });
  });
});

const HUGE = {
  list: Array.from({ length: 1_000_000 }, (_, i) => i % 7),
  text: 'ab'.repeat(400_000),
  objects: Array.from({ length: 300_000 }, (_, i) => ({ a: i, b: { c: i } })),
  wide: Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`k${i}`, i])),
};

describe('guardrails', () => {
  it('let a plain path go through very many values', async () => {
    expect(((await run('objects.b.c', HUGE)) as number[]).length).toBe(300_000);
  });

  it.each([
    ['endless tail recursion', '($f := function($x) { $f($x) }; $f(1))'],
    ['endless recursion', '($f := function($x) { 1 + $f($x) }; $f(1))'],
    ['mutual recursion', '($f := function($x) { $g($x) }; $g := function($x) { $f($x) }; $f(1))'],
    ['a huge range', '[1..10000000]'],
    ['a product of ranges', '[1..9000].[1..9000]'],
    ['nested loops', '$reduce([1..5000], function($a, $b) { $a + $sum([1..5000]) })'],
    ['a text that doubles', '($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f("ab", 60))'],
    ['a wide pad', '$pad("x", 900000000)'],
    ['a long join', '($s := $pad("x", 900000); $join([$s, $s, $s]))'],
    [
      'an object that doubles',
      '($f := function($o, $n) { $n = 0 ? $o : $f({"a": $o, "b": $o}, $n - 1) }; $string($f({}, 40)))',
    ],
    ['a result that doubles', '($f := function($o, $n) { $n = 0 ? $o : $f({"a": $o, "b": $o}, $n - 1) }; $f({}, 40))'],
    ['comparing everything with everything', '$distinct([1..9000].{"a": $})'],
    ['a regular expression that reads on and on', '$match($pad("", 900000, "a"), /a(.*b)?/)'],
    ['a picture that backtracks', '$toMillis($pad("", 5000, "1"), "[Y][M][D][H][m][s]")'],
  ])('%s ends in EXPRESSION_LIMIT', async (_, source) => {
    const start = performance.now();
    expect((await failure(run(source, {}))).code).toBe('EXPRESSION_LIMIT');
    expect(performance.now() - start).toBeLessThan(5_000);
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
    const start = performance.now();
    expect((await failure(run(source, HUGE))).code).toBe('EXPRESSION_LIMIT');
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it('let $sort and $sift do what they always did', async () => {
    expect(await run('$sort([3, 1, 2])', {})).toEqual([1, 2, 3]);
    expect(await run('$sort([3, 1, 2], function($a, $b) { $a < $b })', {})).toEqual([3, 2, 1]);
    expect(await run('$ ~> $sift(function($v, $k) { $v > 1 and $k != "c" })', { a: 1, b: 2, c: 3 })).toEqual({ b: 2 });
    expect(await run('$sift(function($v) { $v > 1 })', { a: 1, b: 2 })).toEqual({ b: 2 });
  });

  it('stop a catastrophic regular expression by being linear', async () => {
    expect(await run('$contains($, /^(a+)+$/)', `${'a'.repeat(5_000)}!`)).toBe(false);
  });

  it('leave room for honest recursion', async () => {
    expect(await run('($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(50))', {})).toBe(50);
  });

  it('leave no trace on prototypes', async () => {
    const input = JSON.parse(
      '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}, "k": "__proto__"}',
    );
    const result = (await run('$merge([$, {k: {"polluted": 2}}])', input)) as Record<string, unknown>;
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(result.polluted).toBeUndefined();
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect(await run('$lookup($, "constructor").name', {})).toBeUndefined();
    expect(await run('$lookup($, "toString")', {})).toBeUndefined();
    await run('$ ~> | $ | {"__proto__": {"polluted": 3}} |', {});
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('failures on a record', () => {
  it.each([['$number(a)'], ['a + 1'], ['$lowercase(n)'], ['[a, n]^($)'], ['{n: 1}']])(
    '%s tells no value',
    async (source) => {
      const error = await failure(run(source, { a: 'confidential', n: 424_242 }));
      expect(error.code).toBe('EXPRESSION_FAILED');
      expect(error.message).not.toMatch(/confidential|424242/);
      expect(error.message).toContain(source);
    },
  );

  it('say what the author wrote', async () => {
    expect((await failure(run('$error("No sku.")', {}))).message).toContain('No sku');
  });
});

describe('failures to compile', () => {
  it.each([
    ['a +', 'end of expression', 3],
    ['a + b)', 'Syntax error', 5],
    ['$uppercase(a', 'Expected ")"', 12],
    ['$lowrcase(a)', 'did you mean $lowercase?', 0],
    ['a & $nope', '$nope is not known', 4],
    ['lowercase(a)', 'write $lowercase(…)', 0],
    ['$eval("1")', '$eval is not available', 0],
    ['a & $match(b, /x(?=y)/)', 'lookahead', 14],
    ['$contains(a, /(/)', 'regular expression', undefined],
    ['a.__proto__', '__proto__', undefined],
    ['', 'empty', 0],
    [`"${'x'.repeat(20_000)}"`, 'characters', 0],
  ])('%s', (source, message, position) => {
    const error = compileFailure(source);
    expect(error.message).toContain(message);
    expect(['CONFIG_EXPRESSION', 'CONFIG_PATH']).toContain(error.code);
    if (position !== undefined) expect(error.position).toBe(position);
  });

  it('do not take a name for unknown that the expression binds', () => {
    compileExpression('($x := 1; $f := function($y) { $x + $y }; $f(2)) + items#$i@$v.($i & $v)');
  });

  it('do not overflow on deep nesting', () => {
    // How deep the parser gets depends on the stack of the thread; beyond that it is a fault like any other.
    for (const text of ['('.repeat(9_000), `${'['.repeat(4_900)}1${']'.repeat(4_900)}`]) {
      try {
        compileExpression(text);
      } catch (error) {
        expect(error).toBeInstanceOf(TandemError);
        expect((error as TandemError).code).toBe('CONFIG_EXPRESSION');
      }
    }
  });

  it('know every function of JSONata, and no other', async () => {
    for (const name of BUILTINS) expect((await failure(run(`$${name}`, {}))).message, name).toContain('is a function');
  });
});

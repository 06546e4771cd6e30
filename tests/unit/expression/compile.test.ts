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

  it('are known before they are called', () => {
    const found = calls(
      compileExpression(
        '$link("a", x) & $record("b", $record.y).z & $find("c", {"k": "d" ~> $link(1)})[0].q & $link(dynamic, 1)',
      ),
    );
    expect(found).toMatchObject({ link: expect.arrayContaining(['a', 'd']), record: ['b'], find: ['c'] });
    expect(calls(compileExpression('a.b'))).toMatchObject({ link: [], record: [], find: [] });
    const compiled = compileExpression('$link("a", x)');
    expect(calls(compiled)).toBe(compiled.calls);
    expect(calls({ source: compiled.source, evaluate: compiled.evaluate })).toEqual(compiled.calls);
  });

  it('answer nothing where they may not be called', async () => {
    const source = '{"link": $link("m", 1), "record": $record("e", 1), "find": $find("e", {"a": 1})}';
    expect(await run(source, {}, { functions: noFunctions })).toEqual({ find: [] });
  });
});

describe('prototypes', () => {
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

  it('do not include names that the expression binds itself', () => {
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

  it('never occur for the name of a function of JSONata', async () => {
    for (const name of BUILTINS) expect((await failure(run(`$${name}`, {}))).message, name).toContain('is a function');
  });
});

describe('what a failure says', () => {
  const failing = (source: string, input: unknown = {}, functions?: ExpressionFunctions): Promise<TandemError> =>
    failure(run(source, input, functions ? { functions } : {}));

  it.each([
    ['$link("", 1)', 'The first argument of $link must be a name.'],
    ['$link(1, 1)', 'The first argument of $link must be a name.'],
    ['$record(missing, 1)', 'The first argument of $record must be a name.'],
    ['$find(1, {})', 'The first argument of $find must be a name.'],
    ['$link("m", {"a": 1})', 'The second argument of $link must be one id.'],
    ['$record("m", true)', 'The second argument of $record must be one id.'],
    ['$record("m", [1, 2])', 'The second argument of $record must be one id.'],
    ['$find("e", "x")', 'The second argument of $find must be an object of fields and values.'],
    ['$find("e", ["x"])', 'The second argument of $find must be an object of fields and values.'],
    ['$find("e", 1)', 'The second argument of $find must be an object of fields and values.'],
  ])('%s', async (source, message) => {
    const error = await failing(source, {}, noFunctions);
    expect(error.code).toBe('EXPRESSION_FAILED');
    expect(error.message).toBe(`${message} Expression: ${source}`);
  });

  it.each(['$link("m", 1)', '$record("e", 1)', '$find("e", {"a": 1})'])('%s where there is none', async (source) => {
    const name = source.slice(1, source.indexOf('('));
    expect((await failing(source)).message).toBe(`$${name}(…) is not available here. Expression: ${source}`);
  });

  it.each(['$link("m", missing)', '$link("m", null)', '$record("e", "")', '$find("e", missing)', '$find("e", null)'])(
    '%s is nothing, and asks nobody',
    async (source) => expect(await run(source, {})).toBeUndefined(),
  );

  it('an expression passes ids on as text, and queries as plain objects', async () => {
    const asked: unknown[] = [];
    const functions: ExpressionFunctions = {
      link: async (...given) => void asked.push(given),
      record: async (...given) => void asked.push(given),
      find: async (...given) => {
        asked.push(given);
        return [];
      },
    };
    await run('[$link("m", 7), $record("e", "x"), $find("f", {"a": [1, b]})]', { b: 2 }, { functions });
    // The items of an array are calculated at once: in any order.
    expect(new Set(asked)).toEqual(
      new Set([
        ['m', '7'],
        ['e', 'x'],
        ['f', { a: [1, 2] }],
      ]),
    );
  });

  it('an expression sees the results of functions without nulls only where mappings read it', async () => {
    const functions: ExpressionFunctions = { ...noFunctions, record: async () => ({ a: null, b: 1 }) };
    const source = '$exists($record("e", 1).a)';
    expect(await compileExpression(source).evaluate({}, { functions })).toBe(true);
    expect(await compileExpression(source, { nulls: 'missing' }).evaluate({}, { functions })).toBe(false);
  });

  it('tells the expression on one line, and not more of it than fits', async () => {
    const long = `$number("x" &\n   "${'y'.repeat(200)}")`;
    const { message } = await failing(long);
    const shown = message.slice(message.indexOf(' Expression: ') + ' Expression: '.length);
    expect(shown).toHaveLength(120);
    expect(shown.startsWith('$number("x" & "yyy')).toBe(true);
    expect(shown.endsWith('y…')).toBe(true);
    expect((await failing('  $number("x")\n')).message).toMatch(/ Expression: \$number\("x"\)$/);
    const just = `$error("${'z'.repeat(120 - 10)}")`;
    expect(just).toHaveLength(120);
    expect((await failing(just)).message.endsWith(` Expression: ${just}`)).toBe(true);
  });

  it('contains each expression once, also through another expression', async () => {
    const inner = new TandemError('EXPRESSION_FAILED', 'It failed. Expression: $record("e", 1)');
    const functions = { ...noFunctions, record: () => Promise.reject(inner) };
    expect((await failing('$record("e", 1)', {}, functions)).message).toBe('It failed. Expression: $record("e", 1)');
    const other = await failing('$record("e", 1).x', {}, functions);
    expect(other.message).toBe('It failed. Expression: $record("e", 1) Expression: $record("e", 1).x');
    expect(other.code).toBe('EXPRESSION_FAILED');
  });

  it('an expression passes on failures of other parts unchanged', async () => {
    const inner = new TandemError('SYSTEM_NOT_FOUND', 'Gone.');
    expect(await failing('$record("e", 1)', {}, { ...noFunctions, record: () => Promise.reject(inner) })).toBe(inner);
  });

  it('is a general sentence where an error has no message of use', async () => {
    const { message } = await failing('$record("e", 1)', {}, { ...noFunctions, record: () => Promise.reject({}) });
    expect(message).toBe('It failed. Expression: $record("e", 1)');
    const overflow = await failing(
      '$record("e", 1)',
      {},
      { ...noFunctions, record: () => Promise.reject(new RangeError('x')) },
    );
    expect(overflow.code).toBe('EXPRESSION_LIMIT');
    expect(overflow.message).toBe('It needs more space than it may use. Expression: $record("e", 1)');
  });

  it('puts a word in the place of every value', async () => {
    const { message } = await failing('$number(a)', { a: 'secret "text"' });
    expect(message).toBe('Unable to cast value to a number: (the value). Expression: $number(a)');
  });

  it.each([
    ['[1..20000000]', 'It made too long a list. Expression: [1..20000000]'],
    ['[1..20000]', 'It made a list of more than 10000 elements. Expression: [1..20000]'],
  ])('%s', async (source, message) => expect((await failing(source)).message).toBe(message));
});

describe('where it fails to compile', () => {
  it.each([
    ['a + b)', 'Syntax error: ")".', 5],
    ['a b', 'Syntax error: "b".', 2],
    ['"abc', 'String literal must be terminated by a matching quote.', 4],
    ['a & ', 'Unexpected end of expression.', 4],
    ['   ', 'The expression is empty.', 0],
  ])('%s', (source, message, position) => {
    const error = compileFailure(source);
    expect(error).toEqual({ code: 'CONFIG_EXPRESSION', message, position });
  });

  it('is known only if the error has a numeric position', () => {
    for (const cause of [undefined, null, 'text', {}, { position: 'x' }])
      expect(errorPosition(new TandemError('CONFIG_EXPRESSION', 'x', { cause }))).toBeUndefined();
    expect(errorPosition(new TandemError('CONFIG_EXPRESSION', 'x', { cause: { position: 3 } }))).toBe(3);
  });
});

describe('a path', () => {
  it('is read without JSONata, from an object or a list', async () => {
    const compiled = compileExpression('a.b');
    expect(compiled.path?.root).toBe('a');
    expect(compiled.calls).toEqual({
      link: [],
      record: [],
      find: [],
      account: false,
      volatile: [],
      comparesNull: false,
    });
    for (const [input, expected] of [
      [{ a: { b: 1 } }, 1],
      [{ a: { b: null } }, null],
      [
        [{ a: { b: 1 } }, { a: { b: 2 } }],
        [1, 2],
      ],
      ['text', undefined],
      [7, undefined],
      [null, undefined],
    ])
      expect(await compiled.evaluate(input)).toEqual(expected);
    const lenient = compileExpression('a.b', { nulls: 'missing' });
    expect(await lenient.evaluate({ a: { b: null } })).toBeUndefined();
    expect(await lenient.evaluate([{ a: { b: null } }, { a: { b: 2 } }])).toBe(2);
    expect(compileExpression('$lowercase(a)').path).toBeUndefined();
  });

  it('an expression of another kind has a list of its calls as well', () => {
    expect(calls({ source: '$link("m", 1)', evaluate: async () => undefined })).toMatchObject({ link: ['m'] });
  });
});

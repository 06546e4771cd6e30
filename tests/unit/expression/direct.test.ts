import fc from 'fast-check';
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import { compileExpression } from '../../../engine/expression/compile.ts';
import { directOf, NOT_DIRECT } from '../../../engine/expression/direct.ts';

const direct = (source: string) => directOf(jsonata(source).ast());

const NAMES = ['a', 'b', 'list', 'toString'];
const value = fc.oneof(
  fc.constantFrom('', 'a', 'Ä', 'ß', 'true', '0', 0, -0, 1, 1.5, true, false, null),
  fc.string(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const nested = fc.oneof(
  { weight: 5, arbitrary: value },
  fc.dictionary(fc.constantFrom(...NAMES), value),
  fc.array(value, { maxLength: 3 }),
);
const record = fc.dictionary(fc.constantFrom(...NAMES), nested);

const path = fc.constantFrom('a', 'b', 'a.b', 'b.a', 'list', 'list.a', '`a`', 'toString', 'a.b.a');
const literal = fc.constantFrom('""', '"a"', '"true"', '0', '1', '-1', 'true', 'false', 'null');
const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    path,
    literal,
    fc
      .tuple(tie('expression'), fc.constantFrom('=', '!=', 'and', 'or', '<', '&', '+'), tie('expression'))
      .map(([l, op, r]) => `(${l}) ${op} ${r}`),
    fc.tuple(path, fc.constantFrom('=', '!=', 'and', 'or'), tie('expression')).map(([l, op, r]) => `${l} ${op} ${r}`),
    fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([c, y, n]) => `${c} ? ${y} : ${n}`),
    fc
      .tuple(fc.constantFrom('exists', 'lowercase', 'uppercase', 'not', 'trim'), tie('expression'))
      .map(([name, of]) => `$${name}(${of})`),
  ),
}));

/** Whatever it throws is a value. */
const settled = async (work: () => Promise<unknown>): Promise<unknown> => work().catch(() => 'an error');

it('direct evaluation gives the result of JSONata, or leaves the expression to JSONata', async () => {
  let answered = 0;
  await fc.assert(
    fc.asyncProperty(expression, record, async (source, input) => {
      const answer = direct(source)?.(input) ?? undefined;
      if (direct(source) === undefined || answer === NOT_DIRECT) return;
      answered++;
      expect(answer).toEqual(await settled(() => jsonata(source).evaluate(input)));
    }),
    { numRuns: 2_000 },
  );
  expect(answered).toBeGreaterThan(300);
});

describe('the expressions of the mappings of this project', () => {
  it.each([
    ['$exists(company) and company != ""', { company: 'A' }, true],
    ['$exists(company) and company != ""', { company: '' }, false],
    ['$exists(company) and company != ""', {}, false],
    ['$lowercase(email_address.email)', { email_address: { email: 'A@B.example' } }, 'a@b.example'],
    ['$lowercase(email_address.email)', { email_address: 'none' }, undefined],
    ['stage = "won" ? "closed" : "open"', { stage: 'won' }, 'closed'],
  ])('%s of %j is %j', (source, input, expected) => {
    expect(direct(source)!(input)).toBe(expected);
  });
});

it.each([
  ['a list on the way', 'a.b', { a: [{ b: 1 }] }],
  ['a list', 'a = 1', { a: [1] }],
  ['an object', '$exists(a)', { a: { b: 1 } }],
  ['null', '$exists(a)', { a: null }],
  ['a number where a text is needed', '$lowercase(a)', { a: 5 }],
  ['a very long text', '$lowercase(a)', { a: 'x'.repeat(2_000_000) }],
])('direct evaluation leaves %s to JSONata', (_, source, input) => {
  expect(direct(source)!(input)).toBe(NOT_DIRECT);
});

it.each([
  'a[0]',
  'a[b=1]',
  'a.*',
  '(a)',
  'a^(b)',
  '$not(a)',
  '$lowercase(a, b)',
  '$f(a)',
  'a.$lowercase(b)',
  'toString = 1',
  'null = a',
  '$x := 1',
  'a < 1',
])('direct evaluation does not support %s', (source) => {
  expect(direct(source)).toBeUndefined();
});

it('a compiled expression takes null and lists, and fails for a number in the place of a text', async () => {
  const expression = compileExpression('$exists(a) and a != ""', { nulls: 'missing' });
  expect(await expression.evaluate({ a: null })).toBe(false);
  expect(await expression.evaluate({ a: ['', 'x'] })).toBe(true);
  expect(await expression.evaluate([{ a: 'x' }])).toBe(true);
  await expect(compileExpression('$lowercase(a)').evaluate({ a: 5 })).rejects.toMatchObject({
    code: 'EXPRESSION_FAILED',
  });
});

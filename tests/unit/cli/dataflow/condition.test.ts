/** A condition in words says what its expression does, on any record; what has no simple form stays an expression. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Condition, conditionOf, conditionWords, type KindOf } from '../../../../cli/dataflow/condition.ts';
import { compileExpression } from '../../../../engine/expression/compile.ts';
import type { JsonObject } from '../../../../engine/types.ts';

const KINDS: Readonly<Record<string, ReturnType<KindOf>>> = { active: 'boolean', tags: 'other' };
const kindOf: KindOf = ({ source }) => KINDS[source] ?? 'scalar';
const read = (source: string): Condition | undefined => conditionOf(source, kindOf);
const words = (source: string): string | undefined => {
  const condition = read(source);
  return condition && conditionWords(condition, ({ source: path }) => path);
};

describe('a condition', () => {
  it.each([
    ['$exists(email)', 'email is given'],
    ['$not($exists(email))', 'email is missing'],
    ['email != ""', 'email is not empty'],
    ['$exists(email) and email != ""', 'email is not empty'],
    ['status = "open"', 'status is "open"'],
    ['status != "open"', 'status is given and is not "open"'],
    ['$not(status = "open")', 'status is not "open"'],
    ['status in ["open", "new"]', 'status is one of "open", "new"'],
    ['$not(status in ["open", "new"])', 'status is none of "open", "new"'],
    ['$contains(email, "@b")', 'email contains "@b"'],
    ['$not($contains(email, "@b"))', 'email is given and does not contain "@b"'],
    ['active', 'active is true'],
    ['$not(active)', 'active is false'],
    ['active = true', 'active is true'],
    ['size > 3', 'size is more than 3'],
    ['size >= -1', 'size is at least -1'],
    ['size < 3 or size <= 0', 'size is less than 3 or size is at most 0'],
    ["mails[kind='home'].address != ''", `mails[kind="home"].address is not empty`],
    ['(email != "") and (status = "open" and active)', 'email is not empty and status is "open" and active is true'],
  ])('%s', (source, expected) => {
    expect(words(source)).toBe(expected);
  });

  it.each([
    ['size and active', 'a bare path that is no boolean'],
    ['tags = "a"', 'a list, which compares in a way of its own'],
    ['email = "a" or status = "b" and active', 'both "and" and "or"'],
    ['$lowercase(email) = "a"', 'a function of the value'],
    ['email = status', 'two places'],
    ['$now() > "2026"', 'the time'],
    ['$not(email != "")', 'a negation that a missing value passes otherwise'],
  ])('%s has no simple form: %s', (source) => {
    expect(words(source)).toBeUndefined();
  });

  it('says the same as its expression, whatever the record', async () => {
    const text = fc.constantFrom('', 'a', 'b', 'ab');
    const record = fc.record(
      { email: text, status: text, active: fc.boolean(), size: fc.constantFrom(-1, 0, 3, 4) },
      { requiredKeys: [] },
    );
    const literal = text.map((value) => JSON.stringify(value));
    const place = fc.constantFrom('email', 'status');
    const test = fc.oneof(
      fc.tuple(place, fc.constantFrom('=', '!='), literal).map((parts) => parts.join(' ')),
      fc
        .tuple(fc.constant('size'), fc.constantFrom('<', '<=', '>', '>=', '=', '!='), fc.constantFrom('0', '3'))
        .map((parts) => parts.join(' ')),
      fc.constantFrom('email', 'active', 'size').map((path) => `$exists(${path})`),
      fc.tuple(place, literal, literal).map(([path, a, b]) => `${path} in [${a}, ${b}]`),
      fc.tuple(place, literal).map(([path, value]) => `$contains(${path}, ${value})`),
      fc.constant('active'),
    );
    const part = fc.oneof(
      test,
      test.map((source) => `$not(${source})`),
    );
    const source = fc
      .tuple(fc.constantFrom(' and ', ' or '), fc.array(part, { minLength: 1, maxLength: 3 }))
      .map(([operator, parts]) => parts.join(operator));
    let simple = 0;
    await fc.assert(
      fc.asyncProperty(source, record, async (expression, data) => {
        const condition = read(expression);
        if (!condition) return;
        simple++;
        const said = await compileExpression(expression, { nulls: 'missing' }).evaluate(data);
        expect(holds(condition, data), `${expression}\n${words(expression)}`).toBe(said === true);
      }),
      { numRuns: 500 },
    );
    expect(simple).toBeGreaterThan(100);
  });
});

/** What the words say, read as a person reads them. */
function holds(condition: Condition, record: JsonObject): boolean {
  if ('all' in condition) return condition.all.every((one) => holds(one, record));
  if ('any' in condition) return condition.any.some((one) => holds(one, record));
  const value = condition.path.get(record) as string | number | boolean | undefined;
  if ('values' in condition) return condition.values.some((one) => one === value) === (condition.is === 'one of');
  if (!('value' in condition))
    return {
      given: value !== undefined,
      missing: value === undefined,
      true: value === true,
      false: value === false,
    }[condition.is];
  const against = condition.value;
  return {
    equal: value === against,
    other: value !== undefined && value !== against,
    not: value !== against,
    '<': value !== undefined && value < against,
    '<=': value !== undefined && value <= against,
    '>': value !== undefined && value > against,
    '>=': value !== undefined && value >= against,
    contains: value !== undefined && String(value).includes(String(against)),
    lacks: value !== undefined && !String(value).includes(String(against)),
  }[condition.is];
}

/** Writable paths: reading equals JSONata; what is written is read again; nothing reaches beyond the data. */
import fc from 'fast-check';
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import { parsePath, type WritablePath } from '../../../engine/expression/path.ts';
import type { Json, JsonObject } from '../../../engine/types.ts';

const path = (source: string): WritablePath => {
  const parsed = parsePath(source);
  if (!parsed) throw new Error(`${source} is no path`);
  return parsed;
};

const names = ['a', 'b', 'c', 'field', 'odd name'];
const scalar = fc.oneof(fc.constantFrom('x', 'y', ''), fc.integer({ min: 0, max: 2 }), fc.boolean(), fc.constant(null));
const { json } = fc.letrec<{ json: Json; object: JsonObject }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5, depthSize: 'medium' },
    scalar,
    tie('object'),
    fc.array(tie('json'), { maxLength: 3 }),
  ) as fc.Arbitrary<Json>,
  object: fc.dictionary(fc.constantFrom(...names), tie('json') as fc.Arbitrary<Json>, { maxKeys: 4 }),
}));
const record = fc.dictionary(fc.constantFrom(...names), json, { maxKeys: 5 }) as fc.Arbitrary<JsonObject>;
const quoted = (name: string): string => (/^\w+$/.test(name) ? name : `\`${name}\``);
const step = fc
  .tuple(
    fc.constantFrom(...names),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant('') },
      fc.constantFrom('[0]', '[1]', '[ 2 ]'),
      fc
        .tuple(fc.constantFrom(...names), fc.constantFrom("'x'", '"y"', '1', '2', "''"))
        .map(([key, text]) => `[${quoted(key)}=${text}]`),
    ),
  )
  .map(([name, select]) => quoted(name) + select);
const source = fc
  .tuple(fc.array(step, { maxLength: 3 }), fc.constantFrom(...names).map(quoted))
  .map(([steps, last]) => [...steps, last].join('.'))
  .filter((text) => parsePath(text) !== undefined);

describe('reading', () => {
  it('answers what JSONata answers', async () => {
    await fc.assert(
      fc.asyncProperty(source, record, async (text, data) => {
        const expected = await jsonata(text).evaluate(data);
        // Through JSON: JSONata's lists carry extra properties.
        const plain = (value: unknown): unknown =>
          value === undefined ? undefined : JSON.parse(JSON.stringify(value));
        expect(plain(path(text).get(data))).toEqual(plain(expected));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['a.b', { a: { b: 1 } }, 1],
    ['a.b', { a: null }, undefined],
    [
      "emails[field='EMAIL1'].email",
      {
        emails: [
          { field: 'EMAIL2', email: 'no' },
          { field: 'EMAIL1', email: 'yes' },
        ],
      },
      'yes',
    ],
    [
      'fields[id=7].content',
      {
        fields: [
          { id: '7', content: 'text' },
          { id: 7, content: 'number' },
        ],
      },
      'number',
    ],
    ['tags', { tags: ['only'] }, ['only']],
    ['`odd name`', { 'odd name': 1 }, 1],
    ['a.toString', { a: {} }, undefined],
  ])('%s of %j is %j', (text, data, expected) => {
    expect(path(text).get(data as JsonObject)).toEqual(expected);
  });
});

describe('writing', () => {
  it.each([
    ['makes objects on the way', 'address.line1', {}, 'x', { address: { line1: 'x' } }],
    [
      'leaves the rest alone',
      'address.line1',
      { address: { line2: 'y' }, z: 1 },
      'x',
      { address: { line2: 'y', line1: 'x' }, z: 1 },
    ],
    [
      'makes the selected element',
      "emails[field='EMAIL1'].email",
      {},
      'x',
      { emails: [{ field: 'EMAIL1', email: 'x' }] },
    ],
    [
      'appends the selected element',
      "emails[field='EMAIL1'].email",
      { emails: [{ field: 'EMAIL2', email: 'y' }] },
      'x',
      {
        emails: [
          { field: 'EMAIL2', email: 'y' },
          { field: 'EMAIL1', email: 'x' },
        ],
      },
    ],
    [
      'changes the selected element only',
      "emails[field='EMAIL1'].email",
      { emails: [{ field: 'EMAIL1', email: 'a', keep: 1 }] },
      'x',
      { emails: [{ field: 'EMAIL1', email: 'x', keep: 1 }] },
    ],
    [
      'writes by place',
      'phones[0].number',
      { phones: [{ number: '1' }, { number: '2' }] },
      'x',
      { phones: [{ number: 'x' }, { number: '2' }] },
    ],
    ['appends the next place', 'phones[0].number', {}, 'x', { phones: [{ number: 'x' }] }],
    ['goes through what is empty', 'address.line1', { address: '' }, 'x', { address: { line1: 'x' } }],
    ['clears to null', 'a.b', { a: { b: 1 } }, undefined, { a: { b: null } }],
    ['makes nothing to clear it', 'a.b', { z: 1 }, undefined, { z: 1 }],
    ['makes no element to clear it', "emails[field='EMAIL1'].email", { emails: [] }, undefined, { emails: [] }],
  ])('%s', (_, text, data, value, expected) => {
    const before = structuredClone(data);
    expect(path(text).set(data as JsonObject, value)).toEqual(expected);
    expect(data).toEqual(before);
  });

  it.each([
    ['a.b', { a: 'text' }],
    ['a.b', { a: [{}, {}] }],
    ['a[3].b', { a: [{}] }],
  ])('%s refuses %j instead of overwriting it', (text, data) => {
    expect(() => path(text).set(data as JsonObject, 'x')).toThrow(expect.objectContaining({ code: 'VALUE_TYPE' }));
  });

  it('is read again, and changes nothing else', () => {
    fc.assert(
      fc.property(source, record, fc.constantFrom('new', 7, true), (text, data, value) => {
        const before = structuredClone(data);
        const target = path(text);
        let after: JsonObject;
        try {
          after = target.set(data, value);
        } catch {
          return;
        }
        expect(data).toEqual(before);
        expect([target.get(after)].flat()).toContain(value);
        for (const key of Object.keys(data)) if (key !== target.root) expect(after[key]).toBe(data[key]);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the form', () => {
  it.each([
    'a + b',
    '$lowercase(a)',
    'a[b>1].c',
    'a.*',
    'a..b',
    '',
    'a.',
    '.a',
    'a[-1]',
    "a[b='x']",
    'a[0',
    'and',
    'true',
    '$',
    'a b',
    "a['x'].b",
    '%.a',
    'a[]',
    'a[0][1]',
    "a[b='x'].b",
  ])('%s is no writable path', (text) => {
    expect(parsePath(text)).toBeUndefined();
  });

  it.each(['__proto__', 'a.__proto__.b', 'constructor.prototype', 'a[constructor=1].b', '`__proto__`.a'])(
    '%s is refused',
    (text) => {
      expect(() => parsePath(text)).toThrow(expect.objectContaining({ code: 'CONFIG_PATH' }));
    },
  );

  it('never reaches a prototype through the data', () => {
    const data = JSON.parse('{"a": {"__proto__": {"b": 1}}}') as JsonObject;
    expect(path('a.b').get(data)).toBeUndefined();
    path('a.b').set(data, 1);
    expect(({} as Record<string, unknown>).b).toBeUndefined();
  });
});

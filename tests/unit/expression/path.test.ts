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

/** As JSON: JSONata's lists carry extra properties. */
const plain = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
const asJsonata = async (text: string, data: JsonObject): Promise<void> => {
  expect(plain(path(text).get(data))).toEqual(plain(await jsonata(text).evaluate(data)));
};

/** Lists in lists, all fields of one name, so that most paths lead somewhere. */
const nested: fc.Arbitrary<Json> = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 4, depthSize: 'large' },
    fc.constantFrom<Json>(1, 2, null),
    tie('json').map((a) => ({ a, k: 1 })),
    fc.tuple(tie('json'), fc.constantFrom(1, 2)).map(([a, k]) => ({ a, k })),
    fc.array(tie('json'), { maxLength: 3 }),
  ) as fc.Arbitrary<Json>,
})).json;

describe('reading', () => {
  it('answers what JSONata answers', async () => {
    await fc.assert(fc.asyncProperty(source, record, asJsonata), { numRuns: 2_000 });
  });

  it('answers what JSONata answers of lists within lists', async () => {
    const steps = fc.array(fc.constantFrom('a', 'a', 'a[0]', 'a[1]', 'a[k=1]'), { minLength: 1, maxLength: 4 });
    const text = steps.map((names) => names.join('.')).filter((names) => parsePath(names) !== undefined);
    await fc.assert(
      fc.asyncProperty(
        text,
        nested.map((a) => ({ a })),
        asJsonata,
      ),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, Json]>([
    ['x.a', [{ a: [1, 2] }, { a: [3] }]],
    ['x.a[0]', [{ a: [1, 2] }, { a: [3] }]],
    ['x.a[1]', [{ a: [1] }, { a: [1, 2] }]],
    ['x.a[0]', [{ a: [[1]] }, { a: [[2]] }]],
    ['x.a[0]', [{ a: [] }, { a: [[1]] }]],
    ['x.a[0].b', [{ a: [{ b: 1 }, { b: 2 }] }, { a: [{ b: 3 }] }]],
  ])('%s of %j is what JSONata says', (text, x) => asJsonata(text, { x }));

  it.each([
    ['a.b', { a: { b: 1 } }, 1],
    [' a.b\n', { a: { b: 1 } }, 1],
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
    ['goes through a list of one, which stays a list', 'a.b', { a: [{ c: 1 }] }, 'x', { a: [{ c: 1, b: 'x' }] }],
    ['goes through lists of one within each other', 'a.b', { a: [[{ c: 1 }]] }, 'x', { a: [[{ c: 1, b: 'x' }]] }],
    ['makes the object in an empty list', 'a.b', { a: [] }, 'x', { a: [{ b: 'x' }] }],
    ['makes nothing in an empty list to clear it', 'a.b', { a: [] }, undefined, { a: [] }],
    ['clears in a list of one', 'a.b', { a: [{ b: 1 }] }, undefined, { a: [{ b: null }] }],
    ['goes through null', 'a.b', { a: null }, 'x', { a: { b: 'x' } }],
    ['leaves null as it is to clear what is below it', 'a.b', { a: null }, undefined, { a: null }],
    ['leaves a text as it is to clear what is below it', 'a.b', { a: 'text' }, undefined, { a: 'text' }],
    ['writes the element itself', 'a[0]', { a: ['y', 'z'] }, 'x', { a: ['x', 'z'] }],
    ['clears the element itself', 'a[0]', { a: ['y', 'z'] }, undefined, { a: [null, 'z'] }],
    ['appends the element itself', 'a[2]', { a: ['y', 'z'] }, 'x', { a: ['y', 'z', 'x'] }],
    ['takes a lone value for a list of one, and leaves it alone', 'a[0]', { a: 'y' }, 'x', { a: 'x' }],
    ['goes into a lone object', 'a[0].b', { a: { c: 1 } }, 'x', { a: { c: 1, b: 'x' } }],
    ['finds a lone object by its key', 'a[k=1].b', { a: { k: 1 } }, 'x', { a: { k: 1, b: 'x' } }],
    ['appends to a lone object', 'a[1].b', { a: { c: 1 } }, 'x', { a: [{ c: 1 }, { b: 'x' }] }],
    ['makes a list where there is null', 'a[0].b', { a: null }, 'x', { a: [{ b: 'x' }] }],
    ['makes a list where there is an empty text', 'a[0].b', { a: '' }, 'x', { a: [{ b: 'x' }] }],
    ['makes nothing in an element that is empty', 'a[0].b', { a: [null, 1] }, undefined, { a: [null, 1] }],
  ])('%s', (_, text, data, value, expected) => {
    const before = structuredClone(data);
    expect(path(text).set(data as JsonObject, value)).toStrictEqual(expected);
    expect(data).toEqual(before);
  });

  it.each([
    ['a.b', { a: 'text' }, '"a" holds no object'],
    ['a.b', { a: [{}, {}] }, '"a" holds 2 elements; select one, such as a[0]'],
    ['a[3].b', { a: [{}] }, '"a" holds 1 elements, so number 3 cannot be made'],
  ])('%s refuses %j instead of overwriting it', (text, data, why) => {
    expect(() => path(text).set(data as JsonObject, 'x')).toThrow(
      expect.objectContaining({
        code: 'VALUE_TYPE',
        message: `${text} cannot be written: ${why}.`,
        context: { property: text },
      }),
    );
  });

  it('a path reads the value that it wrote, and changes nothing else', () => {
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
    'or',
    'in',
    'true',
    'false',
    'null',
    'a.in',
    'a[in=1].b',
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

  it.each([
    '__proto__',
    'a.__proto__.b',
    'constructor.prototype',
    'a.prototype.b',
    'a[constructor=1].b',
    '`__proto__`.a',
  ])('%s is refused', (text) => {
    expect(() => parsePath(text)).toThrow(expect.objectContaining({ code: 'CONFIG_PATH' }));
  });

  it('a path never reaches a prototype through the data', () => {
    const data = JSON.parse('{"a": {"__proto__": {"b": 1}}}') as JsonObject;
    expect(path('a.b').get(data)).toBeUndefined();
    path('a.b').set(data, 1);
    expect(({} as Record<string, unknown>).b).toBeUndefined();
  });
});

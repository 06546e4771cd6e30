// From an answer to a record: ids, times, normalize.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EntityConfig } from '../../../engine/config/types.ts';
import { toId, toInstant, toRecord } from '../../../engine/connectors/http/to-record.ts';
import { TandemError } from '../../../engine/errors.ts';
import { compileExpression } from '../../../engine/expression/compile.ts';
import { ExactNumber, parseJson } from '../../../engine/json.ts';

const entity = (more: Partial<EntityConfig> = {}): EntityConfig => ({
  system: 's',
  name: 'things',
  title: 'Thing',
  fields: {},
  schema: {},
  id: 'id',
  modified: 'changed',
  normalize: undefined,
  denormalize: undefined,
  optional: undefined,
  cache: undefined,
  lag: 60_000,
  equal: [],
  list: undefined,
  read: undefined,
  find: undefined,
  create: undefined,
  update: undefined,
  delete: undefined,
  events: [],
  ...more,
});

test('normalize passes numbers on with all their digits, and sees whole ones as text', async () => {
  const normalize = compileExpression('$merge([$, { "key": "A" & id, "cents": $round(price * 100) }])');
  const raw = parseJson(
    '{"id":9007199254740993,"list":[12345678901234567890],"price":19.9899999999999999,"changed":null}',
  );
  expect(await toRecord(entity({ normalize }), raw)).toMatchObject({
    id: '9007199254740993',
    data: {
      id: new ExactNumber('9007199254740993'),
      list: [new ExactNumber('12345678901234567890')],
      price: new ExactNumber('19.9899999999999999'),
      key: 'A9007199254740993',
      cents: 1999,
      changed: null,
    },
  });
});

test('a record that nests too deep is refused with its id, however deep it is', async () => {
  const nested = (levels: number): unknown => JSON.parse(`${'{"a":['.repeat(levels)}${']}'.repeat(levels)}`);
  await expect(toRecord(entity(), { id: '7', note: nested(40) })).resolves.toMatchObject({ id: '7' });
  for (const levels of [60, 50_000])
    await expect(toRecord(entity(), { id: '7', note: nested(levels) })).rejects.toMatchObject({
      code: 'RECORD_TOO_LARGE',
      context: { id: '7' },
    });
});

test('a record of more than 50,000 values is refused with its id before any expression sees it', async () => {
  let seen = 0;
  const normalize = {
    source: '$',
    async evaluate(record: unknown) {
      seen++;
      return record;
    },
  };
  // The record itself, its id and the list are values too.
  const record = (length: number): unknown => ({ id: '7', list: new Array(length).fill(0) });
  await expect(toRecord(entity({ normalize }), record(49_997))).resolves.toMatchObject({ id: '7' });
  expect(seen).toBe(1);
  for (const more of [record(49_998), record(5_000_000), { id: '7', ...new Array(60_000).fill([]) }])
    await expect(toRecord(entity({ normalize }), more)).rejects.toMatchObject({
      code: 'RECORD_TOO_LARGE',
      message: 'The record holds more than 50000 values, which no expression is given',
      context: { id: '7' },
    });
  expect(seen).toBe(1);
});

test.each([
  ['7', '7'],
  [7, '7'],
  ['', undefined],
  [2 ** 53, undefined],
  [1.5, undefined],
  ['half \ud800 pair', undefined],
  ['whole \u{1f642} pair', 'whole \u{1f642} pair'],
  [{ toString: () => '7' }, undefined],
])('toId reads the id of %j', (value, id) => {
  expect(toId(value)).toBe(id);
});

describe('times', () => {
  test.each([
    ['2025-05-28T18:30:05.000+0000', '2025-05-28T18:30:05.000Z'],
    ['2025-05-28T18:30:05Z', '2025-05-28T18:30:05.000Z'],
    ['2025-05-28T20:30:05.123456+02:00', '2025-05-28T18:30:05.123Z'],
    ['2025-05-28T18:30:05.1-05', '2025-05-28T23:30:05.100Z'],
    ['2025-05-28T18:30:05,25Z', '2025-05-28T18:30:05.250Z'],
    // Milliseconds count: what is finer is the same time.
    ['2025-05-28T18:30:05.1239999Z', '2025-05-28T18:30:05.123Z'],
    ['2025-05-28 18:30', '2025-05-28T18:30:00.000Z'],
    ['2025-05-28', '2025-05-28T00:00:00.000Z'],
    [1748457005, '2025-05-28T18:30:05.000Z'],
    [1748457005000, '2025-05-28T18:30:05.000Z'],
    ['2025-13-28T18:30:05Z', undefined],
    ['yesterday', undefined],
    ['', undefined],
    [null, undefined],
    [{}, undefined],
  ])('%j', (value, expected) => {
    expect(toInstant(value)).toBe(expected);
  });

  test('what is written as ISO 8601 comes back', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1970-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => {
          expect(toInstant(date.toISOString())).toBe(date.toISOString());
        },
      ),
    );
  });
});

test('ids become text with all their digits; a number that is not whole is no id', () => {
  expect(toId(7)).toBe('7');
  expect(toId('0007')).toBe('0007');
  expect(toId(parseJson('9007199254740993'))).toBe('9007199254740993');
  expect(toId(parseJson('9007199254740993.5'))).toBeUndefined();
  expect(toId(1.5)).toBeUndefined();
  expect([toId(''), toId(null), toId(1.5), toId(undefined), toId({})]).toEqual(Array(5).fill(undefined));
});

test('a record takes id and time from its normalized shape', async () => {
  const normalize = { source: '', evaluate: async () => ({ id: 5, changed: '2025-01-01T00:00:00+0000', n: 1 }) };
  const record = await toRecord(entity({ normalize }), { raw: true }, '"v1"');
  expect(record).toEqual({
    id: '5',
    modified: '2025-01-01T00:00:00.000Z',
    version: '"v1"',
    data: { id: 5, changed: '2025-01-01T00:00:00+0000', n: 1 },
  });
});

test('a failing normalize names the record', async () => {
  const normalize = {
    source: '',
    evaluate: async () => {
      throw new TandemError('EXPRESSION_LIMIT', 'too slow');
    },
  };
  await expect(toRecord(entity({ normalize }), { id: 9 })).rejects.toMatchObject({
    code: 'EXPRESSION_LIMIT',
    context: { id: '9', entity: 'things', system: 's' },
  });
  const nothing = { source: '', evaluate: async () => undefined };
  await expect(toRecord(entity({ normalize: nothing }), { id: 9 })).rejects.toMatchObject({
    code: 'EXPRESSION_FAILED',
  });
  await expect(toRecord(entity(), { name: 'no id' })).rejects.toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
  await expect(toRecord(entity(), 'text')).rejects.toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
});

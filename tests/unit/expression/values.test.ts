/** Values by declared type: equality, emptiness, what is written. */
import fc from 'fast-check';
import { Settings } from 'luxon';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  canonical,
  expressionInput,
  fingerprint,
  hash,
  idJson,
  isEmpty,
  parseValue,
  stableJson,
  tableKey,
  toJson,
  type ValueType,
} from '../../../engine/expression/values.ts';
import { ExactNumber } from '../../../engine/json.ts';

const same = (type: ValueType, a: unknown, b: unknown, scale?: number): boolean =>
  fingerprint(a, { type, scale }) === fingerprint(b, { type, scale });

describe('equality by type', () => {
  it.each<[ValueType, unknown, unknown, boolean]>([
    ['decimal', 10, '10.00', true],
    ['decimal', '1e2', 100, true],
    ['decimal', 0.1, '0.10', true],
    ['decimal', -0, 0, true],
    ['decimal', '19.99', '19.98', false],
    ['integer', '007', 7, true],
    ['string', '10', '10.0', false],
    ['string', 'é', 'e\u0301', false],
    ['string', 7, '7', true],
    ['boolean', 'true', true, true],
    ['boolean', 1, true, true],
    ['boolean', true, false, false],
    ['datetime', '2026-01-01T01:00:00+01:00', '2026-01-01T00:00:00.000Z', true],
    ['datetime', '2025-05-28T18:30:05.000+0000', '2025-05-28T18:30:05Z', true],
    ['datetime', '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z', false],
    ['date', '2026-01-01', '2026-01-01T23:00:00Z', true],
    ['list', ['a', 'b'], ['a', 'b'], true],
    ['list', ['a', 'b'], ['b', 'a'], false],
    ['list', [{ x: 1, y: 2 }], [{ y: 2, x: 1 }], true],
  ])('%s: %j and %j are the same: %s', (type, a, b, expected) => expect(same(type, a, b)).toBe(expected));

  it('counts only the declared places', () => {
    expect(same('decimal', '19.994', '19.99', 2)).toBe(true);
    expect(same('decimal', '19.995', '20.00', 2)).toBe(true);
  });

  it.each([undefined, null, '', []])('%j is empty in every type', (raw) => {
    expect(isEmpty(raw)).toBe(true);
    for (const type of ['string', 'integer', 'decimal', 'boolean', 'date', 'datetime', 'list'] as const)
      expect(fingerprint(raw, { type })).toBe('');
  });

  it.each([0, false, ' ', '0'])('%j is a value', (raw) => expect(fingerprint(raw, { type: 'string' })).not.toBe(''));

  it('a value that does not fit its type is still one value', () => {
    expect(canonical('about ten', { type: 'decimal' })).toBe(canonical('about ten', { type: 'decimal' }));
    expect(fingerprint('about ten', { type: 'decimal' })).not.toBe('');
  });
});

describe('what does not fit', () => {
  it.each<[ValueType, unknown]>([
    ['decimal', 'ten'],
    ['decimal', Number.NaN],
    ['decimal', '1,5'],
    ['decimal', '0x10'],
    ['integer', 1.5],
    ['boolean', 'yes'],
    ['datetime', 'tomorrow'],
    ['datetime', 20260101],
    ['date', '2026-13-01'],
    ['string', { a: 1 }],
  ])('%s refuses %j and does not repeat it', (type, raw) => {
    expect(() => parseValue(raw, { type })).toThrowError(expect.objectContaining({ code: 'VALUE_TYPE' }));
    try {
      parseValue(raw, { type });
    } catch (error) {
      expect((error as Error).message).not.toContain(String(raw));
    }
  });
});

describe('a very long text', () => {
  it.each<[ValueType, string]>([
    ['decimal', `${'1'.repeat(200_000)}x`],
    ['decimal', '1'.repeat(200_000)],
    ['integer', `-${'1'.repeat(200_000)}.`],
    ['datetime', `2026-01-01T00:00:00.${'0'.repeat(200_000)}x`],
    ['date', `${' '.repeat(200_000)}2026-01-01`],
  ])('a very long text that is no %s is refused at once', (type, raw) => {
    const start = process.cpuUsage();
    expect(() => parseValue(raw, { type })).toThrowError(expect.objectContaining({ code: 'VALUE_TYPE' }));
    expect(canonical(raw, { type })).toBe(`raw:${JSON.stringify(raw)}`);
    // A RegExp that backtracks takes many seconds.
    expect(process.cpuUsage(start).user).toBeLessThan(1_000_000);
  });

  it('of up to 1,000 characters is read', () => {
    expect(parseValue(`${'0'.repeat(999)}7`, { type: 'integer' })?.toString()).toBe('7');
    expect(() => parseValue(`${'0'.repeat(1_000)}7`, { type: 'integer' })).toThrow();
  });
});

describe('what is written', () => {
  it.each<[ValueType, unknown, string | string[] | undefined, unknown]>([
    ['decimal', 19.9, 'string', '19.90'],
    ['decimal', '19.90', 'number', 19.9],
    ['decimal', '19.90', 'integer', 19.9],
    ['decimal', 19.9, ['string', 'null'], '19.90'],
    ['decimal', 19.9, undefined, 19.9],
    ['string', '42', 'integer', 42],
    ['string', 42, 'string', '42'],
    ['string', '007', 'string', '007'],
    ['datetime', '2026-01-01T01:00:00+01:00', 'string', '2026-01-01T00:00:00.000Z'],
    ['date', '2026-01-01T23:59:00Z', 'string', '2026-01-01'],
    ['boolean', 'false', 'boolean', false],
    ['string', '', 'string', null],
    ['string', undefined, 'string', null],
  ])('%s %j into a place of type %j is %j', (type, raw, schema, expected) =>
    expect(
      toJson(
        raw,
        { type, ...(type === 'decimal' ? { scale: 2 } : {}) },
        schema === undefined ? undefined : { type: schema },
      ),
    ).toEqual(expected),
  );

  it('text in the place of a number is refused', () =>
    expect(() => toJson('x', { type: 'string' }, { type: 'integer' })).toThrowError(
      expect.objectContaining({
        code: 'VALUE_TYPE',
        message: 'The value is text where the target wants a number.',
      }),
    ));

  it('a decimal survives being written as text or number', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.constantFrom('string', 'number'), (cents, type) => {
        const options = { type: 'decimal', scale: 2 } as const;
        const raw = (cents / 100).toFixed(2);
        expect(fingerprint(toJson(raw, options, { type }), options)).toBe(fingerprint(raw, options));
      }),
    );
  });
});

describe('helpers', () => {
  it('expressions see numbers for decimals that came as text', () => {
    expect(expressionInput('19.90', { type: 'decimal' })).toBe(19.9);
    expect(expressionInput('n/a', { type: 'decimal' })).toBe('n/a');
    expect(expressionInput('19.90', { type: 'string' })).toBe('19.90');
  });
  it('stable JSON does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
        const reversed = Object.fromEntries(Object.entries(object).reverse());
        expect(stableJson(reversed)).toBe(stableJson(object));
      }),
    );
  });
});

describe('the canonical text', () => {
  it.each<[ValueType, unknown, string]>([
    ['string', 'a', 's:a'],
    ['string', 7, 's:7'],
    ['string', true, 's:true'],
    ['string', { b: 1, a: [2] }, 'raw:{"a":[2],"b":1}'],
    ['decimal', '1e2', '100'],
    ['decimal', '+1.50', '1.5'],
    ['decimal', ' .5 ', '0.5'],
    ['decimal', '-.25', '-0.25'],
    ['decimal', '5.', '5'],
    ['decimal', '-0.00', '0'],
    ['decimal', '1e-7', '0.0000001'],
    ['decimal', '1E+2', '100'],
    ['decimal', '123456789012345678901234.5', '123456789012345678901234.5'],
    ['decimal', 'x1', 'raw:"x1"'],
    ['decimal', '1x', 'raw:"1x"'],
    ['decimal', '.', 'raw:"."'],
    ['decimal', '1e12345', 'raw:"1e12345"'],
    ['decimal', true, 'raw:true'],
    ['integer', '3.0', '3'],
    ['integer', '3.1', 'raw:"3.1"'],
    ['boolean', 0, 'false'],
    ['boolean', '0', 'false'],
    ['boolean', 'false', 'false'],
    ['boolean', '1', 'true'],
    ['boolean', 'TRUE', 'raw:"TRUE"'],
    ['boolean', 2, 'raw:2'],
    ['date', '2026-01-02T23:59:59+00:00', '1767312000000'],
    ['date', ' 2026-01-02 ', '1767312000000'],
    ['date', '2026-01-02T23:00:00-05:00', '1767312000000'],
    ['date', '2026-01-02T00:00:00+02:00', '1767312000000'],
    ['date', '20260102', '1767312000000'],
    ['datetime', '2026-01-02T00:00:00', '1767312000000'],
    ['datetime', '20260102T000000Z', '1767312000000'],
    ['datetime', '+002026-01-02T00:00Z', '1767312000000'],
    ['datetime', 1_767_312_000_000, 'raw:1767312000000'],
    ['list', 'a', '["a"]'],
    ['list', ['a'], '["a"]'],
    ['list', { a: 1 }, '[{"a":1}]'],
  ])('of the %s %j is %s', (type, raw, expected) => expect(canonical(raw, { type })).toBe(expected));

  it('rounds half up to the places that count', () => {
    expect(canonical('0.125', { type: 'decimal', scale: 2 })).toBe('0.13');
    expect(canonical('-0.004', { type: 'decimal', scale: 2 })).toBe('0');
    expect(canonical('0.125', { type: 'decimal', scale: 0 })).toBe('0');
  });

  it('has a hash of 16 characters that is always the same', () => {
    expect(hash('a')).toBe('ypeBEsobvcr6wjGz');
    expect(fingerprint('a', { type: 'string' })).toBe(hash('s:a'));
  });
});

describe('a value is the same tomorrow', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each(['12:30', '12', '24:00', 'T12:30', '1', '2026', '2026-W01', '2026-05', '12:30:00Z', 'now'])('%s', (raw) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    for (const type of ['date', 'datetime'] as const) {
      const texts = ['2026-01-01T00:00:00Z', '2027-06-15T12:00:00Z'].map((now) => {
        vi.setSystemTime(now);
        return canonical(raw, { type });
      });
      expect(texts[0]).toBe(texts[1]);
    }
  });

  it('a text without a time zone means UTC in every zone', () => {
    Settings.defaultZone = 'Asia/Tokyo';
    try {
      expect(canonical('2026-01-02T00:00:00', { type: 'datetime' })).toBe('1767312000000');
      expect(canonical('2026-01-02', { type: 'date' })).toBe('1767312000000');
      expect(toJson('2026-01-02T23:30:00Z', { type: 'date' })).toBe('2026-01-02');
    } finally {
      Settings.defaultZone = 'system';
    }
  });

  it('a date is the day that the text states, whatever its offset', () => {
    const day = fc
      .date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
      .map((date) => date.toISOString().slice(0, 10));
    const rest = fc.constantFrom(
      '',
      'T00:00:00+02:00',
      'T23:30:00-05:00',
      'T10:00:00.000+0200',
      'T02:30:00',
      'T23:59:59Z',
    );
    fc.assert(
      fc.property(day, rest, (text, time) => {
        expect(toJson(text + time, { type: 'date' })).toBe(text);
        expect(fingerprint(text + time, { type: 'date' })).toBe(fingerprint(text, { type: 'date' }));
      }),
    );
  });

  it.each([
    '2026',
    '2026-05',
    '2026-W18',
    '2026-W18-1',
    '2026-121',
    '2026121',
    '202605',
    '05/01/2026',
    '0000-00-00',
    '2026-02-30',
  ])('no day is made up for %s', (raw) => {
    for (const type of ['date', 'datetime'] as const)
      expect(() => toJson(raw, { type })).toThrow(expect.objectContaining({ code: 'VALUE_TYPE' }));
  });

  it('a time alone is no date', () => {
    for (const raw of ['12:30', '12', '24:00', '12:30:45.1234', 'T1230'])
      expect(() => parseValue(raw, { type: 'datetime' })).toThrow('The value is a text, not a datetime.');
  });
});

describe('what does not fit is named', () => {
  it.each<[unknown, ValueType, string]>([
    [['x'], 'decimal', 'The value is a list, not a decimal.'],
    [{ a: 1 }, 'string', 'The value is an object, not a string.'],
    ['x', 'integer', 'The value is a text, not an integer.'],
    [1.5, 'integer', 'The value is a number, not an integer.'],
    [true, 'date', 'The value is a boolean, not a date.'],
  ])('%j as %s', (raw, type, message) => expect(() => parseValue(raw, { type })).toThrow(message));
});

describe('digits', () => {
  const long = '12345678901234567890';
  it('that a number cannot hold are not dropped', () => {
    for (const type of ['integer', 'decimal', 'string'] as const)
      expect(() => toJson(long, { type }, { type: 'integer' })).toThrow(
        expect.objectContaining({
          code: 'VALUE_TYPE',
          message: 'The value has more digits than the number that the target wants can hold.',
        }),
      );
    expect(() => toJson('1e400', { type: 'decimal' }, { type: 'number' })).toThrow('more digits');
    expect(toJson(long, { type: 'integer' }, { type: 'string' })).toBe(long);
    expect(toJson('9007199254740991', { type: 'integer' }, { type: 'integer' })).toBe(9_007_199_254_740_991);
    expect(toJson('0.1', { type: 'decimal' }, { type: 'number' })).toBe(0.1);
  });

  it.each(['00123', '+49', '1e3', '12E4', '1.0', '5.', '-0', ' 77 ', '.5', '1.50', '0x1F'])(
    'of the code %j are not changed to make it a number',
    (code) => {
      expect(() => toJson(code, { type: 'string' }, { type: ['integer', 'null'] })).toThrow(
        expect.objectContaining({ code: 'VALUE_TYPE' }),
      );
      expect(toJson(code, { type: 'string' }, { type: 'string' })).toBe(code);
    },
  );

  it('of a text go to a number where the same text comes back', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), fc.string()), (text) => {
        let json: unknown;
        try {
          json = toJson(text, { type: 'string' }, { type: 'number' });
        } catch {
          return;
        }
        expect(json === null ? '' : toJson(json, { type: 'string' }, { type: 'string' })).toBe(text);
      }),
    );
    expect(toJson('-1.5', { type: 'string' }, { type: 'number' })).toBe(-1.5);
  });

  it.each<ValueType>(['string', 'integer', 'decimal', 'list'])('of a number are kept whatever the type: %s', (type) => {
    const exact = new ExactNumber(long);
    const written = type === 'list' ? [exact] : exact;
    expect(toJson(exact, { type }, { type: ['number', 'null'] })).toEqual(written);
    if (type !== 'list') expect(toJson(exact, { type }, { type: 'string' })).toBe(long);
    expect(fingerprint(exact, { type })).not.toBe(fingerprint(new ExactNumber('12345678901234567891'), { type }));
    if (type !== 'list') expect(fingerprint(exact, { type })).toBe(fingerprint(long, { type }));
  });

  it('of a decimal are kept too, and counted up to the places that count', () => {
    const exact = new ExactNumber('12345678901234.123456789');
    expect(toJson(exact, { type: 'decimal' }, { type: 'number' })).toEqual(exact);
    expect(toJson(exact, { type: 'decimal', scale: 2 }, { type: 'number' })).toBe(12345678901234.12);
    expect(toJson(exact, { type: 'decimal', scale: 2 }, { type: 'string' })).toBe('12345678901234.12');
    expect(toJson(new ExactNumber('1e400'), { type: 'decimal' }, { type: 'string' })).toBe(`1${'0'.repeat(400)}`);
    expect(() => toJson(new ExactNumber('1e999999999'), { type: 'decimal' })).toThrow(
      'The value is a number, not a decimal.',
    );
  });

  it('of an id are those of the record, as the place wants it', () => {
    expect(idJson('42', { type: 'integer' })).toBe(42);
    expect(idJson(long, { type: ['integer', 'null'] })).toEqual(new ExactNumber(long));
    expect(idJson(long, { type: 'string' })).toBe(long);
    expect(idJson(long)).toBe(long);
    expect(() => idJson('007', { type: 'integer' })).toThrow(expect.objectContaining({ code: 'VALUE_TYPE' }));
    expect(() => idJson('gid://1', { type: 'integer' })).toThrow('text where the target wants a number');
  });

  it('that a number cannot hold reach an expression as the text they came as', () => {
    expect(expressionInput(long, { type: 'integer' })).toBe(long);
    expect(expressionInput('1e400', { type: 'decimal' })).toBe('1e400');
    expect(expressionInput('7', { type: 'integer' })).toBe(7);
    expect(expressionInput('true', { type: 'boolean' })).toBe(true);
    expect(expressionInput('maybe', { type: 'boolean' })).toBe('maybe');
    expect(expressionInput('2026-01-01', { type: 'date' })).toBe('2026-01-01');
    expect(expressionInput('a', { type: 'list' })).toBe('a');
    expect(expressionInput('', { type: 'decimal' })).toBeUndefined();
  });

  it('whatever is written as a number is read as the same value', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^-?\d{1,25}(\.\d{1,10})?$/), fc.constantFrom('number', 'string'), (raw, type) => {
        const options = { type: 'decimal' } as const;
        let json: unknown;
        try {
          json = toJson(raw, options, { type });
        } catch (error) {
          expect(error).toMatchObject({ code: 'VALUE_TYPE' });
          expect(type).toBe('number');
          return;
        }
        expect(typeof json).toBe(type);
        expect(fingerprint(json, options)).toBe(fingerprint(raw, options));
      }),
    );
  });
});

describe('the place written to', () => {
  it.each<[ValueType, unknown, unknown, unknown]>([
    ['decimal', 19.9, { type: ['string', 'number'] }, 19.9],
    ['decimal', '19.90', { type: ['string', 'integer'] }, 19.9],
    ['decimal', 19.9, {}, 19.9],
    ['decimal', 19.9, { type: 'string' }, '19.9'],
    ['string', '42', { type: ['integer', 'null'] }, 42],
    ['string', '42', { type: 'number' }, 42],
    ['string', '42', { type: ['string', 'number'] }, '42'],
    ['string', '42', {}, '42'],
    ['integer', '1e2', { type: 'string' }, '100'],
    ['list', 'a', { type: 'array' }, ['a']],
    ['list', [], { type: 'array' }, null],
    ['list', ['a'], { type: 'number' }, ['a']],
    ['boolean', true, { type: 'integer' }, true],
    ['datetime', '2026-01-02', undefined, '2026-01-02T00:00:00.000Z'],
  ])('%s %j to %j is %j', (type, raw, schema, expected) =>
    expect(toJson(raw, { type }, schema as { type?: unknown } | undefined)).toEqual(expected),
  );
});

describe('a table knows', () => {
  it.each<[ValueType, unknown, string]>([
    ['string', 'a', 'a'],
    ['string', 7, '7'],
    ['decimal', '10.00', '10'],
    ['integer', 1, '1'],
    ['boolean', 1, 'true'],
    ['boolean', 'yes', 'yes'],
    ['date', '2026-01-01T10:00:00Z', '2026-01-01'],
    ['list', ['a'], 'a'],
    ['decimal', 'about ten', 'about ten'],
  ])('the %s %j as %s', (type, raw, expected) => expect(tableKey(raw, { type })).toBe(expected));

  it('the places that count', () => expect(tableKey('1.004', { type: 'decimal', scale: 2 })).toBe('1.00'));
});

describe('stable JSON', () => {
  it.each([
    [undefined, 'null'],
    [null, 'null'],
    [{ b: undefined, a: 1 }, '{"a":1}'],
    [{ B: 1, a: 2, A: 3 }, '{"A":3,"B":1,"a":2}'],
    [[3, 1, 2], '[3,1,2]'],
    [[undefined], '[null]'],
    ['"', '"\\""'],
  ])('of %j is %s', (value, expected) => expect(stableJson(value)).toBe(expected));
});

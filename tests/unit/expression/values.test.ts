/** Values by declared type: equality, emptiness, what is written. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonical,
  expressionInput,
  fingerprint,
  isEmpty,
  parseValue,
  stableJson,
  toJson,
  type ValueType,
} from '../../../engine/expression/values.ts';

const same = (type: ValueType, a: unknown, b: unknown, places?: number): boolean =>
  fingerprint(a, { type, places }) === fingerprint(b, { type, places });

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
        { type, ...(type === 'decimal' ? { places: 2 } : {}) },
        schema === undefined ? undefined : { type: schema },
      ),
    ).toEqual(expected),
  );

  it('text in the place of a number is refused', () =>
    expect(() => toJson('x', { type: 'string' }, { type: 'integer' })).toThrowError(
      expect.objectContaining({ code: 'VALUE_TYPE' }),
    ));

  it('a decimal survives being written as text or number', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.constantFrom('string', 'number'), (cents, type) => {
        const options = { type: 'decimal', places: 2 } as const;
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

/** Amounts in the smallest unit of a currency, by the table of ISO 4217. */
import * as currencies from 'dinero.js/currencies';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileExpression } from '../../../engine/expression/compile.ts';
import { fromMinorUnits, minorUnits, toMinorUnits } from '../../../engine/expression/money.ts';

const evaluate = (source: string, input: unknown = {}): Promise<unknown> =>
  compileExpression(source, { nulls: 'missing' }).evaluate(input);

describe('the places of a currency', () => {
  it.each([
    ['USD', 2],
    ['EUR', 2],
    ['JPY', 0],
    ['KRW', 0],
    ['KWD', 3],
    ['BHD', 3],
    ['CLF', 4],
    // Where CLDR, and with it Intl, states no places: the table is that of ISO 4217.
    ['HUF', 2],
    ['COP', 2],
    ['IQD', 3],
    // They count in fifths, and have two places all the same.
    ['MGA', 2],
    ['MRU', 2],
    // Came in 2025.
    ['XCG', 2],
  ])('of %s are %i', (code, places) => {
    expect(minorUnits(code)).toBe(places);
  });

  it.each(['XYZ', 'usd', '', 12, 'USD '])('of %j, which is no currency, are no guess', (code) => {
    if (code === '') expect(minorUnits(code)).toBeUndefined();
    else expect(() => minorUnits(code)).toThrow(/no code of ISO 4217/);
  });
});

const codes = fc.constantFrom(...Object.keys(currencies));

describe('conversion', () => {
  it('there and back gives the same whole number for every currency', () => {
    fc.assert(
      fc.property(codes, fc.maxSafeInteger(), (code, units) => {
        expect(toMinorUnits(fromMinorUnits(units, code), code)).toBe(units === 0 ? 0 : units);
      }),
    );
  });

  it('moves the decimal point by as many places as the currency has, and changes no digit', () => {
    fc.assert(
      fc.property(codes, fc.nat(), (code, units) => {
        const places = minorUnits(code)!;
        const digits = String(units).padStart(places + 1, '0');
        const whole = digits.slice(0, digits.length - places);
        expect(fromMinorUnits(units, code)).toBe(Number(`${whole}.${digits.slice(digits.length - places)}0`));
      }),
    );
  });

  it('keeps the digits of an amount that a number cannot hold', () => {
    expect(fromMinorUnits('900719925474099199', 'USD')).toBe('9007199254740991.99');
    expect(() => toMinorUnits('9007199254740991.99', 'USD')).toThrow(/more digits/);
  });

  it.each([
    [12.345, 'USD', /more decimal places than its currency, which has 2/],
    [0.5, 'JPY', /more decimal places than its currency, which has 0/],
    ['twelve', 'USD', /no number/],
    [12.5, undefined, /currency of the amount is missing/],
  ])('to minor units refuses %j %j instead of rounding or guessing', (amount, code, reason) => {
    expect(() => toMinorUnits(amount, code)).toThrow(reason);
  });

  it('from minor units refuses an amount that is not whole', () => {
    expect(() => fromMinorUnits(12.5, 'USD')).toThrow(/no whole number/);
  });

  it('tells no value of a record in its errors', () => {
    expect(() => toMinorUnits(91.2345, 'USD')).toThrow(expect.not.stringContaining('91'));
  });
});

describe('in an expression', () => {
  it.each([
    ['$minorUnits("JPY")', {}, 0],
    [
      'price.amount / $power(10, $minorUnits(price.currency_code))',
      { price: { amount: 1250, currency_code: 'USD' } },
      12.5,
    ],
    ['$fromMinorUnits(amount, "KWD")', { amount: 12345 }, 12.345],
    ['$fromMinorUnits(amount, "JPY")', { amount: 1250 }, 1250],
    ['$toMinorUnits(price, "USD")', { price: '12.50' }, 1250],
    ['$toMinorUnits(price, "USD")', { price: 10.05 }, 1005],
    ['price ~> $toMinorUnits("USD")', { price: 4.35 }, 435],
    ['$toMinorUnits(price, "USD")', { price: null }, undefined],
    ['$exists($fromMinorUnits(missing, "USD"))', {}, false],
  ])('%s of %j is %j', async (source, input, result) => {
    expect(await evaluate(source, input)).toBe(result);
  });

  it('an unknown currency fails with the reason and the expression', async () => {
    await expect(evaluate('$fromMinorUnits(amount, code)', { amount: 1, code: 'XYZ' })).rejects.toMatchObject({
      code: 'EXPRESSION_FAILED',
      message: expect.stringMatching(/no code of ISO 4217.*fromMinorUnits\(amount, code\)/),
    });
  });

  it('a misspelt name is refused with the right one', () => {
    expect(() => compileExpression('$toMinorUnit(price, "USD")')).toThrow(/did you mean \$toMinorUnits/);
  });
});

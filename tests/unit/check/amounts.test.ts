import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { agrees, type FormattedAmount, formattedAmounts, numberOf } from '../../../engine/check/amounts.ts';

const shown = (formatted: string, places?: number): FormattedAmount => ({
  path: [],
  name: 'amount',
  formatted,
  places,
});

it.each([
  ['$12.50', 12.5, true],
  ['$12.50', 1250, true],
  ['$12.50', 125000, false],
  ['$12.50', 0.125, false],
  ['$1,250.00', 125000, true],
  ['$1,250.00', 12500000, false],
  ['1.250,00 €', 1250, true],
  ["CHF 1'250.00", 125000, true],
  ['1 250,00 zł', 1250, true],
  ['-$0.05', -5, true],
  ['($0.05)', 0.05, true],
  ['¥1,250', 1250, true],
  ['¥1,250', 125000, false],
  ['$0.00', 0, true],
  ['$0.00', 1, false],
  ['free', 1250, true],
])('the amount %s agrees with the value %d: %s', (formatted, value, wanted) => {
  expect(agrees(value, shown(formatted))).toBe(wanted);
});

it('three digits behind a lone separator are thousands or decimals', () => {
  expect(agrees(1.25, shown('KWD 1.250', 3))).toBe(true);
  expect(agrees(1250, shown('KWD 1.250', 3))).toBe(true);
  expect(agrees(1250, shown('€ 1.250', 2))).toBe(true);
  expect(agrees(12.5, shown('€ 1.250', 2))).toBe(false);
});

it('an amount that is shown without decimals is compared by the places of its currency', () => {
  expect(agrees(1300, shown('$13', 2))).toBe(true);
  expect(agrees(1300, shown('$13'))).toBe(false);
});

it('where major units are meant, the smallest unit disagrees', () => {
  expect(agrees(1250, shown('$12.50', 2), true)).toBe(false);
  expect(agrees(12.5, shown('$12.50', 2), true)).toBe(true);
});

it('every amount agrees with its own format, and 100 times of it never does in major units', () => {
  const dollars = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000_000_000 }), (cents) => {
      const amount = shown(dollars.format(cents / 100), 2);
      expect([agrees(cents, amount), agrees(cents / 100, amount), agrees(cents / 100, amount, true)]).toEqual([
        true,
        true,
        true,
      ]);
      expect([agrees(cents, amount, true), agrees(cents * 100, amount)]).toEqual([false, false]);
    }),
  );
});

it('the search for amounts finds them at any depth, also in lists, with the places of their currency', () => {
  const record = {
    price: { amount: 1250, currency_code: 'USD', formatted_amount: '$12.50' },
    lines: [
      { total: '3', total_formatted: '¥3', currency: 'JPY' },
      { total: 'none', total_formatted: 'none' },
    ],
    fee: 5,
    formatted_fee: '5 of something',
    odd: { amount: 1, currency: 'no such', formatted_amount: '1' },
  };
  expect(formattedAmounts(record)).toEqual([
    { path: ['price'], name: 'amount', formatted: '$12.50', places: 2 },
    { path: ['lines'], name: 'total', formatted: '¥3', places: 0 },
    { path: [], name: 'fee', formatted: '5 of something', places: undefined },
    { path: ['odd'], name: 'amount', formatted: '1', places: undefined },
  ]);
});

it('numberOf reads numbers and texts that are plain numbers, and nothing else', () => {
  expect([5, '5', '-1.50', '1e3', '', null, {}].map(numberOf)).toEqual([
    5,
    5,
    -1.5,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

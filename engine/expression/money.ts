/**
 * Amounts of money in a currency's smallest unit (cents), and how many decimal places that unit stands for.
 * The table is ISO 4217's as dinero.js keeps it. Not Intl's: that is CLDR's, which states how people write prices
 * (no places for HUF, COP and IQD, where ISO 4217 has 2, 2 and 3), and answers 2 for a code that does not exist.
 * See docs/decisions/0016-minor-units.md.
 */
import { Decimal } from 'decimal.js';
import * as currencies from 'dinero.js/currencies';
import { TandemError } from '../errors.ts';
import { exactNumber } from './values.ts';

/** Code -> decimal places. The two currencies that count in fifths (MGA, MRU) have 2 in ISO 4217's own table. */
const PLACES: ReadonlyMap<string, number> = new Map(
  Object.values(currencies).map(({ code, base, exponent }) => [code, base === 10 ? exponent : 2]),
);

/** Functions for any expression; by the name after the dollar sign. */
export const MONEY_FUNCTIONS: Readonly<Record<string, (...args: never[]) => unknown>> = {
  minorUnits,
  fromMinorUnits,
  toMinorUnits,
};

/**
 * @param currency code of ISO 4217: three capital letters
 * @returns decimal places of the currency: 2 for USD, 0 for JPY, 3 for KWD; undefined without a code
 * @throws TandemError EXPRESSION_FAILED where there is no such currency: a guess would be wrong by a factor of 100
 */
export function minorUnits(currency: unknown): number | undefined {
  if (isMissing(currency)) return undefined;
  const places = typeof currency === 'string' ? PLACES.get(currency) : undefined;
  if (places === undefined) throw failed('The currency is no code of ISO 4217, such as USD.');
  return places;
}

/**
 * @param amount whole number of minor units: 1250
 * @returns the amount in the currency's own unit: 12.5 for USD; as text where a number cannot hold its digits
 */
export function fromMinorUnits(amount: unknown, currency: unknown): number | string | undefined {
  if (isMissing(amount)) return undefined;
  const units = decimalOf(amount);
  if (!units.isInteger()) throw failed('The amount is no whole number of minor units.');
  const value = shifted(units, -placesOf(currency));
  return exactNumber(value) ?? value.toFixed();
}

/**
 * @param amount in the currency's own unit: 12.5 or "12.50"
 * @returns the whole number of minor units: 1250 for USD
 */
export function toMinorUnits(amount: unknown, currency: unknown): number | undefined {
  if (isMissing(amount)) return undefined;
  const places = placesOf(currency);
  const units = shifted(decimalOf(amount), places);
  // Rounding is for the mapping to say: what is lost here would be lost in silence.
  if (!units.isInteger()) throw failed(`The amount has more decimal places than its currency, which has ${places}.`);
  const number = exactNumber(units);
  if (number === undefined) throw failed('The amount has more digits than a number can hold.');
  return number;
}

function placesOf(currency: unknown): number {
  const places = minorUnits(currency);
  if (places === undefined) throw failed('The currency of the amount is missing.');
  return places;
}

function decimalOf(amount: unknown): Decimal {
  const text = typeof amount === 'number' || typeof amount === 'string' ? String(amount).trim() : '';
  if (!/^-?\d+(\.\d+)?(e[+-]?\d{1,3})?$/i.test(text)) throw failed('The amount is no number.');
  return new Decimal(text);
}

/** Moves the decimal point, exactly: Decimal's own arithmetic rounds to 20 digits. */
function shifted(value: Decimal, places: number): Decimal {
  return new Decimal(`${value.toFixed()}e${places}`);
}

const isMissing = (value: unknown): boolean => value === undefined || value === null || value === '';

/** Messages hold no value of a record. */
const failed = (message: string): TandemError => new TandemError('EXPRESSION_FAILED', message);

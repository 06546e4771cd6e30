/**
 * Amounts that a system gives twice: as a number, and formatted for people beside it (`amount: 1250` and
 * `formatted_amount: "$12.50"`). The formatted one shows how much money the number is. Pure.
 */

import { isObject } from '../connectors/http/read-path.ts';
import { minorUnits } from '../expression/money.ts';
import type { JsonObject } from '../types.ts';

export interface FormattedAmount {
  /** Names that lead from the record to the object that holds both. */
  readonly path: readonly string[];
  /** Name of the number. */
  readonly name: string;
  readonly formatted: string;
  /** Decimal places of its currency, where the system names one. */
  readonly places: number | undefined;
}

const MOST_DEPTH = 6;
const MOST_ITEMS = 20;

/** All such amounts of a record as the system answered it, in lists as well. */
export function formattedAmounts(record: JsonObject): FormattedAmount[] {
  const found: FormattedAmount[] = [];
  const visit = (value: unknown, path: readonly string[]): void => {
    if (path.length > MOST_DEPTH) return;
    if (Array.isArray(value)) for (const item of value.slice(0, MOST_ITEMS)) visit(item, path);
    if (!isObject(value)) return;
    for (const [name, inner] of Object.entries(value)) {
      const formatted = value[`formatted_${name}`] ?? value[`${name}_formatted`];
      if (typeof formatted === 'string' && numberOf(inner) !== undefined)
        found.push({ path, name, formatted, places: placesOf(value.currency_code ?? value.currency) });
      visit(inner, [...path, name]);
    }
  };
  visit(record, []);
  return found;
}

function placesOf(currency: unknown): number | undefined {
  try {
    return minorUnits(currency);
  } catch {
    return undefined;
  }
}

/** A number, or text that is one. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || !/^-?\d+(\.\d+)?$/.test(value.trim())) return undefined;
  return Number(value);
}

/** What a formatted amount may mean in major units, with the decimal places that it shows. */
interface Reading {
  readonly value: number;
  readonly places: number;
}

/**
 * `"$1,250.00"`, `"1.250,00 €"`, `"CHF 1'250.00"`. Three digits behind a lone separator may be thousands or decimals:
 * both are answered. None where there is no number in it.
 */
function readings(formatted: string): Reading[] {
  const digits = /\d[\d.,'’\s]*/
    .exec(formatted)?.[0]
    .replace(/['’\s]/g, '')
    .replace(/[.,]+$/, '');
  if (digits === undefined) return [];
  const reading = (whole: string, fraction: string): Reading => ({
    value: Number(`${whole.replace(/[.,]/g, '')}.${fraction || '0'}`),
    places: fraction.length,
  });
  const separators = digits.match(/[.,]/g) ?? [];
  const at = Math.max(digits.lastIndexOf('.'), digits.lastIndexOf(','));
  if (at < 0) return [reading(digits, '')];
  const [whole, fraction] = [digits.slice(0, at), digits.slice(at + 1)];
  const asThousands = reading(digits, '');
  const asDecimals = reading(whole, fraction);
  const last = digits[at];
  if (separators.filter((one) => one === last).length > 1) return [asThousands];
  if (separators.length > 1 || fraction.length !== 3) return [asDecimals];
  return [asThousands, asDecimals];
}

/**
 * Whether a number is the formatted amount, in major units or (unless `major` is set) in the smallest unit of its
 * currency. A sign is not looked at: it is written in many ways.
 */
export function agrees(value: number, { formatted, places }: FormattedAmount, major = false): boolean {
  const all = readings(formatted);
  if (all.length === 0) return true;
  return all.some((shown) => {
    // What is shown may be rounded to its last place.
    const tolerance = 0.5 * 10 ** -shown.places + 1e-9 * shown.value;
    const scales = major ? [0] : [0, shown.places, places ?? shown.places];
    return scales.some((digits) => Math.abs(Math.abs(value) / 10 ** digits - shown.value) <= tolerance);
  });
}

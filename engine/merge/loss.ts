/** What a system has lost of a value that it was sent: a text that was cut, a number that was rounded. Pure. */
import { Decimal } from 'decimal.js';
import { isEmpty } from '../expression/values.ts';

export const NOTHING_STORED = 'nothing of it';

const NUMBER = /^[+-]?\d{1,100}(\.\d{1,100})?$/;

/**
 * @param sent as it was sent
 * @param stored as the system shows it
 * @returns what it stored, in words that name no value; undefined where nothing was lost, as far as that can be seen: the
 *   system has a form of its own
 */
export function lossOf(sent: unknown, stored: unknown): string | undefined {
  if (isEmpty(sent)) return undefined;
  if (isEmpty(stored)) return NOTHING_STORED;
  const [before, after] = [numberOf(sent), numberOf(stored)];
  if (before && after && isRounded(before, after)) return 'a rounded number';
  if (typeof sent !== 'string' || typeof stored !== 'string') return undefined;
  const [whole, part] = [sent.trim(), stored.trim()];
  if (part.length >= whole.length || !whole.startsWith(part)) return undefined;
  return `${[...part].length} of ${[...whole].length} characters`;
}

/** A whole number in the place of another one. Rounded to tens or to 0, it looks like what a person types: 20 after 19. */
export const areWhole = (sent: unknown, stored: unknown): boolean =>
  [sent, stored].every((value) => numberOf(value)?.isInteger() === true);

function numberOf(value: unknown): Decimal | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  const text = String(value).trim();
  return NUMBER.test(text) ? new Decimal(text) : undefined;
}

/** Whether the second is the first with fewer places, by whatever way of rounding. */
function isRounded(before: Decimal, after: Decimal): boolean {
  if (after.isZero()) return !before.isZero();
  const places = placesOf(after);
  return places < placesOf(before) && before.minus(after).abs().lt(new Decimal(10).pow(-places));
}

/** Places after the point; below 0 for a number that ends with zeros before it: -1 of 150. */
function placesOf(number: Decimal): number {
  const [, zeros = ''] = /[1-9](0+)$/.exec(number.toFixed()) ?? [];
  return number.decimalPlaces() - (number.isInteger() ? zeros.length : 0);
}

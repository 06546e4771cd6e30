/** Plain JSON out of what JSONata answers, and records with nothing where they hold null. */
import { TandemError } from '../errors.ts';
import { ExactNumber } from '../json.ts';
import type { Json } from '../types.ts';
import { MAX_VALUES } from './limits.ts';

/**
 * A result as plain JSON: JSONata's sequences are arrays with extra properties, its objects have no prototype, and a
 * function is no value.
 *
 * @returns undefined for no result
 * @throws TandemError EXPRESSION_FAILED for a function, EXPRESSION_LIMIT for too large a result
 */
export function plainResult(value: unknown): Json | undefined {
  let left = MAX_VALUES;
  const copy = (item: unknown): Json | undefined => {
    if (--left < 0) throw new TandemError('EXPRESSION_LIMIT', `The result holds more than ${MAX_VALUES} values.`);
    if (item === null || typeof item === 'string' || typeof item === 'boolean') return item;
    if (typeof item === 'number') {
      if (!Number.isFinite(item)) throw new TandemError('EXPRESSION_FAILED', 'The result is no finite number.');
      return item;
    }
    if (item === undefined) return undefined;
    if (Array.isArray(item)) return item.map((element) => copy(element) ?? null);
    if (typeof item !== 'object' || '_jsonata_lambda' in item || '_jsonata_function' in item) {
      throw new TandemError(
        'EXPRESSION_FAILED',
        'The result is a function; was it meant to be called, with parentheses?',
      );
    }
    const object: Record<string, Json> = {};
    for (const key of Object.keys(item)) {
      if (key === '__proto__') continue;
      const element = copy((item as Record<string, unknown>)[key]);
      if (element !== undefined) object[key] = element;
    }
    return object;
  };
  return copy(value);
}

/** A copy of a value that was JSON. */
export function copyJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyJson);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, copyJson(item)]));
}

/** Of objects that were asked for before: a record is seen by each of its expressions. */
const seen = new WeakMap<object, unknown>();

/**
 * The same value without the fields that are null, at any depth, and with its exact numbers as expressions see them; the
 * value itself where there is nothing of both. A record does not change after it was seen.
 */
export function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return strip(value);
  if (!seen.has(value)) seen.set(value, strip(value));
  return seen.get(value);
}

function strip(value: unknown): unknown {
  if (value === null) return undefined;
  if (typeof value !== 'object') return value;
  if (value instanceof ExactNumber) return value.seen();
  if (Array.isArray(value)) {
    let changed = false;
    const list = value.map((item) => {
      const next = strip(item);
      if (next !== item) changed = true;
      return next;
    });
    return changed ? list.filter((item) => item !== undefined) : value;
  }
  const fields = value as Record<string, unknown>;
  let changed = false;
  const kept: [string, unknown][] = [];
  for (const name of Object.keys(fields)) {
    const next = strip(fields[name]);
    if (next !== fields[name]) changed = true;
    if (next !== undefined) kept.push([name, next]);
  }
  return changed ? Object.fromEntries(kept) : value;
}

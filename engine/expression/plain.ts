/** Plain JSON out of what JSONata answers, and records with nothing where they hold null. */
import { TandemError } from '../errors.ts';
import { ExactNumber } from '../json.ts';
import type { Json } from '../types.ts';
import { MAX_RESULT_NODES } from './limits.ts';

/**
 * A result as plain JSON: JSONata's sequences are arrays with extra properties, its objects have no prototype, and a
 * function is no value.
 *
 * @returns undefined for no result
 * @throws TandemError EXPRESSION_FAILED for a function, EXPRESSION_LIMIT for too large a result
 */
export function plainResult(value: unknown): Json | undefined {
  let left = MAX_RESULT_NODES;
  const copy = (item: unknown): Json | undefined => {
    if (--left < 0) throw new TandemError('EXPRESSION_LIMIT', `The result holds more than ${MAX_RESULT_NODES} values.`);
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

/**
 * The same value without the fields that are null, at any depth, and with its exact numbers as expressions see them; the
 * value itself where there is nothing of both.
 */
export function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined;
  if (typeof value !== 'object') return value;
  if (value instanceof ExactNumber) return value.seen();
  if (Array.isArray(value)) {
    let changed = false;
    const list = value.map((item) => {
      const next = withoutNulls(item);
      if (next !== item) changed = true;
      return next;
    });
    return changed ? list.filter((item) => item !== undefined) : value;
  }
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    const next = withoutNulls(item);
    if (next === item) continue;
    copy ??= { ...value };
    if (next === undefined) delete copy[key];
    else copy[key] = next;
  }
  return copy ?? value;
}

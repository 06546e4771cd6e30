// Checks of single properties on their way in. Each takes the value as sent and returns the value to store, or throws a
// FieldError with the reason for the refusal. `undefined` as a result means: empty.

import { isObject, type JsonObject } from '../kit/json.ts';

export type Field = (value: unknown, name: string) => unknown;

/** What Keap's description does not allow: answered with 400. */
export class FieldError extends Error {}

/** What the description offers and the stand-in does not have: answered with 501, so that it is not taken for a refusal. */
export class NotImplemented extends Error {}

/** @param max in characters; absent where the description names no limit */
export function text(max = Number.POSITIVE_INFINITY): Field {
  return (value, name) => {
    if (typeof value !== 'string') throw new FieldError(`${name} must be a string.`);
    // Code points, as JSON Schema and databases count them.
    if ([...value].length > max) throw new FieldError(`${name} must not be longer than ${max} characters.`);
    return value;
  };
}

export function oneOf(allowed: readonly string[]): Field {
  return (value, name) => {
    if (typeof value !== 'string' || !allowed.includes(value))
      throw new FieldError(`${name} must be one of ${allowed.join(', ')}.`);
    return value;
  };
}

export const boolean: Field = (value, name) => {
  if (typeof value !== 'boolean') throw new FieldError(`${name} must be true or false.`);
  return value;
};

export const number: Field = (value, name) => {
  if (typeof value !== 'number') throw new FieldError(`${name} must be a number.`);
  return value;
};

export const notNegative: Field = (value, name) => {
  if (typeof value !== 'number' || value < 0) throw new FieldError(`${name} must be a number that is not negative.`);
  return value;
};

/** A price in the smallest unit of the currency (19.90 USD is 1990), or a count. */
export const wholeNotNegative: Field = (value, name) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new FieldError(`${name} must be a whole number that is not negative.`);
  return value;
};

/** An instant with its offset; Keap answers it in UTC. */
export const time: Field = (value, name) => {
  if (
    typeof value !== 'string' ||
    !/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/.test(value) ||
    Number.isNaN(Date.parse(value))
  )
    throw new FieldError(`${name} must be a date and time of ISO 8601 with its offset.`);
  return new Date(value).toISOString();
};

/** Ids are strings in v2. */
export const recordId: Field = (value, name) => {
  if (typeof value !== 'string' || value === '') throw new FieldError(`${name} must be an id, as a string.`);
  return value;
};

/** In the description of a request and computed by Keap: accepted in the right type, never stored. */
export const computed =
  (field: Field): Field =>
  (value, name) => {
    field(value, name);
    return undefined;
  };

export const notImplemented: Field = (_value, name) => {
  throw new NotImplemented(`${name} is not implemented in the stand-in.`);
};

/** A nested object, always stored whole: what is not sent is gone. A key that is not described is refused. */
export function object(
  fields: Record<string, Field>,
  finish: (value: JsonObject, name: string) => JsonObject = (value) => value,
): Field {
  return (value, name) => {
    if (!isObject(value)) throw new FieldError(`${name} must be an object.`);
    const given: JsonObject = {};
    for (const [key, inner] of Object.entries(value)) {
      const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
      if (!field) throw new FieldError(`${name}.${key} is not a property that can be written.`);
      if (inner === null) continue;
      const kept = field(inner, `${name}.${key}`);
      if (kept !== undefined) given[key] = kept;
    }
    const stored = finish(given, name);
    return Object.keys(stored).length > 0 ? stored : undefined;
  };
}

export function list(field: Field): Field {
  return (value, name) => {
    if (!Array.isArray(value)) throw new FieldError(`${name} must be a list.`);
    const stored = value.map((item, i) => field(item, `${name}[${i}]`)).filter((item) => item !== undefined);
    return stored.length > 0 ? stored : undefined;
  };
}

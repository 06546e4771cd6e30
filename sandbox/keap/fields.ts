// Checks of single fields on their way in. Each takes the value as sent and answers the value to store;
// it throws a plain message when Keap would refuse. `undefined` as an answer means: empty.

import { isObject, type JsonObject } from '../kit/json.ts';

export type Field = (value: unknown, name: string) => unknown;

export class FieldError extends Error {}

export function text(max = 65_535): Field {
  return (value, name) => {
    if (typeof value !== 'string') throw new FieldError(`${name} must be a string.`);
    // Code points, as a database counts them.
    if ([...value].length > max) throw new FieldError(`${name} must not be longer than ${max} characters.`);
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

export const positive: Field = (value, name) => {
  if (typeof value !== 'number' || value < 0) throw new FieldError(`${name} must be a number that is not negative.`);
  return value;
};

/** A price: Keap takes minor units only, so 19.90 is 1990. */
export const minorUnits: Field = (value, name) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new FieldError(`${name} must be a whole number of minor units (cents).`);
  return value;
};

/** An instant with its offset; Keap answers it in UTC with milliseconds. */
export const time: Field = (value, name) => {
  if (
    typeof value !== 'string' ||
    !/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/.test(value) ||
    Number.isNaN(Date.parse(value))
  )
    throw new FieldError(`${name} must be a date and time of ISO 8601 with its offset.`);
  return new Date(value).toISOString();
};

/** A record's id. Numbers are taken too, as Keap's parser does. */
export const recordId: Field = (value, name) => {
  if (typeof value === 'number' && Number.isInteger(value)) return String(value);
  if (typeof value !== 'string' || value === '') throw new FieldError(`${name} must be an id.`);
  return value;
};

/** A nested object, always stored whole: what is not sent is gone. Unknown keys are ignored. */
export function object(fields: Record<string, Field>, check?: (value: JsonObject, name: string) => void): Field {
  return (value, name) => {
    if (!isObject(value)) throw new FieldError(`${name} must be an object.`);
    const stored: JsonObject = {};
    for (const [key, field] of Object.entries(fields)) {
      const given = value[key];
      if (given !== undefined && given !== null) stored[key] = field(given, `${name}.${key}`);
    }
    check?.(stored, name);
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

/** Each item of a list has its slot (EMAIL1, EMAIL2...); one without a slot gets the free one. */
export function slots(prefix: string, field: Field): Field {
  const items = list(field);
  return (value, name) => {
    const stored = items(value, name);
    if (!Array.isArray(stored)) return undefined;
    const taken = new Set(stored.map((item) => item.field));
    for (const item of stored) {
      for (let i = 1; item.field === undefined; i++) {
        if (taken.has(`${prefix}${i}`)) continue;
        item.field = `${prefix}${i}`;
        taken.add(item.field);
      }
    }
    return stored;
  };
}

/** Sizes as Keap documents them for companies. */
const addressFields: Record<string, Field> = {
  line1: text(75),
  line2: text(75),
  locality: text(50),
  region: text(50),
  region_code: text(50),
  postal_code: text(15),
  zip_code: text(15),
  zip_four: text(4),
  country_code: (value, name) => {
    if (typeof value !== 'string' || !/^[A-Z]{3}$/.test(value))
      throw new FieldError(`${name} must be a country code of three letters (ISO 3166-1 alpha-3).`);
    return value;
  },
};

function regionNeedsCountry(address: JsonObject, name: string): void {
  const code = address.region_code;
  if (typeof code === 'string' && code !== '' && !/^[A-Z]{2}-[A-Z0-9]{1,3}$/.test(code))
    throw new FieldError(`${name}.region_code must be a code of ISO 3166-2, such as US-AZ.`);
  const region = address.region_code || address.region;
  if (region && !address.country_code)
    throw new FieldError(`${name}.country_code is required where a region is given.`);
}

export const address = object(addressFields, regionNeedsCountry);
export const contactAddress = object({ ...addressFields, field: text(20) }, regionNeedsCountry);
export const email = object({ email: text(75), field: text(20), opt_in_reason: text(255), is_opt_in: boolean });
export const phone = object({ number: text(40), extension: text(20), type: text(20), field: text(20) });
export const customFields = list(
  object({ id: recordId, content: (value) => value }, (value, name) => {
    if (value.id === undefined) throw new FieldError(`${name}.id is required.`);
  }),
);

// Checks of single fields on their way into the shop. Each answers the value to store;
// it throws a plain message where the shop would refuse. Null always means empty and is not passed here.

import countries from 'i18n-iso-countries';

export type Field = (value: unknown) => unknown;

export class FieldError extends Error {}

function refuse(message: string): never {
  throw new FieldError(message);
}

/** Text is trimmed, as web shops do; nothing but white space is empty. */
export function text(max = 255): Field {
  return (value) => {
    if (typeof value !== 'string') return refuse('must be a string');
    const trimmed = value.trim();
    if ([...trimmed].length > max) return refuse(`must not be longer than ${max} characters`);
    return trimmed === '' ? null : trimmed;
  };
}

export function shaped(pattern: RegExp, message: string, max = 255): Field {
  const plain = text(max);
  return (value) => {
    const stored = plain(value);
    return typeof stored === 'string' && !pattern.test(stored) ? refuse(message) : stored;
  };
}

export const email = shaped(/^[^\s@,;:()<>"]+@[^\s@]+\.[^\s@.]+$/, 'must be an e-mail address', 254);
export const phone = shaped(/^\+?[0-9]+$/, 'must be digits only, with a + in front where needed', 32);
export const postcode = shaped(/^[A-Za-z0-9 -]+$/, 'must be letters, digits, spaces and hyphens only', 12);

export const country: Field = (value) => {
  if (value === '') return null;
  if (typeof value !== 'string' || !/^[A-Z]{2}$/.test(value) || countries.alpha2ToAlpha3(value) === undefined)
    return refuse('must be a country code of two capital letters (ISO 3166-1 alpha-2)');
  return value;
};

/** Money: given as a string or a number, kept and answered as a string with two places. */
export const money: Field = (value) => decimal(value, /^(\d{1,15})(?:\.(\d{1,2}))?$/, 'two');
/** Some currencies have three or four places. */
export const price: Field = (value) => decimal(value, /^(\d{1,15})(?:\.(\d{1,4}))?$/, 'four');

function decimal(value: unknown, form: RegExp, most: string): unknown {
  if (value === '') return null;
  const digits = typeof value === 'number' ? String(value) : value;
  const parts = typeof digits === 'string' ? form.exec(digits) : null;
  if (!parts) return refuse(`must be a decimal number that is not negative, with at most ${most} places`);
  return `${BigInt(parts[1] ?? '0')}.${(parts[2] ?? '').padEnd(2, '0')}`;
}

export const boolean: Field = (value) => (typeof value === 'boolean' ? value : refuse('must be true or false'));

export const weight: Field = (value) =>
  typeof value === 'number' && value >= 0 ? value : refuse('must be a number that is not negative');

export const instant: Field = (value) => {
  if (value === '') return null;
  if (
    typeof value !== 'string' ||
    !/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/.test(value) ||
    Number.isNaN(Date.parse(value))
  )
    return refuse('must be a date and time of ISO 8601 with its offset');
  return new Date(value).toISOString();
};

export function oneOf(values: readonly string[]): Field {
  return (value) =>
    typeof value === 'string' && values.includes(value) ? value : refuse(`must be one of ${values.join(', ')}`);
}

export const id: Field = (value) => (Number.isInteger(value) ? value : refuse('must be an id (a whole number)'));

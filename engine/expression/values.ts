/** Values by declared type: when two are the same, how one is fingerprinted, and how one is written as JSON. Pure. */
import { createHash } from 'node:crypto';
import { Decimal } from 'decimal.js';
import { DateTime } from 'luxon';
import { TandemError } from '../errors.ts';
import { ExactNumber } from '../json.ts';
import type { Json } from '../types.ts';
import { type Form, inForm } from './forms.ts';

/** How values are compared, read and written: see `parseValue`, `canonical` and `toJson`. */
export type ValueType = 'string' | 'integer' | 'decimal' | 'boolean' | 'date' | 'datetime' | 'list';

export interface TypeOptions {
  readonly type: ValueType;
  /** Decimal places that count; undefined: all. */
  readonly scale?: number | undefined;
  /** Forms of a text that count as the same. */
  readonly equal?: readonly Form[] | undefined;
}

/** Characters of a text that is read as a number or a time: reading one takes longer than its length. */
const LONGEST_SCALAR = 1_000;

/** What a value is once its type has been read from it. `undefined` is empty. */
export type TypedValue = string | boolean | Decimal | DateTime | readonly unknown[] | undefined;

/** Short text that is equal for two values exactly when they are the same under their type; '' for an empty value. */
export type Fingerprint = string;

export const EMPTY: Fingerprint = '';

/** Missing, null, '' and an empty list are one thing: no value. */
export function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

/**
 * Reads a raw JSON value as its declared type.
 * @throws TandemError VALUE_TYPE; the message names the type, never the value
 */
export function parseValue(raw: unknown, { type, scale }: TypeOptions): TypedValue {
  if (isEmpty(raw)) return undefined;
  const fail = (): never => {
    throw new TandemError('VALUE_TYPE', `The value is ${describe(raw)}, not ${article(type)}.`);
  };
  switch (type) {
    case 'string':
      if (typeof raw === 'string') return raw;
      if (raw instanceof ExactNumber) return raw.text;
      return typeof raw === 'number' || typeof raw === 'boolean' ? String(raw) : fail();
    case 'integer':
    case 'decimal': {
      const number = parseDecimal(raw) ?? fail();
      if (type === 'integer') return number.isInteger() ? number : fail();
      return scale === undefined ? number : number.toDecimalPlaces(scale, Decimal.ROUND_HALF_UP);
    }
    case 'boolean':
      if (typeof raw === 'boolean') return raw;
      if (raw === 'true' || raw === 1 || raw === '1') return true;
      return raw === 'false' || raw === 0 || raw === '0' ? false : fail();
    case 'date':
    case 'datetime': {
      const text = typeof raw === 'string' && raw.length <= LONGEST_SCALAR && WHOLE_DAY.test(raw) ? raw.trim() : fail();
      const stated = DateTime.fromISO(text, { zone: 'utc', setZone: true });
      if (!stated.isValid) return fail();
      // The day is the one that a person reads in the text, not the one that it is at that moment in UTC.
      return type === 'date' ? DateTime.utc(stated.year, stated.month, stated.day) : stated.toUTC();
    }
    case 'list':
      return Array.isArray(raw) ? raw : [raw];
  }
}

/** A time alone would be one of today, another value every day; of a year, month or week alone a day would be made up. */
const WHOLE_DAY = /^\s*(\d{4}|[+-]\d{6})(-?)\d{2}\2\d{2}(T|\s*$)/;

function parseDecimal(given: unknown): Decimal | undefined {
  if (typeof given === 'number') return Number.isFinite(given) ? new Decimal(given) : undefined;
  const raw = given instanceof ExactNumber ? given.text : given;
  if (typeof raw !== 'string' || raw.length > LONGEST_SCALAR) return undefined;
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,4})?$/i.test(raw.trim())) return undefined;
  return new Decimal(raw.trim());
}

/**
 * The typed value as text: equal texts are equal values. A raw value that does not fit the type is compared as it
 * stands, so that a wrong value on one side still counts as one value and not as none.
 */
export function canonical(raw: unknown, options: TypeOptions): string {
  let value: TypedValue;
  try {
    value = parseValue(raw, options);
  } catch {
    return `raw:${stableJson(raw)}`;
  }
  if (value === undefined) return '';
  if (Decimal.isDecimal(value)) return value.isZero() ? '0' : value.toFixed();
  if (DateTime.isDateTime(value)) return String(value.toMillis());
  if (typeof value === 'string') return `s:${options.equal ? inForm(value, options.equal) : value}`;
  return stableJson(value);
}

/**
 * Makes the fingerprints that are stored. Those of an installation are keyed: who reads them without the key can guess no
 * value. Fingerprints of two installations are never the same.
 */
export interface Fingerprinter {
  /** @returns '' for '', else a short text */
  token(text: string): Fingerprint;
  /** The fingerprint of a value under its type: '' for an empty one. */
  of(raw: unknown, options: TypeOptions): Fingerprint;
}

/** Without a key: for comparing values while a check runs. Nothing of it is stored. */
export const unkeyed: Fingerprinter = { token: (text) => (text === '' ? EMPTY : hash(text)), of: fingerprint };

/** Without a key. @returns 16 characters over the canonical text, '' for an empty value */
export function fingerprint(raw: unknown, options: TypeOptions): Fingerprint {
  return unkeyed.token(canonical(raw, options));
}

/** 96 bits of SHA-256 as 16 characters: short enough for millions of them in Redis, too long to meet by chance. */
export function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/**
 * A value as an expression sees it: numbers for decimals that arrive as text (unless a number cannot hold all their
 * digits), booleans for 'true', otherwise as it came.
 */
export function expressionInput(raw: unknown, options: TypeOptions): unknown {
  if (raw instanceof ExactNumber) return raw.seen();
  if (options.type !== 'decimal' && options.type !== 'integer' && options.type !== 'boolean') return raw;
  try {
    const value = parseValue(raw, options);
    return Decimal.isDecimal(value) ? (exactNumber(value) ?? raw) : value;
  } catch {
    return raw;
  }
}

/**
 * The JSON to write for a value: the target's schema says whether a decimal is a number or text ("19.90"), an id
 * a number or text. null clears.
 * @param schema JSON Schema of the place written to, where it is known
 * @throws TandemError VALUE_TYPE
 */
export function toJson(raw: unknown, options: TypeOptions, schema?: { readonly type?: unknown }): Json {
  const value = parseValue(raw, options);
  if (value === undefined) return null;
  const wants = wanted(schema);
  if (Decimal.isDecimal(value)) {
    if (wants === 'text') return value.toFixed(options.scale);
    return raw instanceof ExactNumber ? exactJson(value) : requireNumber(value);
  }
  if (DateTime.isDateTime(value)) {
    return options.type === 'date' ? (value.toISODate() as string) : value.toJSDate().toISOString();
  }
  if (typeof value === 'string' && wants === 'number') return raw instanceof ExactNumber ? raw : numberOf(value);
  return value as Json;
}

/** What the place written to takes; undefined where it takes both, or is not known. */
function wanted(schema: { readonly type?: unknown } | undefined): 'text' | 'number' | undefined {
  const accepts = new Set<unknown>([schema?.type].flat());
  const number = accepts.has('number') || accepts.has('integer');
  if (accepts.has('string') === number) return undefined;
  return number ? 'number' : 'text';
}

/**
 * The id of a record as the place wants it: ids are text here, and may have more digits than a number can hold.
 * @throws TandemError VALUE_TYPE
 */
export function idJson(id: string, schema?: { readonly type?: unknown }): Json {
  if (wanted(schema) !== 'number') return id;
  return /^(0|-?[1-9]\d*)$/.test(id) ? exactJson(new Decimal(id)) : numberOf(id);
}

/** A text as a number from which the same text comes back: a code that only looks like a number is none. */
function numberOf(text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && String(number) === text) return number;
  if (parseDecimal(text) === undefined)
    throw new TandemError('VALUE_TYPE', 'The value is text where the target wants a number.');
  if (/^-?[1-9]\d*$/.test(text)) throw tooLong();
  throw new TandemError(
    'VALUE_TYPE',
    'The value is text that would come back otherwise from the number that the target wants, as leading zeros and "+" do. ' +
      'If it is an amount, set the type of the property.',
  );
}

const exactJson = (value: Decimal): Json => exactNumber(value) ?? new ExactNumber(value.toFixed());

const tooLong = (): TandemError =>
  new TandemError('VALUE_TYPE', 'The value has more digits than the number that the target wants can hold.');

/** @returns undefined where a JSON number would lose digits, as it does with long ids */
export function exactNumber(value: Decimal): number | undefined {
  const number = value.toNumber();
  return Number.isFinite(number) && value.equals(number) ? number : undefined;
}

function requireNumber(value: Decimal): number {
  const number = exactNumber(value);
  if (number === undefined) throw tooLong();
  return number;
}

/** The text under which a value table knows a value: one text for all forms of a value that are the same under its type. */
export function tableKey(raw: unknown, options: TypeOptions): string {
  try {
    return String(toJson(raw, options, { type: 'string' }));
  } catch {
    return String(raw);
  }
}

/** JSON with sorted keys, so that the order in which a system answers them does not matter. */
export function stableJson(value: unknown): string {
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(stableJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const object = value as Record<string, unknown>;
    const keys = Object.keys(object).filter((key) => object[key] !== undefined);
    const fields = keys.sort().map((key) => `${JSON.stringify(key)}:${stableJson(object[key])}`);
    return `{${fields.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

function describe(raw: unknown): string {
  if (Array.isArray(raw)) return 'a list';
  if (raw instanceof ExactNumber) return 'a number';
  if (typeof raw === 'object') return 'an object';
  return typeof raw === 'string' ? 'a text' : `a ${typeof raw}`;
}

const article = (type: ValueType): string => (type === 'integer' ? 'an integer' : `a ${type}`);

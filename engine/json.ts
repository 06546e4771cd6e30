/**
 * JSON that keeps the digits of its numbers. `JSON.parse` reads 9007199254740993 as ...992 and 1e400 as infinity; here a
 * number that JavaScript cannot hold is an ExactNumber, and is printed with the digits that it came with.
 */
import { randomUUID } from 'node:crypto';
import { Decimal } from 'decimal.js';

/** A value of JSON; a number that JavaScript cannot hold is an ExactNumber. */
export type Json = string | number | boolean | null | ExactNumber | Json[] | { [key: string]: Json };
/** Keys come from outside, `constructor` among them: look one up with `Object.hasOwn`. */
export type JsonObject = { [key: string]: Json };

/** A number of JSON that a JavaScript number cannot hold, as it was written. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }

  /** Where it is only shown or stored, it is text: a later reader must not lose the digits either. */
  toJSON(): string {
    return this.text;
  }

  /**
   * As expressions see it: a whole number is text, for it is an id more often than an amount; any other the nearest
   * number that JavaScript has.
   */
  seen(): string | number {
    const number = Number(this.text);
    return this.isInteger() || !Number.isFinite(number) ? this.text : number;
  }

  isInteger(): boolean {
    return /^-?\d+$/.test(this.text);
  }
}

/** Whether a value of JSON is an object: no list, no number of any kind. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber);

/** Marks numbers within JSON; nobody else can know it. */
const MARK = `number-${randomUUID()}-`;
const MARKED = new RegExp(`"${MARK}([^"]*)"`, 'g');

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Like JSON.parse. @throws SyntaxError */
export function parseJson(text: string): unknown {
  if (!isSuspect(text)) return JSON.parse(text) as unknown;
  const marked = markNumbers(text);
  const value = JSON.parse(marked) as unknown;
  return marked === text ? value : unmark(value);
}

/** Like JSON.stringify of a value that is no function and not undefined. */
export function printJson(value: unknown): string {
  let found = false;
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key, item: unknown) {
    // The replacer gets what toJSON has made of the value.
    const exact = this[key];
    if (!(exact instanceof ExactNumber)) return item;
    found = true;
    return MARK + exact.text;
  });
  return found ? text.replace(MARKED, '$1') : text;
}

const LONG = 16;
const GREAT = /\d[eE][+-]?\d{3}/;

/**
 * Whether the text may hold a number that JavaScript cannot: all with fewer than 16 digits and a small exponent it can.
 * Every response is asked, so this looks at one character in 16 only: a run of so many digits has one of these.
 */
function isSuspect(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text.charCodeAt(at))) continue;
    let [first, last] = [at, at];
    while (isDigit(text.charCodeAt(first - 1))) first--;
    while (isDigit(text.charCodeAt(last + 1))) last++;
    if (last - first + 1 >= LONG) return true;
  }
  return GREAT.test(text);
}

/** A digit or the point within a number. */
const isDigit = (code: number): boolean => (code >= 48 && code <= 57) || code === 46;

/** Puts the numbers that cannot be held between quotation marks, each with the mark before it. */
function markNumbers(text: string): string {
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const plain = text.slice(at, quote < 0 ? text.length : quote);
    parts.push(
      isSuspect(plain) ? plain.replace(NUMBER, (number) => (isKept(number) ? number : `"${MARK}${number}"`)) : plain,
    );
    if (quote < 0) break;
    at = endOfText(text, quote);
    parts.push(text.slice(quote, at));
  }
  return parts.join('');
}

/** Where the JSON string ends that begins at a quotation mark: the index after it; the end of the text if it does not end. */
export function endOfText(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
  return text.length;
}

const isKept = (text: string): boolean => {
  const number = Number(text);
  return Number.isFinite(number) && new Decimal(text).equals(number);
};

/** In place: the value was made here just now. */
function unmark(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(MARK) ? new ExactNumber(value.slice(MARK.length)) : value;
  if (typeof value !== 'object' || value === null) return value;
  for (const [key, item] of Object.entries(value)) {
    const next = unmark(item);
    if (next !== item)
      Object.defineProperty(value, key, { value: next, enumerable: true, configurable: true, writable: true });
  }
  return value;
}

/** A value as expressions see it. */
export const seenExact = (value: unknown): unknown => mapExact(value, (exact) => exact.seen());

/** As JavaScript numbers, the nearest ones: for what only asks whether a value is a number, and how large. */
export const nearNumbers = (value: unknown): unknown =>
  mapExact(value, ({ text }) => Math.min(Math.max(Number(text), -Number.MAX_VALUE), Number.MAX_VALUE));

/**
 * What an expression has made of a value, with the exact numbers of that value put back: those that it passed on as it
 * saw them. A text that the value holds as text as well stays one.
 */
export function restoreExact(made: unknown, from: unknown): unknown {
  const known = new Map<unknown, ExactNumber>();
  mapExact(from, (exact) => {
    known.set(exact.seen(), exact);
    return exact;
  });
  if (known.size === 0) return made;
  visitScalars(from, (scalar) => void known.delete(scalar));
  const restore = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return known.get(value) ?? value;
    if (Array.isArray(value)) return value.map(restore);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restore(item)]));
  };
  return restore(made);
}

function visitScalars(value: unknown, visit: (scalar: unknown) => void): void {
  if (value instanceof ExactNumber) return;
  if (typeof value !== 'object' || value === null) visit(value);
  else for (const item of Object.values(value)) visitScalars(item, visit);
}

/** A copy in which other values stand for the exact numbers, at any depth; the value itself where it holds none. */
export function mapExact(value: unknown, map: (exact: ExactNumber) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof ExactNumber) return map(value);
  if (Array.isArray(value)) {
    let changed = false;
    const list = value.map((item: unknown) => {
      const next = mapExact(item, map);
      if (next !== item) changed = true;
      return next;
    });
    return changed ? list : value;
  }
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    const next = mapExact(item, map);
    if (next === item) continue;
    copy ??= { ...value };
    copy[key] = next;
  }
  return copy ?? value;
}

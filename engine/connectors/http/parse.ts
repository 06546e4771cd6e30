/**
 * Bodies parsed as JSON; a page of a list record by record: others get their turn in between, and one record that holds too much ruins no
 * other. What comes of it is what a parser makes of the whole.
 */
import { randomUUID } from 'node:crypto';
import { parsePath } from '../../expression/path.ts';
import { endOfText, parseJson } from '../../json.ts';
import { takeTurns } from '../../timing.ts';
import { readPath } from './read-path.ts';
import { RECORD_LIMITS, TooMuch, textOf } from './response-body.ts';

/** Stands for the list while what is around it is parsed; nobody else can know it. */
const MARK = `list-${randomUUID()}`;

/**
 * The body of a response as JSON.
 * @param list path of a list in it, which may be long; undefined: it holds one record
 */
export async function parseBody(
  bytes: Buffer,
  list: string | undefined,
): Promise<{ ok: true; value: unknown } | { ok: false }> {
  if (bytes.length === 0) return { ok: true, value: undefined };
  const text = textOf(bytes);
  if (text === undefined) return { ok: false };
  try {
    return { ok: true, value: list === undefined ? parseJson(text) : await parsePage(text, list) };
  } catch {
    return { ok: false };
  }
}

/** Characters that are parsed at once, in a few milliseconds. */
const SMALL = 100_000;

/**
 * @param path of the list in the text; empty where the text is the list
 * @param small characters that are parsed at once
 * @returns the whole value; in the list, a TooMuch stands for each record that holds too much to be parsed
 * @throws SyntaxError, RangeError
 */
export async function parsePage(text: string, path: string, small = SMALL): Promise<unknown> {
  if (text.length <= small) {
    try {
      return parseJson(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  const start = listStart(text, path);
  // No list there, or a path that selects: the caller that looks for the list reports it.
  if (start === undefined) return parseJson(text);
  const items: unknown[] = [];
  const turn = takeTurns();
  let at = skipSpace(text, start + 1);
  while (text[at] !== ']') {
    if (items.length > 0) {
      if (text[at] !== ',') return parseJson(text);
      at = skipSpace(text, at + 1);
    }
    const { end, values } = skipValue(text, at);
    items.push(values > RECORD_LIMITS.values ? tooMuch() : parseRecord(text.slice(at, end)));
    at = skipSpace(text, end);
    await turn();
  }
  const whole = parseJson(`${text.slice(0, start)}["${MARK}"]${text.slice(at + 1)}`);
  const list = readPath(whole, path);
  // A name that stands there twice: the last one counts.
  if (!Array.isArray(list) || list[0] !== MARK) return parseJson(text);
  list.length = 0;
  for (const item of items) list.push(item);
  return whole;
}

const tooMuch = (): TooMuch => new TooMuch(`The record holds more than ${RECORD_LIMITS.values} values`);

function parseRecord(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof RangeError) return new TooMuch('The record nests too deep to be read');
    throw error;
  }
}

/** Where the bracket of the list stands; undefined where there is none. */
function listStart(text: string, path: string): number | undefined {
  const steps = path === '' ? [] : parsePath(path)?.steps;
  if (steps === undefined || steps.some(({ select }) => select !== undefined)) return undefined;
  let at = skipSpace(text, 0);
  for (const { name } of steps) {
    const found = text[at] === '{' ? valueStart(text, at, name) : undefined;
    if (found === undefined) return undefined;
    at = found;
  }
  return text[at] === '[' ? at : undefined;
}

/** Where the value of a key begins. @param at of the bracket of its object */
function valueStart(text: string, at: number, wanted: string): number | undefined {
  for (let key = skipSpace(text, at + 1); text[key] === '"'; ) {
    const end = endOfText(text, key);
    const colon = skipSpace(text, end);
    if (text[colon] !== ':') return undefined;
    const value = skipSpace(text, colon + 1);
    if (JSON.parse(text.slice(key, end)) === wanted) return value;
    const next = skipSpace(text, skipValue(text, value).end);
    if (text[next] !== ',') return undefined;
    key = skipSpace(text, next + 1);
  }
  return undefined;
}

/** The white space of JSON, and no other. */
const isSpace = (char: string | undefined): boolean => char === ' ' || char === '\n' || char === '\r' || char === '\t';

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text[at])) at++;
  return at;
}

/** The end of a value, and how many values it holds. Of what is no JSON, anything: it is parsed after. */
function skipValue(text: string, from: number): { end: number; values: number } {
  let depth = 0;
  let values = 1;
  let opened = false;
  for (let at = from; at < text.length; ) {
    const char = text[at] as string;
    const closes = char === ']' || char === '}';
    if (depth === 0 && at > from && (closes || char === ',' || isSpace(char))) return { end: at, values };
    if (opened && !isSpace(char)) {
      opened = false;
      if (!closes) values++;
    }
    if (char === '"') {
      at = endOfText(text, at);
      if (depth === 0) return { end: at, values };
      continue;
    }
    at++;
    if (char === ',') values++;
    else if (char === '[' || char === '{') {
      depth++;
      opened = true;
    } else if (closes && --depth <= 0) return { end: at, values };
  }
  return { end: text.length, values };
}

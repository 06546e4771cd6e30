/** Writable paths: the simple JSONata paths that can be read and written, such as `address.line1` or `email_addresses[field='EMAIL1'].email`. */
import { TandemError } from '../errors.ts';
import { isObject } from '../json.ts';
import type { Json, JsonObject } from '../types.ts';

/** Made by `parsePath`. It reads what JSONata would read there, and writes to a copy. */
export interface WritablePath {
  readonly source: string;
  /** The top-level field. */
  readonly root: string;
  /** The way to the value, step by step. */
  readonly steps: readonly PathStep[];
  /** @returns the value, or undefined where the path leads nowhere */
  get(record: JsonObject): unknown;
  /**
   * A copy of the record with the value set; undefined or null clears it. Objects and selected array elements on the
   * way are made; clearing makes none.
   *
   * @throws TandemError VALUE_TYPE where the record holds something on the way that cannot be gone through
   */
  set(record: JsonObject, value: unknown): JsonObject;
}

/** A name, without backquotes. `select` undefined: of a list all elements count, by JSONata's rules for sequences. */
export interface PathStep {
  readonly name: string;
  readonly select: Selection | undefined;
}

/** Which element of an array: the one at a place, or the one whose field equals a literal. */
export type Selection = { readonly index: number } | { readonly key: string; readonly equals: string | number };

/** Names through which JavaScript objects are reached rather than data. */
export const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Words that JSONata reads as something else than a name; backquote them. */
const KEYWORDS = new Set(['and', 'or', 'in', 'true', 'false', 'null']);

const NAME = '([\\p{L}_][\\p{L}\\p{N}_]*|`[^`]+`)';
const STEP = new RegExp(
  `${NAME}(?:\\[\\s*(?:(0|[1-9]\\d{0,5})|${NAME}\\s*=\\s*(?:'([^'\\\\]*)'|"([^"\\\\]*)"|(-?(?:0|[1-9]\\d{0,14})(?:\\.\\d{1,15})?)))\\s*\\])?`,
  'uy',
);

/**
 * @param source names joined by dots (backquoted where they hold other characters), each with at most one selection
 *   `[0]`, `[key='text']` or `[key=1]`; a path does not end with a selection by key, nor write that key
 * @returns undefined where the source is not of this form
 * @throws TandemError CONFIG_PATH where it names `__proto__`, `constructor` or `prototype`
 */
export function parsePath(source: string): WritablePath | undefined {
  const steps = parseSteps(source.trim());
  if (!steps) return undefined;
  const last = steps.at(-1)!;
  if (last.select && 'key' in last.select) return undefined;
  // Writing the very field that selects the element would lose it.
  if (steps.some((step, i) => step.select && 'key' in step.select && step.select.key === steps[i + 1]!.name))
    return undefined;
  for (const { name, select } of steps) {
    for (const word of select && 'key' in select ? [name, select.key] : [name]) {
      if (FORBIDDEN_NAMES.has(word)) throw new TandemError('CONFIG_PATH', `A path may not name "${word}".`);
    }
  }
  return {
    source,
    root: steps[0]!.name,
    steps,
    get: (record) => getPath(record, steps),
    set: (record, value) => setPath(record, steps, value === undefined ? null : (value as Json), source),
  };
}

function parseSteps(text: string): PathStep[] | undefined {
  const steps: PathStep[] = [];
  for (let at = 0; ; at++) {
    STEP.lastIndex = at;
    const match = STEP.exec(text);
    if (!match) return undefined;
    const [, name, index, key, single, double, number] = match;
    const plain = unquote(name!);
    const plainKey = key === undefined ? undefined : unquote(key);
    if (plain === undefined || (key !== undefined && plainKey === undefined)) return undefined;
    const select =
      index !== undefined
        ? { index: Number(index) }
        : plainKey !== undefined
          ? { key: plainKey, equals: single ?? double ?? Number(number) }
          : undefined;
    steps.push({ name: plain, select });
    at = STEP.lastIndex;
    if (at === text.length) return steps;
    if (text[at] !== '.') return undefined;
  }
}

const unquote = (name: string): string | undefined => {
  if (name.startsWith('`')) return name.slice(1, -1);
  return KEYWORDS.has(name) ? undefined : name;
};

// ---------------------------------------------------------------- reading

const own = (object: JsonObject, name: string): Json | undefined =>
  Object.hasOwn(object, name) ? object[name] : undefined;

/** Without an array on the way a path is a walk; with one, JSONata's rules of sequences apply. */
function getPath(record: unknown, steps: readonly PathStep[]): unknown {
  let value: unknown = record;
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    if (!isObject(value)) return Array.isArray(value) ? getSequence([record], steps) : undefined;
    if (step.select) return getSequence([record], steps);
    value = own(value, step.name);
  }
  return value;
}

/** A JSONata sequence: unlike an array it flattens into the next one, and one element stands for itself. */
class Sequence {
  readonly items: unknown[] = [];
}

/** JSONata's evaluatePath for name steps with one filter each (jsonata 2.2: evaluateStep, evaluateFilter, lookup). */
function getSequence(input: readonly unknown[], steps: readonly PathStep[]): unknown {
  let current: readonly unknown[] = input;
  for (let i = 0; ; i++) {
    const step = steps[i]!;
    const results: unknown[] = [];
    for (const item of current) {
      let result = unwrap(lookup(item, step.name));
      if (step.select) result = filter(result, step.select);
      if (result !== undefined) results.push(result);
    }
    if (i === steps.length - 1 && results.length === 1 && Array.isArray(results[0])) return results[0];
    const flat = new Sequence();
    for (const result of results) {
      if (result instanceof Sequence) addAll(flat.items, result.items);
      else if (Array.isArray(result)) addAll(flat.items, result);
      else flat.items.push(result);
    }
    if (i === steps.length - 1) return plain(unwrap(flat));
    current = flat.items;
  }
}

/** As `push(...items)`, whose arguments would overflow the stack where a record holds very many. */
function addAll(to: unknown[], items: readonly unknown[]): void {
  for (const item of items) to.push(item);
}

function lookup(item: unknown, name: string): unknown {
  if (Array.isArray(item)) {
    const found = new Sequence();
    for (const element of item) {
      const value = lookup(element, name);
      if (value instanceof Sequence) addAll(found.items, value.items);
      else if (Array.isArray(value)) addAll(found.items, value);
      else if (value !== undefined) found.items.push(value);
    }
    return found;
  }
  return isObject(item) ? own(item, name) : undefined;
}

function filter(input: unknown, select: Selection): unknown {
  const items: readonly unknown[] = input instanceof Sequence ? input.items : Array.isArray(input) ? input : [input];
  const found = new Sequence();
  if ('index' in select) {
    const item = items[select.index];
    if (Array.isArray(item)) return item;
    if (item !== undefined) found.items.push(item);
    return found;
  }
  for (const item of items) if (matches(item, select)) found.items.push(item);
  return found;
}

function matches(item: unknown, select: { key: string; equals: string | number }): boolean {
  const value = getSequence(Array.isArray(item) ? item : [item], [{ name: select.key, select: undefined }]);
  return value === select.equals;
}

function unwrap(value: unknown): unknown {
  if (!(value instanceof Sequence)) return value;
  return value.items.length === 0 ? undefined : value.items.length === 1 ? value.items[0] : value;
}

const plain = (value: unknown): unknown => (value instanceof Sequence ? value.items : value);

// ---------------------------------------------------------------- writing

function setPath(record: JsonObject, steps: readonly PathStep[], value: Json, source: string): JsonObject {
  const step = steps[0]!;
  const rest = steps.slice(1);
  const child = own(record, step.name);
  if (step.select) {
    const changed = setSelected(child, step, step.select, rest, value, source);
    return changed === undefined ? record : put(record, step.name, changed);
  }
  if (rest.length === 0) return put(record, step.name, value);
  const inner = setInside(child, step.name, rest, value, source);
  return inner === undefined ? record : put(record, step.name, inner);
}

/** @returns the changed container, or undefined where there is nothing to clear */
function setInside(
  child: Json | undefined,
  name: string,
  rest: readonly PathStep[],
  value: Json,
  source: string,
): Json | undefined {
  if (isObject(child)) return setPath(child, rest, value, source);
  if (Array.isArray(child)) {
    if (child.length > 1)
      throw cannot(source, `"${name}" holds ${child.length} elements; select one, such as ${name}[0]`);
    const first = setInside(child[0], name, rest, value, source);
    return first === undefined ? undefined : [first];
  }
  if (value === null) return undefined;
  if (child !== undefined && child !== null && child !== '') throw cannot(source, `"${name}" holds no object`);
  return setPath({}, rest, value, source);
}

function setSelected(
  child: Json | undefined,
  step: PathStep,
  select: Selection,
  rest: readonly PathStep[],
  value: Json,
  source: string,
): Json | undefined {
  const list = Array.isArray(child) ? child : undefined;
  const items: readonly Json[] = list ?? (child === undefined || child === null || child === '' ? [] : [child]);
  const at = 'index' in select ? select.index : items.findIndex((item) => matches(item, select));
  const missing = at < 0 || at >= items.length;
  if (missing && value === null) return undefined;
  if ('index' in select && at > items.length)
    throw cannot(source, `"${step.name}" holds ${items.length} elements, so number ${at} cannot be made`);
  let element: Json | undefined;
  if (rest.length === 0) element = value;
  else if (missing && 'key' in select) element = setPath({ [select.key]: select.equals }, rest, value, source);
  else element = setInside(items[at], step.name, rest, value, source);
  if (element === undefined) return undefined;
  if (missing) return [...items, element];
  // JSONata reads a lone value as a list of one; it stays what it was.
  return list ? list.map((item, i) => (i === at ? element : item)) : element;
}

function put(record: JsonObject, name: string, value: Json): JsonObject {
  return { ...record, [name]: value };
}

function cannot(path: string, why: string): TandemError {
  return new TandemError('VALUE_TYPE', `${path} cannot be written: ${why}.`, { property: path });
}

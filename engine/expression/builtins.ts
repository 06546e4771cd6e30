/** JSONata's own functions: their names, and bounds for those that could use more than an expression may. */
import jsonata from 'jsonata';
import { TandemError } from '../errors.ts';
import { MAX_PICTURE, MAX_SEQUENCE, MAX_STRING, MAX_VALUES } from './limits.ts';
import { checkPicture, withLinearRegExp } from './pictures.ts';
import { sizeOf } from './size.ts';
import { type Budget, pause } from './turns.ts';

/** Every function of JSONata 2.2; `$eval` is left out, as it would run data as code. */
export const BUILTINS: ReadonlySet<string> = new Set(
  (
    'sum count max min average string substring substringBefore substringAfter lowercase uppercase length trim pad match contains ' +
    'replace split join formatNumber formatBase formatInteger parseInteger number floor ceil round abs sqrt power random boolean not ' +
    'map zip filter single reduce sift keys lookup append exists spread merge reverse each error assert type sort shuffle distinct ' +
    'base64encode base64decode encodeUrlComponent encodeUrl decodeUrlComponent decodeUrl toMillis fromMillis clone now millis'
  ).split(' '),
);

/** Functions whose answer differs from one moment to the next. */
export const VOLATILE: ReadonlySet<string> = new Set(['now', 'millis', 'random', 'shuffle']);

/** Under which the budget of an evaluation is bound; no source can write it. */
export const BUDGET = 'evaluation budget';

/** What JSONata calls a function with as `this`. */
interface Focus {
  readonly environment: jsonata.Environment & {
    readonly base: jsonata.Environment & { readonly timestamp: Date };
  };
  createSequence(): unknown[];
}
type Implementation = (this: Focus, ...args: unknown[]) => unknown;
interface Definition {
  readonly _jsonata_function: true;
  readonly implementation: Implementation;
  readonly signature?: unknown;
}

/** JSONata keeps its functions in a frame of its own: a bare name is the way to them. */
const originals: ReadonlyMap<string, Definition> = new Map(
  await Promise.all(
    [...BUILTINS].map(
      async (name) => [name, (await jsonata(`$${name}`).evaluate(undefined)) as unknown as Definition] as const,
    ),
  ),
);
const original = (name: string): Implementation => originals.get(name)!.implementation;

const limit = (message: string): TandemError => new TandemError('EXPRESSION_LIMIT', message);

// ---------------------------------------------------------------- functions that are bounded by more than their arguments' size

/**
 * JSONata holds the arguments of a call to the signature, but not those of a function that was applied in part:
 * `$join(?, "-")` may be given anything.
 */
const INSTEAD: Readonly<Record<string, Implementation>> = {
  pad(text, width, char) {
    if (Math.abs(Number(width)) > MAX_STRING) throw tooLong('pad');
    return original('pad').call(this, text, width, char);
  },
  join(texts, separator) {
    const between = typeof separator === 'string' ? separator.length : 0;
    let length = 0;
    for (const text of Array.isArray(texts) ? texts : [])
      length += (typeof text === 'string' ? text.length : 0) + between;
    if (length > MAX_STRING) throw tooLong('join');
    return original('join').call(this, texts, separator);
  },
  string(value, prettify) {
    countValues('string', value);
    return original('string').call(this, value, prettify);
  },
  clone(value) {
    countValues('clone', value);
    return original('clone').call(this, value);
  },
  /** JSONata compares everything with everything. */
  distinct(list) {
    if (!Array.isArray(list) || list.length <= 1) return list;
    countValues('distinct', list);
    const keyOf = deepKeys();
    const seen = new Set<string>();
    const result = 'sequence' in list ? this.createSequence() : [];
    for (const item of list) {
      const key = keyOf(item);
      if (!seen.has(key)) result.push(item);
      seen.add(key);
    }
    return result;
  },
  /** JSONata copies the rest of a list for each element, and keeps all copies until the end. */
  sort(list, after) {
    if (!Array.isArray(list) || list.length <= 1) return list;
    if (after !== undefined) return mergeSort(list, after as After);
    const type = typeof list[0];
    const alike = (type === 'string' || type === 'number') && list.every((item) => typeof item === type);
    // JSONata says why not.
    if (!alike) return original('sort').call(this, list, undefined);
    return list.slice().sort((a, b) => (a > b ? 1 : a < b ? -1 : 0));
  },
  match(text, pattern, most) {
    return original('match').call(this, text, paced(this, pattern), most);
  },
  contains(text, pattern) {
    return original('contains').call(this, text, paced(this, pattern));
  },
  replace(text, pattern, replacement, most) {
    return original('replace').call(this, text, paced(this, pattern), replacement, most);
  },
  split(text, separator, most) {
    return original('split').call(this, text, paced(this, separator), most);
  },
  toMillis(text, picture) {
    if (picture === undefined) return original('toMillis').call(this, text, picture);
    readByPicture('toMillis', text, picture);
    return withLinearRegExp(() => original('toMillis').call(this, text, picture));
  },
  parseInteger(text, picture) {
    readByPicture('parseInteger', text, picture);
    return original('parseInteger').call(this, text, picture);
  },
  fromMillis(millis, picture, timezone) {
    checkPicture('fromMillis', picture);
    return original('fromMillis').call(this, millis, picture, timezone);
  },
  now(picture, timezone) {
    checkPicture('now', picture);
    return original('fromMillis').call(this, this.environment.base.timestamp.getTime(), picture, timezone);
  },
  // JSONata's own has the clock of the instance that the function was taken from.
  millis() {
    return this.environment.base.timestamp.getTime();
  },
  formatInteger(number, picture) {
    checkPicture('formatInteger', picture);
    return original('formatInteger').call(this, number, picture);
  },
  formatNumber(number, picture, options) {
    checkPicture('formatNumber', picture);
    return original('formatNumber').call(this, number, picture, options);
  },
};

const tooLong = (name: string): TandemError =>
  limit(`$${name} would make a text of more than ${MAX_STRING} characters.`);

function readByPicture(name: string, text: unknown, picture: unknown): void {
  checkPicture(name, picture);
  if (typeof text === 'string' && text.length > MAX_PICTURE)
    throw limit(`$${name} takes texts of at most ${MAX_PICTURE} characters where it reads them by a picture.`);
}

const isFunction = (value: object): boolean =>
  ('_jsonata_lambda' in value && value._jsonata_lambda === true) ||
  ('_jsonata_function' in value && value._jsonata_function === true);

function countValues(name: string, value: unknown): void {
  if (sizeOf(value, MAX_VALUES, Number.POSITIVE_INFINITY, isFunction) !== 'fits')
    throw limit(`$${name} takes at most ${MAX_VALUES} values.`);
}

/** @returns texts that are equal for two values exactly when JSONata finds the values equal */
function deepKeys(): (value: unknown) => string {
  const functions = new Map<object, number>();
  const keyOf = (value: unknown): string => {
    if (typeof value === 'function' || (typeof value === 'object' && value !== null && isFunction(value))) {
      if (!functions.has(value)) functions.set(value, functions.size);
      return `f${functions.get(value)}`;
    }
    if (Array.isArray(value)) return `[${value.map(keyOf).join()}]`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
    const fields = value as Record<string, unknown>;
    return `{${Object.keys(fields)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${keyOf(fields[name])}`)
      .join()}}`;
  };
  return keyOf;
}

type After = (a: unknown, b: unknown) => unknown;

/** @param after whether the first of two elements comes after the second */
async function mergeSort(list: readonly unknown[], after: After): Promise<unknown[]> {
  if (list.length <= 1) return [...list];
  const middle = Math.floor(list.length / 2);
  const left = await mergeSort(list.slice(0, middle), after);
  const right = await mergeSort(list.slice(middle), after);
  const merged: unknown[] = [];
  let [l, r] = [0, 0];
  while (l < left.length && r < right.length) merged.push((await after(left[l], right[r])) ? right[r++] : left[l++]);
  return merged.concat(left.slice(l), right.slice(r));
}

interface Match {
  readonly next?: unknown;
}

/** A regular expression finds one match after the other without a node between: here, others have their turn between. */
function paced(focus: Focus, pattern: unknown): unknown {
  if (typeof pattern !== 'function') return pattern;
  const budget = budgetOf(focus);
  const step =
    (find: (...args: unknown[]) => unknown) =>
    async (...args: unknown[]): Promise<unknown> => {
      await pause(budget);
      const match = (await find(...args)) as Match | undefined;
      return typeof match?.next === 'function' ? { ...match, next: step(match.next as () => unknown) } : match;
    };
  return step(pattern as () => unknown);
}

// ---------------------------------------------------------------- all functions

/** Those that go through a list once and make none. */
const ANY_LENGTH = new Set(['count', 'exists', 'boolean', 'not', 'type', 'sum', 'max', 'min', 'average']);

const budgetOf = ({ environment }: Focus): Budget => environment.base.lookup(BUDGET) as Budget;

const DEFINITIONS = [...originals].map(([name, definition]) => [name, bounded(name, definition)] as const);

/** JSONata applies its functions to functions (`$map(list, $string)`) without evaluating a node. */
function bounded(name: string, definition: Definition): Definition {
  const { implementation } = definition;
  const work = INSTEAD[name] ?? implementation;
  const anyLength = ANY_LENGTH.has(name);
  function checked(this: Focus, ...given: unknown[]): unknown {
    for (const value of given) {
      if (typeof value === 'string' && value.length > MAX_STRING)
        throw limit(`$${name} takes texts of at most ${MAX_STRING} characters.`);
      if (!anyLength && Array.isArray(value) && value.length > MAX_SEQUENCE)
        throw limit(`$${name} takes at most ${MAX_SEQUENCE} elements.`);
    }
    const wait = pause(budgetOf(this));
    return wait ? wait.then(() => work.apply(this, given)) : work.apply(this, given);
  }
  // JSONata looks at both to apply a function in part, or to give it no more arguments than it takes.
  const text = `function (${Array.from({ length: Math.max(implementation.length, work.length) }, (_, i) => `a${i}`).join(', ')})`;
  Object.defineProperty(checked, 'length', { value: implementation.length });
  checked.toString = () => text;
  return { ...definition, implementation: checked };
}

/** Replaces JSONata's functions for one expression, whose evaluations have a budget bound to `BUDGET`. */
export function boundBuiltins(expression: jsonata.Expression): void {
  // What was defined once need not be defined again for each expression, as `registerFunction` would.
  for (const [name, definition] of DEFINITIONS) expression.assign(name, definition);
}

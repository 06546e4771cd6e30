/** JSONata's own functions: their names, and bounds for those that could use more than an expression may. */
import jsonata from 'jsonata';
import { TandemError } from '../errors.ts';
import { MAX_RESULT_NODES, MAX_SEQUENCE, MAX_STRING } from './limits.ts';

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

type Implementation = (this: unknown, ...args: unknown[]) => unknown;

/** JSONata keeps its functions in a frame of its own: a bare name is the way to them. */
const original = async (name: string): Promise<Implementation> =>
  ((await jsonata(`$${name}`).evaluate(undefined)) as { implementation: Implementation }).implementation;

const [stringOriginal, joinOriginal, distinctOriginal, toMillisOriginal, padOriginal, sortOriginal, siftOriginal] =
  await Promise.all(['string', 'join', 'distinct', 'toMillis', 'pad', 'sort', 'sift'].map(original));

const MAX_DISTINCT = 2_000;
const MAX_PICTURE = 128;

const limit = (message: string): TandemError => new TandemError('EXPRESSION_LIMIT', message);
const tooLong = (name: string): TandemError =>
  limit(`$${name} would make a text of more than ${MAX_STRING} characters.`);

/**
 * Replaces the functions that build much out of little, before they build it. JSONata holds the arguments of a call to
 * the signature, but not those of a function that was applied in part: `$join(?, "-")` may be given anything.
 */
export function boundBuiltins(expression: jsonata.Expression): void {
  expression.registerFunction(
    'pad',
    function (text: unknown, width: unknown, char: unknown) {
      if (Math.abs(Number(width)) > MAX_STRING) throw tooLong('pad');
      return padOriginal!.call(this, text, width, char);
    },
    '<s-ns?:s>',
  );
  expression.registerFunction(
    'join',
    function (texts: unknown, separator: unknown) {
      const list = Array.isArray(texts) ? texts : [];
      const between = typeof separator === 'string' ? separator.length : 0;
      const length = list.reduce<number>(
        (sum, text) => sum + (typeof text === 'string' ? text.length : 0) + between,
        0,
      );
      if (length > MAX_STRING) throw tooLong('join');
      return joinOriginal!.call(this, texts, separator);
    },
    '<a<s>s?:s>',
  );
  expression.registerFunction(
    'string',
    function (value: unknown, prettify: unknown) {
      countNodes(value);
      return stringOriginal!.call(this, value, prettify);
    },
    '<x-b?:s>',
  );
  expression.registerFunction(
    'distinct',
    function (value: unknown) {
      if (Array.isArray(value) && value.length > MAX_DISTINCT)
        throw limit(`$distinct takes at most ${MAX_DISTINCT} elements.`);
      return distinctOriginal!.call(this, value);
    },
    '<x:x>',
  );
  expression.registerFunction(
    'sort',
    // It merges through a promise per comparison, all of them in memory at once.
    function (list: unknown, comparator: unknown) {
      if (Array.isArray(list) && list.length > MAX_SEQUENCE)
        throw limit(`$sort takes at most ${MAX_SEQUENCE} elements.`);
      return sortOriginal!.call(this, list, comparator);
    },
    '<af?:a>',
  );
  expression.registerFunction(
    'sift',
    function (value: unknown, test: unknown) {
      if (typeof value === 'object' && value !== null && Object.keys(value).length > MAX_SEQUENCE)
        throw limit(`$sift takes at most ${MAX_SEQUENCE} fields.`);
      return siftOriginal!.call(this, value, test);
    },
    '<o-f?:o>',
  );
  expression.registerFunction(
    'toMillis',
    function (text: unknown, picture: unknown) {
      // JSONata makes a backtracking regular expression of the picture.
      if ([text, picture].some((given) => String(given).length > MAX_PICTURE)) {
        throw limit(`$toMillis takes texts of at most ${MAX_PICTURE} characters.`);
      }
      return toMillisOriginal!.call(this, text, picture);
    },
    '<s-s?:n>',
  );
}

function countNodes(value: unknown): void {
  let left = MAX_RESULT_NODES;
  const visit = (item: unknown): void => {
    if (--left < 0) throw limit(`$string takes at most ${MAX_RESULT_NODES} values.`);
    if (typeof item !== 'object' || item === null || '_jsonata_lambda' in item || '_jsonata_function' in item) return;
    for (const inner of Object.values(item)) visit(inner);
  };
  visit(value);
}

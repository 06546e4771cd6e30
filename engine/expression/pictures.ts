/** Pictures of times and numbers (`[Y0001]-[M01]`, `#,##0.00`): bounded, and read without a RegExp that backtracks. */
import { TandemError } from '../errors.ts';
import { keepLatest } from '../latest.ts';
import { MAX_PICTURE, MAX_WIDTH } from './limits.ts';
import { LinearRegex } from './regex.ts';

/**
 * @param name of the function that is given the picture
 * @throws TandemError EXPRESSION_LIMIT for one that is longer or wider than any real one
 */
export function checkPicture(name: string, picture: unknown): void {
  if (typeof picture !== 'string') return;
  if (picture.length > MAX_PICTURE)
    throw new TandemError('EXPRESSION_LIMIT', `$${name} takes pictures of at most ${MAX_PICTURE} characters.`);
  // `[[` is a bracket.
  for (const [, marker = ''] of picture.matchAll(/\[\[|\[([^\]]*)\]/g)) {
    const width = marker.replace(/\s+/g, '').split(',').slice(1).pop() ?? '';
    if (width.split('-').some((part) => Number(part) > MAX_WIDTH))
      throw new TandemError('EXPRESSION_LIMIT', `$${name} takes components of at most ${MAX_WIDTH} characters.`);
  }
}

const NativeRegExp = globalThis.RegExp;

/**
 * JSONata makes a RegExp of a picture, which backtracks for minutes over some (jsonata-js/jsonata#833). So `RegExp` is the
 * linear engine while it does, which awaits nothing.
 */
export function withLinearRegExp<T>(work: () => T): T {
  globalThis.RegExp = LinearRegExp as unknown as RegExpConstructor;
  try {
    return work();
  } finally {
    globalThis.RegExp = NativeRegExp;
  }
}

const patterns = keepLatest<RegExp>(100);

/** Called with `new`, it answers what it returns. */
function LinearRegExp(source: string, flags: string): LinearRegex {
  return new LinearRegex(patterns(`${flags}/${source}`, () => new NativeRegExp(source, flags)));
}

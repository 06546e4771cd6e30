/** The regex engine of expressions and schemas: RE2 semantics in linear time, behind the part of RegExp that is used. */
import { type Matcher, RE2JS } from 're2js';
import { TandemError } from '../errors.ts';
import { MAX_PATTERN_TEXT, MAX_REGEX_STEPS, MAX_REGEX_TEXT } from './limits.ts';

const compiled = new WeakMap<RegExp, RE2JS>();

/**
 * @param pattern a regex literal of an expression
 * @throws TandemError CONFIG_EXPRESSION where linear time is impossible (lookaround, backreferences)
 */
export function compileRegex(pattern: RegExp): RE2JS {
  let regex = compiled.get(pattern);
  // Stryker disable next-line ConditionalExpression: saves time only; compiled again it is the same
  if (!regex) {
    const flags = (pattern.ignoreCase ? RE2JS.CASE_INSENSITIVE : 0) | (pattern.multiline ? RE2JS.MULTILINE : 0);
    regex = compileSource(pattern.source, flags);
    compiled.set(pattern, regex);
  }
  return regex;
}

function compileSource(source: string, flags = 0): RE2JS {
  try {
    // The engine would take it for the text "k<name>".
    if (namesBackreference(source)) throw new Error('backreference');
    return RE2JS.compile(RE2JS.translateRegExp(source), flags);
  } catch (error) {
    throw new TandemError(
      'CONFIG_EXPRESSION',
      `The regular expression /${source}/ cannot be used: ${reason(source, error)}`,
      { cause: error },
    );
  }
}

/** `\k<name>` is a backreference where the pattern names a group; else it is text. */
const namesBackreference = (source: string): boolean =>
  /\(\?<[^=!]/.test(source) && /(?<!\\)(?:\\\\)*\\k</.test(source);

function reason(source: string, error: unknown): string {
  if (/\(\?<?[=!]/.test(source))
    return 'lookahead and lookbehind are not supported, as they cannot run in linear time; match more and take a group instead.';
  if (/\\(?:[1-9]|k<)/.test(source)) return 'backreferences are not supported, as they cannot run in linear time.';
  return `${error instanceof Error ? error.message : String(error)}.`;
}

/** What JSONata makes of a regex literal at each evaluation: `exec` from `lastIndex` on, as a global RegExp does it. */
export class LinearRegex {
  lastIndex = 0;
  readonly source: string;
  private readonly regex: RE2JS;
  private matching: { readonly text: string; readonly matcher: Matcher } | undefined;

  constructor(pattern: RegExp) {
    this.source = pattern.source;
    this.regex = compileRegex(pattern);
  }

  /** @throws TandemError EXPRESSION_LIMIT for a text that would take it too long */
  exec(given: string): RegExpExecArray | null {
    const text = String(given);
    // Stryker disable next-line ConditionalExpression: saves time only; `find` begins again each time
    if (text !== this.matching?.text) {
      const most = Math.min(MAX_REGEX_TEXT, Math.floor(MAX_REGEX_STEPS / this.regex.programSize()));
      if (text.length > most)
        throw new TandemError(
          'EXPRESSION_LIMIT',
          `A regular expression was given a text of more than ${most} characters.`,
        );
      this.matching = { text, matcher: this.regex.matcher(text) };
    }
    const { matcher } = this.matching;
    const found = this.lastIndex <= text.length && matcher.find(this.lastIndex);
    if (!found) {
      this.lastIndex = 0;
      return null;
    }
    const groups: (string | undefined)[] = [];
    for (let i = 0; i <= matcher.groupCount(); i++) groups.push(matcher.group(i) ?? undefined);
    this.lastIndex = matcher.end(0);
    return Object.assign(groups, { index: matcher.start(0), input: text }) as RegExpExecArray;
  }
}

/** Whether a text holds what a pattern of a schema asks for; none that is very long does. */
export interface LinearPattern {
  test(text: string): boolean;
  toString(): string;
}

/** @throws TandemError CONFIG_EXPRESSION where linear time is impossible */
export function linearPattern(source: string): LinearPattern {
  const regex = compileSource(source);
  const pattern: LinearPattern = {
    test: (text) => text.length <= MAX_PATTERN_TEXT && regex.test(text),
    // ajv tells patterns apart by their text.
    toString: () => `/${source}/`,
  };
  return pattern;
}

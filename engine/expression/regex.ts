/** The regex engine of expressions: RE2 semantics in linear time, behind the part of RegExp that JSONata uses. */
import { type Matcher, RE2JS } from 're2js';
import { TandemError } from '../errors.ts';
import { MAX_STRING, REGEX_MILLISECONDS } from './limits.ts';

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
    try {
      // The engine would take it for the text "k<name>".
      if (namesBackreference(pattern.source)) throw new Error('backreference');
      regex = RE2JS.compile(RE2JS.translateRegExp(pattern.source), flags);
    } catch (error) {
      throw new TandemError(
        'CONFIG_EXPRESSION',
        `The regular expression /${pattern.source}/ cannot be used: ${reason(pattern.source, error)}`,
        { cause: error },
      );
    }
    compiled.set(pattern, regex);
  }
  return regex;
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

/**
 * What JSONata makes of a regex literal at each evaluation: `exec` from `lastIndex` on, as a global RegExp does it.
 * An instance belongs to one evaluation, so the time it has used is bounded here, where JSONata does not look.
 */
export class LinearRegex {
  lastIndex = 0;
  readonly source: string;
  private readonly regex: RE2JS;
  private matching: { readonly text: string; readonly matcher: Matcher } | undefined;
  private used = 0;

  constructor(pattern: RegExp) {
    this.source = pattern.source;
    this.regex = compileRegex(pattern);
  }

  exec(text: string): RegExpExecArray | null {
    if (text.length > MAX_STRING)
      throw new TandemError(
        'EXPRESSION_LIMIT',
        `A regular expression was given a text of more than ${MAX_STRING} characters.`,
      );
    const start = performance.now();
    // Stryker disable next-line ConditionalExpression: saves time only; `find` begins anew each time
    if (text !== this.matching?.text) this.matching = { text, matcher: this.regex.matcher(text) };
    const { matcher } = this.matching;
    const found = this.lastIndex <= text.length && matcher.find(this.lastIndex);
    this.used += performance.now() - start;
    if (this.used > REGEX_MILLISECONDS)
      throw new TandemError('EXPRESSION_LIMIT', `A regular expression used more than ${REGEX_MILLISECONDS} ms.`);
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

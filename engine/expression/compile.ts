/** Compiles JSONata under guardrails; a plain path is read without JSONata. */
import jsonata from 'jsonata';
import { TandemError } from '../errors.ts';
import { isObject, seenExact } from '../json.ts';
import { keepLatest } from '../latest.ts';
import type { JsonObject } from '../types.ts';
import { type Analysis, analyse, type Calls, RECORD_FUNCTION } from './analyse.ts';
import { BUDGET, boundBuiltins } from './builtins.ts';
import { type Direct, directOf, NOT_DIRECT } from './direct.ts';
import type { Expression, ExpressionFunctions } from './expression.ts';
import { MAX_CALLS, MAX_DEPTH, MAX_RANGES, MAX_SEQUENCE, MAX_SOURCE, MAX_STRING, MAX_VALUES } from './limits.ts';
import { MONEY_FUNCTIONS } from './money.ts';
import { parsePath, type WritablePath } from './path.ts';
import { copyJson, plainResult, withoutNulls } from './plain.ts';
import { LinearRegex } from './regex.ts';
import { sizeOf } from './size.ts';
import { type Budget, openBudget, pause } from './turns.ts';

export interface CompiledExpression extends Expression {
  /** Set where the expression is a plain path. */
  readonly path: WritablePath | undefined;
  readonly calls: Calls;
}

export interface CompileOptions {
  /**
   * How expressions see null: as JSONata does (`keep`), or as a field that is not there (`missing`), which is how
   * mappings see it: `$lowercase(email)` of a null e-mail is nothing instead of an error.
   */
  readonly nulls?: 'keep' | 'missing';
}

/** What an expression that is a plain path calls: nothing. */
const NO_CALLS: Calls = { link: [], record: [], find: [], volatile: [], account: false, comparesNull: false };

const EXIT = Symbol.for('jsonata.__evaluate_exit') as unknown as string;

/**
 * Compiles an expression of JSONata. A plain path, such as `address.city`, is read without it.
 * @param source the text of the expression
 * @returns what evaluates it, and what is known of it beforehand: the functions that it calls, and its path where it is one
 * @throws TandemError CONFIG_EXPRESSION with JSONata's reason; `errorPosition` tells the character
 */
export function compileExpression(source: string, options: CompileOptions = {}): CompiledExpression {
  if (source.length > MAX_SOURCE)
    throw fault(`The expression has ${source.length} characters; at most ${MAX_SOURCE} are allowed.`, 0);
  if (source.trim() === '') throw fault('The expression is empty.', 0);
  const missing = options.nulls === 'missing';
  const path = parsePath(source);
  if (path) {
    // JSONata is not needed, except for an input that is a list.
    let full: CompiledExpression | undefined;
    const evaluate: Expression['evaluate'] = async (input, context) => {
      if (Array.isArray(input)) {
        full ??= compileFull(source, missing);
        return full.evaluate(input, context);
      }
      const value = path.get(input as JsonObject);
      return missing ? withoutNulls(value) : value;
    };
    return { source, path, calls: NO_CALLS, evaluate };
  }
  return compileFull(source, missing);
}

/** What an expression calls, read from its text. */
export function calls(expression: Expression): Calls {
  return 'calls' in expression ? (expression as CompiledExpression).calls : compileExpression(expression.source).calls;
}

/** Character (from 0) of the source at which an expression failed to compile, where it is known. */
export function errorPosition(error: TandemError): number | undefined {
  const { cause } = error.context;
  return typeof cause === 'object' && cause !== null && 'position' in cause && typeof cause.position === 'number'
    ? cause.position
    : undefined;
}

function compileFull(source: string, missing: boolean): CompiledExpression {
  const { expression, analysis, direct } = parsed(source, () => parse(source));
  const see = (value: unknown): unknown => {
    const seen = missing ? withoutNulls(value) : seenExact(value);
    return analysis.marksInput ? copyJson(seen) : seen;
  };
  const evaluate: Expression['evaluate'] = async (input, context = {}) => {
    if (direct) {
      const answer = isObject(input) ? direct(see(input)) : NOT_DIRECT;
      if (answer !== NOT_DIRECT) return answer;
    }
    const budget = openBudget();
    try {
      const seen = see(input);
      const bindings: Record<string, unknown> = { [BUDGET]: budget };
      // Most expressions need neither, and to make them costs as much as to evaluate a short one.
      if (analysis.usesRecord) bindings.record = context.record === input ? seen : see(context.record);
      if (analysis.usesFunctions) Object.assign(bindings, hostFunctions(context, budget, see));
      return plainResult(await expression.evaluate(seen, bindings));
    } catch (error) {
      throw failed(error, source);
    }
  };
  return { source, path: undefined, calls: analysis.calls, evaluate };
}

interface Parsed {
  readonly expression: jsonata.Expression;
  readonly analysis: Analysis;
  readonly direct: Direct | undefined;
}

/** Those of a larger configuration, by the characters of their sources. An evaluation leaves nothing in the expression. */
const parsed = keepLatest<Parsed>(100_000, (_, source) => source.length);

function parse(source: string): Parsed {
  let expression: jsonata.Expression;
  try {
    expression = jsonata(source, {
      stack: MAX_DEPTH,
      sequence: MAX_SEQUENCE,
      RegexEngine: LinearRegex as unknown as RegExpConstructor,
    });
  } catch (error) {
    throw syntaxError(error, source);
  }
  const analysis = analyse(expression.ast(), (problem) => {
    throw fault(problem.message, problem.position);
  });
  boundBuiltins(expression);
  for (const [name, work] of Object.entries(MONEY_FUNCTIONS)) expression.assign(name, work);
  expression.assign(EXIT, guard);
  return { expression, analysis, direct: directOf(expression.ast()) };
}

/** JSONata calls this after each evaluated node, and awaits it. */
function guard(
  node: { readonly value?: unknown },
  _input: unknown,
  environment: { base: jsonata.Environment },
  result: unknown,
): Promise<void> | undefined {
  if (typeof result === 'string' && result.length > MAX_STRING)
    throw new TandemError('EXPRESSION_LIMIT', `It made a text of more than ${MAX_STRING} characters.`);
  const budget = environment.base.lookup(BUDGET) as Budget;
  if (node.value === '..' && Array.isArray(result)) {
    budget.ranged += result.length;
    if (budget.ranged > MAX_RANGES)
      throw new TandemError('EXPRESSION_LIMIT', `It made ranges of more than ${MAX_RANGES} elements.`);
  }
  return pause(budget);
}

function hostFunctions(
  { functions, account }: NonNullable<Parameters<Expression['evaluate']>[1]>,
  budget: Budget,
  see: (value: unknown) => unknown,
): Record<string, unknown> {
  const notHere = (name: string): TandemError =>
    new TandemError('EXPRESSION_FAILED', `$${name}(…) is not available here.`);
  const call = async <T>(name: string, work: (given: ExpressionFunctions) => Promise<T>): Promise<unknown> => {
    if (!functions) throw notHere(name);
    return outside(() => work(functions));
  };
  const outside = async <T>(work: () => Promise<T>): Promise<unknown> => {
    if (++budget.calls > MAX_CALLS)
      throw new TandemError('EXPRESSION_LIMIT', `It called $link, $record and $find more than ${MAX_CALLS} times.`);
    const found = await work();
    if (sizeOf(found, MAX_VALUES, Number.POSITIVE_INFINITY) !== 'fits')
      throw new TandemError(
        'EXPRESSION_LIMIT',
        `It found more than ${MAX_VALUES} values by one call of $link, $record, $find or $account.`,
      );
    return see(found);
  };
  return {
    link: async (mapping: unknown, id: unknown) => {
      const name = text('link', mapping);
      const key = idText('link', id);
      return key === undefined ? undefined : call('link', (given) => given.link(name, key));
    },
    [RECORD_FUNCTION]: async (entity: unknown, id: unknown) => {
      const name = text('record', entity);
      const key = idText('record', id);
      return key === undefined ? undefined : call('record', (given) => given.record(name, key));
    },
    find: async (entity: unknown, query: unknown) => {
      const name = text('find', entity);
      const fields = plainResult(query);
      if (fields === undefined || fields === null) return undefined;
      if (!isObject(fields)) {
        throw new TandemError(
          'EXPRESSION_FAILED',
          'The second argument of $find must be an object of fields and values.',
        );
      }
      return call('find', (given) => given.find(name, fields));
    },
    account: async () => {
      if (!account) throw notHere('account');
      return outside(account);
    },
  };
}

function text(name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '')
    throw new TandemError('EXPRESSION_FAILED', `The first argument of $${name} must be a name.`);
  return value;
}

/** No id, no answer: `$record("contacts", contact_id)` of a record without a contact is nothing. */
function idText(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string' || Number.isFinite(value)) return String(value);
  throw new TandemError('EXPRESSION_FAILED', `The second argument of $${name} must be one id.`);
}

// ---------------------------------------------------------------- errors

interface JsonataError {
  readonly code?: string;
  readonly message?: string;
  readonly position?: number;
  readonly token?: unknown;
  readonly value?: unknown;
  readonly value2?: unknown;
  readonly exp?: unknown;
}

const LIMIT_CODES: Readonly<Record<string, string>> = {
  D1011: `It nests more than ${MAX_DEPTH} levels deep; it may never end.`,
  D2014: 'It made too long a list.',
  D2015: `It made a list of more than ${MAX_SEQUENCE} elements.`,
};

function fault(message: string, position: number): TandemError {
  return new TandemError('CONFIG_EXPRESSION', message, { cause: { position } });
}

function syntaxError(error: unknown, source: string): TandemError {
  if (error instanceof RangeError) return fault('The expression nests too deep.', 0);
  const { message, position, token } = error as JsonataError;
  // JSONata tells where the offending token ends.
  const length = typeof token === 'string' && token !== '(end)' ? token.length : 0;
  const at = Math.min(Math.max(0, (position ?? length) - length), source.length);
  return fault(`${message ?? String(error)}.`, at);
}

/** Messages tell no value of a record: JSONata's do. */
function failed(error: unknown, source: string): TandemError {
  const shown = source.replace(/\s+/g, ' ').trim();
  const place = ` Expression: ${shown.length > 120 ? `${shown.slice(0, 119)}…` : shown}`;
  if (error instanceof TandemError) {
    const mine = error.code === 'EXPRESSION_FAILED' || error.code === 'EXPRESSION_LIMIT';
    return mine && !error.message.endsWith(place)
      ? new TandemError(error.code, `${error.message}${place}`, error.context)
      : error;
  }
  if (error instanceof RangeError)
    return new TandemError('EXPRESSION_LIMIT', `It needs more space than it may use.${place}`);
  const { code, message, value, value2, exp } = error as JsonataError;
  const limit = LIMIT_CODES[String(code)];
  if (limit) return new TandemError('EXPRESSION_LIMIT', limit + place);
  let said = message ?? 'It failed.';
  for (const secret of [value, value2, exp]) {
    // JSON makes nothing of a value that is not there, and no text is split by nothing.
    said = said.split(JSON.stringify(secret)).join('(the value)');
  }
  return new TandemError('EXPRESSION_FAILED', `${said.replace(/\.$/, '')}.${place}`);
}

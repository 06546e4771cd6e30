/** What an expression does, read from its syntax tree before it runs: calls, unknown names, comparisons with null. */
import { asTandemError } from '../errors.ts';
import { BUILTINS, VOLATILE } from './builtins.ts';
import { MONEY_FUNCTIONS } from './money.ts';
import { nearest } from './nearest.ts';
import { compileRegex } from './regex.ts';

/** What an expression asks of the world, where the names are written out. */
export interface Calls {
  /** Mappings named by `$link("…", …)`. */
  readonly link: readonly string[];
  /** Entities named by `$record("…", …)`. */
  readonly record: readonly string[];
  /** Entities named by `$find("…", …)`. */
  readonly find: readonly string[];
  /** Functions whose answer differs from one moment to the next (`$now`, `$random`, …). */
  readonly volatile: readonly string[];
  /** Whether `$account()` is called. */
  readonly account: boolean;
  /** Whether a value is compared with `null`. */
  readonly comparesNull: boolean;
}

export interface Analysis {
  readonly calls: Calls;
  /** Whether JSONata may mark arrays of the input (`[]`), so that it must be given a copy. */
  readonly marksInput: boolean;
  /** Whether it names `$record` as a value. */
  readonly usesRecord: boolean;
  /** Whether it names `$link`, `$find`, `$account`, or `$record` as a function. */
  readonly usesFunctions: boolean;
}

/** Something wrong in an expression that parses. */
export interface Fault {
  readonly message: string;
  /** Character of the source, from 0. */
  readonly position: number;
}

/** JSONata's syntax tree; its own types leave out half of it. */
export interface Node {
  readonly type?: string;
  value?: unknown;
  readonly position?: number;
  readonly procedure?: Node;
  readonly arguments?: readonly Node[];
  readonly lhs?: Node;
  readonly rhs?: Node;
  readonly steps?: readonly Node[];
  readonly focus?: unknown;
  readonly index?: unknown;
  readonly keepArray?: boolean;
}

/** The name under which the function `$record` is bound, as `$record` itself is the source record. No source can write it. */
export const RECORD_FUNCTION = 'record function';

const HOST = new Set(['link', 'find', 'record', 'account']);
/** Functions without a world outside. */
const PURE: ReadonlySet<string> = new Set([...BUILTINS, ...Object.keys(MONEY_FUNCTIONS)]);

/** What one walk over a tree needs, and what it collects. */
interface Walk {
  readonly report: (fault: Fault) => void;
  /** Names that the expression itself gives to values. */
  readonly bound: ReadonlySet<string>;
  /** What is handed to a call by `~>`, by the call. */
  readonly chained: Map<Node, Node>;
  readonly calls: Readonly<Record<'link' | 'record' | 'find' | 'volatile', Set<string>>>;
  account: boolean;
}

/**
 * Checks the tree and makes calls of `$record(…)` calls of RECORD_FUNCTION.
 *
 * @param ast changed in place
 * @param report called for each fault
 */
export function analyse(ast: unknown, report: (fault: Fault) => void): Analysis {
  const nodes = collect(ast);
  const calls = {
    link: new Set<string>(),
    record: new Set<string>(),
    find: new Set<string>(),
    volatile: new Set<string>(),
  };
  const walk: Walk = { report, bound: boundNames(nodes), chained: new Map(), calls, account: false };
  let comparesNull = false;
  let marksInput = false;

  for (const node of nodes) {
    if (node.type === 'apply' && node.rhs && node.lhs) walk.chained.set(node.rhs, node.lhs);
    if (node.keepArray || (node as { keepSingletonArray?: boolean }).keepSingletonArray) marksInput = true;
    if ((node.value === '=' || node.value === '!=') && (isNull(node.lhs) || isNull(node.rhs))) comparesNull = true;
    if (node.value instanceof RegExp) checkRegex(node, node.value, report);
  }
  for (const node of nodes) {
    if (node.procedure) readCall(node, node.procedure, walk);
    if (node.type === 'variable') readVariable(node, walk);
  }
  const named = new Set<unknown>();
  for (const node of nodes) if (node.type === 'variable') named.add(node.value);
  return {
    marksInput,
    usesRecord: named.has('record'),
    usesFunctions: ['link', 'find', 'account', RECORD_FUNCTION].some((name) => named.has(name)),
    calls: {
      link: [...calls.link],
      record: [...calls.record],
      find: [...calls.find],
      volatile: [...calls.volatile],
      account: walk.account,
      comparesNull,
    },
  };
}

function checkRegex(node: Node, regex: RegExp, report: Walk['report']): void {
  try {
    compileRegex(regex);
  } catch (error) {
    report({ message: asTandemError(error).message, position: start(node, String(regex).length - 1) });
  }
}

function readCall(node: Node, procedure: Node, walk: Walk): void {
  const step = procedure.steps?.length === 1 ? procedure.steps[0] : undefined;
  if (step?.type === 'name') {
    const name = String(step.value);
    walk.report({
      message: `"${name}" is no function; write $${nearest(name, [...PURE, ...HOST]) ?? name}(…) with a dollar sign.`,
      position: start(step, name.length),
    });
  }
  if (procedure.type !== 'variable') return;
  const name = String(procedure.value);
  if (!HOST.has(name) || walk.bound.has(name)) return;
  const first = walk.chained.get(node) ?? node.arguments![0];
  if (name === 'account') walk.account = true;
  else if (first?.type === 'string') walk.calls[name as 'link' | 'record' | 'find'].add(String(first.value));
  if (name === 'record') procedure.value = RECORD_FUNCTION;
}

function readVariable(node: Node, { report, bound, calls }: Walk): void {
  const name = String(node.value);
  if (name === '' || name === '$' || name === RECORD_FUNCTION || bound.has(name) || HOST.has(name)) return;
  if (VOLATILE.has(name)) calls.volatile.add(name);
  if (PURE.has(name)) return;
  const position = start(node, name.length + 1);
  if (name === 'eval')
    report({ message: '$eval is not available: it would run the values of records as code.', position });
  else {
    const hint = nearest(name, [...PURE, ...HOST, ...bound]);
    report({ message: `$${name} is not known${hint ? `; did you mean $${hint}?` : '.'}`, position });
  }
}

const isNull = (node: Node | undefined): boolean => node?.value === null;

/** JSONata tells where a token ends. */
const start = (node: Node, length: number): number => Math.max(0, (node.position ?? 0) - length);

/** Every object of the tree. Lists are among them: they have nothing that a node has. */
function collect(ast: unknown): Set<Node> {
  const seen = new Set<object>();
  const open: unknown[] = [ast];
  while (open.length > 0) {
    const item = open.pop();
    if (typeof item !== 'object' || item === null || item instanceof RegExp || seen.has(item)) continue;
    seen.add(item);
    open.push(...Object.values(item));
  }
  return seen as Set<Node>;
}

function boundNames(nodes: Iterable<Node>): Set<string> {
  const names = new Set<string>();
  const add = (value: unknown): void => {
    if (typeof value === 'string') names.add(value);
  };
  for (const node of nodes) {
    if (node.type === 'bind') add(node.lhs!.value);
    if (node.type === 'lambda') for (const argument of node.arguments!) add(argument.value);
    if (node.type === 'index') add(node.value);
    add(node.focus);
    add(node.index);
  }
  return names;
}

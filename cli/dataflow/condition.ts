/** Conditions of a simple form, such as `$exists(email) and status != "gone"`, in words. */
import jsonata from 'jsonata';
import { parsePath, type WritablePath } from '../../engine/index.ts';

export type Scalar = string | number | boolean;

export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly path: WritablePath; readonly is: 'given' | 'missing' | 'true' | 'false' }
  /** `other`: given, and another value. `not`: missing, or another value. `lacks`: given, without it. */
  | { readonly path: WritablePath; readonly is: Comparison; readonly value: Scalar }
  | { readonly path: WritablePath; readonly is: 'one of' | 'none of'; readonly values: readonly Scalar[] };

type Comparison = 'equal' | 'other' | 'not' | '<' | '<=' | '>' | '>=' | 'contains' | 'lacks';

/** JSONata's syntax tree, as far as it is looked at. */
interface Node {
  readonly type?: string;
  readonly value?: unknown;
  readonly lhs?: Node;
  readonly rhs?: Node;
  readonly procedure?: Node;
  readonly arguments?: readonly Node[];
  readonly expressions?: readonly Node[];
  readonly steps?: readonly Node[];
  readonly stages?: readonly { readonly type: string; readonly expr: Node }[];
}

/** What the schema says that a place holds; `other` also where it says nothing. */
export type KindOf = (path: WritablePath) => 'boolean' | 'scalar' | 'other';

/**
 * @param kindOf only of a boolean does a bare path mean "is true", and lists compare in a way of their own
 * @returns undefined where the expression is not of a simple form
 */
export function conditionOf(source: string, kindOf: KindOf): Condition | undefined {
  try {
    return read(jsonata(source).ast() as unknown as Node, kindOf);
  } catch {
    return undefined;
  }
}

function read(node: Node, kindOf: KindOf): Condition | undefined {
  if (node.type === 'block' && node.expressions?.length === 1) return read(node.expressions[0]!, kindOf);
  if (node.type === 'binary') {
    if (node.value === 'and' || node.value === 'or') return joined(node, node.value, kindOf);
    const path = pathOf(node.lhs);
    if (!path || kindOf(path) === 'other') return undefined;
    if (node.value === 'in') {
      const values = node.rhs?.value === '[' ? (node.rhs.expressions ?? []).map(scalar) : [];
      return values.length > 0 && values.every((value) => value !== undefined)
        ? { path, is: 'one of', values: values as Scalar[] }
        : undefined;
    }
    const value = scalar(node.rhs);
    const is = COMPARISONS[String(node.value)];
    return is === undefined || value === undefined ? undefined : { path, is, value };
  }
  if (node.type === 'path') {
    const path = pathOf(node);
    return path && kindOf(path) === 'boolean' ? { path, is: 'true' } : undefined;
  }
  if (node.type !== 'function' || node.procedure?.type !== 'variable') return undefined;
  const [first, second] = node.arguments ?? [];
  if (node.procedure.value === 'exists') {
    const path = pathOf(first);
    return path && { path, is: 'given' };
  }
  if (node.procedure.value === 'contains') {
    const path = pathOf(first);
    return path && kindOf(path) !== 'other' && second?.type === 'string'
      ? { path, is: 'contains', value: String(second.value) }
      : undefined;
  }
  const inner = node.procedure.value === 'not' && first ? read(first, kindOf) : undefined;
  return inner && negated(inner);
}

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  '=': 'equal',
  '!=': 'other',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/** Of one kind throughout: "a and b or c" in words would leave open what belongs together. */
function joined(node: Node, operator: 'and' | 'or', kindOf: KindOf): Condition | undefined {
  const parts: Condition[] = [];
  for (const side of [node.lhs, node.rhs]) {
    const part = side && read(side, kindOf);
    if (!part) return undefined;
    const [same, other] = operator === 'and' ? (['all', 'any'] as const) : (['any', 'all'] as const);
    if (other in part) return undefined;
    parts.push(...(same in part ? (part as Record<typeof same, readonly Condition[]>)[same] : [part]));
  }
  return operator === 'and' ? { all: withoutDoubles(parts) } : { any: parts };
}

/** "given" says nothing beside a comparison that a missing value does not pass: `$exists(x) and x != ""`. */
function withoutDoubles(parts: readonly Condition[]): Condition[] {
  const compared = new Set(
    parts.flatMap((part) => ('path' in part && !LENIENT.includes(part.is) ? [JSON.stringify(part.path.steps)] : [])),
  );
  return parts.filter(
    (part) => !('path' in part && part.is === 'given' && compared.has(JSON.stringify(part.path.steps))),
  );
}

/** Conditions that a missing value passes, and the one that is looked for. */
const LENIENT: readonly string[] = ['given', 'missing', 'not', 'none of'];

/** A comparison with nothing is false, so its negation is true; `$contains` of nothing, and its negation, are nothing. */
function negated(condition: Condition): Condition | undefined {
  if (!('path' in condition)) return undefined;
  const { path } = condition;
  switch (condition.is) {
    case 'given':
      return { path, is: 'missing' };
    case 'true':
      return { path, is: 'false' };
    case 'equal':
      return { ...condition, is: 'not' };
    case 'contains':
      return { ...condition, is: 'lacks' };
    case 'one of':
      return { ...condition, is: 'none of' };
    default:
      return undefined;
  }
}

function scalar(node: Node | undefined): Scalar | undefined {
  const { type, value } = node ?? {};
  if (type === 'string' || type === 'number') return value as Scalar;
  return type === 'value' && typeof value === 'boolean' ? value : undefined;
}

/** The path of a syntax tree, where it is one that mappings can write. */
export function pathOf(node: Node | undefined): WritablePath | undefined {
  if (node?.type !== 'path') return undefined;
  const steps: string[] = [];
  for (const { type, value, stages = [] } of node.steps ?? []) {
    const selections = stages.map(({ expr }) => selectionOf(expr));
    if (type !== 'name' || stages.length > 1 || selections.includes(undefined)) return undefined;
    steps.push(quoted(String(value)) + selections.join(''));
  }
  return parsePath(steps.join('.'));
}

function selectionOf(node: Node): string | undefined {
  if (node.type === 'number') return `[${String(node.value)}]`;
  const value = scalar(node.rhs);
  const key = node.lhs?.steps?.length === 1 ? node.lhs.steps[0]! : undefined;
  if (node.value !== '=' || key?.type !== 'name' || value === undefined || typeof value === 'boolean') return undefined;
  return `[${quoted(String(key.value))}=${JSON.stringify(value)}]`;
}

const quoted = (name: string): string => (/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name) ? name : `\`${name}\``);

/** @param titleOf what people call the place */
export function conditionWords(condition: Condition, titleOf: (path: WritablePath) => string): string {
  if ('all' in condition) return condition.all.map((part) => conditionWords(part, titleOf)).join(' and ');
  if ('any' in condition) return condition.any.map((part) => conditionWords(part, titleOf)).join(' or ');
  const title = titleOf(condition.path);
  if ('values' in condition) return `${title} is ${condition.is} ${condition.values.map(valueWords).join(', ')}`;
  if (!('value' in condition)) return `${title} is ${condition.is}`;
  const { is, value } = condition;
  if (value === '' && is === 'other') return `${title} is not empty`;
  return `${title} ${COMPARED[is]} ${valueWords(value)}`;
}

const COMPARED: Readonly<Record<Comparison, string>> = {
  equal: 'is',
  other: 'is given and is not',
  not: 'is not',
  '<': 'is less than',
  '<=': 'is at most',
  '>': 'is more than',
  '>=': 'is at least',
  contains: 'contains',
  lacks: 'is given and does not contain',
};

const valueWords = (value: Scalar): string => (typeof value === 'string' ? `"${value}"` : String(value));

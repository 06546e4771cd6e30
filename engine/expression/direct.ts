/**
 * Short expressions without JSONata: `$exists(name) and name != ""`, `$lowercase(email)`. JSONata awaits at each node, so that
 * these cost ten times what they calculate, and conditions and match keys are evaluated for each record. Only texts, numbers,
 * booleans and nothing are calculated here; with any other value JSONata is asked.
 */
import { isObject } from '../json.ts';
import type { Node } from './analyse.ts';
import { MAX_STRING } from './limits.ts';

type Scalar = string | number | boolean | undefined;

/** JSONata has to be asked. */
export const NOT_DIRECT = Symbol('not direct');

/** @returns what JSONata would answer for this input, or NOT_DIRECT */
export type Direct = (input: unknown) => Scalar | typeof NOT_DIRECT;

/** @param ast JSONata's; undefined where it does what is not calculated here */
export function directOf(ast: unknown): Direct | undefined {
  const node = ast as ConditionNode;
  switch (node.type) {
    case 'path':
      return only(node, 'steps') ? pathOf(node.steps ?? []) : undefined;
    case 'string':
    case 'number':
      return only(node) ? literal(node.value as Scalar) : undefined;
    case 'value':
      return only(node) && typeof node.value === 'boolean' ? literal(node.value) : undefined;
    case 'binary':
      return only(node, 'lhs', 'rhs') ? binaryOf(node) : undefined;
    case 'condition':
      return only(node, 'condition', 'then', 'else') ? conditionOf(node) : undefined;
    case 'function':
      return only(node, 'arguments', 'procedure') ? callOf(node) : undefined;
    default:
      return undefined;
  }
}

interface ConditionNode extends Node {
  readonly condition?: Node;
  readonly then?: Node;
  readonly else?: Node;
}

/** Whatever else stands in a node means something else. */
const PLACE = ['type', 'value', 'position', 'line'];
const only = (node: Node, ...names: string[]): boolean =>
  Object.entries(node).every(([name, value]) => value === undefined || PLACE.includes(name) || names.includes(name));

const literal =
  (value: Scalar): Direct =>
  () =>
    value;

function pathOf(steps: readonly Node[]): Direct | undefined {
  const names: string[] = [];
  for (const step of steps) {
    if (step.type !== 'name' || typeof step.value !== 'string' || step.value in Object.prototype || !only(step))
      return undefined;
    names.push(step.value);
  }
  return (input) => {
    let value: unknown = input;
    for (const name of names) {
      if (!isObject(value)) return value === null || typeof value === 'object' ? NOT_DIRECT : undefined;
      value = (value as Record<string, unknown>)[name];
    }
    return value === null || typeof value === 'object' ? NOT_DIRECT : (value as Scalar);
  };
}

function binaryOf({ value: operator, lhs, rhs }: Node): Direct | undefined {
  const [left, right] = [directOf(lhs), directOf(rhs)];
  if (!left || !right) return undefined;
  switch (operator) {
    case '=':
    case '!=':
      return (input) => {
        const [a, b] = [left(input), right(input)];
        if (a === NOT_DIRECT || b === NOT_DIRECT) return NOT_DIRECT;
        // Nothing equals nothing, and differs from nothing.
        return a !== undefined && b !== undefined && (a === b) === (operator === '=');
      };
    case 'and':
    case 'or':
      return (input) => {
        const a = left(input);
        if (a === NOT_DIRECT) return NOT_DIRECT;
        if (Boolean(a) === (operator === 'or')) return Boolean(a);
        const b = right(input);
        return b === NOT_DIRECT ? NOT_DIRECT : Boolean(b);
      };
    default:
      return undefined;
  }
}

function conditionOf({ condition, then, else: otherwise }: ConditionNode): Direct | undefined {
  const [test, yes, no] = [directOf(condition), directOf(then), otherwise ? directOf(otherwise) : literal(undefined)];
  if (!test || !yes || !no) return undefined;
  return (input) => {
    const found = test(input);
    return found === NOT_DIRECT ? NOT_DIRECT : (found ? yes : no)(input);
  };
}

const FUNCTIONS: Readonly<Record<string, (value: Scalar) => Scalar | typeof NOT_DIRECT>> = {
  exists: (value) => value !== undefined,
  lowercase: (value) => cased(value, (text) => text.toLowerCase()),
  uppercase: (value) => cased(value, (text) => text.toUpperCase()),
};

function cased(value: Scalar, change: (text: string) => string): Scalar | typeof NOT_DIRECT {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value.length > MAX_STRING) return NOT_DIRECT;
  const text = change(value);
  return text.length > MAX_STRING ? NOT_DIRECT : text;
}

function callOf({ procedure, arguments: given = [] }: Node): Direct | undefined {
  const name = procedure?.type === 'variable' && only(procedure) ? String(procedure.value) : '';
  const work = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  const [argument] = given.length === 1 ? given.map(directOf) : [];
  if (!work || !argument) return undefined;
  return (input) => {
    const value = argument(input);
    return value === NOT_DIRECT ? NOT_DIRECT : work(value);
  };
}

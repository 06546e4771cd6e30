/** Match rules: the keys of both sides. */
import type { Expression } from '../../expression/expression.ts';
import type { PathStep } from '../../expression/path.ts';
import type { MatchRule } from '../types.ts';
import type { Compiling } from './compiling.ts';
import { expression } from './expressions.ts';
import type { BySide } from './file.ts';
import { checkPlace, findField, quietPath } from './property-paths.ts';
import { sideIndex } from './sides.ts';

const NO_EXPRESSION: Expression = { source: '', evaluate: async () => undefined };

export function matchRule(
  state: Compiling,
  rule: BySide<string> & { onMatch?: 'link' | 'review' },
  i: number,
): MatchRule {
  const path = ['match', i];
  const keys: [Expression, Expression] = [NO_EXPRESSION, NO_EXPRESSION];
  const find: [string | undefined, string | undefined] = [undefined, undefined];
  for (const name of Object.keys(rule)) if (name !== 'onMatch') sideIndex(state, name, [...path, name], 'key');
  for (const side of state.sides) {
    const source = Object.hasOwn(rule, side.name) ? rule[side.name] : undefined;
    if (source === undefined) {
      state.report.add('CONFIG_SCHEMA', path, `The key of "${side.name}" is missing: a rule has one for each side.`);
      continue;
    }
    const compiled = expression(state, source, [...path, side.name], { reads: side.index });
    if (!compiled) continue;
    keys[side.index] = compiled;
    const steps = searched(source);
    if (steps) {
      checkPlace(state, side, steps, [...path, side.name]);
      find[side.index] = findField(side.entityConfig, steps);
    }
  }
  const name = state.sides.map((side) => String(rule[side.name] ?? '')).join(' = ');
  return { name, keys, find, onMatch: rule.onMatch ?? 'link' };
}

/** The path within a key that changes letters or spaces only. */
function searched(source: string): readonly PathStep[] | undefined {
  let inner = source.trim();
  for (;;) {
    const match = /^\$(?:lowercase|uppercase|trim|string)\(([\s\S]*)\)$/.exec(inner);
    if (!match) break;
    inner = match[1]!.trim();
  }
  return quietPath(inner)?.steps;
}

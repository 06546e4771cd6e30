/** Expressions of a mapping: what each may call, and what it must find in the systems. */

import { asTandemError } from '../../errors.ts';
import { type CompiledExpression, compileExpression } from '../../expression/compile.ts';
import type { Expression } from '../../expression/expression.ts';
import { nearest } from '../../expression/nearest.ts';
import { otherSide, type SideIndex } from '../../types.ts';
import { readBy } from '../optional.ts';
import { faultyMapping } from '../report.ts';
import type { YamlPath } from '../yaml.ts';
import type { Compiling } from './compiling.ts';
import type { BySide } from './file.ts';
import { checkAsked } from './property-paths.ts';
import { sideIndex, unknownEntity } from './sides.ts';

interface ExpressionRules {
  /** Whether the input is a value and not the record. */
  readonly ofValue?: boolean;
  /** Whether `$now` and the like are allowed: where the answer decides no value. */
  readonly volatile?: boolean;
  /** The side that the expression reads from. */
  readonly reads: SideIndex;
}

export function expression(
  state: Compiling,
  source: string,
  path: YamlPath,
  rules: ExpressionRules,
): CompiledExpression | undefined {
  const { report } = state;
  let compiled: CompiledExpression;
  try {
    compiled = compileExpression(source, { nulls: 'missing' });
  } catch (error) {
    report.addError(path, asTandemError(error));
    return undefined;
  }
  const { calls } = compiled;
  if (calls.account) report.add('CONFIG_EXPRESSION', path, '$account() is for system files; a mapping cannot call it.');
  if (calls.comparesNull)
    report.add(
      'CONFIG_EXPRESSION',
      path,
      'A mapping sees null as missing, so nothing equals null here; write $exists(…) or $not($exists(…)).',
    );
  if (calls.volatile.length > 0 && !rules.volatile) {
    report.add(
      'CONFIG_EXPRESSION',
      path,
      `$${calls.volatile[0]} answers something else every time, so the two sides would never come to rest; take a value of the record.`,
    );
  }
  for (const mapping of calls.link) {
    if (checkMapping(state, mapping, path)) state.needs.push({ mapping, required: false, path });
  }
  const { config } = state.sides[rules.reads];
  const entity = (name: string, operation: 'read' | 'find'): void => {
    const found = Object.hasOwn(config.entities, name) ? config.entities[name] : undefined;
    if (!found) report.add('CONFIG_REFERENCE', path, unknownEntity(config, name));
    else if (!found[operation])
      report.add(
        'CONFIG_OPERATION',
        path,
        `The entity "${name}" of "${config.name}" has no operation "${operation}", which $${operation === 'read' ? 'record' : 'find'} needs.`,
      );
  };
  checkAsked(
    state,
    state.sides[rules.reads],
    readBy(state.sides[rules.reads].entityConfig, source, !rules.ofValue),
    path,
  );
  for (const name of calls.record) entity(name, 'read');
  for (const name of calls.find) entity(name, 'find');
  return compiled;
}

/** Expressions by side name; `reads` tells the side that each reads from, given the side it is written for. */
export function expressionsBySide(
  state: Compiling,
  given: BySide<string> | undefined,
  path: YamlPath,
  rules: { volatile?: boolean; toward?: boolean } = {},
): [Expression | undefined, Expression | undefined] {
  const compiled: [Expression | undefined, Expression | undefined] = [undefined, undefined];
  for (const [name, source] of Object.entries(given ?? {})) {
    const index = sideIndex(state, name, [...path, name], 'key');
    if (index === undefined) continue;
    compiled[index] = expression(state, source, [...path, name], {
      volatile: rules.volatile ?? false,
      ofValue: rules.toward ?? false,
      reads: rules.toward ? otherSide(index) : index,
    });
  }
  return compiled;
}

export function checkMapping(state: Compiling, name: string, path: YamlPath): boolean {
  if (name === state.draft.name || state.context.drafts.has(name)) return true;
  if (state.context.faultyMappings.has(name)) {
    state.report.addSecondary(path, faultyMapping(name));
    return false;
  }
  const hint = nearest(name, state.context.drafts.keys());
  const proposal = hint ? `; did you mean "${hint}"?` : '.';
  state.report.add('CONFIG_REFERENCE', path, `There is no mapping "${name}"${proposal}`);
  return false;
}

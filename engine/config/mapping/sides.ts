/** The sides of a mapping, and the rules that name one of them. */

import { nearest } from '../../expression/nearest.ts';
import type { SideIndex } from '../../types.ts';
import {
  CONFLICT_RULES,
  type ConflictRule,
  DEFAULT_CONFLICT_RULE,
  isNamedConflictRule,
  NAMED_CONFLICT_RULES,
} from '../conflict.ts';
import type { CreateRule } from '../create-rule.ts';
import type { DeleteRule, SystemConfig } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import type { Compiling, MappingContext, ResolvedSide } from './compiling.ts';
import type { MappingDraft } from './file.ts';

export function resolveSide(draft: MappingDraft, index: SideIndex, context: MappingContext): ResolvedSide | undefined {
  const side = draft.sides[index];
  const path = ['between', side.name];
  const config = context.systems.get(side.system);
  const short = typeof draft.content.between[side.name] === 'string';
  if (!config) {
    if (context.faultySystems.has(side.system)) {
      draft.report.addSecondary(
        path,
        `The system "${side.system}" has faults in its own file; correct those first.`,
        short ? 'key' : 'value',
      );
    } else {
      const hint = nearest(side.system, context.systems.keys());
      const known = [...context.systems.keys()].join(', ');
      const how = short ? ' A side name without { system, entity } is the name of a system.' : '';
      draft.report.add(
        'CONFIG_REFERENCE',
        path,
        `There is no system "${side.system}"${hint ? `; did you mean "${hint}"?` : `; there are ${known || 'none'}.`}${how}`,
        short ? 'key' : 'value',
      );
    }
    return undefined;
  }
  const entityConfig = Object.hasOwn(config.entities, side.entity) ? config.entities[side.entity] : undefined;
  if (!entityConfig) {
    draft.report.add('CONFIG_REFERENCE', short ? path : [...path, 'entity'], unknownEntity(config, side.entity));
    return undefined;
  }
  return { ...side, index, config, entityConfig };
}

export function unknownEntity(system: SystemConfig, entity: string): string {
  const names = Object.keys(system.entities);
  const hint = nearest(entity, names);
  return `The system "${system.name}" has no entity "${entity}"${hint ? `; did you mean "${hint}"?` : `; it has ${names.join(', ')}.`}`;
}

export function sideIndex(
  state: Compiling,
  name: string,
  path: YamlPath,
  of: 'value' | 'key' = 'value',
  alternatives: readonly string[] = [],
): SideIndex | undefined {
  const index = state.sides.findIndex((side) => side.name === name);
  if (index === 0 || index === 1) return index;
  const names = [...alternatives, ...state.sides.map((side) => side.name)];
  const hint = nearest(name, names);
  state.report.add(
    'CONFIG_REFERENCE',
    path,
    `"${name}" is no side of this mapping${hint ? `; did you mean "${hint}"?` : `; write ${names.join(' or ')}.`}`,
    of,
  );
  return undefined;
}

export function conflictRule(state: Compiling, text: string, path: YamlPath): ConflictRule {
  if (!isNamedConflictRule(text)) return sideIndex(state, text, path, 'value', NAMED_CONFLICT_RULES) ?? 'review';
  for (const side of CONFLICT_RULES[text].modified ? state.sides : []) {
    if (side.entityConfig.modified === undefined) {
      state.report.add(
        'CONFIG_OPERATION',
        path,
        `"${text}" needs the time of modification, which ${side.name} (${side.entity}) does not have; name a side or "review".`,
      );
    }
  }
  return text;
}

/** The mapping's own rule; it is reported once, where it stands. */
export function conflictQuiet(state: Compiling): ConflictRule {
  const text = state.draft.content.conflict ?? DEFAULT_CONFLICT_RULE;
  if (isNamedConflictRule(text)) return text;
  const index = state.sides.findIndex((side) => side.name === text);
  return index === 0 || index === 1 ? index : 'review';
}

export function deleteRules(state: Compiling): [DeleteRule, DeleteRule] {
  const { deletes = 'keep' } = state.draft.content;
  if (typeof deletes === 'string') return [deletes, deletes];
  const rules: [DeleteRule, DeleteRule] = ['keep', 'keep'];
  for (const [name, rule] of Object.entries(deletes)) {
    const index = sideIndex(state, name, ['deletes', name], 'key');
    if (index !== undefined) rules[index] = rule;
  }
  return rules;
}

/** Per side what `create` says of it; undefined where nothing is created. */
export type CreateRules = readonly [CreateRule | undefined, CreateRule | undefined];

export function createSides(state: Compiling): CreateRules {
  const { create = [] } = state.draft.content;
  const given = Array.isArray(create)
    ? create.map((name, i) => [name, 'missing', i] as const)
    : Object.entries(create).map(([name, rule]) => [name, rule, name] as const);
  const rules: [CreateRule | undefined, CreateRule | undefined] = [undefined, undefined];
  for (const [name, rule, at] of given) {
    const index = sideIndex(state, name, ['create', at], typeof at === 'number' ? 'value' : 'key');
    if (index !== undefined) rules[index] = rule;
  }
  return rules;
}

/** Where the file names a side under `create`. */
export function createPath({ content, sides }: Pick<MappingDraft, 'content' | 'sides'>, side: SideIndex): YamlPath {
  const { name } = sides[side];
  return Array.isArray(content.create) ? ['create', content.create.indexOf(name)] : ['create', name];
}

/** Compiles one mapping file: every name in it is resolved. */

import type { SideIndex } from '../../types.ts';
import { brakeConfig } from '../brake-limits.ts';
import { DEFAULT_CONFLICT_RULE } from '../conflict.ts';
import { shortHash } from '../hash.ts';
import type { Mapping, MappingSide } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import { checkLinkOnly, checkOneEntity, checkOperations, checkTargets } from './checks.ts';
import type { Compiling, MappingContext } from './compiling.ts';
import { expressionsBySide } from './expressions.ts';
import type { MappingDraft } from './file.ts';
import { matchRule } from './match-rules.ts';
import { compileProperty, namedProperties } from './property.ts';
import { correlates } from './property-paths.ts';
import { schedule } from './schedule.ts';
import { conflictRule, createSides, deleteRules, resolveSide } from './sides.ts';

export interface CompiledMapping {
  /** Undefined where the file has problems. Its depth is 0 until all mappings are known. */
  readonly mapping: Mapping | undefined;
  /** Mappings whose links this one needs, each with the place that says so. */
  readonly needs: readonly { readonly mapping: string; readonly required: boolean; readonly path: YamlPath }[];
}

/** Adds problems to the draft's report. */
export function compileMapping(draft: MappingDraft, context: MappingContext): CompiledMapping {
  const { report, content } = draft;
  const sides = [resolveSide(draft, 0, context), resolveSide(draft, 1, context)];
  if (!sides[0] || !sides[1]) return { mapping: undefined, needs: [] };
  const state: Compiling = { draft, context, report, sides: [sides[0], sides[1]], needs: [], tableTexts: new Map() };
  const create = createSides(state);
  const conflict = conflictRule(state, content.conflict ?? DEFAULT_CONFLICT_RULE, ['conflict']);
  const when = expressionsBySide(state, content.when, ['when'], { volatile: true });
  const correlate = correlates(state);
  const deletes = deleteRules(state);
  const match = (content.match ?? []).map((rule, i) => matchRule(state, rule, i));
  const properties = namedProperties(content.properties.map((property, i) => compileProperty(state, property, i)));
  checkTargets(state, properties, correlate);
  checkOperations(state, create, deletes, properties);
  checkOneEntity(state, create);
  checkLinkOnly(state, create);
  const mappingSide = (index: SideIndex): MappingSide => ({
    index,
    name: state.sides[index].name,
    system: state.sides[index].config,
    entity: state.sides[index].entityConfig,
    when: when[index],
    create: create[index],
    deletes: deletes[index],
    correlate: correlate[index],
  });
  const { needs } = state;
  if (report.problems.length > 0) return { mapping: undefined, needs };
  const texts = [...state.tableTexts].sort(([a], [b]) => (a < b ? -1 : 1)).flat();
  const parents = [...new Set(needs.map((need) => need.mapping))].filter((name) => name !== draft.name).sort();
  return {
    needs,
    mapping: {
      name: draft.name,
      description: content.description ?? '',
      descriptionAt: report.placeOf(['description']),
      file: draft.file,
      version: shortHash(draft.text, state.sides[0].config.version, state.sides[1].config.version, ...texts),
      sides: [mappingSide(0), mappingSide(1)],
      match,
      conflict,
      brake: brakeConfig(content.brake),
      properties,
      schedule: schedule(content.schedule),
      parents,
      depth: 0,
    },
  };
}

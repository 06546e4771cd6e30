/** A property that refers to a record of another mapping. */

import type { SideIndex } from '../../types.ts';
import type { ReferenceConfig } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import type { Compiling } from './compiling.ts';
import { checkMapping, expressionsBySide } from './expressions.ts';
import type { MappingDraft, PropertyFile } from './file.ts';

export function compileReference(
  state: Compiling,
  property: PropertyFile,
  path: YamlPath,
): ReferenceConfig | undefined {
  const { report } = state;
  if (property.reference === undefined) {
    if (property.fallback)
      report.add('CONFIG_SCHEMA', [...path, 'fallback'], '"fallback" goes with "reference", which is missing.', 'key');
    return undefined;
  }
  const at = [...path, 'reference'];
  for (const key of ['values', 'lookup', 'convert'] as const) {
    if (property[key] !== undefined)
      report.add(
        'CONFIG_SCHEMA',
        [...path, key],
        `"${key}" cannot go with "reference", which translates the id itself.`,
        'key',
      );
  }
  const fallback = expressionsBySide(state, property.fallback, [...path, 'fallback'], { toward: true });
  if (!checkMapping(state, property.reference, at)) return undefined;
  const target = property.reference === state.draft.name ? state.draft : state.context.drafts.get(property.reference)!;
  const sides = [referredSide(state, 0, target), referredSide(state, 1, target)];
  const [first, second] = sides;
  if (first === undefined || second === undefined || first === second) {
    const say = (draft: MappingDraft): string =>
      draft.sides.map((side) => `${side.name} (${side.system})`).join(' and ');
    report.add(
      'CONFIG_REFERENCE',
      at,
      `The mapping "${target.name}" is between ${say(target)}, this one between ${say(state.draft)}: their sides do not fit each other.`,
    );
    return undefined;
  }
  state.needs.push({ mapping: property.reference, required: property.required === true, path: at });
  return { mapping: property.reference, sides: [first, second], fallback };
}

/** By system; where both sides are of one system, by name. */
function referredSide(state: Compiling, index: SideIndex, target: MappingDraft): SideIndex | undefined {
  const side = state.sides[index];
  const fitting = ([0, 1] as const).filter((i) => target.sides[i].system === side.system);
  if (fitting.length === 1) return fitting[0];
  return fitting.find((i) => target.sides[i].name === side.name);
}

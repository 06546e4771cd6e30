/** Paths into the records of a system, checked against the schema of the entity, and the fields by which it can be searched. */

import { asTandemError } from '../../errors.ts';
import { type PathStep, parsePath, type WritablePath } from '../../expression/path.ts';
import { lackedBy, lackMessage } from '../optional.ts';
import { schemaPlace } from '../schema-path.ts';
import type { EntityConfig, JsonSchema } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import type { Compiling, ResolvedSide } from './compiling.ts';
import { sideIndex } from './sides.ts';

/** A property that is not asked for is never there: its row would see it empty, and write the whole of it without the rest. */
export function checkAsked(state: Compiling, side: ResolvedSide, roots: readonly string[], path: YamlPath): void {
  const { entityConfig: entity, config } = side;
  for (const root of roots) {
    const lacking = lackedBy(entity, root);
    if (lacking.length === 0) continue;
    const message = lackMessage(root, lacking, entity.optional?.param ?? '');
    state.report.add('CONFIG_OPERATION', path, `${side.entity} of ${side.system} ${message}, in ${config.file}.`);
  }
}

export function checkPlace(
  state: Compiling,
  side: ResolvedSide,
  steps: readonly PathStep[],
  path: YamlPath,
): { schema: JsonSchema | undefined; readOnly: boolean } | undefined {
  const place = schemaPlace(side.entityConfig.schema, steps);
  if (place.found) return place;
  state.report.add(
    'CONFIG_PATH',
    path,
    place.message.replace(/^The entity has/, `${side.entity} of ${side.system} has`),
  );
  return undefined;
}

/** The field by which the entity can be searched for what the path leads to. */
export function findField(entity: EntityConfig, steps: readonly PathStep[]): string | undefined {
  const wanted = JSON.stringify(steps);
  return Object.keys(entity.find?.by ?? {}).find((field) => JSON.stringify(quietPath(field)?.steps) === wanted);
}

export function quietPath(source: string): WritablePath | undefined {
  try {
    return parsePath(source);
  } catch {
    return undefined;
  }
}

export function correlates(state: Compiling): [WritablePath | undefined, WritablePath | undefined] {
  const paths: [WritablePath | undefined, WritablePath | undefined] = [undefined, undefined];
  for (const [name, source] of Object.entries(state.draft.content.correlate ?? {})) {
    const path = ['correlate', name];
    const index = sideIndex(state, name, path, 'key');
    if (index === undefined) continue;
    const side = state.sides[index];
    let parsed: WritablePath | undefined;
    try {
      parsed = parsePath(source);
    } catch (error) {
      state.report.addError(path, asTandemError(error));
      continue;
    }
    if (!parsed) {
      state.report.add('CONFIG_PATH', path, 'Must be a simple path that can be written, such as external_id.');
      continue;
    }
    const place = checkPlace(state, side, parsed.steps, path);
    checkAsked(state, side, [parsed.root], path);
    if (place?.readOnly)
      state.report.add('CONFIG_PATH', path, `${source} is read-only on ${name}; take a field that can be written.`);
    if (place && findField(side.entityConfig, parsed.steps) === undefined) {
      const by = Object.keys(side.entityConfig.find?.by ?? {});
      state.report.add(
        'CONFIG_OPERATION',
        path,
        `${side.entity} of ${side.system} cannot be searched by ${source}${by.length > 0 ? `; it can by ${by.join(', ')}.` : '; its system file declares no "find".'}`,
      );
    }
    paths[index] = parsed;
  }
  return paths;
}

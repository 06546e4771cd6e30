/** A row of a mapping: where a property lives on both sides, and what happens to its value between them. */

import { asTandemError } from '../../errors.ts';
import type { Expression } from '../../expression/expression.ts';
import { FORMS, type Form } from '../../expression/forms.ts';
import { nearest } from '../../expression/nearest.ts';
import { parsePath, type WritablePath } from '../../expression/path.ts';
import type { ValueType } from '../../expression/values.ts';
import { otherSide } from '../../types.ts';
import { definitionOf } from '../definition.ts';
import { schemaPlace } from '../schema-path.ts';
import type { Direction, Property, PropertySide } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import type { Compiling, ResolvedSide } from './compiling.ts';
import { expression, expressionsBySide } from './expressions.ts';
import { PROPERTY_KEYS, type PropertyFile } from './file.ts';
import { checkAsked, checkPlace, quietPath } from './property-paths.ts';
import { compileReference } from './reference.ts';
import { conflictQuiet, conflictRule, sideIndex, unknownEntity } from './sides.ts';
import { compileTable } from './table.ts';

export function compileProperty(
  state: Compiling,
  property: PropertyFile & Record<string, unknown>,
  i: number,
): Property {
  const path = ['properties', i];
  const { report } = state;
  checkKeys(state, property, path);
  const direction: Direction =
    property.direction === undefined || property.direction === 'both'
      ? 'both'
      : (sideIndex(state, property.direction, [...path, 'direction'], 'value', ['both']) ?? 'both');
  const lookups = property.lookup ?? {};
  for (const name of Object.keys(lookups)) sideIndex(state, name, [...path, 'lookup', name], 'key');
  const sides = state.sides.map((side) =>
    propertySide(state, side, property[side.name] as string | undefined, lookups[side.name], direction, path),
  );
  const compiledSides: [PropertySide, PropertySide] = [sides[0]!, sides[1]!];
  const type = property.type ?? 'string';
  const conflict =
    property.conflict === undefined
      ? conflictQuiet(state)
      : conflictRule(state, property.conflict, [...path, 'conflict']);
  const convert = expressionsBySide(state, property.convert, [...path, 'convert'], { toward: true });
  checkOptions(state, property, type, direction, path);
  const reference = compileReference(state, property, path);
  const compiled = {
    name: '',
    sides: compiledSides,
    type,
    scale: property.scale,
    equal: type === 'string' ? equalForms(state, property.equal) : undefined,
    required: property.required ?? false,
    direction,
    conflict,
    drift: property.drift ?? 'keep',
    convert,
    values:
      property.values === undefined
        ? undefined
        : compileTable(state, property.values, compiledSides, direction, { type, scale: property.scale }, [
            ...path,
            'values',
          ]),
    reference,
    lossy: property.lossy ?? false,
    ...report.placeOf(path),
  };
  return {
    ...compiled,
    definition: definitionOf(compiled, [state.sides[0].entityConfig, state.sides[1].entityConfig]),
  };
}

/** A key is a side or an option. */
function checkKeys(state: Compiling, property: Record<string, unknown>, path: YamlPath): void {
  const names = state.sides.map((side) => side.name);
  for (const key of Object.keys(property)) {
    if (PROPERTY_KEYS.includes(key) || names.includes(key)) continue;
    const known = [...names, ...PROPERTY_KEYS];
    const hint = nearest(key, known);
    state.report.add(
      'CONFIG_SCHEMA',
      [...path, key],
      `"${key}" is not known here${hint ? `; did you mean "${hint}"?` : `; known are ${known.join(', ')}.`}`,
      'key',
    );
  }
}

/** Options that do not go with the type or the direction. */
function checkOptions(
  state: Compiling,
  property: PropertyFile,
  type: ValueType,
  direction: Direction,
  path: YamlPath,
): void {
  const { report } = state;
  if (property.scale !== undefined && type !== 'decimal')
    report.add('CONFIG_SCHEMA', [...path, 'scale'], '"scale" is for type: decimal only.', 'key');
  if (property.equal !== undefined && type !== 'string')
    report.add('CONFIG_SCHEMA', [...path, 'equal'], '"equal" is for type: string only.', 'key');
  if (property.drift === 'revert' && direction === 'both')
    report.add('CONFIG_SCHEMA', [...path, 'drift'], '"drift" is for one-way properties: set "direction" too.', 'key');
  for (const key of ['convert', 'fallback'] as const) {
    for (const name of Object.keys(property[key] ?? {})) {
      const toward = state.sides.findIndex((side) => side.name === name);
      if (toward >= 0 && direction !== 'both' && toward !== direction) {
        report.add(
          'CONFIG_SCHEMA',
          [...path, key, name],
          `Nothing flows to ${name}, as "direction" is ${property.direction}; remove this, or the direction.`,
          'key',
        );
      }
    }
  }
  if (property.lossy && direction !== 'both')
    report.add(
      'CONFIG_SCHEMA',
      [...path, 'lossy'],
      '"lossy" is for two-way properties: nothing comes back here.',
      'key',
    );
}

/** Those of the property and of the entities on both sides, in one order, so that the same forms are one definition. */
function equalForms({ sides }: Compiling, own: readonly Form[] = []): readonly Form[] | undefined {
  const declared = [...own, ...sides.flatMap(({ entityConfig }) => entityConfig.equal)];
  const forms = FORMS.filter((form) => declared.includes(form));
  return forms.length === 0 ? undefined : forms;
}

function propertySide(
  state: Compiling,
  side: ResolvedSide,
  source: string | undefined,
  lookup: string | undefined,
  direction: Direction,
  path: YamlPath,
): PropertySide {
  const at = [...path, side.name];
  if (source === undefined) {
    state.report.add('CONFIG_SCHEMA', path, `"${side.name}" is missing: say where the value lives on that side.`);
    return { source: '', path: undefined, expression: undefined, schema: undefined, lookup: undefined };
  }
  let parsed: WritablePath | undefined;
  try {
    parsed = parsePath(source);
  } catch (error) {
    state.report.addError(at, asTandemError(error));
    return { source, path: undefined, expression: undefined, schema: undefined, lookup: undefined };
  }
  const written = direction === 'both' || direction === side.index;
  const other = state.sides[otherSide(side.index)].name;
  const place = parsed ? checkPlace(state, side, parsed.steps, at) : undefined;
  if (parsed) checkAsked(state, side, [parsed.root], at);
  if (place?.readOnly && written)
    state.report.add(
      'CONFIG_PATH',
      at,
      `${source} is read-only, so nothing can flow to it; set "direction: ${other}".`,
    );
  let computed: Expression | undefined;
  if (!parsed) {
    computed = expression(state, source, at, { reads: side.index });
    if (computed && written) {
      state.report.add(
        'CONFIG_PATH',
        at,
        `A value flows to ${side.name}, so this must be a simple path such as address.line1 or emails[type='work'].email; or set "direction: ${other}".`,
      );
    }
  }
  return {
    source,
    path: parsed,
    expression: computed,
    schema: place?.schema,
    lookup: lookup === undefined ? undefined : compileLookup(state, side, lookup, [...path, 'lookup', side.name]),
  };
}

function compileLookup(state: Compiling, side: ResolvedSide, text: string, path: YamlPath): PropertySide['lookup'] {
  const dot = text.indexOf('.');
  const entity = text.slice(0, dot);
  const field = text.slice(dot + 1);
  const config = Object.hasOwn(side.config.entities, entity) ? side.config.entities[entity] : undefined;
  if (!config) {
    state.report.add('CONFIG_REFERENCE', path, unknownEntity(side.config, entity));
    return undefined;
  }
  if (!config.list)
    state.report.add(
      'CONFIG_OPERATION',
      path,
      `The entity "${entity}" of "${side.system}" has no operation "list", which a lookup needs.`,
    );
  const steps = quietPath(field)?.steps;
  if (!steps)
    state.report.add('CONFIG_PATH', path, `"${field}" is no simple path; write ENTITY.FIELD, such as stages.name.`);
  else {
    const place = schemaPlace(config.schema, steps);
    if (!place.found)
      state.report.add(
        'CONFIG_PATH',
        path,
        place.message.replace(/^The entity has/, `${entity} of ${side.system} has`),
      );
  }
  return { entity, field };
}

/** Named by the path on the first side, or on the second where the first has none; by both where that is not unique. */
export function namedProperties(properties: readonly Property[]): Property[] {
  const plain = (property: Property): string =>
    property.sides[0].path || !property.sides[1].path ? property.sides[0].source : property.sides[1].source;
  const counts = new Map<string, number>();
  for (const property of properties) counts.set(plain(property), (counts.get(plain(property)) ?? 0) + 1);
  return properties.map((property) => ({
    ...property,
    name:
      counts.get(plain(property)) === 1 ? plain(property) : `${property.sides[0].source} > ${property.sides[1].source}`,
  }));
}

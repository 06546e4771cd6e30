/** Follows a path through the JSON Schema of an entity. */
import { nearest } from '../expression/nearest.ts';
import type { PathStep } from '../expression/path.ts';
import { isObject } from '../json.ts';
import type { JsonSchema } from './types.ts';

export type SchemaPlace =
  | {
      readonly found: true;
      /** Schema of the place; undefined where the entity schema leaves it open. */
      readonly schema: JsonSchema | undefined;
      readonly readOnly: boolean;
    }
  | {
      readonly found: false;
      readonly message: string;
    };

/**
 * Follows the path through lists, too. `readOnly`: the field, or one on the way to it, is never written.
 * @returns the place, or a message for the author of a file where the schema has none
 */
export function schemaPlace(schema: JsonSchema, steps: readonly PathStep[]): SchemaPlace {
  let here: JsonSchema | undefined = schema;
  let readOnly = false;
  const walked: string[] = [];
  for (const step of steps) {
    const names: string[] = step.select && 'key' in step.select ? [step.name, step.select.key] : [step.name];
    for (const [i, name] of names.entries()) {
      if (i === 1) {
        // The key of a selection is a field of the elements; the way goes on from the element.
        const key = fieldOf(here, name, [...walked]);
        if (!key.found) return key;
        const message = step.select && 'key' in step.select && mismatch(step.select, key.schema, walked.join('.'));
        if (message) return { found: false, message };
        continue;
      }
      const field = fieldOf(here, name, walked);
      if (!field.found) return field;
      if (field.schema === undefined) return { found: true, schema: undefined, readOnly };
      readOnly ||= field.schema.readOnly === true;
      here = step.select || step !== steps.at(-1) ? elementOf(field.schema) : field.schema;
      walked.push(name);
      if (here === undefined) return { found: true, schema: undefined, readOnly };
    }
  }
  return { found: true, schema: here, readOnly };
}

/** An element is selected by a value of the very type: '6' is not 6. */
function mismatch(
  { key, equals }: { key: string; equals: string | number },
  schema: JsonSchema | undefined,
  list: string,
): string | undefined {
  const types = schemaTypes(schema);
  const fits = typeof equals === 'string' ? ['string'] : ['number', 'integer'];
  if (types.length === 0 || types.some((type) => fits.includes(type))) return undefined;
  return typeof equals === 'number'
    ? `${key} of ${list} is text, so no element equals the number; write ${list}[${key}='${equals}'].`
    : `${key} of ${list} is a number, so no element equals the text; write ${list}[${key}=${equals}].`;
}

function fieldOf(schema: JsonSchema | undefined, name: string, walked: readonly string[]): SchemaPlace {
  if (schema === undefined) return { found: true, schema: undefined, readOnly: false };
  const properties = schema.properties;
  const at = walked.length === 0 ? 'The entity' : walked.join('.');
  if (!isObject(properties)) {
    const types = [schema.type].flat();
    // Without a word on its fields an object may hold any.
    if (schema.type === undefined || types.includes('object') || types.includes('array'))
      return { found: true, schema: undefined, readOnly: false };
    return { found: false, message: `${at} is no object, so it has no "${name}".` };
  }
  if (Object.hasOwn(properties, name)) {
    const field = properties[name];
    return { found: true, schema: isObject(field) ? field : undefined, readOnly: false };
  }
  const names = Object.keys(properties);
  const hint = nearest(name, names);
  return {
    found: false,
    message: `${at} has no "${name}"${hint ? `; did you mean "${hint}"?` : `; it has ${names.join(', ')}.`}`,
  };
}

/** Of a list, the schema of its elements: paths go through lists. */
function elementOf(schema: JsonSchema): JsonSchema | undefined {
  if (![schema.type].flat().includes('array')) return schema;
  return isObject(schema.items) ? schema.items : undefined;
}

/** The types that a schema allows, null left out. */
export function schemaTypes(schema: JsonSchema | undefined): readonly string[] {
  return schema === undefined
    ? []
    : [schema.type].flat().filter((type): type is string => typeof type === 'string' && type !== 'null');
}

/** What a create or an update sends: writable properties only, in the form that the system declares. Pure. */
import type { JsonSchema, UpdateConfig } from '../../config/types.ts';
import type { WritablePath } from '../../expression/path.ts';
import type { Json, JsonObject } from '../../types.ts';
import { isObject, property } from './read-path.ts';

/** Without read-only properties, and without empty places: a record that does not exist yet has nothing to clear. */
export function createBody(schema: JsonSchema, data: JsonObject): JsonObject {
  return dropNulls(asObject(stripReadOnly(schema, data)));
}

/** @returns a body with no fields where nothing that changed can be written */
export function updateBody(
  config: Pick<UpdateConfig, 'method' | 'mask' | 'nested'>,
  schema: JsonSchema,
  data: JsonObject,
  changed: readonly WritablePath[],
): JsonObject {
  if (config.method.toUpperCase() === 'PUT') return asObject(stripReadOnly(schema, data));
  if (config.nested === 'merge' && config.mask === undefined)
    return asObject(stripReadOnly(schema, leaves(data, changed)));
  return roots(schema, data, changed);
}

/** The query parameters that name the top-level fields of a body, where the system takes such a mask. */
export function maskOf(
  config: Pick<UpdateConfig, 'method' | 'mask' | 'maskStyle'>,
  body: JsonObject,
): [string, string][] {
  const { mask } = config;
  if (mask === undefined || config.method.toUpperCase() === 'PUT') return [];
  const names = Object.keys(body);
  return (config.maskStyle === 'repeat' ? names : [names.join(',')]).map((text) => [mask, text]);
}

/** Changed top-level fields, each whole; null where nothing that can be written is left in it. */
function roots(schema: JsonSchema, data: JsonObject, changed: readonly WritablePath[]): JsonObject {
  const kept: [string, Json][] = [];
  for (const name of new Set(changed.map(({ root }) => root))) {
    const parts = propertySchemas(flatten(schema, schema, 0), name);
    if (parts.some((part) => isReadOnly(schema, part))) continue;
    const value = strip(schema, { allOf: parts }, (property(data, name) ?? null) as Json);
    kept.push([name, value === undefined || (isObject(value) && Object.keys(value).length === 0) ? null : value]);
  }
  return Object.fromEntries(kept);
}

/** Changed leaves only, within the objects that lead to them; an array on the way is sent whole. */
function leaves(data: JsonObject, changed: readonly WritablePath[]): JsonObject {
  const result: JsonObject = {};
  for (const { steps } of changed) {
    let from: unknown = data;
    let to = result;
    for (const [position, step] of steps.entries()) {
      from = property(from, step.name);
      const last = position === steps.length - 1;
      if (!last && step.select === undefined && (from === undefined || from === null || isObject(from))) {
        // What is missing on the way was cleared with all it held: the leaf itself is what is sent as null.
        const known = property(to, step.name);
        const next = isObject(known) ? known : {};
        set(to, step.name, next);
        to = next;
        continue;
      }
      // A copy: a later path may go on inside it.
      set(to, step.name, copyOf((from ?? null) as Json));
      break;
    }
  }
  return result;
}

const copyOf = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(copyOf);
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copyOf(inner)]))
    : value;
};

/** Whatever its name is, it becomes a property of its own. */
function set(target: JsonObject, name: string, value: Json): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

/** The value without what its JSON Schema marks `readOnly`, at any depth. An object left with nothing of its own goes too. */
export function stripReadOnly(schema: JsonSchema, value: Json): Json | undefined {
  return strip(schema, schema, value);
}

function strip(root: JsonSchema, given: unknown, value: Json): Json | undefined {
  if (isReadOnly(root, given)) return undefined;
  const schemas = flatten(root, given, 0);
  if (Array.isArray(value)) {
    const items = schemas.map((schema) => schema.items).find(isObject);
    if (items === undefined) return value;
    return value.map((element) => strip(root, items, element)).filter((element) => element !== undefined);
  }
  if (!isObject(value)) return value;
  const kept: [string, Json][] = [];
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    const parts = propertySchemas(schemas, name);
    const left = parts.length === 0 ? inner : strip(root, { allOf: parts }, inner);
    if (left !== undefined) kept.push([name, left]);
  }
  return kept.length === 0 && Object.keys(value).length > 0 ? undefined : Object.fromEntries(kept);
}

function propertySchemas(schemas: readonly JsonSchema[], name: string): JsonSchema[] {
  return schemas.map((schema) => property(schema.properties, name)).filter(isObject);
}

function isReadOnly(root: JsonSchema, schema: unknown): boolean {
  return flatten(root, schema, 0).some((part) => part.readOnly === true);
}

/** A schema with its local references and the parts it is made of, as a flat list. */
function flatten(root: JsonSchema, schema: unknown, depth: number): JsonSchema[] {
  if (!isObject(schema) || depth > 16) return [];
  const parts: JsonSchema[] = [schema];
  if (typeof schema.$ref === 'string' && schema.$ref.startsWith('#/')) {
    const target = schema.$ref
      .slice(2)
      .split('/')
      .reduce<unknown>((at, name) => property(at, unescapePointer(name)), root);
    parts.push(...flatten(root, target, depth + 1));
  }
  for (const list of [schema.allOf, schema.anyOf, schema.oneOf]) {
    if (Array.isArray(list)) for (const part of list) parts.push(...flatten(root, part, depth + 1));
  }
  return parts;
}

const unescapePointer = (text: string): string => decodeURIComponent(text).replaceAll('~1', '/').replaceAll('~0', '~');

function dropNulls(value: JsonObject): JsonObject {
  const kept: [string, Json][] = [];
  for (const [name, inner] of Object.entries(value)) {
    if (inner === null) continue;
    if (!isObject(inner)) {
      kept.push([name, inner]);
      continue;
    }
    const left = dropNulls(inner);
    if (Object.keys(left).length > 0) kept.push([name, left]);
  }
  return Object.fromEntries(kept);
}

function asObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

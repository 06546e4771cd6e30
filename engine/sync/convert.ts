/** Converts a property's value from one side to the other: reference, lookup, conversion, value table, type. */
import { redefined } from '../config/definition.ts';
import { INLINE } from '../config/tables.ts';
import type { Mapping, Property } from '../config/types.ts';
import { asTandemError, type ErrorCode, TandemError } from '../errors.ts';
import type { ExpressionFunctions } from '../expression/expression.ts';
import {
  expressionInput,
  type Fingerprinter,
  idJson,
  isEmpty,
  parseValue,
  tableKey,
  toJson,
} from '../expression/values.ts';
import type { Converted, PropertyState } from '../merge/merge.ts';
import { type Base, type Json, otherSide, type SideIndex } from '../types.ts';
import type { RecordView } from './view.ts';

/** What conversions ask of the world. */
export interface ConvertContext {
  readonly fingerprinter: Fingerprinter;
  /** Functions for expressions that read from `side`. */
  functions(side: SideIndex): ExpressionFunctions;
  /** Why the conversion that ended just now waits for the link of another record, if it asked for one by `$link`. */
  takeWait?(): TandemError | undefined;
  /** Counterpart of a record through another mapping's links. */
  reference(property: Property, from: SideIndex, id: string): Promise<ReferenceAnswer>;
  /** The field of the record of a side's lookup entity that has this id; undefined when there is none. */
  lookup(side: SideIndex, lookup: { entity: string; field: string }, id: string): Promise<unknown>;
  /** The id of the record of a side's lookup entity whose field has this value. */
  lookupId(side: SideIndex, lookup: { entity: string; field: string }, value: unknown): Promise<string | undefined>;
}

export type ReferenceAnswer =
  | { readonly id: string }
  /** The referred record has been looked at and has no counterpart. */
  | 'settled'
  /** It may get one: wait. */
  | 'pending';

/**
 * The merge's view of every property, from the views of both records. A property that is in step with its base needs
 * no conversion, so none is done.
 */
export async function propertyStates(
  mapping: Mapping,
  views: readonly [RecordView, RecordView],
  base: Base,
  context: ConvertContext,
): Promise<PropertyState[]> {
  const states: PropertyState[] = [];
  for (const [i, property] of mapping.properties.entries()) {
    const former = Object.hasOwn(base, property.name) ? base[property.name] : undefined;
    const change = former && redefined(former[2] ?? property.definition, property.definition);
    const inStep =
      former !== undefined &&
      !change &&
      former[0] === views[0].fingerprints[i] &&
      former[1] === views[1].fingerprints[i];
    const toward: [Converted | undefined, Converted | undefined] = [undefined, undefined];
    for (const target of [0, 1] as const)
      if (!inStep && flowsTo(property, target))
        toward[target] = await convertProperty(mapping, property, views[otherSide(target)], target, context);
    states.push({
      name: property.name,
      direction: property.direction,
      conflict: property.conflict,
      drift: property.drift,
      own: [views[0].fingerprints[i]!, views[1].fingerprints[i]!],
      toward,
      ...(change ? { redefined: change } : {}),
    });
  }
  return states;
}

export const flowsTo = (property: Property, target: SideIndex): boolean =>
  property.direction === 'both' || property.direction === target;

/** Errors that cannot know themselves which property they are about. */
const UNPLACED: ReadonlySet<ErrorCode> = new Set(['VALUE_TYPE', 'EXPRESSION_FAILED', 'EXPRESSION_LIMIT', 'INTERNAL']);

/** Never throws: a failure is a value that the merge can weigh. */
export async function convertProperty(
  mapping: Mapping,
  property: Property,
  source: RecordView,
  target: SideIndex,
  context: ConvertContext,
): Promise<Converted> {
  try {
    const raw = source.raw[mapping.properties.indexOf(property)];
    const value = isEmpty(raw) ? undefined : await convertOrWait(mapping, property, raw, source, target, context);
    const json: Json = isEmpty(value) ? null : typedJson(property, value, target);
    if (json === null && property.required) {
      throw new TandemError(
        'VALUE_REQUIRED',
        `${nameOn(property, mapping, target)} is required, but ${nameOn(property, mapping, source.side)} is empty.`,
      );
    }
    return { ok: true, value: json, fingerprint: context.fingerprinter.of(json, property) };
  } catch (error) {
    const { code, message, context: detail } = asTandemError(error);
    const place = nameOn(property, mapping, source.side);
    return {
      ok: false,
      error: new TandemError(code, UNPLACED.has(code) ? `${place} cannot be converted: ${message}` : message, {
        ...detail,
        mapping: mapping.name,
        property: property.name,
        cause: error,
      }),
    };
  }
}

/** @throws what the conversion throws, or where it asked for the link of a record that gets one on demand, that it waits */
async function convertOrWait(...given: Parameters<typeof convertValue>): Promise<unknown> {
  const [, , , , , context] = given;
  const [result] = await Promise.allSettled([convertValue(...given)]);
  const wait = context.takeWait?.();
  if (wait) throw wait;
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

async function convertValue(
  mapping: Mapping,
  property: Property,
  raw: unknown,
  source: RecordView,
  target: SideIndex,
  context: ConvertContext,
): Promise<unknown> {
  const from = source.side;
  if (property.reference) return convertReference(mapping, property, raw, source, target, context);
  const lookupFrom = property.sides[from].lookup;
  const lookupTo = property.sides[target].lookup;
  let value: unknown = raw;
  if (lookupFrom) {
    value = await context.lookup(from, lookupFrom, String(raw));
    if (isEmpty(value))
      throw new TandemError(
        'VALUE_NOT_FOUND',
        `${nameOn(property, mapping, from)} names a record of ${lookupFrom.entity} that does not exist.`,
      );
  }
  // The table stands next to side 1: toward it the conversion comes first, back from it the table does.
  const convert = async (): Promise<void> => {
    const expression = property.convert[target];
    if (!expression || isEmpty(value)) return;
    value = await expression.evaluate(expressionInput(value, property), {
      record: source.record.data,
      functions: context.functions(from),
    });
  };
  const translate = (): void => {
    if (!property.values || isEmpty(value)) return;
    const table = target === 1 ? property.values.forward : property.values.backward;
    const found = table.get(tableKey(value, property));
    if (found === undefined) {
      throw new TandemError(
        'VALUE_NOT_IN_TABLE',
        `The value of ${nameOn(property, mapping, from)} has no entry in ${property.values.name === INLINE ? 'the value table' : `the value table "${property.values.name}"`} of ${mapping.file}:${property.line}.`,
      );
    }
    value = found;
  };
  if (target === 1) {
    await convert();
    translate();
  } else {
    translate();
    await convert();
  }
  if (lookupTo && !isEmpty(value)) {
    const id = await context.lookupId(target, lookupTo, value);
    if (id === undefined)
      throw new TandemError(
        'VALUE_NOT_FOUND',
        `No record of ${lookupTo.entity} has the ${lookupTo.field} that ${nameOn(property, mapping, target)} needs.`,
      );
    value = id;
  }
  return value;
}

async function convertReference(
  mapping: Mapping,
  property: Property,
  raw: unknown,
  source: RecordView,
  target: SideIndex,
  context: ConvertContext,
): Promise<unknown> {
  const answer = await context.reference(property, source.side, String(raw));
  if (typeof answer === 'object') return answer.id;
  const fallback = property.reference?.fallback[target];
  if (answer === 'settled' && fallback) {
    const value = await fallback.evaluate(raw, {
      record: source.record.data,
      functions: context.functions(source.side),
    });
    if (!isEmpty(value)) return value;
  }
  throw new TandemError(
    'REFERENCE_WAITING',
    `${nameOn(property, mapping, source.side)} refers to a record that has no counterpart in "${property.reference?.mapping}" yet.`,
    { id: String(raw), ...(answer === 'pending' ? { pending: true } : {}) },
  );
}

function typedJson(property: Property, value: unknown, target: SideIndex): Json {
  const side = property.sides[target];
  const json = (): Json =>
    property.reference && typeof value === 'string' ? idJson(value, side.schema) : toJson(value, property, side.schema);
  // The declared type is that of side 1; toward side 0 a conversion, lookup or table may lead to another type.
  const free = target === 0 && (property.convert[0] || property.values || side.lookup || property.reference);
  if (!free) {
    parseValue(value, property);
    return json();
  }
  try {
    return json();
  } catch {
    return value as Json;
  }
}

const nameOn = (property: Property, mapping: Mapping, side: SideIndex): string =>
  `${property.sides[side].source} (${mapping.sides[side].name})`;

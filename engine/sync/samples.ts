/** Values and records on which conversions are tried without the systems: from entity schemas, value tables and declared types. */
import { validateRecord } from '../config/record-schema.ts';
import { schemaTypes } from '../config/schema-path.ts';
import type { EntityConfig, JsonSchema, Mapping, Property } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { fingerprint, isEmpty, parseValue, unkeyed, type ValueType } from '../expression/values.ts';
import { isObject } from '../json.ts';
import type { Json, JsonObject, SideIndex, SystemRecord } from '../types.ts';
import type { ConvertContext } from './convert.ts';

/** Where a value comes from, the most telling first: a record, its schema (`enum`, `examples` ...), the value table, or made up. */
export const ORIGINS = ['record', 'schema', 'table', 'made-up'] as const;
export type Origin = (typeof ORIGINS)[number];

export interface Sample {
  readonly value: Json;
  readonly origin: Origin;
}

/** Records of each side of a mapping. */
export type SideRecords = readonly [readonly SystemRecord[], readonly SystemRecord[]];

/** The whole records that the schemas of both entities hold as `examples`. */
export const exampleRecords = (mapping: Mapping): SideRecords => [
  examplesOf(mapping.sides[0].entity),
  examplesOf(mapping.sides[1].entity),
];

/** `examples` of an entity's schema: records in their normalized shape, as the schema describes them. */
export function examplesOf(entity: EntityConfig): SystemRecord[] {
  const examples = Array.isArray(entity.schema.examples) ? entity.schema.examples : [];
  return examples.filter(isObject).map((data, i) => ({
    id: String(data[entity.id] ?? `example-${i + 1}`),
    modified: undefined,
    version: undefined,
    data,
  }));
}

// ---------------------------------------------------------------- values of one property

const TEXTS = [
  'Plain text',
  'lower case',
  'UPPER CASE',
  ' between  spaces ',
  '00123',
  '1.50',
  '+1 (602) 555-0142',
  "O'Neill & Söhne <Straßenbau>, Ltd.",
  'Cafe\u0301 株式会社さくら 🚀',
  'two\nlines',
  '-',
  'false',
];
const FORMATS: Readonly<Record<string, readonly string[]>> = {
  email: ['ana.diaz@example.com', 'Ana.Diaz+shop@Example.com'],
  uri: ['https://www.example.com/', 'HTTPS://Example.com/A?b=c%20d#e'],
  date: ['2024-02-29', '1999-12-31'],
  'date-time': ['2024-02-29T23:59:59Z', '2024-03-31T01:30:00+02:00', '1999-12-31T00:00:00.123Z'],
};
const INTEGERS = [0, 1, -1, 7, 29, 1_005, 12_345_678];
const DECIMALS = [0.29, 1.005, 10.1, 19.99, -2.5, 1_234_567.89];
const LONG = 300;

/** Typical and awkward values of a type; what a place does not take is left out later. */
function valuesOf(kind: ValueType, schema: JsonSchema | undefined): readonly Json[] {
  switch (kind) {
    case 'string': {
      const format = typeof schema?.format === 'string' ? FORMATS[schema.format] : undefined;
      const length = typeof schema?.maxLength === 'number' ? Math.min(schema.maxLength, 2_000) : LONG;
      return [...(format ?? []), ...TEXTS, 'Long text. '.repeat(Math.ceil(length / 11)).slice(0, length)];
    }
    case 'integer':
      return [...INTEGERS, ...(schema ? INTEGERS.map(String) : [])];
    case 'decimal':
      return [
        ...INTEGERS,
        ...DECIMALS,
        ...(schema ? [...INTEGERS, ...DECIMALS].flatMap((number) => [String(number), number.toFixed(2)]) : []),
      ];
    case 'boolean':
      return [true, false];
    case 'date':
      return [...FORMATS.date!, ...FORMATS['date-time']!];
    case 'datetime':
      return [...FORMATS['date-time']!, ...FORMATS.date!];
    case 'list':
      return [['one'], ['two', 'one'], ['one', 'two']];
  }
}

const KINDS: Readonly<Record<string, ValueType>> = {
  string: 'string',
  integer: 'integer',
  number: 'decimal',
  boolean: 'boolean',
  array: 'list',
};

/**
 * Values that may stand in a property's place on one side, each once. Those that are made up fit the schema of the
 * place and, where nothing converts them, the declared type.
 */
export function sampleValues(mapping: Mapping, property: Property, side: SideIndex, within: JsonObject): Sample[] {
  const { path, schema, lookup } = property.sides[side];
  // An id is nothing that can be made up.
  if (!path || lookup || property.reference) return [];
  const converted = property.convert[0] !== undefined || property.convert[1] !== undefined;
  // The declared type is that of side 1; where a conversion or table stands between, side 0 may hold another.
  const free = side === 0 && (converted || property.values !== undefined);
  const kinds = free
    ? schemaTypes(schema).flatMap((type) => KINDS[type] ?? [])
    : ([property.type] satisfies ValueType[]);
  const samples: Sample[] = [];
  const add = (values: readonly unknown[], origin: Origin): void => {
    for (const value of values) if (!isEmpty(value)) samples.push({ value: value as Json, origin });
  };
  add(
    [schema?.enum, schema?.examples].flatMap((list) => (Array.isArray(list) ? list : [])),
    'schema',
  );
  add([schema?.const, schema?.default], 'schema');
  if (property.values) {
    // The table stands next to side 1: behind a conversion its keys are not what side 0 holds.
    if (side === 1) add([...property.values.forward.values()], 'table');
    else if (!converted) add([...property.values.backward.values()], 'table');
  }
  add(
    (kinds.length > 0 ? kinds : [property.type])
      .flatMap((kind) => valuesOf(kind, schema))
      .filter((value) => (free || fitsType(value, property)) && takes(mapping, property, side, within, value)),
    'made-up',
  );
  const seen = new Set<string>();
  return samples.filter(({ value }) => {
    const known = seen.has(fingerprint(value, property));
    seen.add(fingerprint(value, property));
    return !known;
  });
}

function fitsType(value: Json, property: Property): boolean {
  try {
    parseValue(value, property);
    return true;
  } catch {
    return false;
  }
}

function takes(mapping: Mapping, property: Property, side: SideIndex, within: JsonObject, value: Json): boolean {
  try {
    const record = property.sides[side].path!.set(within, value);
    return refusal(mapping, property, side, record) === undefined;
  } catch {
    return false;
  }
}

/** Why the entity of a side would not take what the record holds at the property's place; undefined where it would. */
export function refusal(
  { sides }: Mapping,
  property: Property,
  side: SideIndex,
  record: JsonObject,
): string | undefined {
  const { path } = property.sides[side];
  if (!path) return undefined;
  const place = path.steps.map((step) => step.name).join('.');
  const faults = validateRecord(sides[side].entity, record, { partial: true, paths: [path.root] });
  return faults.find((fault) => `${fault.property.replace(/\[\d+\]/g, '')}.`.startsWith(`${place}.`))?.message;
}

// ---------------------------------------------------------------- the world without the systems

/** Answers lookups from the examples in the schemas. What only the systems or the links can tell is REFERENCE_WAITING. */
export function offlineContext(mapping: Mapping): ConvertContext {
  const unknown = (): never => {
    throw new TandemError('REFERENCE_WAITING', 'Only the systems and the links of Tandem can tell this.');
  };
  const records = (side: SideIndex, entity: string): readonly SystemRecord[] =>
    examplesOf(mapping.sides[side].system.entities[entity]!);
  return {
    fingerprinter: unkeyed,
    functions: () => ({ link: unknown, record: unknown, find: unknown }),
    reference: unknown,
    lookup: async (side, { entity, field }, id) =>
      records(side, entity).find((record) => record.id === id)?.data[field] ?? unknown(),
    lookupId: async (side, { entity, field }, value) =>
      records(side, entity).find((record) => String(record.data[field]) === String(value))?.id ?? unknown(),
  };
}

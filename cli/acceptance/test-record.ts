/** The values of a record that a test makes: for each row that it can write. */
import {
  type EntityConfig,
  type Json,
  type JsonObject,
  type Mapping,
  otherSide,
  type Property,
  type SideIndex,
  type WritablePath,
} from '../../engine/index.ts';
import type { MappingTest, Values } from './mapping-test.ts';
import { isMark, twoValues } from './test-values.ts';

export const isRequired = ({ schema }: EntityConfig, path: WritablePath): boolean =>
  Array.isArray(schema.required) && schema.required.includes(path.root);

/** Rows that can be written on a side and flow from it. */
export const writableRows = ({ properties }: Mapping, from: SideIndex): Property[] =>
  properties.filter(
    ({ sides, direction }) => sides[from].path && (direction === 'both' || direction === otherSide(from)),
  );

export async function recordFor(
  test: MappingTest,
  side: SideIndex,
  n: 0 | 1 = 0,
): Promise<{ data: JsonObject; values: Values }> {
  let data: JsonObject = {};
  const values: Values = new Map();
  for (const property of test.mapping.properties) {
    const path = property.sides[side].path;
    // What only flows to this side is written by Tandem; but what the system requires must be there at once.
    if (!path || (property.direction === side && !isRequired(test.mapping.sides[side].entity, path))) continue;
    const value = await valueFor(test, property, side, n, data);
    if (value === undefined) continue;
    data = path.set(data, value);
    values.set(property, value);
  }
  return { data, values };
}

/** @param n which of two values */
async function valueFor(
  test: MappingTest,
  property: Property,
  side: SideIndex,
  n: 0 | 1,
  within: JsonObject,
): Promise<Json | undefined> {
  const { reference } = property;
  if (reference) {
    const id = test.context.pairs.get(reference.mapping)?.[n]?.[reference.sides[side]];
    return id === undefined ? undefined : idValue(property, side, id);
  }
  if (property.values && !property.convert[0] && !property.convert[1])
    return (await tableValues(test, property, side))[n]?.value;
  if (isMark(test.mapping, property, side)) return test.text(property, side);
  return twoValues(test.mapping, property, side, within)[n];
}

/** Values of a row's table as they stand in a side's place: through a lookup these are ids. */
export async function tableValues(
  test: MappingTest,
  property: Property,
  side: SideIndex,
): Promise<{ name: string; value: Json }[]> {
  const { values } = property;
  const { lookup } = property.sides[side];
  const names = [...(side === 0 ? values!.backward : values!.forward).values()];
  if (!lookup) return names.map((name) => ({ name: String(name), value: name }));
  const records = await test.context.systems.all(test.mapping.sides[side].system.name, lookup.entity);
  return names.flatMap((name) => {
    const found = records.find(({ data }) => String(data[lookup.field]) === String(name));
    return found ? [{ name: String(name), value: idValue(property, side, found.id) }] : [];
  });
}

/** An id as the schema of a row's place takes it. */
function idValue(property: Property, side: SideIndex, id: string): Json {
  const types = [property.sides[side].schema?.type].flat();
  return types.includes('string') ? id : Number(id);
}

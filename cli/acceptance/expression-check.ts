/** Rows whose source is an expression: a field that it reads is changed, and the other side must follow. */
import {
  isEmpty,
  type JsonSchema,
  otherSide,
  type Property,
  type SideIndex,
  schemaPlace,
  schemaTypes,
  type ValueType,
  type WritablePath,
} from '../../engine/index.ts';
import { place, same, shown } from './comparison.ts';
import { fieldsRead } from './fields.ts';
import type { Ids, MappingTest } from './mapping-test.ts';
import { differentValues } from './test-values.ts';

export async function checkExpressions(test: MappingTest, ids: Ids): Promise<void> {
  for (const from of [0, 1] as const)
    for (const property of test.mapping.properties)
      if (!property.sides[from].path && property.direction === otherSide(from))
        await test.attempt('changed', from, () => checkExpression(test, property, from, ids), { property });
}

/** Values of a field that are tried before the row counts as constant. */
const TRIES = 4;

async function checkExpression(test: MappingTest, property: Property, from: SideIndex, ids: Ids): Promise<void> {
  const { systems, tandem } = test.context;
  const { mapping } = test;
  const { source } = property.sides[from];
  const { entity } = mapping.sides[from];
  const to = otherSide(from);
  const field = fieldsRead(source).flatMap((path) => asRow(test, property, from, path))[0];
  if (!field) {
    test.notTestable('changed', from, `it reads no single field that a test can write: ${source}`, { property });
    return;
  }
  const path = field.sides[from].path!;
  const began = await test.both(ids);
  const before = place(property, to, began[to]);
  const values = differentValues(mapping, field, from, {}, TRIES);
  for (const value of values) {
    if (same(place(field, from, began[from]), value, field)) continue;
    await systems.change(entity, ids[from], [[path, value]]);
    await tandem.sync(mapping, from, ids[from]);
    const after = await test.eventually(
      () => test.both(ids),
      (now) => !same(place(property, to, now[to]), before, property),
    );
    const got = place(property, to, after[to]);
    if (same(got, before, property) || isEmpty(got)) continue;
    const note = `${path.source} was changed, and another value arrived; what the expression makes of it is not computed`;
    test.judged('changed', from, undefined, { property, note });
    return;
  }
  const fault = `it stays ${shown(before)}, whatever ${path.source} is: ${values.map(shown).join(', ')}`;
  test.judged('changed', from, fault, { property });
}

/** A field as if it were a row of its own, so that values for it can be found; nothing where it cannot be written. */
function asRow({ mapping }: MappingTest, property: Property, side: SideIndex, path: WritablePath): Property[] {
  const place = schemaPlace(mapping.sides[side].entity.schema, path.steps);
  if (!place.found || !place.schema || place.schema.readOnly === true) return [];
  const type = typeOf(place.schema);
  if (!type) return [];
  const own = { source: path.source, path, expression: undefined, schema: place.schema, lookup: undefined };
  return [{ ...property, type, sides: side === 0 ? [own, property.sides[1]] : [property.sides[0], own] }];
}

function typeOf(schema: JsonSchema): ValueType | undefined {
  if (schema.format === 'date') return 'date';
  if (schema.format === 'date-time') return 'datetime';
  const types = schemaTypes(schema);
  return (
    (['string', 'integer', 'boolean'] as const).find((type) => types.includes(type)) ??
    (types.includes('number') ? 'decimal' : undefined)
  );
}

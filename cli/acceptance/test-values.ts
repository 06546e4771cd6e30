/** Values to test a row with: real ones of the schema's examples, or made up; unique ones where records are known by them. */
import {
  canonical,
  examplesOf,
  isEmpty,
  type Json,
  type JsonObject,
  type Mapping,
  type Property,
  refusal,
  type SideIndex,
} from '../../engine/index.ts';

/** Whether records are told apart by the place of a row: match rules compare it, or it is the first free text. */
export function isMark(mapping: Mapping, property: Property, side: SideIndex): boolean {
  const { source } = property.sides[side];
  const word = new RegExp(`(?<![\\w.])${source.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w.])`);
  if (!isFreeText(property)) return false;
  if (mapping.match.some(({ keys }) => word.test(keys[side].source))) return true;
  return mapping.properties.find(isFreeText) === property;
}

/** Whether both sides take any text here: no table, reference, lookup or conversion says which. */
export const isFreeText = ({ type, values, reference, convert, sides }: Property): boolean =>
  type === 'string' &&
  !values &&
  !reference &&
  !convert[0] &&
  !convert[1] &&
  sides.every(({ path, lookup }) => path !== undefined && lookup === undefined);

/** A value that no other record has, and by which the run's records are found again. */
export function marked(property: Property, side: SideIndex, mark: string, n: number): string {
  const { schema } = property.sides[side];
  if (property.sides.some((one) => one.schema?.format === 'email')) return `${mark}-${n}@example.com`;
  if (property.sides.some((one) => one.schema?.format === 'uri')) return `https://example.com/${mark}-${n}`;
  const longest = typeof schema?.maxLength === 'number' ? schema.maxLength : 200;
  return `${mark}-${n}`.slice(0, longest);
}

/** Two different values of a row that its side takes, as far as its schema says. @param within the record in which they are to stand */
export const twoValues = (mapping: Mapping, property: Property, side: SideIndex, within: JsonObject): Json[] =>
  differentValues(mapping, property, side, within, 2);

/** As many as there are, up to `most`. */
export function differentValues(
  mapping: Mapping,
  property: Property,
  side: SideIndex,
  within: JsonObject,
  most: number,
): Json[] {
  const { path } = property.sides[side];
  if (!path) return [];
  const examples = examplesOf(mapping.sides[side].entity).map(({ data }) => path.get(data) as Json);
  const found = new Map<string, Json>();
  for (const value of [...examples, ...madeUp(property, side)]) {
    if (isEmpty(value)) continue;
    try {
      if (refusal(mapping, property, side, path.set(within, value)) !== undefined) continue;
      const key = canonical(value, property);
      if (!found.has(key)) found.set(key, value);
    } catch {
      // No value of this type.
    }
    if (found.size === most) break;
  }
  return [...found.values()];
}

function madeUp({ type, sides }: Property, side: SideIndex): Json[] {
  const text = sides[side].schema?.type;
  const asText = [text].flat().includes('string');
  switch (type) {
    case 'boolean':
      return [true, false];
    case 'integer':
      return asText ? ['7', '12', '1', '480', '25000'] : [7, 12, 1, 480, 25_000];
    case 'decimal':
      return asText ? ['10.50', '20.25', '0.01', '480', '25000'] : [10.5, 20.25, 0.01, 480, 25_000];
    case 'date':
      return ['2031-02-03', '2032-03-04', '1999-12-31'];
    case 'datetime':
      return ['2031-02-03T04:05:06Z', '2032-03-04T05:06:07Z', '1999-12-31T22:59:58Z'];
    case 'list':
      return [['one'], ['one', 'two'], ['three']];
    default:
      return ['First text of the test', 'Second text of the test', 'A third one, which is longer', '42', 'z'];
  }
}

/** The data type of a place as documents state it: that of the entity's schema, in the words of mapping files. */
import { type JsonSchema, type Property, type SideIndex, schemaTypes, type ValueType } from '../../engine/index.ts';
import { withArticle } from './names.ts';

/** Values that are named one by one; more are counted. */
const NAMED = 8;

/** JSON Schema's types and formats -> the words of mapping files. */
const TYPES: Readonly<Record<string, string>> = { number: 'decimal', array: 'list', object: 'object' };
const FORMATS: Readonly<Record<string, string>> = { 'date-time': 'datetime', date: 'date' };
const NOTES: Readonly<Record<string, string>> = { email: 'e-mail address', uri: 'web address' };
/** What a text of the schema holds where the mapping says more of it than the schema does. */
const WRITTEN_AS_TEXT: readonly ValueType[] = ['integer', 'decimal', 'boolean', 'date', 'datetime'];

/**
 * `string`, `decimal, written as text`, `string, one of: pending, completed`, `integer, id of a Customer`.
 * @param idOf what a record that the value is the id of is called; undefined where it is no id
 */
export function dataType(property: Property, side: SideIndex, idOf: string | undefined): string {
  const { schema } = property.sides[side];
  const id = idOf === undefined ? [] : [`id of ${withArticle(idOf)}`];
  if (schema === undefined) return [property.type, ...id].join(', ');
  return [baseType(property, schema), ...id, ...notes(schema)].join(', ');
}

function baseType({ type, reference, sides }: Property, schema: JsonSchema): string {
  const types = schemaTypes(schema);
  if (types.length === 0) return type;
  if (types.length > 1) return types.map((one) => TYPES[one] ?? one).join(' or ');
  const [only = type] = types;
  if (only !== 'string') return TYPES[only] ?? only;
  const format = FORMATS[String(schema.format)];
  if (format !== undefined) return format;
  const translated = reference !== undefined || sides.some(({ lookup }) => lookup !== undefined);
  return WRITTEN_AS_TEXT.includes(type) && !translated ? `${type}, written as text` : 'string';
}

function notes(schema: JsonSchema): string[] {
  const found: string[] = [];
  const note = NOTES[String(schema.format)];
  if (note !== undefined) found.push(note);
  if (Array.isArray(schema.enum)) {
    const values = schema.enum.filter((value) => value !== null).map(String);
    found.push(values.length > NAMED ? `one of ${values.length} values` : `one of: ${values.join(', ')}`);
  }
  if (typeof schema.maxLength === 'number') found.push(`at most ${schema.maxLength} characters`);
  return found;
}

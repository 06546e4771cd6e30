/** How the value of a row changes on its way, in words. */
import jsonata from 'jsonata';
import { type Mapping, otherSide, type Property, parsePath, type SideIndex } from '../../engine/index.ts';
import { code, flat, listed, type Text, text } from './blocks.ts';
import { entityTitle, fieldTitle, tableAnchor, withArticle } from './names.ts';

export interface Conversion {
  readonly kind: 'expression' | 'values' | 'lookup' | 'scale' | 'equal' | 'lossy' | 'fallback' | 'revert';
  /** Name of the side that it is made toward; absent where it concerns both. */
  readonly toward?: string;
  /** JSONata. */
  readonly expression?: string;
  readonly parts: Text;
}

/** In the order in which they are to be read. @param first the side that the document begins with */
export function conversions(mapping: Mapping, property: Property, first: SideIndex): Conversion[] {
  const found: Conversion[] = [];
  const both = [first, otherSide(first)] as const;
  const systemOf = (side: SideIndex): string => flat(mapping.sides[side].system.title);
  for (const side of both) {
    const { lookup } = property.sides[side];
    if (!lookup) continue;
    const entity = mapping.sides[side].system.entities[lookup.entity];
    const path = parsePath(lookup.field);
    const field = entity && path ? fieldTitle(entity, path) : lookup.field;
    found.push({
      kind: 'lookup',
      toward: mapping.sides[side].name,
      parts: text`${withArticle(entityTitle(mapping.sides[side].system, lookup.entity))} goes by its ${field} in ${systemOf(side)}`,
    });
  }
  if (property.values)
    found.push({ kind: 'values', parts: text`${{ link: 'value table', to: tableAnchor(mapping, property) }}` });
  for (const toward of [otherSide(first), first]) {
    const side = mapping.sides[toward].name;
    const convert = property.convert[toward];
    if (convert)
      found.push({
        kind: 'expression',
        toward: side,
        expression: convert.source,
        parts: text`to ${systemOf(toward)}: ${expressionWords(convert.source)}`,
      });
    const fallback = property.reference?.fallback[toward];
    if (fallback)
      found.push({
        kind: 'fallback',
        toward: side,
        expression: fallback.source,
        parts: text`to ${systemOf(toward)}, without a linked record: ${code(fallback.source)}`,
      });
  }
  if (property.scale !== undefined)
    found.push({
      kind: 'scale',
      parts: text`${property.scale} decimal ${property.scale === 1 ? 'place' : 'places'} count`,
    });
  if (property.equal)
    found.push({
      kind: 'equal',
      parts: text`differences in ${listed(property.equal.map((form) => FORM_WORDS[form]))} do not count`,
    });
  if (property.lossy) found.push({ kind: 'lossy', parts: text`may come back in another form` });
  if (property.direction !== 'both' && property.drift === 'revert')
    found.push({
      kind: 'revert',
      toward: mapping.sides[property.direction].name,
      parts: text`an edit in ${systemOf(property.direction)} is put back`,
    });
  return found;
}

const FORM_WORDS: Readonly<Record<NonNullable<Property['equal']>[number], string>> = {
  'line-ends': 'line ends',
  composition: 'the composition of accents',
  'outer-spaces': 'outer spaces',
  case: 'letter case',
};

/** Expressions of a few simple forms in words, any other as it is. */
function expressionWords(source: string): Text {
  try {
    return wordsOf(jsonata(source).ast() as unknown as Node) ?? [code(source)];
  } catch {
    return [code(source)];
  }
}

interface Node {
  readonly type?: string;
  readonly value?: unknown;
  readonly procedure?: Node;
  readonly arguments?: readonly Node[];
}

const FUNCTIONS: Readonly<Record<string, string>> = {
  uppercase: 'in capital letters',
  lowercase: 'in small letters',
  trim: 'without spaces before, after and doubled',
  string: 'as text',
  number: 'as a number',
};

/** Of functions of the value alone. */
function wordsOf({ type, procedure, arguments: given = [] }: Node): Text | undefined {
  const [value, second, third] = given;
  if (type !== 'function' || procedure?.type !== 'variable' || value?.type !== 'variable' || value.value !== '')
    return undefined;
  const name = String(procedure.value);
  if (given.length === 1) return Object.hasOwn(FUNCTIONS, name) ? [FUNCTIONS[name]!] : undefined;
  if (name === 'round' && given.length === 2 && second?.type === 'number' && Number(second.value) >= 0)
    return [`rounded to ${Number(second.value)} decimal places`];
  const set = second?.type === 'regex' ? /^\/\[\^([^\]\\^]+)\]\/g?$/.exec(String(second.value))?.[1] : undefined;
  if (name === 'replace' && given.length === 3 && set !== undefined && third?.type === 'string' && third.value === '')
    return text`only the characters ${code(set)} are kept`;
  return undefined;
}

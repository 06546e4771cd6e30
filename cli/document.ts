/** The documentation of a mapping as Markdown, from nothing but its rules: equal rules, equal text. */
import type { Mapping, MappingSide, Property } from '../engine/config/types.ts';
import { otherSide, type SideIndex } from '../engine/types.ts';
import { code, markdownTable } from './tables.ts';

const SIDES = [0, 1] as const;

export function documentMappings(mappings: readonly Mapping[]): string {
  return `${mappings.map(documentMapping).join('\n\n')}`;
}

export function documentMapping(mapping: Mapping): string {
  const [a, b] = mapping.sides;
  return [
    `## ${mapping.name}`,
    mapping.description.replace(/\s+/g, ' ').trim(),
    bullets([
      `Records: ${a.system.name} ${code(a.entity.name)} and ${b.system.name} ${code(b.entity.name)}.`,
      ...mapping.sides.map((side) =>
        side.when === undefined
          ? `Every record of ${title(side)} takes part.`
          : `Of ${title(side)}, records take part where ${code(side.when.source)}.`,
      ),
      creation(mapping),
      `Where both sides changed: ${conflictWords(mapping, mapping.conflict)}.`,
      ...mapping.sides.map(
        (side) => `When a record of ${title(mapping.sides[otherSide(side.index)])} is deleted: ${deleteWords(side)}.`,
      ),
      ...(mapping.parents.length > 0 ? [`Needs the links of ${mapping.parents.map(code).join(', ')}.`] : []),
    ]),
    matching(mapping),
    markdownTable(
      [title(a), title(b), 'Data type', 'Direction', 'Required', 'Notes'],
      mapping.properties.map((property) => [
        place(property, 0),
        place(property, 1),
        dataType(property),
        direction(mapping, property),
        property.required ? 'yes' : '',
        notes(mapping, property),
      ]),
    ),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

/** Name of a side as a heading: `customwebshop` -> `Customwebshop`. */
const title = ({ name }: MappingSide): string => name.charAt(0).toUpperCase() + name.slice(1);

const bullets = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');

function creation({ sides }: Mapping): string {
  const created = sides.filter((side) => side.create).map(title);
  return created.length === 0
    ? 'Missing counterparts are created on neither side.'
    : `Missing counterparts are created in ${created.join(' and ')}.`;
}

function matching({ match }: Mapping): string {
  if (match.length === 0) return 'Records that are there already are never matched by likeness.';
  const rules = match.map(({ keys, found }, i) => {
    const review = found === 'review' ? ' (a candidate goes to review)' : '';
    return `${i + 1}. ${code(keys[0].source)} = ${code(keys[1].source)}${review}`;
  });
  return `Records that are there already match, in this order, by:\n\n${rules.join('\n')}`;
}

function conflictWords(mapping: Mapping, rule: Mapping['conflict']): string {
  if (rule === 'latest') return 'the later modification wins';
  return rule === 'review' ? 'a person decides' : `${title(mapping.sides[rule])} wins`;
}

function deleteWords({ deletes, ...side }: MappingSide): string {
  if (deletes === 'propagate')
    return `its counterpart in ${title({ deletes, ...side })} is deleted too, unless it was edited`;
  return deletes === 'review' ? 'a person decides' : `its counterpart in ${title({ deletes, ...side })} is kept`;
}

const place = (property: Property, side: SideIndex): string => {
  const { source } = property.sides[side];
  return source === '' ? '' : code(source);
};

function dataType({ type, places }: Property): string {
  return places === undefined ? type : `${type}, ${places} ${places === 1 ? 'place' : 'places'}`;
}

function direction({ sides }: Mapping, property: Property): string {
  return property.direction === 'both' ? 'both ways' : `to ${title(sides[property.direction])}`;
}

function notes(mapping: Mapping, property: Property): string {
  const { sides } = mapping;
  const found: string[] = [];
  if (property.reference) found.push(`id translated by ${code(property.reference.mapping)}`);
  for (const side of SIDES) {
    const otherwise = property.reference?.otherwise[side];
    if (otherwise) found.push(`without a link, in ${title(sides[side])}: ${code(otherwise.source)}`);
  }
  for (const side of SIDES) {
    const { lookup } = property.sides[side];
    if (lookup) found.push(`${title(sides[side])}: by ${code(`${lookup.entity}.${lookup.field}`)}`);
  }
  if (property.values) found.push(valueWords(property.values));
  for (const side of SIDES) {
    const convert = property.convert[side];
    if (convert) found.push(`to ${title(sides[side])}: ${code(convert.source)}`);
  }
  if (property.lossy) found.push('may come back in another form');
  if (property.conflict !== mapping.conflict) found.push(`conflict: ${conflictWords(mapping, property.conflict)}`);
  if (property.direction !== 'both' && property.drift === 'revert') found.push('an edit of the follower is put back');
  return found.join('; ');
}

/** A short table is told row by row, a long one by its name. */
function valueWords({ name, forward }: NonNullable<Property['values']>): string {
  if (forward.size > 8) return `value table ${code(name)} (${forward.size} values)`;
  return `values: ${[...forward].map(([from, to]) => `${from} = ${to}`).join(', ')}`;
}

/** What documents call systems, records and fields: the titles of system files. */
import {
  type EntityConfig,
  type Mapping,
  type MappingSide,
  otherSide,
  type PathStep,
  type Property,
  parsePath,
  type SideIndex,
  type SystemConfig,
  type WritablePath,
} from '../../engine/index.ts';
import { flat } from './blocks.ts';

/** `Keap Company`; with the name of the side where both sides would read the same. */
export function recordTitle(mapping: Mapping, side: MappingSide): string {
  const of = ({ system, entity }: MappingSide): string => flat(`${system.title} ${entity.title}`);
  const other = mapping.sides[otherSide(side.index)];
  return of(side) === of(other) ? `${of(side)} (${side.name})` : of(side);
}

/** `A Keap Company`, `An ERP Order`: by the first letter. */
export const withArticle = (noun: string, start = false): string =>
  `${start ? 'A' : 'a'}${/^[aeiou]/i.test(noun) ? 'n' : ''} ${noun}`;

/** The title of a place, or its path where it has none; both where another field has that title too. */
export function fieldTitle({ fields }: EntityConfig, path: WritablePath): string {
  const wanted = JSON.stringify(path.steps);
  const found = Object.entries(fields).find(([source]) => JSON.stringify(stepsOf(source)) === wanted);
  if (!found) return flat(path.source);
  const [source, { title }] = found;
  const shared = Object.entries(fields).some(([other, one]) => other !== source && flat(one.title) === flat(title));
  return shared ? flat(`${title} (${path.source})`) : flat(title);
}

/** The title of an entity; its name too where another entity of the system has that title. */
export function entityTitle({ entities }: SystemConfig, name: string): string {
  const title = flat(entities[name]?.title ?? name);
  const shared = Object.entries(entities).some(([other, one]) => other !== name && flat(one.title) === title);
  return shared ? `${title} (${name})` : title;
}

const stepsOf = (source: string): readonly PathStep[] | undefined => parsePath(source)?.steps;

/** What a row is called on one side: its expression where it has no path. */
export function placeTitle(mapping: Mapping, property: Property, side: SideIndex): string {
  const { path, source } = property.sides[side];
  return path ? fieldTitle(mapping.sides[side].entity, path) : flat(source);
}

/** Of the table of a row's values, within a document. */
export const tableAnchor = (mapping: Mapping, property: Property): string =>
  `values-${mapping.name}-${mapping.properties.indexOf(property) + 1}`;

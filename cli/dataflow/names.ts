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

/** The title of a place, or its path where it has none. */
export function fieldTitle({ fields }: EntityConfig, path: WritablePath): string {
  const wanted = JSON.stringify(path.steps);
  const found = Object.entries(fields).find(([source]) => JSON.stringify(stepsOf(source)) === wanted);
  return flat(found?.[1].title ?? path.source);
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

/**
 * A dataflow document as data: what the mappings between two systems do, in one direction of reading. Made from the loaded
 * definitions and nothing else, so the same definitions give the same document, but for its time.
 */
import {
  type Config,
  type CreateRule,
  type Mapping,
  type MappingSide,
  otherSide,
  type Property,
  type SideIndex,
  type SystemConfig,
  shortHash,
  type ValueTable,
} from '../../engine/index.ts';
import { flat, plainText, type Text } from './blocks.ts';
import { type Conversion, conversions } from './conversion.ts';
import { dataType } from './data-type.ts';
import { placeTitle, recordTitle, tableAnchor } from './names.ts';
import { type SentenceKind, sentences } from './sentences.ts';

export interface DataflowDocument {
  /** `Keap to Customwebshop Dataflow`. */
  readonly title: string;
  /** ISO 8601, to the second. */
  readonly time: string;
  /** Equal as long as the document states the same, its wide table and value tables included. */
  readonly fingerprint: string;
  readonly from: NamedSystem;
  readonly to: NamedSystem;
  readonly mappings: readonly DataflowSection[];
  /** Value tables of the rows. */
  readonly tables: readonly DataflowTable[];
}

export interface NamedSystem {
  readonly system: string;
  readonly title: string;
}

export interface DataflowSection {
  readonly mapping: string;
  /** `Keap Company to Customwebshop Customer`. */
  readonly title: string;
  readonly from: SectionSide;
  readonly to: SectionSide;
  /** In the words of the mapping's author; '' where there are none. */
  readonly description: string;
  /** Made from the rules. */
  readonly sentences: readonly DataflowSentence[];
  /** In the mapping file's order. */
  readonly rows: readonly DataflowRow[];
}

export interface SectionSide {
  /** Name of the side in the mapping file. */
  readonly side: string;
  readonly system: string;
  readonly entity: string;
  readonly title: string;
  /** JSONata that says which records take part; absent where all do. */
  readonly when?: string;
  readonly create: 'never' | CreateRule;
  readonly deletes: MappingSide['deletes'];
}

export interface DataflowSentence {
  readonly kind: SentenceKind;
  readonly text: string;
  /** The same with its code marked. */
  readonly parts: Text;
}

export interface DataflowRow {
  /** Name of the property in the mapping. */
  readonly property: string;
  readonly from: RowPlace;
  readonly to: RowPlace;
  /** How the mapping compares values. */
  readonly compared: { readonly type: Property['type']; readonly scale?: number };
  readonly direction: 'both' | 'from' | 'to';
  readonly required: boolean;
  readonly conversions: readonly Conversion[];
  /** `latest`, `review` or the name of a side. */
  readonly conflict: string;
  /** Mapping whose links translate the value, which is an id. */
  readonly reference?: string;
}

export interface RowPlace {
  readonly title: string;
  readonly path: string;
  /** Data type by the entity's schema, in words. */
  readonly type: string;
}

export interface DataflowTable {
  readonly anchor: string;
  readonly title: string;
  readonly entries: readonly (readonly [from: string, to: string])[];
}

/** The pairs of systems that mappings are between, each once, in the direction of the first mapping by name. */
export function systemPairs(config: Config): (readonly [SystemConfig, SystemConfig])[] {
  const pairs = new Map<string, readonly [SystemConfig, SystemConfig]>();
  for (const { sides } of byName(config.mappings.values())) {
    const key = JSON.stringify(sides.map(({ system }) => system.name).sort());
    if (!pairs.has(key)) pairs.set(key, [sides[0].system, sides[1].system]);
  }
  return [...pairs.values()];
}

/** @param time when the document is made */
export function dataflowDocument(config: Config, from: SystemConfig, to: SystemConfig, time: Date): DataflowDocument {
  const mappings = byName(config.mappings.values()).flatMap((mapping) => {
    const first = firstSide(mapping, from.name, to.name);
    return first === undefined ? [] : [{ mapping, first }];
  });
  const content = {
    from: { system: from.name, title: flat(from.title) },
    to: { system: to.name, title: flat(to.title) },
    mappings: distinct(mappings.map(({ mapping, first }) => section(config, mapping, first))),
    tables: mappings.flatMap(({ mapping, first }) => tablesOf(mapping, first)),
  };
  return {
    title: `${content.from.title} to ${content.to.title} Dataflow`,
    time: `${time.toISOString().slice(0, 19)}Z`,
    fingerprint: shortHash(JSON.stringify(content)),
    ...content,
  };
}

const byName = (mappings: Iterable<Mapping>): Mapping[] => [...mappings].sort((a, b) => (a.name < b.name ? -1 : 1));

/** The side of a mapping that a document from one system to another begins with; undefined where it is not between them. */
function firstSide({ sides }: Mapping, from: string, to: string): SideIndex | undefined {
  const [a, b] = sides.map(({ system }) => system.name);
  return a === from && b === to ? 0 : a === to && b === from ? 1 : undefined;
}

function section(config: Config, mapping: Mapping, first: SideIndex): DataflowSection {
  const [from, to] = [mapping.sides[first], mapping.sides[otherSide(first)]];
  return {
    mapping: mapping.name,
    title: `${recordTitle(mapping, from)} to ${recordTitle(mapping, to)}`,
    from: sectionSide(mapping, from),
    to: sectionSide(mapping, to),
    description: flat(mapping.description),
    sentences: sentences(config, mapping, first).map(({ kind, parts }) => ({ kind, text: plainText(parts), parts })),
    rows: mapping.properties.map((property) => row(config, mapping, property, first)),
  };
}

/** Two mappings between the same entities are told apart by their names. */
const distinct = (sections: readonly DataflowSection[]): DataflowSection[] =>
  sections.map((one) =>
    sections.some((other) => other !== one && other.title === one.title)
      ? { ...one, title: `${one.title} (${one.mapping})` }
      : one,
  );

const sectionSide = (mapping: Mapping, side: MappingSide): SectionSide => ({
  side: side.name,
  system: side.system.name,
  entity: side.entity.name,
  title: recordTitle(mapping, side),
  ...(side.when ? { when: side.when.source } : {}),
  create: side.create ?? 'never',
  deletes: side.deletes,
});

function row(config: Config, mapping: Mapping, property: Property, first: SideIndex): DataflowRow {
  const { direction, conflict, reference, required, type, scale } = property;
  return {
    property: property.name,
    from: rowPlace(config, mapping, property, first),
    to: rowPlace(config, mapping, property, otherSide(first)),
    compared: { type, ...(scale === undefined ? {} : { scale }) },
    direction: direction === 'both' ? 'both' : direction === first ? 'from' : 'to',
    required,
    conversions: conversions(mapping, property, first),
    conflict: typeof conflict === 'string' ? conflict : mapping.sides[conflict].name,
    ...(reference ? { reference: reference.mapping } : {}),
  };
}

function rowPlace(config: Config, mapping: Mapping, property: Property, side: SideIndex): RowPlace {
  const { source, lookup } = property.sides[side];
  const { system } = mapping.sides[side];
  const { reference } = property;
  const referred = reference && config.mappings.get(reference.mapping)?.sides[reference.sides[side]].entity;
  const idOf = referred?.title ?? (lookup && (system.entities[lookup.entity]?.title ?? lookup.entity));
  return {
    title: placeTitle(mapping, property, side),
    path: flat(source),
    type: dataType(property, side, idOf),
  };
}

/** One per row that has a table. Entries go from the side that the document begins with to the other. */
function tablesOf(mapping: Mapping, first: SideIndex): DataflowTable[] {
  return mapping.properties.flatMap((property) => {
    if (!property.values) return [];
    return [{ ...tableName(mapping, property, first), entries: entriesFrom(property.values, property, first) }];
  });
}

/** What a row's value table is called, and where it stands. */
function tableName(mapping: Mapping, property: Property, first: SideIndex): { anchor: string; title: string } {
  return {
    anchor: tableAnchor(mapping, property),
    title: `Values of ${placeTitle(mapping, property, first)} (${recordTitle(mapping, mapping.sides[first])})`,
  };
}

function entriesFrom(
  { forward, backward }: ValueTable,
  { direction }: Property,
  first: SideIndex,
): (readonly [string, string])[] {
  // A table that is used one way only need be no function the other way: then that way lacks entries.
  const whole = direction === 0 ? backward : forward;
  const turned = (whole === forward) === (first === 1);
  return [...whole].map(([key, value]) =>
    turned ? [flat(String(value)), flat(key)] : [flat(key), flat(String(value))],
  );
}

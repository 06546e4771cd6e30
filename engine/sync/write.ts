/** Writes decided properties to one record of a system, checked against its schema first. */
import { type RecordFault, validateRecord } from '../config/record-schema.ts';
import type { Mapping, MappingSide } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import type { WritablePath } from '../expression/path.ts';
import type { PropertyWrite } from '../merge/merge.ts';
import type { JsonObject, SideIndex, SystemRecord } from '../types.ts';
import type { RecordView } from './view.ts';

/** What of some writes can be sent to a record, and why the rest cannot. */
export interface Sendable {
  /** Names of the properties that are sent. */
  readonly properties: readonly string[];
  /** The whole new normalized record, and the paths that differ from what was read. */
  readonly data: JsonObject;
  readonly changed: readonly WritablePath[];
  readonly refused: TandemError | undefined;
}

/**
 * Where values of single properties would break the schema, the others are sent all the same.
 * @param record as it was read; with what was sent before and is not shown yet, see `withUnshown`
 * @throws TandemError RECORD_SCHEMA where nothing can be sent
 */
export function sendable(
  mapping: Mapping,
  index: SideIndex,
  record: SystemRecord,
  writes: readonly PropertyWrite[],
): Sendable {
  const side = mapping.sides[index];
  const { good, faults } = writable(mapping, side, record, writes);
  const refused = faults.length > 0 ? schemaError(side, faults) : undefined;
  if (refused && good.length === 0) throw refused;
  return { ...apply(mapping, side, record.data, good), properties: good.map(({ property }) => property), refused };
}

/**
 * A record as it was read, with what we sent to it a short time ago: a reading may be older than our own write, and what is sent as
 * a whole (a nested object, or all of it by PUT) would take that back.
 */
export const withUnshown = (
  mapping: Mapping,
  index: SideIndex,
  data: JsonObject,
  unshown: readonly PropertyWrite[] = [],
): JsonObject => apply(mapping, mapping.sides[index], data, unshown).data;

/** Why the target's schema does not let a single write through, if so. */
export function refusalOf(
  mapping: Mapping,
  { side, record }: RecordView,
  write: PropertyWrite,
): TandemError | undefined {
  const { faults } = writable(mapping, mapping.sides[side], record, [write]);
  return faults.length > 0 ? schemaError(mapping.sides[side], faults) : undefined;
}

/** Which of the writes the schema of the target lets through, and what is wrong with the others. */
function writable(
  mapping: Mapping,
  side: MappingSide,
  record: SystemRecord,
  writes: readonly PropertyWrite[],
): { good: readonly PropertyWrite[]; faults: readonly RecordFault[] } {
  const faultsOf = (some: readonly PropertyWrite[]): RecordFault[] => {
    const { data, changed } = apply(mapping, side, record.data, some);
    return validateRecord(side.entity, data, { partial: true, paths: changed.map((path) => path.root) });
  };
  const faults = faultsOf(writes);
  if (faults.length === 0) return { good: writes, faults };
  const good = writes.filter(({ property }) => {
    const { steps } = pathOf(mapping, side, property);
    return !faults.some((fault) => concerns(fault, steps));
  });
  return { good: good.length < writes.length && faultsOf(good).length === 0 ? good : [], faults };
}

/** A fault of a whole object, such as a missing part, concerns all that is written within it; so does one of a list. */
function concerns(fault: RecordFault, steps: WritablePath['steps']): boolean {
  const [names = ''] = fault.property.split('[');
  return names.split('.').every((name, i) => steps[i] === undefined || steps[i].name === name);
}

/** The record to create: written properties, and the id of its counterpart where the mapping has a place for it. */
export function newRecord(
  mapping: Mapping,
  side: MappingSide,
  writes: readonly PropertyWrite[],
  counterpart: string,
): JsonObject {
  const { data } = apply(mapping, side, {}, writes);
  const record = side.correlate ? side.correlate.set(data, counterpart) : data;
  const faults = validateRecord(side.entity, record, { partial: false });
  if (faults.length > 0) throw schemaError(side, faults);
  return record;
}

function apply(mapping: Mapping, side: MappingSide, record: JsonObject, writes: readonly PropertyWrite[]) {
  const paths = writes.map((write) => pathOf(mapping, side, write.property));
  const data = writes.reduce((before, write, i) => paths[i]!.set(before, write.value), record);
  return { data, changed: paths };
}

function schemaError(side: MappingSide, faults: readonly RecordFault[]): TandemError {
  const words = faults.map(
    ({ property, message }) => `${property} ${message.charAt(0).toLowerCase()}${message.slice(1).replace(/\.$/, '')}`,
  );
  return new TandemError('RECORD_SCHEMA', `${side.name} would not take the record: ${words.join('; ')}.`, {
    system: side.system.name,
    entity: side.entity.name,
    ...(faults[0] ? { property: faults[0].property } : {}),
  });
}

function pathOf(mapping: Mapping, side: MappingSide, name: string): WritablePath {
  const { path, source } = propertyOf(mapping, name).sides[side.index];
  if (!path) throw new TandemError('INTERNAL', `${source} cannot be written.`, { mapping: mapping.name });
  return path;
}

function propertyOf(mapping: Mapping, name: string) {
  const property = mapping.properties.find((candidate) => candidate.name === name);
  if (!property) throw new TandemError('INTERNAL', `There is no property ${name} in ${mapping.name}.`);
  return property;
}

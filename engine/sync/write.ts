/** Writes decided properties to one record of a system, checked against its schema first. */
import { validateRecord } from '../config/records.ts';
import type { Mapping, MappingSide } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { fingerprint } from '../expression/values.ts';
import type { PropertyWrite } from '../merge/merge.ts';
import type { JsonObject, SystemRecord } from '../types.ts';
import type { SyncContext } from './context.ts';

/** Fingerprints of the written properties as the target answered them: a target may trim or reformat. */
export type Answered = ReadonlyMap<string, string>;

/** @throws TandemError RECORD_SCHEMA before anything is sent; what the system client throws */
export async function updateRecord(
  context: SyncContext,
  mapping: Mapping,
  side: MappingSide,
  record: SystemRecord,
  writes: readonly PropertyWrite[],
): Promise<{ record: SystemRecord; answered: Answered }> {
  const { data, changed } = apply(mapping, side, record.data, writes);
  assertSchema(side, data, { partial: true, paths: changed.map((path) => path.root) });
  const result = await context
    .client(side.system.name)
    .update(side.entity.name, record.id, { data, changed, version: record.version });
  return { record: result, answered: answered(mapping, side, result, writes) };
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
  assertSchema(side, record, { partial: false });
  return record;
}

export function answered(
  mapping: Mapping,
  side: MappingSide,
  record: SystemRecord,
  writes: readonly PropertyWrite[],
): Answered {
  const result = new Map<string, string>();
  for (const write of writes) {
    const property = propertyOf(mapping, write.property);
    result.set(write.property, fingerprint(property.sides[side.index].path?.get(record.data), property));
  }
  return result;
}

function apply(mapping: Mapping, side: MappingSide, record: JsonObject, writes: readonly PropertyWrite[]) {
  const paths = writes.map((write) => {
    const { path, source } = propertyOf(mapping, write.property).sides[side.index];
    if (!path) throw new TandemError('INTERNAL', `${source} cannot be written.`, { mapping: mapping.name });
    return path;
  });
  const data = writes.reduce((before, write, i) => paths[i]!.set(before, write.value), record);
  return { data, changed: paths };
}

function assertSchema(side: MappingSide, record: JsonObject, options: Parameters<typeof validateRecord>[2]): void {
  const faults = validateRecord(side.entity, record, options);
  if (faults.length === 0) return;
  const words = faults.map(
    ({ property, message }) => `${property} ${message.charAt(0).toLowerCase()}${message.slice(1).replace(/\.$/, '')}`,
  );
  throw new TandemError('RECORD_SCHEMA', `${side.name} would not take the record: ${words.join('; ')}.`, {
    system: side.system.name,
    entity: side.entity.name,
    ...(faults[0] ? { property: faults[0].property } : {}),
  });
}

function propertyOf(mapping: Mapping, name: string) {
  const property = mapping.properties.find((candidate) => candidate.name === name);
  if (!property) throw new TandemError('INTERNAL', `There is no property ${name} in ${mapping.name}.`);
  return property;
}

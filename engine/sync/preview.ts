/** What one record would become on the other side: every property converted, every fault reported, nothing written. */
import type { Mapping } from '../config/types.ts';
import { asTandemError, type TandemError } from '../errors.ts';
import type { PropertyWrite } from '../merge/merge.ts';
import { type Json, type JsonObject, otherSide, type SideIndex, type SystemRecord } from '../types.ts';
import { type ConvertContext, convertProperty, flowsTo } from './convert.ts';
import { viewRecord } from './view.ts';
import { newRecord } from './write.ts';

export interface PreviewProperty {
  readonly property: string;
  /** As written in the mapping file, and what is there now. */
  readonly from: { readonly source: string; readonly value: unknown };
  readonly to: { readonly source: string; readonly value: Json | undefined };
  /** False: the property flows the other way only. */
  readonly flows: boolean;
  readonly error: TandemError | undefined;
}

export interface Preview {
  /** False: `when` excludes the record. */
  readonly inScope: boolean;
  /** Match keys in the order of the rules. */
  readonly keys: readonly (string | undefined)[];
  readonly properties: readonly PreviewProperty[];
  /** What would be sent to create the counterpart; undefined where a fault forbids it. */
  readonly record: JsonObject | undefined;
  readonly faults: readonly TandemError[];
}

/** @param context calls systems for reading only, where lookups and expressions need it */
export async function previewRecord(
  mapping: Mapping,
  side: SideIndex,
  record: SystemRecord,
  context: ConvertContext,
): Promise<Preview> {
  const target = mapping.sides[otherSide(side)];
  const view = await viewRecord(mapping, side, record, context.fingerprinter);
  const properties: PreviewProperty[] = [];
  const writes: PropertyWrite[] = [];
  const faults: TandemError[] = [];
  for (const [i, property] of mapping.properties.entries()) {
    const flows = flowsTo(property, target.index);
    const converted = flows ? await convertProperty(mapping, property, view, target.index, context) : undefined;
    const error = converted && !converted.ok ? converted.error : undefined;
    if (error) faults.push(error);
    if (converted?.ok && converted.value !== null)
      writes.push({ property: property.name, value: converted.value, fingerprint: converted.fingerprint });
    properties.push({
      property: property.name,
      from: { source: property.sides[side].source, value: view.raw[i] },
      to: { source: property.sides[target.index].source, value: converted?.ok ? converted.value : undefined },
      flows,
      error,
    });
  }
  let sent: JsonObject | undefined;
  try {
    sent = newRecord(mapping, target, writes, record.id);
  } catch (error) {
    faults.push(asTandemError(error));
  }
  return {
    inScope: view.inScope,
    keys: view.keyTexts,
    properties,
    record: faults.length === 0 ? sent : undefined,
    faults,
  };
}

/** A record as its mapping sees it: whether it takes part, its match keys, the value and fingerprint of each property. */
import type { Mapping, Property } from '../config/types.ts';
import { type ExpressionFunctions, noFunctions } from '../expression/expression.ts';
import { type Fingerprint, type Fingerprinter, isEmpty } from '../expression/values.ts';
import { ExactNumber } from '../json.ts';
import type { SideIndex, SystemRecord } from '../types.ts';

export interface RecordView {
  readonly side: SideIndex;
  readonly record: SystemRecord;
  /** False: `when` excludes the record, or it is archived. */
  readonly inScope: boolean;
  /** Fingerprint of the match key per match rule; undefined where the record has none. No customer data goes to Redis. */
  readonly keys: readonly (string | undefined)[];
  /** The match keys themselves, for searching the other system. */
  readonly keyTexts: readonly (string | undefined)[];
  /** Id of the record on the other side that this one names as its counterpart, where the mapping keeps it in the record. */
  readonly correlationId: string | undefined;
  /** Raw value per property, in the mapping's order. */
  readonly raw: readonly unknown[];
  readonly fingerprints: readonly Fingerprint[];
  /** What made them. */
  readonly fingerprinter: Fingerprinter;
}

/**
 * Reads from a record what one side of a mapping needs of it: whether it takes part, its match keys, and the value of each
 * property with its fingerprint.
 * @param functions what expressions may ask of the world; without it there are no links and no other records
 * @returns values and fingerprints in the mapping's order of properties
 * @throws TandemError EXPRESSION_FAILED when `when`, a match key or a computed value fails on this record
 */
export async function viewRecord(
  mapping: Mapping,
  side: SideIndex,
  record: SystemRecord,
  fingerprinter: Fingerprinter,
  functions: ExpressionFunctions = noFunctions,
): Promise<RecordView> {
  const context = { record: record.data, functions };
  const { correlate } = mapping.sides[side];
  const taking = await inScope(mapping, side, record, functions);
  const keyTexts: (string | undefined)[] = [];
  for (const rule of mapping.match) keyTexts.push(matchKey(await rule.keys[side].evaluate(record.data, context)));
  const raw: unknown[] = [];
  for (const property of mapping.properties) {
    const { path } = property.sides[side];
    // Most are read at once: nothing is awaited for these.
    raw.push(path ? path.get(record.data) : await readProperty(property, side, record, functions));
  }
  return {
    side,
    record,
    inScope: taking && record.archived !== true,
    keyTexts,
    keys: keyTexts.map((text) => (text === undefined ? undefined : fingerprinter.token(text))),
    correlationId: matchKey(correlate?.get(record.data)),
    raw,
    fingerprinter,
    fingerprints: mapping.properties.map((property, i) => fingerprinter.of(raw[i], property)),
  };
}

/** What `when` says about a record. @throws TandemError EXPRESSION_FAILED */
export async function inScope(
  mapping: Mapping,
  side: SideIndex,
  record: SystemRecord,
  functions: ExpressionFunctions,
): Promise<boolean> {
  const { when } = mapping.sides[side];
  return when === undefined || truthy(await when.evaluate(record.data, { record: record.data, functions }));
}

/** The raw value of a property. @throws TandemError EXPRESSION_FAILED where it is computed */
export async function readProperty(
  property: Property,
  side: SideIndex,
  record: SystemRecord,
  functions: ExpressionFunctions,
): Promise<unknown> {
  const { path, expression } = property.sides[side];
  if (path) return path.get(record.data);
  return expression?.evaluate(record.data, { record: record.data, functions });
}

/** JSONata's idea of true is wider than JavaScript's only for `undefined`: nothing is false. */
const truthy = (value: unknown): boolean => Boolean(value) && !(Array.isArray(value) && value.length === 0);

/** A match key as text; an empty or structured value is no key. */
function matchKey(given: unknown): string | undefined {
  const value = given instanceof ExactNumber ? given.text : given;
  if (isEmpty(value) || typeof value === 'object') return undefined;
  const text = String(value).trim();
  return text === '' ? undefined : text;
}

/** What the rows of a mapping make of amounts that a system also gives formatted: the amount that arrives on the other side. */
import { schemaTypes } from '../config/schema-path.ts';
import type { Mapping, Property } from '../config/types.ts';
import { type ConvertContext, convertProperty, flowsTo } from '../sync/convert.ts';
import { viewRecord } from '../sync/view.ts';
import { otherSide, type SideIndex } from '../types.ts';
import { agrees, type FormattedAmount, formattedAmounts, numberOf } from './amounts.ts';
import type { LiveFinding } from './findings.ts';
import type { EntityReport } from './live.ts';

/**
 * Converts the records of the report to the other side: no request but those of conversions. Never throws for what a
 * record or a conversion does: what cannot be converted is the matter of other checks.
 * @returns one finding for each row of the mapping with wrong amounts
 */
export async function checkRowAmounts(
  mapping: Mapping,
  side: SideIndex,
  { records, raw, list }: EntityReport,
  context: ConvertContext,
): Promise<LiveFinding[]> {
  const target = otherSide(side);
  const { entity } = mapping.sides[side];
  const amounts = new Map([...raw].map(([id, record]) => [id, formattedAmounts(record)]));
  const findings: LiveFinding[] = [];
  for (const property of mapping.properties) {
    if (!flowsTo(property, target)) continue;
    const wrong: string[] = [];
    let of = 0;
    for (const record of records) {
      const amount = amounts.get(record.id)?.find((one) => reads(property, side, one));
      if (!amount) continue;
      const value = await arriving(mapping, property, side, record, context);
      if (value === undefined) continue;
      of++;
      // A decimal is taken for major units; a whole number may be either.
      const major = !schemaTypes(property.sides[target].schema).includes('integer');
      if (!agrees(value, amount, major))
        wrong.push(
          `${record.id}: ${value} in ${mapping.sides[target].name}, "${amount.formatted}" in ${mapping.sides[side].name}`,
        );
    }
    if (wrong.length === 0) continue;
    const { line, column } = property;
    findings.push({
      severity: 'problem',
      kind: 'amount',
      system: entity.system,
      entity: entity.name,
      operation: 'list',
      ...list,
      file: mapping.file,
      line,
      column,
      message: `${property.name} of ${wrong.length} of ${of} records arrives as another amount than the formatted one beside it (record ${wrong[0]}).`,
      remedy: 'Correct the conversion of this row, or "normalize" of the system file.',
    });
  }
  return findings;
}

function reads(property: Property, side: SideIndex, { path: [first], name }: FormattedAmount): boolean {
  const root = first ?? name;
  const { path, source } = property.sides[side];
  return path ? path.root === root : new RegExp(`\\b${root}\\b`).test(source);
}

async function arriving(
  mapping: Mapping,
  property: Property,
  side: SideIndex,
  record: EntityReport['records'][number],
  context: ConvertContext,
): Promise<number | undefined> {
  try {
    const view = await viewRecord(mapping, side, record, context.fingerprinter, context.functions(side));
    const converted = await convertProperty(mapping, property, view, otherSide(side), context);
    return converted.ok ? numberOf(converted.value) : undefined;
  } catch {
    return undefined;
  }
}

/** What `tandem validate` says about round trips, each property with an example, and about live systems. */
import type { DescriptionFinding, Finding, LiveFinding, UncheckedProperty } from '../../engine/index.ts';
import { plain } from './output.ts';

/**
 * Lines as `FILE:LINE:COLUMN LOSSY PROPERTY: …`, then what it means and what to do, indented; a property that loses both ways is
 * reported once, with both examples.
 */
export function findingLines(findings: readonly Finding[]): string[] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.file, finding.mapping, finding.property, finding.kind]);
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  return [...groups.values()].flatMap(([first, ...more]) => {
    const { file, line, column, kind, property, message, remedy } = first!;
    return [
      `${file}:${line}:${column} ${kind.toUpperCase()} ${property}: ${journey(first!)}`,
      ...more.map((other) => `  also ${journey(other)}`),
      `  ${message}`,
      `  ${remedy}`,
    ].map(plain);
  });
}

/** `"(030) 12" in keap -> "03012" in customwebshop -> "03012" in keap (5 of 6 records)` */
function journey({ kind, roundTrip, from, to, example, records, values }: Finding): string {
  const steps = [`${shown(example.value)} in ${from}`];
  if (roundTrip === 'there-and-back' && (kind === 'lossy' || example.there !== undefined))
    steps.push(`${shown(example.there)} in ${to}`);
  if (roundTrip === 'there-and-back' && kind === 'lossy') steps.push(`${shown(example.back)} in ${from}`);
  if (roundTrip === 'write-back') steps.push(`${shown(example.back)} in ${from}`);
  const { found, of, what } =
    records.found > 0
      ? { ...records, what: records.of === 1 ? 'record' : 'records' }
      : { ...values, what: values.of === 1 ? 'sample value' : 'sample values' };
  return `${steps.join(' -> ')} (${found} of ${of} ${what})`;
}

const LONGEST = 60;

function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

/** One line per reason. */
export function uncheckedLines(notChecked: readonly UncheckedProperty[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { mapping, property, reason } of notChecked)
    reasons.set(reason, [...(reasons.get(reason) ?? []), `${mapping} ${property}`]);
  return [...reasons].map(([reason, properties]) =>
    plain(
      `Whether these lose anything on their way there and back was not tried: ${properties.join(', ')} (${reason}).`,
    ),
  );
}

/** One line per finding: `FILE:LINE:COLUMN KIND SYSTEM.ENTITY OPERATION: REQUEST -> ANSWER. MESSAGE REMEDY`. */
export const liveFindingLines = (findings: readonly LiveFinding[]): string[] =>
  findings.map(({ file, line, column, kind, system, entity, operation, request, answer, message, remedy }) =>
    plain(
      `${file}:${line}:${column} ${kind.toUpperCase()} ${system}.${entity} ${operation}: ${request} -> ${answer}. ${message} ${remedy}`,
    ),
  );

/** One line per sentence that the rules contradict. */
export const descriptionLines = (findings: readonly DescriptionFinding[]): string[] =>
  findings.map(({ file, line, column, quote, message, remedy }) =>
    plain(`${file}:${line}:${column} DESCRIPTION "${quote}": ${message} ${remedy}`),
  );

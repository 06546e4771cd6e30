/** What a check of a document finds, and how two lists and two tables are compared. */
import type { Found } from './blocks.ts';
import type { ColumnKind } from './layout.ts';

export interface Difference {
  /** From 1. */
  readonly line: number;
  readonly kind: 'title' | 'section' | 'sentence' | 'row' | 'type' | 'column' | 'definitions';
  /** What the document says; absent where it lacks what the mappings say. */
  readonly document?: string;
  /** What the mappings say; absent where they say nothing of it. */
  readonly mappings?: string;
  readonly message: string;
}

export interface CheckReport {
  readonly differences: readonly Difference[];
  /** How much was compared. */
  readonly compared: { readonly rows: number; readonly types: number; readonly sentences: number };
  /** What was not, and why. */
  readonly notChecked: readonly string[];
}

export type Table = Extract<Found, { kind: 'table' }>;

export function difference(document: string | undefined, mappings: string | undefined, what: string): string {
  if (document === undefined) return `A ${what} is missing: "${mappings}"`;
  if (mappings === undefined) return `The mappings do not say: "${document}"`;
  return `The document says "${document}", the mappings say "${mappings}"`;
}

/** Runs of what only one of two lists has, by their longest common subsequence. */
export function* changes<T>(
  actual: readonly T[],
  expected: readonly T[],
  same: (a: T, b: T) => boolean,
): Generator<{ removed: T[]; added: T[] }> {
  const lengths = Array.from({ length: actual.length + 1 }, () => new Array<number>(expected.length + 1).fill(0));
  for (let i = actual.length - 1; i >= 0; i--)
    for (let j = expected.length - 1; j >= 0; j--)
      lengths[i]![j] = same(actual[i]!, expected[j]!)
        ? lengths[i + 1]![j + 1]! + 1
        : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
  let [i, j] = [0, 0];
  while (i < actual.length || j < expected.length) {
    const run = { removed: [] as T[], added: [] as T[] };
    while (i < actual.length || j < expected.length) {
      if (i < actual.length && j < expected.length && same(actual[i]!, expected[j]!)) break;
      const takeOwn = j >= expected.length || (i < actual.length && lengths[i + 1]![j]! >= lengths[i]![j + 1]!);
      if (takeOwn) run.removed.push(actual[i++]!);
      else run.added.push(expected[j++]!);
    }
    if (run.removed.length + run.added.length > 0) yield run;
    i++;
    j++;
  }
}

/** Those that stand elsewhere than the mappings have them. @param paired with the place that each has there */
export function outOfOrder<T extends { readonly at: number }>(paired: readonly T[]): T[] {
  const sorted = [...paired].sort((a, b) => a.at - b.at);
  return [...changes(paired, sorted, (a, b) => a === b)].flatMap(({ removed }) => removed);
}

interface ActualRow {
  readonly line: number;
  readonly cells: readonly string[];
}

interface Comparison {
  /** Line where what is missing belongs. */
  readonly end: number;
  readonly head: readonly string[];
  readonly kindOf: (column: number) => ColumnKind;
  readonly same: (document: string, mappings: string, column: number) => boolean;
  /** Rows are in the order of the mapping file. */
  readonly ordered: boolean;
}

const named = (cells: readonly string[]): string => `${cells[0]} | ${cells[1]}`;

/** The first two columns hold the properties. */
export function rowDifferences(
  actual: readonly ActualRow[],
  expected: readonly (readonly string[])[],
  comparison: Comparison,
): Difference[] {
  const partner = partners(actual, expected, comparison);
  const differences = actual.flatMap((row, i) => {
    const own = expected[partner.get(i) ?? -1];
    return own ? cellDifferences(row, own, comparison) : [extraRow(row, expected, comparison)];
  });
  const met = new Set(partner.values());
  for (const [j, row] of expected.entries())
    if (!met.has(j))
      differences.push({
        line: comparison.end,
        kind: 'row',
        mappings: named(row),
        message: `The row "${named(row)}" is missing.`,
      });
  if (!comparison.ordered) return differences;
  const paired = actual.flatMap((row, i) => (partner.has(i) ? [{ ...row, at: partner.get(i)! }] : []));
  for (const { line, cells } of outOfOrder(paired))
    differences.push({
      line,
      kind: 'row',
      document: named(cells),
      message: `The row "${named(cells)}" stands elsewhere in the mapping file.`,
    });
  return differences;
}

type Same = Comparison['same'];

/** Each property stands in the column of the other one. */
const turned = (cells: readonly string[], row: readonly string[], same: Same): boolean =>
  same(cells[0] ?? '', row[1] ?? '', 1) && same(cells[1] ?? '', row[0] ?? '', 0);

/** Rows belong together by both properties, also if they are turned round; else by either one. */
function partners(
  actual: readonly ActualRow[],
  expected: readonly (readonly string[])[],
  { same }: Comparison,
): Map<number, number> {
  const by = (keys: readonly number[]) => (cells: readonly string[], row: readonly string[]) =>
    keys.every((key) => same(cells[key] ?? '', row[key] ?? '', key));
  const found = new Map<number, number>();
  for (const belongs of [
    by([0, 1]),
    (...rows: Parameters<ReturnType<typeof by>>) => turned(...rows, same),
    by([0]),
    by([1]),
  ]) {
    for (const [i, { cells }] of actual.entries()) {
      if (found.has(i)) continue;
      const taken = new Set(found.values());
      const j = expected.findIndex((row, at) => !taken.has(at) && belongs(cells, row));
      if (j >= 0) found.set(i, j);
    }
  }
  return found;
}

function cellDifferences({ line, cells }: ActualRow, row: readonly string[], comparison: Comparison): Difference[] {
  const { head, kindOf, same } = comparison;
  const differs = (column: number): boolean =>
    cells[column] !== undefined && !same(cells[column], row[column]!, column);
  const isTurned = differs(0) && differs(1) && turned(cells, row, same);
  const found = row.flatMap((value, column): Difference[] => {
    if (!differs(column) || (isTurned && column < 2)) return [];
    const given = cells[column]!;
    const place = column < 2 ? (head[column] ?? '') : `${head[column]} of "${named(row)}"`;
    return [
      {
        line,
        kind: kindOf(column) === 'type' ? 'type' : 'row',
        document: given,
        mappings: value,
        message: `${place}: the document says "${given}", the mappings say "${value}".`,
      },
    ];
  });
  if (!isTurned) return found;
  const [document, mappings] = [named(cells), named(row)];
  const message = `The row is turned round: the document says "${document}", the mappings say "${mappings}".`;
  return [{ line, kind: 'row', document, mappings, message }, ...found];
}

function extraRow(
  { line, cells }: ActualRow,
  expected: readonly (readonly string[])[],
  { same }: Comparison,
): Difference {
  const again = expected.some((row) => same(cells[0] ?? '', row[0]!, 0) && same(cells[1] ?? '', row[1] ?? '', 1));
  return {
    line,
    kind: 'row',
    document: named(cells),
    message: again ? `The row "${named(cells)}" is here a second time.` : `No mapping has the row "${named(cells)}".`,
  };
}

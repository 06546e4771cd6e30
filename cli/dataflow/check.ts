/**
 * Compares a document with the mappings: one of Tandem's own in all that it states, any other by its tables, of which each
 * has a column for either side's properties and may have one for the data type.
 */
import { type Block, type Found, plainText } from './blocks.ts';
import { type ColumnKind, columns, layout, ORIGIN } from './layout.ts';
import type { DataflowDocument, DataflowRow, DataflowSection } from './model.ts';

export interface Difference {
  /** From 1. */
  readonly line: number;
  readonly kind: 'section' | 'sentence' | 'row' | 'type' | 'column' | 'definitions';
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

type Table = Extract<Found, { kind: 'table' }>;

/** @param documents made from the mappings, in the directions that may be meant; the first one fits best where nothing else says */
export function checkDocument(found: readonly Found[], documents: readonly DataflowDocument[]): CheckReport {
  const parts = documentsOf(found);
  const reports = parts.map((part) => {
    const known = documents.find(({ title }) => title === part.title);
    return part.fingerprint !== undefined && known ? checkOwn(part, known) : checkTables(part.found, documents);
  });
  return {
    differences: reports.flatMap(({ differences }) => differences).sort((a, b) => a.line - b.line),
    compared: {
      rows: sum(reports, ({ compared }) => compared.rows),
      types: sum(reports, ({ compared }) => compared.types),
      sentences: sum(reports, ({ compared }) => compared.sentences),
    },
    notChecked: [...new Set(reports.flatMap(({ notChecked }) => notChecked))],
  };
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

/** One document of a file. */
interface Part {
  readonly title: string;
  /** Undefined where it is none of Tandem's. */
  readonly fingerprint: { readonly text: string; readonly line: number } | undefined;
  readonly found: readonly Found[];
}

/** A file holds several documents where it was made for several pairs of systems: each begins with a heading of the first level. */
function documentsOf(found: readonly Found[]): Part[] {
  const starts = found.flatMap((one, i) => (one.kind === 'heading' && one.level === 1 ? [i] : []));
  const borders = starts.length > 1 && starts[0] === 0 ? starts : [0];
  return borders.map((start, i): Part => {
    const part = found.slice(start, borders[i + 1]);
    const [first] = part;
    const origin = part.find((one) => one.kind === 'text' && ORIGIN.test(one.text));
    return {
      title: first?.kind === 'heading' ? first.text : '',
      fingerprint: origin?.kind === 'text' ? { text: ORIGIN.exec(origin.text)![1]!, line: origin.line } : undefined,
      found: part,
    };
  });
}

// ---------------------------------------------------------------- Tandem's own documents

/** What stands below one heading. */
interface Section<T> {
  readonly heading: string;
  readonly line: number;
  readonly texts: readonly { readonly text: string; readonly line: number }[];
  readonly tables: readonly T[];
}

function checkOwn({ found, fingerprint }: Part, document: DataflowDocument): CheckReport {
  const actual = sectionsOf(found);
  const wide = found.some(({ kind, ...one }) => kind === 'table' && (one as Table).head.includes('Direction'));
  const expected = sectionsOf(asFound(layout(document, { wide })));
  const differences: Difference[] = [];
  let [rows, types, sentences] = [0, 0, 0];
  const end = found.at(-1)?.line ?? 1;
  for (const section of actual)
    if (!expected.some(({ heading }) => heading === section.heading))
      differences.push({
        line: section.line,
        kind: 'section',
        document: section.heading,
        message: `No mapping makes the section "${section.heading}".`,
      });
  for (const section of expected) {
    const own = actual.find(({ heading }) => heading === section.heading);
    if (!own) {
      differences.push({
        line: end,
        kind: 'section',
        mappings: section.heading,
        message: `The section "${section.heading}" is missing.`,
      });
      continue;
    }
    differences.push(...textDifferences(own, section));
    sentences += section.texts.length;
    for (const [i, table] of section.tables.entries()) {
      const given = own.tables[i];
      if (!given) {
        differences.push({ line: own.line, kind: 'section', message: `The table of "${section.heading}" is missing.` });
        continue;
      }
      const kinds = columns(document, wide).map(({ kind }) => kind);
      const report = tableDifferences(
        given,
        table,
        (column) => (table.head.length === 2 ? PAIR : kinds)[column] ?? 'other',
      );
      differences.push(...report);
      rows += table.rows.length;
      types += kinds.includes('type') && table.head.length > 2 ? table.rows.length : 0;
    }
  }
  if (differences.length === 0 && fingerprint && fingerprint.text !== document.fingerprint)
    differences.push({
      line: fingerprint.line,
      kind: 'definitions',
      document: fingerprint.text,
      mappings: document.fingerprint,
      message:
        'The definitions have changed in something that this document does not show (tandem doc --wide shows it). Make the document again.',
    });
  return { differences, compared: { rows, types, sentences }, notChecked: [] };
}

const PAIR: readonly ColumnKind[] = ['from', 'to'];

/** As a parser would find them, so that both sides of the comparison have one shape. */
const asFound = (blocks: readonly Block[]): Found[] => blocks.flatMap(foundOf);

function foundOf(block: Block): Found[] {
  if (block.kind === 'heading') return [{ kind: 'heading', level: block.level, text: plainText(block.text), line: 0 }];
  if (block.kind === 'paragraph') return [{ kind: 'text', text: plainText(block.text), line: 0 }];
  if (block.kind === 'list') return block.items.map((item) => ({ kind: 'text', text: plainText(item), line: 0 }));
  const rows = block.rows.map((cells) => ({ cells: cells.map(plainText), line: 0 }));
  return [{ kind: 'table', head: block.head, rows, line: 0 }];
}

function sectionsOf(found: readonly Found[]): Section<Table>[] {
  type Open = { heading: string; line: number; texts: { text: string; line: number }[]; tables: Table[] };
  const sections: Open[] = [{ heading: '', line: 1, texts: [], tables: [] }];
  for (const one of found) {
    if (one.kind === 'heading') sections.push({ heading: one.text, line: one.line, texts: [], tables: [] });
    else if (one.kind === 'table') sections.at(-1)!.tables.push(one);
    // Its time is no difference, and its fingerprint is looked at last.
    else if (!ORIGIN.test(one.text)) sections.at(-1)!.texts.push(one);
  }
  return sections.filter(({ heading, texts, tables }) => heading !== '' || texts.length + tables.length > 0);
}

function textDifferences(actual: Section<Table>, expected: Section<Table>): Difference[] {
  const differences: Difference[] = [];
  let line = actual.line;
  for (const { removed, added } of changes(actual.texts, expected.texts, (a, b) => a.text === b.text)) {
    for (let i = 0; i < Math.max(removed.length, added.length); i++) {
      const [document, mappings] = [removed[i], added[i]];
      line = document?.line ?? line;
      differences.push({
        line,
        kind: 'sentence',
        ...(document ? { document: document.text } : {}),
        ...(mappings ? { mappings: mappings.text } : {}),
        message: difference(document?.text, mappings?.text, 'sentence'),
      });
    }
  }
  return differences;
}

function difference(document: string | undefined, mappings: string | undefined, what: string): string {
  if (document === undefined) return `A ${what} is missing: "${mappings}"`;
  if (mappings === undefined) return `The mappings do not say: "${document}"`;
  return `The document says "${document}", the mappings say "${mappings}"`;
}

/** Runs of what only one of two lists has, by their longest common subsequence. */
function* changes<T>(
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

// ---------------------------------------------------------------- tables

/** @param kindOf what the column of the expected table holds */
function tableDifferences(actual: Table, expected: Table, kindOf: (column: number) => ColumnKind): Difference[] {
  const columnOf = expected.head.map((name) => actual.head.indexOf(name));
  const missing = expected.head.filter((_, i) => columnOf[i] === -1);
  if (missing.length > 0)
    return [
      {
        line: actual.line,
        kind: 'column',
        document: actual.head.join(' | '),
        mappings: expected.head.join(' | '),
        message: `The table has no column ${missing.map((name) => `"${name}"`).join(', ')}.`,
      },
    ];
  const cellsOf = ({ cells }: { cells: readonly string[] }): string[] => columnOf.map((column) => cells[column] ?? '');
  const own = actual.rows.map((row) => ({ line: row.line, cells: cellsOf(row) }));
  return rowDifferences(
    own,
    expected.rows.map(({ cells }) => cells),
    {
      end: actual.rows.at(-1)?.line ?? actual.line,
      head: expected.head,
      kindOf,
      same: (a, b) => a === b,
    },
  );
}

interface Comparison {
  /** Line where what is missing belongs. */
  readonly end: number;
  readonly head: readonly string[];
  readonly kindOf: (column: number) => ColumnKind;
  readonly same: (document: string, mappings: string, column: number) => boolean;
}

/** Rows belong together by both properties, else by either one. The first two columns hold these. */
function rowDifferences(
  actual: readonly { readonly line: number; readonly cells: readonly string[] }[],
  expected: readonly (readonly string[])[],
  { end, head, kindOf, same }: Comparison,
): Difference[] {
  const partner = new Map<number, number>();
  for (const keys of [[0, 1], [0], [1]]) {
    for (const [i, { cells }] of actual.entries()) {
      if (partner.has(i)) continue;
      const taken = new Set(partner.values());
      const j = expected.findIndex(
        (row, at) => !taken.has(at) && keys.every((key) => same(cells[key] ?? '', row[key] ?? '', key)),
      );
      if (j >= 0) partner.set(i, j);
    }
  }
  const named = (cells: readonly string[]): string => `${cells[0]} | ${cells[1]}`;
  const differences: Difference[] = [];
  for (const [i, { line, cells }] of actual.entries()) {
    const row = expected[partner.get(i) ?? -1];
    if (!row) {
      differences.push({
        line,
        kind: 'row',
        document: named(cells),
        message: `No mapping has the row "${named(cells)}".`,
      });
      continue;
    }
    for (const [column, value] of row.entries()) {
      const given = cells[column];
      if (given === undefined || same(given, value, column)) continue;
      const kind = kindOf(column) === 'type' ? 'type' : 'row';
      const place = column < 2 ? (head[column] ?? '') : `${head[column]} of "${named(row)}"`;
      differences.push({
        line,
        kind,
        document: given,
        mappings: value,
        message: `${place}: the document says "${given}", the mappings say "${value}".`,
      });
    }
  }
  const met = new Set(partner.values());
  for (const [j, row] of expected.entries())
    if (!met.has(j))
      differences.push({
        line: end,
        kind: 'row',
        mappings: named(row),
        message: `The row "${named(row)}" is missing.`,
      });
  return [...differences, ...outOfOrder(actual, partner)];
}

/** Rows are in the order of the mapping file. */
function outOfOrder(
  actual: readonly { readonly line: number; readonly cells: readonly string[] }[],
  partner: ReadonlyMap<number, number>,
): Difference[] {
  const paired = actual.flatMap((row, i) => (partner.has(i) ? [{ ...row, at: partner.get(i)! }] : []));
  const sorted = [...paired].sort((a, b) => a.at - b.at);
  return [...changes(paired, sorted, (a, b) => a === b)]
    .flatMap(({ removed }) => removed)
    .map(({ line, cells }) => ({
      line,
      kind: 'row',
      document: `${cells[0]} | ${cells[1]}`,
      message: `The row "${cells[0]} | ${cells[1]}" stands elsewhere in the mapping file.`,
    }));
}

// ---------------------------------------------------------------- tables of other documents

const SENTENCES_NOT_READ = 'Sentences: this is no document of Tandem, so only its tables were compared.';

/** Each table is taken for the mapping with which it has most in common. */
function checkTables(found: readonly Found[], documents: readonly DataflowDocument[]): CheckReport {
  const differences: Difference[] = [];
  const notChecked: string[] = [SENTENCES_NOT_READ];
  let [rows, types] = [0, 0];
  let heading = '';
  for (const one of found) {
    if (one.kind === 'heading') heading = one.text;
    if (one.kind !== 'table') continue;
    const fit = bestFit(one, heading, documents);
    if (!fit) {
      notChecked.push(`The table at line ${one.line}: it has no row in common with any mapping.`);
      continue;
    }
    const { document, section, columnOf } = fit;
    const [from, to, type] = [columnOf.from, columnOf.to, columnOf.type];
    const wanted = type === undefined ? [from, to] : [from, to, type];
    differences.push(
      ...rowDifferences(
        one.rows.map(({ line, cells }) => ({ line, cells: wanted.map((column) => cells[column] ?? '') })),
        section.rows.map(({ from: a, to: b, ...row }) => [a.title, b.title, b.type || row.compared.type]),
        {
          end: one.rows.at(-1)?.line ?? one.line,
          head: columns(document, false).map(({ head }) => head),
          kindOf: (column) => columns(document, false)[column]?.kind ?? 'other',
          same: (document, mappings, column) => sameLoosely(section, document, mappings, column),
        },
      ),
    );
    rows += one.rows.length;
    types += type === undefined ? 0 : one.rows.length;
  }
  return { differences, compared: { rows, types, sentences: 0 }, notChecked };
}

interface Fit {
  readonly document: DataflowDocument;
  readonly section: DataflowSection;
  readonly columnOf: { readonly from: number; readonly to: number; readonly type: number | undefined };
  readonly score: number;
}

function bestFit(table: Table, heading: string, documents: readonly DataflowDocument[]): Fit | undefined {
  const fits = documents.flatMap((document) =>
    document.mappings.map((section): Fit => {
      const columnOf = columnsOf(table.head, document);
      const hits = table.rows.filter(({ cells }) =>
        section.rows.some(
          (row) => names(row, 'from', cells[columnOf.from] ?? '') || names(row, 'to', cells[columnOf.to] ?? ''),
        ),
      ).length;
      const title = simple(heading);
      const meant = title.includes(simple(section.mapping)) || title === simple(section.title) ? table.rows.length : 0;
      // The type column is about the system that is named second.
      const order = columnOf.from < columnOf.to ? 0.5 : 0;
      return { document, section, columnOf, score: hits + meant === 0 ? 0 : hits + meant + order };
    }),
  );
  return fits.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score)[0];
}

/** By the names of the systems in the heads; else the first column, the second, and one that speaks of a type. */
function columnsOf(head: readonly string[], { from, to }: DataflowDocument): Fit['columnOf'] {
  const at = (test: (name: string) => boolean): number | undefined => {
    const found = head.findIndex((name) => test(simple(name)));
    return found === -1 ? undefined : found;
  };
  const type = at((name) => name.includes('type'));
  const naming = ({ system, title }: DataflowDocument['from']) =>
    at((name) => !name.includes('type') && (name.includes(simple(title)) || name.includes(simple(system))));
  return { from: naming(from) ?? 0, to: naming(to) ?? 1, type: type ?? (head.length > 2 ? 2 : undefined) };
}

/** Letters and digits only: `E-Mail` is `email`. */
const simple = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** Whether a cell names the property of a row, by its title, by its path, or by both. */
function names(row: DataflowRow, side: 'from' | 'to', cell: string): boolean {
  const { title, path } = row[side];
  const given = simple(cell);
  return given !== '' && [title, path, title + path, path + title].some((name) => simple(name) === given);
}

/** Other words for the types of mapping files. */
const SYNONYMS: Readonly<Record<string, string>> = {
  text: 'string',
  str: 'string',
  int: 'integer',
  number: 'decimal',
  float: 'decimal',
  double: 'decimal',
  money: 'decimal',
  amount: 'decimal',
  bool: 'boolean',
  flag: 'boolean',
  time: 'datetime',
  timestamp: 'datetime',
  array: 'list',
};
const baseOf = (type: string): string => {
  const word = simple(type.split(/[,(:]/)[0] ?? '');
  return SYNONYMS[word] ?? word;
};

function sameLoosely(section: DataflowSection, document: string, mappings: string, column: number): boolean {
  if (column < 2) {
    const side = column === 0 ? 'from' : 'to';
    return section.rows.some((row) => row[side].title === mappings && names(row, side, document));
  }
  const given = baseOf(document);
  // What the mapping compares by is as true as what the schema says; an id is one of whatever type.
  const row = section.rows.find(({ to }) => to.type === mappings);
  return (
    given === '' ||
    mappings.split(' or ').some((one) => baseOf(one) === given) ||
    section.rows.some(({ to, compared }) => to.type === mappings && compared.type === given) ||
    (['reference', 'id'].includes(given) && row?.reference !== undefined)
  );
}

/** Tables that people made by hand: each has a column for either side's properties and may have one for the data type. */
import type { Found } from './blocks.ts';
import { type CheckReport, type Difference, rowDifferences, type Table } from './differences.ts';
import { columns } from './layout.ts';
import type { DataflowDocument, DataflowRow, DataflowSection, NamedSystem } from './model.ts';

/** Each table is taken for the mapping with which it has most in common. */
export function checkTables(found: readonly Found[], documents: readonly DataflowDocument[]): CheckReport {
  const differences: Difference[] = [];
  const notChecked: string[] = [];
  const fits: Fit[] = [];
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
    fits.push(fit);
    differences.push(...fitDifferences(one, fit));
    rows += one.rows.length;
    if (fit.columnOf.type === undefined)
      notChecked.push(`The data types of the table at line ${one.line}: it has no column for them.`);
    else types += one.rows.length;
  }
  const without = fits[0] ? mappingsWithout(fits, documents) : [];
  if (without.length > 0) notChecked.push(`Mappings of which there is no table: ${without.join(', ')}.`);
  return { differences, compared: { rows, types, sentences: 0 }, notChecked };
}

/** Mappings between the systems that the tables are about. */
function mappingsWithout(fits: readonly Fit[], documents: readonly DataflowDocument[]): string[] {
  const pair = ({ from, to }: DataflowDocument): string => [from.system, to.system].sort().join(' ');
  const pairs = new Set(fits.map(({ document }) => pair(document)));
  const all = documents.flatMap((document) => (pairs.has(pair(document)) ? document.mappings : []));
  const withRows = all.filter(({ rows }) => rows.length > 0).map(({ mapping }) => mapping);
  const met = new Set(fits.map(({ section }) => section.mapping));
  return [...new Set(withRows)].filter((mapping) => !met.has(mapping));
}

function fitDifferences(table: Table, { document, section, columnOf }: Fit): Difference[] {
  const { from, to, type } = columnOf;
  const wanted = type === undefined ? [from, to] : [from, to, type];
  const shown = columns(document, false);
  return rowDifferences(
    table.rows.map(({ line, cells }) => ({ line, cells: wanted.map((column) => cells[column] ?? '') })),
    section.rows.map(({ from: a, to: b, ...row }) => [a.title, b.title, b.type || row.compared.type]),
    {
      end: table.rows.at(-1)?.line ?? table.line,
      head: shown.map(({ head }) => head),
      kindOf: (column) => shown[column]?.kind ?? 'other',
      same: (given, mappings, column) => sameLoosely(section, given, mappings, column),
      ordered: false,
    },
  );
}

// ---------------------------------------------------------------- which mapping

interface Columns {
  readonly from: number;
  readonly to: number;
  readonly type: number | undefined;
}

interface Fit {
  readonly document: DataflowDocument;
  readonly section: DataflowSection;
  readonly columnOf: Columns;
  readonly score: number;
}

function bestFit(table: Table, heading: string, documents: readonly DataflowDocument[]): Fit | undefined {
  const fits = documents.flatMap((document) =>
    document.mappings.map((section): Fit => {
      const columnOf = columnsOf(table, document);
      const hits = table.rows.filter(({ cells }) =>
        section.rows.some(
          (row) => names(row, 'from', cells[columnOf.from] ?? '') || names(row, 'to', cells[columnOf.to] ?? ''),
        ),
      ).length;
      const title = simple(heading);
      const meant = title.includes(simple(section.mapping)) || title === simple(section.title) ? table.rows.length : 0;
      const order = hasTypeOf(table, columnOf, document) ? 0.5 : 0;
      return { document, section, columnOf, score: hits + meant === 0 ? 0 : hits + meant + order };
    }),
  );
  return fits.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score)[0];
}

/** The type column is about the system that its head names; else about the one that is named second. */
function hasTypeOf({ head }: Table, { from, to, type }: Columns, document: DataflowDocument): boolean {
  const name = type === undefined ? '' : (head[type] ?? '');
  const ofFrom = naming(document.from, name);
  return ofFrom === naming(document.to, name) ? from < to : !ofFrom;
}

/**
 * By the names of the systems in the heads, whole before a part of one ("Webshop" of Customwebshop); the column of a system
 * that no head names is the first of the others.
 */
function columnsOf({ head, rows }: Table, { from, to }: DataflowDocument): Columns {
  const typed = head.findIndex((name) => simple(name).includes('type'));
  const places = head.map((_, i) => i).filter((i) => i !== typed);
  const placeOf = (system: NamedSystem, other: NamedSystem, taken: number): number => {
    const free = places.filter((i) => i !== taken);
    return (
      free.find((i) => naming(system, head[i]!)) ??
      free.find((i) => naming(system, head[i]!, true) && !naming(other, head[i]!, true)) ??
      -1
    );
  };
  const first = placeOf(from, to, -1);
  const second = placeOf(to, from, first);
  const [a = 0, b = a + 1] = places.filter((i) => i !== first && i !== second);
  const chosen = { from: first === -1 ? a : first, to: second === -1 ? (first === -1 ? b : a) : second };
  const ofTypes = places.find(
    (i) => i !== chosen.from && i !== chosen.to && holdsTypes(rows.map(({ cells }) => cells[i])),
  );
  return { ...chosen, type: typed === -1 ? ofTypes : typed };
}

function naming({ system, title }: NamedSystem, head: string, inPart = false): boolean {
  const own = [simple(title), simple(system)];
  if (!inPart) return own.some((name) => name !== '' && simple(head).includes(name));
  const words = [simple(head), ...head.split(/[^\p{L}\p{N}]+/u).map(simple)];
  return words.some((word) => word.length > 2 && own.some((name) => name.includes(word)));
}

// ---------------------------------------------------------------- what cells say

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
const TYPES = new Set([...Object.values(SYNONYMS), 'date', 'object', 'reference', 'id']);
const baseOf = (type: string): string => {
  const word = simple(type.split(/[,(:]/)[0] ?? '');
  return SYNONYMS[word] ?? word;
};

/** At least half of the cells that say anything name a type. */
function holdsTypes(cells: readonly (string | undefined)[]): boolean {
  const given = cells.filter((cell) => cell !== undefined && cell !== '').map((cell) => baseOf(cell!));
  return given.length > 0 && given.filter((type) => TYPES.has(type)).length * 2 >= given.length;
}

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
    mappings.split(/ or |, /).some((one) => baseOf(one) === given) ||
    section.rows.some(({ to, compared }) => to.type === mappings && compared.type === given) ||
    (['reference', 'id'].includes(given) && row?.reference !== undefined)
  );
}

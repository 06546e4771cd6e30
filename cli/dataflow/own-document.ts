/** Documents of Tandem in a file: which parts of it are one, which one that is, and where it says something else. */
import { type Block, type Found, plainText } from './blocks.ts';
import {
  type CheckReport,
  changes,
  type Difference,
  difference,
  outOfOrder,
  rowDifferences,
  type Table,
} from './differences.ts';
import { type ColumnKind, columns, layout, ORIGIN } from './layout.ts';
import type { DataflowDocument } from './model.ts';

/** One document of a file. */
export interface Part {
  /** Undefined where it has none. */
  readonly title: { readonly text: string; readonly line: number } | undefined;
  readonly found: readonly Found[];
}

/** What stands below one heading. */
interface Section {
  /** '' where there is none. */
  readonly heading: string;
  readonly line: number;
  /** The mapping that it names. */
  readonly mapping: string | undefined;
  readonly texts: readonly { readonly text: string; readonly line: number }[];
  readonly tables: readonly Table[];
}

/** Also of a line that was edited. */
const MADE_BY = /^Made by Tandem\b/;
const TITLE = /^.+ to .+ Dataflow$/;
const MAPPING = /^Mapping (\S+)\.$/;

/** A file holds several documents where it was made for several pairs of systems: each begins with a title. */
export function partsOf(found: readonly Found[], documents: readonly DataflowDocument[]): Part[] {
  const known = new Set(
    documents.flatMap((document) =>
      documentSections(document, true)
        .slice(1)
        .map(({ heading }) => heading),
    ),
  );
  const starts = found.flatMap((one, i) => {
    // Without a title, headings of sections are of the first level in reStructuredText.
    const next = found[i + 1];
    const ofSection = next?.kind === 'text' && MAPPING.test(next.text);
    return one.kind === 'heading' && one.level === 1 && !known.has(one.text) && !ofSection ? [i] : [];
  });
  const untitled = found.slice(0, starts[0]).some(({ kind }) => kind === 'heading');
  const borders = [0, ...(untitled ? starts : starts.slice(1))];
  return borders.map((border, i): Part => {
    const end = borders[i + 1] ?? found.length;
    const title = found[starts.find((start) => start >= border && start < end) ?? -1];
    return { title: title?.kind === 'heading' ? title : undefined, found: found.slice(border, end) };
  });
}

/** Whether a part has a mark of a document of Tandem, whatever else was edited in it. */
export function isOwn({ title, found }: Part, documents: readonly DataflowDocument[]): boolean {
  const sections = sectionsOf(found);
  const known = new Map<string, Set<string>>();
  for (const { heading, texts } of documents.flatMap((document) => documentSections(document, false)))
    known.set(heading, new Set([...(known.get(heading) ?? []), ...texts.map(({ text }) => text)]));
  const saysOurs = ({ texts }: Section, of: Set<string>): boolean => texts.some(({ text }) => of.has(text));
  const all = new Set([...known.values()].flatMap((texts) => [...texts]));
  const hasOurs = sections.some((one) => one.tables.some(hasOwnHead) || saysOurs(one, all));
  return (
    found.some((one) => one.kind === 'text' && MADE_BY.test(one.text)) ||
    sections.some((one) => one.mapping !== undefined || saysOurs(one, known.get(one.heading) ?? new Set())) ||
    (title !== undefined && TITLE.test(title.text) && hasOurs)
  );
}

const hasOwnHead = ({ head: [from = '', to = '', type = ''] }: Table): boolean =>
  from.endsWith(' property') && to.endsWith(' property') && type.startsWith('Data type in ');

/** The document that a part was made as: that of its title, else the one with which it has most in common. */
export function meantDocument({ title, found }: Part, documents: readonly DataflowDocument[]): DataflowDocument {
  const known = documents.find((document) => document.title === title?.text);
  if (known) return known;
  const given = new Set(contents(found));
  const likeness = (document: DataflowDocument): number => {
    const { from, to } = document;
    const directed = found.filter(
      (one) =>
        one.kind === 'heading' && (one.text.startsWith(`${from.title} `) || one.text.includes(` to ${to.title} `)),
    );
    return contents(documentFound(document, isWide(found))).filter((one) => given.has(one)).length + directed.length;
  };
  const best = documents.map((document) => ({ document, score: likeness(document) }));
  return best.reduce((a, b) => (b.score > a.score ? b : a)).document;
}

const contents = (found: readonly Found[]): string[] =>
  found.flatMap((one) =>
    one.kind === 'table'
      ? [one.head, ...one.rows.map(({ cells }) => cells)].map((cells) => JSON.stringify(cells))
      : [one.text],
  );

const WIDE_ONLY = ['Direction', 'Required', 'Conversion', 'Conflict', 'Reference'];
const isWide = (found: readonly Found[]): boolean =>
  found.some((one) => one.kind === 'table' && one.head.filter((name) => WIDE_ONLY.includes(name)).length > 1);

// ---------------------------------------------------------------- the comparison

export function checkOwn({ title, found }: Part, document: DataflowDocument): CheckReport {
  const wide = isWide(found);
  const expected = documentSections(document, wide);
  const actual = withTitle(sectionsOf(found), title);
  const pairs = pairedSections(actual, expected);
  const end = found.at(-1)?.line ?? 1;
  const differences: Difference[] = [...unpaired(actual, expected, pairs), ...swapped(pairs, actual, expected)];
  let [rows, types, sentences] = [0, 0, 0];
  for (const [i, section] of expected.entries()) {
    const own = pairs.get(section);
    if (!own) {
      const { heading } = section;
      differences.push({
        line: end,
        kind: 'section',
        mappings: heading,
        message: `The section "${heading}" is missing.`,
      });
      continue;
    }
    if (own.heading !== section.heading)
      differences.push(headingDifference(own, section, i === 0 ? 'title' : 'section'));
    differences.push(...textDifferences(own, section), ...tablesDifferences(own, section, document, wide));
    sentences += section.texts.length;
    for (const table of section.tables) {
      rows += table.rows.length;
      types += table.head.length > 2 ? table.rows.length : 0;
    }
  }
  differences.push(...originDifferences(found, document, differences.length > 0));
  return { differences, compared: { rows, types, sentences }, notChecked: [] };
}

const documentFound = (document: DataflowDocument, wide: boolean): Found[] =>
  layout(document, { wide }).flatMap(foundOf);

const documentSections = (document: DataflowDocument, wide: boolean): Section[] =>
  sectionsOf(documentFound(document, wide));

/** As a parser would find them, so that both sides of the comparison have one shape. */
function foundOf(block: Block): Found[] {
  if (block.kind === 'heading') return [{ kind: 'heading', level: block.level, text: plainText(block.text), line: 0 }];
  if (block.kind === 'paragraph') return [{ kind: 'text', text: plainText(block.text), line: 0 }];
  if (block.kind === 'list') return block.items.map((item) => ({ kind: 'text', text: plainText(item), line: 0 }));
  const rows = block.rows.map((cells) => ({ cells: cells.map(plainText), line: 0 }));
  return [{ kind: 'table', head: block.head, rows, line: 0 }];
}

/** The first one holds what stands before the first heading. It is left out where there is nothing. */
function sectionsOf(found: readonly Found[]): Section[] {
  type Open = { heading: string; line: number; texts: { text: string; line: number }[]; tables: Table[] };
  const sections: Open[] = [{ heading: '', line: 1, texts: [], tables: [] }];
  const origin = found.find((one) => one.kind === 'text' && MADE_BY.test(one.text));
  for (const one of found) {
    if (one.kind === 'heading') sections.push({ heading: one.text, line: one.line, texts: [], tables: [] });
    else if (one.kind === 'table') sections.at(-1)!.tables.push(one);
    // The heading above it was removed: below the title, and below a mapping, no other mapping stands.
    else if (MAPPING.test(one.text) && isTitleOrMapping(sections))
      sections.push({ heading: '', line: one.line, texts: [one], tables: [] });
    // Its time is no difference, and its fingerprint is looked at last.
    else if (one !== origin) sections.at(-1)!.texts.push(one);
  }
  return sections
    .filter(({ heading, texts, tables }) => heading !== '' || texts.length + tables.length > 0)
    .map((one) => ({ ...one, mapping: namesMapping(one) }));
}

/** Whether the last section is that of the title, or of a mapping. */
const isTitleOrMapping = (sections: readonly Pick<Section, 'texts'>[]): boolean =>
  namesMapping(sections.at(-1)!) !== undefined || (sections.length <= 2 && sections.at(-1)!.texts.length > 0);

const namesMapping = ({ texts }: Pick<Section, 'texts'>): string | undefined =>
  texts.map(({ text }) => MAPPING.exec(text)?.[1]).find((name) => name !== undefined);

/** The section of the title comes first, with what stands before it; it is empty where the document has none. */
function withTitle(sections: readonly Section[], title: Part['title']): Section[] {
  const at = sections.findIndex(({ heading, line }) => heading === title?.text && line === title.line);
  const before = sections.slice(0, 1).filter(({ heading, mapping }) => heading === '' && mapping === undefined);
  const own = [...before, ...sections.slice(at, at + 1)];
  const first: Section = {
    heading: title?.text ?? '',
    line: title?.line ?? 1,
    mapping: undefined,
    texts: own.flatMap(({ texts }) => texts),
    tables: own.flatMap(({ tables }) => tables),
  };
  return [first, ...sections.filter((one) => !own.includes(one))];
}

/** Sections belong together by mapping and heading, else by either one. @returns what the document has for each of the mappings' */
function pairedSections(
  [title, ...actual]: readonly Section[],
  [first, ...expected]: readonly Section[],
): Map<Section, Section> {
  const pairs = new Map([[first!, title!]]);
  const byMapping = (a: Section, b: Section): boolean => a.mapping !== undefined && a.mapping === b.mapping;
  const byHeading = (a: Section, b: Section): boolean => a.heading === b.heading;
  for (const belongs of [(a: Section, b: Section) => byMapping(a, b) && byHeading(a, b), byMapping, byHeading]) {
    for (const one of expected) {
      const taken = new Set(pairs.values());
      const own = pairs.has(one) ? undefined : actual.find((section) => !taken.has(section) && belongs(section, one));
      if (own) pairs.set(one, own);
    }
  }
  return pairs;
}

function unpaired(
  actual: readonly Section[],
  expected: readonly Section[],
  pairs: ReadonlyMap<Section, Section>,
): Difference[] {
  const met = new Set(pairs.values());
  return actual
    .filter((one) => !met.has(one))
    .map(({ heading: given, mapping, line }) => {
      const heading = given || `Mapping ${mapping}.`;
      const again = expected.some(
        (one) => one.heading === heading || (mapping !== undefined && one.mapping === mapping),
      );
      const message = again
        ? `The section "${heading}" is here a second time.`
        : `No mapping makes the section "${heading}".`;
      return { line, kind: 'section', document: heading, message };
    });
}

function swapped(
  pairs: ReadonlyMap<Section, Section>,
  actual: readonly Section[],
  expected: readonly Section[],
): Difference[] {
  const places = new Map([...pairs].map(([section, own]) => [own, expected.indexOf(section)]));
  const paired = actual.flatMap((own) => (places.has(own) ? [{ own, at: places.get(own)! }] : []));
  return outOfOrder(paired).map(({ own: { heading, line } }) => ({
    line,
    kind: 'section',
    document: heading,
    message: `The section "${heading}" stands in another place: sections are in the order of the names of mappings.`,
  }));
}

const headingDifference = (own: Section, section: Section, kind: 'title' | 'section'): Difference => ({
  line: own.line,
  kind,
  ...(own.heading === '' ? {} : { document: own.heading }),
  mappings: section.heading,
  message: difference(own.heading === '' ? undefined : own.heading, section.heading, kind),
});

function textDifferences(actual: Section, expected: Section): Difference[] {
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

/** What changes with each document: its time is left alone, and the fingerprint says whether anything not shown has changed. */
function originDifferences(found: readonly Found[], { fingerprint }: DataflowDocument, others: boolean): Difference[] {
  const line = found.find(
    (one): one is Extract<Found, { kind: 'text' }> => one.kind === 'text' && MADE_BY.test(one.text),
  );
  const given = ORIGIN.exec(line?.text ?? '')?.[1];
  const at = line?.line ?? found[0]?.line ?? 1;
  if (given === undefined)
    return [
      {
        line: at,
        kind: 'definitions',
        mappings: fingerprint,
        message: `The line "Made by Tandem at TIME UTC from definitions ${fingerprint}." is missing or was edited, so what this document does not show could not be compared. Make the document again.`,
      },
    ];
  if (others || given === fingerprint) return [];
  return [
    {
      line: at,
      kind: 'definitions',
      document: given,
      mappings: fingerprint,
      message:
        'The definitions have changed in something that this document does not show (tandem doc --wide or --json shows it). Make the document again.',
    },
  ];
}

// ---------------------------------------------------------------- tables

const PAIR: readonly ColumnKind[] = ['from', 'to'];

function tablesDifferences(own: Section, section: Section, document: DataflowDocument, wide: boolean): Difference[] {
  const kinds = columns(document, wide).map(({ kind }) => kind);
  const left = [...own.tables];
  const found = section.tables.flatMap((table): Difference[] => {
    const given = closest(left, table);
    if (!given) return [{ line: own.line, kind: 'section', message: `The table of "${section.heading}" is missing.` }];
    left.splice(left.indexOf(given), 1);
    return tableDifferences(given, table, (column) => (table.head.length === 2 ? PAIR : kinds)[column] ?? 'other');
  });
  const extra = left.map(({ line, head }): Difference => {
    const message = `The mappings make no such table in "${section.heading}": ${head.join(' | ')}`;
    return { line, kind: 'section', document: head.join(' | '), message };
  });
  return [...found, ...extra];
}

/** The table that has most rows in common with another one. */
function closest(tables: readonly Table[], wanted: Table): Table | undefined {
  const rows = new Set(contents([wanted]));
  const common = (table: Table): number => contents([table]).filter((row) => rows.has(row)).length;
  return tables.reduce<Table | undefined>((best, one) => (best && common(best) >= common(one) ? best : one), undefined);
}

/** @param kindOf what the column of the expected table holds */
function tableDifferences(actual: Table, expected: Table, kindOf: (column: number) => ColumnKind): Difference[] {
  const columnOf = expected.head.map((name) => actual.head.indexOf(name));
  const missing = expected.head.filter((_, i) => columnOf[i] === -1);
  const extra = actual.head.filter((_, i) => !columnOf.includes(i));
  const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
  const heads = {
    line: actual.line,
    kind: 'column',
    document: actual.head.join(' | '),
    mappings: expected.head.join(' | '),
  } as const;
  if (missing.length > 0) return [{ ...heads, message: `The table has no column ${quoted(missing)}.` }];
  const cellsOf = ({ cells }: { cells: readonly string[] }): string[] => columnOf.map((column) => cells[column] ?? '');
  const tooLong = actual.rows.filter(({ cells }) => cells.length > actual.head.length);
  return [
    ...(extra.length > 0 ? [{ ...heads, message: `The mappings make no column ${quoted(extra)}.` }] : []),
    ...tooLong.map(({ line, cells }): Difference => {
      const more = cells.slice(actual.head.length).join(' | ');
      return {
        line,
        kind: 'row',
        document: more,
        message: `The row has more cells than the table has columns: "${more}".`,
      };
    }),
    ...rowDifferences(
      actual.rows.map((row) => ({ line: row.line, cells: cellsOf(row) })),
      expected.rows.map(({ cells }) => cells),
      {
        end: actual.rows.at(-1)?.line ?? actual.line,
        head: expected.head,
        kindOf,
        same: (a, b) => a === b,
        ordered: true,
      },
    ),
  ];
}

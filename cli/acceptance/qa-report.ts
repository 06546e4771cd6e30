/** The report of an acceptance test: the document with what was found per sentence and row, in its formats; and JUnit XML. */
import type { Mapping } from '../../engine/index.ts';
import { type Block, code, type Text, text } from '../dataflow/blocks.ts';
import { type Format, render } from '../dataflow/formats/formats.ts';
import { escaped } from '../dataflow/formats/html.ts';
import { layout } from '../dataflow/layout.ts';
import type { DataflowDocument, DataflowSection } from '../dataflow/model.ts';
import type { AcceptanceReport } from './acceptance-report.ts';
import { sentenceChecks } from './sentence-checks.ts';
import { type Check, countsOf } from './verdicts.ts';

const SIGNS = { passed: '✓', failed: '✗', 'not testable': '–' } as const;

export const renderReport = (
  format: Format,
  report: AcceptanceReport,
  documents: readonly DataflowDocument[],
  mappings: ReadonlyMap<string, Mapping>,
): string => render(format, reportBlocks(report, documents, mappings));

export function reportBlocks(
  report: AcceptanceReport,
  documents: readonly DataflowDocument[],
  mappings: ReadonlyMap<string, Mapping>,
): Block[] {
  const counts = countsOf(report.checks);
  const failed = report.checks.filter(({ verdict }) => verdict === 'failed');
  const untested = report.checks.filter(({ verdict }) => verdict === 'not testable');
  return [
    { kind: 'heading', level: 1, text: ['Acceptance test of the data flow'] },
    {
      kind: 'paragraph',
      text: text`${counts.passed} checks passed, ${counts.failed} failed, ${counts['not testable']} not testable, in ${seconds(report.took)}, from ${report.started.slice(0, 19).replace('T', ' ')} UTC on. The records of the test held the mark ${code(report.mark)}; ${report.removed} were removed, ${report.left.length} are left${report.stopped ? '. It was stopped before its end' : ''}.`,
    },
    ...(failed.length > 0 ? listed('Failed', failed.map(line)) : []),
    ...(report.left.length > 0
      ? listed(
          'Left behind',
          report.left.map((one) => [one]),
        )
      : []),
    ...documents.flatMap((document) => documentBlocks(report, document, mappings)),
    ...listed('Not testable', untested.length > 0 ? untested.map(line) : [['Nothing.']]),
  ];
}

const listed = (title: string, items: readonly Text[]): Block[] => [
  { kind: 'heading', level: 2, text: [title] },
  { kind: 'list', items },
];

/** `company-customer company_name, changed, keap to customwebshop: reason`. */
const line = ({ mapping, property, what, from, to, reason }: Check): Text =>
  text`${code(mapping)} ${property === undefined ? '' : text`${code(property)}, `}${what}, ${from} to ${to}${reason === undefined ? '' : `: ${reason}`}`;

/** The document of what was tested, each sentence and each row with what was found. */
function documentBlocks(
  { checks }: AcceptanceReport,
  document: DataflowDocument,
  mappings: ReadonlyMap<string, Mapping>,
): Block[] {
  const sections = document.mappings.filter(({ mapping }) => checks.some((check) => check.mapping === mapping));
  if (sections.length === 0) return [];
  let section: DataflowSection | undefined;
  return layout({ ...document, mappings: sections }, { wide: false }).flatMap((block): Block[] => {
    if (block.kind === 'heading') section = sections.find(({ mapping }) => mapping === block.anchor);
    // The report has a title of its own.
    if (block.kind === 'heading' && block.level === 1) return [{ ...block, level: 2 }];
    const mapping = section && mappings.get(section.mapping);
    if (!section || !mapping) return [block];
    const own = checks.filter((check) => check.mapping === mapping.name);
    if (block.kind === 'list') return sentenceBlocks(section, mapping, own);
    return block.kind === 'table' ? [withResults(block, document, section, own)] : [block];
  });
}

function sentenceBlocks(section: DataflowSection, mapping: Mapping, own: readonly Check[]): Block[] {
  const about = sentenceChecks(section, mapping, own);
  const placed = new Set(about.flat());
  const others = own.filter((check) => !placed.has(check) && check.property === undefined);
  return [
    {
      kind: 'list',
      items: section.sentences.map(({ parts }, i) => text`${signOf(about[i]!)} ${parts} ${found(about[i]!)}`),
    },
    ...(others.length === 0 ? [] : [{ kind: 'list' as const, items: others.map((check) => [shown(check)]) }]),
  ];
}

const signOf = (checks: readonly Check[]): string =>
  SIGNS[(['failed', 'passed'] as const).find((one) => checks.some(({ verdict }) => verdict === one)) ?? 'not testable'];

/** Many checks are those of rows, which stand in the table. */
const MANY = 8;

function found(checks: readonly Check[]): string {
  if (checks.length === 0) return '(not tested)';
  if (checks.length <= MANY) return `(${checks.map(shown).join('; ')})`;
  const counts = countsOf(checks);
  return `(${counts.passed} checks passed, ${counts.failed} failed, ${counts['not testable']} not testable)`;
}

const shown = ({ property, what, from, to, verdict, reason }: Check): string =>
  `${SIGNS[verdict]} ${property === undefined ? '' : `${property}: `}${what}, ${from} to ${to}${reason === undefined ? '' : `: ${reason}`}`;

function withResults(
  table: Extract<Block, { kind: 'table' }>,
  { from, to }: DataflowDocument,
  section: DataflowSection,
  own: readonly Check[],
): Block {
  const results = (property: string, side: string): Text => {
    const checks = own.filter((check) => check.property === property && check.from === side);
    return [checks.map(({ what, verdict }) => `${SIGNS[verdict]} ${what}`).join(', ')];
  };
  const slowest = (property: string): Text => {
    const times = own.flatMap((check) => (check.property === property && check.ms !== undefined ? [check.ms] : []));
    return times.length === 0 ? [] : [seconds(Math.max(...times))];
  };
  return {
    ...table,
    head: [...table.head, `${from.title} to ${to.title}`, `${to.title} to ${from.title}`, 'Slowest'],
    rows: table.rows.map((cells, i) => {
      const { property } = section.rows[i]!;
      return [...cells, results(property, section.from.side), results(property, section.to.side), slowest(property)];
    }),
  };
}

const seconds = (ms: number): string => (ms < 9_950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`);

/** https://github.com/testmoapp/junitxml: what CI servers read. */
export function junit({ checks, took }: AcceptanceReport): string {
  const mappings = [...new Set(checks.map(({ mapping }) => mapping))];
  const total = countsOf(checks);
  const suites = mappings.map((mapping) => {
    const own = checks.filter((check) => check.mapping === mapping);
    const counts = countsOf(own);
    const cases = own.map(({ property, what, from, to, verdict, reason = '', ms = 0 }) => {
      const name = `${property === undefined ? '' : `${property}: `}${what}, ${from} to ${to}`;
      const open = `    <testcase classname="${xml(mapping)}" name="${xml(name)}" time="${(ms / 1000).toFixed(3)}"`;
      if (verdict === 'passed') return `${open}/>`;
      const result = verdict === 'failed' ? 'failure' : 'skipped';
      return `${open}><${result} message="${xml(reason)}"/></testcase>`;
    });
    return `  <testsuite name="${xml(mapping)}" tests="${own.length}" failures="${counts.failed}" skipped="${counts['not testable']}">\n${cases.join('\n')}\n  </testsuite>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="tandem qa" tests="${checks.length}" failures="${total.failed}" skipped="${total['not testable']}" time="${(took / 1000).toFixed(3)}">
${suites.join('\n')}
</testsuites>
`;
}

/** XML 1.0 has no place for most control characters. */
const xml = (value: string): string =>
  escaped(value.replace(/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/gu, '')).replaceAll('\n', '&#10;');

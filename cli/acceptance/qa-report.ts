/** The report of an acceptance test: the document with a result per row, in the formats of documents; and JUnit XML. */
import { type Block, code, type Text, text } from '../dataflow/blocks.ts';
import { type Format, render } from '../dataflow/formats/formats.ts';
import { escaped } from '../dataflow/formats/html.ts';
import { columns } from '../dataflow/layout.ts';
import type { DataflowDocument, DataflowSection } from '../dataflow/model.ts';
import type { AcceptanceReport } from './acceptance-report.ts';
import { type Check, countsOf } from './verdicts.ts';

const SIGNS = { passed: '✓', failed: '✗', 'not testable': '–' } as const;

export const renderReport = (
  format: Format,
  report: AcceptanceReport,
  documents: readonly DataflowDocument[],
): string => render(format, reportBlocks(report, documents));

export function reportBlocks(report: AcceptanceReport, documents: readonly DataflowDocument[]): Block[] {
  const counts = countsOf(report.checks);
  return [
    { kind: 'heading', level: 1, text: ['Acceptance test of the data flow'] },
    {
      kind: 'paragraph',
      text: text`${counts.passed} checks passed, ${counts.failed} failed, ${counts['not testable']} not testable, in ${seconds(report.took)}. The records of the test held the mark ${code(report.mark)}; ${report.removed} were removed, ${report.left.length} are left${report.stopped ? '. It was stopped before its end' : ''}.`,
    },
    ...(counts.failed > 0
      ? [
          { kind: 'heading' as const, level: 2 as const, text: ['Failed'] },
          { kind: 'list' as const, items: report.checks.filter(({ verdict }) => verdict === 'failed').map(line) },
        ]
      : []),
    ...documents.flatMap((document) =>
      document.mappings.flatMap((section) => sectionBlocks(report, document, section)),
    ),
    { kind: 'heading', level: 2, text: ['Not testable'] },
    {
      kind: 'list',
      items: report.checks.some(({ verdict }) => verdict === 'not testable')
        ? report.checks.filter(({ verdict }) => verdict === 'not testable').map(line)
        : [['Nothing.']],
    },
  ];
}

/** `company-customer company_name, changed, keap to customwebshop: reason`. */
const line = ({ mapping, property, what, from, to, reason }: Check): Text =>
  text`${code(mapping)} ${property === undefined ? '' : text`${code(property)}, `}${what}, ${from} to ${to}${reason === undefined ? '' : `: ${reason}`}`;

function sectionBlocks({ checks }: AcceptanceReport, document: DataflowDocument, section: DataflowSection): Block[] {
  const own = checks.filter(({ mapping }) => mapping === section.mapping);
  if (own.length === 0) return [];
  const rules = own.filter(({ property }) => property === undefined);
  const results = (property: string, from: string): Text => {
    const found = own.filter((check) => check.property === property && check.from === from);
    return [found.map(({ what, verdict }) => `${SIGNS[verdict]} ${what}`).join(', ')];
  };
  const times = (property: string): Text => {
    const found = own.flatMap((check) => (check.property === property && check.ms !== undefined ? [check.ms] : []));
    return found.length === 0 ? [] : [seconds(Math.max(...found))];
  };
  const narrow = columns(document, false);
  return [
    { kind: 'heading', level: 2, text: [section.title], anchor: section.mapping },
    {
      kind: 'list',
      items: rules.map(
        ({ what, from, to, verdict, reason }) =>
          text`${SIGNS[verdict]} ${what}, ${from} to ${to}${reason === undefined ? '' : `: ${reason}`}`,
      ),
    },
    {
      kind: 'table',
      head: [
        ...narrow.map(({ head }) => head),
        `${document.from.title} to ${document.to.title}`,
        `${document.to.title} to ${document.from.title}`,
        'Slowest',
      ],
      rows: section.rows.map((row) => [
        ...narrow.map(({ cell }) => cell(row, section)),
        results(row.property, section.from.side),
        results(row.property, section.to.side),
        times(row.property),
      ]),
    },
  ];
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

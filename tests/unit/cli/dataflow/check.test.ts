/** A document is compared with the mappings line by line: all of one of Tandem's own, the tables of any other. */
import { describe, expect, it } from 'vitest';
import { checkDocument, type Difference } from '../../../../cli/dataflow/check.ts';
import { FORMATS, parse, render } from '../../../../cli/dataflow/formats/formats.ts';
import { layout } from '../../../../cli/dataflow/layout.ts';
import { type DataflowDocument, dataflowDocument } from '../../../../cli/dataflow/model.ts';
import { loadReal } from '../../config/real.ts';

const { config } = await loadReal();
const [keap, shop] = [config.systems.get('keap')!, config.systems.get('customwebshop')!];
const made = (time: number): DataflowDocument[] => [
  dataflowDocument(config, keap, shop, new Date(time)),
  dataflowDocument(config, shop, keap, new Date(time)),
];
const documents = made(0);

/** A change of a text that must hold what is replaced. @returns the text, and the line that was changed, from 1 */
function seeded(source: string, from: string | RegExp, to: string): { text: string; line: number } {
  const at = typeof from === 'string' ? source.indexOf(from) : source.search(from);
  if (at < 0) throw new Error(`Nothing like ${String(from)} in the document.`);
  return { text: source.replace(from, to), line: source.slice(0, at).split('\n').length };
}

const brief = ({ line, kind, document, mappings }: Difference) => ({ line, kind, document, mappings });

describe.each(FORMATS)('a document of Tandem as %s', (format) => {
  it.each([
    ['narrow', false],
    ['wide', true],
  ])('agrees with the mappings, whenever it was made: %s', (_, wide) => {
    for (const [i, document] of documents.entries()) {
      const source = render(format, layout(made(1_700_000_000_000)[i]!, { wide }));
      const report = checkDocument(parse(format, source), documents);
      expect(report.differences).toEqual([]);
      expect(report.compared.sentences).toBeGreaterThan(60);
      const tables = wide ? document.tables.reduce((sum, { entries }) => sum + entries.length, 0) : 0;
      expect(report.compared.rows).toBe(30 + tables);
      expect(report.compared.types).toBe(30);
    }
  });

  it('names each of five seeded errors by its line', () => {
    const source = render(format, layout(documents[0]!, { wide: false }));
    let text = source;
    const lines: number[] = [];
    for (const [from, to] of [
      ['takes part if Company Name is not empty', 'takes part if Company Name is empty'], // a sentence
      ['Billing City', 'Billing Town'], // the property of a row
      [/integer(?=, id of a Customer)/, 'decimal'], // a data type
      [
        'If a Keap Product is deleted, its Customwebshop Product is kept.',
        'Deleted products are deleted on the other side as well.',
      ],
      ['Estimated Close', 'Closed At'], // the property of the other side
    ] as const) {
      const change = seeded(text, from, to);
      text = change.text;
      lines.push(change.line);
    }
    const { differences } = checkDocument(parse(format, text), documents);
    expect(differences.map(({ kind }) => kind).sort()).toEqual(['row', 'row', 'sentence', 'sentence', 'type']);
    // A cell of a list-table has a line of its own; its row begins on one before.
    const near = (line: number): boolean => differences.some((one) => one.line <= line && line - one.line < 3);
    expect(lines.filter((line) => !near(line))).toEqual([]);
    expect(differences.map(({ document }) => document)).toEqual(
      expect.arrayContaining(['Billing Town', 'decimal, id of a Customer', 'Closed At']),
    );
  });
});

describe('a document of Tandem', () => {
  const source = render('md', layout(documents[0]!, { wide: false }));
  const check = (text: string): Difference[] => [...checkDocument(parse('md', text), documents).differences];

  it('may not lack a row, or have one more, or have them in another order', () => {
    const rows = source.split('\n');
    const website = rows.findIndex((line) => line.startsWith('| Website'));
    const without = rows.toSpliced(website, 1).join('\n');
    expect(check(without)).toMatchObject([{ kind: 'row', mappings: 'Website | Website' }]);
    const more = rows.toSpliced(website, 0, '| Fax | Fax | string |').join('\n');
    expect(check(more).map(brief)).toEqual([
      { line: website + 1, kind: 'row', document: 'Fax | Fax', mappings: undefined },
    ]);
    const swapped = rows.toSpliced(website, 2, rows[website + 1]!, rows[website]!).join('\n');
    expect(check(swapped)).toMatchObject([{ kind: 'row', message: expect.stringContaining('stands elsewhere') }]);
  });

  it('may not lack a mapping, a sentence or a column, nor have a mapping that is not there', () => {
    const start = source.indexOf('## <a id="contact-customer">');
    const end = source.indexOf('## <a id="opportunity-order">');
    expect(check(source.slice(0, start) + source.slice(end))).toMatchObject([
      { kind: 'section', mappings: 'Keap Contact to Customwebshop Customer' },
    ]);
    expect(check(`${source}\n## Keap Tag to Customwebshop Group\n`)).toMatchObject([
      { kind: 'section', document: 'Keap Tag to Customwebshop Group' },
    ]);
    expect(check(source.replace('- Every Keap Product takes part.\n', ''))).toMatchObject([
      { kind: 'sentence', mappings: 'Every Keap Product takes part.' },
    ]);
    expect(check(source.replace('| Data type in Customwebshop |', '| Sort |'))).toMatchObject([
      { kind: 'column', message: 'The table has no column "Data type in Customwebshop".' },
    ]);
  });

  it('is out of date where only what it does not show has changed', () => {
    const { text, line } = seeded(source, /`[0-9a-f]{12}`/, '`0123456789ab`');
    expect(check(text).map(brief)).toEqual([
      { line, kind: 'definitions', document: '0123456789ab', mappings: documents[0]!.fingerprint },
    ]);
  });
});

describe('a table by hand', () => {
  const check = (source: string, format: 'md' | 'rst' | 'html' = 'md') =>
    checkDocument(parse(format, source), documents);

  it('agrees by titles or paths, with other words for types, and tells that sentences were not compared', () => {
    const report = check(
      [
        '# Our opportunities',
        '',
        '| Keap | Customwebshop | Type |',
        '| --- | --- | --- |',
        '| opportunity_title | title | text |',
        '| Contact | customer_id | reference |',
        '| stage | status | String |',
        '| projected_revenue_high | total | number |',
        '| estimated_close_time | Due | timestamp |',
        '| Next Action | next step | string (free) |',
        '| Notes | Note | |',
      ].join('\n'),
    );
    expect(report).toEqual({
      differences: [],
      compared: { rows: 7, types: 7, sentences: 0 },
      notChecked: ['Sentences: this is no document of Tandem, so only its tables were compared.'],
    });
  });

  it('reports what differs, by line', () => {
    const report = check(
      [
        '<h2>product-product</h2>',
        '<table>',
        '<tr><th>Customwebshop field</th><th>Keap field</th><th>data type</th></tr>',
        '<tr><td>sku</td><td>sku</td><td>string</td></tr>',
        '<tr><td>name</td><td>title</td><td>string</td></tr>',
        '<tr><td>price</td><td>price</td><td>boolean</td></tr>',
        '<tr><td>colour</td><td>colour</td><td>string</td></tr>',
        '</table>',
      ].join('\n'),
      'html',
    );
    expect(report.differences.map(brief)).toEqual(
      expect.arrayContaining([
        { line: 5, kind: 'row', document: 'title', mappings: 'Name' },
        { line: 6, kind: 'type', document: 'boolean', mappings: 'decimal' },
        { line: 7, kind: 'row', document: 'colour | colour', mappings: undefined },
      ]),
    );
    expect(report.differences.filter(({ message }) => message.endsWith('is missing.'))).toHaveLength(6);
  });

  it('is not compared if it has no row in common with any mapping', () => {
    const report = check('| Fruit | Colour |\n| --- | --- |\n| apple | red |\n');
    expect(report.compared).toEqual({ rows: 0, types: 0, sentences: 0 });
    expect(report.notChecked).toContain('The table at line 1: it has no row in common with any mapping.');
  });
});

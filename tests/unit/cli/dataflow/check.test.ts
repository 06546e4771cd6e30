/** A document is compared with the mappings line by line: all of one of Tandem's own, the tables of any other. */
import { describe, expect, it } from 'vitest';
import type { Block } from '../../../../cli/dataflow/blocks.ts';
import { checkDocument } from '../../../../cli/dataflow/check.ts';
import type { Difference } from '../../../../cli/dataflow/differences.ts';
import { FORMATS, parse, render } from '../../../../cli/dataflow/formats/formats.ts';
import { layout } from '../../../../cli/dataflow/layout.ts';
import { type DataflowDocument, dataflowDocument } from '../../../../cli/dataflow/model.ts';
import { edited, load, MAPPING } from '../../config/fixture.ts';
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

describe.each(FORMATS)('a document of Tandem as %s that was edited or grew old', (format) => {
  const source = render(format, layout(documents[0]!, { wide: false }));
  const SENTENCE = 'If a Keap Product is deleted, its Customwebshop Product is kept.';
  const NEGATED = 'If a Keap Product is deleted, its Customwebshop Product is deleted.';
  const ORIGIN = /^.*Made by Tandem at .*\n/m;
  const check = (text: string, against = documents) => checkDocument(parse(format, text), against);
  const found = (text: string): Difference[] => [...check(text).differences];
  const kinds = (text: string): string[] => found(text).map(({ kind }) => kind);
  const edited = (...changes: readonly (readonly [string | RegExp, string])[]): string =>
    changes.reduce((text, [from, to]) => seeded(text, from, to).text, source);
  const withoutTitle = edited(
    format === 'rst'
      ? [/^Keap to Customwebshop Dataflow\n=+\n/, '']
      : format === 'html'
        ? [/<h1>.*<\/h1>\n/, '']
        : [/^# .*\n/, ''],
  );
  const TITLE = ['Keap to Customwebshop Dataflow', 'Our Shop and CRM'] as const;
  const titled = (text: string): string => text.replaceAll(...TITLE);

  it('is compared in all, and its title is a difference, whatever became of its title and origin', () => {
    for (const [text, expected] of [
      [titled(source), ['title']],
      [withoutTitle, ['title']],
      [edited([ORIGIN, '']), ['definitions']],
      [titled(edited([ORIGIN, ''])), ['title', 'definitions']],
      [edited([/Made by Tandem at \S+/, 'Made by Tandem at noon,']), ['definitions']],
    ] as const) {
      expect(kinds(text).sort(), text.slice(0, 200)).toEqual([...expected].sort());
      const { text: negated, line } = seeded(text, SENTENCE, NEGATED);
      expect(kinds(negated).sort()).toEqual([...expected, 'sentence'].sort());
      expect(found(negated)).toContainEqual(expect.objectContaining({ line, document: NEGATED, mappings: SENTENCE }));
      expect(check(negated).notChecked).toEqual([]);
    }
    expect(found(titled(source))[0]).toMatchObject({ document: TITLE[1], mappings: TITLE[0] });
  });

  it('is compared in all after its system was given another title, in the direction in which it was made', () => {
    const renamed = { ...config, systems: new Map(config.systems) };
    const other = { ...shop, title: 'Web Shop' };
    renamed.systems.set('customwebshop', other);
    renamed.mappings = new Map(
      [...config.mappings].map(([name, one]) => {
        const side = (at: 0 | 1) =>
          one.sides[at].system === shop ? { ...one.sides[at], system: other } : one.sides[at];
        return [name, { ...one, sides: [side(0), side(1)] as const }];
      }),
    );
    const now = [
      dataflowDocument(renamed, keap, other, new Date(0)),
      dataflowDocument(renamed, other, keap, new Date(0)),
    ];
    for (const [i, document] of documents.entries()) {
      const { differences, notChecked } = check(render(format, layout(document, { wide: false })), now);
      expect(notChecked).toEqual([]);
      expect(differences[0]).toMatchObject({ kind: 'title', document: document.title, mappings: now[i]!.title });
      expect(differences.filter(({ kind }) => kind === 'row')).toEqual([]);
      expect(differences.filter(({ kind }) => kind === 'section')).toHaveLength(4);
    }
  });

  it('may hold nothing beside what the mappings make: no text, wherever it stands', () => {
    const extra = 'Deleted products are deleted on the other side as well.';
    const paragraph = format === 'html' ? `<div>${extra}</div>\n` : `${extra}\n\n`;
    const heading =
      format === 'html'
        ? /<h2 id="product-product">/
        : format === 'md'
          ? /## <a id="product-product">/
          : /\.\. _product-product:/;
    for (const place of [heading, format === 'html' ? '<h1>' : /^/]) {
      const at = typeof place === 'string' ? source.indexOf(place) : source.search(place);
      const { differences } = check(source.slice(0, at) + paragraph + source.slice(at));
      expect(differences.map(brief)).toEqual([
        { line: source.slice(0, at).split('\n').length, kind: 'sentence', document: extra, mappings: undefined },
      ]);
    }
  });
});

describe.each(FORMATS)(
  'a document of a mapping that only links, and of one that creates on demand, as %s',
  (format) => {
    const LINKED =
      'The records are only linked, so that references to them can be translated: no property of them is written.';
    const rows = MAPPING.slice(MAPPING.indexOf('properties:'));
    const { config: small, problems } = load({
      ...edited(
        'mappings/people-customers.yaml',
        ['create: [shop]', 'create: { shop: on-demand }'],
        [
          '  - crm: address.street\n    shop: street\n',
          '  - crm: boss_id\n    shop: parent_id\n    reference: people-customers\n',
        ],
      ),
      'mappings/links.yaml': MAPPING.replace('mapping: people-customers', 'mapping: links')
        .replace(rows, 'properties: []\n')
        .replace('create: [shop]\n', ''),
    });
    const [crm, store] = [small.systems.get('crm')!, small.systems.get('shop')!];
    const made = [dataflowDocument(small, crm, store, new Date(0)), dataflowDocument(small, store, crm, new Date(0))];
    const check = (text: string) => checkDocument(parse(format, text), made);

    it.each([
      ['narrow', false],
      ['wide', true],
    ])('has no table of a mapping that only links, and agrees: %s', (_, wide) => {
      expect(problems).toEqual([]);
      for (const document of made) {
        const source = render(format, layout(document, { wide }));
        const found = parse(format, source);
        expect(found.filter(({ kind }) => kind === 'table')).toHaveLength(1);
        expect(found).toContainEqual(expect.objectContaining({ kind: 'text', text: LINKED }));
        expect(found).toContainEqual(
          expect.objectContaining({ kind: 'text', text: expect.stringMatching(/ \(links\): 0 properties$/) }),
        );
        const report = check(source);
        expect(report).toMatchObject({ differences: [], notChecked: [], compared: { rows: 3, types: 3 } });
      }
    });

    it.each([
      ['that records are only linked', LINKED],
      [
        'when a counterpart is created',
        'A crm people without a counterpart is created in shop as a customers once a crm people that is synchronized refers to it; it stays when the last one no longer does.',
      ],
    ])('lacks nothing: the sentence %s', (_, sentence) => {
      const source = render(format, layout(made[0]!, { wide: false }));
      const lines = source.split('\n').filter((line) => !line.includes(sentence));
      expect(lines).toHaveLength(source.split('\n').length - 1);
      expect(check(lines.join('\n')).differences).toMatchObject([{ kind: 'sentence', mappings: sentence }]);
      const negated = seeded(source, sentence, 'Each of them is created at once.');
      expect(check(negated.text).differences).toMatchObject([
        { line: negated.line, kind: 'sentence', document: 'Each of them is created at once.', mappings: sentence },
      ]);
    });

    it('has no other table: one of a mapping that only links is a difference', () => {
      const table: Block = {
        kind: 'table',
        head: ['crm property', 'shop property', 'Data type in shop'],
        rows: [[['name'], ['name'], ['string']]],
      };
      const blocks = layout(made[0]!, { wide: false });
      const next = blocks.findLastIndex((block) => block.kind === 'heading');
      const source = render(format, blocks.toSpliced(next, 0, table));
      expect(check(source).differences).toMatchObject([
        { kind: 'section', message: expect.stringContaining('no such table') },
      ]);
    });
  },
);

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

  /** Lines of a section, from its heading to the next. */
  const sectionOf = (mapping: string): string => {
    const start = source.indexOf(`## <a id="${mapping}">`);
    const next = source.indexOf('\n## ', start);
    return source.slice(start, next < 0 ? undefined : next + 1);
  };

  it('may not have a section twice, though the first one agrees', () => {
    const copy = sectionOf('contact-customer')
      .replace('is kept.', 'is deleted.')
      .replace('| First Name | First Name | string |', '| First Name | First Name | decimal |');
    const line = source.split('\n').length;
    expect(check(`${source}\n${copy}`)).toMatchObject([
      {
        line: line + 1,
        kind: 'section',
        message: 'The section "Keap Contact to Customwebshop Customer" is here a second time.',
      },
    ]);
  });

  it('may lack no line of its file', () => {
    const lines = source.split('\n');
    const unseen = lines.filter((line, i) => line !== '' && check(lines.toSpliced(i, 1).join('\n')).length === 0);
    expect(unseen).toEqual([]);
  });

  it('may not lack a heading, which is one difference, nor have a text below one', () => {
    for (const [anchor, title] of [
      ['company-customer', 'Keap Company to Customwebshop Customer'],
      ['contact-customer', 'Keap Contact to Customwebshop Customer'],
    ]) {
      const heading = `## <a id="${anchor}"></a>${title}\n\n`;
      const { text, line } = seeded(source, heading, '');
      expect(check(text).map(brief)).toEqual([{ line, kind: 'section', document: undefined, mappings: title }]);
      const more = seeded(source, heading, `${heading}More.\n\n`);
      expect(check(more.text).map(brief)).toEqual([
        { line: more.line + 2, kind: 'sentence', document: 'More.', mappings: undefined },
      ]);
    }
  });

  it('may not have its sections in another order', () => {
    const [contact, opportunity] = [sectionOf('contact-customer'), sectionOf('opportunity-order')];
    const swapped = source.replace(contact + opportunity, opportunity + contact);
    const line = source.slice(0, source.indexOf(contact)).split('\n').length;
    expect(check(swapped)).toMatchObject([
      { line, kind: 'section', message: expect.stringContaining('stands in another place') },
    ]);
  });

  it('may not have another table in a section, before or after its own', () => {
    const extra =
      '| Keap property | Customwebshop property | Data type in Customwebshop |\n| --- | --- | --- |\n| SKU | Name | integer |\n';
    const at = source.indexOf('| Keap property', source.indexOf('## <a id="product-product">'));
    for (const text of [`${source.slice(0, at)}${extra}\n${source.slice(at)}`, `${source}\n${extra}`]) {
      const line = text.slice(0, text.indexOf(extra)).split('\n').length;
      expect(check(text)).toMatchObject([
        { line, kind: 'section', message: expect.stringContaining('make no such table in "Keap Product to') },
      ]);
    }
  });

  it('may not have another column, also not one that is there already', () => {
    for (const head of ['Required', 'Direction', 'Keap property']) {
      const at = source.indexOf('| Keap property', source.indexOf('## <a id="product-product">'));
      const table = source
        .slice(at)
        .replace(/\|$/gm, '| x |')
        .replace('| x |', `| ${head} |`)
        .replace('--- | x |', '--- | --- |');
      expect(check(source.slice(0, at) + table)).toMatchObject([
        {
          line: source.slice(0, at).split('\n').length,
          kind: 'column',
          message: `The mappings make no column "${head}".`,
        },
      ]);
    }
    const html = render('html', layout(documents[0]!, { wide: false }));
    const { text, line } = seeded(
      html,
      '<td>Website</td><td>Website</td><td>string</td>',
      '<td>Website</td><td>Website</td><td>string</td><td>never empty</td>',
    );
    expect(checkDocument(parse('html', text), documents).differences.map(brief)).toEqual([
      { line, kind: 'row', document: 'never empty', mappings: undefined },
    ]);
  });

  it('is found to be one by its sections where title and origin are gone, and is none beside it', () => {
    const foreign =
      '# Meeting of Monday\n\nAll products are deleted.\n\n| Fruit | Colour |\n| --- | --- |\n| apple | red |\n';
    const report = checkDocument(parse('md', `${source}\n${foreign}`), documents);
    expect(report.differences).toEqual([]);
    const line = source.split('\n').length + 1;
    expect(report.notChecked).toEqual([
      `Sentences below "Meeting of Monday" at line ${line}: this is no document of Tandem, so only its tables were compared.`,
      `The table at line ${line + 4}: it has no row in common with any mapping.`,
    ]);
    const rest = source.replace(/^# .*\n\nMade by Tandem.*\n/, '').replace(/^Mapping .*\n/gm, '');
    expect(check(rest).map(({ kind, mappings }) => [kind, mappings])).toEqual(
      expect.arrayContaining([
        ['title', documents[0]!.title],
        ['definitions', documents[0]!.fingerprint],
        ['sentence', 'Mapping product-product.'],
      ]),
    );
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
      notChecked: [
        'Sentences: this is no document of Tandem, so only its tables were compared.',
        'Mappings of which there is no table: company-customer, contact-customer, product-product.',
      ],
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

  /** The table of companies, made by hand, with faults of every kind. */
  const COMPANIES = [
    '# Companies',
    '',
    '| Keap | Webshop | Type |',
    '| --- | --- | --- |',
    '| Company Name | Firm | string |', // 5: renamed
    '| E-Mail | E-Mail | integer |', // 6: another type
    '| Phone | Phone | string |',
    '| Website | Website | string |',
    '| Street | Billing Street | string |',
    '| Street (second line) | Billing Street (second line) | string |',
    '| Billing City | City | string |', // 11: turned round
    '| State | Billing State | string |',
    '| Postal Code | Billing Postcode | decimal |', // 13: another type
    '| Notes | Note | string |',
    '| Fax | Fax | string |', // 15: no such row; and Country is missing
  ];
  const SEEDED = [
    { line: 5, kind: 'row', document: 'Firm', mappings: 'Company' },
    { line: 6, kind: 'type', document: 'integer', mappings: 'string, e-mail address' },
    { line: 11, kind: 'row', document: 'Billing City | City', mappings: 'City | Billing City' },
    { line: 13, kind: 'type', document: 'decimal', mappings: 'string' },
    { line: 15, kind: 'row', document: 'Fax | Fax', mappings: undefined },
    { line: 15, kind: 'row', document: undefined, mappings: 'Country | Billing Country' },
  ];

  it.each([
    ['| Keap | Webshop | Type |'],
    ['| Keap | Custom web shop | Type |'],
    ['| CRM | Our shop | Data type |'],
    ['| Keap | | |'],
    ['| From | To | Kind of value |'],
  ])('reports exactly what is wrong in it, whatever its heads call the systems: %s', (head) => {
    const report = check(COMPANIES.toSpliced(2, 1, head).join('\n'));
    expect(report.differences.map(brief)).toEqual(SEEDED);
  });

  it('reports the same with its columns in another order, and with its rows in another order', () => {
    const cells = COMPANIES.map((line) => line.split('|'));
    const moved = cells.map((row) => (row.length < 5 ? row : [row[0], row[3], row[2], row[1], row[4]]));
    const head = '| Type in Customwebshop | Webshop | Keap |';
    const report = check([...moved.map((row) => row.join('|'))].toSpliced(2, 1, head).join('\n'));
    expect(report.differences.map(brief)).toEqual(SEEDED);
    const [titles, rows] = [COMPANIES.slice(0, 4), COMPANIES.slice(6, 10)];
    expect(check([...titles, ...rows].join('\n')).differences.filter(({ line }) => line !== 8)).toEqual([]);
    const others = check([...titles, ...rows.reverse()].join('\n')).differences;
    expect(others.every(({ message }) => message.endsWith('is missing.'))).toBe(true);
  });

  it('tells of a row that it has twice, and which data types it does not state', () => {
    const rows = [
      '| Keap | Webshop |',
      '| --- | --- |',
      ...['SKU', 'Name', 'Price', 'Price'].map((one) => `| ${one} | ${one} |`),
    ];
    const report = check(rows.join('\n'));
    expect(report.differences[0]).toMatchObject({ line: 6, message: 'The row "Price | Price" is here a second time.' });
    expect(report.notChecked).toContain('The data types of the table at line 1: it has no column for them.');
  });

  it('is not compared if it has no row in common with any mapping', () => {
    const report = check('| Fruit | Colour |\n| --- | --- |\n| apple | red |\n');
    expect(report.compared).toEqual({ rows: 0, types: 0, sentences: 0 });
    expect(report.notChecked).toContain('The table at line 1: it has no row in common with any mapping.');
  });
});

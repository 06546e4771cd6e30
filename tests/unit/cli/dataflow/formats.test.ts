/** What a renderer writes, its parser reads back, whatever the texts hold; and docutils reads what Tandem writes as reStructuredText. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Block, type Found, type Inline, plainText, type Text } from '../../../../cli/dataflow/blocks.ts';
import { FORMATS, formatOfFile, parse, render } from '../../../../cli/dataflow/formats/formats.ts';
import { layout } from '../../../../cli/dataflow/layout.ts';
import { dataflowDocument } from '../../../../cli/dataflow/model.ts';
import { docutils } from '../../../support/docutils.ts';
import { loadReal } from '../../config/real.ts';

const SIGNS = [...'abzK019 *_`|\\:-.<>#[](){}"\'~&=+!@$%^;,?/é中', '::', '``', '**', '__', '1. ', '- ', '.. ', '<b>'];

/** Of one line and not empty, as what the model makes. */
const words = fc
  .array(fc.constantFrom(...SIGNS), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.join('').replace(/\s+/g, ' ').trim())
  .filter((text) => text !== '');
/** Words that stand between others begin or end with a space now and then. */
const inline: fc.Arbitrary<Inline> = fc.oneof(
  words,
  words.map((word) => ` ${word} `),
  words.map((code) => ({ code })),
  words.map((link) => ({ link, to: 'there' })),
);
const text: fc.Arbitrary<Text> = fc
  .array(inline, { minLength: 1, maxLength: 4 })
  // Two plain texts beside each other are one, and two marked ones never stand beside each other.
  .map((parts) =>
    parts.filter((part, i) => i === 0 || (typeof part === 'string') !== (typeof parts[i - 1] === 'string')),
  )
  .filter((parts) => plainText(parts) !== '');
const cells = fc.array(fc.oneof(text, fc.constant([])), { minLength: 2, maxLength: 2 });
const blocks: fc.Arbitrary<Block[]> = fc
  .tuple(words, text, fc.array(text, { minLength: 1, maxLength: 3 }), fc.array(cells, { minLength: 1, maxLength: 3 }))
  .map(([title, paragraph, items, rows]) => [
    { kind: 'heading', level: 1, text: [title] },
    { kind: 'heading', level: 2, text: ['Target'], anchor: 'there' },
    { kind: 'paragraph', text: paragraph },
    { kind: 'list', items },
    { kind: 'table', head: ['First', 'Second'], rows },
  ]);

/** Without lines. */
const contents = (found: readonly Found[]): unknown[] =>
  found.map((one) =>
    one.kind === 'table'
      ? { head: one.head, rows: one.rows.map(({ cells }) => cells) }
      : one.kind === 'heading'
        ? { level: one.level, text: one.text }
        : one.text,
  );
const meant = (all: readonly Block[]): unknown[] =>
  all.flatMap((block): unknown[] => {
    if (block.kind === 'heading') return [{ level: block.level, text: plainText(block.text) }];
    if (block.kind === 'paragraph') return [plainText(block.text)];
    if (block.kind === 'list') return block.items.map(plainText);
    return [{ head: block.head, rows: block.rows.map((row) => row.map(plainText)) }];
  });

describe.each(FORMATS)('a document as %s', (format) => {
  it('is read back as it was meant, whatever its texts hold', () => {
    fc.assert(
      fc.property(blocks, (all) => {
        expect(contents(parse(format, render(format, all))), render(format, all)).toEqual(meant(all));
      }),
      { numRuns: 500 },
    );
  });

  it.each(['a #', 'a ##', '# #', 'a# #', 'a#'])('keeps number signs at the end of a heading: %s', (title) => {
    const source = render(format, [{ kind: 'heading', level: 1, text: [title] }]);
    expect(parse(format, source)).toMatchObject([{ kind: 'heading', level: 1, text: title }]);
  });

  it('tells the line of each part', () => {
    const source = render(format, [
      { kind: 'heading', level: 1, text: ['Title'] },
      { kind: 'paragraph', text: ['A paragraph.'] },
      { kind: 'list', items: [['one'], ['two']] },
      { kind: 'table', head: ['A', 'B'], rows: [[['x'], ['y']]] },
    ]);
    const lines = source.split('\n');
    const found = parse(format, source);
    const at = (text: string): number => lines.findLastIndex((line) => line.includes(text)) + 1;
    const texts = found.flatMap((one) => (one.kind === 'table' ? [] : [[one.text, one.line]]));
    expect(texts).toEqual(['Title', 'A paragraph.', 'one', 'two'].map((text) => [text, at(text)]));
    const table = found.find((one) => one.kind === 'table')!;
    expect(table.rows).toMatchObject([{ cells: ['x', 'y'] }]);
    expect(lines[table.rows[0]!.line - 1]).toContain('x');
  });
});

/** @returns undefined where docutils is not here, which is printed and counts as skipped */
async function reader(skip: (note: string) => void) {
  const python = await docutils();
  if ('read' in python) return python.read;
  console.error(
    `LEFT OUT: docutils has not read what Tandem writes as reStructuredText, as it is not here: ${python.missing}`,
  );
  skip(`docutils: ${python.missing}`);
  return undefined;
}

describe('reStructuredText', () => {
  it('of the mappings of this repository, narrow and wide, is read by docutils without a message', async ({ skip }) => {
    const read = await reader(skip);
    if (!read) return;
    const { config } = await loadReal();
    const [keap, shop] = [config.systems.get('keap')!, config.systems.get('customwebshop')!];
    const sources = [true, false].flatMap((wide) =>
      [dataflowDocument(config, keap, shop, new Date(0)), dataflowDocument(config, shop, keap, new Date(0))].map(
        (document) => render('rst', layout(document, { wide })),
      ),
    );
    for (const { messages, texts } of await read(sources)) {
      expect(messages).toBe('');
      expect(texts.length).toBeGreaterThan(150);
    }
  });

  it('is read by docutils as it was meant and without a message, whatever its texts hold', async ({ skip }) => {
    const read = await reader(skip);
    if (!read) return;
    const documents = fc.sample(blocks, { numRuns: 300, seed: 1 });
    const reports = await read(documents.map((one) => render('rst', one)));
    for (const [i, { messages, texts }] of reports.entries()) {
      const source = render('rst', documents[i]!);
      expect(messages, source).toBe('');
      const wanted = documents[i]!.flatMap((block) =>
        block.kind === 'table'
          ? [...block.head, ...block.rows.flat().map(plainText)]
          : block.kind === 'list'
            ? block.items.map(plainText)
            : [plainText(block.text)],
      );
      expect(
        texts.map((one) => one.replace(/\s+/g, ' ').trim()),
        source,
      ).toEqual(wanted.filter((one) => one !== ''));
    }
  });

  it.each([
    [
      'a grid table',
      '+-----+-------+\n| A   | B     |\n+=====+=======+\n| one | *two* |\n|     | more  |\n+-----+-------+\n| x   | y     |\n+-----+-------+\n',
      [
        ['one', 'two more'],
        ['x', 'y'],
      ],
      [4, 7],
    ],
    [
      'a simple table',
      '====  =====\nA     B\n====  =====\none   ``2``\nx     y z\n====  =====\n',
      [
        ['one', '2'],
        ['x', 'y z'],
      ],
      [4, 5],
    ],
    [
      'a csv-table',
      '.. csv-table::\n   :header: A, B\n\n   one, "two, ""three"""\n   x,y\n',
      [
        ['one', 'two, "three"'],
        ['x', 'y'],
      ],
      [4, 5],
    ],
  ])('reads %s', (_, source, rows, lines) => {
    const [table] = parse('rst', source);
    expect(table).toMatchObject({ kind: 'table', head: ['A', 'B'] });
    if (table?.kind !== 'table') return;
    expect(table.rows.map(({ cells }) => cells)).toEqual(rows);
    expect(table.rows.map(({ line }) => line)).toEqual(lines);
  });
});

describe('a format', () => {
  it('is known by the ending of a file', () => {
    expect(['a.md', 'b.RST', 'c/d.html', 'e.htm', 'f', 'g.pdf'].map(formatOfFile)).toEqual([
      'md',
      'rst',
      'html',
      'html',
      undefined,
      undefined,
    ]);
  });
});

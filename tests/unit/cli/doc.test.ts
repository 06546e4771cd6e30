// `tandem doc` writes the same document from the same files, whether or not there are secrets, and checks documents.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tandem } from './in-process.ts';
import { ROOT, SECRETS } from './spawn.ts';

const EPOCH = { SOURCE_DATE_EPOCH: '1790000000' };
const CONFIGURATION = `Configuration: ${resolve(ROOT)}\n`;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-doc-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('doc', () => {
  it('writes every pair of systems as Markdown, and the same every time', async () => {
    const [first, second] = await Promise.all([tandem(['doc'], EPOCH), tandem(['doc'], { ...EPOCH, ...SECRETS })]);
    expect(first).toEqual({ status: 0, stdout: second.stdout, stderr: CONFIGURATION });
    const lines = first.stdout.split('\n');
    expect(lines[0]).toBe('# Keap to Customwebshop Dataflow');
    expect(lines[2]).toMatch(/^Made by Tandem at 2026-09-21 \d\d:\d\d:\d\d UTC from definitions `[0-9a-f]{12}`\.$/);
    expect(lines).toContain('| Keap property | Customwebshop property | Data type in Customwebshop |');
    expect(lines).toContain('| Company Name | Company | string |');
  });

  it('writes a file in the format of its ending, and checks it, by the names or titles of systems', async () => {
    const file = join(folder, 'back.html');
    const written = await tandem(['doc', 'Customwebshop', 'KEAP', '--wide', '-o', file]);
    expect(written).toEqual({ status: 0, stdout: '', stderr: `${CONFIGURATION}Wrote ${file}.\n` });
    const html = await readFile(file, 'utf8');
    expect(html).toContain('<title>Customwebshop to Keap Dataflow</title>');
    const checked = await tandem(['doc', '--check', file]);
    expect(checked.status, checked.stdout).toBe(0);
    expect(checked.stdout).toMatch(
      /^Agrees with the mappings: \d+ rows, 30 data types and \d+ sentences compared\.\n$/,
    );
    await writeFile(file, html.replace('<td>decimal</td>', '<td>string</td>'));
    const stale = await tandem(['doc', '--check', file]);
    expect(stale.status).toBe(1);
    expect(stale.stdout).toMatch(/back\.html:\d+ TYPE .*the document says "string", the mappings say "decimal"\.\n/);
    expect(stale.stdout).toContain('1 difference;');
  });

  it('prints JSON that holds data, not markup', async () => {
    const { stdout } = await tandem(['doc', 'keap', 'customwebshop', '--json']);
    const { documents } = JSON.parse(stdout);
    expect(documents[0].mappings[3]).toMatchObject({
      mapping: 'product-product',
      title: 'Keap Product to Customwebshop Product',
      from: { side: 'keap', entity: 'products', create: 'missing', deletes: 'keep' },
      rows: expect.arrayContaining([
        expect.objectContaining({
          property: 'price',
          to: { title: 'Price', path: 'price', type: 'decimal, written as text' },
          direction: 'both',
          conflict: 'latest',
        }),
      ]),
    });
    expect(documents[0].mappings[3].sentences[0]).toEqual({
      kind: 'scope',
      text: 'Every Keap Product takes part.',
      parts: ['Every Keap Product takes part.'],
    });
  });

  it.each([
    [
      ['keap'],
      'BAD_REQUEST: A document goes from one system to another; keap alone names one.\nName two, such as: tandem doc keap customwebshop\n',
    ],
    [
      ['keap', 'customwebshopp'],
      'NOT_FOUND: There is no valid system "customwebshopp".\nDid you mean customwebshop?\n',
    ],
    [
      ['keap', 'keap'],
      'NOT_FOUND: No valid mapping is between keap and keap.\nThere are mappings between keap and customwebshop.\n',
    ],
    [
      ['-o', '/nowhere/x.pdf'],
      'BAD_REQUEST: The ending of /nowhere/x.pdf names no format.\nName one: --format md|rst|html\n',
    ],
    [['-o', '/nowhere/x.md'], 'BAD_REQUEST: /nowhere/x.md cannot be written (ENOENT).\nCheck its name.\n'],
    [['--check', '/nowhere/x.md'], 'BAD_REQUEST: /nowhere/x.md cannot be read (ENOENT).\nCheck its name.\n'],
  ])('helps with a wrong use: %j', async (args, expected) => {
    const { status, stderr } = await tandem(['doc', ...args]);
    expect({ status, stderr }).toEqual({ status: 2, stderr: `${CONFIGURATION}${expected}` });
  });

  it('says that it compared nothing, and ends with 1', async () => {
    const file = join(folder, 'fruit.md');
    await writeFile(file, '# Fruit\n\nApples.\n');
    const { status, stdout } = await tandem(['doc', '--check', file]);
    expect(status).toBe(1);
    expect(stdout).toContain('Nothing was compared: no table of it is about the properties of a mapping.');
  });

  it.each(['md', 'rst', 'html'])(
    'finds what grew old after a system was given another title, and ends with 1: %s',
    async (format) => {
      const config = join(folder, `config-${format}`);
      for (const part of ['systems', 'schemas', 'mappings'])
        await cp(join(ROOT, part), join(config, part), { recursive: true });
      const file = join(folder, `old.${format}`);
      const env = { TANDEM_CONFIG: config };
      await tandem(['doc', '-o', file], env);
      const edit = async (name: string, from: string, to: string): Promise<void> => {
        const text = await readFile(join(config, name), 'utf8');
        expect(text).toContain(from);
        await writeFile(join(config, name), text.replace(from, to));
      };
      await edit('systems/customwebshop.yaml', 'title: Customwebshop', 'title: Web Shop');
      await edit('mappings/product-product.yaml', 'deletes: keep', 'deletes: propagate');
      const { status, stdout } = await tandem(['doc', '--check', file], env);
      expect(status).toBe(1);
      expect(stdout).toMatch(
        /old\.\w+:\d+ TITLE The document says "Keap to Customwebshop Dataflow", the mappings say "Keap to Web Shop Dataflow"\n/,
      );
      expect(stdout).toMatch(
        /:\d+ SENTENCE The document says "If a Keap Product is deleted, its Customwebshop Product is kept\.", the mappings say "If a Keap Product is deleted, its Web Shop Product is deleted as well;/,
      );
      expect(stdout).not.toContain('Agrees');
      expect(stdout).not.toContain('Not checked');
    },
  );

  it('does not say that a document agrees of which it compared the tables alone, and ends with 0', async () => {
    const file = join(folder, 'table.md');
    await writeFile(
      file,
      '| Keap | Shop | Type |\n| --- | --- | --- |\n| First Name | First Name | text |\n| Last Name | Last Name | text |\n| E-Mail | E-Mail | text |\n',
    );
    const { status, stdout } = await tandem(['doc', '--check', file]);
    expect(stdout).toBe(
      [
        'Not checked: Sentences: this is no document of Tandem, so only its tables were compared.',
        'Not checked: Mappings of which there is no table: company-customer, opportunity-order, product-product.',
        'No difference in what could be compared: 3 rows, 3 data types and 0 sentences compared. The rest was not checked, see above.',
        '',
      ].join('\n'),
    );
    expect(status).toBe(0);
    const json = await tandem(['doc', '--check', file, '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ agrees: false, differences: [], compared: { rows: 3 } });
  });
});

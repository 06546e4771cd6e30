/** Markdown as GitHub reads it (GFM): written, and read back by markdown-it. */
import MarkdownIt from 'markdown-it';
import { type Block, type Found, flat, type Inline, type Text } from '../blocks.ts';
import { parseHtml } from './html.ts';

export function renderMarkdown(blocks: readonly Block[]): string {
  return `${blocks.map(renderBlock).join('\n\n')}\n`;
}

function renderBlock(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${block.anchor === undefined ? '' : `<a id="${block.anchor}"></a>`}${title(block.text)}`;
    case 'paragraph':
      return line(block.text);
    case 'list':
      return block.items.map((item) => `- ${line(item)}`).join('\n');
    case 'table': {
      const row = (cells: readonly Text[]): string => `| ${cells.map(cell).join(' | ')} |`;
      return [row(block.head.map((name) => [name])), row(block.head.map(() => ['---'])), ...block.rows.map(row)].join(
        '\n',
      );
    }
  }
}

/** Text that begins a block; what would begin another kind of block is escaped. */
const line = (text: Text): string =>
  inline(text)
    .replace(/^([-+=#])/, '\\$1')
    .replace(/^(\d{1,9})([.)])/, '$1\\$2');

/** Number signs after a space would close the heading and not be part of it (CommonMark 4.2). */
const title = (text: Text): string => line(text).replace(/(?<=\s)#+$/, '\\$&');

/** A bar would begin a new cell, even within a code span (GFM 4.10). */
const cell = (text: Text): string =>
  inline(text, (item) => (typeof item !== 'string' && 'code' in item ? part(item).replaceAll('|', '\\|') : part(item)));

const inline = (text: Text, write = part): string => text.map(write).join('').replace(/\s+/g, ' ').trim();

function part(item: Inline): string {
  if (typeof item === 'string') return escaped(item);
  if ('code' in item) return code(item.code);
  return `[${escaped(item.link)}](#${item.to})`;
}

/** CommonMark 2.4: any ASCII punctuation may be escaped. A `!` before a link would make it an image. */
const escaped = (text: string): string => text.replace(/[\\`*_[\]<>|~&]|!$/g, '\\$&');

/** A code span that holds any text, backticks included (CommonMark 6.1). */
function code(text: string): string {
  const source = flat(text);
  if (source === '') return '';
  const longest = Math.max(0, ...(source.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = /^`|`$/.test(source) ? ' ' : '';
  return `${fence}${pad}${source}${pad}${fence}`;
}

const markdown = new MarkdownIt({ html: true });
type Token = ReturnType<typeof markdown.parse>[number];

export function parseMarkdown(source: string): Found[] {
  const found: Found[] = [];
  let table: { head: string[]; rows: { cells: string[]; line: number }[]; line: number } | undefined;
  let heading = 0;
  let at = 1;
  for (const token of markdown.parse(source, {})) {
    at = token.map ? token.map[0] + 1 : at;
    if (token.type === 'heading_open') heading = Number(token.tag.slice(1));
    if (token.type === 'heading_close') heading = 0;
    if (token.type === 'table_open') table = { head: [], rows: [], line: at };
    if (token.type === 'tr_open') table?.rows.push({ cells: [], line: at });
    if (token.type === 'table_close' && table) {
      found.push({ ...table, kind: 'table', head: table.rows[0]?.cells ?? [], rows: table.rows.slice(1) });
      table = undefined;
    }
    if (token.type === 'html_block') found.push(...parseHtml(token.content).map((one) => shifted(one, at - 1)));
    if (token.type === 'fence' || token.type === 'code_block')
      found.push({ kind: 'text', text: flat(token.content), line: at });
    if (token.type !== 'inline') continue;
    const text = flat(textOf(token.children ?? []));
    if (table) table.rows.at(-1)?.cells.push(text);
    else if (heading > 0) found.push({ kind: 'heading', level: heading, text, line: at });
    else found.push({ kind: 'text', text, line: at });
  }
  return found;
}

/** The same in a file in which so many lines stand before it. */
const shifted = (one: Found, by: number): Found =>
  one.kind === 'table'
    ? { ...one, line: one.line + by, rows: one.rows.map((row) => ({ ...row, line: row.line + by })) }
    : { ...one, line: one.line + by };

const textOf = (tokens: readonly Token[]): string =>
  tokens
    .map(({ type, content, children }) => {
      if (type === 'text' || type === 'code_inline') return content;
      if (type === 'softbreak' || type === 'hardbreak') return ' ';
      return textOf(children ?? []);
    })
    .join('');

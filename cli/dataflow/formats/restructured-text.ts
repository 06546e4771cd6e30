/**
 * reStructuredText: written, and read back. Written is what docutils takes without a warning; read are headings, paragraphs,
 * lists and the tables that people write by hand (list-table, csv-table, grid and simple tables).
 * https://docutils.sourceforge.io/docs/ref/rst/restructuredtext.html
 */
import { type Block, type Found, flat, type Inline, type Text } from '../blocks.ts';

const UNDERLINES = { 1: '=', 2: '-', 3: '~' } as const;

export function renderRst(blocks: readonly Block[]): string {
  return `${blocks.map(renderBlock).join('\n\n')}\n`;
}

function renderBlock(block: Block): string {
  switch (block.kind) {
    case 'heading': {
      const title = line(block.text);
      // At least as wide as the title, in which a letter takes up to two columns.
      const width = /^[\x20-\x7e]*$/.test(title) ? title.length : title.length * 2;
      const underline = UNDERLINES[block.level].repeat(Math.max(4, width));
      const target = block.anchor === undefined ? '' : `.. _${block.anchor}:\n\n`;
      return `${target}${title}\n${underline}`;
    }
    case 'paragraph':
      return line(block.text);
    case 'list':
      return block.items.map((item) => `- ${line(item)}`.trimEnd()).join('\n');
    case 'table': {
      const row = (cells: readonly Text[]): string =>
        cells.map((cell, i) => `${i === 0 ? '   * - ' : '     - '}${line(cell)}`.trimEnd()).join('\n');
      const rows = [row(block.head.map((name) => [name])), ...block.rows.map(row)];
      return ['.. list-table::', '   :header-rows: 1', '   :widths: auto', '', ...rows].join('\n');
    }
  }
}

/** Text that begins a block. What begins with a sign, or with a number or letter and a dot, could be another block. */
function line(text: Text): string {
  const written = inline(text);
  return /^([^\p{L}\p{N}]|[\p{L}\p{N}]+[.)])/u.test(written) && !written.startsWith('`') ? `\\ ${written}` : written;
}

/** Markup is recognized only between spaces or signs; an escaped space, which is no space in the end, makes it so. */
function inline(text: Text): string {
  let written = '';
  for (const [i, item] of text.entries()) {
    const made = part(item);
    if (typeof item === 'string') {
      const before = text[i - 1];
      const joined = before !== undefined && typeof before !== 'string' && !/^[\s.,;:!?]/.test(made);
      written += joined && made !== '' ? `\\ ${made}` : made;
    } else {
      written += written === '' || /\s$/.test(written) ? made : `\\ ${made}`;
    }
  }
  return written.replace(/\s+/g, ' ').trim();
}

function part(item: Inline): string {
  if (typeof item === 'string') return escaped(item);
  if ('code' in item) return code(item.code);
  return `\`${escaped(item.link)} <${item.to}_>\`__`;
}

/** `::` at the end would begin a literal block. */
const escaped = (text: string): string => text.replace(/[\\`*_|]/g, '\\$&').replaceAll('::', ':\\:');

/** An inline literal cannot hold its own end, nor end with a backslash that reads as an escape of it. */
function code(text: string): string {
  const source = flat(text);
  return source.includes('`') || source === '' ? escaped(source) : `\`\`${source}\`\``;
}

// ---------------------------------------------------------------- reading

interface Line {
  readonly text: string;
  readonly number: number;
}

export function parseRst(source: string): Found[] {
  const lines = source.split(/\r?\n/).map((text, i): Line => ({ text: text.trimEnd(), number: i + 1 }));
  const found: Found[] = [];
  const adornments: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const { text, number } = lines[at]!;
    const next = lines[at + 1]?.text ?? '';
    if (text === '') at++;
    else if (/^\+[-+]+\+$/.test(text)) {
      const block = takeWhile(lines, at, (one) => /^[+|]/.test(one));
      found.push(gridTable(block));
      at += block.length;
    } else if (/^=+( +=+)+$/.test(text)) {
      const block = takeWhile(lines, at, (one) => one !== '');
      found.push(simpleTable(block));
      at += block.length;
    } else if (isAdornment(text) && lines[at + 2]?.text === text) {
      found.push(heading(adornments, `${text[0]}${text[0]}`, next, number + 1));
      at += 3;
    } else if (isAdornment(next) && next.length >= Math.min(text.length, 4) && !/^\s/.test(text)) {
      found.push(heading(adornments, next[0]!, text, number));
      at += 2;
    } else if (/^\.\. (list|csv)-table::/.test(text)) {
      const body = indented(lines, at + 1);
      found.push(text.startsWith('.. list') ? listTable(body, number) : csvTable(body, number));
      at += body.length + 1;
    } else if (/^\.\. [\w-]+::/.test(text)) {
      const body = indented(lines, at + 1);
      const words = directiveText([lines[at]!, ...body]);
      if (words !== '') found.push({ kind: 'text', text: words, line: number });
      at += body.length + 1;
    } else if (/^(\.\.( |$)|__ )/.test(text)) at += indented(lines, at + 1).length + 1;
    else {
      const block = takeWhile(lines, at, (one, i) => one !== '' && (i === 0 || !BULLET.test(one)));
      const words = block.map((one) => one.text.trim()).join(' ');
      found.push({ kind: 'text', text: textOf(words.replace(BULLET, '')), line: number });
      at += block.length;
    }
  }
  return found;
}

/** What a note, a warning or another directive says, without its options. */
const directiveText = (block: readonly Line[]): string =>
  textOf(
    block
      .map(({ text }) => text.replace(/^\.\. [\w-]+::/, '').trim())
      .filter((text) => !/^:[\w-]+:/.test(text))
      .join(' '),
  );

const BULLET = /^\s*(?:[-*+•]|#\.|\d+[.)])\s+/;
const isAdornment = (text: string): boolean => /^([!-/:-@[-`{-~])\1{1,}$/.test(text);

/** Levels are in the order in which their signs first come. */
function heading(adornments: string[], sign: string, title: string, line: number): Found {
  if (!adornments.includes(sign)) adornments.push(sign);
  return { kind: 'heading', level: adornments.indexOf(sign) + 1, text: textOf(title.trim()), line };
}

function takeWhile(lines: readonly Line[], from: number, belongs: (text: string, i: number) => boolean): Line[] {
  let end = from;
  while (end < lines.length && belongs(lines[end]!.text, end - from)) end++;
  return lines.slice(from, end);
}

/** The lines that belong to a directive: indented or empty. */
const indented = (lines: readonly Line[], from: number): Line[] =>
  takeWhile(lines, from, (text) => /^(\s|$)/.test(text));

/** What the markup of a text says, without it. An escaped space is none. */
function textOf(source: string): string {
  const unescaped = (text: string): string => text.replace(/\\(\s)|\\(.)/g, (_, __, sign: string = '') => sign);
  return flat(
    source.replace(MARKUP, (_, sign?: string, literal?: string, emphasized?: string, quoted?: string) =>
      emphasized !== undefined || quoted !== undefined ? unescaped((emphasized ?? quoted)!) : (literal ?? sign ?? ''),
    ),
  );
}

/** From left to right: an escape, a literal, emphasis, then a link or a role. */
const MARKUP =
  /\\\s|\\(\S)|``(.+?)``(?![\p{L}\p{N}])|\*{1,2}((?:\\.|[^*\\])+)\*{1,2}|(?::\w+:)?`((?:\\.|[^`\\])+?)(?:\s*<[^<>`]*>)?`_{0,2}/gu;

type Row = { cells: string[]; line: number };

function table(rows: readonly Row[], line: number): Found {
  const [head, ...rest] = rows;
  return { kind: 'table', head: head?.cells ?? [], rows: rest, line };
}

function listTable(body: readonly Line[], line: number): Found {
  const rows: Row[] = [];
  for (const { text, number } of body) {
    const [, , bullet, rest = ''] = /^(\s+)(\* -|-)(?:\s+(.*))?$/.exec(text) ?? [];
    if (bullet === '* -') rows.push({ cells: [], line: number });
    if (bullet !== undefined) rows.at(-1)?.cells.push(rest);
    else if (text.trim() !== '' && rows.length > 0) {
      const { cells } = rows.at(-1)!;
      cells[cells.length - 1] += ` ${text.trim()}`;
    }
  }
  return table(
    rows.map((row) => ({ ...row, cells: row.cells.map(textOf) })),
    line,
  );
}

function csvTable(body: readonly Line[], line: number): Found {
  const cellsOf = (text: string): string[] =>
    [...text.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain = '']) =>
      textOf((quoted?.replaceAll('""', '"') ?? plain).trim()),
    );
  const rows = body.flatMap(({ text, number }): Row[] => {
    const [, header] = /^\s+:header:\s*(.*)$/.exec(text) ?? [];
    if (header !== undefined) return [{ cells: cellsOf(header), line: number }];
    return text.trim() === '' || /^\s+:/.test(text) ? [] : [{ cells: cellsOf(text.trim()), line: number }];
  });
  return table(rows, line);
}

/** Without cells that span others. */
function gridTable(block: readonly Line[]): Found {
  const rows: Row[] = [];
  let open: Row | undefined;
  for (const { text, number } of block) {
    if (text.startsWith('+')) {
      open = undefined;
      continue;
    }
    const cells = text.slice(1, -1).split(/(?<!\\)\|/);
    if (open) open.cells = open.cells.map((cell, i) => `${cell} ${cells[i]?.trim() ?? ''}`);
    else {
      open = { cells: cells.map((cell) => cell.trim()), line: number };
      rows.push(open);
    }
  }
  return table(
    rows.map((row) => ({ ...row, cells: row.cells.map(textOf) })),
    block[0]!.number,
  );
}

function simpleTable(block: readonly Line[]): Found {
  const starts = [...block[0]!.text.matchAll(/=+/g)].map(({ index }) => index);
  const rows = block.flatMap(({ text, number }): Row[] =>
    /^[=\- ]+$/.test(text)
      ? []
      : [{ cells: starts.map((start, i) => textOf(text.slice(start, starts[i + 1]).trim())), line: number }],
  );
  return table(rows, block[0]!.number);
}

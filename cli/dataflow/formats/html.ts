/** One HTML file that needs nothing beside it, for the screen and for paper: written, and read back by parse5. */
import { type DefaultTreeAdapterTypes, parse } from 'parse5';
import { type Block, type Found, flat, type Inline, plainText, type Text } from '../blocks.ts';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

export function renderHtml(blocks: readonly Block[], more = ''): string {
  const [first] = blocks;
  const title = first?.kind === 'heading' ? plainText(first.text) : 'Dataflow';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>
${STYLE}</style>
</head>
<body>
${blocks.map(renderBlock).join('\n')}
${more}</body>
</html>
`;
}

const STYLE = `:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 3rem; border-bottom: 1px solid #8886; padding-bottom: .3rem; }
code { font: .9em ui-monospace, monospace; background: #8882; border-radius: .2em; padding: 0 .25em; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; font-size: .95em; }
th, td { border: 1px solid #8886; padding: .35rem .6rem; text-align: left; vertical-align: top; }
th { background: #8882; }
a { color: inherit; }
@media print {
  @page { margin: 18mm 15mm; }
  body { font-size: 10pt; max-width: none; margin: 0; padding: 0; color: #000; background: #fff; }
  a { text-decoration: none; }
  h2, h3 { break-after: avoid; }
  thead { display: table-header-group; }
  tr, li { break-inside: avoid; }
  .scroll { overflow: visible; }
  th, td { border-color: #999; }
  th { background: #eee; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;

function renderBlock(block: Block): string {
  switch (block.kind) {
    case 'heading': {
      const id = block.anchor === undefined ? '' : ` id="${escaped(block.anchor)}"`;
      return `<h${block.level}${id}>${inline(block.text)}</h${block.level}>`;
    }
    case 'paragraph':
      return `<p>${inline(block.text)}</p>`;
    case 'list':
      return `<ul>\n${block.items.map((item) => `<li>${inline(item)}</li>`).join('\n')}\n</ul>`;
    case 'table': {
      const row = (cells: readonly string[], tag: string): string =>
        `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag.split(' ')[0]}>`).join('')}</tr>`;
      return `<div class="scroll"><table>
<thead>${row(block.head.map(escaped), 'th scope="col"')}</thead>
<tbody>
${block.rows.map((cells) => row(cells.map(inline), 'td')).join('\n')}
</tbody>
</table></div>`;
    }
  }
}

const inline = (text: Text): string => text.map(part).join('');

function part(item: Inline): string {
  if (typeof item === 'string') return escaped(item);
  if ('code' in item) return `<code>${escaped(item.code)}</code>`;
  return `<a href="#${escaped(item.to)}">${escaped(item.link)}</a>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
export const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => ENTITIES[sign]!);

export function parseHtml(source: string): Found[] {
  const found: Found[] = [];
  visit(parse(source, { sourceCodeLocationInfo: true }), found);
  return found;
}

const SKIPPED = new Set(['script', 'style', 'template', 'title', 'head']);
/** What begins a text of its own. */
const BLOCK =
  /^(h[1-6]|p|table|ul|ol|li|dl|dt|dd|div|section|article|main|header|footer|nav|aside|blockquote|pre|figure|figcaption|details|summary|address|form|fieldset|hr|html|body)$/;

function visit(node: Node, found: Found[]): void {
  if (!('childNodes' in node)) return;
  const tag = 'tagName' in node ? node.tagName : '';
  if (SKIPPED.has(tag)) return;
  const line = lineOf(node);
  const level = /^h([1-6])$/.exec(tag)?.[1];
  if (level !== undefined) found.push({ kind: 'heading', level: Number(level), text: textOf(node), line });
  else if (tag === 'table') {
    for (const caption of elements(node, 'caption')) visitChildren(caption.childNodes as Node[], found);
    found.push(tableOf(node as Element));
  } else visitChildren(node.childNodes as Node[], found);
}

/** Runs of text, with what marks it, are one text each; an element that holds a block is looked into. */
function visitChildren(children: readonly Node[], found: Found[]): void {
  let run: Node[] = [];
  const end = (): void => {
    const text = flat(run.map(rawText).join(''));
    const first = run.find((one) => rawText(one).trim() !== '');
    if (first) found.push({ kind: 'text', text, line: lineOf(first) + leadingLines(first) });
    run = [];
  };
  for (const child of children) {
    if (holdsBlock(child)) {
      end();
      visit(child, found);
    } else if (!('tagName' in child && SKIPPED.has(child.tagName)) && child.nodeName !== '#comment') run.push(child);
  }
  end();
}

const holdsBlock = (node: Node): boolean =>
  'tagName' in node && (BLOCK.test(node.tagName) || childElements(node).some(holdsBlock));

/** A text may begin with empty lines. */
const leadingLines = (node: Node): number => /^\s*/.exec(rawText(node))![0].split('\n').length - 1;

function tableOf(table: Element): Found {
  const rows = elements(table, 'tr').map((row) => ({
    cells: childElements(row)
      .filter(({ tagName }) => tagName === 'td' || tagName === 'th')
      .map(textOf),
    line: lineOf(row),
  }));
  const [head, ...rest] = rows;
  return { kind: 'table', head: head?.cells ?? [], rows: rest, line: lineOf(table) };
}

const childElements = (node: Node): Element[] =>
  'childNodes' in node ? (node.childNodes as Node[]).filter((child): child is Element => 'tagName' in child) : [];

const elements = (node: Node, tag: string): Element[] =>
  childElements(node).flatMap((child) => (child.tagName === tag ? [child] : elements(child, tag)));

const lineOf = (node: Node): number => node.sourceCodeLocation?.startLine ?? 1;

const textOf = (node: Node): string => flat(rawText(node));

const rawText = (node: Node): string =>
  node.nodeName === '#comment'
    ? ''
    : 'value' in node
      ? String(node.value)
      : 'childNodes' in node
        ? (node.childNodes as Node[]).map(rawText).join('')
        : '';

/** The parts that a document is made of, whatever its format: renderers write them, parsers read them back. */

export type Inline =
  | string
  | { readonly code: string }
  /** To the heading or table of this anchor in the same document. */
  | { readonly link: string; readonly to: string };

export type Text = readonly Inline[];

export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3; readonly text: Text; readonly anchor?: string }
  | { readonly kind: 'paragraph'; readonly text: Text }
  | { readonly kind: 'list'; readonly items: readonly Text[] }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly Text[])[] };

/** What a parser finds: plain texts, each with its line in the file, from 1. */
export type Found =
  | { readonly kind: 'heading'; readonly level: number; readonly text: string; readonly line: number }
  /** A paragraph, or one item of a list. */
  | { readonly kind: 'text'; readonly text: string; readonly line: number }
  | {
      readonly kind: 'table';
      readonly head: readonly string[];
      readonly rows: readonly { readonly cells: readonly string[]; readonly line: number }[];
      readonly line: number;
    };

/** The text without its markup, with single spaces. */
export const plainText = (text: Text): string => flat(text.map(bare).join(''));

export const bare = (part: Inline): string =>
  typeof part === 'string' ? part : 'code' in part ? part.code : part.link;

/** One line with single spaces; what a terminal or a browser would obey is left out. */
export const flat = (text: string): string =>
  text
    .replace(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cs}]/gu, '')
    .trim();

/** `` text`A ${name} is ${code(expression)}.` ``: strings are plain text, lists of parts are put in. */
export function text(strings: TemplateStringsArray, ...values: readonly (string | number | Inline | Text)[]): Text {
  const parts: Inline[] = [];
  const add = (part: Inline): void => {
    const last = parts.at(-1);
    if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part;
    else if (part !== '') parts.push(part);
  };
  for (const [i, string] of strings.entries()) {
    add(string);
    const value = values[i];
    if (Array.isArray(value)) for (const part of value as Text) add(part);
    else if (value !== undefined) add(typeof value === 'number' ? String(value) : (value as Inline));
  }
  return parts;
}

export const code = (source: string): Inline => ({ code: flat(source) });

/** `a`, `a and b`, `a, b and c`. */
export function listed(items: readonly (string | Text)[], last = 'and'): Text {
  const parts: Inline[] = [];
  for (const [i, item] of items.entries()) {
    if (i > 0) parts.push(i === items.length - 1 ? ` ${last} ` : ', ');
    parts.push(...(typeof item === 'string' ? [item] : item));
  }
  return text`${parts}`;
}

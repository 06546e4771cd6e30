/** What the YAML parser found wrong, at the place where a person wrote it and in words that say what to write. Pure. */

export interface Explained {
  readonly message: string;
  /** Character (from 0) of the text that the message is about. */
  readonly at: number;
}

/** Reasons of js-yaml (5.x) that say what the parser did, not what stands in the file. */
const WORDS: Readonly<Record<string, string>> = {
  'bad indentation of a mapping entry':
    'This does not fit in here. Check the indentation, and put a text that holds ": " or " #", or begins with a special character, in quotes.',
  'bad indentation of a sequence entry': 'This entry of a list is indented further than the one before it.',
  'end of the stream or a document separator is expected':
    'This does not belong to what stands before it. Check the indentation: only spaces, and as many as the lines beside it.',
  'object-based map does not support complex keys':
    'A key must be a text. Put a text that begins with { or [ in quotes.',
  'can not read a block mapping entry; a multiline key may not be an implicit key':
    'A line before this one has no ":" after its key.',
  'deficient indentation': 'Something before this line is never closed: a quote, [ or {.',
  'unknown escape sequence':
    'Within double quotes a \\ begins an escape such as \\n. Write \\\\, or use single quotes.',
  'cannot merge mappings; the provided source object is unacceptable':
    '"<<" takes what a mapping holds: write "<<: *NAME", where &NAME stands before a mapping.',
};

/** @param position where the parser stopped, a character from 0 */
export function explainYaml(text: string, reason: string, position: number): Explained {
  if (/^deficient indentation|^unexpected end of the (stream|document) within a/.test(reason)) {
    const at = openBefore(text, position);
    if (at !== undefined) return { message: `The ${text[at]} that stands here is never closed.`, at };
  }
  if (/^bad indentation of a mapping entry|^missed comma/.test(reason)) {
    const at = startOfLongText(text, position);
    if (at !== undefined)
      return { message: 'The text in quotes that begins here ends in a later line. Is a quote missing?', at };
  }
  if (reason.startsWith('missed comma')) {
    const at = openBefore(text, position) ?? 0;
    const line = text.slice(0, at).split('\n').length;
    return {
      message: `Before this a comma is missing, or the ${text[at]} of line ${line} is never closed.`,
      at: position,
    };
  }
  const alias = /^unidentified alias "(.*)"$/.exec(reason)?.[1];
  if (alias !== undefined) {
    const words = `Nothing above is marked with &${alias}. Put a text that begins with * in quotes.`;
    return { message: words, at: position };
  }
  const plain = `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`;
  return { message: Object.hasOwn(WORDS, reason) ? WORDS[reason]! : plain, at: position };
}

/**
 * Where a quote, [ or { stands that nothing closes before `end`; the last one of them. An apostrophe or a bracket within
 * a plain text opens nothing: only what stands where a value or a key may begin.
 */
function openBefore(text: string, end: number): number | undefined {
  const brackets: number[] = [];
  /** The last character before this one in its line that is no space. */
  let before = '';
  for (let at = 0; at < end; at++) {
    const char = text[at]!;
    const begins = before === '' || '[{,:-?'.includes(before);
    if (char === '\n') before = '';
    else if (char === ' ' || char === '\t' || char === '\r') continue;
    else if (char === '#' && (before === '' || text[at - 1] === ' ')) at = endOfLine(text, at) - 1;
    else {
      before = char;
      if (begins && (char === '"' || char === "'")) {
        const close = closing(text, at);
        if (close >= end) return at;
        at = close;
      } else if (begins && (char === '[' || char === '{')) brackets.push(at);
      else if (text[brackets.at(-1) ?? -1] === (char === ']' ? '[' : char === '}' ? '{' : '')) brackets.pop();
    }
  }
  return brackets.at(-1);
}

const endOfLine = (text: string, at: number): number => {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
};

/** Where the quote closes that opens at a character; the end of the text where none does. */
function closing(text: string, open: number): number {
  const quote = text[open]!;
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\' && quote === '"') at++;
    else if (text[at] !== quote) continue;
    else if (quote === "'" && text[at + 1] === "'") at++;
    else return at;
  }
  return text.length;
}

/** Where the text in quotes that ends right before `end` began, if that is in an earlier line. */
function startOfLongText(text: string, end: number): number | undefined {
  const last = text.slice(0, end).trimEnd().length - 1;
  if (text[last] !== '"' && text[last] !== "'") return undefined;
  const at = openBefore(text, last);
  return at !== undefined && text[at] === text[last] && text.slice(at, last).includes('\n') ? at : undefined;
}

// Words that are retired (scripts/retired-words.json) must not come back: part of `npm run lint`. Ends with 1 where one is found.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIST = 'scripts/retired-words.json';
/** Not written by us, or made from what is looked at anyway. */
const SKIPPED = new Set(['.git', '.cache', 'node_modules', 'dist', 'reports', 'package-lock.json', LIST]);
const TEXT = /(\.([cm]?ts|mjs|cjs|lua|md|html|rst|ya?ml|json|grit|sh|service|env|example)|Dockerfile|\.ci\/run)$/;

/** How the pattern of a word becomes a regular expression, by where it applies. */
const KINDS = {
  // Whole words in any case: comments, texts, names of tests, documents, and names that consist of that word alone.
  prose: (pattern) => new RegExp(`(?<!\\w)(?:${pattern})(?!\\w)`, 'gi'),
  // Parts of names: `oldName` is found in oldName, OldName and noteOldName; one that begins with a capital only as it is.
  names: (pattern) => new RegExp(pattern.split('|').map(partOfName).join('|'), 'g'),
  // Exactly as written: codes of errors, keys, fields of HTTP, metrics, options.
  codes: (pattern) => new RegExp(`(?<![\\w-])(?:${pattern})(?![\\w-])`, 'g'),
};

function partOfName(part) {
  const [first] = part;
  if (first !== first.toLowerCase()) return `(?<![A-Za-z])${part}(?![A-Za-z])`;
  return `(?:(?<![A-Za-z])${first}|(?<![A-Z])${first.toUpperCase()})${part.slice(1)}(?![a-z])`;
}

/**
 * @param list the parsed list
 * @param files `path` from the root, with / as separator, and `text`
 * @returns `found`: retired words with file, line and what to say instead; `unused`: exceptions without an occurrence, by file
 */
export function findRetiredWords({ words, exceptions }, files) {
  const rules = words.flatMap(({ word, pattern = word, in: kinds, say }) =>
    kinds.map((kind) => ({ say, expression: KINDS[kind](pattern) })),
  );
  const allowed = exceptions.flatMap(({ text, files: starts }) => starts.map((start) => ({ text, start })));
  const unused = new Set(allowed);
  const found = [];
  for (const { path, text } of files) {
    let rest = text;
    for (const one of allowed) {
      if (!path.startsWith(one.start) || !text.includes(one.text)) continue;
      unused.delete(one);
      // Replaced by as many spaces: places in the text stay.
      rest = rest.replaceAll(one.text, ' '.repeat(one.text.length));
    }
    for (const { say, expression } of rules) {
      for (const { 0: word, index } of rest.matchAll(expression)) {
        found.push({ path, line: text.slice(0, index).split('\n').length, word, say });
      }
    }
  }
  return { found, unused: [...unused] };
}

function* textFiles(folder = '') {
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (SKIPPED.has(entry.name) || SKIPPED.has(path)) continue;
    if (entry.isDirectory()) yield* textFiles(path);
    else if (TEXT.test(path)) yield { path, text: readFileSync(join(ROOT, path), 'utf8') };
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const list = JSON.parse(readFileSync(join(ROOT, LIST), 'utf8'));
  const { found, unused } = findRetiredWords(list, textFiles());
  for (const { path, line, word, say } of found) console.error(`${path}:${line} retired word "${word}": say ${say}`);
  for (const { text, start } of unused)
    console.error(`${LIST}: "${text}" does not occur in ${start}: remove the exception`);
  console.log(`Retired words: ${found.length}.`);
  if (found.length + unused.length > 0) process.exitCode = 1;
}

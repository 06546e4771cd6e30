/** The decisions of docs/decisions/: each has the same form, and stands in their index. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const FOLDER = resolve(import.meta.dirname, '../../../docs/decisions');
const STATUS = /^Status: ((?:in force|replaced by \d{4}) since \d{4}-\d{2}-\d{2})\.( |$)/;
const SECTIONS = ['Context', 'Decision', 'Alternatives', 'Consequences'];

const names = readdirSync(FOLDER).filter((name) => name !== 'README.md');
const linesOf = (name: string): string[] => readFileSync(join(FOLDER, name), 'utf8').split('\n');

/** Title, status and sections of a page; the text of a section is all up to the next one. */
function parse(name: string) {
  const [title = '', blank = '', status = '', ...rest] = linesOf(name);
  const [before = '', ...parts] = rest.join('\n').split(/^## /m);
  const sections = parts.map((part) => {
    const end = part.indexOf('\n');
    return { heading: part.slice(0, end), text: part.slice(end).trim() };
  });
  return { title, blank, status, before: before.trim(), sections };
}

test.each(names)('%s has a title, a status with its date, and the sections of a decision', (name) => {
  expect(name).toMatch(/^\d{4}-[a-z0-9-]+\.md$/);
  const { title, blank, status, before, sections } = parse(name);
  expect(title).toMatch(/^# [^\d].*[^.]$/);
  expect(status).toMatch(STATUS);
  expect([blank, before]).toEqual(['', '']);
  expect(sections.map(({ heading }) => heading)).toEqual(SECTIONS);
  expect(sections.filter(({ text }) => text === '')).toEqual([]);
});

test('each number belongs to one decision', () => {
  expect(names.length).toBeGreaterThan(50);
  expect(new Set(names.map((name) => name.slice(0, 4))).size).toBe(names.length);
});

test('the index of decisions lists each of them with its title and status, in the order of their numbers', () => {
  const rows = names.sort().map((name) => {
    const { title, status } = parse(name);
    return `| [${name.slice(0, 4)}](${name}) | ${title.slice(2)} | ${STATUS.exec(status)?.[1]} |`;
  });
  expect(linesOf('README.md').filter((line) => line.startsWith('| ['))).toEqual(rows);
});

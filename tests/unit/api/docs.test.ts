// docs/http.md lists the words of answers as the tables in the code say them. After a change of a table, write its rows there.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SYSTEM_STATES } from '../../../engine/connectors/circuit.ts';
import { COUNTERS, OUTCOMES } from '../../../engine/model/outcome.ts';
import { DELAY_REASONS } from '../../../engine/queue/reasons.ts';
import { ISSUES } from '../../../engine/store/types.ts';

const page = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8');

const wordsOf = (table: Readonly<Record<string, string | { readonly words: string }>>): string[] =>
  Object.entries(table).map(([name, one]) => `| \`${name}\` | ${typeof one === 'string' ? one : one.words} |`);

test.each([
  ['outcomes', wordsOf(OUTCOMES)],
  ['counters', wordsOf(COUNTERS)],
  ['issues', wordsOf(ISSUES)],
  ['reasons of delayed jobs', wordsOf(DELAY_REASONS)],
  ['states of systems', wordsOf(SYSTEM_STATES)],
])('docs/http.md lists all %s in the words of their table', (name, rows) => {
  const [, table = ''] = new RegExp(`<!-- ${name} -->\\n(.*?)<!-- /${name} -->`, 's').exec(page) ?? [];
  expect(table.trim().split('\n').slice(2)).toEqual(rows);
});

/** The lint that asks for a reason above functions over 60 lines. */
import { describe, expect, it } from 'vitest';
import { findLongFunctions } from '../../../scripts/long-functions.mjs';

const REASON = '// Over 60 lines: one table.';
/** As many lines of code as said, the first and the last one included. */
const long = (first: string, last: string, lines = 61): string =>
  [first, ...Array<string>(lines - 2).fill('  step();'), last].join('\n');
const find = (text: string, path = 'engine/a.ts') => findLongFunctions([{ path, text }]);

describe('a function over 60 lines', () => {
  it('is named with its file, line and length where it has no reason', () => {
    const text = `${long('export function short() {', '}', 60)}\n\n${long('export function tall() {', '}')}`;
    expect(find(text)).toEqual([{ path: 'engine/a.ts', line: 62, name: 'tall', lines: 61 }]);
  });

  it.each([
    ['above it', `${REASON}\n${long('function tall() {', '}')}`],
    ['above its description', `${REASON}\n/** What it does. */\n${long('function tall() {', '}')}`],
    ['below its description', `/** What it does. */\n${REASON}\n${long('async function tall() {', '}')}`],
    ['of two lines', `${REASON}\n// It is read as one.\n${long('function tall() {', '}')}`],
    ['above its constant', `${REASON}\n${long('export const tall = (a) => (b) => {', '};')}`],
    ['above the call that it is passed to', `${REASON}\n${long('void listen(async () => {', '});')}`],
    ['above a method', `class One {\n${REASON}\n${long('tall() {', '}')}\n}`],
    ['above a property', `const one = {\n${REASON}\n${long('tall: () => {', '},')}\n};`],
  ])('passes with a reason %s', (_, text) => expect(find(text)).toEqual([]));

  it.each([
    ['is empty', `// Over 60 lines:\n${long('function tall() {', '}')}`],
    ['does not stand directly above it', `${REASON}\n\n${long('function tall() {', '}')}`],
    ['is that of another function', `${REASON}\nfunction short() {}\n${long('function tall() {', '}')}`],
    ['is that of the function around it', `${REASON}\nfunction around() {\n${long('const tall = () => {', '};')}\n}`],
    ['is that of the class around it', `${REASON}\nclass One {\n  short() {}\n${long('  tall() {', '  }')}\n}`],
  ])('does not pass where the reason %s', (_, text) =>
    expect(find(text)).toEqual([expect.objectContaining({ name: 'tall', lines: 61 })]),
  );

  it('may hold tests in a file of tests', () => {
    const text = long("describe.each([1])('one', () => {", '});');
    expect(find(text, 'tests/unit/a.test.ts')).toEqual([]);
    expect(find(text, 'tests/unit/a.ts')).toEqual([expect.objectContaining({ line: 1 })]);
  });
});

/** The linear-time regex engine answers as RegExp does, refuses what cannot be linear, and does not hang. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LinearRegex } from '../../../engine/expression/regex.ts';

const all = (regex: { exec(text: string): RegExpExecArray | null; lastIndex: number }, text: string): unknown[] => {
  const found: unknown[] = [];
  for (let match = regex.exec(text); match !== null && found.length < 200; match = regex.exec(text)) {
    found.push({ match: [...match], index: match.index, next: regex.lastIndex });
    if (match[0] === '') break;
  }
  return found;
};

const PATTERNS = [
  /[^0-9+]/g,
  /(\d+)-(\d+)?/g,
  /a|ab/g,
  /(a)|(b)/g,
  /\s+/g,
  /^x/gm,
  /Y$/gim,
  /\bword\b/g,
  /[a-c]{2,3}?/g,
  /\u00e9+/g,
  /\//g,
  /[\w.]+@[\w.]+/g,
];

describe('exec', () => {
  it.each(PATTERNS.map((pattern) => [pattern]))('%s finds what RegExp finds', (pattern) => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aabbcxyY10+-@. /\né', 'word '), maxLength: 40 }), (text) => {
        pattern.lastIndex = 0;
        expect(all(new LinearRegex(pattern), text)).toEqual(all(pattern, text));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps the last match of a group within a repetition, where RegExp forgets it', () => {
    expect([...(new LinearRegex(/(?:x(y)?)+/).exec('xyx') ?? [])]).toEqual(['xyx', 'y']);
  });

  it('begins at lastIndex', () => {
    const regex = new LinearRegex(/a/g);
    regex.lastIndex = 2;
    expect(regex.exec('aba')?.index).toBe(2);
    expect(regex.lastIndex).toBe(3);
    expect(regex.exec('aba')).toBeNull();
    expect(regex.lastIndex).toBe(0);
  });
});

describe('what cannot run in linear time', () => {
  it.each([
    [/(?=a)b/, 'lookahead'],
    [/(?!a)b/, 'lookahead'],
    [/(?<=a)b/, 'lookbehind'],
    [/(a)\1/, 'backreferences'],
  ])('%s is refused', (pattern, word) => {
    expect(() => new LinearRegex(pattern)).toThrow(
      expect.objectContaining({ code: 'CONFIG_EXPRESSION', message: expect.stringContaining(word) }),
    );
  });

  it.each([[/(a+)+$/], [/(a|aa)+$/], [/(.*a){12}$/], [/^(\w+\s?)*$/]])(
    '%s does not hang on a hostile text',
    (pattern) => {
      const start = performance.now();
      new LinearRegex(pattern).exec(`${'a'.repeat(20_000)}!`);
      expect(performance.now() - start).toBeLessThan(3_000);
    },
  );
});

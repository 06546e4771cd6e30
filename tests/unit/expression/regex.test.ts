/** The linear-time regex engine answers as RegExp does, refuses what cannot be linear, and does not hang. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TandemError } from '../../../engine/errors.ts';
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

describe('an instance', () => {
  it('knows its source', () => expect(new LinearRegex(/a.b/i).source).toBe('a.b'));

  it('begins again with another text', () => {
    const regex = new LinearRegex(/a/g);
    expect(regex.exec('xa')?.index).toBe(1);
    regex.lastIndex = 0;
    expect(regex.exec('xxa')?.index).toBe(2);
    regex.lastIndex = 0;
    expect(regex.exec('xxa')?.input).toBe('xxa');
  });

  it('finds nothing beyond the end, and something at it', () => {
    const regex = new LinearRegex(/$/g);
    regex.lastIndex = 2;
    expect(regex.exec('ab')?.index).toBe(2);
    regex.lastIndex = 3;
    expect(regex.exec('ab')).toBeNull();
    expect(regex.lastIndex).toBe(0);
  });

  it.each([
    [/A/, 'a', false],
    [/A/i, 'a', true],
    [/^b/, 'a\nb', false],
    [/^b/m, 'a\nb', true],
    [/^B$/im, 'a\nb', true],
  ])('%s finds something in %j: %s', (pattern, text, expected) =>
    expect(new LinearRegex(pattern).exec(text) !== null).toBe(expected),
  );

  it('leaves a group that took no part undefined', () => {
    expect([...new LinearRegex(/(a)|(b)/).exec('b')!]).toEqual(['b', undefined, 'b']);
  });
});

describe('what is refused', () => {
  it.each([
    [
      /(?=a)b/,
      'lookahead and lookbehind are not supported, as they cannot run in linear time; match more and take a group instead.',
    ],
    [
      /(?<!a)b/,
      'lookahead and lookbehind are not supported, as they cannot run in linear time; match more and take a group instead.',
    ],
    [/(a)\1/, 'backreferences are not supported, as they cannot run in linear time.'],
    [/(?<n>a)\k<n>/, 'backreferences are not supported, as they cannot run in linear time.'],
  ])('%s says why', (pattern, why) => {
    let error: unknown;
    try {
      new LinearRegex(pattern);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({
      code: 'CONFIG_EXPRESSION',
      message: `The regular expression /${pattern.source}/ cannot be used: ${why}`,
    });
    const { cause } = (error as TandemError).context;
    expect((cause as Error).message).not.toBe('');
  });

  it('says what the engine says of anything else', () => {
    expect(() => new LinearRegex(/a{1001}/)).toThrow(
      /^The regular expression \/a\{1001\}\/ cannot be used: .*repeat.*\.$/,
    );
  });

  it('does not include \\k where no group is named, or where it is escaped', () => {
    const unnamed = '(a)\\k<n>';
    expect(new LinearRegex(new RegExp(unnamed)).exec('ak<n>')?.[0]).toBe('ak<n>');
    expect(new LinearRegex(/(?<n>a)\\k<n>/).exec('a\\k<n>')?.[0]).toBe('a\\k<n>');
    expect(() => new LinearRegex(/(?<n>a)\\\k<n>/)).toThrow('backreferences');
  });
});

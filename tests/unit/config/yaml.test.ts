/** YAML texts: bounded, and every part found again by line and column. */
import { describe, expect, it } from 'vitest';
import { isFault, MAX_FILE_CHARACTERS, parseYaml, type YamlDocument } from '../../../engine/config/yaml.ts';

const parse = (text: string): YamlDocument => {
  const document = parseYaml(text);
  if (isFault(document)) throw new Error(document.message);
  return document;
};
const at = (line: number, column: number) => ({ line, column });

describe('places', () => {
  const text = [
    'first: &anchor',
    '  quoted: "a\\"b"',
    '  folded: >-',
    '    one',
    '    two three',
    'again: *anchor',
    'list:',
    '  - 1',
    "  - { k: 'v w', empty: }",
    '',
  ].join('\n');
  const document = parse(text);

  it.each([
    [['first', 'quoted'], at(2, 12)],
    [['first', 'folded'], at(4, 5)],
    [['list', 0], at(8, 5)],
    [['list', 1, 'k'], at(9, 11)],
    [['list', 1, 'empty'], at(9, 17)],
    [['again'], at(6, 9)],
    [['again', 'quoted'], at(2, 12)],
    [['first', 'no such'], at(1, 1)],
    [['list', 7], at(7, 1)],
    [[], at(1, 1)],
  ])('of %j are %j', (path, place) => {
    expect(document.locate(path as string[])).toEqual(place);
  });

  it('of keys', () => {
    expect(document.locate(['first', 'quoted'], 'key')).toEqual(at(2, 3));
    expect(document.locate(['list', 1, 'k'], 'key')).toEqual(at(9, 7));
  });

  it('within a text, over its lines', () => {
    // "one two three": the "t" of "three" is character 8.
    expect(document.locateWithin(['first', 'folded'], 8)).toEqual(at(5, 9));
    expect(document.locateWithin(['list', 1, 'k'], 2)).toEqual(at(9, 13));
    expect(document.locateWithin(['list', 1, 'k'], 99)).toEqual(at(9, 13));
    expect(document.locateWithin(['first', 'quoted'], 2)).toEqual(at(2, 12));
  });
});

describe('values', () => {
  it('share no object, so that one can be changed without the other', () => {
    const { value } = parse('a: &x { b: 1 }\nc: *x\n') as unknown as { value: { a: object; c: object } };
    expect(value.a).toEqual(value.c);
    expect(value.a).not.toBe(value.c);
  });

  it('are those of YAML 1.2', () => {
    expect(parse('a: NO\nb: off\nc: 010\nd: 2020-01-01\ne: ~\n').value).toEqual({
      a: 'NO',
      b: 'off',
      c: 10,
      d: '2020-01-01',
      e: null,
    });
  });

  it('may be JSON', () => {
    expect(parse('{"a": [1, {"b": null}]}').value).toEqual({ a: [1, { b: null }] });
  });
});

describe('faults', () => {
  const bomb = [
    'a: &a [1,1,1,1,1,1,1,1,1]',
    ...'bcdefghij'.split('').map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[i]}`).join(',')}]`),
  ].join('\n');
  it.each([
    ['a: [1', 'CONFIG_YAML', 1],
    ['a: 1\nb:\n  - c\n - d', 'CONFIG_YAML', 4],
    ['a: 1\na: 2', 'CONFIG_DUPLICATE', 2],
    ['', 'CONFIG_YAML', 1],
    ['a: 1\n---\nb: 2', 'CONFIG_YAML', 1],
    ['a: &x [*x]', 'CONFIG_YAML', 1],
    [bomb, 'CONFIG_YAML', 1],
    ['a: 1\n__proto__: { b: 1 }', 'CONFIG_YAML', 2],
    ['a: .inf', 'CONFIG_YAML', 1],
    ['a: !!js/function "x"', 'CONFIG_YAML', 1],
    ['[ '.repeat(60) + ']'.repeat(60), 'CONFIG_YAML', 1],
    ['a'.repeat(MAX_FILE_CHARACTERS + 1), 'CONFIG_YAML', 1],
  ])('%.40s', (text, code, line) => {
    expect(parseYaml(text)).toMatchObject({ code, line, message: expect.stringMatching(/.+/) });
  });
});

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
  ])('the place of %j is %j', (path, place) => {
    expect(document.locate(path as string[])).toEqual(place);
  });

  it('the places of keys are found', () => {
    expect(document.locate(['first', 'quoted'], 'key')).toEqual(at(2, 3));
    expect(document.locate(['list', 1, 'k'], 'key')).toEqual(at(9, 7));
  });

  it('places within a text are found over all its lines', () => {
    // "one two three": the "t" of "three" is character 8.
    expect(document.locateWithin(['first', 'folded'], 8)).toEqual(at(5, 9));
    expect(document.locateWithin(['list', 1, 'k'], 2)).toEqual(at(9, 13));
    expect(document.locateWithin(['list', 1, 'k'], 99)).toEqual(at(9, 13));
    expect(document.locateWithin(['first', 'quoted'], 2)).toEqual(at(2, 12));
  });
});

describe('values', () => {
  it('of the same text are read once, and cannot be changed', () => {
    const { value } = parse('list: [{ a: 1 }]');
    expect(parse('list: [{ a: 1 }]').value).toBe(value);
    const { list } = value as { list: { a: number }[] };
    expect(() => list.push({ a: 2 })).toThrow(TypeError);
    expect(() => Object.assign(list[0]!, { a: 2 })).toThrow(TypeError);
  });

  it('values share no object, so that one can be changed without the other', () => {
    const { value } = parse('a: &x { b: 1 }\nc: *x\n') as unknown as { value: { a: object; c: object } };
    expect(value.a).toEqual(value.c);
    expect(value.a).not.toBe(value.c);
  });

  it('values are read by the rules of YAML 1.2', () => {
    expect(parse('a: NO\nb: off\nc: 010\nd: 2020-01-01\ne: ~\n').value).toEqual({
      a: 'NO',
      b: 'off',
      c: 10,
      d: '2020-01-01',
      e: null,
    });
  });

  it('a file may be JSON', () => {
    expect(parse('{"a": [1, {"b": null}]}').value).toEqual({ a: [1, { b: null }] });
  });
});

describe('keys', () => {
  it('keys count as they are written, also where YAML would read a number', () => {
    const text = '0123: a\n1e3: b\n1.10: c\n0x1F: d\n9007199254740993: e\n.5: f\n~: g\nlist: [{ 007: h }]\n';
    const document = parse(text);
    expect(document.value).toEqual({
      '0123': 'a',
      '1e3': 'b',
      '1.10': 'c',
      '0x1F': 'd',
      '9007199254740993': 'e',
      '.5': 'f',
      '~': 'g',
      list: [{ '007': 'h' }],
    });
    expect(document.locate(['1.10'])).toEqual(at(3, 7));
    expect(document.locate(['list', 0, '007'], 'key')).toEqual(at(8, 10));
  });

  it('keys that are one text are one key, whether quoted or not', () => {
    expect(parseYaml('0123: a\n"0123": b\n')).toMatchObject({ code: 'CONFIG_DUPLICATE', line: 2 });
    expect(parse('0123: a\n123: b\n').value).toEqual({ '0123': 'a', '123': 'b' });
  });
});

describe('merge keys', () => {
  const text =
    'base: &base { a: 1, b: 2 }\nmore: &more\n  c: 3\none: { <<: *base, a: 9 }\ntwo: { <<: [*more, *base] }\n';

  it('merge keys take what a mapping holds, and what the mapping says itself comes before it', () => {
    expect(parse(text).value).toMatchObject({ one: { a: 9, b: 2 }, two: { a: 1, b: 2, c: 3 } });
  });

  it('merge keys give each value the place where it was written', () => {
    const document = parse(text);
    expect(document.locate(['one', 'a'])).toEqual(at(4, 22));
    expect(document.locate(['one', 'b'])).toEqual(at(1, 24));
    expect(document.locate(['two', 'c'])).toEqual(at(3, 6));
  });

  it('merge keys in quotes are keys like others', () => {
    expect(parse('a: { "<<": 1 }').value).toEqual({ a: { '<<': 1 } });
  });

  it('merge keys need a mapping', () => {
    expect(parseYaml('a: &a 1\nb: { <<: *a }')).toMatchObject({
      line: 2,
      message: expect.stringMatching(/<<: \*NAME/),
    });
  });
});

describe('what a person wrote wrongly is named where it stands, in words of the file', () => {
  it.each<[string, string, number, number, RegExp]>([
    ['a double quote that is never closed', 'a: 1\nb: "unclosed\nc: 2\nd: 3\n', 2, 4, /The " .* never closed/],
    ['a single quote that is never closed', "a: 'it''s\n  more\nc: 2\n", 1, 4, /The ' .* never closed/],
    ['a quote within a list', 'a: [x, "y, z]\nb: 1\n', 1, 8, /The " .* never closed/],
    ['a quote that is closed in a later line', 'a: { b: "x,\n  c: "y" }\n', 1, 9, /ends in a later line/],
    ['a list that is never closed', 'a: [1, 2\nb: 3\n', 1, 4, /The \[ .* never closed/],
    ['a mapping that is never closed', 'x: [1]\na: { b: [2], c: "}"\nb: 3\n', 2, 4, /The \{ .* never closed/],
    ['a second document', 'a: 1\n---\nb: 2\n', 2, 1, /second document/],
    ['a second document after one with a mark', '---\na: 1\n---\nb: 2\n', 3, 1, /second document/],
    ['bytes that are not UTF-8', Buffer.from('a: 1\nb: M\xfcller\n', 'latin1').toString('utf8'), 2, 5, /not UTF-8/],
    ['a text that holds ": "', 'a: 1\nb: c: d\n', 2, 5, /quotes/],
    ['a text that begins with *', 'a: *b\n', 1, 5, /&b.*quotes/],
    ['a text that begins with {{', 'a: {{ x }}\n', 1, 1, /quotes/],
    ['a path with backslashes', 'a: "C:\\data"\n', 1, 8, /single quotes/],
  ])('%s', (_, text, line, column, message) => {
    expect(parseYaml(text)).toMatchObject({
      code: 'CONFIG_YAML',
      line,
      column,
      message: expect.stringMatching(message),
    });
  });

  it('in a time that grows with the file only', () => {
    const start = performance.now();
    parseYaml(`a: "${"x ' ".repeat(250_000)}\nb: 1`);
    parseYaml(`a: [${'[ '.repeat(20)}${'"" '.repeat(300_000)}\nb: 1`);
    expect(performance.now() - start).toBeLessThan(2_000);
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
    ['a: 1\n---\nb: 2', 'CONFIG_YAML', 2],
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

/** Forms of a text that count as the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FORMS, formsBetween, inForm, sameButForm } from '../../../engine/expression/forms.ts';
import { fingerprint } from '../../../engine/expression/values.ts';

describe('forms of a text', () => {
  it.each([
    ['line-ends', 'a\r\nb\rc', 'a\nb\nc'],
    ['composition', 'e\u0301', '\u00e9'],
    ['outer-spaces', '  a \t\n b  \r\n', 'a\n b'],
    ['case', 'AnN', 'ann'],
  ] as const)('%s', (form, given, wanted) => {
    expect(inForm(given, [form])).toBe(wanted);
    expect(
      inForm(
        given,
        FORMS.filter((one) => one !== form),
      ),
    ).not.toBe(inForm(given, FORMS));
    expect(fingerprint(given, { type: 'string', equal: [form] })).toBe(
      fingerprint(wanted, { type: 'string', equal: [form] }),
    );
    expect(fingerprint(given, { type: 'string' })).not.toBe(fingerprint(wanted, { type: 'string' }));
  });

  it('leave the text as it is where none is given', () => expect(inForm(' A\r\n', [])).toBe(' A\r\n'));

  it('does not count spaces within a line', () => expect(inForm('a  b\n  c', ['outer-spaces'])).toBe('a  b\n  c'));

  it('change nothing when they are applied a second time', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.subarray([...FORMS]), (text, forms) => {
        expect(inForm(inForm(text, forms), forms)).toBe(inForm(text, forms));
      }),
    ));
});

describe('the forms between two texts', () => {
  it.each([
    ['a', 'a', []],
    ['a', 'A', ['case']],
    ['a\nb', 'a\r\nb ', ['line-ends', 'outer-spaces']],
    ['\u00c9 ', 'e\u0301', ['composition', 'outer-spaces', 'case']],
    // One form where it will do, not two others: U+2000 is U+2002 once it is composed.
    ['a\u2000\r', 'a\u2002\n', ['outer-spaces']],
    ['a', 'b', undefined],
    ['+1 5', '15', undefined],
  ])('%j and %j: %j', (a, b, wanted) => expect(formsBetween(a, b)).toEqual(wanted));
});

describe('two values that say the same', () => {
  it.each([
    ['Ann', 'ANN ', true],
    ['+1 (555) 12', '155512', true],
    ['\uff21', 'a', true],
    [15, '15', true],
    ['STRA\u1e9eE', 'stra\u00dfe', true],
    ['Ann', 'Anna', false],
    ['', '', false],
    ['--', '..', false],
    [['a'], ['a'], false],
    ['a', ['a'], false],
    [null, 'null', false],
    ['a', null, false],
  ])('%j and %j: %s', (a, b, wanted) => expect(sameButForm(a, b)).toBe(wanted));
});

/** JSON whose numbers keep their digits, whatever their size. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ExactNumber,
  isObject,
  nearNumbers,
  parseJson,
  printJson,
  restoreExact,
  seenExact,
} from '../../engine/json.ts';
import { anyText } from '../support/any-text.ts';

/** Any JSON number, with as many digits as a system may write. */
const number = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9]\d{0,30})(\.\d{1,30})?([eE][+-]?\d{1,4})?$/),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '9007199254740993',
    '-0',
    '1e400',
    '-1E-400',
    '0.1000000000000000055511151231257827',
    '19.989999999999998',
  ),
);
const value = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    number,
    anyText().map((text) => JSON.stringify(text)),
    fc.stringMatching(/^[\d.eE"\\]{0,40}$/).map((text) => JSON.stringify(text)),
    fc.constantFrom('null', 'true', 'false'),
    fc.array(tie('any'), { maxLength: 4 }).map((items) => `[ ${items.join(' , ')} ]`),
    fc.dictionary(fc.string(), tie('any'), { maxKeys: 4 }).map(
      (object) =>
        `{${Object.entries(object)
          .map(([key, item]) => `${JSON.stringify(key)}:${item}`)
          .join(',')}}`,
    ),
  ),
})).any;

describe('a number of JSON', () => {
  it.each([
    '9007199254740993',
    '-12345678901234567890',
    '0.1234567890123456789',
    '1234567890.123456789',
    '1e400',
    '5e-400',
    '123456789012345678901234567890.5E+10',
  ])('%s that JavaScript cannot hold comes out as it came in', (text) => {
    const parsed = parseJson(`{"a":[${text}],"b":{"c":${text}}}`) as { a: unknown[] };
    expect(parsed.a[0]).toBeInstanceOf(ExactNumber);
    expect(printJson(parsed)).toBe(`{"a":[${text}],"b":{"c":${text}}}`);
    expect(printJson(parseJson(text))).toBe(text);
  });

  it.each(['0', '-1', '19.99', '0.30000000000000004', '9007199254740992', '1e21', '1.7976931348623157e308', '10.00'])(
    '%s that JavaScript holds is a plain number',
    (text) => expect(parseJson(`[${text}]`)).toEqual([Number(text)]),
  );
});

describe('whatever the JSON', () => {
  it('parsing gives what JSON.parse gives, but for the numbers that it would change', () => {
    fc.assert(
      fc.property(value, (text) => {
        expect(nearNumbers(parseJson(text))).toEqual(
          JSON.parse(text, (_, item: unknown) =>
            typeof item === 'number' ? Math.min(Math.max(item, -Number.MAX_VALUE), Number.MAX_VALUE) : item,
          ),
        );
      }),
    );
  });

  it('printing what was parsed loses no digit', () => {
    const digits = (text: string): string[] =>
      [...text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').matchAll(/-?\d[\d.eE+-]*/g)].map(([one]) => one);
    fc.assert(
      fc.property(value, (text) => {
        const before = digits(text);
        const after = digits(printJson(parseJson(text)));
        expect(after.length).toBe(before.length);
        for (const [i, one] of before.entries())
          if (after[i] !== one) expect(JSON.stringify(Number(one)), one).toBe(after[i]);
      }),
    );
  });

  it('what is no JSON is refused as JSON.parse refuses it', () => {
    for (const text of [
      '01234567890123456789',
      '[1234567890123456789',
      '"1234567890123456789',
      '1234567890123456789 1',
      '-',
      '+1234567890123456789',
      '1234567890123456.',
    ])
      expect(() => parseJson(text), text).toThrow(SyntaxError);
  });

  it('no text of a system can pass for a number', () => {
    const shown = printJson([new ExactNumber('12345678901234567890')]);
    expect(shown).toBe('[12345678901234567890]');
    const text = JSON.stringify(['number-12345678901234567890', 12345.5, 'x\\"12345678901234567890']);
    expect(printJson(parseJson(text))).toBe(text);
  });
});

describe('an exact number', () => {
  const exact = new ExactNumber('12345678901234567890');

  it('is no object, and is text where it is only shown', () => {
    expect(isObject(exact)).toBe(false);
    expect(JSON.stringify({ exact })).toBe('{"exact":"12345678901234567890"}');
    expect(`${exact}`).toBe('12345678901234567890');
  });

  it('is text to an expression where it is whole, else the nearest number', () => {
    expect(seenExact({ a: [exact, new ExactNumber('19.9899999999999999')], b: 1 })).toEqual({
      a: ['12345678901234567890', 19.99],
      b: 1,
    });
    const plain = { a: [1, 'x', null] };
    expect(seenExact(plain)).toBe(plain);
  });

  it('is put back where an expression passed it on', () => {
    const from = { id: exact, ratio: new ExactNumber('0.10000000000000000001'), name: 'x' };
    expect(restoreExact({ key: '12345678901234567890', list: [0.1, 0.2], name: 'x' }, from)).toEqual({
      key: exact,
      list: [new ExactNumber('0.10000000000000000001'), 0.2],
      name: 'x',
    });
  });

  it('is not put in the place of a text that was text before', () => {
    const from = { id: exact, id_text: '12345678901234567890' };
    expect(restoreExact({ id: '12345678901234567890', id_text: '12345678901234567890' }, from)).toEqual({
      id: '12345678901234567890',
      id_text: '12345678901234567890',
    });
  });
});

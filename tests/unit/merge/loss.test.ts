/** What a system has lost of a value, in words that name none. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lossOf } from '../../../engine/merge/loss.ts';

describe('what was lost', () => {
  it.each([
    ['a text that was cut', 'a long text', 'a long', '6 of 11 characters'],
    ['characters, not halves of them', '😀😀😀', '😀', '1 of 3 characters'],
    ['a text without the spaces around it', '  text  ', 'text', undefined],
    ['a text that was cut at a space', 'a long text ', ' a long ', '6 of 11 characters'],
    ['a text of the same length', 'abc', 'abd', undefined],
    ['another text', 'a long text', 'long', undefined],
    ['a longer text', 'text', 'text and more', undefined],
    ['a value that is not there', 'text', '', 'nothing of it'],
    ['a number that ends with zeros', 147.76, 150, 'a rounded number'],
    ['a number with more zeros', '150', 200, 'a rounded number'],
    ['a number of which zero is left', 4, 0, 'a rounded number'],
    ['a value that is null', 5, null, 'nothing of it'],
    ['nothing was sent', '', 'default', undefined],
    ['nothing was sent, as null', null, 'default', undefined],
    ['a number without its places', 10.239, 10.24, 'a rounded number'],
    ['a number that was cut', 10.239, 10.23, 'a rounded number'],
    ['a number as text', '10.239', '10.24', 'a rounded number'],
    ['a number in the other form', 10.239, '10.2', 'a rounded number'],
    ['a whole number', 10.5, 11, 'a rounded number'],
    ['a whole number that is too far', 10.5, 12, undefined],
    ['a number exactly one further', 10.5, 11.5, undefined],
    ['one place less, by a whole unit of it', '10.24', '10.1', undefined],
    ['a negative number', -10.239, -10.24, 'a rounded number'],
    ['a number with more places', 10.2, 10.24, undefined],
    ['the same number', 10.2, 10.2, undefined],
    ['digits of a code', '12345678', '12345', '5 of 8 characters'],
    ['a text that only begins like a number', '1e3', '1', '1 of 3 characters'],
    ['a number that became another text', 10, '1', undefined],
    ['a flag that became a text', true, 'tru', undefined],
    ['a list of one number', [10.5], [11], undefined],
    ['a flag', true, false, undefined],
    ['a list', ['a', 'b'], ['a'], undefined],
    ['a number with spaces', ' 10.239 ', '10.24', 'a rounded number'],
    ['a number that is too long to compare', `0.${'1'.repeat(101)}`, 0.1, undefined],
  ])('is given as expected for %s', (_, sent, stored, wanted) => expect(lossOf(sent, stored)).toBe(wanted));

  it('is nothing where the value is there as it was sent', () =>
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double({ noNaN: true }), fc.boolean()), (value) => {
        expect(lossOf(value, value)).toBeUndefined();
      }),
    ));

  it('is reported of every text that was cut', () =>
    fc.assert(
      fc.property(fc.string({ minLength: 2 }), fc.nat(), (text, at) => {
        const whole = `x${text}y`;
        const part = whole.slice(0, 1 + (at % (whole.length - 1)));
        if (part.trim() !== whole.trim()) expect(lossOf(whole, part)).toBeDefined();
      }),
    ));
});

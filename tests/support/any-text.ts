import fc, { type Arbitrary, type StringConstraints } from 'fast-check';

/** Of the code points, the halves of surrogate pairs are left out. */
const HALVES = { first: 0xd800, count: 0x800 };
const upTo = (last: number): Arbitrary<number> => fc.integer({ min: 0, max: last });

const character = fc
  .oneof({ weight: 2, arbitrary: upTo(0xff) }, upTo(0xffff - HALVES.count), upTo(0x10_ffff - HALVES.count))
  .map(
    (n) => String.fromCodePoint(n < HALVES.first ? n : n + HALVES.count),
    // With the way back fast-check can also draw texts that are known to make trouble, such as `__proto__`.
    (text) => {
      const code = typeof text === 'string' ? text.codePointAt(0) : undefined;
      const half = code !== undefined && code >= HALVES.first && code < HALVES.first + HALVES.count;
      if (code === undefined || half || text !== String.fromCodePoint(code)) throw new Error('That is no character.');
      return code < HALVES.first ? code : code - HALVES.count;
    },
  );

/**
 * Any text of whole characters, of every code point; half of them are of Latin. As `unit: 'binary'` of fast-check, which lists
 * all million of them first: that takes seconds.
 */
export const anyText = (constraints: Omit<StringConstraints, 'unit'> = {}): Arbitrary<string> =>
  fc.string({ ...constraints, unit: character });

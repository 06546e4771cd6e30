import fc, { type Arbitrary, type StringConstraints } from 'fast-check';

/** Every character but half a surrogate pair. */
const character = fc
  .oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 0xff }) }, fc.integer({ min: 0, max: 0x10_ffff - 0x800 }))
  .map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800));

/** Any text of whole characters. As `unit: 'binary'` of fast-check, which lists all million of them first: that takes seconds. */
export const anyText = (constraints: Omit<StringConstraints, 'unit'> = {}): Arbitrary<string> =>
  fc.string({ ...constraints, unit: character });

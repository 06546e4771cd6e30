/** Did you mean: the distance of two names, and which name is near enough to be meant. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from '../../../engine/expression/nearest.ts';

/** By the definition: the least number of insertions, deletions, changes and swaps of neighbours, each letter once. */
function byDefinition(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length;
  const options = [
    byDefinition(a.slice(1), b) + 1,
    byDefinition(a, b.slice(1)) + 1,
    byDefinition(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1),
  ];
  if (a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0])
    options.push(byDefinition(a.slice(2), b.slice(2)) + 1);
  return Math.min(...options);
}

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });

describe('the distance', () => {
  it('is that of the definition', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(byDefinition(a, b));
      }),
      {
        numRuns: 300,
      },
    );
  });

  it('is exact below the limit, and at least the limit from there on', () => {
    fc.assert(
      fc.property(word, word, fc.integer({ min: 1, max: 5 }), (a, b, limit) => {
        const exact = editDistance(a, b);
        if (exact < limit) expect(editDistance(a, b, limit)).toBe(exact);
        else expect(editDistance(a, b, limit)).toBeGreaterThanOrEqual(limit);
      }),
      { numRuns: 300 },
    );
  });

  it('is not worked out where the lengths tell enough', () => {
    expect(editDistance('aaaaaaaa', 'b', 3)).toBe(3);
    expect(editDistance('abcdef', 'abc', 3)).toBe(3);
  });

  it.each([
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', 'acb', 1],
    ['ca', 'abc', 3],
    ['kitten', 'sitting', 3],
  ])('of %j and %j is %i', (a, b, expected) => expect(editDistance(a, b)).toBe(expected));
});

describe('the nearest name', () => {
  it.each([
    ['emial', ['phone', 'email'], 'email'],
    ['EMIAL', ['phone', 'Email'], 'Email'],
    ['x', ['y'], 'y'],
    ['x', ['yz'], undefined],
    // A third of the letters, at least one.
    ['abcdef', ['abcdxy'], 'abcdxy'],
    ['abcde', ['abcxy'], undefined],
    ['abcdef', ['abcxyz'], undefined],
    // The first of two that are equally near; a nearer one later.
    ['ab', ['ac', 'ad'], 'ac'],
    ['abcdef', ['abcdxy', 'abcdex'], 'abcdex'],
    ['anything', [], undefined],
  ])('to %s among %j is %s', (name, names, expected) => expect(nearest(name, names)).toBe(expected));
});

/** Two values, one per side of a mapping, without index juggling. */
import type { Pair, SideIndex } from '../types.ts';

export const SIDES: Pair<SideIndex> = [0, 1];

export const mapPair = <T, U>(pair: Pair<T>, map: (value: T, side: SideIndex) => U): [U, U] => [
  map(pair[0], 0),
  map(pair[1], 1),
];

/** From `[own, other]` as seen from `side` to `[side 0, side 1]`, and back. */
export const flip = <T>(side: SideIndex, [first, second]: Pair<T>): [T, T] =>
  side === 0 ? [first, second] : [second, first];

/** The same pair with another value on one side. */
export const replaceSide = <T>(pair: Pair<T>, side: SideIndex, value: T): [T, T] =>
  side === 0 ? [value, pair[1]] : [pair[0], value];

/**
 * The definition of a property as a short mark: what decides which values of its two sides agree. It is kept beside the
 * fingerprints of each agreement, so that one made under another definition is recognized, and what became of it is
 * reported. Not part of it is what matters only once values differ or are refused: `conflict`, `required`.
 */
import { hash, stableJson } from '../expression/values.ts';
import { otherSide, type SideIndex } from '../types.ts';
import type { EntityConfig, Property } from './types.ts';

/** Characters per part, of 64 each: few enough for a mark beside every property of every link. */
const WIDTH = 5;
/** In the place of a direction in which nothing flows: the follower may keep an edit of its own, or is put back. */
const DRIFTS = '-'.repeat(WIDTH);
const FOLLOWS = '='.repeat(WIDTH);

/** What a definition other than the present one leaves of an agreement that was made under it. */
export interface Redefined {
  /**
   * Per side: whether the fingerprint of then tells that an edit has not arrived yet. Not where its value is read
   * otherwise now, nor where it was let keep edits of its own.
   */
  readonly readable: readonly [boolean, boolean];
  /** The side toward which alone values are converted otherwise now. */
  readonly again: SideIndex | undefined;
}

/** Four parts: how the value of either side is read, and how it is converted toward either side. */
export function definitionOf(
  property: Omit<Property, 'name' | 'definition'>,
  entities: readonly [EntityConfig, EntityConfig],
): string {
  const { sides, type, scale, equal, direction, drift, convert, values, reference } = property;
  const read = (side: SideIndex): string => {
    const { system, name, normalize } = entities[side];
    return part([system, name, normalize?.source, sides[side].source, type, scale, ...(equal ? [equal] : [])]);
  };
  const toward = (target: SideIndex): string => {
    if (direction !== 'both' && direction !== target) return drift === 'revert' ? FOLLOWS : DRIFTS;
    const table = target === 1 ? values?.forward : values?.backward;
    return part([
      convert[target]?.source,
      table && Object.fromEntries(table),
      sides[0].lookup,
      sides[1].lookup,
      reference && [reference.mapping, reference.sides, reference.fallback[target]?.source],
    ]);
  };
  return read(0) + read(1) + toward(0) + toward(1);
}

const part = (content: readonly unknown[]): string => mark(content.map((one) => one ?? null));

/** A short mark: equal for equal content. */
export const mark = (content: unknown): string => hash(stableJson(content)).slice(0, WIDTH);

/** Of how the value of a side is read: fingerprints of that side can be compared where it is the same. */
export const readMark = (definition: string, side: SideIndex): string =>
  definition.slice(side * WIDTH, (side + 1) * WIDTH);

/** @returns undefined where an agreement made under `former` is one under `present` too */
export function redefined(former: string, present: string): Redefined | undefined {
  if (former === present) return undefined;
  const [then, now] = [partsOf(former), partsOf(present)];
  const alike = then.read.every((part, side) => part === now.read[side]);
  const sides = [0, 1] as const;
  const changed = sides.filter((target) => flows(now.toward[target]) && then.toward[target] !== now.toward[target]);
  // Where a follower was allowed an edit of its own, the sides may differ, which is not so any more.
  const loose = then.toward.includes(DRIFTS) && !now.toward.includes(DRIFTS);
  if (alike && changed.length === 0 && !loose) return undefined;
  const twoWay = [...then.toward, ...now.toward].every(flows);
  const readable = (side: SideIndex): boolean =>
    then.read[side] === now.read[side] && then.toward[otherSide(side)] !== DRIFTS;
  return {
    readable: [readable(0), readable(1)],
    again: alike && twoWay && changed.length === 1 ? changed[0] : undefined,
  };
}

const flows = (toward: string): boolean => toward !== DRIFTS && toward !== FOLLOWS;

function partsOf(definition: string): { read: [string, string]; toward: [string, string] } {
  const at = (i: number): string => definition.slice(i * WIDTH, (i + 1) * WIDTH);
  return { read: [at(0), at(1)], toward: [at(2), at(3)] };
}

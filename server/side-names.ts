/** Sides by the names that the mapping file gives them, as people know them. */
import { type Engine, type Mapping, type SideIndex, TandemError } from '../engine/index.ts';

export type SideNames = readonly [string, string];
export type BySide<T> = Record<string, T>;

/** The index stands in for a name where the mapping is gone. */
export function sideNames(engine: Engine, mapping: string): SideNames {
  const known = engine.config.current().mappings.get(mapping);
  return known ? [known.sides[0].name, known.sides[1].name] : ['0', '1'];
}

export const namesOf = (mapping: Mapping): SideNames => [mapping.sides[0].name, mapping.sides[1].name];

/** A value per side, keyed by the side's name. */
export const bySide = <T>(names: SideNames, [a, b]: readonly [T, T]): BySide<T> => ({ [names[0]]: a, [names[1]]: b });

/** @throws TandemError BAD_REQUEST, or NOT_FOUND for a side named in the address */
export function sideIndex(mapping: Mapping, name: string, within: 'address' | 'request' = 'request'): SideIndex {
  const names = namesOf(mapping);
  const index = names.indexOf(name);
  if (index === 0 || index === 1) return index;
  const message = `"${name}" is no side of the mapping "${mapping.name}": its sides are "${names[0]}" and "${names[1]}".`;
  throw new TandemError(within === 'address' ? 'NOT_FOUND' : 'BAD_REQUEST', message, { mapping: mapping.name });
}

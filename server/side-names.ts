/** Sides by the names that the mapping file gives them, as people know them. */
import { type Engine, type Mapping, type SideIndex, TandemError } from '../engine/index.ts';

export type SideNames = readonly [string, string];
export type BySide<T> = Record<string, T>;

/** Stand in for the names of a mapping of which nothing is kept, as of one that was retired. */
export const UNKNOWN_SIDES: SideNames = ['first', 'second'];

/** Also of a mapping whose file is missing: its names are kept with its links. */
export async function sideNames(engine: Engine, mapping: string): Promise<SideNames> {
  const known = engine.config.current().mappings.get(mapping);
  if (known) return namesOf(known);
  const { sides } = await engine.links(mapping).progress.followed();
  return sides ? [sides[0].name, sides[1].name] : UNKNOWN_SIDES;
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

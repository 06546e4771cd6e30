/** Why what a person asks for cannot be done, in plain words. Pure. */
import type { Mapping } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { otherSide, type SideIndex } from '../types.ts';

export const conflictError = ({ name }: Pick<Mapping, 'name'>, message: string): TandemError =>
  new TandemError('CONFLICT', message, { mapping: name });

export function absentError(mapping: Mapping, side: SideIndex, id: string): TandemError {
  const { name, entity } = mapping.sides[side];
  const words = `${name} has no record "${id}" of ${entity.name}.`;
  return new TandemError('SYSTEM_NOT_FOUND', words, { mapping: mapping.name, side: name, id });
}

export function takenError(mapping: Mapping, side: SideIndex, id: string, counterpart: string): TandemError {
  const [own, other] = [mapping.sides[side].name, mapping.sides[otherSide(side)].name];
  const words = `${own} "${id}" is linked to ${other} "${counterpart}".`;
  return new TandemError('LINK_TAKEN', words, { mapping: mapping.name, side: own, id });
}

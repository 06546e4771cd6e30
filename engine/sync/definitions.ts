/** Under which definitions of its properties the base of a link was made, and whether those are still the present ones. */
import type { Mapping } from '../config/types.ts';
import { hash, stableJson } from '../expression/values.ts';
import { takingPart } from '../store/store-context.ts';
import type { Base } from '../types.ts';

/** Whether a property was added, removed or defined otherwise since this base was made, or never agreed. */
export function outdated(mapping: Mapping, base: Base): boolean {
  let known = 0;
  for (const { name, definition } of mapping.properties) {
    const entry = Object.hasOwn(base, name) ? base[name] : undefined;
    if (!entry || (entry[2] ?? definition) !== definition) return true;
    known++;
  }
  return Object.keys(base).length > known;
}

/** Definitions by the names of the properties. */
export const definitionsOf = (mapping: Mapping): Record<string, string> =>
  Object.fromEntries(mapping.properties.map(({ name, definition }) => [name, definition]));

/** What decides which records take part, match and get counterparts: another one asks for both sides to be read again. */
export const scopeOf = ({ sides, match }: Mapping): string =>
  hash(
    stableJson([
      takingPart(sides),
      sides.map(({ create }) => create),
      match.map(({ name, onMatch }) => [name, onMatch]),
    ] as unknown),
  );

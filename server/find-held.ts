/** Held records of a mapping that fit a filter. */
import type { Mapping } from '../engine/config/types.ts';
import type { Engine } from '../engine/engine.ts';
import type { Held, HeldRecord } from '../engine/links/links.ts';
import type { SideIndex } from '../engine/types.ts';

export interface HeldFilter {
  /** Default: those that somebody or something is waiting for. */
  readonly kinds: readonly Held['kind'][] | undefined;
  readonly side?: SideIndex | undefined;
  readonly id?: string | undefined;
  readonly code?: string | undefined;
}

const WAITING: readonly Held['kind'][] = ['failed', 'waiting', 'review'];

export async function findHeld(
  engine: Engine,
  mapping: Mapping,
  { kinds, side, id, code }: HeldFilter,
): Promise<HeldRecord[]> {
  const links = engine.links(mapping.name);
  const wanted = kinds ?? (id === undefined ? WAITING : undefined);
  const fits = (held: Held): boolean =>
    (wanted?.includes(held.kind) ?? true) && (code === undefined || held.code === code);
  if (id !== undefined && side !== undefined) return one(engine, mapping, side, id, fits);
  const found: HeldRecord[] = [];
  for await (const batch of links.allHeld()) {
    for (const held of batch) {
      if ((side === undefined || held.side === side) && (id === undefined || held.id === id) && fits(held))
        found.push(held);
    }
  }
  return found;
}

/** What is held of a link is held under the name of its first record. */
async function one(
  engine: Engine,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  fits: (held: Held) => boolean,
): Promise<HeldRecord[]> {
  const links = engine.links(mapping.name);
  const own = await links.held(side, id);
  if (own) return fits(own) ? [{ ...own, side, id }] : [];
  const first = side === 1 ? await links.counterpart(1, id) : undefined;
  const held = first === undefined ? undefined : await links.held(0, first);
  return held && first !== undefined && fits(held) ? [{ ...held, side: 0, id: first }] : [];
}

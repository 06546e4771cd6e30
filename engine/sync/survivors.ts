/** Linked records whose counterpart is gone: survivors, who may be the counterpart of a record that comes back. Collects and chooses nothing. */
import type { Link } from '../store/types.ts';
import { otherSide, type SideIndex } from '../types.ts';
import type { Survivor } from './facts.ts';
import { readRecord, readView } from './read-view.ts';
import type { MappingScope } from './scope.ts';

/** A match key that more links have is nobody's own: their records are not read one by one. */
const MOST_LINKS = 3;

/**
 * Survivors on the other side with this match key. Redis states which links have it; only where there are any, systems are
 * asked: whether the former counterpart is gone, and what the survivor is now.
 */
export async function survivorsWith(
  scope: MappingScope,
  side: SideIndex,
  rule: number,
  key: string,
): Promise<readonly Survivor[]> {
  const { unlinked, reader } = scope.links;
  const [ids = []] = await unlinked.linkedBy([key]);
  if (ids.length === 0 || ids.length > MOST_LINKS) return [];
  const stored = await reader.records(0, ids);
  const found = await Promise.all(
    stored.map(({ link, openOfLink }) => link && survivorOf(scope, side, link, openOfLink.issue?.kept === true)),
  );
  return found.flatMap((one) => (one?.view.inScope && one.view.keys[rule] === key ? [one] : []));
}

/** The linked record of the other side, where its counterpart is gone. @param side of the one that comes back */
export async function survivorNamed(scope: MappingScope, side: SideIndex, id: string): Promise<Survivor | undefined> {
  const { link, openOfLink } = await scope.links.reader.record(otherSide(side), id);
  return link && survivorOf(scope, side, link, openOfLink.issue?.kept === true);
}

async function survivorOf(
  scope: MappingScope,
  side: SideIndex,
  link: Link,
  kept: boolean,
): Promise<Survivor | undefined> {
  const former = await readRecord(scope, side, link.ids[side]);
  if (former?.id === link.ids[side]) return undefined;
  const view = await readView(scope, otherSide(side), link.ids[otherSide(side)]);
  return view && { view, link, kept, merged: former !== undefined };
}

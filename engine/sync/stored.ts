/** What Redis knows of a unit, as `decide` takes it. */
import { flip, mapPair } from '../model/pair.ts';
import type { Brake, OpenEntry, TakenUnit } from '../store/types.ts';
import type { Pair, SideIndex } from '../types.ts';
import type { OwnWrite, PartnerFacts, StoredFacts, Unit } from './facts.ts';
import type { MappingScope } from './scope.ts';

type Record = Pick<Unit, 'side' | 'id'>;

/** @param brake the one that is on; ready whether both sides count as read fully */
export async function storedFacts(
  scope: MappingScope,
  { side, id }: Record,
  found: Pick<TakenUnit, 'link' | 'unlinked' | 'open' | 'recent'>,
  {
    now,
    takenAt,
    lastEnd,
    brake,
    ready,
  }: {
    readonly now: number;
    readonly takenAt: number;
    readonly lastEnd: number;
    readonly brake: Brake | undefined;
    readonly ready: () => Promise<boolean>;
  },
): Promise<StoredFacts> {
  const { link, unlinked, open, recent } = found;
  const ids = link?.ids ?? flip<string | undefined>(side, [id, undefined]);
  const blockedBy = Object.values(open).find(({ issue }) => issue?.brake !== undefined)?.issue?.brake;
  const [isReady, firstRead, firstSyncAllowed, answered, ownWrites] = await Promise.all([
    ready(),
    scope.firstRead(),
    scope.firstSyncAllowed(),
    blockedBy === undefined ? {} : scope.answersTo(blockedBy),
    ownWritesTo(scope, ids, link),
  ]);
  const rules = scope.links.context.rules.id;
  const given = { now, takenAt, lastEnd, brake };
  const first = { firstRead, firstSyncAllowed };
  return { link, unlinked, open, recent, ...given, answered, ready: isReady, ...first, rules, ownWrites };
}

/** Our own last writes to each record: through this mapping, and through the others of its entity. */
async function ownWritesTo(
  scope: MappingScope,
  ids: Pair<string | undefined>,
  link: TakenUnit['link'],
): Promise<Pair<readonly OwnWrite[]>> {
  const [first, second] = await Promise.all(mapPair(ids, (id, side) => scope.siblingWrites(side, id)));
  const own = mapPair([0, 1] as const, (side) => (link ? ownWriteIn(link, side) : []));
  return [
    [...own[0], ...first!],
    [...own[1], ...second!],
  ];
}

export const ownWriteIn = (
  { ownWriteAt, foreignAt }: Pick<NonNullable<TakenUnit['link']>, 'ownWriteAt' | 'foreignAt'>,
  side: SideIndex,
): OwnWrite[] => (ownWriteAt[side] > 0 ? [{ at: ownWriteAt[side], before: foreignAt[side] || undefined }] : []);

/** What is known of a record that nobody works on: as `take` would return it. */
export async function lookUp(
  { links }: Pick<MappingScope, 'links'>,
  { side, id }: Record,
): Promise<Pick<TakenUnit, 'link' | 'unlinked' | 'open' | 'recent'>> {
  const { link, unlinked, open, openOfLink } = await links.reader.record(side, id);
  const entries: { [key: string]: OpenEntry } = { [`${side}/${id}`]: open };
  if (link) entries[`0/${link.ids[0]}`] = openOfLink;
  return { ...(link ? { link } : {}), ...(unlinked ? { unlinked } : {}), open: entries, recent: [] };
}

/** What is known of a record that is about to be linked. */
export async function gatherPartner(scope: MappingScope, record: Record): Promise<PartnerFacts> {
  const { side, id } = record;
  const { link, open } = await lookUp(scope, record);
  const { pendingCreate, pendingWrites, failedJob } = open[`${side}/${id}`] ?? {};
  return { link, pendingCreate, pendingWrites, failedJob, ownWrites: await scope.siblingWrites(side, id) };
}

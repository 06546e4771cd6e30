/** Records what became of a unit, in one step: link, issues, who is marked dirty, which records are looked at next. */
import { TandemError } from '../errors.ts';
import { stateToStore } from '../merge/record-state.ts';
import { isOnDemand } from '../merge/unit.ts';
import { mapPair, SIDES } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import type { CommitAnswer, CommitResult, CommitUnit, Mark, OpenPatch, RecordKey } from '../store/types.ts';
import type { Commit } from './actions.ts';
import type { ClaimedUnit } from './batch.ts';
import { expiredError } from './claim-table.ts';
import type { Facts, Unit } from './facts.ts';
import type { MappingScope } from './scope.ts';
import type { RecordView } from './view.ts';

/** What the end of the work on a unit adds to its commit. */
export type Ending = Pick<CommitUnit, 'open' | 'mark' | 'run' | 'holdMs'>;

export type Recorded = Omit<Extract<CommitAnswer, { kind: 'done' }>, 'kind'>;

/**
 * @param ending undefined where the unit is worked on further
 * @throws TandemError LINK_CHANGED, LINK_TAKEN: then nothing was recorded
 */
export async function commit(
  scope: MappingScope,
  claimed: ClaimedUnit,
  unit: Unit,
  facts: Facts,
  what: Commit,
  ending: Ending | undefined,
): Promise<Recorded> {
  const { links, mapping } = scope;
  const { result } = what;
  const isLink = result.kind === 'link';
  const isNew = isLink && result.link.revision === undefined;
  for (const side of SIDES) {
    const entries = what.index[side];
    if (entries.length > 0) await links.unlinked.index(side, entries);
  }
  if (isLink) await scope.step?.(isNew ? 'before-link' : 'before-base');
  const { recent, waitFor, watch, markDependents, markAllDependents } = what;
  const siblings = await siblingMarks(scope, what);
  const answer = await claimed.commit({
    result: storable(scope, facts, what),
    open: openOf(unit, facts, what, ending),
    ...(recent ? { recent } : {}),
    ...(waitFor ? { waitFor } : {}),
    ...(watch ? { watch } : {}),
    ...(markDependents ? { markDependents } : {}),
    ...(markAllDependents ? { markAllDependents } : {}),
    mark: [
      ...(what.untilReady ? [{ mapping: mapping.name, side: facts.side, id: facts.id, untilReady: true }] : []),
      ...(what.mark ?? []),
      ...siblings,
      ...(await noLongerWaitedFor(scope, facts, what)),
      ...(ending?.mark ?? []),
    ],
    blockedBy: what.blockedBy,
    ...(ending ? { run: ending.run, holdMs: ending.holdMs } : { continues: true }),
  });
  const place = { mapping: mapping.name, id: facts.id };
  if (answer.kind === 'fenced')
    throw new TandemError('LINK_CHANGED', 'Another worker brought this link into agreement meanwhile.', place);
  if (answer.kind === 'taken')
    throw new TandemError('LINK_TAKEN', 'One of the two records is linked to another one.', place);
  if (answer.kind !== 'done') throw expiredError();
  if (isLink) await scope.step?.(isNew ? 'after-link' : 'after-base');
  const waiting = siblings.filter(({ untilReady }) => untilReady);
  if (what.untilReady) waiting.push({ mapping: mapping.name, side: facts.side, id: facts.id });
  await Promise.all(waiting.map(scope.releaseIfReady));
  return answer;
}

/**
 * With the hashes of the raw records that were handled, and our own writes. A response to our own write may show an edit that
 * was made since the record was read: that record is in another state than the one that was handled, and a scan must not pass it over.
 */
function storable(
  { mapping, rawOf }: MappingScope,
  { stored }: Facts,
  { result, handled, ...what }: Commit,
): CommitResult {
  const hashOf = (view: RecordView | undefined): string => (view ? rawOf(view) : '');
  if (result.kind === 'unlinked') {
    const leave = what.noFirstSync ? stored.firstRead : undefined;
    return { ...result, raw: hashOf(handled[result.record.side]), leave };
  }
  if (result.kind !== 'link') return result;
  const { lastSynced, correlation } = result.link;
  return {
    ...result,
    link: {
      ...result.link,
      matchKeys: matchKeysOf(handled),
      raw: mapPair(handled, (view, side) =>
        view && stateToStore(mapping, view, correlation?.[side]) === lastSynced[side] ? rawOf(view) : '',
      ),
      ownWriteAt: mapPair(what.ownWrites, (write) => write?.at),
      foreignAt: mapPair(what.ownWrites, (write) => write && (write.before ?? 0)),
    },
  };
}

/** Where both records were handled: those of one that is gone say still who it was. */
function matchKeysOf([a, b]: Commit['handled']): readonly string[] | undefined {
  if (!a || !b) return undefined;
  return [...new Set([...a.keys, ...b.keys].filter((key) => key !== undefined))];
}

/** Pending writes of a link on which was decided are history, and so is a create of either record. */
function openOf({ job }: Unit, { stored }: Facts, { result, open = {} }: Commit, ending: Ending | undefined) {
  const patches: Record<RecordKey, OpenPatch> = {};
  for (const [key, patch] of [...Object.entries(open), ...Object.entries(ending?.open ?? {})])
    patches[key] = { ...patches[key], ...patch };
  if (result.kind === 'link') {
    const key = recordKey(0, result.link.ids[0]);
    const history: OpenPatch = result.pending ? {} : { pendingWrites: null };
    patches[key] = { ...patches[key], ...history, pendingCreate: null };
  }
  for (const [key, { issue, ...patch }] of Object.entries(patches)) {
    if (issue && job !== undefined) patches[key] = { ...patch, issue: { ...issue, job } };
    // What is settled already costs no look.
    else if (issue === null && Object.keys(patch).length === 0 && stored.open[key] === undefined && stored.link)
      delete patches[key];
  }
  return patches;
}

/**
 * Records without a link whose counterparts are created on demand, and for which this one waits no longer: it may have been the
 * last one that did.
 */
async function noLongerWaitedFor(
  { config, linksOf }: MappingScope,
  facts: Facts,
  { waitFor = [] }: Commit,
): Promise<Mark[]> {
  const marks: Mark[] = [];
  for (const { mapping, side, id } of Object.values(facts.stored.open).flatMap(({ issue }) => issue?.refs ?? [])) {
    const target = config.mappings.get(mapping);
    if (!target || !isOnDemand(target, side)) continue;
    if (waitFor.some((one) => one.mapping === mapping && one.side === side && one.id === id)) continue;
    const [found] = await linksOf(mapping).reader.lookup(side, [id]);
    if (!found?.link) marks.push({ mapping, side, id });
  }
  return marks;
}

/** Other mappings of the entity have work, unless the record is as they saw it last. */
async function siblingMarks(scope: MappingScope, { written, handled }: Commit): Promise<Mark[]> {
  const marks: Mark[] = [];
  for (const side of SIDES) {
    const [id, view] = [written[side], handled[side]];
    for (const sibling of id === undefined ? [] : scope.siblings[side]) {
      const { name } = sibling.mapping;
      if (!(await scope.siblingReady(sibling))) {
        marks.push({ mapping: name, side: sibling.side, id: id!, untilReady: true });
        continue;
      }
      if (view) scope.deliver?.(sibling, view);
      const unlessRaw = view && scope.siblingRaw(sibling.mapping, view);
      marks.push({ mapping: name, side: sibling.side, id: id!, ...(unlessRaw ? { unlessRaw } : {}) });
    }
  }
  return marks;
}

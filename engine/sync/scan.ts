/**
 * Reads an entity pair, changes only or all of it, and finds which records need work: those whose state differs from
 * the state in which they were last handled. An unchanged record costs no job and no call of its own.
 */
import type { Mapping } from '../config/types.ts';
import type { Page } from '../connectors/connector.ts';
import { asTandemError, ERRORS, TandemError } from '../errors.ts';
import { indexEntry, isSynced, unlinkedState, unreadableState } from '../merge/record-state.ts';
import { isOnDemand, isSettled } from '../merge/unit.ts';
import { recordKey } from '../model/record-key.ts';
import type { MissingRecords, SeenRecords } from '../store/seen-records.ts';
import type { Store } from '../store/store.ts';
import type { Issue, IssueKind, RecordRef } from '../store/types.ts';
import { takeTurns } from '../timing.ts';
import type { SideIndex } from '../types.ts';
import { brakeForMissing, liftUnlimited, type Missing, weighMissing } from './brake-answer.ts';
import { mappingScope } from './mapping-scope.ts';
import { rawHashAndSize } from './raw.ts';
import {
  endedEarly,
  fromBeginning,
  itemsOf,
  noteReading,
  openReading,
  pagesOf,
  type ScanKind,
  type ScanProgress,
  type SideReading,
  type UnidentifiedItems,
  withSize,
} from './reading.ts';
import type { MappingScope } from './scope.ts';
import type { SyncContext } from './sync-context.ts';
import { type RecordView, viewRecord } from './view.ts';
import { watermarkAfter } from './watermark.ts';

export type { RunKind, ScanKind, ScanProgress, UnidentifiedItems } from './reading.ts';

/** Items without a usable id that a run names one by one, per side. */
const NAMED = 20;

export interface FoundRecord {
  readonly view: RecordView;
  /** As characters of JSON. */
  readonly size: number;
  /** See `DeliveredRecord`. */
  readonly handled: string | undefined;
}

/** Records of a page that need work. */
export interface FoundOnPage {
  readonly records: readonly FoundRecord[];
  /** When the page was requested: `performance.now()`, and the number of the mapping's last commit. */
  readonly requestedAt: number;
  readonly revision: number;
}

export interface ScanOptions {
  /** Takes the ids that need work, a page at a time, and where they are of a page, its records. */
  readonly found: (side: SideIndex, ids: readonly string[], page?: FoundOnPage) => Promise<void>;
  readonly progress?: (progress: ScanProgress) => Promise<void>;
  readonly signal?: AbortSignal;
  /** For a plan: the next scan finds everything again. */
  readonly plan?: boolean;
  /** By its id a scan that is interrupted goes on where it was. */
  readonly run?: string;
  /** Whether the version of the mapping is still in force: asked before anything is stored. */
  readonly inForce?: () => Promise<boolean>;
}

/** Another version of the mapping took over: what it reads by is not what this scan reads by. */
export class ScanSuperseded extends Error {}

async function checkInForce({ inForce }: ScanOptions): Promise<void> {
  if (inForce && !(await inForce())) throw new ScanSuperseded('Another version of the mapping is in force.');
}

export interface ScanResult {
  /** Linked records that a full scan did not see, per side: they may have been deleted. */
  readonly missing: readonly [readonly string[], readonly string[]];
  /** What came of weighing them: too many are not believed, and nothing was queued for them. */
  readonly weighed: Missing;
  /** Of a plan: why a run would refuse to create, if so. */
  readonly refused: string | undefined;
}

/** Records without a link that are looked for because a full scan did not see them, at most. */
const GONE_AT_ONCE = 1_000;

/**
 * Scans both sides at once. A side that was never read fully is read fully, whatever was asked for.
 * @throws whatever listing throws: the same run goes on where this one ended, the next one begins where this one did;
 *   ScanSuperseded
 */
export async function scan(
  context: SyncContext,
  mapping: Mapping,
  kind: ScanKind,
  options: ScanOptions,
): Promise<ScanResult> {
  const scope = mappingScope(context, mapping);
  const results = await Promise.allSettled(([0, 1] as const).map((side) => scanSide(scope, side, kind, options)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  const sides = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const notMet = sides.map((side) => side.missing);
  const missing = [notMet[0]?.ids ?? [], notMet[1]?.ids ?? []] as const;
  const complete = notMet.every((side) => side !== undefined);
  const tooMany = await weighMissing(scope, [notMet[0]?.unexpected ?? [], notMet[1]?.unexpected ?? []]);
  const weighed = options.plan ? { tooMany, lifted: false } : await brakeForMissing(scope, tooMany, complete);
  if (!weighed.tooMany)
    for (const side of [0, 1] as const) if (missing[side].length > 0) await options.found(side, missing[side]);
  // Only now: until then the same run goes on from here.
  await scope.links.progress.endReading();
  for (const { seen } of sides) await seen?.end();
  return { missing, weighed, refused: sides.map((side) => side.refused).find((reason) => reason !== undefined) };
}

interface SideResult {
  readonly seen: SeenRecords | undefined;
  /** Linked ids that a full read did not see; undefined when only changes were read. */
  readonly missing: MissingRecords | undefined;
  readonly refused: string | undefined;
}

async function scanSide(
  scope: MappingScope,
  side: SideIndex,
  kind: ScanKind,
  options: ScanOptions,
): Promise<SideResult> {
  const { links, mapping } = scope;
  const opened = await openReading(scope, side, kind, options);
  const seen = opened.seen && (await links.seenRecords.of(side, opened.seen));
  const { beside, changesOnly, latest, listedAt, sizes } = await readList(scope, side, opened, seen, options);
  const refused = beside > 0 ? besideReason(mapping, side, beside) : undefined;
  if (refused !== undefined && !options.plan)
    throw new TandemError('CREATE_REFUSED', refused, { mapping: mapping.name, side: mapping.sides[side].name });
  let gone = 0;
  for await (const ids of seen && !options.plan ? seen.unlinkedMissing() : []) {
    // What waited and is gone waits no more. Each costs a call, and a list may be wrong: the rest has time.
    await options.found(side, ids.slice(0, GONE_AT_ONCE - gone));
    gone += ids.length;
    if (gone >= GONE_AT_ONCE) break;
  }
  // Where there was nothing, what comes is later than this list.
  const until = latest ?? (listedAt === undefined ? undefined : new Date(listedAt).toISOString());
  await checkInForce(options);
  // A plan leaves everything for the next scan to find: it must not be what lets a later event write.
  await links.progress.readThrough(
    side,
    options.plan ? 'plan' : changesOnly ? 'changes' : 'full',
    until,
    endedEarly(sizes),
  );
  return { seen, missing: await seen?.missing(), refused };
}

/** Reads the pages that are left, and notes after each how far it is. @returns the reading at its end */
// Over 60 lines: one loop over the pages. Each part adds to the same reading, which is noted after each page.
async function readList(
  scope: MappingScope,
  side: SideIndex,
  opened: SideReading,
  seen: SeenRecords | undefined,
  options: ScanOptions,
): Promise<SideReading> {
  if (opened.over) return opened;
  const { links, mapping } = scope;
  // Once in the life of a mapping: what an edit has read again was decided before.
  const blind = opened.first && createsBlindly(mapping, side) && (await links.progress.firstRead()) === undefined;
  let reading = opened;
  // The page with which it goes on was counted before.
  let counted = opened.checkpoint !== undefined;
  const begin = (): void => {
    reading = fromBeginning(reading);
    counted = false;
  };
  const requested = async (): Promise<Pick<FoundOnPage, 'requestedAt' | 'revision'>> => {
    const requestedAt = performance.now();
    return { requestedAt, revision: await links.batches.revision() };
  };
  let request = await requested();
  for await (const page of pagesOf(scope, side, opened, options.signal, begin)) {
    await checkInForce(options);
    const work = await scanPage(scope, side, page, opened.first);
    const free = blind ? (await links.reader.counterparts(side, work.inScope)).filter((one) => one === null).length : 0;
    // One that cannot be understood is there all the same.
    const seenCount = await seen?.mark([...page.records, ...page.failed].map(({ id }) => id));
    if (work.changed.length > 0)
      await options.found(
        side,
        work.changed.map(({ view }) => view.record.id),
        { records: work.changed, ...request },
      );
    if (work.again.length > 0) await options.found(side, work.again);
    const { deleted = [] } = page;
    // A full read misses those among the linked ones, and weighs them all together.
    const gone = seen ? [] : await knownAsThere(scope, side, deleted);
    if (gone.length > 0) await options.found(side, gone);
    const size = page.records.length + deleted.length + page.failed.length + page.unidentified.count;
    const unidentified = counted ? reading.unidentified : withItemsOf(page, reading.unidentified);
    reading = {
      ...reading,
      checkpoint: page.checkpoint ?? reading.checkpoint,
      latest: watermarkAfter(
        reading.latest,
        page.records.map(({ modified }) => modified),
        page.listedAt ?? reading.began,
      ),
      listedAt: reading.listedAt ?? page.listedAt,
      read: seenCount === undefined ? reading.read + (counted ? 0 : size) : seenCount + unidentified.count,
      unidentified,
      ...(counted ? {} : { beside: reading.beside + free, sizes: withSize(reading.sizes, size) }),
    };
    const failed = work.failed + page.failed.length + page.unidentified.count;
    counted = false;
    await noteReading(scope, side, options.run, reading);
    await options.progress?.({
      side,
      read: reading.read,
      work: work.changed.length + work.again.length + gone.length,
      failed,
      ...itemsOf(reading),
    });
    request = await requested();
  }
  reading = { ...reading, over: true };
  await noteReading(scope, side, options.run, reading);
  return reading;
}

/** Of records that were deleted, those that were there when they were last looked at. */
async function knownAsThere({ links }: MappingScope, side: SideIndex, ids: readonly string[]): Promise<string[]> {
  const found = await links.batches.lookup(side, ids);
  return ids.filter((_, i) => {
    const { link, unlinked, issue } = found[i]!;
    return link ? link.lastSynced[side] !== '' || issue === undefined : unlinked !== undefined && issue !== 'orphaned';
  });
}

function withItemsOf({ number, unidentified: { count, first } }: Page, before: UnidentifiedItems): UnidentifiedItems {
  const more = first.map(({ position, error }) => ({ page: number, position: position + 1, reason: error.message }));
  return { count: before.count + count, first: [...before.first, ...more].slice(0, NAMED) };
}

/** Whether nothing in the mapping tells which records of a side are counterparts of those for which it would create others. */
function createsBlindly({ match, sides }: Mapping, side: SideIndex): boolean {
  const { create } = sides[side];
  return (
    create !== undefined &&
    create !== 'always' &&
    match.length === 0 &&
    sides.every(({ correlate }) => correlate === undefined)
  );
}

const besideReason = ({ sides }: Mapping, side: SideIndex, count: number): string => {
  const { name } = sides[side];
  return `${name} has ${count === 1 ? '1 record' : `${count} records`} already, and no match rule or "correlate" compares them with those that would be created. Add one, or write create: { ${name}: always }.`;
};

interface PageWork {
  readonly changed: readonly FoundRecord[];
  /** Of records that are in scope, where all were looked at. */
  readonly inScope: readonly string[];
  readonly failed: number;
  /** Unreadable records that somebody works on: an older reading may settle their issue. They are looked at after that. */
  readonly again: readonly string[];
}

/**
 * A record that is as it was last handled is passed over by the hash of its raw form, before any expression runs.
 * @param first nothing of this side is in the match index yet
 */
async function scanPage(scope: MappingScope, side: SideIndex, page: Page, first: boolean): Promise<PageWork> {
  const { links, mapping, fingerprinter } = scope;
  const raws = page.records.map((record) => rawHashAndSize(fingerprinter, mapping, record));
  const idsOf = (some: readonly { id: string }[]): string[] => some.map(({ id }) => id);
  const positions = first
    ? [...page.records.keys()]
    : await links.batches.changed(
        side,
        idsOf(page.records),
        raws.map(({ hash }) => hash),
      );
  const records = positions.map((position) => page.records[position]!);
  const stored = await links.batches.lookup(side, idsOf([...records, ...page.failed]));
  const changed: FoundRecord[] = [];
  const toIndex: RecordView[] = [];
  const inScope: string[] = [];
  const sameState: { id: string; raw: string; state: string }[] = [];
  const again: string[] = [];
  const raise = async (id: string, error: TandemError, known: string | undefined): Promise<void> => {
    if (await raiseUnreadable(scope, side, id, error, known)) again.push(id);
  };
  let failed = 0;
  const turn = takeTurns();
  for (const [i, record] of records.entries()) {
    await turn();
    const { hash, size } = raws[positions[i]!]!;
    const { link, unlinked } = stored[i]!;
    const state = link ? link.lastSynced[side] : unlinked?.state;
    try {
      const view = await viewRecord(mapping, side, record, fingerprinter);
      const same = link
        ? isSynced(mapping, link, view)
        : state === undefined
          ? !view.inScope
          : state === unlinkedState(mapping, view);
      if (view.inScope) inScope.push(record.id);
      if (!same) changed.push({ view, size, handled: link ? undefined : (unlinked?.raw ?? '') });
      else if (state) sameState.push({ id: record.id, raw: hash, state });
      if ((view.inScope || view.correlationId !== undefined) && (first || !same)) toIndex.push(view);
    } catch (cause) {
      failed++;
      await raise(record.id, asTandemError(cause), state);
    }
  }
  for (const [i, { id, error }] of page.failed.entries()) {
    const { link, unlinked } = stored[records.length + i]!;
    await raise(id, error, link ? link.lastSynced[side] : unlinked?.state);
  }
  await links.unlinked.index(side, toIndex.map(indexEntry));
  await links.batches.noteRaw(side, sameState);
  return { changed, inScope, failed, again };
}

/**
 * A record that fails in the same way as before is no news: nobody who waits for it learns anything new.
 * @returns whether somebody has worked on it meanwhile
 */
async function raiseUnreadable(
  scope: MappingScope,
  side: SideIndex,
  id: string,
  { code, message }: TandemError,
  known: string | undefined,
): Promise<boolean> {
  const { links, mapping, job } = scope;
  const state = unreadableState(scope.fingerprinter, message);
  if (known === state) return false;
  const claimed = await links.claims.claimed(recordKey(side, id));
  const former = (await links.issues.open(side, id)).issue;
  const since = former?.kind === 'failed' && former.code === code ? former.since : Date.now();
  const issue = { kind: 'failed', code, reason: message, mapping: mapping.version, since } as const;
  await links.states.raise({ side, id }, state, job === undefined ? issue : { ...issue, job });
  await links.batches.leaveToPerson(recordKey(side, id));
  // Who waits for one that is created on demand goes on waiting: see isSettled.
  if (isOnDemand(mapping, side) || isSettled(former, false)) return claimed;
  const unit = { records: [], claims: [], result: { kind: 'none' }, markDependents: [recordKey(side, id)] } as const;
  await links.batches.commit('', [unit], scope.notifyWorkers);
  return claimed;
}

/** What was waiting for readiness, a batch at a time; each batch is forgotten once `found` has it. */
export async function releaseWaitingRoom(links: Store, found: ScanOptions['found']): Promise<number> {
  let released = 0;
  for (const side of [0, 1] as const) {
    for (
      let ids = await links.waitingRoom.someWaiting(side, 500);
      ids.length > 0;
      ids = await links.waitingRoom.someWaiting(side, 500)
    ) {
      await found(side, ids);
      await links.waitingRoom.stopWaiting(side, ids);
      released += ids.length;
    }
  }
  return released;
}

/**
 * Records that were given up for a reason that passes (an outage, a bad token), or were blocked by a brake that is off: they
 * are looked at again. What waits for links is marked dirty by them, and what is wrong with a record or the mapping
 * needs an edit: however many of those there are, none is read.
 */
export async function releaseGivenUp({ links, mapping }: MappingScope, found: ScanOptions['found']): Promise<void> {
  for await (const records of links.issues.givenUp()) await findAll(records, found);
  if ((await liftUnlimited({ links, mapping })) !== undefined) return;
  if ((await links.issues.counts()).blocked === 0) return;
  for await (const records of links.issues.list(['blocked'])) await findAll(records, found);
}

/** A full scan that has had so many rejected writes tried again leaves the others to the next one: each costs a call. */
export const RETRIED = 1_000;

/**
 * Writes that a system rejected: what made it do so may be changed over there, where Tandem sees nothing of it. What breaks a
 * schema or an expression fails without a call, and needs an edit.
 */
export async function retryRejected(
  { links }: Pick<MappingScope, 'links'>,
  found: ScanOptions['found'],
): Promise<void> {
  if (await links.brake.on()) return;
  let cursor = await links.progress.retriedTo();
  let retried = 0;
  do {
    const { next, records } = await links.issues.failedFrom(cursor);
    const rejected = records.filter(({ issue }) => issue.code === 'SYSTEM_REJECTED');
    await findAll(rejected, found);
    retried += rejected.length;
    cursor = next;
    await links.progress.noteRetriedTo(cursor);
  } while (cursor !== '0' && retried < RETRIED);
}

/** The mapping was edited: what was in trouble under the former version gets another try. */
export async function releaseEdited({ links, mapping }: MappingScope, found: ScanOptions['found']): Promise<void> {
  const stopped = (await liftUnlimited({ links, mapping })) !== undefined;
  for await (const batch of links.issues.list(EDITED)) {
    const again = batch.filter(({ issue }) =>
      issue.kind === 'blocked' ? !stopped : issue.mapping !== mapping.version || isPassing(issue),
    );
    await findAll(again, found);
  }
}

/** Issues that an edit may end; what the mapping leaves alone, it may not any more. */
const EDITED: readonly IssueKind[] = ['failed', 'waiting', 'blocked', 'review', 'unmatched'];

const isPassing = ({ kind, code }: Issue): boolean =>
  kind === 'failed' && code !== undefined && ERRORS[code].retry !== 'never';

async function findAll(records: readonly RecordRef[], found: ScanOptions['found']): Promise<void> {
  for (const side of [0, 1] as const) {
    const ids = records.filter((record) => record.side === side).map(({ id }) => id);
    if (ids.length > 0) await found(side, ids);
  }
}

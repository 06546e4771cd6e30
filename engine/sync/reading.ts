/**
 * How far a scan has read a side. It is kept in Redis after each page: a scan whose process ends, or that waits for quota or
 * for a system, goes on there, however many pages came before.
 */
import { CheckpointLost, type Page } from '../connectors/connector.ts';
import type { SeenName } from '../store/seen-records.ts';
import type { SideIndex } from '../types.ts';
import type { MappingScope } from './scope.ts';

export const SCAN_KINDS = ['changes', 'full'] as const;
export type ScanKind = (typeof SCAN_KINDS)[number];
/** What a run may look through: records of the systems, or the links. */
export const RUN_KINDS = [...SCAN_KINDS, 'backfill'] as const;
export type RunKind = (typeof RUN_KINDS)[number];

export interface ScanProgress {
  readonly side: SideIndex;
  /** Records of the side so far; of a full scan each counts once, however often lists show it. */
  readonly read: number;
  /** Records of this page that need work. */
  readonly work: number;
  /** Records that could not even be read; each is given an issue with its reason. */
  readonly failed: number;
  /** Of the side so far, where there are any. */
  readonly unidentified?: UnidentifiedItems;
}

/** Items of a list that name no record, so that nothing can be made of them. */
export interface UnidentifiedItems {
  readonly count: number;
  /** Where the first of them stand, counted from 1, and why they are none. */
  readonly first: readonly { readonly page: number; readonly position: number; readonly reason: string }[];
}

export interface SideReading {
  /** Undefined where all is read. */
  readonly since: string | undefined;
  readonly changesOnly: boolean;
  /** Nothing of the side was read fully before. */
  readonly first: boolean;
  /** Epoch ms of the process that began it. */
  readonly began: number;
  readonly seen: SeenName | undefined;
  /** Of the last page that was handled. */
  readonly checkpoint: unknown;
  /** The list was read to its end. */
  readonly over: boolean;
  readonly latest: string | undefined;
  /** When the first page was requested, on the clock of the system, in epoch ms. */
  readonly listedAt: number | undefined;
  /** As of `ScanProgress`. */
  readonly read: number;
  /** Items of the first page, of the one before the last, and of the last. */
  readonly sizes: readonly number[];
  /** Records so far beside which others would be created blindly. */
  readonly beside: number;
  readonly unidentified: UnidentifiedItems;
}

const NOTHING = { checkpoint: undefined, over: false, listedAt: undefined, read: 0, sizes: [], beside: 0 } as const;
const NO_ITEMS: UnidentifiedItems = { count: 0, first: [] };

/** The sizes of pages with one more. */
export function withSize(sizes: readonly number[], size: number): readonly number[] {
  const [first = size] = sizes;
  return [first, sizes.at(-1) ?? size, size];
}

/**
 * A list that ends with an empty page although the page before was full, or that has nothing at all, may have been cut by a
 * mistake of the system. It is no reason to fail; but a record that it does not show may be there.
 */
export function endedEarly([first = 0, before = 0, last = 0]: readonly number[]): boolean {
  return last === 0 && before >= first;
}

/** Goes on with what this run has read of the side, or begins. A side that was never read fully is read fully. */
export async function openReading(
  { links, mapping }: MappingScope,
  side: SideIndex,
  kind: ScanKind,
  { run, progress }: { readonly run?: string; readonly progress?: (progress: ScanProgress) => Promise<void> },
): Promise<SideReading> {
  const former = run === undefined ? undefined : await links.progress.reading<SideReading>(side, run, mapping.version);
  if (former && (!former.seen || (await links.seenRecords.isKept(former.seen)))) {
    // The run has forgotten what it counted.
    if (former.read > 0) await progress?.({ side, read: former.read, work: 0, failed: 0, ...itemsOf(former) });
    return former;
  }
  const { full, since } = await links.progress.readBefore(side);
  const { list } = mapping.sides[side].entity;
  const changesOnly = kind === 'changes' && full !== undefined && since !== undefined && list?.since !== undefined;
  const seen = changesOnly ? undefined : (await links.seenRecords.of(side)).name;
  const begun = { since: changesOnly ? since : undefined, changesOnly, first: full === undefined, began: Date.now() };
  return { ...begun, seen, latest: since, ...NOTHING, unidentified: NO_ITEMS };
}

export async function noteReading(
  { links, mapping }: MappingScope,
  side: SideIndex,
  run: string | undefined,
  reading: SideReading,
): Promise<void> {
  if (run !== undefined) await links.progress.noteReading(side, run, mapping.version, reading);
}

export const itemsOf = ({ unidentified }: SideReading) => (unidentified.count > 0 ? { unidentified } : {});

/** The pages that are left. @param begin called where the list cannot be read on: it is read from its beginning */
export async function* pagesOf(
  { clients, mapping }: MappingScope,
  side: SideIndex,
  { checkpoint, since }: SideReading,
  signal: AbortSignal | undefined,
  begin: () => void,
): AsyncGenerator<Page> {
  const { name } = mapping.sides[side].entity;
  const asked = { ...(since === undefined ? {} : { since }), signal };
  try {
    yield* clients[side].list(name, { ...asked, from: checkpoint });
  } catch (cause) {
    if (!(cause instanceof CheckpointLost)) throw cause;
    begin();
    yield* clients[side].list(name, asked);
  }
}

/** The reading from the beginning of the list; what was seen stays so. */
export const fromBeginning = (reading: SideReading): SideReading => ({
  ...reading,
  ...NOTHING,
  unidentified: NO_ITEMS,
});

/**
 * What changed in the target of creates since it was last read: one list call instead of searches per record, so that a
 * record made there a moment ago is found before another one is created. What is found goes into the index: the next
 * question begins where this one ended.
 */
import { indexEntry } from '../merge/record-state.ts';
import type { SideIndex, SystemRecord } from '../types.ts';
import { rawHash } from './raw.ts';
import type { MappingScope } from './scope.ts';
import { type RecordView, viewRecord } from './view.ts';
import { watermarkAfter } from './watermark.ts';

/** Records that one question answers at most: where more changed, searches are made one by one. */
const MOST = 2_000;

/** Where a scan may have missed records, all that was ever changed is asked for. No earlier, so that an overlap stays within 1970. */
const BEGINNING = '1970-01-02T00:00:00.000Z';

/** Ms for which creates share an answer: a record made by hand between a search and the POST is not found either. */
const FRESH = 2_000;

/**
 * A list may show a record late, with a time before that of the last question. So each question begins the overlap of the
 * system file earlier; where more than so many records, mostly our own creates, are in it, only every so many ms.
 */
const CHEAP = 200;
const OVERLAP_EVERY = 5_000;

export interface RecentReader {
  /** @returns undefined where searches are to be made instead */
  read(scope: MappingScope, side: SideIndex): Promise<readonly RecordView[] | undefined>;
}

/** What was asked for last. */
interface Asked {
  /** The watermark of scans from which was asked first, and up to which modification was asked since. */
  readonly from: string;
  readonly to: string;
  /** Id and raw hash of records that were answered since the last question with an overlap: the index has them. */
  readonly seen: ReadonlySet<string>;
  /** `performance.now()` of that question. */
  readonly overlapped: number;
}

export function createRecentReader(): RecentReader {
  /** Per side. */
  const asked = new Map<string, Asked>();

  return {
    async read(scope, side) {
      const { mapping, links, clients } = scope;
      if (!clients[side].capabilities(mapping.sides[side].entity.name).list?.since) return undefined;
      const { since: read, doubtful } = await links.progress.readBefore(side);
      if (read === undefined) return undefined;
      const since = doubtful ? BEGINNING : read;
      const key = `${mapping.name}/${mapping.version}/${side}`;
      const former = asked.get(key);
      const known = former?.from === since ? former : undefined;
      const now = performance.now();
      const overlaps = !known || known.seen.size <= CHEAP || now - known.overlapped > OVERLAP_EVERY;
      const seen = known?.seen ?? new Set();
      const found = await changesSince(scope, side, known?.to ?? since, { overlaps, seen });
      if (!found) return undefined;
      const entries = found.views.filter((view) => view.inScope || view.correlationId !== undefined).map(indexEntry);
      await links.unlinked.index(side, entries);
      asked.set(key, {
        from: since,
        to: found.to,
        seen: overlaps ? found.seen : new Set([...seen, ...found.seen]),
        overlapped: overlaps ? now : (known?.overlapped ?? now),
      });
      return found.views;
    },
  };
}

async function changesSince(
  { mapping, links, clients, fingerprinter }: MappingScope,
  side: SideIndex,
  from: string,
  { overlaps, seen: before }: { readonly overlaps: boolean; readonly seen: ReadonlySet<string> },
): Promise<{ views: RecordView[]; to: string; seen: ReadonlySet<string> } | undefined> {
  const began = Date.now();
  const records: SystemRecord[] = [];
  const seen = new Set<string>();
  let to = from;
  let count = 0;
  const asked = { since: from, ...(overlaps ? {} : { overlap: 0 }) };
  for await (const page of clients[side].list(mapping.sides[side].entity.name, asked)) {
    // Nobody knows whether one that cannot be read is the record that is looked for.
    if (page.failed.length > 0 || page.unidentified.count > 0) return undefined;
    // Not its time: one that was edited twice within a second has the same time as before.
    const nameOf = (record: SystemRecord): string => `${record.id} ${rawHash(fingerprinter, mapping, record)}`;
    for (const record of page.records) seen.add(nameOf(record));
    const fresh = page.records.filter((record) => !before.has(nameOf(record)));
    count += fresh.length;
    if (count > MOST) return undefined;
    // Most have been made by ourselves.
    const ids = fresh.map(({ id }) => id);
    for (const position of await links.batches.free(side, ids)) records.push(fresh[position]!);
    const modified = page.records.map((record) => record.modified);
    to = watermarkAfter(to, modified, page.listedAt ?? began) ?? to;
  }
  try {
    return { views: await Promise.all(records.map((one) => viewRecord(mapping, side, one, fingerprinter))), to, seen };
  } catch {
    return undefined;
  }
}

/** A scope whose units share one answer per side, while it is fresh. */
export function withRecent(scope: MappingScope, reader: RecentReader): MappingScope {
  type Answer = { readonly at: number; readonly views: ReturnType<RecentReader['read']> };
  const answers = new Map<SideIndex, Answer>();
  return {
    ...scope,
    recent(side) {
      const at = performance.now();
      const known = answers.get(side);
      if (known && at - known.at < FRESH) return known.views;
      const views = reader.read(scope, side);
      answers.set(side, { at, views });
      return views;
    },
  };
}

/**
 * What changed in the target of creates since it was last read: one list call instead of searches per record, so that a
 * record made there a moment ago is found before another one is created. What is found goes into the index: the next
 * question begins where this one ended.
 */
import { indexEntry } from '../merge/state.ts';
import type { SideIndex, SystemRecord } from '../types.ts';
import type { MappingScope } from './scope.ts';
import { type RecordView, viewRecord } from './view.ts';
import { watermarkAfter } from './watermark.ts';

/** Records that one question answers at most: where more changed, searches are made one by one. */
const MOST = 2_000;

/** Where a scan may have missed records, all that was ever changed is asked for. No earlier, so that an overlap stays within 1970. */
const BEGINNING = '1970-01-02T00:00:00.000Z';

export interface RecentReader {
  /** @returns undefined where searches are to be made instead */
  read(scope: MappingScope, side: SideIndex): Promise<readonly RecordView[] | undefined>;
}

export function createRecentReader(): RecentReader {
  /** Per side: the watermark of scans from which was asked first, and up to which modification was asked since. */
  const asked = new Map<string, { readonly from: string; readonly to: string }>();

  return {
    async read(scope, side) {
      const { mapping, links } = scope;
      if (!mapping.sides[side].entity.list?.since) return undefined;
      const { since: read, doubtful } = await links.readBefore(side);
      if (read === undefined) return undefined;
      const since = doubtful ? BEGINNING : read;
      const key = `${mapping.name}/${mapping.version}/${side}`;
      const known = asked.get(key);
      const goesOn = known?.from === since;
      const found = await changesSince(scope, side, goesOn ? known.to : since, goesOn);
      if (!found) return undefined;
      const entries = found.views.filter((view) => view.inScope || view.correlationId !== undefined).map(indexEntry);
      await links.store.unlinked.index(side, entries);
      asked.set(key, { from: since, to: found.to });
      return found.views;
    },
  };
}

/** @param goesOn what was there at `from` is known: the overlap of the system file is for watermarks of scans */
async function changesSince(
  { mapping, links, clients, fingerprinter }: MappingScope,
  side: SideIndex,
  from: string,
  goesOn: boolean,
): Promise<{ views: RecordView[]; to: string } | undefined> {
  const began = Date.now();
  const records: SystemRecord[] = [];
  let to = from;
  let count = 0;
  const asked = { since: from, ...(goesOn ? { overlap: 0 } : {}) };
  for await (const page of clients[side].list(mapping.sides[side].entity.name, asked)) {
    // Nobody knows whether one that cannot be read is the record that is looked for.
    if (page.failed.length > 0 || page.unidentified.count > 0) return undefined;
    count += page.records.length;
    if (count > MOST) return undefined;
    // Most have been made by ourselves.
    const ids = page.records.map(({ id }) => id);
    for (const position of await links.batches.free(side, ids)) records.push(page.records[position]!);
    const modified = page.records.map((record) => record.modified);
    to = watermarkAfter(to, modified, page.listedAt ?? began) ?? to;
  }
  try {
    return { views: await Promise.all(records.map((one) => viewRecord(mapping, side, one, fingerprinter))), to };
  } catch {
    return undefined;
  }
}

/** A scope whose units share one answer per side. */
export function withRecent(scope: MappingScope, reader: RecentReader): MappingScope {
  const answers = new Map<SideIndex, Promise<readonly RecordView[] | undefined>>();
  return {
    ...scope,
    recent(side) {
      const known = answers.get(side) ?? reader.read(scope, side);
      answers.set(side, known);
      return known;
    },
  };
}

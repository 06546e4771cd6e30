/**
 * The text of a copy of links: NDJSON. A head, a line per link or record, and an end that tells how many there are, so
 * that a copy that was cut short is not taken for a whole one. Sides go by their names. Reading (import-copy.ts) and writing
 * hold a batch at a time, however many links there are.
 */
import type { FingerprintRecord } from './fingerprints.ts';
import type { Transfer } from './transfer.ts';

export const FORMAT = 2;

/** A mapping as a copy knows it. */
export interface CopiedMapping {
  readonly name: string;
  /** Names of its sides. */
  readonly sides: readonly [string, string];
  readonly links: Transfer;
}

/** How many lines were made so far: of links, and of records without a link. The last line of a copy states both. */
export interface ExportCounts {
  links: number;
  records: number;
}

/** The lines of a copy, each with its line end. @param counts grows as lines are made */
export async function* exportLines(
  mappings: readonly CopiedMapping[],
  counts: ExportCounts,
  fingerprints: FingerprintRecord,
): AsyncGenerator<string, void, undefined> {
  const sides = Object.fromEntries(mappings.map((mapping) => [mapping.name, mapping.sides]));
  yield line({ tandem: 'links', format: FORMAT, created: new Date().toISOString(), fingerprints, mappings: sides });
  for (const { name, sides, links } of mappings) {
    const named = <T>([a, b]: readonly [T, T]): Record<string, T> => ({ [sides[0]]: a, [sides[1]]: b });
    for await (const batch of links.copyLinks()) {
      counts.links += batch.length;
      yield batch
        .map(({ ids, lastSynced, correlation, ownWriteAt, foreignAt, ...link }) =>
          line({
            mapping: name,
            ids: named(ids),
            ...link,
            lastSynced: named(lastSynced),
            correlation:
              correlation && named(correlation.map((note) => note ?? null) as [string | null, string | null]),
            ownWriteAt: ownWriteAt && named(ownWriteAt),
            foreignAt: foreignAt && named(foreignAt),
          }),
        )
        .join('');
    }
    for await (const batch of links.copyRecords()) {
      counts.records += batch.length;
      yield batch
        .map(({ side, id, ...record }) => line({ mapping: name, record: { side: sides[side], id }, ...record }))
        .join('');
    }
  }
  yield line({ end: true, ...counts });
}

const line = (value: object): string => `${JSON.stringify(value)}\n`;

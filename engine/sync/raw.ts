/** The hash of a raw record: by it a record that is as it was last handled is known before any expression runs. */
import type { Mapping } from '../config/types.ts';
import type { Fingerprinter } from '../expression/values.ts';
import type { SystemRecord } from '../types.ts';

type Version = Pick<Mapping, 'version'>;

/**
 * Another version of the mapping, or of a system file that it uses, is another hash. So may be another order of fields:
 * then the record is looked at, which finds nothing.
 */
export const rawHash = (fingerprinter: Fingerprinter, mapping: Version, record: SystemRecord): string =>
  rawHashAndSize(fingerprinter, mapping, record).hash;

interface HashAndSize {
  readonly hash: string;
  /** Of the record as characters of JSON. */
  readonly size: number;
}

/** A record is asked about when it is read, and again when what became of it is recorded. Its data never change. */
const known = new WeakMap<SystemRecord['data'], { version: string; by: Fingerprinter; of: HashAndSize }>();

export function rawHashAndSize(by: Fingerprinter, { version }: Version, { data }: SystemRecord): HashAndSize {
  const before = known.get(data);
  if (before && before.version === version && before.by === by) return before.of;
  const text = JSON.stringify(data);
  const of = { hash: by.token(`${version}\n${text}`), size: text.length };
  known.set(data, { version, by, of });
  return of;
}

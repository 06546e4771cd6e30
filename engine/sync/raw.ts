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

/** @returns `size`: of the record as characters of JSON */
export function rawHashAndSize({ token }: Fingerprinter, { version }: Version, { data }: SystemRecord) {
  const text = JSON.stringify(data);
  return { hash: token(`${version}\n${text}`), size: text.length };
}

/** How a record is named within its mapping, `SIDE/ID`, and what is claimed of it. */
import type { SideIndex } from '../types.ts';

/** `SIDE/ID`, such as `0/42`: one per record of a mapping. Redis, reviews and claims name records so. */
export const recordKey = (side: SideIndex, id: string): string => `${side}/${id}`;

/** The way back from `recordKey`. Nothing is checked: for keys that Tandem made. */
export function parseRecordKey(key: string): { side: SideIndex; id: string } {
  return { side: key.startsWith('0') ? 0 : 1, id: key.slice(2) };
}

/** Claimed by a record without a link, so that of two that match each other only one is matched at a time. */
export const matchClaim = (rule: number, key: string): string => `key/${rule}/${key}`;

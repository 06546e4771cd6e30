/** How a record is named within its mapping, `SIDE/ID`, and what is claimed of it. */
import type { SideIndex } from '../types.ts';

export const recordKey = (side: SideIndex, id: string): string => `${side}/${id}`;

export function parseRecordKey(key: string): { side: SideIndex; id: string } {
  return { side: key.startsWith('0') ? 0 : 1, id: key.slice(2) };
}

/** Claimed by a record without a link, so that of two that match each other only one is matched at a time. */
export const matchClaim = (rule: number, key: string): string => `key/${rule}/${key}`;

/** How a record is named within its mapping: `SIDE/ID`. */
import type { SideIndex } from '../types.ts';
import type { RecordKey } from './types.ts';

export const recordKey = (side: SideIndex, id: string): RecordKey => `${side}/${id}`;

export function parseRecordKey(key: RecordKey): { side: SideIndex; id: string } {
  return { side: key.startsWith('0') ? 0 : 1, id: key.slice(2) };
}

/**
 * Records of pages that this process has read a moment ago, and of responses to its writes: its batches use them instead of
 * reading each once more. Only a short cut: what is not here any more, or never was, is read.
 */
import type { DeliveredRecord } from '../sync/facts.ts';
import type { SideIndex } from '../types.ts';

/** Together at most, as characters of JSON, and how long one is kept, in ms. */
const SIZE = 33_554_432;
const AGE = 300_000;

export interface Delivered extends DeliveredRecord {
  /** Of the record, as characters of JSON. */
  readonly size: number;
}

export interface Deliveries {
  put(mapping: string, side: SideIndex, delivered: readonly Delivered[]): void;
  /** Hands it over: the next who asks gets nothing. */
  take(mapping: string, side: SideIndex, id: string): DeliveredRecord | undefined;
  close(): void;
}

/** @param clock in ms, for tests */
export function createDeliveries(clock: () => number = () => performance.now(), most = SIZE): Deliveries {
  /** The oldest first. */
  const kept = new Map<string, Delivered>();
  let size = 0;
  let timer: NodeJS.Timeout | undefined;
  const keyOf = (mapping: string, side: SideIndex, id: string): string => `${mapping}/${side}/${id}`;

  function drop(key: string): Delivered | undefined {
    const found = kept.get(key);
    if (found) {
      kept.delete(key);
      size -= found.size;
    }
    return found;
  }

  function prune(): void {
    for (const [key, { requestedAt }] of kept) {
      if (size <= most && clock() - requestedAt < AGE) break;
      drop(key);
    }
    clearTimeout(timer);
    if (kept.size > 0) timer = setTimeout(prune, AGE).unref();
  }

  return {
    put(mapping, side, delivered) {
      for (const one of delivered) {
        const key = keyOf(mapping, side, one.record.id);
        drop(key);
        kept.set(key, one);
        size += one.size;
      }
      prune();
    },
    take: (mapping, side, id) => drop(keyOf(mapping, side, id)),
    close: () => clearTimeout(timer),
  };
}

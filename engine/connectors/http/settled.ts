/**
 * A list whose pages go by number shifts while it is read. A record that moves to a page that was read already, as an edit
 * does it where the latest come first, is on none of the pages; were the list taken for whole, a duplicate could be created.
 */
import { TandemError } from '../../errors.ts';

/** What one reading of a list came to. */
export interface Reading {
  /** Pages with records. */
  readonly pages: number;
  /** A record was on two pages: something came to be before it, new or moved. */
  readonly shifted: boolean;
  /** What the clock of the system showed when the first page was requested, in epoch ms. */
  readonly listedAt: number | undefined;
}

interface Page {
  readonly listedAt?: number | undefined;
  readonly checkpoint?: unknown;
  readonly unidentified: { readonly count: number; readonly first: readonly unknown[] };
}

/** Readings of a list that is not still, at most. */
const READINGS = 3;

/**
 * After the list, what was changed since it began is read, where the system can say so. Else the list is read again until
 * it stands still. Records that are read twice do no harm.
 * @param read the list, or what was changed since a time (ISO 8601); from: a checkpoint of the list itself
 * @throws TandemError SYSTEM_UNAVAILABLE where it never stands still: it does not count as read
 */
export async function* readSettled<P extends Page, F>(
  read: (since?: string, from?: F) => AsyncGenerator<P, Reading>,
  knowsChanges: boolean,
  from?: F,
): AsyncGenerator<P> {
  const began = Date.now();
  let reading = yield* read(undefined, from);
  if (reading.pages < 2) return;
  const { listedAt } = reading;
  if (knowsChanges) {
    yield* again(read(new Date(listedAt ?? began).toISOString()), listedAt);
    return;
  }
  for (let readings = 1; reading.shifted; readings++) {
    if (readings === READINGS)
      throw new TandemError('SYSTEM_UNAVAILABLE', 'The list shifted each time that it was read');
    reading = yield* again(read(), listedAt);
  }
}

/** What has no id was counted by the first reading, at whose beginning the next scan of changes begins. */
async function* again<P extends Page>(
  pages: AsyncGenerator<P, Reading>,
  listedAt: number | undefined,
): AsyncGenerator<P, Reading> {
  try {
    for (;;) {
      const { done, value } = await pages.next();
      if (done) return value;
      yield { ...value, listedAt, checkpoint: undefined, unidentified: { count: 0, first: [] } };
    }
  } finally {
    await pages.return({ pages: 0, shifted: false, listedAt });
  }
}

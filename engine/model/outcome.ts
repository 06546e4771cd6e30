/** What a reconcile came to. Names properties and sides, never values: it is counted, logged and kept in runs. */
import type { ErrorCode } from '../errors.ts';
import type { SideIndex } from '../types.ts';

/**
 * What a reconcile may come to, with the counter of the run that it adds to. The one list: types, counters, the HTTP schema
 * and docs follow from it. Beside these, records updated are counted per side, by what was written there.
 */
export const OUTCOMES = {
  unchanged: { counter: 'unchanged', words: 'nothing was to be done' },
  matched: { counter: 'matched', words: 'two records that were there already were linked' },
  created: { counter: 'created', words: 'its counterpart was created' },
  updated: { counter: undefined, words: 'values were written' },
  deleted: { counter: 'deleted', words: 'a record was deleted, as its counterpart was' },
  waiting: {
    counter: 'waiting',
    words:
      'it waits for the link of a record that it refers to, for the answer to a brake, or until both sides were read fully once',
  },
  review: { counter: 'review', words: 'a person must decide' },
  failed: { counter: 'failed', words: 'it cannot be done until somebody corrects the record or the mapping' },
  excluded: { counter: 'excluded', words: '`when` leaves it out' },
  unmatched: { counter: 'excluded', words: 'it has no counterpart, and the mapping creates none there' },
  orphaned: { counter: 'excluded', words: 'one record of a link was deleted, and the other one stays' },
  missing: { counter: 'excluded', words: 'the record does not exist; of a link: neither does' },
} as const satisfies Record<string, { readonly counter: Counter | undefined; readonly words: string }>;

/** The name of an outcome, as runs, HTTP and the label `kind` of metrics have it. */
export type OutcomeKind = keyof typeof OUTCOMES;

/** What a run counts. `perSide`: on which side. The one list: types, sums, the HTTP schema and docs follow from it. */
export const COUNTERS = {
  matched: { perSide: false, words: 'pairs of records that were there already and were linked' },
  created: { perSide: true, words: 'records created' },
  updated: { perSide: true, words: 'records written to' },
  deleted: { perSide: true, words: 'records deleted' },
  unchanged: { perSide: false, words: 'records looked at, with nothing to do' },
  waiting: {
    perSide: false,
    words: 'records that wait for a link, for the answer to a brake, or until both sides were read fully once',
  },
  review: { perSide: false, words: 'records that a person must decide' },
  failed: { perSide: false, words: 'records that cannot be synced as they are' },
  retrying: {
    perSide: false,
    words: 'records that a try failed on: the run does not wait for them, they are tried again',
  },
  excluded: { perSide: false, words: 'records that are left out, or have no counterpart and get none' },
  conflicts: { perSide: false, words: 'properties that a conflict rule decided' },
} as const;

type Counter = keyof typeof COUNTERS;
type PerSide = { [K in Counter]: (typeof COUNTERS)[K]['perSide'] extends true ? K : never }[Counter];

/** Per side of the mapping, in its order, or one number. */
export type Counts<Sides = [number, number]> = { [K in Counter]: K extends PerSide ? Sides : number };

/** One value for each counter. @param one of a counter, @param pair of a counter per side */
export const countsBy = <Sides>(
  one: (counter: Exclude<Counter, PerSide>) => number,
  pair: (counter: PerSide) => Sides,
): Counts<Sides> =>
  Object.fromEntries(
    Object.entries(COUNTERS).map(([name, { perSide }]) => [
      name,
      perSide ? pair(name as PerSide) : one(name as Exclude<Counter, PerSide>),
    ]),
  ) as Counts<Sides>;

export type Changes = readonly [string | undefined, string | undefined];

/** What one reconcile came to. It is stored with plans: it names properties and sides, and never holds values. */
export interface Outcome {
  readonly kind: OutcomeKind;
  /** Names of the properties written, per side; on a create all that were sent. */
  readonly writes: readonly [readonly string[], readonly string[]];
  /** The side on which a record was created or deleted. */
  readonly side?: SideIndex;
  /** Ids of the pair, where both are known. */
  readonly ids?: readonly [string, string];
  readonly code?: ErrorCode;
  readonly reason?: string;
  readonly property?: string;
  /** Properties that the conflict rule decided. */
  readonly conflicts?: readonly string[];
  /**
   * Per side: when the change was made on the other side that was written here, as that system states it (ISO 8601), ''
   * where it states none. Not of what was written for another reason, such as that two records met.
   */
  readonly changes?: Changes;
}

/** A change that was written to one side. @param at of the record that was changed, as its system states it */
export const changeTo = (side: SideIndex, at: string | undefined): Changes =>
  side === 0 ? [at ?? '', undefined] : [undefined, at ?? ''];

export const outcome = (kind: OutcomeKind, more: Omit<Partial<Outcome>, 'kind'> = {}): Outcome => ({
  kind,
  writes: [[], []],
  ...more,
});

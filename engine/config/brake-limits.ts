/** How much of what cannot be taken back one run may do before it stops and asks: the limits of a mapping's brake. */

/** What a brake limits: records deleted, records created, and those in which an empty value overwrites another. */
export const BRAKE_KINDS = ['deletes', 'creates', 'clears'] as const;
/** The key of a limit in a mapping file, and the `kind` of a brake that is on. */
export type BrakeKind = (typeof BRAKE_KINDS)[number];

/** A limit of one mapping, with `BRAKE_DEFAULTS` for what its file leaves out. A number of records: see `allowance`. */
export interface BrakeLimit {
  /** More than this many records in one run trip the brake. */
  readonly count: number;
  /** So do more than this share of the linked records, in percent, */
  readonly percent: number;
  /** yet not before they are more than this many: a share of few records says nothing. */
  readonly minimum: number;
}

/** undefined: no limit. */
export type BrakeConfig = Readonly<Record<BrakeKind, BrakeLimit | undefined>> & {
  /** Counterparts that the first sync may create before it waits for a person who has seen what it would do. */
  readonly firstSync: number | undefined;
};

/** As it stands in a mapping file. */
export type BrakeFile =
  | 'off'
  | (Partial<Record<BrakeKind, 'off' | Partial<BrakeLimit>>> & { readonly firstSync?: 'off' | number });

/** `schemas/mapping.schema.json` tells the same to editors. */
export const BRAKE_DEFAULTS: Readonly<Record<BrakeKind, BrakeLimit>> = {
  deletes: { count: 500, percent: 10, minimum: 5 },
  creates: { count: 1_000, percent: 25, minimum: 100 },
  clears: { count: 500, percent: 10, minimum: 20 },
};

export const FIRST_SYNC_DEFAULT = 500;

/** One or two deletes are an ordinary day, however few the links. */
const FEW = 2;

export function brakeConfig(given: BrakeFile = {}): BrakeConfig {
  const limit = (kind: BrakeKind): BrakeLimit | undefined => {
    const own = given === 'off' ? 'off' : given[kind];
    return own === 'off' ? undefined : { ...BRAKE_DEFAULTS[kind], ...own };
  };
  const first = given === 'off' ? 'off' : (given.firstSync ?? FIRST_SYNC_DEFAULT);
  return {
    deletes: limit('deletes'),
    creates: limit('creates'),
    clears: limit('clears'),
    firstSync: first === 'off' ? undefined : first,
  };
}

/**
 * How many records one run may delete, create or clear.
 * @param linked links of the mapping, those that the run has deleted so far included
 * @param loses whether records are deleted by it; not where a scan misses records whose deletion is not propagated
 */
export function allowance(
  kind: BrakeKind,
  { count, percent, minimum }: BrakeLimit,
  linked: number,
  loses = kind === 'deletes',
): number {
  // Half of all at once is no ordinary day even where all are few: it may be a list that is empty by mistake.
  const least = loses ? Math.min(minimum, Math.max(FEW, Math.ceil(linked / 2) - 1)) : minimum;
  return Math.min(count, Math.max(least, Math.floor((linked * percent) / 100)));
}

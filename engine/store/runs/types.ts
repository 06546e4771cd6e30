/** What a run is, as it is kept, and what its functions take. */
import type { Counts, Outcome } from '../../model/outcome.ts';
import type { DefinitionChanges } from '../../sync/backfill.ts';
import type { RunKind, UnidentifiedItems } from '../../sync/scan.ts';
import type { SideIndex } from '../../types.ts';

/**
 * `queued`: no worker has it yet; `scanning`: lists or links are read; `working`: its records are looked at; then it is
 * over. A run that failed may be scanning again.
 */
export const RUN_STATES = ['queued', 'scanning', 'working', 'done', 'failed'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** What may begin a run. */
export const RUN_TRIGGERS = {
  api: 'a request',
  schedule: 'the schedule of the mapping',
  start: 'the start of a worker',
  edit: 'an edit of the mapping',
} as const;

export interface Progress {
  /** Records read per side; of a backfill, links on the first side. */
  readonly read: [number, number];
  /** Records that need work, and how many of those are done. */
  readonly work: number;
  readonly done: number;
  /** Records whose rejected write a full scan tries once more: they are no work. */
  readonly retried: number;
}

/**
 * A run as it is kept: the 500 latest, and those under way. A group has `*` for its mapping, and sums for its counts.
 */
export interface Run {
  readonly id: string;
  readonly mapping: string;
  readonly scan: RunKind | 'record';
  readonly plan: boolean;
  readonly trigger: keyof typeof RUN_TRIGGERS;
  readonly state: RunState;
  /** ISO 8601. */
  readonly created: string;
  readonly started?: string;
  readonly finished?: string;
  readonly progress: Progress;
  readonly counts: Counts;
  /** Why it failed, or what it warns of. */
  readonly reason?: string;
  /** Of a group: the runs that belong to it. */
  readonly children?: readonly string[];
  /** Of a backfill: what changed since the last one, by names of properties. */
  readonly changes?: DefinitionChanges;
  /** Per side: items of its list without a usable id. They are counted as failed, and no record can be named for them. */
  readonly unidentified?: readonly [UnidentifiedItems | undefined, UnidentifiedItems | undefined];
}

/** What a plan would do about one record. The first 10,000 of a run are kept. */
export interface PlanEntry extends Outcome {
  readonly record: { readonly side: SideIndex; readonly id: string };
}

/** What became of a record. */
export interface Finished {
  readonly record: string;
  /** Of a record that was taken from the dirty set. */
  readonly lease?: string;
  readonly outcome: Outcome;
  /** A try failed on it, and it is tried again by a job of its own. */
  readonly retrying?: boolean;
}

export interface RunRequest {
  readonly mapping: string;
  readonly scan: RunKind | 'record';
  readonly plan: boolean;
  readonly trigger: Run['trigger'];
  /** Of a run of one record. */
  readonly record?: { readonly side: SideIndex; readonly id: string };
}

export interface UnfinishedRun {
  readonly id: string;
  /** Its scan is not over, or of a group, its children are not all known. */
  readonly scanning: boolean;
  /** Nobody has given a sign of life of it for long. */
  readonly silent: boolean;
  /** Records for which nothing but their reconcile is waited. */
  readonly pending: number;
}

/** What every step of sync needs: the configuration it began with, the systems, the links, a way to queue more work. */
import type { Config } from '../config/types.ts';
import type { SystemClient } from '../connectors/client.ts';
import type { Fingerprinter } from '../expression/values.ts';
import type { Store } from '../store/store.ts';
import type { SideIndex } from '../types.ts';

export interface SyncContext {
  /** The version in force when the work began; it does not change under it. */
  readonly config: Config;
  client(system: string): SystemClient;
  links(mapping: string): Store;
  /** Makes the fingerprints that are stored, with the key of this installation. */
  readonly fingerprinter: Fingerprinter;
  /**
   * Queues a reconcile of each record; at most one waits per link.
   * @param retried rejected writes are tried again: runs wait for them, but do not count them as work
   */
  enqueue(mapping: string, side: SideIndex, ids: readonly string[], retried?: boolean): Promise<void>;
  /** Has workers look into the dirty sets of these mappings. */
  notifyWorkers(mappings: readonly string[]): void;
  /** Names the worker, for claims. */
  readonly owner: string;
  /** The job that does this work, so that a failed one is removed once its record is fixed. */
  readonly job: string | undefined;
  /** Epoch ms when the oldest run of a mapping that is under way began; undefined when none is. */
  runSince(mapping: string): Promise<number | undefined>;
  /** How long claims last unless they are extended, in ms; default 60,000. */
  readonly claimTtl?: number | undefined;
  /** Awaited at each named moment, so that tests can end the process there; unset in production. */
  readonly step?: StepHook | undefined;
}

export type StepHook = (name: Step, update?: UpdateBegun) => Promise<void>;

/** The update of a record that is about to be sent; `readAt`: `performance.now()` when the record was read for it. */
export interface UpdateBegun {
  readonly entity: string;
  readonly id: string;
  readonly readAt: number | undefined;
}

/** The moments between two effects outside: a process that ends at any of them must leave nothing undone and nothing done twice. */
export type Step =
  | 'after-take'
  | 'before-begin'
  | 'after-begin'
  | 'after-post'
  | 'before-link'
  | 'after-link'
  | 'before-update'
  | 'after-update'
  | 'before-base'
  | 'after-base';

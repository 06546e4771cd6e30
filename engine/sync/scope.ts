/** What every function of sync needs of one mapping. A batch replaces `gather` and `commit` by ones that serve many units at once. */
import type { Config, Mapping } from '../config/types.ts';
import type { Links } from '../links/links.ts';
import type { SystemClient } from '../systems/client.ts';
import type { Pair, SideIndex } from '../types.ts';
import type { Step as Moment } from './context.ts';

export interface MappingScope {
  /** The version in force when the work began; it does not change under it. */
  readonly config: Config;
  readonly mapping: Mapping;
  readonly links: Links;
  readonly clients: Pair<SystemClient>;
  /** Of other mappings, for references. */
  linksOf(mapping: string): Links;
  clientOf(system: string): SystemClient;
  /** Has records looked at, of this mapping or another one. */
  markDirty(mapping: string, side: SideIndex, ids: readonly string[]): Promise<void>;
  /** A record was written: the other mappings of its entity have work. */
  markSiblings(side: SideIndex, id: string): Promise<void>;
  /** Names the worker, for claims. */
  readonly owner: string;
  /** How long claims last unless they are extended, in ms. */
  readonly claimTtl: number | undefined;
  /** The job that does this work, for issues. */
  readonly job: string | undefined;
  /** Epoch ms when the oldest run of this mapping that is under way began. */
  runSince(): Promise<number | undefined>;
  /** Awaited at each named moment, so that tests can end the process there; unset in production. */
  readonly step: ((name: Moment) => Promise<void>) | undefined;
}

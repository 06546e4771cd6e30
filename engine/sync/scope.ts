/** What every function of sync needs of one mapping. */
import type { Config, Mapping } from '../config/types.ts';
import type { SystemClient } from '../connectors/client.ts';
import type { Fingerprinter } from '../expression/values.ts';
import type { Links } from '../links/links.ts';
import { mapPair } from '../model/pair.ts';
import type { Pair, SideIndex } from '../types.ts';
import type { Step as Moment, SyncContext } from './context.ts';
import type { OwnWrite } from './facts.ts';
import type { RecordView } from './view.ts';

export interface MappingScope {
  /** The version in force when the work began; it does not change under it. */
  readonly config: Config;
  readonly mapping: Mapping;
  readonly links: Links;
  readonly fingerprinter: Fingerprinter;
  readonly clients: Pair<SystemClient>;
  /** Of any mapping, for references. */
  linksOf(mapping: string): Links;
  /** Of any system, for expressions. */
  clientOf(system: string): SystemClient;
  /** Has records looked at, of this mapping or another one. */
  markDirty(mapping: string, side: SideIndex, ids: readonly string[]): Promise<void>;
  /** A record was written: the other mappings of its entity have work. */
  markSiblings(side: SideIndex, id: string): Promise<void>;
  /** Our own last write to each of two records through any mapping of its entity. */
  ownWrites(ids: Pair<string | undefined>): Promise<Pair<OwnWrite | undefined>>;
  noteOwnWrites(ids: Pair<string | undefined>, writes: Pair<OwnWrite | undefined>): Promise<void>;
  /**
   * The records of a side that were modified since it was last read by a scan, asked for once by all who share it; undefined
   * where the entity has no way to ask for them, or there are too many. Without it, searches are made one by one.
   */
  readonly recent?: (side: SideIndex) => Promise<readonly RecordView[] | undefined>;
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

export function mappingScope(context: SyncContext, mapping: Mapping): MappingScope {
  const { config, owner, claimTtl, job, step } = context;
  return {
    config,
    mapping,
    links: context.links(mapping.name),
    fingerprinter: context.fingerprinter,
    clients: mapPair(mapping.sides, ({ system }) => context.client(system.name)),
    linksOf: context.links,
    clientOf: context.client,
    markDirty: (name, side, ids) => context.enqueue(name, side, ids),
    markSiblings: (side, id) => context.touched(mapping, side, id),
    ownWrites: async () => [undefined, undefined],
    noteOwnWrites: async () => {},
    owner,
    claimTtl,
    job,
    runSince: () => context.runSince(mapping.name),
    step,
  };
}

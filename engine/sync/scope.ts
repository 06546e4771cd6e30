/** What every function of sync needs of one mapping. */

import type { BrakeKind } from '../config/brake-limits.ts';
import type { Config, Mapping } from '../config/types.ts';
import type { SystemClient } from '../connectors/client.ts';
import type { Fingerprinter } from '../expression/values.ts';
import type { Store } from '../store/store.ts';
import type { BrakeAnswer, RecordRef } from '../store/types.ts';
import type { Pair, SideIndex } from '../types.ts';
import type { AllowanceFacts, OwnWrite } from './facts.ts';
import type { StepHook } from './sync-context.ts';
import type { RecordView } from './view.ts';

/** A side of another mapping with the same entity of the same system. */
export interface Sibling {
  readonly mapping: Mapping;
  readonly side: SideIndex;
}

/** Made by `mappingScope`, for one piece of work. It keeps to the version of the mapping with which that began. */
export interface MappingScope {
  /** The version in force when the work began; it does not change under it. */
  readonly config: Config;
  readonly mapping: Mapping;
  readonly links: Store;
  readonly fingerprinter: Fingerprinter;
  readonly clients: Pair<SystemClient>;
  readonly siblings: Pair<readonly Sibling[]>;
  /** Of any mapping, for references. */
  linksOf(mapping: string): Store;
  /** Of any system, for expressions. */
  clientOf(system: string): SystemClient;
  /** Has records looked at, of this mapping or another one. */
  markDirty(mapping: string, side: SideIndex, ids: readonly string[]): Promise<void>;
  /** Records of these mappings were marked dirty. */
  notifyWorkers(mappings: readonly string[]): void;
  /** The hash of a raw record under this version of the mapping, and under that of a sibling. */
  rawOf(of: Pick<RecordView, 'record'>): string;
  siblingRaw(mapping: Mapping, of: Pick<RecordView, 'record'>): string;
  /**
   * Whether the sides of a sibling were read fully: before that its records go to the waiting room and are not looked
   * at.
   */
  siblingReady(sibling: Sibling): Promise<boolean>;
  /**
   * A record went to the waiting room. A scan that ended since the batch asked whether both sides were read fully has
   * released who waited before this record did: nobody would look at it until a later scan, and mappings that come
   * after this one would wait.
   */
  releaseIfReady(waiting: RecordRef & { readonly mapping: string }): Promise<void>;
  /** The record as a write has just left it, for the looks of sibling mappings; unset where nobody keeps it. */
  readonly deliver?: ((sibling: Sibling, view: RecordView) => void) | undefined;
  /** Our own last writes to a record through other mappings of its entity. */
  siblingWrites(side: SideIndex, id: string | undefined): Promise<readonly OwnWrite[]>;
  /** Epoch ms when both sides had been read fully for the first time; 0: not by a first sync; undefined: they were not. */
  firstRead(): Promise<number | undefined>;
  firstSyncAllowed(): Promise<boolean>;
  /** Whether both sides were read fully. */
  ready(): Promise<boolean>;
  /** What people answered to a brake, by what was wanted. */
  answersTo(brake: string): Promise<Readonly<Partial<Record<BrakeKind, BrakeAnswer>>>>;
  /** How many writes of a kind are allowed. */
  allowanceOf(kind: BrakeKind): Promise<AllowanceFacts>;
  /**
   * The records of a side that were modified since it was last read, asked for once by all who share it; undefined where
   * the entity has no way to ask for them, or there are too many. Without it, searches are made one by one.
   */
  readonly recent?: ((side: SideIndex) => Promise<readonly RecordView[] | undefined>) | undefined;
  /** Whether its version is in force in this very moment; unset where no worker asks. */
  readonly inForce?: (() => Promise<boolean>) | undefined;
  /** Names the worker, for claims. */
  readonly owner: string;
  /** How long claims last unless they are extended, in ms. */
  readonly claimTtl: number | undefined;
  /** The job that does this work, for issues. */
  readonly job: string | undefined;
  /** Epoch ms when the oldest run of this mapping that is under way began. */
  runSince(): Promise<number | undefined>;
  /** Awaited at each named moment, so that tests can end the process there; unset in production. */
  readonly step: StepHook | undefined;
}

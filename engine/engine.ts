/**
 * The engine as a library: the configuration in force, links, queues and runs over one Redis, and the systems. No HTTP
 * server, no console, no process control. A process that only serves HTTP makes one too; `startWorkers` makes it work.
 */
import type { Redis } from 'ioredis';
import type { ConfigStore } from './config/config-store.ts';
import type { Config, Mapping } from './config/types.ts';
import type { SystemStatus } from './connectors/circuit.ts';
import type { SystemClient } from './connectors/client.ts';
import type { CallInfo } from './connectors/host.ts';
import type { Connectors } from './connectors/registry.ts';
import type { ErrorCode } from './errors.ts';
import type { Fingerprinter } from './expression/values.ts';
import type { Logger } from './logger.ts';
import type { Outcome } from './model/outcome.ts';
import type { Retirements } from './queue/retirements.ts';
import type { VersionOptions, Versions } from './queue/versions.ts';
import type { Queues } from './runtime/queues.ts';
import type { Brake } from './store/brake.ts';
import type { Dirty } from './store/dirty.ts';
import type { KeptFingerprinter } from './store/fingerprints.ts';
import type { Run, Runs } from './store/runs.ts';
import type { Store } from './store/store.ts';
import type { Throughput } from './store/throughput.ts';
import type { RunKind } from './sync/scan.ts';
import type { StepHook, SyncContext } from './sync/sync-context.ts';
import type { Tracing } from './tracing.ts';
import type { SideIndex } from './types.ts';

/** What a process gives to its engine. Callbacks are called where things happen, and not awaited. */
export interface EngineOptions {
  readonly redisUrl: string;
  /** First part of every Redis key; several Tandems may share one Redis under different prefixes. */
  readonly prefix?: string;
  readonly config: ConfigStore;
  /** Makes the fingerprints that are stored: `openFingerprinter`. */
  readonly fingerprinter: Fingerprinter & Partial<KeptFingerprinter>;
  /** Key for OAuth tokens at rest; needed only for systems with oauth2. */
  readonly encryptionKey?: string | undefined;
  readonly logger?: Logger;
  /** How long a worker may hold a record without a sign of life before another takes it over, in ms; default 30,000. */
  readonly claimTtl?: number;
  /** Milliseconds before the first try again, of a call in place and of a job; by default 200 and 1,000. */
  readonly retryDelay?: number | undefined;
  /** How often processes tell each other which versions of the mappings they have. */
  readonly versions?: VersionOptions;
  /** Awaited at each named moment of a reconcile: for tests that end the process there, or see by which reading it writes. */
  readonly step?: StepHook;
  readonly tracing?: Tracing;
  /** Kinds of connectors beside those that Tandem has. */
  readonly connectors?: Connectors;
  readonly onCall?: (call: CallInfo) => void;
  readonly onOutcome?: (event: OutcomeEvent) => void;
  readonly onFailure?: (failure: FailureEvent) => void;
  readonly onBrake?: (event: BrakeEvent) => void;
}

/** What one reconcile came to. */
export interface OutcomeEvent {
  readonly mapping: string;
  /** Names of the sides. */
  readonly sides: readonly [string, string];
  readonly side: SideIndex;
  readonly id: string;
  readonly outcome: Outcome;
  /** How long it took. */
  readonly ms: number;
  /** Per side: milliseconds from a change on the other side until it was written here; undefined where none was. */
  readonly arrived: readonly [number | undefined, number | undefined];
}

/** A try that came to nothing, and what becomes of the work. */
export interface FailureEvent {
  readonly mapping: string;
  readonly work: 'reconcile' | 'scan';
  readonly code: ErrorCode;
  /** `postponed`: it waits for quota or for another worker; `retried`: it is tried again; `failed`: it is not. */
  readonly result: 'postponed' | 'retried' | 'failed';
}

/** The brake of a mapping went on or off. */
export interface BrakeEvent {
  readonly mapping: string;
  readonly on: boolean;
  readonly brake: Brake;
}

/** Which run is to begin: a scan of the mapping, or a look at one record of it. */
export interface TriggerRequest {
  readonly mapping: string;
  readonly scan?: RunKind;
  readonly record?: { readonly side: SideIndex; readonly id: string };
  readonly plan?: boolean;
  /** The group run that this one belongs to. */
  readonly group?: string;
}

/** One per process, made by `createEngine`. While Redis is lost, commands wait for it, without a limit of time. */
export interface Engine {
  readonly options: EngineOptions;
  readonly prefix: string;
  readonly logger: Logger;
  readonly redis: Redis;
  readonly config: ConfigStore;
  readonly queues: Queues;
  /** Records that are to be looked at. */
  readonly dirty: Dirty;
  readonly throughput: Throughput;
  readonly runs: Runs;
  readonly versions: Versions;
  readonly retirements: Retirements;
  /** @throws TandemError NOT_FOUND */
  mapping(name: string): Mapping;
  /** @param config the configuration under which the work began: its rules are those of the store */
  links(mapping: string, config?: Config): Store;
  /**
   * @param config the configuration under which the work began; what it has of the system is kept until the next edit but one
   * @throws TandemError NOT_FOUND; STARTUP_REFUSED where the system cannot be used as it is set up
   */
  client(system: string, config?: Config): SystemClient;
  /** How each system that this process has called stands, by name. */
  statuses(): Record<string, SystemStatus>;
  /** A context for work that begins now, under the configuration in force now. */
  context(work: {
    owner: string;
    job?: string;
    config?: Config;
    /** The run that the work is for: what is queued of its mapping counts there. Else in every run under way. */
    run?: Pick<Run, 'id' | 'mapping'>;
  }): SyncContext;
  /** Begins a run, or returns the one that does the same already. @throws TandemError NOT_FOUND */
  trigger(request: TriggerRequest, by?: Run['trigger']): Promise<{ run: Run; started: boolean }>;
  /** Begins a run of every mapping, or returns the one that does the same already. */
  triggerAll(request: { scan: RunKind; plan?: boolean }): Promise<{ run: Run; started: boolean }>;
  /** Queues whatever concerns the records named by a system's webhook. @returns how many records were queued */
  events(system: string, events: readonly { event: string; id: string }[]): Promise<number>;
  close(): Promise<void>;
}

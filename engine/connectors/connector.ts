/**
 * What the engine needs of a system: the interface that every kind of connector implements. `http/` is the first kind.
 * A new kind implements `Connector`, is registered under a name (registry.ts), and passes the conformance suite
 * (tests/integration/connectors/conformance.ts) against a real server.
 *
 * Every method throws TandemErrors only. Their codes decide what happens next (engine/errors.ts), so a connector chooses them
 * with care: a lost response to a create is OUTCOME_UNKNOWN and never SYSTEM_UNAVAILABLE, else the record is created twice.
 */
import type { Redis } from 'ioredis';
import type { SystemConfig } from '../config/types.ts';
import type { TandemError } from '../errors.ts';
import type { WritablePath } from '../expression/path.ts';
import type { Attributes } from '../tracing.ts';
import type { JsonObject, SystemRecord } from '../types.ts';
import type { SystemClock } from './clock.ts';

/** A system as the engine sees it: what can be done with the records of its entities. */
export interface Connector {
  /**
   * What can be done with the records of an entity, by the configuration alone: no call is made. The answer stays the same
   * as long as the connector is open. @throws TandemError CONFIG_REFERENCE where there is no such entity
   */
  capabilities(entity: string): Capabilities;

  /**
   * One cheap call that shows whether the system is there and accepts the credentials. It changes nothing and takes no
   * retries of its own. @param entity whose records are meant to be worked on next
   */
  check(entity: string): Promise<void>;

  /**
   * Streams all records page by page; with `since`, at least those that changed from then on. Records may come twice, and
   * in any order, but none may be missing: a list that ends early throws, it never just stops.
   */
  list(entity: string, options?: ListOptions): AsyncGenerator<Page>;

  /**
   * The record as it is now, or undefined where the system says that it does not exist. A record under another id is
   * returned as it is: what that means is decided by the engine. One that is shown as deleted does not exist. An empty or
   * unreadable response is an error, no deletion.
   */
  read(entity: string, id: string): Promise<SystemRecord | undefined>;

  /**
   * Records whose `field` equals `value`, both trimmed; without regard to case where the system searches so. Others are
   * left out, whatever the system finds. @throws TandemError OPERATION_UNSUPPORTED where it cannot be searched so
   */
  find(entity: string, field: string, value: string): Promise<SystemRecord[]>;

  /**
   * Creates one record and returns it as the system shows it. Where it may have been created and is not known, or cannot be
   * read, it throws OUTCOME_UNKNOWN, with the id in the context where that is known.
   */
  create(entity: string, data: JsonObject, options?: CreateOptions): Promise<SystemRecord>;

  /**
   * Writes the changed paths of one record and returns it as the system shows it then. With a version, only if the record
   * still has it. @throws TandemError RECORD_CHANGED where it has another one, SYSTEM_NOT_FOUND where it is gone
   */
  update(entity: string, id: string, change: Change, options?: UpdateOptions): Promise<SystemRecord>;

  /** Deletes one record. One that is gone already is a success. */
  delete(entity: string, id: string, options?: WriteOptions): Promise<void>;

  /** Ends its connections, once calls under way are over. */
  close(): Promise<void>;
}

/** What the engine may ask for, and what it may rely on. */
export interface Capabilities {
  /** Records state when they were last modified: `SystemRecord.modified`. */
  readonly modified: boolean;
  /** All records can be listed; `since`: also only those that changed. */
  readonly list: { readonly since: boolean } | undefined;
  readonly read: boolean;
  /** Paths of the fields by which records can be searched for. */
  readonly find: readonly string[];
  /** `returns`: what the response of the system holds; `idempotent`: a create repeated with its key makes no second record. */
  readonly create: { readonly returns: 'record' | 'id'; readonly idempotent: boolean } | undefined;
  /** `versioned`: a record that changed since it was read is not overwritten. */
  readonly update: { readonly returns: 'record' | 'nothing'; readonly versioned: boolean } | undefined;
  readonly delete: boolean;
}

/** Which records a list holds, and where it begins. */
export interface ListOptions {
  /** ISO 8601. Without it, or where `capabilities` offers no `since`, all records are listed. */
  readonly since?: string | undefined;
  /** Ms before `since` from which is listed, in place of what the system declares. */
  readonly overlap?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * The checkpoint of a page of the same list: it begins with that page. Where that cannot be, it throws
   * CheckpointLost before its first page. A kind that makes no checkpoints is given none.
   */
  readonly from?: unknown;
}

/** A list cannot be read on from a checkpoint: it has to be read from its beginning. */
export class CheckpointLost extends Error {}

/** A page of a list, as `Connector.list` yields it. */
export interface Page {
  readonly records: readonly SystemRecord[];
  /** Number of the page in its list, from 1. */
  readonly number: number;
  /** What the clock of the system showed when the first page was requested, in epoch ms; undefined where it states no time. */
  readonly listedAt?: number | undefined;
  /** From it the list can be read on, by another process too: plain JSON, of at most 10 kB. */
  readonly checkpoint?: unknown;
  /** Ids of records that the list still shows, though they were deleted. */
  readonly deleted?: readonly string[];
  /** Records that could not be read. */
  readonly failed: readonly { readonly id: string; readonly error: TandemError }[];
  /** Records without a usable id, of which nothing can be made: how many, and the first of them. */
  readonly unidentified: { readonly count: number; readonly first: readonly Unidentified[] };
}

/** A record in a list without a usable id. */
export interface Unidentified {
  /** In its page, from 0. */
  readonly position: number;
  readonly error: TandemError;
}

/** What the engine hands along with each write. */
export interface WriteOptions {
  /**
   * Called right before the bytes leave, at each try: what it throws ends the write, and nothing was sent. There is another try
   * only where the system refused the one before, or was not reached by it.
   */
  readonly guard?: (() => void) | undefined;
}

/** What the engine hands along with an update. */
export interface UpdateOptions extends WriteOptions {
  /**
   * Called once the system has taken the update, before anything else is asked of it. A reading of the record that fails after
   * that does not undo it; where this was not called, it counts as refused by whatever error has a status of 4xx.
   */
  readonly taken?: (() => void) | undefined;
}

/** What the engine hands along with a create. */
export interface CreateOptions extends WriteOptions {
  /** The same for each try of one create. */
  readonly idempotencyKey?: string | undefined;
}

/** What an update writes: the paths in `changed`, with their values in `data`. */
export interface Change {
  /** The whole new normalized record. */
  readonly data: JsonObject;
  /** The paths that differ from what was read. */
  readonly changed: readonly WritablePath[];
  /** Of the record that was read, where the system has one. */
  readonly version?: string | undefined;
  /** What was read: by it a record that did not change is known, where the version says otherwise. */
  readonly before?: JsonObject;
}

/** Makes a connector. @throws TandemError STARTUP_REFUSED where the system cannot be used as it is set up */
export type OpenConnector = (config: SystemConfig, host: ConnectorHost) => Connector;

/** What the engine gives to a connector: every call to the system passes through `call`, which needs no code of its own. */
export interface ConnectorHost {
  /**
   * Does one call: ends it at once while the system is down, measures it, and tries again what does no harm.
   * @param work makes the exchanges of one try, each within a turn; it may be called several times
   */
  call<T>(call: SystemCall, work: (turn: Turn) => Promise<Called<T>>): Promise<T>;
  /** Lets no process call the system for so long, in ms; without a time for one that doubles. @returns ms until it ends */
  pause(ms: number | undefined): Promise<number>;
  /** Compares the times that responses state with the clock of Redis. */
  readonly clock: SystemClock;
  /** For what the processes have to share, such as tokens. */
  readonly redis: Redis;
  /** First part of every Redis key, without a colon at its end. */
  readonly prefix: string;
  /** For secrets that are stored: `new,old` while the key is being changed. */
  readonly encryptionKey: string | undefined;
  /** Epoch milliseconds. */
  now(): number;
}

/** Waits for a slot and for the limits of the system, then does one exchange. */
export type Turn = <R>(exchange: () => Promise<R>) => Promise<R>;

/** What is done with records, for measures and traces; `webhook` is what registers those of Tandem. */
export type Operation = 'list' | 'read' | 'find' | 'create' | 'update' | 'delete' | 'webhook';

/** What a call changes in the system. `create` is the one thing whose repetition does harm. */
export type Effect = 'read' | 'create' | 'update' | 'delete';

/** One call to a system, as `ConnectorHost.call` wants to know it beforehand. */
export interface SystemCall {
  readonly entity: string;
  readonly operation: Operation;
  /** What the call changes, where that does not follow from its operation. */
  readonly effect?: Effect | undefined;
  /** What is asked for. Failures of one address may be the fault of one record; failures of several are the system's. */
  address(): string;
  readonly signal?: AbortSignal | undefined;
  /** It is not tried again in place. */
  readonly once?: boolean | undefined;
  /** For traces: names as declared, never values. */
  readonly span: { readonly name: string; readonly attributes: Attributes };
}

/** What a call came to. */
export interface Called<T> {
  readonly value: T;
  readonly status?: number | undefined;
  /** How many calls the system says are left, where it says so. */
  readonly quotaLeft?: number | undefined;
}

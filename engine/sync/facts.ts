/**
 * What `decide` knows. Facts are gathered one question at a time and only as they are needed; `undefined` means not asked
 * yet. Redis facts (`StoredFacts`) come before system facts, and several units may be given theirs at once by a batch.
 */
import type { BrakeKind } from '../config/brake.ts';
import type { Mapping } from '../config/types.ts';
import type { TandemError } from '../errors.ts';
import type { Brake, BrakeAnswer } from '../links/brake.ts';
import type { PropertyState, PropertyWrite } from '../merge/merge.ts';
import type { PendingCreate, RecordKey, TakenUnit } from '../store/types.ts';
import type { JsonObject, Pair, SideIndex, SystemRecord } from '../types.ts';
import type { RecordView } from './view.ts';

/** One record to bring into agreement with its counterpart. */
export interface Unit {
  readonly side: SideIndex;
  readonly id: string;
  /** The record as a page has just delivered it: used instead of a read where `isCurrent` says so. */
  readonly known?: DeliveredRecord | undefined;
  /** Where a batch has asked Redis for many units at once; without it, it is asked for this one. */
  readonly stored?: StoredFacts | undefined;
}

export interface DeliveredRecord {
  readonly record: SystemRecord;
  /** Epoch ms on Redis' clock when the page was requested. */
  readonly requestedAt: number;
  /** The revision counter of the mapping when the page was requested: a link with a higher one was committed since. */
  readonly revision: number;
}

/** What Redis knows of a unit, under its claims. */
export interface StoredFacts extends Pick<TakenUnit, 'link' | 'unlinked' | 'open' | 'recent'> {
  /** The brake that is on. */
  readonly brake: Brake | undefined;
  /** What people answered to the brake that blocked this unit (`Issue.brake`), by what the unit wanted to do. */
  readonly answered: Readonly<Partial<Record<BrakeKind, BrakeAnswer>>>;
  /** Both sides were read fully once: before that nothing is matched or created. */
  readonly ready: boolean;
  /** Epoch ms when both sides had been read fully for the first time; 0: not by a first sync; undefined: they were not. */
  readonly firstRead: number | undefined;
  /** Names the present match rules and correlations. */
  readonly rules: string;
  /** Our own last write to each record through any mapping of its entity. */
  readonly ownWrites: Pair<OwnWrite | undefined>;
}

/** Our own last write to a record of a system, through whatever mapping. */
export interface OwnWrite {
  /** Modification time of the record after it, as the system states it, ISO 8601: a record with this time was edited by nobody since. */
  readonly at: string;
  /** Modification time of the last edit that was not ours, as far as it is known. */
  readonly before: string | undefined;
}

/** What a system answered when it was asked for a record. */
export type RecordFact =
  | {
      readonly kind: 'present';
      readonly view: RecordView;
      /** `read`: by its id; `list`: by a page or a search, so without a version; `response`: to our own write. */
      readonly from: 'read' | 'list' | 'response';
      /** The id that was asked for; `view.record.id` is the one that was answered. */
      readonly askedFor: string;
      /** Counts the answers of this unit: the one with the highest number is the youngest. */
      readonly order: number;
    }
  | { readonly kind: 'absent' }
  /** It is there, but an expression of the mapping or system file fails on it; another try would meet the same. */
  | { readonly kind: 'unreadable'; readonly error: TandemError };

/** Free records that the record names, or that name it (`correlate`), read again. */
export interface CorrelationFacts {
  readonly partners: readonly RecordView[];
  /** The record that it names is linked to another one. */
  readonly namedIsLinked: boolean;
  /** Other records of its own side that are named by its only partner, or name it. */
  readonly rivals: readonly RecordView[];
  /** Whom match rules find for either of the two, where they have no match key in common. */
  readonly matched: readonly RecordKey[];
}

/** What one match rule finds. */
export interface RuleFacts {
  /** Free records of the other side with the same match key, read again. None that a better rule pairs with another record. */
  readonly candidates: readonly RecordView[];
  /** Whom these name, or who names them, without a match key in common: that makes the candidates doubtful. */
  readonly doubtful: readonly RecordKey[];
  /** Free records of its own side with the same match key. */
  readonly rivals: readonly RecordView[];
}

/** What was found of a create that was begun and not confirmed. */
export type UnconfirmedCreate =
  | { readonly kind: 'found'; readonly view: RecordView }
  | { readonly kind: 'not-created' }
  /** The target cannot be searched, or several records may be the result. */
  | { readonly kind: 'unknown' };

/** A create on this record's own side that is open, and may have made this record. */
export interface OpenCreate {
  /** Its source, on the other side. */
  readonly source: string;
  readonly pending: PendingCreate;
  /** Somebody works on it right now. */
  readonly underWay: boolean;
}

/** What would be sent to create the counterpart. */
export type NewRecord =
  | { readonly ok: true; readonly writes: readonly PropertyWrite[]; readonly data: JsonObject }
  | { readonly ok: false; readonly error: TandemError; readonly refs: readonly Reference[] };

export interface Reference {
  readonly mapping: string;
  readonly side: SideIndex;
  readonly id: string;
}

/** Conversions of a pair, as the merge takes them. */
export interface Conversions {
  readonly properties: readonly PropertyState[];
  /** Records without a link that a reference names. */
  readonly refs: readonly Reference[];
}

/** How many writes of a kind are allowed now. */
export interface AllowanceFacts {
  readonly limit: number;
  readonly linked: number;
  /** Epoch ms since when writes count, where a run is under way. */
  readonly since: number | undefined;
}

/** What a person decides now, by hand. */
export type Choice =
  | { readonly kind: 'link'; readonly ids: Pair<string> }
  | { readonly kind: 'unlink'; readonly ids: Pair<string> }
  | { readonly kind: 'create' }
  /** Conflicts that wait for a person: the winner of all, or of single properties. */
  | {
      readonly kind: 'resolve-conflict';
      readonly winner: SideIndex | undefined;
      readonly properties: ReadonlyMap<string, SideIndex>;
    }
  | { readonly kind: 'delete' }
  | { readonly kind: 'dismiss' }
  /** A value of the history becomes the value of its side again, and wins. */
  | { readonly kind: 'restore'; readonly property: string; readonly side: SideIndex; readonly value: unknown };

/** What the effects so far came to; each is known once its action was carried out. */
export interface Results {
  /** In the match index, with its match keys claimed. */
  readonly locked?: true;
  /** The pending writes, the pending create or the delete is noted, and the brake has let it through. */
  readonly begun?: PendingCreate | true;
  readonly overwrittenKept?: true;
  readonly written: Pair<WriteResult | undefined>;
  readonly created?: CreateResult;
  readonly deleted?: true;
  /** False: the system does not take it. */
  readonly correlated: Pair<boolean | undefined>;
  readonly committed?: true;
}

export type WriteResult =
  /** `refused`: properties that were left out, because the target's schema does not take their values. */
  | { readonly kind: 'done'; readonly view: RecordView; readonly refused?: TandemError | undefined }
  | { readonly kind: 'rejected'; readonly error: TandemError };

export type CreateResult =
  | { readonly kind: 'created'; readonly view: RecordView }
  | { readonly kind: 'rejected'; readonly error: TandemError };

export interface Facts {
  readonly mapping: Mapping;
  readonly side: SideIndex;
  readonly id: string;
  readonly stored: StoredFacts;
  readonly choice?: Choice | undefined;
  readonly records: Pair<RecordFact | undefined>;
  readonly waitedFor?: boolean;
  readonly correlation?: CorrelationFacts;
  /** By the index of the match rule. */
  readonly rules: readonly RuleFacts[];
  /** Records of the other side that name this one, as the system finds them: asked after the rules. */
  readonly searched?: CorrelationFacts;
  /** Whether the record that this one names exists. */
  readonly namedExists?: boolean;
  readonly unconfirmed?: UnconfirmedCreate;
  readonly openCreates?: readonly OpenCreate[];
  /** Candidates of an earlier review that still exist and are in scope; record keys. */
  readonly formerCandidates?: { readonly matching: readonly RecordKey[]; readonly present: readonly RecordKey[] };
  /** Creates that were begun for either record of a match and never confirmed. */
  readonly pendingCreates?: Pair<PendingCreate | undefined>;
  readonly newRecord?: NewRecord;
  readonly conversions?: Conversions;
  readonly allowance?: AllowanceFacts;
  /** Looked at a second time before a delete, and still absent. */
  readonly absentTwice?: boolean;
  readonly results: Results;
}

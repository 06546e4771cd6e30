/**
 * What `decide` knows. Facts are gathered one question at a time and only as they are needed; `undefined` means not asked
 * yet. Redis facts (`StoredFacts`) come before system facts, and several units may be given theirs at once by a batch.
 */
import type { BrakeKind } from '../config/brake-limits.ts';
import type { Mapping } from '../config/types.ts';
import type { Capabilities } from '../connectors/connector.ts';
import type { TandemError } from '../errors.ts';
import type { Fingerprint, Fingerprinter } from '../expression/values.ts';
import type { PropertyState, PropertyWrite } from '../merge/merge.ts';
import type { Brake, BrakeAnswer } from '../store/brake.ts';
import type { Overwritten } from '../store/history.ts';
import type { Link, PendingCreate, PendingWrites, RecentWrite, RecordKey, TakenUnit } from '../store/types.ts';
import type { JsonObject, Pair, SideIndex, SystemRecord } from '../types.ts';
import type { RecordView } from './view.ts';

/** One record to bring into agreement with its counterpart. */
export interface Unit {
  readonly side: SideIndex;
  readonly id: string;
  /** Both records of the link are to be looked at, not only the one that is named. */
  readonly both?: boolean;
  /** A record of the unit as a page has just delivered it: used instead of a read where `isCurrent` says so. Asked once. */
  readonly known?: ((side: SideIndex) => DeliveredRecord | undefined) | undefined;
  /** The job that stands for the record, for issues. */
  readonly job?: string | undefined;
}

export interface DeliveredRecord {
  readonly record: SystemRecord;
  /** Of the mapping by which it was read and viewed. Under another one, each value of the view may belong to another property. */
  readonly version: string;
  /** As this mapping sees it, where that is known already. */
  readonly view?: RecordView | undefined;
  readonly from: 'list' | 'response';
  /** `performance.now()` when the page was requested, or the response was there. */
  readonly requestedAt: number;
  /**
   * The revision counter of the mapping when the page was requested: a link with a higher one was committed since. Undefined: not
   * known.
   */
  readonly revision: number | undefined;
  /**
   * Of a record without a link: the hash of its raw form as it was last handled when the page was looked at, '' for never. Where it
   * is another one by now, somebody has handled a later reading. Undefined: not known.
   */
  readonly handled?: string | undefined;
}

/** What Redis knows of a unit, under its claims. */
export interface StoredFacts extends Pick<TakenUnit, 'open' | 'recent'> {
  readonly link: TakenUnit['link'] | undefined;
  readonly unlinked: TakenUnit['unlinked'] | undefined;
  /** The revision at which a link of the mapping ended last. */
  readonly lastEnd: number;
  /** The brake that is on. */
  readonly brake: Brake | undefined;
  /** What people answered to the brake that blocked this unit (`Issue.brake`), by what the unit wanted to do. */
  readonly answered: Readonly<Partial<Record<BrakeKind, BrakeAnswer>>>;
  /** Both sides were read fully once: before that nothing is matched or created. */
  readonly ready: boolean;
  /** Epoch ms when both sides had been read fully for the first time; 0: not by a first sync; undefined: they were not. */
  readonly firstRead: number | undefined;
  /** A person allowed the first sync to create as much as there is. */
  readonly firstSyncAllowed: boolean;
  /** Names the present match rules and correlations. */
  readonly rules: string;
  /** Our own last write to each record, through each mapping of its entity. */
  readonly ownWrites: Pair<readonly OwnWrite[]>;
  /** Epoch ms on Redis' clock when this was asked for. */
  readonly now: number;
  /** `performance.now()` then. */
  readonly takenAt: number;
}

/** Our own last write to a record of a system through one mapping. Times are epoch ms, as the system states them. */
export interface OwnWrite {
  /** When it modified the record: one with this modification time was edited by nobody since. */
  readonly at: number;
  /** When somebody else modified it last before that, as far as it is known. */
  readonly before: number | undefined;
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
      /** `performance.now()` when it was answered, by its id or to our own write. */
      readonly readAt?: number;
      /** Where it was not read for this unit: how long ago a page or a response showed it, in ms. */
      readonly shownAgo?: number;
    }
  | { readonly kind: 'absent' }
  /** The system answered another record than was asked for; `id` is the one that it answered. */
  | { readonly kind: 'other'; readonly id: string }
  /** It is there, but an expression of the mapping or system file fails on it; another try would meet the same. */
  | { readonly kind: 'unreadable'; readonly error: TandemError };

/** A linked record of the other side whose counterpart is gone or was merged into another record, read again. */
export interface Survivor {
  readonly view: RecordView;
  readonly link: Link;
  /** A person decided that it stays without a counterpart. */
  readonly kept: boolean;
  /** The system answers another record for its counterpart: the two were merged there. */
  readonly merged?: boolean;
}

/** Free records that the record names, or that name it (`correlate`), read again. */
export interface CorrelationFacts {
  readonly partners: readonly RecordView[];
  /** The record that it names is linked to another one. */
  readonly namedIsLinked: boolean;
  /** The record that it names, where that is linked to one that is gone. */
  readonly survivor?: Survivor | undefined;
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
  /** Where there is no candidate: linked records with the same match key whose counterpart is gone. */
  readonly survivors?: readonly Survivor[];
}

/** Records of the target that an unconfirmed create may have made, and how they were looked for. */
export interface FoundRecords {
  /** `search`: by the id that the create is known to have made, the correlation id or a match key; `recent`: what changed since the create began; `nothing`: it cannot be searched. */
  readonly by: 'search' | 'recent' | 'nothing';
  readonly records: readonly {
    readonly view: RecordView;
    readonly linked: boolean;
    readonly firstSeen: number | undefined;
  }[];
  /** Other unconfirmed creates from the same side. */
  readonly others: readonly { readonly source: string; readonly pending: PendingCreate }[];
}

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
  /** It has been looked at and has no counterpart; false: it may get one. */
  readonly settled: boolean;
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
  | { readonly kind: 'restore'; readonly entry: Overwritten; readonly property: string; readonly side: SideIndex };

/** What is known of a candidate that is about to be linked. */
export interface PartnerFacts {
  readonly link: Link | undefined;
  readonly pendingCreate: PendingCreate | undefined;
  readonly pendingWrites: PendingWrites | undefined;
  /** Id of the job that failed on it for good. */
  readonly failedJob: string | undefined;
  readonly ownWrites: readonly OwnWrite[];
}

/** A value of the history as it would be written: to its own side, and what it becomes on the other one, if it flows there. */
export type RestoredValue =
  | { readonly ok: true; readonly write: PropertyWrite; readonly toward: Fingerprint | undefined }
  | { readonly ok: false; readonly error: TandemError };

/** What the effects so far came to; each is known once its action was carried out. */
export interface Results {
  /** Claims taken beside those of the unit. */
  readonly locked: readonly string[];
  /** The record is in the match index under its present keys. */
  readonly indexed?: boolean;
  /** What is begun is noted, and the brake has let it through. `key`: that of the pending create; `record`: under which. */
  readonly begun?: { readonly key: string | undefined; readonly record?: RecordKey };
  readonly overwrittenKept?: true;
  /** It is noted what the first of two systems made of the values that it was sent. */
  readonly shownNoted?: true;
  readonly written: Pair<WriteResult | undefined>;
  readonly created?: CreateResult;
  /** It is noted since when the result of an unconfirmed create is not found. */
  readonly notFoundNoted?: true;
  /** The pending create is dropped: nothing was created. */
  readonly withdrawn?: true;
  readonly deleted?: true;
  /** The system rejected the delete. */
  readonly notDeleted?: TandemError;
  /** `view`: the record as it is then. False: the system does not take it. An error is one that another try may not meet. */
  readonly correlated: Pair<{ readonly view: RecordView } | false | { readonly error: TandemError } | undefined>;
  /** Ids of links that ended within this unit, where another link follows. */
  readonly ended?: readonly Pair<string>[];
  /** Revision of the link after a commit that was not the last. */
  readonly committed?: number;
  /** What became of a value that was put back; empty where its record held it already. */
  readonly restored?: RestoreResult;
}

export type WriteResult =
  /** `refused`: properties were left out, because the target's schema does not take their values. */
  | {
      readonly kind: 'done';
      readonly view: RecordView;
      readonly properties: readonly string[];
      /** Epoch ms on Redis' clock when the response was there: it may have waited for quota. Undefined: when the unit was taken. */
      readonly at?: number;
      readonly refused?: TandemError | undefined;
    }
  | { readonly kind: 'rejected'; readonly error: TandemError };

export interface RestoreResult {
  /** The record after the value was written. */
  readonly view?: RecordView;
  /** Our own write, as it is remembered. `at`: epoch ms on Redis' clock when the response was there. */
  readonly wrote?: Pick<RecentWrite, 'property' | 'side' | 'before' | 'sent' | 'at'>;
}

export type CreateResult =
  | { readonly kind: 'created'; readonly view: RecordView }
  /** Nothing was created. */
  | { readonly kind: 'rejected'; readonly error: TandemError };

export interface Facts {
  readonly mapping: Mapping;
  /** What the system of each side offers for its entity. */
  readonly capabilities: Pair<Capabilities>;
  readonly side: SideIndex;
  readonly id: string;
  /** Both records of the link are to be looked at. */
  readonly both?: boolean | undefined;
  /** A new random key, for a create. */
  readonly key: string;
  readonly fingerprinter: Fingerprinter;
  readonly stored: StoredFacts;
  readonly choice?: Choice | undefined;
  readonly records: Pair<RecordFact | undefined>;
  /** Other records wait for the link of this one. */
  readonly waitedFor?: boolean;
  readonly correlation?: CorrelationFacts | undefined;
  /** By the index of the match rule. */
  readonly rules: readonly (RuleFacts | undefined)[];
  /** Records of the other side that name this one, as the system finds them: asked after the rules. */
  readonly searched?: CorrelationFacts;
  /** Whether the record that this one names exists. */
  readonly namedExists?: boolean;
  /** What may be the result of this record's own unconfirmed create. */
  readonly found?: FoundRecords;
  readonly openCreates?: readonly OpenCreate[];
  /** Candidates of an earlier review that are linked by now and have a match key in common with this record. */
  readonly matching?: readonly RecordKey[];
  /** Whether one of the candidates of an earlier review exists and is in scope. */
  readonly candidatesExist?: boolean;
  readonly partner?: PartnerFacts | undefined;
  readonly newRecord?: NewRecord;
  readonly conversions?: Conversions;
  readonly allowance?: AllowanceFacts;
  /** Whom the record is linked to that was answered for another one; null: nobody. */
  readonly winnersCounterpart?: string | null;
  /** Free records that could take the place of the one that is gone, read again. */
  readonly successors?: readonly RecordKey[];
  /** By record: looked at a second time before a delete or the end of a link, and whether it is still absent. */
  readonly absentTwice?: Readonly<Record<RecordKey, boolean>>;
  readonly restored?: RestoredValue;
  readonly results: Results;
}

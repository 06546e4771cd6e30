/**
 * What is stored of one mapping, and the batch operations on it. Every operation is one Lua script and one round trip,
 * however many records it concerns. All times are epoch ms of Redis' clock unless a comment says otherwise.
 */
import type { BrakeKind } from '../config/brake-limits.ts';
import type { ErrorCode } from '../errors.ts';
import type { Base, Pair, SideIndex } from '../types.ts';

/**
 * A keyed fingerprint: 8 bytes of HMAC-SHA256 as 11 characters of base64url. '' stands for an empty value, '?'
 * (`UNKNOWN_VALUE`) for a value that is unknown and so differs from every other.
 */
export type Token = string;

export const UNKNOWN_VALUE: Token = '?';

/** `SIDE/ID`: a record within its mapping. */
export type RecordKey = string;

/** A record of a mapping: its side, and its id in the system of that side. */
export interface RecordRef {
  readonly side: SideIndex;
  readonly id: string;
}

/** Own writes are remembered for so long, in ms. */
export const RECENT = 900_000;

// ---------------------------------------------------------------- the brake

/**
 * What a person answers to a brake: what it blocks is done (`continue`) or left undone (`discard`). See `answerBrake`.
 */
export type BrakeAnswer = 'continue' | 'discard';

/** A brake that is on. */
export interface Brake {
  readonly id: string;
  /** What there was too much of. */
  readonly kind: BrakeKind;
  /** Whether a scan did not see records, or writes were counted one by one. */
  readonly by: 'scan' | 'writes';
  /** Records concerned when it went on, or in the latest scan; more than `limit`, which `linked` gives sense to. */
  readonly count: number;
  readonly limit: number;
  readonly linked: number;
  /** Epoch ms. */
  readonly since: number;
  /** Set while an answer is carried out. */
  readonly answer?: BrakeAnswer;
}

/** A write that wants to be done. */
export interface Allowance {
  readonly kind: BrakeKind;
  /** Creates of the first sync are counted by themselves; undefined: among its kind. */
  readonly counter?: 'firstSync';
  /** Name of the record: consumed once, however often the write is tried. */
  readonly record: string;
  readonly limit: number;
  readonly linked: number;
  /** Epoch ms since when writes count, if that is longer ago than the usual time. */
  readonly since: number | undefined;
}

// ---------------------------------------------------------------- links

/**
 * What is still to be done about the correlation id in a record of a link. `new`: the link was just made, so that
 * what the record names is replaced; `open`: only where it names nobody; `refused`: the system did not take it, so that
 * it waits for another state of the record or of the mapping.
 */
export type CorrelationNote = 'new' | 'open' | 'refused';

export interface Link {
  readonly ids: Pair<string>;
  /** Fence: each commit of the mapping takes a higher number, so none ever comes twice for the same records. */
  readonly revision: number;
  readonly created: number;
  /** Tokens and definition per property of the last agreement; a property without an entry had no first contact yet. */
  readonly base: Base;
  /** Properties whose written value was read back differently, once. */
  readonly unconfirmed: readonly string[];
  readonly correlation: Pair<CorrelationNote | undefined>;
  /** When our own last write modified the record, on the clock of its system, in epoch ms; 0: never written. */
  readonly ownWriteAt: Pair<number>;
  /** When somebody else had modified the record last before that, on the same clock; 0: never, as far as it is known. */
  readonly foreignAt: Pair<number>;
  /** The state in which the record was last brought into agreement; '': it must be looked at. */
  readonly lastSynced: Pair<Token>;
  /** The raw record as it was last handled, mapping version included by the caller; '': not known. */
  readonly raw: Pair<Token>;
}

/** What is known of a record without a link. */
export interface UnlinkedRecord {
  /** When it was first indexed; undefined: not yet, as of a record that could not be read. */
  readonly firstSeen: number | undefined;
  /** The state in which it was last handled (free text up to 255 bytes); '': it must be looked at; undefined: never handled. */
  readonly state: string | undefined;
  /** Per match rule; '' where it has none, or is nobody's candidate. */
  readonly matchKeys: readonly Token[];
  /** The correlation id that it names, as a token; '' where it names nobody. */
  readonly correlationId: Token;
  readonly raw: Token;
}

// ---------------------------------------------------------------- what is open

/** Why a record is not in agreement: the one list, from which types, the HTTP schema, metrics and the CLI follow. */
export const ISSUES = {
  failed: 'it cannot be synced until somebody corrects the record or the mapping',
  waiting: 'it waits for the link of a record that it refers to',
  blocked: 'the brake of its mapping is on',
  review: 'a person must decide',
  unmatched: 'it has no counterpart, and the mapping creates none; nothing to do',
  paused: '`when` leaves it out, and its link stays; nothing to do',
  orphaned: 'its counterpart was deleted, and it stays; nothing to do',
} as const;

/** Why a record waits, in one word: as HTTP, the label `kind` of metrics and `--kind` have it. */
export type IssueKind = keyof typeof ISSUES;
/** The keys of `ISSUES`, in its order. */
export const ISSUE_KINDS = Object.keys(ISSUES) as readonly IssueKind[];

/** Why a record is not in agreement. Reasons are plain words and name properties, never values. */
export interface Issue {
  readonly kind: IssueKind;
  readonly code?: ErrorCode;
  readonly reason: string;
  readonly property?: string;
  /** Version of the mapping under which it was raised. */
  readonly mapping: string;
  /** Epoch ms of the process that raised it. */
  readonly since: number;
  /** Candidates of a review: record keys. */
  readonly candidates?: readonly RecordKey[];
  /** The match rules under which these were found. */
  readonly rules?: string;
  /** Records whose links it waits for. */
  readonly refs?: readonly MappingRecord[];
  readonly job?: string;
  /** The brake that blocked it, and what it would have consumed, if anything; `change` alone: a delete that was rejected. */
  readonly brake?: string;
  readonly change?: BrakeKind;
  /** A person decided that the record stays without a counterpart: another look does not change that. */
  readonly kept?: true;
}

/** What a person decided against when answering a brake. */
export interface Decision {
  readonly kind: BrakeKind;
  /** Property -> what it held when the decision took effect, and under which definition; absent until then. */
  readonly seen?: Readonly<Record<string, readonly [token: string, definition: string]>>;
}

/** What is remembered of a property that does not come to rest. */
export interface Unsettled {
  /** Nothing is decided about it while both sides hold these values, unless a person asks to try again. */
  readonly halt?: { readonly values: Pair<Token>; readonly code: ErrorCode; readonly reason: string };
  /** How often in a row its value came back in another form, and when last. */
  readonly returns: number;
  readonly at: number;
}

/** A write of one property that was begun; whether it was applied is not known before the next commit. */
export interface PendingWrite {
  readonly property: string;
  /** The side written to. */
  readonly side: SideIndex;
  /** Of the value sent. */
  readonly sent: Token;
  /** Of the value from which it was made, on the other side. */
  readonly from: Token;
  readonly definition?: string;
}

/** Only those with the revision of their link count: a commit has made all others history, unless it keeps them. */
export interface PendingWrites {
  readonly revision: number;
  readonly ids: Pair<string>;
  readonly writes: readonly PendingWrite[];
}

/** A create of the counterpart that was begun and is not known to have ended. */
export interface PendingCreate {
  readonly at: number;
  /** Sent as idempotency key where the system takes one; only its holder drops or replaces the entry. */
  readonly key: string;
  /** Per property what was sent. */
  readonly sent: Readonly<Record<string, Token>>;
  /** Match keys of the source when it was sent, per rule. */
  readonly keys?: readonly (Token | null)[];
  /**
   * Marks of what these were made under (engine/merge/sent-under.ts): how the target's value of each property in `sent` is read,
   * the match rule of each key, the place where the result names its source ('': nowhere). Former versions noted none.
   */
  readonly definitions?: Readonly<Record<string, string>>;
  readonly rules?: readonly string[];
  readonly correlate?: string;
  /** Id that the system answered: the record exists, though it cannot be read yet. It is never posted again. */
  readonly made?: string;
  /** Epoch ms when it answered that: `at` is the time of the first try. Former versions noted none. */
  readonly madeAt?: number;
  /**
   * Its modification time when it showed all that was sent; '': it did not, or states none. What is empty in it at another time
   * was cleared since.
   */
  readonly intactAt?: string;
  /** Epoch ms since when the target was searched for the result in vain, after the last try to create it had ended. */
  readonly notFoundSince?: number;
  /** Nobody works on it: a person must find out what became of it, or the source is gone or in trouble. */
  readonly review?: boolean;
}

/** Everything that is open about a record; for a link under the key of its record on side 0. */
export interface OpenEntry {
  readonly issue?: Issue;
  readonly decision?: Decision;
  readonly pendingWrites?: PendingWrites;
  readonly pendingCreate?: PendingCreate;
  /** By the name of the property. */
  readonly unsettled?: Readonly<Record<string, Unsettled>>;
  /** Id of the job that failed on it for good. */
  readonly failedJob?: string;
}

/** Changes single parts of what is open: null deletes a part, one that is not named stays as it is. */
export type OpenPatch = { readonly [Part in keyof OpenEntry]?: OpenEntry[Part] | null };

// ---------------------------------------------------------------- our own recent writes

export interface RecentWrite {
  readonly property: string;
  readonly side: SideIndex;
  /** What stood there before our write, and what we sent. */
  readonly before: Token;
  readonly sent: Token;
  readonly at: number;
  /** How many times in a row the property was written to the one side and then to the other, of whatever values. */
  readonly times: number;
  /** How many times in a row this value was written to this side, whatever was written to the other; undefined: once. */
  readonly same?: number;
  /** The response still showed an old value, and no reading has shown what we sent. */
  readonly unshown?: true;
  /** A reading after the response has shown what we sent: it was stored. */
  readonly read?: true;
  /** Its outcome was never recorded, nor shown: what stood on the other side when it was sent. It may show yet. */
  readonly from?: Token;
}

// ---------------------------------------------------------------- batches

export interface MappingRecord extends RecordRef {
  readonly mapping: string;
}

export interface FoundRecord {
  readonly link?: Link;
  /** Set only where there is no link. */
  readonly unlinked?: UnlinkedRecord;
  /** Of the record, or of its link. */
  readonly issue?: IssueKind;
}

export interface TakeRequest {
  /** Names this batch: no two workers ever use the same one at the same time. */
  readonly owner: string;
  /** How long the claims last unless they are extended. */
  readonly ttlMs: number;
  /** At most so many due records (default 50); ignored where `records` are named. */
  readonly limit?: number;
  /** Exactly these, due or not, in the dirty set or not. */
  readonly records?: readonly RecordRef[];
}

/** What is worked on as one: the two records of a link, or one record without a link. */
export interface TakenUnit {
  /** Those of the unit's records that were taken from the dirty set or named: one or two. */
  readonly records: readonly TakenRecord[];
  /** Claims held: the record and its counterpart. */
  readonly claims: readonly RecordKey[];
  readonly link?: Link;
  readonly unlinked?: UnlinkedRecord;
  /** Per record key of the unit; a record without an entry has nothing open. */
  readonly open: Readonly<Record<RecordKey, OpenEntry>>;
  readonly recent: readonly RecentWrite[];
}

export interface TakenRecord extends RecordRef {
  readonly key: RecordKey;
  /** When it became due; undefined for one that was named and not in the dirty set. */
  readonly due: number | undefined;
  /** Of its system, where one marked it last. */
  readonly event: { readonly at: number; readonly trace: string | undefined } | undefined;
}

export interface Taken {
  readonly units: readonly TakenUnit[];
  /** Redis' time: the claims end at `now + ttlMs`. */
  readonly now: number;
  /** The revision at which a link of the mapping ended last; 0: none ever did. */
  readonly lastEnd: number;
  readonly brake: Brake | undefined;
  /** Due records that are left. */
  readonly left: number;
  /** Named records that another owner holds. Their due time was moved on by 250 ms, as of those that were due. */
  readonly busy: readonly RecordRef[];
}

/** Marks a record dirty. */
export interface Mark extends MappingRecord {
  /** In so many ms; default now. */
  readonly inMs?: number;
  /** Not yet: it waits until both sides were read fully. */
  readonly untilReady?: boolean;
  /** Not where the raw record last handled there is this one. */
  readonly unlessRaw?: Token;
}

export interface LinkState {
  readonly ids: Pair<string>;
  /** Of the link that was taken; undefined for a new link. */
  readonly revision: number | undefined;
  readonly base: Base;
  readonly unconfirmed?: readonly string[];
  readonly correlation?: Pair<CorrelationNote | undefined>;
  readonly lastSynced: Pair<Token>;
  /** Undefined: as it was, and so `foreignAt`. */
  readonly ownWriteAt?: Pair<number | undefined>;
  readonly foreignAt?: Pair<number | undefined>;
  /** Undefined: as it was; '': not known. */
  readonly raw?: Pair<Token | undefined>;
  /** Match keys of both records, each once: by them the link is found again. Undefined: as they were. */
  readonly matchKeys?: readonly Token[] | undefined;
}

/** What the index of records without a link holds of one of them: by it others find it as a candidate. */
export interface UnlinkedIndex {
  readonly id: string;
  /** Per match rule; undefined where it has none. */
  readonly keys: readonly (Token | undefined)[];
  /** The id of the counterpart that the record names, as it stands there. */
  readonly correlationId?: string | undefined;
}

export type CommitResult =
  /** A new link, or what has become of one. A new link takes both records out of those without a link. */
  | {
      readonly kind: 'link';
      readonly link: LinkState;
      /** Nothing was decided: these of its pending writes stay noted, under its new revision. */
      readonly pending?: readonly PendingWrite[];
    }
  /** A record without a link was handled: undefined leaves a part as it was. Its first sight is kept. */
  | {
      readonly kind: 'unlinked';
      readonly record: RecordRef;
      readonly state?: string | undefined;
      readonly raw?: Token | undefined;
      /** It is left without a counterpart deliberately: where it was read by the first sync, which ended then, it counts as read after that. */
      readonly leave?: number | undefined;
      /** What others find it by; null: it is nobody's candidate any more. */
      readonly index?: UnlinkedIndex | null | undefined;
    }
  /**
   * These records are gone: what is stored of them, their link (that of `record` too) and what is open about them is deleted. A pending create
   * stays, for it may have made a record: the worker that commits marks it for review. So does the job that failed: the
   * worker that removes it forgets it.
   */
  | { readonly kind: 'removed'; readonly ids?: Pair<string>; readonly record?: RecordRef }
  /** The link ends, both records stay: `index` is by what others find them as candidates from now on. */
  | {
      readonly kind: 'unlink';
      readonly ids: Pair<string>;
      readonly revision: number;
      readonly index?: Pair<UnlinkedIndex | undefined>;
    }
  | { readonly kind: 'none' };

/** What a record's run counts; see `engine/store/runs/run-counts.ts`. */
export interface RunCount {
  /** Where the record stands: counted by record, not by look. */
  readonly place: '' | 'waiting' | 'review' | 'failed' | 'retrying';
  /** Something was written, linked, created or deleted: it counts even if the record is looked at once more. */
  readonly did: boolean;
  readonly fields: readonly (readonly [field: string, by: number])[];
}

export interface CommitUnit {
  /** Records of the unit that were taken or named: each leaves the dirty set unless it was marked since. */
  readonly records: readonly RecordKey[];
  /** Must all be held by the owner still; released with the commit. */
  readonly claims: readonly string[];
  /** Another commit of this unit follows: claims are kept, and its records stay in the dirty set. */
  readonly continues?: boolean;
  /** For so many ms its records stay in the dirty set, as if they were still worked on: `runs.finish` takes them out. */
  readonly holdMs?: number | undefined;
  readonly result: CommitResult;
  /** What changes of what is open, per record key. A new link settles issue, decision and pending create of both records. */
  readonly open?: Readonly<Record<RecordKey, OpenPatch>>;
  /** Replaces the recent writes of the link. */
  readonly recent?: readonly RecentWrite[];
  /**
   * Records whose links this one waits for: it is marked dirty once one of them is committed, or at once where one has
   * a link by now. It waits no longer once its issue is replaced or deleted.
   */
  readonly waitFor?: readonly MappingRecord[];
  /** Candidates of its review: it is marked dirty once one of them is in `markAllDependents`. */
  readonly watch?: readonly RecordKey[];
  /** These have been looked at and have no link: records that wait for theirs are marked dirty. */
  readonly markDependents?: readonly RecordKey[];
  /**
   * These are gone, or not the candidates they were: records that wait for them or watch them are marked dirty. For
   * both records of a new link this is done anyway.
   */
  readonly markAllDependents?: readonly RecordKey[];
  readonly mark?: readonly Mark[];
  /** The brake that blocks it: where that is off by now, the record is marked dirty. */
  readonly blockedBy?: string | undefined;
  readonly run?: RunCount | undefined;
}

/**
 * `fenced`: the link was committed since it was taken, is gone, or there is one where none was. `taken`: one of the
 * two is linked to another record. `lost`: a claim ended. In each of these nothing of the unit was stored.
 * `lease` is what `runs.finish` takes, with `holdMs`.
 */
export type CommitAnswer =
  | { readonly kind: 'done'; readonly revision?: number; readonly lease?: string }
  | { readonly kind: 'fenced' | 'taken' | 'lost' };

/** What is noted before anything is written to a system. */
export interface Begin {
  /** The link or source that it is about. */
  readonly record: RecordKey;
  /** Who must hold these claims still. */
  readonly owner?: string;
  readonly claims?: readonly string[];
  /** Added to those that were begun at the same revision: either may have been applied. */
  readonly writes?: PendingWrites;
  /** Replaces a pending create of the same key only, or of `replaces`. */
  readonly create?: PendingCreate;
  readonly replaces?: string | undefined;
  /** Brakes of these kinds have no limit any more. `unasked`: no brake holds it up. */
  readonly unlimited: readonly BrakeKind[] | 'unasked';
  /** Consumed from the brake's allowance; undefined where nothing counts. */
  readonly allowance: Allowance | undefined;
}

/** The batch operations of one mapping. */
export interface Batches {
  /** What is known of these records, in their order. */
  lookup(side: SideIndex, ids: readonly string[]): Promise<FoundRecord[]>;
  /** Takes work under claims. A record that is not committed or given back is due again when its claims end. */
  take(request: TakeRequest): Promise<Taken>;
  /**
   * @param marked is given the mappings of which records were marked dirty
   * @returns an answer per unit, in their order
   */
  commit(
    owner: string,
    units: readonly CommitUnit[],
    marked?: (mappings: readonly string[]) => void,
  ): Promise<CommitAnswer[]>;
  /** Gives units back without a result: due in `inMs` (default now), their claims released. */
  releaseTaken(owner: string, units: readonly Pick<TakenUnit, 'records' | 'claims'>[], inMs?: number): Promise<void>;
  /** Marks records of this mapping dirty; one that is due earlier stays so, one that is being worked on is looked at once more. */
  markDirty(records: readonly RecordRef[], inMs?: number): Promise<void>;
  /**
   * Extends claims, and with them the time after which the records are due again.
   * @returns Redis' time, undefined where one of the claims was lost: then none was extended
   */
  extend(owner: string, claims: readonly RecordKey[], ttlMs: number): Promise<number | undefined>;
  /** More claims for the same owner, all or none: counterparts found, match keys. */
  claim(owner: string, claims: readonly string[], ttlMs: number): Promise<number | undefined>;
  /**
   * Takes more claims, after a record without a link was put into the index: of two records that match, the second finds
   * the first. Calls of one moment are one script.
   */
  lock(
    owner: string,
    entry: { readonly side: SideIndex; readonly entry: UnlinkedIndex } | undefined,
    claims: readonly string[],
    ttlMs: number,
  ): Promise<number | undefined>;
  /**
   * Notes what is begun, unless a brake is on or goes on by it, the link is at another revision, or the pending create is another one's by now. Calls of one
   * moment are one script.
   * @returns the brake that is on, `changed`, or `lost` where a claim ended; undefined where it was noted
   */
  begin(begin: Begin): Promise<Brake | 'changed' | 'lost' | undefined>;
  /** Drops the pending create with this key. @returns `changed` where there is another one or none, `lost` */
  withdraw(begin: Pick<Begin, 'record' | 'owner' | 'claims'>, key: string): Promise<'changed' | 'lost' | undefined>;
  /**
   * Adds what was learned of the pending create with this key. `made` is kept as soon as the system answers it, for reads of
   * the record may fail or lag. Where another create is pending, or none as the record is linked, nothing is noted.
   * @returns as `withdraw`
   */
  noteCreate(
    begin: Pick<Begin, 'record' | 'owner' | 'claims'>,
    key: string,
    learned: Pick<PendingCreate, 'made' | 'madeAt' | 'intactAt' | 'notFoundSince'>,
  ): Promise<'changed' | 'lost' | undefined>;
  /** Drops pending writes of which nothing was written; none where a claim was lost. */
  dropWrites(
    begin: Pick<Begin, 'record' | 'owner' | 'claims'>,
    writes: readonly Pick<PendingWrite, 'property' | 'side' | 'sent'>[],
  ): Promise<void>;
  /**
   * Nobody works on the pending create of a record: others no longer wait for its end, but go to review where they look like
   * its result. Where somebody else than the owner works on the record, nothing is noted.
   */
  leaveToPerson(record: RecordKey, owner?: string): Promise<void>;
  /**
   * Which records are not as they were last handled, by their positions.
   * @param raws hash of each raw record
   */
  changed(side: SideIndex, ids: readonly string[], raws: readonly Token[]): Promise<number[]>;
  /** Which records have no link, by their positions. */
  free(side: SideIndex, ids: readonly string[]): Promise<number[]>;
  /**
   * Notes the hashes of raw records that are in the state in which they were last handled.
   * @param state as it is stored; where it is another one by now, nothing is noted
   */
  noteRaw(side: SideIndex, records: readonly { id: string; raw: Token; state: string }[]): Promise<void>;
  /** Number of the last commit of a link: a link with a higher revision was committed since. */
  revision(): Promise<number>;
}

/**
 * What `decide` answers: a question, an action, or the end. The worker asks and acts until the end is reached; a plan
 * asks too, but prints the first action instead of carrying it out.
 */
import type { BrakeKind } from '../config/brake-limits.ts';
import type { TandemError } from '../errors.ts';
import type { PropertyWrite } from '../merge/merge.ts';
import type { Outcome } from '../model/outcome.ts';
import type { Allowance } from '../store/brake.ts';
import type { Overwritten } from '../store/history.ts';
import type { CommitUnit, PendingCreate, PendingWrites, RecordKey, UnlinkedIndex } from '../store/types.ts';
import type { Base, JsonObject, Pair, SideIndex } from '../types.ts';
import type { Facts, OwnWrite } from './facts.ts';
import type { RecordView } from './view.ts';

/** A fact that is needed. To ask writes nothing, neither to a system nor to Redis. */
export type Question =
  | { readonly ask: 'record'; readonly side: SideIndex; readonly id: string }
  | { readonly ask: 'waiters' }
  | { readonly ask: 'correlation'; readonly view: RecordView }
  | { readonly ask: 'rule'; readonly rule: number; readonly view: RecordView }
  | { readonly ask: 'search-correlation'; readonly view: RecordView }
  | { readonly ask: 'named-record'; readonly side: SideIndex; readonly id: string }
  | { readonly ask: 'unconfirmed-create'; readonly view: RecordView; readonly pending: PendingCreate }
  | { readonly ask: 'open-creates'; readonly view: RecordView }
  | { readonly ask: 'matching-candidates'; readonly view: RecordView; readonly candidates: readonly RecordKey[] }
  | { readonly ask: 'candidates-exist'; readonly side: SideIndex; readonly ids: readonly string[] }
  | { readonly ask: 'partner'; readonly side: SideIndex; readonly id: string }
  | { readonly ask: 'new-record'; readonly view: RecordView }
  | { readonly ask: 'conversions'; readonly views: Pair<RecordView>; readonly base: Base }
  | { readonly ask: 'allowance'; readonly kind: BrakeKind }
  | { readonly ask: 'counterpart'; readonly side: SideIndex; readonly id: string }
  | { readonly ask: 'successors'; readonly view: RecordView }
  | { readonly ask: 'absent-twice'; readonly side: SideIndex; readonly id: string }
  | {
      readonly ask: 'restored-value';
      readonly property: string;
      readonly value: unknown;
      readonly near: RecordView;
      readonly far: RecordView;
    };

/** What a write asks of the brake. `allowance`: what it consumes; undefined for a write that is not counted. */
export interface Consumption {
  readonly allowance: Allowance | undefined;
}

/** An effect. Each has one executor, which decides nothing; its result is a fact. */
export type Action =
  /** Before matching: of two records that match each other, the second to come sees the first. */
  | {
      readonly do: 'lock';
      readonly claims: readonly string[];
      readonly entry?: { readonly side: SideIndex; readonly entry: UnlinkedIndex };
    }
  /** What is begun is noted, if the brake lets it through; it is not asked where `consume` is undefined. */
  | {
      readonly do: 'begin';
      readonly consume: Consumption | undefined;
      readonly writes?: PendingWrites;
      /** One record is written, and its system has made other values of what was sent: these are noted too. */
      readonly shown?: true;
      readonly create?: { readonly side: SideIndex; readonly id: string; readonly pending: PendingCreate };
    }
  | { readonly do: 'keep-overwritten'; readonly ids: Pair<string>; readonly values: readonly Overwritten[] }
  | {
      readonly do: 'update';
      readonly side: SideIndex;
      readonly view: RecordView;
      readonly writes: readonly PropertyWrite[];
      /** Sent before and not shown yet: what is sent as a whole, such as a nested object, holds these values too. */
      readonly unshown?: readonly PropertyWrite[];
      /** It is read again right before. */
      readonly readFirst: boolean;
    }
  | { readonly do: 'create'; readonly side: SideIndex; readonly data: JsonObject; readonly key: string | undefined }
  /** The target was searched for what the pending create with this key has made, in vain. `at`: epoch ms on Redis' clock. */
  | {
      readonly do: 'note-not-found';
      readonly side: SideIndex;
      readonly id: string;
      readonly key: string;
      readonly at: number;
    }
  /** Nothing was created: the pending create with this key is dropped. */
  | { readonly do: 'withdraw-create'; readonly side: SideIndex; readonly id: string; readonly key: string }
  | { readonly do: 'delete'; readonly side: SideIndex; readonly id: string }
  /** Writes into the record whom it belongs to; undefined: nobody. */
  | {
      readonly do: 'correlate';
      readonly side: SideIndex;
      readonly view: RecordView;
      readonly counterpart: string | undefined;
    }
  /** Writes a value of the history, if it is not there already. Whatever happens then, the record is looked at again. */
  | {
      readonly do: 'restore';
      readonly side: SideIndex;
      readonly view: RecordView;
      readonly write: PropertyWrite | undefined;
      readonly readFirst: boolean;
      readonly ids: Pair<string>;
      readonly values: readonly Overwritten[];
    }
  /** `last`: the unit is done. */
  | { readonly do: 'commit'; readonly commit: Commit; readonly last: boolean };

/** What is to be recorded of a unit, in one step. The worker adds claims, the dirty set and the counts of runs. */
export interface Commit
  extends Pick<
    CommitUnit,
    'result' | 'open' | 'recent' | 'waitFor' | 'watch' | 'markDependents' | 'markAllDependents' | 'mark'
  > {
  /** The records as the results leave them: their hashes are recorded with the states. */
  readonly handled: Pair<RecordView | undefined>;
  /** Records without a link that were found by a search, under their present match keys. */
  readonly index: Pair<readonly UnlinkedIndex[]>;
  /** Ids of records that were written: sibling mappings of their entities have work. */
  readonly written: Pair<string | undefined>;
  /** When our own write modified the records, on the clocks of their systems. */
  readonly ownWrites: Pair<OwnWrite | undefined>;
  /** The unit waits for the answer to this brake: should it be off by now, the unit is looked at again. */
  readonly blockedBy?: string;
  /** The record waits until both sides were read fully. */
  readonly untilReady?: boolean;
  /** The mapping leaves the record without a counterpart deliberately: should it get one later, that is no first sync. */
  readonly noFirstSync?: boolean;
}

export type Step =
  | { readonly kind: 'ask'; readonly question: Question }
  /** `outcome`: what it comes to if all goes well. */
  | { readonly kind: 'act'; readonly action: Action; readonly outcome: Outcome }
  /** Nothing can be decided now, or a person asks for what cannot be; `error.retry` states which. */
  | { readonly kind: 'fail'; readonly error: TandemError }
  | { readonly kind: 'end'; readonly outcome: Outcome };

/** Pure: no I/O, no clock, no randomness. */
export type Decide = (facts: Facts) => Step;

/**
 * What `decide` answers: a question, an action, or the end. Whoever works asks and acts until the end is reached; a plan
 * asks too, but prints the first action instead of carrying it out.
 */
import type { BrakeKind } from '../config/brake.ts';
import type { TandemError } from '../errors.ts';
import type { Spending } from '../links/brake.ts';
import type { IndexEntry, Lost } from '../links/links.ts';
import type { PropertyWrite } from '../merge/merge.ts';
import type { CommitUnit, PendingCreate, PendingWrites } from '../store/types.ts';
import type { JsonObject, Pair, SideIndex } from '../types.ts';
import type { Facts } from './facts.ts';
import type { Outcome } from './outcome.ts';

/** A fact that is needed. To ask writes nothing, neither to a system nor to Redis. */
export type Question =
  | { readonly ask: 'record'; readonly side: SideIndex; readonly id: string }
  | { readonly ask: 'waiters' }
  | { readonly ask: 'correlation' }
  | { readonly ask: 'rule'; readonly rule: number }
  | { readonly ask: 'search-correlation' }
  | { readonly ask: 'named-record' }
  | { readonly ask: 'unconfirmed-create' }
  | { readonly ask: 'open-creates' }
  | { readonly ask: 'former-candidates' }
  | { readonly ask: 'pending-creates'; readonly ids: Pair<string> }
  | { readonly ask: 'new-record' }
  | { readonly ask: 'conversions' }
  | { readonly ask: 'allowance'; readonly kind: BrakeKind }
  | { readonly ask: 'absent-twice'; readonly side: SideIndex; readonly id: string };

/** An effect. Each has one executor, which decides nothing; its result is a fact. */
export type Action =
  /** Before matching: of two records that match each other, the second to come sees the first. */
  | { readonly do: 'lock'; readonly entry: IndexEntry; readonly claims: readonly string[] }
  | { readonly do: 'keep-overwritten'; readonly ids: Pair<string>; readonly values: readonly Lost[] }
  /** One step in Redis: the brake lets it through (counted, where `allowance` is set), and what is begun is noted. */
  | {
      readonly do: 'begin';
      readonly allowance: Spending | undefined;
      readonly writes?: PendingWrites;
      readonly create?: { readonly side: SideIndex; readonly id: string; readonly pending: PendingCreate };
    }
  | {
      readonly do: 'update';
      readonly side: SideIndex;
      readonly writes: readonly PropertyWrite[];
      /** Read again right before: what is known is from a page, or from before the other record was read. */
      readonly readFirst: boolean;
    }
  | { readonly do: 'create'; readonly side: SideIndex; readonly data: JsonObject; readonly key: string }
  | { readonly do: 'delete'; readonly side: SideIndex; readonly id: string }
  /** Writes into the record whom it belongs to; undefined: nobody. */
  | {
      readonly do: 'correlate';
      readonly side: SideIndex;
      readonly id: string;
      readonly counterpart: string | undefined;
    }
  | { readonly do: 'commit'; readonly commit: Commit };

/** What is to be recorded of a unit, in one step. Who takes and gives back claims and counts runs adds the rest. */
export interface Commit
  extends Pick<CommitUnit, 'result' | 'open' | 'recent' | 'waitFor' | 'watch' | 'wake' | 'wakeAll' | 'mark'> {
  /** Records that were found by a search or answered to a write, under their present match keys. */
  readonly index: Pair<readonly IndexEntry[]>;
  /** Sides that were written: sibling mappings of their entities have work, unless they know the record like this. */
  readonly written: Pair<string | undefined>;
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

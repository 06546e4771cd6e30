/** What is kept in Redis of a record that waits, and of a create that was begun. */
import type { BrakeKind } from '../config/brake.ts';
import type { ErrorCode } from '../errors.ts';
import type { SideIndex } from '../types.ts';

/** Why a record waits. Reasons are plain words and name properties, never values. */
export interface Held {
  /** failed: mend the record or mapping. waiting: for links. review: a person decides. others: nothing to do. */
  readonly kind: 'failed' | 'waiting' | 'review' | 'unmatched' | 'paused' | 'gone';
  readonly code?: ErrorCode;
  readonly reason: string;
  readonly property?: string;
  /** Version of the mapping under which it was decided: another version is another try. */
  readonly mapping: string;
  /** Epoch ms. */
  readonly since: number;
  /** Candidates, for a review of an ambiguous match: record keys. */
  readonly candidates?: readonly string[];
  /** The match rules under which these were found; absent in what older versions held. */
  readonly rules?: string;
  /** Records whose links it waits for. */
  readonly refs?: readonly { readonly mapping: string; readonly side: SideIndex; readonly id: string }[];
  /** The failed job, so that it can go once the record is mended. */
  readonly job?: string;
  /** Of a record held by a brake, whatever trouble it met since: that brake, and what it would have spent, if anything. */
  readonly brake?: string;
  readonly change?: BrakeKind;
  /** A person decided that the record stays without a counterpart: that is not undone by another look at it. */
  readonly kept?: true;
}

/** What a person decided against when answering a brake, whatever else becomes of the record meanwhile. */
export interface Decided {
  readonly kind: BrakeKind;
  /** Property -> what it held when the decision took effect, and under which definition; absent until then. */
  readonly seen?: Readonly<Record<string, readonly [fingerprint: string, definition: string]>>;
}

export interface Intent {
  /** Epoch ms of Redis' clock when the create began. */
  readonly at: number;
  /** Sent as idempotency key where the system takes one. */
  readonly key: string;
  /** Fingerprints of what is sent, per property: by them a lost answer is recognized. */
  readonly sent: Readonly<Record<string, string>>;
  /** Match keys of the source when it was sent, hashed, per rule. */
  readonly keys?: readonly (string | null)[];
  /** Set once nobody works on it: the outcome could not be found out, or the source record is held, excluded or gone. */
  readonly review?: boolean;
}

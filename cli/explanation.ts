/** Why a record is as it is, as the server explains it. */
import { type Client, path } from './client.ts';
import type { RecordIssue } from './issues.ts';

export interface Fault {
  readonly code: string;
  readonly message: string;
}

export interface ExplainedSide {
  readonly source: string;
  readonly value?: unknown;
  readonly changed?: boolean;
  /** What would be here if it were written from the other side. */
  readonly wouldBecome?: { readonly value?: unknown; readonly fault?: Fault };
}

export interface ExplainedProperty {
  readonly property: string;
  readonly type: string;
  /** `both`, or the side that it flows to. */
  readonly direction: string;
  readonly conflict: string;
  readonly base: boolean;
  readonly sides: Readonly<Record<string, ExplainedSide>>;
  readonly decision?: {
    readonly rule: string;
    readonly writes?: string;
    readonly loser?: string;
    readonly fault?: Fault;
  };
}

export interface Explanation {
  readonly mapping: string;
  readonly side: string;
  readonly id: string;
  readonly linked: boolean;
  readonly ready: boolean;
  readonly sides: Readonly<
    Record<
      string,
      { readonly id?: string; readonly exists?: boolean; readonly inScope?: boolean; readonly modified?: string }
    >
  >;
  readonly held?: Pick<RecordIssue, 'kind' | 'code' | 'reason' | 'property' | 'since'>;
  readonly intent?: { readonly at: string; readonly review: boolean };
  readonly match?: {
    readonly found: string;
    readonly rule?: string;
    readonly candidates: readonly { readonly side: string; readonly id: string }[];
  };
  readonly properties: readonly ExplainedProperty[];
  readonly lost: readonly {
    readonly at: string;
    readonly property: string;
    readonly side: string;
    readonly value?: unknown;
    readonly rule: string;
  }[];
}

/** Reads both systems. */
export const explain = (client: Client, mapping: string, side: string, id: string): Promise<Explanation> =>
  client.get<Explanation>(path('records', mapping, side, id, 'explain'));

/** Records that wait, as the server tells them. */
import { type Client, query } from './client.ts';

export interface HeldRecord {
  readonly mapping: string;
  readonly side: string;
  readonly id: string;
  /** Both ids, where it is linked. */
  readonly ids?: Readonly<Record<string, string>>;
  readonly kind: string;
  readonly code?: string;
  readonly reason: string;
  readonly property?: string;
  readonly since: string;
  readonly candidates?: readonly { readonly side: string; readonly id: string }[];
  /** Name of the review, and what can be done about it. */
  readonly review?: string;
  readonly actions?: readonly string[];
  /** Of a review of a brake. */
  readonly brake?: {
    readonly kind: 'deletes' | 'creates' | 'clears';
    readonly waiting: Readonly<Record<'deletes' | 'creates' | 'clears' | 'other', number>>;
    readonly sample: readonly { readonly side: string; readonly id: string }[];
  };
}

/** Why a record waits, as one line. */
export const reasonWords = ({ code, property, reason }: Pick<HeldRecord, 'code' | 'property' | 'reason'>): string =>
  `${code ? `${code} ` : ''}${property ? `${property}: ` : ''}${reason}`;

/** The latest first. @param most 500 at most */
export async function heldRecords(client: Client, mapping: string, kind: string, most: number): Promise<HeldRecord[]> {
  const { records } = await client.get<{ records: HeldRecord[] }>(`/records${query({ mapping, kind, limit: most })}`);
  return records;
}

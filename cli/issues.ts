/** Records that wait, as the server tells them. */
import { type Client, query } from './client.ts';
import { plain } from './output.ts';
import { textTable } from './tables.ts';
import { ago } from './times.ts';

export interface RecordIssue {
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

/** Records held for the same reason. */
export interface IssueReason {
  readonly mapping: string;
  readonly kind: string;
  readonly code?: string;
  readonly property?: string;
  readonly reason: string;
  readonly count: number;
  readonly since: string;
}

export const reasonTable = (reasons: readonly IssueReason[]): string =>
  textTable(
    ['mapping', '', 'records', 'for', 'why (of one of them)'],
    reasons.map((one) => [
      one.mapping,
      one.kind,
      one.count,
      ago(Math.max(0, Date.now() - Date.parse(one.since))),
      plain(reasonWords(one)),
    ]),
  );

/** What waits or failed since before then. @param before ISO 8601 */
export async function issuesBefore(
  client: Client,
  mappings: readonly string[],
  before: string,
): Promise<IssueReason[]> {
  const { reasons } = await client.get<{ reasons: IssueReason[] }>(`/records/reasons${query({ before })}`);
  return reasons.filter(({ mapping }) => mappings.includes(mapping));
}

/** Why a record waits, as one line. */
export const reasonWords = ({ code, property, reason }: Pick<RecordIssue, 'code' | 'property' | 'reason'>): string =>
  `${code ? `${code} ` : ''}${property ? `${property}: ` : ''}${reason}`;

/** The latest first. @param most 500 at most */
export async function recordIssues(
  client: Client,
  mapping: string,
  kind: string,
  most: number,
): Promise<RecordIssue[]> {
  const { records } = await client.get<{ records: RecordIssue[] }>(`/records${query({ mapping, kind, limit: most })}`);
  return records;
}

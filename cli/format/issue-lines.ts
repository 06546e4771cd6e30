/** Records that wait, as the server tells them. */
import type { IssuePage, IssueReason, IssueReasonPage, RecordIssue } from '../../api/index.ts';
import { type Client, query } from '../http-client.ts';
import { plain } from './output.ts';
import { textTable } from './terminal-table.ts';
import { ago } from './times.ts';

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
): Promise<readonly IssueReason[]> {
  const { reasons } = await client.get<IssueReasonPage>(`/records/reasons${query({ before })}`);
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
): Promise<readonly RecordIssue[]> {
  const { records } = await client.get<IssuePage>(`/records${query({ mapping, kind, limit: most })}`);
  return records;
}

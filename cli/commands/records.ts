/** `tandem records`: what waits or failed, over all mappings, by reason. */
import { type Command, Option } from 'commander';
import type { IssuePage, IssueReasonPage } from '../../api/index.ts';
import { ISSUE_KINDS } from '../../engine/index.ts';
import { parseErrorCode } from '../codes.ts';
import { action, declare } from '../command.ts';
import { OK } from '../failure.ts';
import { reasonTable, reasonWords } from '../format/issue-lines.ts';
import { wholeNumber } from '../format/numbers.ts';
import { plain } from '../format/output.ts';
import { textTable } from '../format/terminal-table.ts';
import { query } from '../http-client.ts';

interface Options {
  readonly kind?: string;
  readonly code?: string;
  readonly list?: boolean;
  readonly limit: number;
  readonly offset?: number;
}

export function recordsCommand(program: Command): void {
  declare(program, {
    usage: 'records [mapping]',
    summary: 'records that failed, wait for links or ask for a person: how many for which reason, and which',
    details:
      'Without --kind: those that failed, wait, or are in review. "unmatched", "paused" and "orphaned" need nothing. What is ' +
      'fixed where Tandem does not see it is tried again with tandem retry; tandem explain shows one record.',
    examples: [
      ['records', 'why, over all mappings'],
      ['records company-customer --list', 'which, the latest first'],
      ['records --kind failed --code SYSTEM_REJECTED --list', 'those with this code'],
    ],
  })
    .addOption(new Option('--kind <kind>', 'only these').choices(ISSUE_KINDS))
    .option('--code <code>', 'only those with this code', parseErrorCode)
    .option('--list', 'list the records too')
    .option('--limit <n>', 'with --list: how many at most', wholeNumber, 50)
    .option('--offset <n>', 'with --list: how many to leave out first', wholeNumber)
    .action(
      action<Options, [string | undefined]>(
        async ({ client, output }, { kind, code, list, limit, offset = 0 }, mapping) => {
          const which = { mapping, kind, code };
          const { reasons } = await client.get<IssueReasonPage>(`/records/reasons${query(which)}`);
          const most = Math.min(limit, 500);
          const page = list
            ? await client.get<IssuePage>(`/records${query({ ...which, limit: most, offset })}`)
            : undefined;
          output.result({ reasons, ...page }, () => {
            if (reasons.length === 0) return 'Nothing like that waits.';
            const parts = [reasonTable(reasons)];
            if (page) {
              const rows = page.records.map((one) => [
                one.mapping,
                one.side,
                one.id,
                one.kind,
                one.since,
                plain(reasonWords(one)),
              ]);
              parts.push('', textTable(['mapping', 'side', 'id', '', 'since', 'why'], rows));
              const left = page.total - offset - page.records.length;
              if (left > 0) parts.push(`... and ${left} more: --offset ${offset + page.records.length}`);
            }
            return parts.join('\n');
          });
          return OK;
        },
      ),
    );
}

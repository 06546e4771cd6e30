/** `tandem history`: values of a record that lost, putting one back, forgetting them. */
import type { Command } from 'commander';
import type { Forgotten, HistoryEntry, HistoryPage, Restored } from '../../api/index.ts';
import { action, declare } from '../command.ts';
import { Failure, OK } from '../failure.ts';
import { plain } from '../format/output.ts';
import { truncate } from '../format/shown-value.ts';
import { textTable } from '../format/terminal-table.ts';
import { path, query } from '../http-client.ts';

interface Options {
  readonly restore?: string;
  readonly forget?: boolean;
}

export function historyCommand(program: Command): void {
  declare(program, {
    usage: 'history <mapping> <side> <id>',
    summary: 'list the values of a record that lost, and put one back',
    details:
      'What lost a conflict, what a one-way rule overwrote, what a deletion took with it. A value that is put back becomes ' +
      'the value on both sides, as if a person typed it in now; what it replaces is kept here in turn. Shows values of the record.',
    examples: [
      ['history company-customer keap 17', 'the newest first, each with its id'],
      ['history company-customer keap 17 --restore Zk3fQ_x2bM-1aP0c', 'put this one back'],
      ['history company-customer keap 17 --forget', 'forget all of them at once'],
    ],
  })
    .option('--restore <entry>', 'put back the value with this id')
    .option('--forget', 'forget all values of the record that lost')
    .action(
      action<Options, [string, string, string]>(async ({ client, output }, { restore, forget }, mapping, side, id) => {
        const at = path('records', mapping, side, id);
        if (restore !== undefined && forget)
          throw new Failure('BAD_REQUEST', 'It is either --restore or --forget.', 'Give one of them.');
        if (restore !== undefined) {
          const done = await client.post<Restored>(`${at}/restore`, {
            entry: restore,
          });
          const { kind, reason } = done.outcome;
          output.result(done, () =>
            plain(
              kind === 'unchanged' ? 'It is the value already.' : `put back: ${kind}${reason ? `: ${reason}` : ''}`,
            ),
          );
        } else if (forget) {
          const done = await client.delete<Forgotten>(`${at}/history`);
          output.result(done, () => `forgotten: ${done.forgotten}`);
        } else {
          const found = await client.get<HistoryPage>(`${at}/history${query({ limit: 500 })}`);
          output.result(found, () => listed(found.entries, `${side} ${id}`, mapping));
        }
        return OK;
      }),
    );
}

function listed(entries: readonly HistoryEntry[], record: string, mapping: string): string {
  if (entries.length === 0)
    return plain(`Nothing is kept of ${record}: no value of it has lost, or ${mapping} never saw such a record.`);
  const rows = entries.map(({ id, at, property, side, value, cut, rule, reason }) => [
    id,
    at,
    property,
    side,
    `${truncate(value)}${cut ? ' (cut)' : ''}`,
    rule,
    reason ?? '',
  ]);
  return textTable(['id', 'lost at', 'property', 'side', 'value', 'lost to', 'cannot be put back'], rows);
}

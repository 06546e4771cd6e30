/** `tandem retry`: has records that wait looked at again, and tells what became of them. */
import type { Command } from 'commander';
import type { Retried } from '../../api/index.ts';
import { ISSUE_KINDS } from '../../engine/index.ts';
import { parseErrorCode } from '../codes.ts';
import { action, declare } from '../command.ts';
import { FAILED, Failure, OK } from '../failure.ts';
import { followRuns, leaves, printSummary } from '../follow.ts';
import { failedRecords, following } from '../trigger.ts';

interface Options {
  readonly kind?: string;
  readonly code?: string;
  readonly record?: string;
  readonly wait: boolean;
  readonly timeout?: number;
}

export function retryCommand(program: Command): void {
  const retry = declare(program, {
    usage: 'retry [mapping]',
    summary: 'look again at records that wait: one, those with one reason, or all',
    details:
      'For what is fixed where Tandem does not see it: records wait with their reasons (tandem sync shows them, GET /records ' +
      'lists them) and are retried automatically when the record, the mapping or the record referred to is fixed. Without --kind: ' +
      'those that failed, wait for links, or ask for a person. Ends with 0 also when some fail again; their reasons are shown.',
    examples: [
      ['retry', 'all that wait, in all mappings'],
      ['retry product-product --code SYSTEM_REJECTED', 'those that the other system rejected'],
      ['retry product-product --record keap/17', 'one record'],
    ],
  })
    .option('--kind <kind>', `only these: ${ISSUE_KINDS.join(', ')}`)
    .option('--code <code>', 'only those with this code', parseErrorCode)
    .option('--record <side/id>', 'only this record');
  following(retry).action(
    action<Options, [string | undefined]>(
      async ({ client, output }, { kind, code, record, wait, timeout }, mapping) => {
        const { queued, runs } = await client.post<Retried>('/records/retry', {
          mapping,
          kind,
          code,
          ...(record === undefined ? {} : sideAndId(record, mapping)),
        });
        output.line(
          queued === 0 ? 'Nothing like that waits.' : `${queued} ${queued === 1 ? 'record' : 'records'} queued.`,
        );
        if (!wait || runs.length === 0) {
          if (output.json) output.result({ queued, runs }, () => '');
          return OK;
        }
        const ended = (await followRuns(client, runs, output, { timeout })).flatMap(leaves);
        const failed = await failedRecords(client, ended);
        if (output.json) output.result({ queued, runs: ended, failed }, () => '');
        else printSummary(ended, failed, output);
        return ended.some((run) => run.state === 'failed') ? FAILED : OK;
      },
    ),
  );
}

function sideAndId(text: string, mapping: string | undefined): { side: string; id: string } {
  const at = text.indexOf('/');
  if (at < 1 || at === text.length - 1 || mapping === undefined)
    throw new Failure(
      'BAD_REQUEST',
      'One record is named by a mapping and --record SIDE/ID.',
      'For example: tandem retry product-product --record keap/17',
    );
  return { side: text.slice(0, at), id: text.slice(at + 1) };
}

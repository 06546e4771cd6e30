/** `tandem sync`: has a running Tandem sync now, and follows it. */
import type { Command } from 'commander';
import { action, declare } from '../command.ts';
import { following, type TriggerOptions, triggerAndFollow } from '../trigger.ts';

export function syncCommand(program: Command): void {
  const sync = declare(program, {
    usage: 'sync [mappings...]',
    summary: 'sync now, and follow it to its end',
    details:
      'Asks the Tandem that runs at TANDEM_URL. Without names, all mappings. Ends with 0 when the run is done, also when ' +
      'single records failed (they wait with their reasons, which are shown), with 1 when the run itself failed or --timeout ' +
      'is over. Where nothing goes on for a while it tells why, and waits. Ctrl-C ends the command, never the run.',
    examples: [
      ['sync', 'what changed, in all mappings'],
      ['sync company-customer --full', 'read one mapping entirely'],
      ['sync company-customer --backfill', 'apply what was edited in the mapping to all links'],
      ['sync company-customer --side keap --id 17', 'one record'],
      ['sync --plan', 'only tell what would be done'],
      ['sync --full --no-wait', 'begin it, tell the run, and end'],
      ['sync --full --allow-creates', 'the first sync, once you have looked at: tandem plan --full'],
      ['sync --timeout 600', 'follow it for ten minutes at most'],
    ],
  })
    .option('--full', 'read everything, not only what changed since the last time')
    .option('--backfill', 'bring properties that were added or defined otherwise to all links')
    .option(
      '--allow-creates',
      'the first sync may create as many records as it wants: look at tandem plan --full first',
    )
    .option('--plan', 'only tell what would be done; nothing is written')
    .option('--side <side>', 'with --id: only this record')
    .option('--id <id>', 'with --side: only this record')
    .option('--all', 'show every entry of a plan');
  following(sync).action(
    action<TriggerOptions, [string[]]>((context, options, mappings) => triggerAndFollow(context, options, mappings)),
  );
}

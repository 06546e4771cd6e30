/** `tandem plan`: tells what a sync would do; nothing is written to either system. */
import type { Command } from 'commander';
import { action, declare } from '../command.ts';
import { following, type TriggerOptions, triggerAndFollow } from '../trigger.ts';

export function planCommand(program: Command): void {
  const plan = declare(program, {
    usage: 'plan [mappings...]',
    summary: 'tell what a sync would do, without writing anything',
    details: 'Asks the Tandem that runs at TANDEM_URL. The same as sync --plan.',
    examples: [
      ['plan', 'what changed, in all mappings'],
      ['plan company-customer --full --all', 'one mapping entirely, every record'],
      ['plan company-customer --side keap --id 17', 'one record'],
    ],
  })
    .option('--full', 'read everything, not only what changed since the last time')
    .option('--backfill', 'bring properties that were added or defined otherwise to all links')
    .option('--side <side>', 'with --id: only this record')
    .option('--id <id>', 'with --side: only this record')
    .option('--all', 'show every entry');
  following(plan).action(
    action<TriggerOptions, [string[]]>((context, options, mappings) =>
      triggerAndFollow(context, { ...options, plan: true }, mappings),
    ),
  );
}

/** `tandem server`: runs the server only. */
import type { Command } from 'commander';
import { declare } from '../command.ts';
import { READY_JSON, serve } from '../process/serve.ts';

export function serverCommand(program: Command): void {
  declare(program, {
    usage: 'server',
    summary: 'run the server only',
    details: 'HTTP, webhooks in and queue inspection; the work is done by workers elsewhere. Needs REDIS_URL.',
    examples: [['server', 'with REDIS_URL set; workers run elsewhere']],
  })
    .option(...READY_JSON)
    .action(serve({ server: true, workers: false }));
}

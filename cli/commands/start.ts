/** `tandem start`: runs the server and workers in one process. */
import type { Command } from 'commander';
import { declare } from '../command.ts';
import { READY_JSON, serve } from '../process/serve.ts';

export function startCommand(program: Command): void {
  declare(program, {
    usage: 'start',
    summary: 'run the server and workers in one process',
    details:
      'Runs until SIGTERM or SIGINT, then finishes what is under way (20 s at most). Needs REDIS_URL. Any number of these may ' +
      'run against one Redis.',
    examples: [
      ['start', 'with REDIS_URL set'],
      ['start --ready-json', 'for a program that waits until it is ready'],
    ],
  })
    .option(...READY_JSON)
    .action(serve({ server: true, workers: true }));
}

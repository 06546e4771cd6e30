/** `tandem worker`: runs workers only. */
import type { Command } from 'commander';
import { declare } from '../command.ts';
import { READY_JSON, serve } from '../process/serve.ts';

export function workerCommand(program: Command): void {
  declare(program, {
    usage: 'worker',
    summary: 'run workers only',
    details:
      'Any number of them, on any number of machines, against one Redis. Needs REDIS_URL. With TANDEM_HEALTH_PORT it tells ' +
      'its health and metrics there.',
    examples: [['worker', 'with REDIS_URL set; as many as needed']],
  })
    .option(...READY_JSON)
    .action(serve({ server: false, workers: true }));
}

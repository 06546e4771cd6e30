/** The action of the long-running commands: what they are made of is loaded for them only, and they end the process. */
import { action } from '../command.ts';
import { printFailure } from '../format/output.ts';
import type { ProcessOptions, Roles } from './processes.ts';

export const READY_JSON = [
  '--ready-json',
  'log to stderr; print one line of JSON on stdout once everything runs',
] as const;

export const serve = (roles: Roles) =>
  action<ProcessOptions>(
    async (context, options) => {
      const { runProcess } = await import('./processes.ts');
      const status = await runProcess(roles, context, options).catch((error: unknown) =>
        printFailure(error, context.output.json),
      );
      // Whatever is still open after its deadline must not keep the process alive.
      process.exit(status);
    },
    { logs: true },
  );

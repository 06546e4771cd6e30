/** How every command is declared: --json, examples in its help, and a returned exit status. */
import type { Command } from 'commander';
import { OK } from './failure.ts';
import { createOutput, type Output, printFailure } from './format/output.ts';
import { type Client, createClient } from './http-client.ts';
import { loadedEnvFile } from './process/env-file.ts';
import { type Environment, readEnvironment } from './process/environment.ts';

export interface CommandContext {
  readonly environment: Environment;
  readonly output: Output;
  /** To the Tandem that runs at TANDEM_URL. */
  readonly client: Client;
}

export interface CommandInfo {
  /** Name and arguments, as commander takes them: `links <mapping> [id]`. */
  readonly usage: string;
  readonly summary: string;
  /** What the help says beyond the summary. */
  readonly details?: string;
  /** Command lines without `tandem `, each with what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
}

export function declare(parent: Command, { usage, summary, details, examples }: CommandInfo): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const shown = examples.map(([line, does]) => `  $ tandem ${line.padEnd(width)}   ${does}`).join('\n');
  return parent
    .command(usage)
    .summary(summary)
    .description(details === undefined ? summary : `${summary}\n\n${details}`)
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExamples:\n${shown}`);
}

type Work<A extends unknown[], O> = (context: CommandContext, options: O, ...args: A) => Promise<number> | number;

export interface ActionOptions {
  /** The command tells in its log what others tell on stderr. */
  readonly logs?: boolean;
}

/**
 * A commander action from a command's work. The work returns the exit status, or throws what is then printed.
 * @param O what `command.opts()` yields for the options that the command declares
 */
export function action<O extends object = object, A extends unknown[] = string[]>(
  work: Work<A, O>,
  { logs = false }: ActionOptions = {},
) {
  return async (...given: unknown[]): Promise<void> => {
    const command = given.at(-1) as Command;
    const options = command.optsWithGlobals<O & { json?: boolean }>();
    const json = options.json === true;
    try {
      const environment = readEnvironment();
      const context = { environment, output: createOutput({ json }), client: createClient(environment) };
      const file = loadedEnvFile();
      if (file !== undefined && !logs) context.output.note(`Variables: ${file}`);
      process.exitCode = (await work(context, options, ...(command.processedArgs as A))) || OK;
    } catch (error) {
      process.exitCode = printFailure(error, json);
    }
  };
}

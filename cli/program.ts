/** The command line as a whole: its commands, its help, how a wrong use is reported. */
import { Command, CommanderError } from 'commander';
import { docCommand } from './commands/doc.ts';
import { explainCommand } from './commands/explain.ts';
import { historyCommand } from './commands/history.ts';
import { linksCommand } from './commands/links.ts';
import { mappingCommand } from './commands/mapping.ts';
import { planCommand } from './commands/plan.ts';
import { qaCommand } from './commands/qa.ts';
import { queueCommand } from './commands/queue.ts';
import { recordsCommand } from './commands/records.ts';
import { retryCommand } from './commands/retry.ts';
import { reviewCommand } from './commands/review.ts';
import { serverCommand } from './commands/server.ts';
import { startCommand } from './commands/start.ts';
import { statusCommand } from './commands/status.ts';
import { syncCommand } from './commands/sync.ts';
import { validateCommand } from './commands/validate.ts';
import { workerCommand } from './commands/worker.ts';
import { USAGE } from './failure.ts';
import { packageVersion, VARIABLES } from './process/environment.ts';

const COMMANDS = [
  validateCommand,
  planCommand,
  syncCommand,
  startCommand,
  serverCommand,
  workerCommand,
  statusCommand,
  linksCommand,
  mappingCommand,
  explainCommand,
  historyCommand,
  reviewCommand,
  recordsCommand,
  retryCommand,
  queueCommand,
  docCommand,
  qaCommand,
];

export function createProgram(): Command {
  const program = new Command('tandem')
    .description('Keeps records in two business systems in step, by rules in YAML files.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'BAD_REQUEST: ')),
    })
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .addHelpText('after', environmentHelp())
    // Inherited by the commands that are added after it: a wrong use ends with 2, whichever command it is.
    .exitOverride();
  for (const add of COMMANDS) add(program);
  pointToHelp(program);
  return program;
}

/** A wrong use of a command is reported together with where its own help is. */
function pointToHelp(command: Command, before = ''): void {
  const name = `${before}${command.name()}`;
  command.showHelpAfterError(seeHelp(name));
  for (const one of command.commands) pointToHelp(one, `${name} `);
}

/** The command that a command line names, as far as it names one. */
function named(command: Command, [first, ...rest]: readonly string[]): string {
  const next = command.commands.find((one) => one.name() === first);
  return next ? `${command.name()} ${named(next, rest)}` : command.name();
}

const seeHelp = (name: string): string => `See ${name} --help.`;

/** Runs a command line. Sets the exit status and returns; long-running commands end the process themselves. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  const program = createProgram();
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // commander has said already what is wrong, to people.
    process.exitCode = error.exitCode === 0 ? 0 : USAGE;
    if (error.exitCode !== 0 && error.code !== 'commander.help' && argv.includes('--json')) {
      const message = error.message.replace(/^error: /, '');
      const remedy = seeHelp(named(program, argv));
      process.stdout.write(`${JSON.stringify({ error: { code: 'BAD_REQUEST', message, remedy } })}\n`);
    }
  }
}

function environmentHelp(): string {
  const width = Math.max(...VARIABLES.map(({ name }) => name.length));
  const lines = VARIABLES.map(({ name, default: standard, does }) => {
    const plain = does.replaceAll('`', '');
    return `  ${name.padEnd(width)}  ${plain}${standard === '' ? '' : ` Default: ${standard}.`}`;
  });
  return `
Environment:
${lines.join('\n')}

  Variables that system files name (such as KEAP_API_KEY) come from the environment too: tandem validate tells which
  are missing. A .env file is not read by itself: node --env-file=.env ... does.

Examples:
  $ tandem validate
  $ REDIS_URL=redis://127.0.0.1:6379 tandem start
  $ tandem sync --full

Exit status: 0 done, 1 the work failed or was not done in time, 2 wrong use or configuration; 130 ended by Ctrl-C.`;
}

/** The command line as a whole: its commands, its help, how a wrong use is reported. */
import { Command, CommanderError } from 'commander';
import { USAGE } from './failure.ts';
import { printFailure } from './format/output.ts';
import { loadEnvFile } from './process/env-file.ts';
import { packageVersion, VARIABLES } from './process/environment.ts';

/** In the order of the help. Each is loaded when it is needed: to load them all takes longer than most of them run. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  validate: async () => (await import('./commands/validate.ts')).validateCommand,
  plan: async () => (await import('./commands/plan.ts')).planCommand,
  sync: async () => (await import('./commands/sync.ts')).syncCommand,
  start: async () => (await import('./commands/start.ts')).startCommand,
  server: async () => (await import('./commands/server.ts')).serverCommand,
  worker: async () => (await import('./commands/worker.ts')).workerCommand,
  status: async () => (await import('./commands/status.ts')).statusCommand,
  links: async () => (await import('./commands/links.ts')).linksCommand,
  mapping: async () => (await import('./commands/mapping.ts')).mappingCommand,
  explain: async () => (await import('./commands/explain.ts')).explainCommand,
  history: async () => (await import('./commands/history.ts')).historyCommand,
  review: async () => (await import('./commands/review.ts')).reviewCommand,
  records: async () => (await import('./commands/records.ts')).recordsCommand,
  retry: async () => (await import('./commands/retry.ts')).retryCommand,
  queue: async () => (await import('./commands/queue.ts')).queueCommand,
  doc: async () => (await import('./commands/doc.ts')).docCommand,
  qa: async () => (await import('./commands/qa.ts')).qaCommand,
};

/**
 * @param first of the command line: where it names a command, the program has no other one
 * @returns the program, with every command where none is named
 */
export async function createProgram(first = ''): Promise<Command> {
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
  const named = Object.hasOwn(COMMANDS, first) ? [COMMANDS[first]!] : Object.values(COMMANDS);
  for (const add of await Promise.all(named.map((load) => load()))) add(program);
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
  try {
    loadEnvFile();
    await parse(argv);
  } catch (error) {
    process.exitCode = printFailure(error);
  }
}

async function parse(argv: readonly string[]): Promise<void> {
  const program = await createProgram(argv[0]);
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
  are missing. A .env file in the current folder is loaded; variables that are set keep their values.

Examples:
  $ tandem validate
  $ REDIS_URL=redis://127.0.0.1:6379 tandem start
  $ tandem sync --full

Exit status: 0 done, 1 the work failed or was not done in time, 2 wrong use or configuration; 130 ended by Ctrl-C.`;
}

/** Runs a command of the CLI in this process, which takes a tenth of the CPU that a process of its own takes. */
import { runProgram } from '../../../cli/program.ts';
import { within } from '../../../engine/queue/patience.ts';
import { cleanEnv, type Ended, ROOT } from './spawn.ts';

/** A command has the whole process while it runs: its variables, its folder, its streams. */
let turn: Promise<unknown> = Promise.resolve();

/** Milliseconds that a command may take: a test of one ends by this, not by its own time limit. `qa` tests row by row. */
const limitOf = ([command]: readonly string[]): number => (command === 'qa' ? 280_000 : 55_000);

/**
 * As `tandem` of spawn.ts, for commands that end by themselves.
 * @throws Error where the command does not end in time. No later one runs in this process then: it may still do anything.
 */
export function tandem(args: readonly string[], env: Record<string, string> = {}, cwd = ROOT): Promise<Ended> {
  const ended = turn.then(() => inPlaceOfThisProcess(env, cwd, () => runInTime(args)));
  turn = ended.catch((error: unknown) => {
    if (error instanceof StillRunning) throw error;
  });
  turn.catch(() => {});
  return ended;
}

class StillRunning extends Error {}

async function runInTime(args: readonly string[]): Promise<void> {
  const ms = limitOf(args);
  const ended = runProgram(args).then(() => true);
  if (await within(ms, ended)) return;
  throw new StillRunning(`tandem ${args.join(' ')} has not ended after ${ms / 1_000} s`);
}

async function inPlaceOfThisProcess(
  env: Record<string, string>,
  cwd: string,
  run: () => Promise<void>,
): Promise<Ended> {
  const before = { env: { ...process.env }, cwd: process.cwd(), exitCode: process.exitCode };
  const stdout = taken(process.stdout);
  const stderr = taken(process.stderr);
  try {
    setEnv(cleanEnv(env));
    process.chdir(cwd);
    process.exitCode = undefined;
    await run();
    return { status: Number(process.exitCode ?? 0), stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    for (const stream of [stdout, stderr]) stream.giveBack();
    setEnv(before.env);
    process.chdir(before.cwd);
    process.exitCode = before.exitCode;
  }
}

/** In place: Node's own loader of .env files writes into this very object. */
function setEnv(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
}

/** Keeps what is written to a stream instead of letting it through. */
function taken(stream: NodeJS.WriteStream): { text(): string; giveBack(): void } {
  const { write } = stream;
  let text = '';
  stream.write = (chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const done = rest.at(-1);
    if (typeof done === 'function') done();
    return true;
  };
  return {
    text: () => text,
    giveBack() {
      stream.write = write;
    },
  };
}

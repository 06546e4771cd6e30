// The processes of the demo: each says on one line of JSON when it is ready, and ends with the demo.

import { createWriteStream } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { spawnWatched, type WatchedChild } from '../../scripts/child.mjs';

export interface Process {
  /** What the process said when it was ready. */
  readonly ready: Record<string, unknown>;
  /** The last lines that it wrote, for when something went wrong. */
  readonly log: () => string[];
  readonly ended: Promise<number>;
  stop(): Promise<void>;
}

/** How long a process may take to be ready, in ms. */
const PATIENCE = 60_000;
const KEPT_LINES = 200;

/**
 * @param file takes all that the process writes, for a reader that follows it
 * @throws with the process' last words when it ends or stays silent instead of being ready
 */
export async function startProcess(
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  file?: string,
): Promise<Process> {
  const child = spawnWatched(process.execPath, ['--import', 'tsx', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    graceSeconds: 20,
  });
  const lines: string[] = [];
  const written = file === undefined ? undefined : createWriteStream(file);
  const keep = (line: string) => {
    written?.write(`${line}\n`);
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
  };
  createInterface({ input: child.stderr! }).on('line', keep);
  const ended = child.settled.then(({ code }) => code ?? 1);
  const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${name} ${why}\n${lines.slice(-20).join('\n')}`));
    const timer = setTimeout(() => fail(`was not ready after ${PATIENCE / 1000} s.`), PATIENCE);
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!line.startsWith('{"ready":true')) return keep(line);
      clearTimeout(timer);
      resolve(JSON.parse(line) as Record<string, unknown>);
    });
    ended.then((code) => fail(`ended with code ${code} before it was ready.`));
  });
  return { ready, log: () => lines, ended, stop: () => stop(child) };
}

async function stop(child: WatchedChild): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  await child.settled;
}

/** Runs a command to its end with this terminal. @returns its exit code */
export async function runProcess(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawnWatched(process.execPath, ['--import', 'tsx', ...args], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    graceSeconds: 5,
  });
  const { code } = await child.settled;
  return code ?? 1;
}

/** The preferred port if it is free, so that addresses are the same every time; else any free one. */
export async function freePort(preferred: number): Promise<number> {
  const tryPort = (port: number) =>
    new Promise<number | undefined>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(undefined));
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address ? address.port : undefined));
      });
    });
  const port = (await tryPort(preferred)) ?? (await tryPort(0));
  if (port === undefined) throw new Error('There is no free port on 127.0.0.1.');
  return port;
}

// Types of child.mjs for TypeScript, which does not read it.
import type { ChildProcess, StdioOptions } from 'node:child_process';

export interface WatchedOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** stdin, stdout, stderr; all inherited unless given. */
  stdio?: Extract<StdioOptions, readonly unknown[]>;
  scope?: 'process' | 'group';
  graceSeconds?: number;
  removeDir?: string;
}

export interface WatchedChild extends ChildProcess {
  readonly settled: Promise<{ code?: number | null; signal?: NodeJS.Signals | null; error?: Error }>;
}

export function spawnWatched(command: string, args: readonly string[], options?: WatchedOptions): WatchedChild;

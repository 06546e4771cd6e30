#!/usr/bin/env node
/** The program `tandem`. */
import { runProgram } from './program.ts';

// `tandem doc | head` closes the pipe early, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode ?? 0);
});

await runProgram(process.argv.slice(2));

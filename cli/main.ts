#!/usr/bin/env node
import { printFailure } from './format/output.ts';
/** The program `tandem`. */
import { loadEnvFile } from './process/env-file.ts';
import { runProgram } from './program.ts';

// `tandem doc | head` closes the pipe early, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode ?? 0);
});

try {
  loadEnvFile();
  await runProgram(process.argv.slice(2));
} catch (error) {
  process.exitCode = printFailure(error);
}

/**
 * Threads of tests run the build of this test run, as those of users do: from the sources each takes a second of CPU to begin.
 * vitest.config.ts puts this in the place of engine/threads/start.ts.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import type { Sources } from '../../engine/threads/protocol.ts';
import { startWorker as start } from '../../engine/threads/start.ts';
import { BUILD } from './build.ts';

export function startWorker(sources: Sources, megabytes: number): Worker {
  const build = process.env[BUILD];
  return start(sources, megabytes, build ? pathToFileURL(join(build, 'engine/threads/thread.js')) : undefined);
}

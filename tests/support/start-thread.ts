/**
 * Threads of tests run the build of this test run, as those of users do: from the sources each takes a second of CPU to begin.
 * The bundle of the tests (bundled-tests.ts) has this in the place of engine/threads/start-thread.ts.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import type { Sources } from '../../engine/threads/protocol.ts';
import { startWorker as start } from '../../engine/threads/start-thread.ts';
import { BUILD } from './build-folder.ts';

// Read at once: a command that runs in this process takes its variables away for a while.
const build = process.env[BUILD];
const thread = build ? pathToFileURL(join(build, 'engine/threads/thread.js')) : undefined;

export const startWorker = (sources: Sources, megabytes: number): Worker => start(sources, megabytes, thread);

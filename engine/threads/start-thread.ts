/** Starts a thread from the build as well as from the sources. */
import { Worker } from 'node:worker_threads';
import type { Sources } from './protocol.ts';

/** Beside this module in the build; the sources have no such file. */
const BUILT = import.meta.url.endsWith('.ts') ? undefined : new URL('./thread.js', import.meta.url);

/**
 * @param megabytes of heap, at which the thread ends and this process does not
 * @param built the program of the thread; without it, the thread runs the sources
 */
export function startWorker(sources: Sources, megabytes: number, built: URL | undefined = BUILT): Worker {
  const options = {
    workerData: sources,
    resourceLimits: { maxOldGenerationSizeMb: megabytes },
    // No variables of this process: what it needs is among the sources. Nor its options, which may load what it does not need.
    env: {},
    execArgv: [],
  };
  if (built !== undefined) return new Worker(built, options);
  // Node takes the hooks that read TypeScript for a thread only from within it.
  const hooks = import.meta.resolve('tsx/esm/api');
  const entry = new URL('./thread.ts', import.meta.url).href;
  const code = `import(${JSON.stringify(hooks)}).then(({ register }) => { register(); return import(${JSON.stringify(entry)}); });`;
  return new Worker(code, { ...options, eval: true });
}

import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest first, and unit tests, which are short, last: no file is still running when all others have ended. */
const ORDER = ['tests/integration/cli/', 'tests/faults/', 'tests/integration/', 'tests/unit/'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => ORDER.findIndex((folder) => moduleId.includes(folder));
    // The same place keeps the order of vitest: by the last run, or else by size.
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

// Unit tests need nothing; integration and fault tests get their Redis from the run that starts them (REDIS_URL).
export default defineConfig({
  resolve: {
    alias: [
      {
        find: /^\.\/start-thread\.ts$/,
        replacement: fileURLToPath(new URL('tests/support/start-thread.ts', import.meta.url)),
      },
    ],
  },
  test: {
    globalSetup: ['tests/support/build.ts'],
    pool: 'forks',
    // Files share a process: to begin one, and to load the engine in it, costs more than most files take.
    isolate: false,
    // Tests mostly wait for Redis, HTTP and processes: twice as many as there are cores.
    // Each has a database of its own (tests/support/own-database.ts), and Redis has 15 besides the first.
    maxWorkers: Math.min(15, availableParallelism() * 2),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    sequence: { sequencer: LongestFirst },
    include: ['tests/**/*.test.ts'],
    setupFiles: ['tests/support/own-database.ts'],
  },
});

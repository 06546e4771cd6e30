import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { BUNDLES, bundledTests } from './tests/support/bundled-tests.ts';

/**
 * Files of three kinds, mixed evenly: with those of one kind alone, which wait or compute, the cores idle or all wait for them.
 * The longest begin within the first four fifths, so that none is likely to run when all others have ended.
 */
const KINDS = [
  // Running processes: the longest, and they mostly wait.
  { paths: /\/tests\/(integration\/cli|faults)\//, within: 0.8 },
  // Records in both systems: they wait and compute.
  { paths: /\/tests\/integration\/sync\//, within: 1 },
  // All others mostly compute.
  { paths: /^/, within: 1 },
];

class Mixed extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // Of each kind in the order of vitest: those that failed in the last run and then its longest first, or else the largest.
    const sorted = await super.sort(files);
    const kindOf = ({ moduleId }: TestSpecification) => KINDS.find(({ paths }) => paths.test(moduleId));
    return KINDS.flatMap((kind) => {
      const some = sorted.filter((file) => kindOf(file) === kind);
      return some.map((file, i) => ({ file, place: ((i + 0.5) / some.length) * kind.within }));
    })
      .sort((a, b) => a.place - b.place)
      .map(({ file }) => file);
  }
}

// Unit tests need nothing; integration and fault tests get their Redis from the run that starts them (REDIS_URL).
export default defineConfig({
  plugins: [bundledTests],
  test: {
    globalSetup: ['tests/support/build.ts'],
    pool: 'forks',
    server: { deps: { external: [BUNDLES] } },
    // The bundle is made once: what changes afterwards is not in it.
    watch: false,
    // Files share a process: to begin one, and to load the engine in it, costs more than most files take.
    isolate: false,
    // Tests mostly wait for Redis, HTTP and processes: twice as many as there are cores.
    // Each has a database of its own (tests/support/own-database.ts), and Redis has 15 besides the first.
    maxWorkers: Math.min(15, availableParallelism() * 2),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    sequence: { sequencer: Mixed },
    include: ['tests/**/*.test.ts'],
    setupFiles: ['tests/support/own-database.ts'],
  },
});

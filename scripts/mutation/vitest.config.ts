import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The examples first: they take the least time to turn red. */
class QuickFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const slow = (file: TestSpecification): number => SLOW.findIndex((name) => file.moduleId.endsWith(name));
    return files.sort((a, b) => slow(a) - slow(b) || (a.moduleId < b.moduleId ? -1 : 1));
  }
}
const SLOW = ['decide-brake.test.ts', 'table.test.ts', 'laws.test.ts', 'decide-table.test.ts', 'limits.test.ts'];

// The unit tests that concern what is mutated.
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['tests/unit/merge/**/*.test.ts', 'tests/unit/expression/**/*.test.ts'],
    // What they add is above or beyond the code that is mutated, and they take too long to be run for every mutant.
    exclude: ['**/huge.test.ts', '**/merge/mapping.test.ts'],
    // Pure tests share their modules, which saves most of the time of a mutant.
    isolate: false,
    sequence: { sequencer: QuickFirst },
    testTimeout: 30_000,
  },
});

import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const UNITS = 'tests/unit/**/*.test.ts';

/** Unit tests last: they are short, and fill the time in which the last long file ends. */
class UnitsLast extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isUnit = ({ project }: TestSpecification): boolean => project.name === 'unit';
    const sorted = await super.sort(files);
    return [...sorted.filter((file) => !isUnit(file)), ...sorted.filter(isUnit)];
  }
}

// Unit tests need nothing; integration and fault tests get their Redis from the run that starts them (REDIS_URL).
export default defineConfig({
  test: {
    globalSetup: ['tests/support/build.ts'],
    pool: 'forks',
    // Files share a process: to begin one, and to load the engine in it, costs more than most files take.
    isolate: false,
    // Tests mostly wait for Redis, HTTP and processes: half as many again as there are cores.
    maxWorkers: Math.max(2, availableParallelism() * 2),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
    sequence: { sequencer: UnitsLast },
    projects: [
      { extends: true, test: { name: 'unit', include: [UNITS] } },
      {
        extends: true,
        test: {
          name: 'whole',
          include: ['tests/**/*.test.ts'],
          setupFiles: ['tests/support/own-database.ts'],
          exclude: [UNITS, '**/node_modules/**'],
        },
      },
    ],
  },
});

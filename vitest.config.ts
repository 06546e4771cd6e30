import { defineConfig } from 'vitest/config';

// Unit tests need nothing; integration and fault tests get their Redis from the run that starts them (REDIS_URL).
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: ['tests/support/build.ts'],
    pool: 'forks',
    // Tests mostly wait for Redis and HTTP: a process per core, not one less.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
});

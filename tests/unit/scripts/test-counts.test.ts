/** How `npm test` counts: what failed is named, and a second run of the failed files replaces their first result only. */
import { expect, test } from 'vitest';
import { countTests, together } from '../../../scripts/test-counts.mjs';

type Result = 'passed' | 'failed' | 'skipped';

/** A report as vitest writes it, from the results of the tests of each file. */
function report(files: Record<string, readonly Result[]>, unloaded: readonly string[] = []) {
  const all = Object.values(files).flat();
  const count = (result: Result) => all.filter((one) => one === result).length;
  return {
    numPassedTests: count('passed'),
    numPendingTests: count('skipped'),
    numTodoTests: 0,
    testResults: Object.entries(files).map(([name, results]) => ({
      name: `/p/${name}`,
      status: results.includes('failed') || unloaded.includes(name) ? 'failed' : 'passed',
      assertionResults: results.map((status, i) => ({ status, fullName: `test ${i}` })),
    })),
  };
}

const counts = (...args: Parameters<typeof report>) => countTests(report(...args), '/p')!;

test('failed tests are counted and named by file, and a file that could not be loaded is one of them', () => {
  expect(counts({ 'a.ts': ['passed', 'failed', 'skipped'], 'b.ts': [], 'c.ts': ['passed'] }, ['b.ts'])).toEqual({
    passed: 2,
    failed: 2,
    skipped: 1,
    passedInFailed: 1,
    skippedInFailed: 1,
    names: ['a.ts > test 1', 'b.ts'],
    files: ['/p/a.ts', '/p/b.ts'],
  });
});

test('a report without numbers gives no counts', () => {
  expect(countTests({ testResults: [] }, '/p')).toBeNull();
});

test('a second run of the failed files replaces their results, and names what passed only then', () => {
  const first = counts({ 'a.ts': ['passed', 'failed', 'failed', 'skipped'], 'b.ts': ['passed', 'passed'] });
  const second = counts({ 'a.ts': ['passed', 'passed', 'failed', 'skipped'] });
  expect(together(first, second)).toEqual({ passed: 4, failed: 1, skipped: 1, secondTry: ['a.ts > test 1'] });
});

test('a test that passed at first and fails in the second run is failed', () => {
  const first = counts({ 'a.ts': ['passed', 'failed'] });
  const second = counts({ 'a.ts': ['failed', 'passed'] });
  expect(together(first, second)).toEqual({ passed: 1, failed: 1, skipped: 0, secondTry: ['a.ts > test 1'] });
});

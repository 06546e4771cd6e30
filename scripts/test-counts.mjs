// Counts of a run of vitest, from its JSON report.
import { relative } from 'node:path';

/**
 * Counts the tests of a report. A file that could not even be loaded, so that none of its tests ran, counts as one failed.
 *
 * @param report vitest's JSON report
 * @param {string} root names of files are shown from here
 * @returns passed, failed, skipped; `names` and `files` of what failed; `passedInFailed` and `skippedInFailed`: tests of these
 *   files. null: not a report
 */
export function countTests({ numPassedTests, numPendingTests, numTodoTests, testResults }, root) {
  const failedFiles = testResults.filter(({ status }) => status === 'failed');
  const names = failedFiles.flatMap((file) => {
    const path = relative(root, file.name);
    const tests = file.assertionResults.filter(({ status }) => status === 'failed');
    return tests.length ? tests.map(({ fullName }) => `${path} > ${fullName}`) : [path];
  });
  const inFailed = (...states) =>
    failedFiles.flatMap((file) => file.assertionResults).filter(({ status }) => states.includes(status)).length;
  const counts = {
    passed: numPassedTests,
    failed: names.length,
    skipped: numPendingTests + (numTodoTests ?? 0),
    passedInFailed: inFailed('passed'),
    skippedInFailed: inFailed('skipped', 'pending', 'todo', 'disabled'),
  };
  if (!Object.values(counts).every(Number.isInteger)) return null;
  return { ...counts, names, files: failedFiles.map(({ name }) => name) };
}

/**
 * The result of a whole run and of a second run of the files that failed in it: the second counts for these files.
 *
 * @returns passed, failed, skipped; `secondTry`: names of what failed first and passed then
 */
export function together(first, second) {
  const failedAgain = new Set(second.names);
  return {
    passed: first.passed - first.passedInFailed + second.passed,
    failed: second.failed,
    skipped: first.skipped - first.skippedInFailed + second.skipped,
    secondTry: first.names.filter((name) => !failedAgain.has(name)),
  };
}

// npm test: installs what is missing, starts a Redis, runs vitest, and ends with a line "N passed, N failed, N skipped".
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, runToEnd } from './child.mjs';
import { prepare, ROOT, runScript } from './prepare.mjs';
import { startRedis } from './redis.mjs';

const HELP = `Usage: npm test [-- ARGUMENTS FOR VITEST]

  npm test                                 all tests
  npm test -- tests/unit                   those whose path contains this
  npm test -- tests/unit/a.test.ts -t NAME one file, only tests whose name contains NAME
  npm test -- --reporter=verbose           another report (vitest's reporters)

Runs against the Redis of REDIS_URL, or one of its own that ends with the run.
The last line is the result: N passed, N failed, N skipped.`;

await runScript(async () => {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) return console.log(HELP);

  // From here until vitest runs, a signal ends this process at once, and what it started ends with it.
  await prepare();
  const started = performance.now();
  const redis = await startRedis({ appendonly: true, notice: (line) => console.log(line) });
  console.log(`Redis: ${redis.how === 'REDIS_URL' ? 'the one of REDIS_URL' : `${redis.url} (${redis.how})`}`);
  const folder = await mkdtemp(join(tmpdir(), 'tandem-test-'));
  try {
    process.exitCode = await runVitest(args, redis.url, folder, started);
  } finally {
    await Promise.allSettled([redis.stop(), rm(folder, { recursive: true, force: true })]);
  }
});

async function runVitest(args, redisUrl, folder, started) {
  const report = join(folder, 'report.json');
  const chosen = args.some((arg) => arg.startsWith('--reporter'));
  const reporters = [...(chosen ? [] : ['--reporter=default']), '--reporter=json', `--outputFile.json=${report}`];
  const { code, received } = await runToEnd(
    process.execPath,
    [join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...reporters, ...args],
    {
      cwd: ROOT,
      env: { ...process.env, REDIS_URL: redisUrl, TANDEM_TEST: '1' },
      stdio: ['ignore', 'inherit', 'inherit'],
      removeDir: folder,
    },
  );
  if (received) {
    console.error(`Stopped by ${received}.`);
    return codeOf(received);
  }
  const counts = await readCounts(report);
  if (counts === null) {
    console.error(`vitest ended with ${code} and left no report that can be read.`);
    return code || 1;
  }
  const { passed, failed, skipped } = counts;
  const ran = passed + failed > 0;
  if (!ran) console.error('No test ran.');
  else if (code !== 0 && failed === 0)
    console.error(`No test failed, but vitest ended with ${code}: see its errors above.`);
  console.log(`Took ${((performance.now() - started) / 1000).toFixed(1)} s.`);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return ran ? code : code || 1;
}

/** Counts tests; a file that could not even be loaded, so that none of its tests ran, counts as one failed. */
async function readCounts(report) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      await readFile(report, 'utf8'),
    );
    const unloaded = testResults.filter(
      (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
    );
    const counts = {
      passed: numPassedTests,
      failed: numFailedTests + unloaded.length,
      skipped: numPendingTests + (numTodoTests ?? 0),
    };
    return Object.values(counts).every(Number.isInteger) ? counts : null;
  } catch {
    return null;
  }
}

// npm test: installs what is missing, starts a Redis, runs vitest, and ends with a line "N passed, N failed, N skipped".
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { codeOf, runToEnd } from './child.mjs';
import { prepare, ROOT, runScript } from './prepare.mjs';
import { startRedis } from './redis.mjs';
import { countTests, together } from './test-counts.mjs';

const HELP = `Usage: npm test [-- ARGUMENTS FOR VITEST]

  npm test                                 all tests
  npm test -- tests/unit                   those whose path contains this
  npm test -- tests/unit/a.test.ts -t NAME one file, only tests whose name contains NAME
  npm test -- --reporter=verbose           another report (vitest's reporters)

Runs against the Redis of REDIS_URL, or one of its own that ends with the run.
The last line is the result: N passed, N failed, N skipped.
If at most three files fail in a run of all tests, they are run once more, alone; what passes only then is named.`;

/** More failed files than this are no accident of a busy machine: they are not run again. */
const FILES_AGAIN = 3;

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
    const own = redis.how === 'REDIS_URL' ? {} : { TANDEM_TEST_REDIS: redis.url };
    process.exitCode = await runVitest(args, { REDIS_URL: redis.url, ...own }, folder, started);
  } finally {
    await Promise.allSettled([redis.stop(), rm(folder, { recursive: true, force: true })]);
  }
});

async function runVitest(args, env, folder, started) {
  let result = await runOnce(args, env, folder);
  const files = args.length === 0 ? (result.counts?.files ?? []) : [];
  if (!result.received && files.length > 0 && files.length <= FILES_AGAIN) {
    console.log(`Run again, alone: ${files.map((file) => relative(ROOT, file)).join(', ')}`);
    const second = await runOnce(['--no-file-parallelism', ...files], env, folder);
    result = { ...second, counts: second.counts && together(result.counts, second.counts) };
  }
  const { code, received, counts } = result;
  if (received) {
    console.error(`Stopped by ${received}.`);
    return codeOf(received);
  }
  if (counts === null) {
    console.error(`vitest ended with ${code} and left no report that can be read.`);
    return code || 1;
  }
  const { passed, failed, skipped, secondTry = [] } = counts;
  const ran = passed + failed > 0;
  if (!ran) console.error('No test ran.');
  else if (code !== 0 && failed === 0)
    console.error(`No test failed, but vitest ended with ${code}: see its errors above.`);
  for (const name of secondTry) console.log(`Passed only when run again, alone: ${name}`);
  console.log(`Took ${((performance.now() - started) / 1000).toFixed(1)} s.`);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return ran ? code : code || 1;
}

/** @returns `{ code, received, counts }`: exit code, signal that this process received, and the tests by result (null: no report) */
async function runOnce(args, env, folder) {
  const report = join(folder, 'report.json');
  await rm(report, { force: true });
  const chosen = args.some((arg) => arg.startsWith('--reporter'));
  const reporters = [...(chosen ? [] : ['--reporter=default']), '--reporter=json', `--outputFile.json=${report}`];
  const { code, received } = await runToEnd(
    process.execPath,
    [join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...reporters, ...args],
    {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
      removeDir: folder,
    },
  );
  return { code, received, counts: received ? null : await readCounts(report) };
}

/** @returns the counts of the report file (`countTests`), null where it cannot be read */
async function readCounts(report) {
  try {
    return countTests(JSON.parse(await readFile(report, 'utf8')), ROOT);
  } catch {
    return null;
  }
}

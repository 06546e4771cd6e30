/**
 * Bundles the programs and the tests once per test run. The programs as `npm run build` does: a process that a test starts then takes
 * a sixth of the time that it takes to begin from TypeScript. The folder is laid out as `dist/` is.
 */
import { randomUUID } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { bundle, PROGRAMS } from '../../scripts/bundle.mjs';
import { BUILD, BUILD_PREFIX } from './build-folder.ts';
import { bundleTests } from './bundled-tests.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OF_TESTS = ['sandbox/main.ts', 'sandbox/hostile/main.ts', 'tests/faults/simulation/worker.ts'];
/** What the sandbox reads from beside its modules. */
const PAGES = ['sandbox/kit/page-script.js', 'sandbox/kit/page-style.css'];

/** vitest's `globalSetup`, called once by each vitest: the second run of `npm test` builds again. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const { testFiles } = await project.globTestFiles();
  const folder = join(ROOT, '.cache', BUILD_PREFIX + randomUUID());
  const remove = () => rm(folder, { recursive: true, force: true });
  // Removed only when nothing writes to it any more.
  const made = await Promise.allSettled([
    bundle([...PROGRAMS, ...OF_TESTS], folder),
    bundleTests(testFiles, folder),
    ...PAGES.map((page) => cp(join(ROOT, page), join(folder, page))),
  ]);
  const failed = made.find((one) => one.status === 'rejected');
  if (failed) {
    await remove();
    throw failed.reason;
  }
  process.env[BUILD] = folder;
  return remove;
}

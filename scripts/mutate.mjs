// npm run mutate: mutation testing (Stryker) of engine/merge and engine/expression. Its tools are installed apart, in
// scripts/mutation, as they weigh 65 MB and nobody needs them to run, build or test Tandem.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from './child.mjs';
import { prepare, ROOT, runScript, Unprepared } from './prepare.mjs';

const HELP = `Usage: npm run mutate [-- ARGUMENTS FOR STRYKER]

  npm run mutate                                        all of engine/merge and engine/expression
  npm run mutate -- --mutate engine/merge/merge.ts      one file
  npm run mutate -- --concurrency 4                     as many processes (default 2)

Ends with 1 where the score falls below the threshold of scripts/mutation/stryker.config.mjs.
The report is reports/mutation/mutation.html.`;

const TOOLS = join(ROOT, 'scripts', 'mutation');

await runScript(async () => {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) return console.log(HELP);
  await prepare();
  if (!(await isInstalled())) {
    console.log('Installing Stryker into scripts/mutation (npm ci) ...');
    const { code } = await npm(['ci', '--legacy-peer-deps', '--no-audit', '--no-fund', '--prefix', TOOLS]);
    if (code !== 0) throw new Unprepared(`npm ci ended with ${code}.`);
  }
  const stryker = join(TOOLS, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js');
  const config = join(TOOLS, 'stryker.config.mjs');
  try {
    const { code } = await runToEnd(process.execPath, [stryker, 'run', config, ...args], { cwd: ROOT });
    process.exitCode = code ?? 1;
  } finally {
    await rm(join(ROOT, 'reports', 'stryker-tmp'), { recursive: true, force: true });
  }
});

/** vitest is the project's own: without its peers the runner finds it further up. */
function npm(args) {
  const own = process.env.npm_execpath;
  const [command, first] = own && /npm-cli\.c?js$/.test(own) ? [process.execPath, [own]] : ['npm', []];
  return runToEnd(command, [...first, ...args], { cwd: TOOLS });
}

async function isInstalled() {
  try {
    const wanted = JSON.parse(await readFile(join(TOOLS, 'package.json'), 'utf8')).devDependencies;
    for (const [name, version] of Object.entries(wanted)) {
      const found = JSON.parse(await readFile(join(TOOLS, 'node_modules', name, 'package.json'), 'utf8'));
      if (found.version !== version) return false;
    }
    return true;
  } catch {
    return false;
  }
}

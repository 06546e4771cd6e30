// npm run deps: checks that dependencies point one way (the rules: .dependency-cruiser.cjs).
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd } from './child.mjs';
import { ROOT, runScript } from './prepare.mjs';

await runScript(async () => {
  // dependency-cruiser fails on a folder that is not there.
  const folders = ['api', 'engine', 'server', 'cli', 'sandbox'].filter(hasSources);
  if (folders.length === 0) return console.log('No sources yet, so no dependencies to check.');
  const cruiser = join(ROOT, 'node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
  const { code } = await runToEnd(process.execPath, [cruiser, ...folders, '--config', '.dependency-cruiser.cjs'], {
    cwd: ROOT,
  });
  process.exitCode = code;
});

function hasSources(folder) {
  try {
    return readdirSync(join(ROOT, folder), { recursive: true }).some((name) => /\.[cm]?ts$/.test(name));
  } catch {
    return false;
  }
}

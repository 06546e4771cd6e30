// npm run simulate: installs what is missing, then runs the simulation (tests/faults/simulate.ts), which starts its own Redis.
import { runToEnd } from './child.mjs';
import { prepare, ROOT, runScript } from './prepare.mjs';

/** An orderly end takes less; past it, it is stuck. */
const GRACE_SECONDS = 20;

await runScript(async () => {
  await prepare();
  const { code } = await runToEnd(
    process.execPath,
    ['--import', 'tsx', 'tests/faults/simulate.ts', ...process.argv.slice(2)],
    { cwd: ROOT, graceSeconds: GRACE_SECONDS },
  );
  process.exitCode = code;
});

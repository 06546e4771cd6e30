// npm run demo: installs what is missing, then runs the demo (sandbox/demo/main.ts), which starts its own Redis.
import { runToEnd } from './child.mjs';
import { prepare, ROOT, runScript } from './prepare.mjs';

/** Its Tandem and its stand-ins have 20 seconds each to end in order; past that, it is stuck. */
const GRACE_SECONDS = 60;

await runScript(async () => {
  await prepare();
  const { code } = await runToEnd(
    process.execPath,
    ['--import', 'tsx', 'sandbox/demo/main.ts', ...process.argv.slice(2)],
    {
      cwd: ROOT,
      graceSeconds: GRACE_SECONDS,
    },
  );
  process.exitCode = code;
});

// npm run fuzz: installs what is missing, then runs seeds of hostile requests (tests/faults/fuzz.ts), which start their own Redis.
import { runToEnd } from './child.mjs';
import { prepare, ROOT, runScript } from './prepare.mjs';

await runScript(async () => {
  await prepare();
  const { code } = await runToEnd(
    process.execPath,
    ['--import', 'tsx', 'tests/faults/fuzz.ts', ...process.argv.slice(2)],
    { cwd: ROOT },
  );
  process.exitCode = code;
});

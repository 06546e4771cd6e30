/** Runs the CLI as a user does: another process. */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VARIABLES } from '../../../cli/process/environment.ts';
import { BUILD } from '../../support/build-folder.ts';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the system files of this repository need. */
export const SECRETS = {
  KEAP_API_KEY: 'k',
  SHOP_BASE_URL: 'http://127.0.0.1:9',
  SHOP_TOKEN: 't',
  SHOP_WEBHOOK_SECRET: 's',
};

/** An empty variable is an unset one, and no `.env` file of the person who runs the tests fills it in. */
const NOTHING_SET = Object.fromEntries(
  [...VARIABLES.map(({ name }) => name), ...Object.keys(SECRETS)].map((name) => [name, '']),
);

/** Nothing of Tandem's from the environment of the test run. */
export function cleanEnv(env: Record<string, string> = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(TANDEM_|OTEL_|REDIS_URL$|KEAP_|SHOP_|CI$|FORCE_COLOR$)/.test(name),
  );
  return { ...NOTHING_SET, ...Object.fromEntries(kept), NO_COLOR: '1', ...env };
}

/** V8 compiles for speed what runs often. That compiling takes half of their CPU where processes end soon after. */
export const OPTIMIZE_LATER = ['--interrupt-budget=1500000'];

/** Read at once: a command that runs in this process takes its variables away for a while. */
const BUILT = process.env[BUILD];

/** Arguments of node for a program of this repository: from the build of this test run, or from its source. */
export function program(source: string): string[] {
  if (BUILT !== undefined) return [...OPTIMIZE_LATER, join(BUILT, source.replace(/\.ts$/, '.js'))];
  return ['--import', import.meta.resolve('tsx'), join(ROOT, source)];
}

export const ARGUMENTS = program('cli/main.ts');

export function tandem(args: readonly string[], env: Record<string, string> = {}, cwd = ROOT): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...ARGUMENTS, ...args], {
      cwd,
      env: cleanEnv(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

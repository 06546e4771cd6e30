// How soon an edit of a mapping file is in force in two processes
//
// Two processes with server and workers share one folder and one Redis. A file is written as an editor does, and both are
// asked until each has the new version, and until it is in force: every worker with it works, and none is idle.
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../scripts/redis.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const EDITS = 20;
const MAPPING = 'product-product';

const redis = await startRedis({ own: true });
const folder = await mkdtemp(join(tmpdir(), 'tandem-bench-'));
for (const part of ['systems', 'schemas']) await cp(join(root, part), join(folder, part), { recursive: true });
await mkdir(join(folder, 'mappings'));
const file = join(folder, 'mappings', `${MAPPING}.yaml`);
const text = await readFile(join(root, 'mappings', `${MAPPING}.yaml`), 'utf8');
await writeFile(file, text);

async function start(): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', 'start', '--ready-json'], {
    cwd: root,
    env: {
      ...process.env,
      KEAP_BASE_URL: 'http://127.0.0.1:9',
      SHOP_BASE_URL: 'http://127.0.0.1:9',
      KEAP_API_KEY: 'bench',
      SHOP_TOKEN: 'bench',
      SHOP_WEBHOOK_SECRET: 'bench',
      REDIS_URL: redis.url,
      TANDEM_PORT: '0',
      TANDEM_SCHEDULES: 'off',
      TANDEM_LOG_LEVEL: 'error',
      TANDEM_CONFIG: folder,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`A process ended with ${code}.`)));
    createInterface({ input: child.stdout }).once('line', (line) => resolve((JSON.parse(line) as { url: string }).url));
  });
  return { child, url };
}

interface Processes {
  readonly processes: readonly { readonly idle: readonly string[] }[];
  readonly inForce: Readonly<Record<string, { readonly version: string }>>;
}

const get = async <T>(url: string, path: string): Promise<T> => (await (await fetch(`${url}${path}`)).json()) as T;
const version = async (url: string): Promise<string> =>
  (await get<{ version: string }>(url, `/mappings/${MAPPING}`)).version;
/** The version that all workers work with; undefined while some leave the mapping alone. */
async function inForce(url: string): Promise<string | undefined> {
  const { processes, inForce: mappings } = await get<Processes>(url, '/processes');
  if (processes.length < 2 || processes.some(({ idle }) => idle.includes(MAPPING))) return undefined;
  return mappings[MAPPING]?.version;
}
async function until(what: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await what())) {
    if (performance.now() > end) throw new Error('The edit did not come into force within a minute.');
    await sleep(5);
  }
}

const running = [await start(), await start()];
const [one, two] = running as [(typeof running)[0], (typeof running)[0]];
const loaded: number[] = [];
const forced: number[] = [];
try {
  await until(async () => (await inForce(one.url)) === (await version(one.url)));
  for (let edit = 1; edit <= EDITS; edit++) {
    const before = await version(one.url);
    const next = text.replace(/^properties:/m, `brake: { creates: { count: ${1_000 + edit} } }\nproperties:`);
    const saved = performance.now();
    await writeFile(file, next);
    const has = async ({ url }: { url: string }): Promise<void> => until(async () => (await version(url)) !== before);
    await Promise.all([has(one), has(two)]);
    loaded.push(performance.now() - saved);
    const wanted = await version(one.url);
    await until(async () => (await inForce(one.url)) === wanted && (await inForce(two.url)) === wanted);
    forced.push(performance.now() - saved);
  }
  const line = (name: string, values: number[]): string => {
    const sorted = values.sort((a, b) => a - b);
    const at = (p: number): string => `${(sorted[Math.floor((sorted.length - 1) * p)] ?? Number.NaN).toFixed(0)} ms`;
    return `${name.padEnd(50)} median ${at(0.5)}, most ${at(1)}`;
  };
  process.stdout.write(`${EDITS} edits of ${MAPPING}, two processes with server and workers\n`);
  process.stdout.write(
    `${line('saved -> loaded in both', loaded)}\n${line('saved -> in force, both work with it', forced)}\n`,
  );
} finally {
  for (const { child } of running) child.kill('SIGTERM');
  await Promise.all(running.map(({ child }) => new Promise((resolve) => child.once('exit', resolve))));
  await rm(folder, { recursive: true, force: true });
  await redis.stop();
}

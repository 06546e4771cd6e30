// What the tests of `qa --write` share: a Tandem that runs with some mappings, the command under way, and how queues stand.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { later } from '../../support/closing.ts';
import { redisUrl } from '../../support/redis.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { ARGUMENTS, cleanEnv, ROOT } from '../../unit/cli/spawn.ts';
import { configFolder, ownPrefix, standIns, startTandem } from './support.ts';

/** A Tandem that runs with these mappings and has read both sides. */
export async function running(mappings: string[], edit: (folder: string) => Promise<void> = async () => {}) {
  // Opportunities need the stages of an account.
  const { keap, shop, env: systems } = await standIns({ empty: !mappings.includes('opportunity-order') });
  const folder = await configFolder(...mappings);
  // Each entry of a value table takes two rounds; the whole table of countries takes a minute.
  await mkdir(join(folder, 'mappings', 'values'));
  const countries = 'alpha3-alpha2:\n  DEU: DE\n  USA: US\n  NOR: "NO"\n';
  await writeFile(join(folder, 'mappings', 'values', 'countries.yaml'), countries);
  const reports = await mkdtemp(join(tmpdir(), 'tandem-qa-'));
  later(() => rm(reports, { recursive: true }));
  await edit(folder);
  const env = {
    ...systems,
    REDIS_URL: redisUrl(),
    TANDEM_PREFIX: ownPrefix(),
    TANDEM_PORT: '0',
    TANDEM_CONFIG: folder,
  };
  const started = await startTandem('start', env);
  expect(started.ready.mappings).toHaveLength(mappings.length);
  const own = { ...env, TANDEM_URL: started.ready.url! };
  const synced = await tandem(['sync', '--full'], own);
  expect(synced.status, synced.stderr).toBe(0);
  const marked = async (): Promise<number> => {
    const key = { 'x-keap-api-key': keap.apiKey };
    const token = { authorization: `Bearer ${shop.token}` };
    const lists = await Promise.all([
      ...['companies', 'contacts', 'opportunities', 'products'].map((name) =>
        fetch(`${keap.url}/crm/rest/v2/${name}?page_size=1000`, { headers: key }),
      ),
      ...['customers', 'orders', 'products'].map((name) =>
        fetch(`${shop.url}/${name}?per_page=100&sort=-id`, { headers: token }),
      ),
    ]);
    const texts = await Promise.all(lists.map((list) => list.text()));
    return texts.join('').split('tandem-qa-').length - 1;
  };
  return { env: own, folder, reports, marked, shop };
}

/** Replaces text in the file of a mapping. */
export async function edit(folder: string, mapping: string, ...changes: readonly (readonly [string, string])[]) {
  const file = join(folder, 'mappings', `${mapping}.yaml`);
  let text = await readFile(file, 'utf8');
  for (const [from, to] of changes) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  await writeFile(file, text);
}

/** Leaves these rows of a mapping, by their fields of Keap: each is tested for some seconds. */
export async function keepRows(folder: string, mapping: string, ...fields: readonly string[]) {
  const file = join(folder, 'mappings', `${mapping}.yaml`);
  const [head, rows] = (await readFile(file, 'utf8')).split(/^properties:\n/m) as [string, string];
  const kept = rows.split(/^(?= {2}- keap: )/m).filter((row) => fields.includes(/^ {2}- keap: (\S+)/.exec(row)![1]!));
  expect(kept).toHaveLength(fields.length);
  await writeFile(file, `${head}properties:\n${kept.join('')}`);
}

/** `qa --write` under way. */
export function begin(env: Record<string, string>, ...args: readonly string[]) {
  const child = spawn(process.execPath, [...ARGUMENTS, 'qa', '--write', ...args], {
    cwd: ROOT,
    env: cleanEnv(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  later(async () => child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on('close', (status) => resolve(status)));
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
}

export async function isPaused(env: { readonly TANDEM_URL: string }, mapping: string): Promise<boolean> {
  const answer = await fetch(`${env.TANDEM_URL}/queues/${mapping}`);
  return ((await answer.json()) as { paused: boolean }).paused;
}

/** What `qa --write --json` found. */
export interface Found {
  readonly checks: readonly {
    readonly mapping: string;
    readonly property?: string;
    readonly what: string;
    readonly rule?: string;
    readonly from: string;
    readonly to: string;
    readonly verdict: string;
    readonly reason?: string;
  }[];
  readonly left: readonly string[];
}

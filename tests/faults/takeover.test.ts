// One process with 768 MB of heap reads a system that was taken over, attack by attack: it stays, answers, and stays small.
// The numbers are printed: npm test -- tests/faults/takeover.test.ts
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { ATTACKS, type Attack, type AttackName } from '../../sandbox/hostile/attacks.ts';
import { pathOf } from '../../sandbox/hostile/server.ts';
import { ownPrefix, startTandem } from '../integration/cli/support.ts';
import { closeAll, later } from '../support/closing.ts';
import { redisUrl } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { program, ROOT } from '../unit/cli/spawn.ts';
import { mappingFile, SCHEMA, systemFile, writeConfig } from './hostile-config.ts';

afterEach(closeAll);

const HEAP_MB = 768;
const attacks = (Object.entries(ATTACKS) as [AttackName, Attack][])
  // What does not end by itself goes last: nothing waits for it then.
  .sort(([a], [b]) => Number(a === 'pages without end') - Number(b === 'pages without end'));
const TOKEN = 'api-token-of-the-test';
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into as they come
type Answer = any;

/** The system that is taken over, as a process of its own: what it sends must not keep this one from measuring. */
async function takenSystem(): Promise<string> {
  const child = spawn(process.execPath, program('sandbox/hostile/main.ts'), {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  later(async () => void child.kill('SIGKILL'));
  const line = await new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  return (JSON.parse(line) as { url: string }).url;
}

/** A system and a mapping for each attack, so that none has to wait for what another one left. */
async function configFolder(url: string): Promise<string> {
  const files: Record<string, string> = {
    'systems/quiet.yaml': systemFile('quiet', url),
    'schemas/quiet/things.schema.json': SCHEMA,
  };
  for (const [i, [name, attack]] of attacks.entries()) {
    const base = `${url}${pathOf(name)}`;
    const oauth = `{ kind: oauth2, tokenUrl: "${base}/token", clientId: "\${HOSTILE_ID}", clientSecret: "\${HOSTILE_SECRET}", refreshToken: "\${HOSTILE_REFRESH}" }`;
    files[`systems/taken-${i}.yaml`] = systemFile(`taken-${i}`, base, attack.token ? oauth : undefined);
    files[`mappings/taken-${i}.yaml`] = mappingFile(`taken-${i}`, `taken-${i}`, 'quiet');
    files[`schemas/taken-${i}/things.schema.json`] = SCHEMA;
  }
  const folder = await writeConfig(files);
  later(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Megabytes at most since the last call. */
async function peak({ pid }: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  await writeFile(`/proc/${pid}/clear_refs`, '5');
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

/** Asks for health again 25 ms after it was answered. @returns the longest time without an answer, in ms */
async function longestGap(url: string, ended: AbortSignal): Promise<number> {
  const live = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const sent = request(`${url}/health/live`, (answer) => answer.resume().on('end', resolve));
      sent.on('error', reject).end();
    });
  let longest = 0;
  while (!ended.aborted) {
    const last = performance.now();
    await live();
    longest = Math.max(longest, performance.now() - last);
    await sleep(25);
  }
  return longest;
}

test('no response of a system ends a process with 768 MB of heap or keeps it from serving requests', async () => {
  const taken = await takenSystem();
  const { child, ready, log } = await startTandem('start', {
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
    REDIS_URL: redisUrl(),
    TANDEM_PREFIX: ownPrefix(),
    TANDEM_PORT: '0',
    TANDEM_API_TOKEN: TOKEN,
    TANDEM_CONFIG: await configFolder(taken),
    TANDEM_ENCRYPTION_KEY: 'key-of-the-test',
    HOSTILE_ID: 'id',
    HOSTILE_SECRET: 'secret-of-the-test',
    HOSTILE_REFRESH: 'refresh-of-the-test',
  });
  const url = ready.url ?? '';
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const got = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return got.json();
  };
  const preview = async (mapping: string): Promise<string> => {
    const { code, detail } = await call('POST', `/mappings/${mapping}/preview`, { side: mapping, id: '1' });
    return `${code}: ${detail}`;
  };
  /** A full scan, until it has ended or is put off with a reason, or has read far enough. */
  const scan = async (mapping: string): Promise<string> => {
    const { id } = await call('POST', `/triggers/${mapping}`, { scan: 'full' });
    return until(async () => {
      const { state, counts, progress } = await call('GET', `/runs/${id}`);
      if (state === 'done' || state === 'failed') return `${state}, ${counts.failed} failed`;
      if (progress.read[mapping] > 50_000) return `still reading after ${progress.read[mapping]} records`;
      const { jobs } = await call('GET', '/queues/scan/jobs?state=delayed&limit=500');
      const job = jobs.find((one: Answer) => one.data.mapping === mapping);
      return job && `${job.code ?? job.reason}: ${job.detail}`;
    }, 120_000);
  };

  await peak(child);
  const rows: string[] = [];
  const most = { peak: 0, gap: 0 };
  for (const [i, [name, attack]] of attacks.entries()) {
    const end = new AbortController();
    const gap = longestGap(url, end.signal);
    const reported: string[] = [];
    if (attack.list) reported.push(await scan(`taken-${i}`));
    if (attack.read || attack.token) reported.push(await preview(`taken-${i}`));
    end.abort();
    const row = { gap: Math.round(await gap), peak: await peak(child) };
    most.peak = Math.max(most.peak, row.peak);
    most.gap = Math.max(most.gap, row.gap);
    rows.push(
      `${name.padEnd(40)} ${String(row.peak).padStart(5)} MB ${String(row.gap).padStart(6)} ms  ${reported.join(' | ')}`,
    );
  }
  process.stdout.write(
    `${'attack'.padEnd(40)}     peak       gap\n${rows.join('\n')}\nat most ${most.peak} MB, ${most.gap} ms\n`,
  );
  expect({ exit: child.exitCode, fatal: log.filter((line) => /"level":"fatal"/.test(line)) }).toEqual({
    exit: null,
    fatal: [],
  });
  // Bodies as they come in, and the program itself, are no heap.
  expect(most.peak).toBeLessThan(HEAP_MB);
  // On a machine that does nothing else 250 ms; other tests run beside this one.
  expect(most.gap).toBeLessThan(3_000);
}, 300_000);

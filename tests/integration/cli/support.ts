// What the tests of running processes share: a configuration of their own, stand-ins, a Redis prefix, child processes.
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { startKeap } from '../../../sandbox/keap/server.ts';
import { makeSeed } from '../../../sandbox/seed/index.ts';
import { startShop } from '../../../sandbox/shop/server.ts';
import { later } from '../../support/closing.ts';
import { deletePrefix, redisUrl, uniquePrefix } from '../../support/redis.ts';
import { ARGUMENTS, cleanEnv, ROOT } from '../../unit/cli/spawn.ts';

/** A prefix of its own; what stands under it goes with the test. */
export function ownPrefix(): string {
  const prefix = uniquePrefix();
  later(async () => {
    const redis = new Redis(redisUrl());
    await deletePrefix(redis, prefix);
    redis.disconnect();
  });
  return prefix;
}

/** A folder with the systems of this repository and some of its mappings. */
export async function configFolder(...mappings: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tandem-cli-'));
  later(() => rm(folder, { recursive: true, force: true }));
  for (const part of ['systems', 'schemas']) await cp(join(ROOT, part), join(folder, part), { recursive: true });
  await mkdir(join(folder, 'mappings'));
  for (const name of mappings) {
    await cp(join(ROOT, 'mappings', `${name}.yaml`), join(folder, 'mappings', `${name}.yaml`));
  }
  return folder;
}

/** Keap and the shop with a few records, or none, and the variables under which Tandem finds them. */
export async function standIns({ empty = false } = {}) {
  const { keap: keapData, shop: shopData } = empty ? {} : makeSeed(42, 'small');
  const hookDelay = [5, 10] as const;
  const keap = await startKeap({ ...(keapData ? { data: keapData } : {}), limits: false, hookDelayMs: hookDelay });
  later(() => keap.close());
  const shop = await startShop({ ...(shopData ? { data: shopData } : {}), webhookDelayMs: hookDelay });
  later(() => shop.close());
  const env = {
    KEAP_BASE_URL: `${keap.url}/crm/rest`,
    KEAP_API_KEY: keap.apiKey,
    KEAP_LIMIT_SECOND: '1000',
    KEAP_LIMIT_MINUTE: '60000',
    SHOP_BASE_URL: shop.url,
    SHOP_TOKEN: shop.token,
    SHOP_LIMIT_SECOND: '1000',
    SHOP_WEBHOOK_SECRET: 'test-webhook-secret',
  };
  return { keap, shop, env };
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

export interface Running {
  readonly child: ChildProcess;
  /** The line that it printed once it was ready. */
  readonly ready: { readonly ready: true; readonly url?: string; readonly mappings: readonly string[] };
  /** All lines on stdout and stderr so far. */
  readonly stdout: string[];
  readonly log: string[];
  readonly ended: Promise<{ status: number | null; signal: NodeJS.Signals | null }>;
}

/** Starts a long-running command and waits until it is ready. Schedules are off unless asked for. */
export async function startTandem(command: string, env: Record<string, string>): Promise<Running> {
  const child = spawn(process.execPath, [...ARGUMENTS, command, '--ready-json'], {
    cwd: ROOT,
    env: cleanEnv({ TANDEM_SCHEDULES: 'off', ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<{ status: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('exit', (status, signal) => resolve({ status, signal }));
  });
  later(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const stdout: string[] = [];
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const lines = createInterface({ input: child.stdout });
  const ready = new Promise<Running['ready']>((resolve) => {
    lines.on('line', (line) => {
      stdout.push(line);
      if (stdout.length === 1) resolve(JSON.parse(line) as Running['ready']);
    });
  });
  const early = ended.then(({ status }): never => {
    throw new Error(`tandem ${command} ended with ${status} before it was ready:\n${log.join('\n')}`);
  });
  early.catch(() => {});
  return { child, ready: await Promise.race([ready, early]), stdout, log, ended };
}

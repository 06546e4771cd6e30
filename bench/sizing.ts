// What links cost in Redis and what the processes need, over a first sync; npm run build first
//
// The build runs as a server and a worker of their own, over a Redis of its own; the stand-ins are in this process and do
// not count. Another number of records: node --import tsx bench/sizing.ts 2000
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startKeap } from '../sandbox/keap/server.ts';
import { startShop } from '../sandbox/shop/server.ts';
import { startRedis } from '../scripts/redis.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const COUNT = Number(process.argv[2] ?? 10_000);
const MAPPING = 'company-customer';
const BIG = '1000000000';

const server = await startRedis({ own: true });
const redis = new Redis(server.url);
const keap = await startKeap({ limits: false });
const shop = await startShop();
for (let i = 0; i < COUNT; i++) {
  keap.store.add('companies', {
    company_name: `Company number ${i}`,
    email_address: { email: `office@company-${i}.example`, field: 'EMAIL1' },
    phone_number: { number: `+49 30 ${1_000_000 + i}`, type: 'WORK' },
    website: `https://company-${i}.example`,
    address: { line1: `${i} Long Street`, line2: '', locality: 'Berlin', region_code: 'DE-BE', postal_code: '10115' },
    notes: `Asked for offer ${i}, to be called again in autumn.`,
  });
}
const env = {
  ...process.env,
  REDIS_URL: server.url,
  NODE_ENV: 'production',
  TANDEM_CONFIG: root,
  TANDEM_SCHEDULES: 'off',
  TANDEM_LOG_LEVEL: 'warn',
  KEAP_BASE_URL: `${keap.url}/crm/rest`,
  KEAP_API_KEY: keap.apiKey,
  KEAP_LIMIT_SECOND: BIG,
  KEAP_LIMIT_MINUTE: BIG,
  KEAP_LIMIT_DAY: BIG,
  SHOP_BASE_URL: shop.url,
  SHOP_TOKEN: shop.token,
  SHOP_LIMIT_SECOND: BIG,
  SHOP_WEBHOOK_SECRET: 'bench',
};

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  peak: number;
}
async function start(command: string, more: Record<string, string>): Promise<Started> {
  const child = spawn(process.execPath, ['dist/cli/main.js', command, '--ready-json'], {
    cwd: root,
    env: { ...env, ...more },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout! }))
    return { child, url: (JSON.parse(line) as { url: string }).url, peak: 0 };
  throw new Error(`${command} did not start`);
}

const mebi = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
/** Bytes. */
async function resident({ child }: Started): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
async function used(): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
}

const http = await start('server', { TANDEM_PORT: '0' });
const worker = await start('worker', { TANDEM_HEALTH_PORT: '0' });
const before = { redis: await used(), http: await resident(http), worker: await resident(worker) };
const begun = performance.now();
const answer = await fetch(`${http.url}/triggers/${MAPPING}`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ allowCreates: true }),
});
const { id } = (await answer.json()) as { id: string };
let state = '';
while (state !== 'done' && state !== 'failed') {
  await sleep(500);
  ({ state } = (await (await fetch(`${http.url}/runs/${id}`)).json()) as { state: string });
  for (const one of [http, worker]) one.peak = Math.max(one.peak, await resident(one));
}
const seconds = (performance.now() - begun) / 1000;
const links = Number(/^tandem_links\{mapping="company-customer"\} (\d+)$/m.exec(await metrics())?.[1]);
async function metrics(): Promise<string> {
  return (await fetch(`${http.url}/metrics`)).text();
}
const after = await used();
// The jobs that are kept for a day to be looked at.
const jobs = await redis.eval("return #redis.call('KEYS', '{tandem}:reconcile-*')", 0);
process.stdout.write(
  `${[
    `first sync of ${COUNT} records of ${MAPPING} (11 properties): ${state}, ${links} links, ${seconds.toFixed(0)} s, one worker`,
    `Redis: ${mebi(before.redis)} before, ${mebi(after)} after: ${mebi(((after - before.redis) / links) * 10_000)} per 10,000 links (${String(jobs)} keys of jobs that are kept included)`,
    `server: ${mebi(before.http)} at rest, ${mebi(http.peak)} at most`,
    `worker: ${mebi(before.worker)} at rest, ${mebi(worker.peak)} at most`,
  ].join('\n')}\n`,
);

for (const { child } of [worker, http]) {
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}
redis.disconnect();
await keap.close();
await shop.close();
await server.stop();

// How many record ids a server takes in by webhooks, beside the bare cost of the same work
//
// One process serves, as `tandem server` does; this one sends what a system sends, batches of 1,000 ids, and asks
// /health/ready meanwhile. The bare cost is queueing the same ids with BullMQ's own addBulk, in turn with the batches, so
// that the ratio holds on any machine. Then ids come in at a steady pace for a minute: distinct ones (the queue grows, the
// process must not) and repeated ones (neither may).
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { createQueues, webhookKeys } from '../engine/index.ts';
import { startRedis } from '../scripts/redis.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const BATCH = 1_000;
const ROUNDS = 20;
/** Ids per second, and for how long, in seconds. */
const TARGET = Number(process.env.TARGET ?? 10_000);
const SECONDS = Number(process.env.SECONDS ?? 60);
/** So many records change again and again. */
const POOL = 5_000;

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const percentile = (values: readonly number[], p: number): number =>
  sorted(values)[Math.min(values.length - 1, Math.floor(values.length * p))] ?? Number.NaN;
const median = (values: readonly number[]): number => percentile(values, 0.5);
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const redis = await startRedis({ own: true });
const secret = randomBytes(16).toString('hex');
const none = { KEAP_BASE_URL: 'http://127.0.0.1:9', SHOP_BASE_URL: 'http://127.0.0.1:9' };
const child = spawn(process.execPath, ['--import', 'tsx', 'cli/main.ts', 'server', '--ready-json'], {
  cwd: root,
  env: {
    ...process.env,
    ...none,
    KEAP_API_KEY: 'bench',
    SHOP_TOKEN: 'bench',
    SHOP_WEBHOOK_SECRET: 'bench',
    REDIS_URL: redis.url,
    TANDEM_PREFIX: 'bench',
    TANDEM_PORT: '0',
    TANDEM_WEBHOOK_SECRET: secret,
    TANDEM_LOG_LEVEL: 'warn',
    TANDEM_CONFIG: root,
  },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
const url = await new Promise<string>((resolve, reject) => {
  child.once('exit', (code) => reject(new Error(`The server ended with ${code}.`)));
  createInterface({ input: child.stdout }).once('line', (line) => resolve((JSON.parse(line) as { url: string }).url));
});
const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
const key = (await webhookKeys(connection, 'bench', secret))('keap');
const bareQueues = createQueues(connection, 'bare');
/** The same ids as jobs of their own. */
const bare = async (ids: readonly string[]): Promise<void> => {
  await bareQueues.scan.addBulk(
    ids.map((id) => ({ name: 'bare', data: { mapping: 'bare', scan: 'changes', run: id } })),
  );
};

const rss = async (): Promise<number> =>
  Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
const redisMemory = async (): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await connection.info('memory'))?.[1] ?? 0) / 2 ** 20;

let next = 0;
const distinct = (): string[] => Array.from({ length: BATCH }, () => String(next++));
const repeated = (): string[] => {
  const from = Math.floor(Math.random() * POOL);
  return Array.from({ length: BATCH }, (_, i) => String((from + i) % POOL));
};

/** @returns how long the answer took, in ms */
const post = (ids: readonly string[]): Promise<number> =>
  timed(async () => {
    const answer = await fetch(`${url}/webhooks/keap/${key}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        event_key: 'company.edit',
        object_keys: ids.map((id) => ({ id: Number(id), timestamp: '2025-01-01T00:00:00Z' })),
      }),
    });
    const text = await answer.text();
    const { queued } = JSON.parse(text) as { queued?: number };
    if (answer.status !== 202 || queued !== ids.length) throw new Error(`answered ${answer.status}: ${text}`);
  });
const health = (): Promise<number> => timed(async () => (await fetch(`${url}/health/ready`)).text());
const flush = async (): Promise<void> => {
  await connection.flushdb();
};

interface Steady {
  readonly accepted: number;
  readonly seconds: number;
  readonly answers: readonly number[];
  readonly health: readonly number[];
  readonly memory: readonly number[];
  readonly redis: number;
}

/** Batches at a steady pace; one that is answered late does not slow down those that follow. */
async function steady(ids: () => string[]): Promise<Steady> {
  const answers: number[] = [];
  const looks: number[] = [];
  const memory: number[] = [];
  const open = new Set<Promise<unknown>>();
  const start = performance.now();
  let on = true;
  const looking = (async () => {
    while (on) {
      looks.push(await health());
      await sleep(50);
    }
  })();
  const weighing = (async () => {
    while (on) {
      memory.push(await rss());
      await sleep(1_000);
    }
  })();
  const every = (1_000 * BATCH) / TARGET;
  const total = (SECONDS * 1_000) / every;
  for (let i = 0; i < total; i++) {
    const wait = start + i * every - performance.now();
    if (wait > 0) await sleep(wait);
    // A sender does not pile up requests without end: at most so many are under way.
    while (open.size >= 8) await Promise.race(open);
    const sent = post(ids()).then((ms) => {
      answers.push(ms);
      open.delete(sent);
    });
    open.add(sent);
  }
  await Promise.all(open);
  const seconds = (performance.now() - start) / 1_000;
  on = false;
  await Promise.all([looking, weighing]);
  return { accepted: answers.length * BATCH, seconds, answers, health: looks, memory, redis: await redisMemory() };
}

try {
  const idle: number[] = [];
  for (let i = 0; i < 200; i++) idle.push(await health());
  // Warm, then in turn: through the server, and bare.
  for (let i = 0; i < 3; i++) {
    await post(distinct());
    await bare(distinct());
  }
  const kinds = { distinct, repeated } as const;
  const times = {
    distinct: { served: [] as number[], bare: [] as number[] },
    repeated: { served: [] as number[], bare: [] as number[] },
  };
  for (const kind of ['distinct', 'repeated'] as const) {
    await flush();
    for (let round = 0; round < ROUNDS; round++) {
      const ids = kinds[kind]();
      times[kind].bare.push(await timed(() => bare(ids)));
      times[kind].served.push(await post(ids));
    }
  }
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  print(`batches of ${BATCH} ids, one after the other, median of ${ROUNDS}`);
  for (const kind of ['distinct', 'repeated'] as const) {
    const { served, bare } = times[kind];
    const rate = (ms: number): string => `${((BATCH * 1_000) / ms).toFixed(0).padStart(6)} ids/s`;
    print(
      `  ${kind.padEnd(9)} bare addBulk ${median(bare).toFixed(0).padStart(4)} ms ${rate(median(bare))}   webhook answered ${median(served).toFixed(0).padStart(4)} ms ${rate(median(served))}   ratio ${(median(served) / median(bare)).toFixed(2)}`,
    );
  }
  print(
    `/health/ready at rest: p50 ${percentile(idle, 0.5).toFixed(1)} ms, p99 ${percentile(idle, 0.99).toFixed(1)} ms`,
  );
  for (const kind of ['repeated', 'distinct'] as const) {
    await flush();
    const before = await redisMemory();
    const { accepted, seconds, answers, health: looks, memory, redis: after } = await steady(kinds[kind]);
    const third = Math.floor(memory.length / 3);
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    print(
      `${kind} ids at ${TARGET}/s for ${SECONDS} s: ${accepted} accepted in ${seconds.toFixed(1)} s, ${(accepted / seconds).toFixed(0)} ids/s`,
    );
    print(
      `  answered in p50 ${percentile(answers, 0.5).toFixed(0)} ms, p99 ${percentile(answers, 0.99).toFixed(0)} ms`,
    );
    print(
      `  /health/ready meanwhile: p50 ${percentile(looks, 0.5).toFixed(1)} ms, p99 ${percentile(looks, 0.99).toFixed(1)} ms (${looks.length} asked)`,
    );
    print(
      `  resident memory of the server, mean of each third: ${[0, 1, 2].map((i) => mean(memory.slice(i * third, (i + 1) * third)).toFixed(0)).join(', ')} MiB, at most ${Math.max(...memory).toFixed(0)}`,
    );
    print(`  Redis: ${before.toFixed(0)} -> ${after.toFixed(0)} MiB`);
  }
} finally {
  await bareQueues.close();
  connection.disconnect();
  child.kill('SIGTERM');
  await ended;
  await redis.stop();
}

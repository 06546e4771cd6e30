/**
 * What measurements share: a built Tandem, its Redis and the systems, each a process of its own, so that the cost of one is
 * not counted for another. Everything is asked and counted from outside.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startRedis } from '../../scripts/redis.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export const median = (values: readonly number[]): number => quantile(values, 0.5);
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** Runs `work` for 0 to n - 1, so many at once. */
export async function each(n: number, atOnce: number, work: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(atOnce, n) }, async () => {
      while (next < n) await work(next++);
    }),
  );
}

/** @returns seconds */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1_000;
}

export async function until(done: () => Promise<boolean>, every = 50): Promise<void> {
  while (!(await done())) await sleep(every);
}

export interface Process {
  readonly child: ChildProcess;
  /** CPU that it has used, user and system, in ms. */
  cpu(): Promise<number>;
  /** Memory that it holds now, and the most that it ever held, in MiB. */
  memory(): Promise<{ now: number; most: number }>;
  stop(): Promise<void>;
}

export interface Lab {
  readonly redis: Redis;
  readonly redisUrl: string;
  /** Starts a process. @returns it with the line of JSON that it prints once it is ready */
  start(args: readonly string[], env: Record<string, string>): Promise<Process & { ready: Record<string, unknown> }>;
  /** Commands that Redis has run so far, those inside scripts included. */
  commands(): Promise<number>;
  /** Bytes of all keys but those of queues and runs. */
  stateBytes(): Promise<number>;
  close(): Promise<void>;
}

const TICK_MS = 10;

// Over 60 lines: a factory. What it returns are short functions that share one Redis and the processes.
export async function createLab(): Promise<Lab> {
  const server = await startRedis({ own: true, appendonly: true });
  const redis = new Redis(server.url);
  const processes: Process[] = [];

  async function start(args: readonly string[], env: Record<string, string>) {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line.startsWith('{')) resolve(JSON.parse(line) as Record<string, unknown>);
      });
    });
    const proc = async (file: string): Promise<string> => readFile(`/proc/${child.pid}/${file}`, 'utf8');
    const one = {
      child,
      ready,
      async cpu() {
        const fields = (await proc('stat')).replace(/^.*\) /s, '').split(' ');
        return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
      },
      async memory() {
        const status = await proc('status');
        const mib = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
        return { now: mib('VmRSS'), most: mib('VmHWM') };
      },
      async stop() {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await Promise.race([ended, sleep(8_000, undefined, { ref: false })]);
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      },
    };
    processes.push(one);
    return one;
  }

  return {
    redis,
    redisUrl: server.url,
    start,
    commands: async () => Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]),
    async stateBytes() {
      let bytes = 0;
      for (const key of await redis.keys('*'))
        if (!/^\{|:\{(runs|versions|throughput)\}|:throttle/.test(key))
          bytes += Number(await redis.memory('USAGE', key, 'SAMPLES', 0));
      return bytes;
    },
    async close() {
      for (const one of processes.reverse()) await one.stop();
      redis.disconnect();
      await server.stop();
    },
  };
}

/** A run of a mapping, from its trigger to its end. */
export async function runToEnd(url: string, mapping: string, body: object): Promise<void> {
  const answer = await fetch(`${url}/triggers/${mapping}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    // The first sync of a bench may create as much as there is.
    body: JSON.stringify({ allowCreates: true, ...body }),
  });
  const { id } = (await answer.json()) as { id: string };
  const begun = performance.now();
  for (;;) {
    const run = (await (await fetch(`${url}/runs/${id}`)).json()) as { state: string; reason?: string };
    if (run.state === 'failed') throw new Error(`The run failed: ${run.reason}`);
    if (run.state === 'done') return;
    // Each look costs the process that is measured: the longer it has taken, the less often.
    await sleep(Math.max(20, (performance.now() - begun) / 40));
  }
}

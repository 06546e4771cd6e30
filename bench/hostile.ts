// The longest gap of /health/live during each attack by expressions, records and patterns
//
// One process of server and workers over a system that was taken over. While each attack runs, /health/live is asked again
// as soon as it has answered; the longest wait is printed, with what became of the attack. Names as arguments choose attacks.
import { type ChildProcess, spawn } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startRedis } from '../scripts/redis.mjs';
import { ATTACKS, type Attack, mappingOf, schemaOf } from './hostile/attacks.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/** How long an attack may go on, in ms; a process that does not answer by then is ended. */
const PATIENCE = Number(process.env.SECONDS ?? 15) * 1_000;

const chosen = process.argv.slice(2);
const attacks = ATTACKS.filter(({ name }) => chosen.length === 0 || chosen.some((part) => name.includes(part)));

// ---------------------------------------------------------------- the system that was taken over

let record = '{"id":"1","name":"Ann"}';
const system = createServer((incoming, reply) => {
  reply.setHeader('content-type', 'application/json');
  if (incoming.method !== 'GET') {
    reply.statusCode = incoming.method === 'POST' ? 201 : 200;
    reply.end('{"id":"2","name":"Ann"}');
  } else if (incoming.url === '/hostile/1') reply.end(record);
  else if (incoming.url === '/hostile') reply.end('[]');
  else if (incoming.url === '/quiet') reply.end('[]');
  else if (incoming.url === '/quiet/2') reply.end('{"id":"2","name":"Ann"}');
  else {
    reply.statusCode = 404;
    reply.end('{}');
  }
});
await new Promise<void>((resolve) => system.listen(0, '127.0.0.1', resolve));
const { port } = system.address() as AddressInfo;

// ---------------------------------------------------------------- Tandem

const redis = await startRedis({ own: true });
const folder = await mkdtemp(join(tmpdir(), 'tandem-bench-'));
const READ = 'read-token-of-the-bench';
const API = 'api-token-of-the-bench';

const write = async (name: string, text: string): Promise<void> => {
  await mkdir(dirname(join(folder, name)), { recursive: true });
  await writeFile(join(folder, name), text);
};
const systemFile = (name: string): string => `system: ${name}
description: A system.
baseUrl: http://127.0.0.1:${port}
auth: { kind: bearer, token: "\${BENCH_TOKEN}" }
entities:
  things:
    schema: ${name}/things
    id: id
    list: { path: /${name}, items: "", paging: { kind: none } }
    read: { path: "/${name}/{id}" }
    create: { path: /${name}, answer: record }
    update: { path: "/${name}/{id}", nested: merge, answer: record }
`;

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

let prefix = 0;
async function start(attack: Attack): Promise<Running> {
  await write('systems/hostile.yaml', systemFile('hostile'));
  await write('systems/quiet.yaml', systemFile('quiet'));
  await write('schemas/hostile/things.schema.json', schemaOf({}));
  await write('schemas/quiet/things.schema.json', schemaOf(attack.target ?? {}));
  await write('mappings/things.yaml', mappingOf(attack.property ?? {}));
  const built = process.env.SOURCES === undefined;
  const command = built ? ['dist/cli/main.js'] : ['--import', 'tsx', 'cli/main.ts'];
  const child = spawn(process.execPath, [...command, 'start', '--ready-json'], {
    cwd: root,
    env: {
      ...process.env,
      BENCH_TOKEN: 'bench',
      REDIS_URL: redis.url,
      TANDEM_PREFIX: `bench${prefix++}`,
      TANDEM_PORT: '0',
      TANDEM_SCHEDULES: 'off',
      TANDEM_LOG_LEVEL: 'error',
      TANDEM_CONFIG: folder,
      TANDEM_READ_TOKEN: READ,
      TANDEM_API_TOKEN: API,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`Tandem ended with ${code}.`)));
    createInterface({ input: child.stdout! }).once('line', (line) =>
      resolve((JSON.parse(line) as { url: string }).url),
    );
  });
  return { child, url };
}

async function stop({ child }: Running): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const hung = setTimeout(() => child.kill('SIGKILL'), 3_000);
  await ended;
  clearTimeout(hung);
}

// ---------------------------------------------------------------- measuring

interface Answer {
  readonly status: number;
  readonly text: string;
}

function ask(url: string, method: string, token: string, body: unknown, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method,
      signal,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
    sent.on('error', reject);
    sent.on('response', (reply) => {
      let text = '';
      reply.setEncoding('utf8');
      reply.on('data', (part: string) => {
        text += part;
      });
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, text }));
      reply.on('error', reject);
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Asks again as soon as it was answered. @returns the longest time between two answers, in ms */
async function gap(url: string, ended: AbortSignal): Promise<number> {
  let longest = 0;
  let last = performance.now();
  while (!ended.aborted) {
    try {
      await ask(`${url}/health/live`, 'GET', READ, undefined, ended);
    } catch {
      break;
    }
    longest = Math.max(longest, performance.now() - last);
    await sleep(2);
    last = performance.now();
  }
  return Math.max(longest, performance.now() - last);
}

/** @returns what became of it, in words */
async function carryOut(attack: Attack, url: string, signal: AbortSignal): Promise<string> {
  if (attack.request) {
    const { path, body, atOnce = 1 } = attack.request;
    const answers = await Promise.all(
      Array.from({ length: atOnce }, () => ask(`${url}${path}`, 'POST', READ, body(), signal)),
    );
    return [...new Set(answers.map(({ status, text }) => `${status} ${codesIn(text)}`.trim()))].join(', ');
  }
  record = attack.record!();
  await runToEnd(url, { record: { side: 'hostile', id: '1' } }, signal);
  const waiting = JSON.parse((await ask(`${url}/records?mapping=things`, 'GET', READ, undefined, signal)).text) as {
    records?: { code?: string }[];
  };
  return codesIn(JSON.stringify(waiting)) || 'written';
}

async function runToEnd(url: string, what: object, signal: AbortSignal): Promise<void> {
  const { text } = await ask(`${url}/triggers/things`, 'POST', API, what, signal);
  const { id } = JSON.parse(text) as { id: string };
  for (;;) {
    const run = JSON.parse((await ask(`${url}/runs/${id}`, 'GET', READ, undefined, signal)).text) as { state: string };
    if (run.state === 'done' || run.state === 'failed') return;
    await sleep(20);
  }
}

const codesIn = (text: string): string =>
  [...new Set([...text.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code))].join(' ');

try {
  process.stdout.write(`${'attack'.padEnd(46)} ${'gap'.padStart(9)}  what became of it\n`);
  for (const attack of attacks) {
    const running = await start(attack);
    const measured = new AbortController();
    const late = new AbortController();
    setMaxListeners(0, late.signal);
    // Both sides are read once: before that nothing is created.
    record = '{"id":"1","name":"Ann"}';
    await runToEnd(running.url, { scan: 'full' }, late.signal);
    const probe = gap(running.url, measured.signal);
    await sleep(200);
    const timer = setTimeout(() => late.abort(), PATIENCE);
    const outcome = await carryOut(attack, running.url, late.signal).catch((error: unknown) =>
      late.signal.aborted ? `no end within ${PATIENCE / 1_000} s` : String(error),
    );
    clearTimeout(timer);
    // Whatever it left behind blocks now.
    if (!late.signal.aborted) await sleep(500);
    measured.abort();
    const ms = await probe;
    process.stdout.write(`${attack.name.padEnd(46)} ${ms.toFixed(0).padStart(6)} ms  ${outcome}\n`);
    await stop(running);
  }
} finally {
  system.close();
  await rm(folder, { recursive: true, force: true });
  await redis.stop();
}

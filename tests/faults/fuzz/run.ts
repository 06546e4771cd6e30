// One seed: a process as users run it, and requests from a seed against it. Nothing of it is known but its addresses.
import { readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { startHostile } from '../../../sandbox/hostile/server.ts';
import { seededRandom } from '../../../sandbox/kit/random.ts';
import { ownPrefix, startTandem } from '../../integration/cli/support.ts';
import { later } from '../../support/closing.ts';
import { redisUrl } from '../../support/redis.ts';
import { mappingFile, SCHEMA, systemFile, writeConfig } from '../hostile-config.ts';
import { requests, type Wire } from './requests.ts';

export interface Report {
  readonly seed: number;
  readonly requests: number;
  /** How many answers there were of each status; 0: none, where none was due. */
  readonly statuses: Readonly<Record<number, number>>;
  /** What should not be: a 500, a crash, an answer that is no problem document, no answer at all. */
  readonly faults: readonly string[];
  /** Longest time for which /health/live did not answer, in ms. */
  readonly gap: number;
  /** Megabytes of memory, after a tenth of the requests and at the end. */
  readonly memory: readonly [number, number];
}

const API = 'api-token-of-the-fuzz';
const READ = 'read-token-of-the-fuzz';
/** Milliseconds after which a request without an answer is a fault. */
const PATIENCE = 60_000;

/** Closes nothing itself: see `later` in tests/integration/cli/support.ts. */
export async function fuzz(seed: number, count: number): Promise<Report> {
  const system = await startHostile();
  later(() => system.close());
  const folder = await writeConfig({
    'systems/a.yaml': systemFile('a', system.url),
    'systems/b.yaml': systemFile('b', system.url),
    'schemas/a/things.schema.json': SCHEMA,
    'schemas/b/things.schema.json': SCHEMA,
    'mappings/things.yaml': mappingFile('things', 'a', 'b'),
  });
  later(() => rm(folder, { recursive: true, force: true }));
  const { child, ready, log } = await startTandem('start', {
    REDIS_URL: redisUrl(),
    TANDEM_PREFIX: ownPrefix(),
    TANDEM_PORT: '0',
    TANDEM_API_TOKEN: API,
    TANDEM_READ_TOKEN: READ,
    TANDEM_CONFIG: folder,
  });
  const url = new URL(ready.url ?? '');
  const document: unknown = await (
    await fetch(new URL('/docs/json', url), { headers: { authorization: `Bearer ${READ}` } })
  ).json();
  const good = {
    mapping: ['things'],
    name: ['things', 'scan', 'reconcile-things'],
    side: ['a', 'b'],
    id: ['1', 'a', 'b'],
    system: ['a'],
    code: ['NOT_FOUND', 'VALUE_REQUIRED'],
    yaml: [mappingFile('things', 'a', 'b'), mappingFile('draft', 'a', 'b')],
  };
  const faults: string[] = [];
  const statuses: Record<number, number> = {};
  const port = Number(url.port);
  const memory = async (): Promise<number> =>
    Math.round(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
  const ended = new AbortController();
  const gap = watchHealth(url, ended.signal);
  let early = 0;
  let done = 0;
  for (const wire of requests(document, { apiToken: API, readToken: READ, good }, seededRandom(seed))) {
    if (child.exitCode !== null || child.signalCode !== null) {
      faults.push(`the process ended with ${child.exitCode ?? child.signalCode} before: ${wire.what}`);
      break;
    }
    const answer = await send(port, wire);
    const status = Number(/^HTTP\/1\.1 (?!100)(\d{3})/m.exec(answer)?.[1] ?? 0);
    statuses[status] = (statuses[status] ?? 0) + 1;
    const fault = faultOf(wire, status, answer);
    if (fault) faults.push(`${fault}: ${wire.what}`);
    done++;
    if (done === Math.ceil(count / 10)) early = await memory();
    if (done >= count) break;
  }
  ended.abort();
  for (const line of log) if (/"level":"(error|fatal)"/.test(line)) faults.push(`logged: ${line.slice(0, 500)}`);
  return { seed, requests: done, statuses, faults, gap: Math.round(await gap), memory: [early, await memory()] };
}

function faultOf({ cut, what }: Wire, status: number, answer: string): string | undefined {
  if (status === 0) return cut || /^(CONNECT|QUERY|get|PROPFIND) /.test(what) ? undefined : 'no answer';
  if (status === 500 || status > 503) return `answers ${status}`;
  // A line of a stack names a place in a file; "at" before a time of day is prose.
  const inside = /node_modules|\/engine\/|\/server\/|\bat (?:\S+ \()?(?:file:|node:|\/)\S*:\d+:\d+/.exec(answer);
  if (inside) return `tells of its inside (${answer.slice(Math.max(0, inside.index - 100), inside.index + 200)})`;
  const type = /^content-type: (\S+)/im.exec(answer)?.[1] ?? '';
  if (
    status >= 400 &&
    !what.startsWith('HEAD ') &&
    !/^application\/problem\+json/.test(type) &&
    !/\/health\//.test(what)
  )
    return `answers ${status} as "${type}"`;
  return undefined;
}

/** @returns what came back, as text; empty where nothing did */
function send(port: number, { parts, cut }: Wire): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => socket.destroy(), PATIENCE);
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      got = got.length > 20_000 ? got : got + part;
      // Streams of events do not end.
      if (/content-type: text\/event-stream/i.test(got)) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(got);
    });
    socket.on('connect', () => {
      for (const part of parts) socket.write(part);
      if (cut === 'reset') socket.write('', () => socket.resetAndDestroy());
      if (cut === 'close') socket.end();
    });
  });
}

async function watchHealth(url: URL, ended: AbortSignal): Promise<number> {
  let longest = 0;
  while (!ended.aborted) {
    const last = performance.now();
    const live = await fetch(new URL('/health/live', url)).catch(() => undefined);
    if (!live) break;
    await live.text();
    longest = Math.max(longest, performance.now() - last);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return longest;
}

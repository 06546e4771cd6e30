// Where the CPU of a worker goes: creates, changes and quiet scans, by part of the program; npm run build first
//
// The same work as `speed`, with a sampling profiler in the worker. A sample counts for the innermost part of the list below
// that is on the stack, so that a call of the system counts for its caller. `--top 20` adds the functions themselves,
// `--keep FOLDER` the profiles, which developer tools of browsers read. A profile costs time: CPU per record is higher here.
// npm run bench profile -- --records 2000 --top 0 --json
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { createLab, each, root, runToEnd, until } from './lab/lab.ts';
import { startStandIns, startTandem } from './lab/stand-ins.ts';
import { company } from './lab/work.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '2000' },
    top: { type: 'string', default: '0' },
    keep: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const RECORDS = Number(values.records);
const TOP = Number(values.top);
const MAPPING = 'company-customer';

/** Parts, by where their functions are defined; the first that fits counts. */
const PARTS: readonly (readonly [name: string, place: RegExp])[] = [
  ['calls to the systems: undici', /node_modules\/undici\//],
  ['calls to the systems: limits, bodies, JSON, records', /\/engine\/(connectors\/|json\.ts)/],
  ['Redis: ioredis and its socket', /node_modules\/(ioredis|redis-parser)\/|\/engine\/queue\/connection\.ts/],
  ['Redis: packing and unpacking links and commits', /\/engine\/(store|links)\/(?!fingerprints)/],
  ['expressions: JSONata and its bounds', /node_modules\/(jsonata|re2js)\/|\/engine\/expression\//],
  ['fingerprints: HMAC', /\/engine\/store\/fingerprints\.ts|node:internal\/crypto/],
  ['decide', /\/engine\/merge\//],
  ['gather, apply, commit, scan', /\/engine\/(sync|runtime|coalesce|model)/],
  ['jobs: BullMQ', /node_modules\/bullmq\/|bullmq/],
  ['metrics and logs', /node_modules\/(prom-client|pino)\/|\/server\/metrics/],
  [
    'the HTTP server, asked by this measurement',
    /node_modules\/(@?fastify|find-my-way|avvio|light-my-request)|\/server\//,
  ],
];
const GC = 'garbage collection';
const REST = 'Node itself: event loop, promises, sockets';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Of the profiler, and of waiting. */
const NOT_COUNTED = new Set(['(idle)', '(program)', '(root)', 'dispatch']);

function summary({ nodes, samples, timeDeltas }: Profile): {
  parts: Map<string, number>;
  functions: Map<string, number>;
} {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const parts = new Map<string, number>();
  const functions = new Map<string, number>();
  const add = (map: Map<string, number>, key: string, ms: number): void => void map.set(key, (map.get(key) ?? 0) + ms);
  const partOf = (from: number): string => {
    for (let at: number | undefined = from; at !== undefined; at = parents.get(at)) {
      const { url } = byId.get(at)!.callFrame;
      const part = url === '' ? undefined : PARTS.find(([, place]) => place.test(url));
      if (part) return part[0];
    }
    return REST;
  };
  for (const [i, id] of samples.entries()) {
    const { functionName, url, lineNumber } = byId.get(id)!.callFrame;
    if (NOT_COUNTED.has(functionName)) continue;
    const ms = timeDeltas[i]! / 1_000 / RECORDS;
    add(parts, functionName === '(garbage collector)' ? GC : partOf(id), ms);
    add(
      functions,
      `${functionName || '(anonymous)'} ${url.replace(/^.*(node_modules|dist)\//, '')}:${lineNumber + 1}`,
      ms,
    );
  }
  return { parts, functions };
}

const table = (title: string, map: ReadonlyMap<string, number>, most: number): string => {
  const sum = [...map.values()].reduce((a, b) => a + b, 0);
  const rows = [...map].sort((a, b) => b[1] - a[1]).slice(0, most);
  const lines = rows.map(([key, ms]) => `| ${key} | ${ms.toFixed(3)} | ${((100 * ms) / sum).toFixed(0)} % |`);
  return [`| ${title} | ms per record | part |`, '| --- | --- | --- |', ...lines].join('\n');
};

/** Commands of Redis per record since its statistics were reset, those inside scripts included. */
const commands = (info: string): Map<string, number> =>
  new Map([...info.matchAll(/cmdstat_(\S+):calls=(\d+)/g)].map(([, name, calls]) => [name!, Number(calls) / RECORDS]));

const results: object[] = [];
const lab = await createLab();
const dir = await mkdtemp(join(tmpdir(), 'tandem-profile-'));
try {
  const { keap, env, close } = await startStandIns(lab);
  const ids: string[] = [];
  await each(RECORDS, 10, async (i) => {
    ids[i] = (await keap.call<{ id: string }>('POST', '/crm/rest/v2/companies', company(i))).data.id;
  });
  const preload = pathToFileURL(join(root, 'bench/lab/profiled.mjs')).href;
  const more = { NODE_OPTIONS: `--import ${preload}`, PROFILE_TO: join(dir, 'cpu') };
  // From the sources: in the bundle, no file says which part a function is of.
  const tandem = await startTandem(lab, env, more, ['--import', 'tsx', 'cli/main.ts']);
  let phase = 0;
  const profiled = async (name: string, body: object): Promise<void> => {
    await lab.redis.config('RESETSTAT');
    const cpu = await tandem.cpu();
    tandem.child.kill('SIGUSR2');
    await sleep(100);
    await runToEnd(tandem.url, MAPPING, body);
    tandem.child.kill('SIGUSR2');
    const used = ((await tandem.cpu()) - cpu) / RECORDS;
    const done = join(dir, `cpu.${phase++}.json`);
    await until(async () => existsSync(done));
    if (values.keep) await copyFile(done, join(values.keep, `${phase}.cpuprofile`));
    const { parts, functions } = summary(JSON.parse(await readFile(done, 'utf8')) as Profile);
    const redis = commands(await lab.redis.info('commandstats'));
    results.push({ work: name, cpuMs: used, parts: Object.fromEntries(parts), redis: Object.fromEntries(redis) });
    if (values.json) return;
    const total = [...redis.values()].reduce((sum, calls) => sum + calls, 0);
    const most = [...redis].sort((one, two) => two[1] - one[1]).filter(([, calls]) => calls >= 0.1);
    console.log(
      [
        `### ${name}: ${used.toFixed(2)} ms CPU of the process per record`,
        table('part', parts, 99),
        ...(TOP > 0 ? [table('function', functions, TOP)] : []),
        `Redis commands per record: ${total.toFixed(1)}, of which ${most.map(([command, calls]) => `${command} ${calls.toFixed(2)}`).join(', ')}.\n`,
      ].join('\n\n'),
    );
  };
  await profiled('A create, found by a full scan', { scan: 'full' });
  await profiled('A quiet full scan, per pair of records read', { scan: 'full' });
  await each(RECORDS, 10, (i) =>
    keap.call('PATCH', `/crm/rest/v2/companies/${ids[i]}?update_mask=notes`, { notes: `edited ${i}` }),
  );
  await profiled('A change, found by a scan', { scan: 'changes' });
  if (values.json) console.log(JSON.stringify(results));
  await close();
} finally {
  await lab.close();
  await rm(dir, { recursive: true, force: true });
}

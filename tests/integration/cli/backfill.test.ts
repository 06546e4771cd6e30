// An edited mapping in real processes: the backfill is seen, survives a kill, and an older process leaves the mapping alone.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { redisUrl } from '../../support/redis.ts';
import { until } from '../../support/until.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { SECRETS } from '../../unit/cli/spawn.ts';
import { configFolder, ownPrefix, standIns, startTandem } from './support.ts';

afterEach(closeAll);

const MAPPING = 'product-product';
const fileIn = (folder: string): string => join(folder, 'mappings', `${MAPPING}.yaml`);

/** Edits the file of a folder. */
async function edit(folder: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(fileIn(folder), 'utf8');
  const next = change(text);
  expect(next).not.toBe(text);
  await writeFile(fileIn(folder), next);
}

const quiet = (text: string): string => text.replace(/^schedule: .*$/m, 'schedule: off');
const withoutDescription = (text: string): string =>
  text.replace('  - keap: description\n    customwebshop: description\n    type: string\n', '');
const withUpper = (text: string): string =>
  text.replace(
    '    customwebshop: short_description\n    type: string\n',
    '    customwebshop: short_description\n    type: string\n    convert: { customwebshop: $uppercase($) }\n',
  );

interface Run {
  readonly id: string;
  readonly scan: string;
  readonly trigger: string;
  readonly state: string;
  readonly progress: { readonly read: Record<string, number>; readonly work: number; readonly done: number };
  readonly changes?: { readonly added: string[] };
}

async function setting() {
  const systems = await standIns();
  const env = {
    REDIS_URL: redisUrl(),
    TANDEM_PREFIX: ownPrefix(),
    TANDEM_PORT: '0',
    TANDEM_SCHEDULES: 'on',
    TANDEM_LOCK_DURATION: '3s',
    ...SECRETS,
  };
  const folder = await configFolder(MAPPING);
  await edit(folder, quiet);
  return { ...systems, folder, env: { ...env, ...systems.env, TANDEM_CONFIG: folder } };
}

const runs = async (url: string): Promise<Run[]> =>
  ((await (await fetch(`${url}/runs`)).json()) as { runs: Run[] }).runs;

it('a backfill that is killed halfway is begun again by itself, and ends; the command line follows one too', async () => {
  const { folder, env, keap, shop } = await setting();
  await edit(folder, withoutDescription);
  const first = await startTandem('start', env);
  const synced = await tandem(['sync', MAPPING, '--full'], { TANDEM_URL: first.ready.url! });
  expect(synced.status).toBe(0);
  // Keap slows down, so that there is a middle to be killed in.
  keap.faults.add({ path: '/crm/rest/', action: 'delay', ms: 400 });
  await edit(folder, (text) => `${text}  - keap: description\n    customwebshop: description\n    type: string\n`);
  const under = await until(
    async () => {
      const [run] = await runs(first.ready.url!);
      return run?.scan === 'backfill' && run.progress.done > 0 && run.progress.done < run.progress.work && run;
    },
    20_000,
    25,
  );
  expect(under).toMatchObject({ trigger: 'edit', changes: { added: ['description'] } });
  first.child.kill('SIGKILL');
  await first.ended;
  keap.faults.clear();

  const second = await startTandem('start', env);
  const url = second.ready.url!;
  // What the killed one held is free after the lock duration, and not only after some longer time.
  await until(async () => (await runs(url)).every((run) => run.state === 'done'), 45_000);
  const described = new Map(
    keap.store
      .table('products')
      .values()
      .map((one) => [String(one.id), one.description ?? null]),
  );
  const linked = shop.store
    .table('products')
    .values()
    .filter((one) => one.external_id !== null);
  expect(linked.length).toBeGreaterThan(5);
  for (const one of linked) expect(one.description ?? null).toBe(described.get(String(one.external_id)));

  const asked = await tandem(['sync', MAPPING, '--backfill'], { TANDEM_URL: url });
  expect(asked.status).toBe(0);
  expect(asked.stdout).toMatch(/product-product: done: read \d+ links; nothing to do/);
  const wrong = await tandem(['sync', '--full', '--backfill'], { TANDEM_URL: url });
  expect(wrong.status).toBe(2);
}, 240_000);

it('the newer of two versions works, and the process with the older one takes over once the newer is gone', async () => {
  const { folder, env, keap, shop } = await setting();
  const old = await startTandem('start', env);
  const synced = await tandem(['sync', MAPPING, '--full'], { TANDEM_URL: old.ready.url! });
  expect(synced.status).toBe(0);
  const next = await configFolder(MAPPING);
  await writeFile(fileIn(next), withUpper(await readFile(fileIn(folder), 'utf8')));
  const fresh = await startTandem('start', { ...env, TANDEM_CONFIG: next });
  const short = (): [string, string][] => {
    const texts = new Map(
      keap.store
        .table('products')
        .values()
        .map((one) => [String(one.id), one.short_description]),
    );
    return shop.store
      .table('products')
      .values()
      .flatMap((one) =>
        one.external_id === null || !one.short_description
          ? []
          : [[String(texts.get(String(one.external_id))), String(one.short_description)] as [string, string]],
      );
  };
  await until(() => short().length > 5 && short().every(([a, b]) => b === a.toUpperCase()), 60_000);
  const processes = (await (await fetch(`${old.ready.url}/processes`)).json()) as {
    processes: { pid: number; yielded: string[] }[];
  };
  expect(processes.processes.map(({ pid, yielded }) => [pid, yielded])).toEqual([
    [old.child.pid, [MAPPING]],
    [fresh.child.pid, []],
  ]);
  const status = await tandem(['status'], { TANDEM_URL: old.ready.url! });
  expect(status.stdout).toContain(`leaves to others, whose version is in force: ${MAPPING}`);
  const reported = (): string[] =>
    old.log.filter((line) => line.includes('another version of this mapping is in force'));
  expect(reported()).toHaveLength(1);
  const metrics = await (await fetch(`${old.ready.url}/metrics`)).text();
  expect(metrics).toContain(`tandem_yielded_processes{mapping="${MAPPING}"} 1`);

  fresh.child.kill('SIGTERM');
  await fresh.ended;
  await until(() => short().every(([a, b]) => b === a), 60_000);
}, 180_000);

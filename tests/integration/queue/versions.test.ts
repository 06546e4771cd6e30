/** Which version of a mapping is in force, whatever comes, goes and is edited in which order. */
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Config } from '../../../engine/config/types.ts';
import { createVersions, type Membership, type VersionOptions, type Versions } from '../../../engine/queue/versions.ts';
import { connectTestRedis, uniquePrefix } from '../../support/redis.ts';

let redis: Redis;
let prefix: string;
let members: Membership[];
beforeEach(() => {
  redis = connectTestRedis();
  prefix = uniquePrefix();
  members = [];
});
afterEach(async () => {
  for (const member of members) await member.leave();
  await redis.quit();
});

const configOf = (mappings: Record<string, string>): Config =>
  ({
    version: Object.values(mappings).join(),
    systems: new Map(),
    mappings: new Map(Object.entries(mappings).map(([name, version]) => [name, { name, version }])),
  }) as unknown as Config;

interface Process {
  readonly member: Membership;
  readonly versions: Versions;
  readonly gained: string[];
  readonly lost: string[];
  /** Its files are edited. */
  edit(version: string): Promise<void>;
  /** Whether what it has is in force. */
  works(): Promise<boolean>;
}

/**
 * A process that has one version of the mapping `m`. It looks only when the test asks, unless `options` say otherwise.
 */
async function start(version: string, options: VersionOptions = {}, workers = true): Promise<Process> {
  const versions = createVersions(redis, prefix, { beat: 1e8, ...options });
  let mine = version;
  const [gained, lost]: [string[], string[]] = [[], []];
  const member = await versions.join(
    { server: true, workers },
    () => configOf({ m: mine }),
    (more, fewer) => {
      gained.push(...more);
      lost.push(...fewer);
    },
  );
  members.push(member);
  return {
    member,
    versions,
    gained,
    lost,
    async edit(next) {
      mine = next;
      await member.refresh();
    },
    async works() {
      await member.refresh();
      return member.inForce('m', mine);
    },
  };
}

it('the first version is in force, and the same one in any number of processes', async () => {
  const [one, two] = [await start('v1'), await start('v1')];
  expect([await one.works(), await two.works()]).toEqual([true, true]);
});

it('a version that nobody had takes over; the processes with the former one hear of it', async () => {
  const old = await start('v1');
  const fresh = await start('v2');
  expect([await old.works(), await fresh.works()]).toEqual([false, true]);
  expect(old.lost).toEqual(['m']);
  expect(await old.versions.processes()).toMatchObject([{ yielded: ['m'] }, { yielded: [] }]);
});

it('a process that restarts with the former one in the middle of a roll-out takes nothing over', async () => {
  const old = await start('v1');
  const fresh = await start('v2');
  await old.member.leave();
  const again = await start('v1');
  expect([await again.works(), await fresh.works()]).toEqual([false, true]);
});

it('a former version takes over in a roll-back once the last process with the later one is gone', async () => {
  await (await start('v1')).member.leave();
  const [one, two] = [await start('v2'), await start('v2')];
  await one.member.leave();
  const back = await start('v1');
  expect(await back.works()).toBe(false);
  expect(await two.works()).toBe(true);
  await two.member.leave();
  expect(await back.works()).toBe(true);
  expect(back.gained).toEqual(['m']);
});

it('a process that was killed counts as gone after a while, and by itself', async () => {
  await start('v1', { ttl: 300 });
  const old = await start('v1', { beat: 20, ttl: 300 });
  await start('v2', { ttl: 300 });
  await expect.poll(() => old.lost).toEqual(['m']);
  await expect.poll(() => old.gained, { timeout: 5_000 }).toEqual(['m']);
  expect(await old.versions.processes()).toHaveLength(1);
});

it('the latest of several former versions takes over', async () => {
  const [one, two, three] = [await start('v1'), await start('v2'), await start('v3')];
  await three.member.leave();
  expect([await one.works(), await two.works(), await one.works()]).toEqual([false, true, false]);
});

it('an edit in a running process takes over at once, also back to what was there before', async () => {
  const [one, two] = [await start('v1'), await start('v1')];
  await one.edit('v2');
  expect([await one.works(), await two.works()]).toEqual([true, false]);
  await two.edit('v2');
  expect([await one.works(), await two.works()]).toEqual([true, true]);
  await two.edit('v1');
  expect([await one.works(), await two.works()]).toEqual([false, true]);
  await one.edit('v1');
  expect([await one.works(), await two.works()]).toEqual([true, true]);
});

it('who reads the edits of a shared folder later only catches up', async () => {
  const [quick, slow] = [await start('v1'), await start('v1')];
  await quick.edit('v2');
  await quick.edit('v3');
  await slow.edit('v2');
  expect([await quick.works(), await slow.works()]).toEqual([true, false]);
  await slow.edit('v3');
  expect([await quick.works(), await slow.works()]).toEqual([true, true]);
});

it('a process without workers neither takes over nor keeps others from it', async () => {
  const worker = await start('v1');
  const server = await start('v2', {}, false);
  expect([await worker.works(), await server.works()]).toEqual([true, false]);
  await worker.edit('v3');
  await worker.edit('v1');
  expect(await worker.works()).toBe(true);
  expect((await worker.versions.processes()).map((process) => process.yielded)).toEqual([[], []]);
});

it('a version of a mapping is known only once every living process has heard of it', async () => {
  const old = await start('v1');
  const fresh = await start('v2');
  expect(await fresh.member.known('m')).toBe(false);
  await old.member.refresh();
  expect(await fresh.member.known('m')).toBe(false);
  // What was reported to it the last time, it reports the next time.
  await old.member.refresh();
  expect(await fresh.member.known('m')).toBe(true);
});

it('an edit that was not reported yet is reported before any worker uses it', async () => {
  let version = 'v1';
  const versions = createVersions(redis, prefix, { beat: 1e8 });
  const member = await versions.join({ server: false, workers: true }, () => configOf({ m: version }));
  members.push(member);
  const other = await start('v1');
  version = 'v2';
  expect(await member.inForce('m', 'v2')).toBe(true);
  expect(await member.inForce('m', 'v1')).toBe(false);
  expect(await other.works()).toBe(false);
});

it('Tandem remembers a bounded number of former versions of a mapping', async () => {
  const process = await start('v0');
  for (let i = 1; i <= 40; i++) await process.edit(`v${i}`);
  const stored = JSON.parse((await redis.hget(`${prefix}:{versions}:in-force`, 'm'))!) as { former: string[] };
  expect(stored.former).toHaveLength(20);
  expect(stored.former[0]).toBe('v39');
});

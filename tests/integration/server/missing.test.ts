// A mapping whose file disappears: nothing is lost, status and health report it, and a person restores it or retires it.
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { versionKeys } from '../../../engine/queue/heartbeat.ts';
import type { CommitUnit } from '../../../engine/store/types.ts';
import { listen } from '../../../server/server.ts';
import { closeAll } from '../../support/closing.ts';
import { redisUrl } from '../../support/redis.ts';
import { until } from '../../support/until.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { API, MAPPING, people, READ, type World, world } from './support.ts';

afterEach(closeAll);

/** Three linked pairs. The file of another mapping stays when that of these disappears. */
async function linked(log: string[] = []): Promise<World & { file: string }> {
  const warn = (_: object, text: string) => void log.push(text);
  const all = await world({ crm: people(3), log: { debug() {}, info() {}, warn, error: warn } });
  await all.sync();
  expect(await all.engine.links('people').links.count()).toBe(3);
  return { ...all, file: join(all.root, 'mappings', 'people.yaml') };
}

async function removeFile({ engine, file }: World & { file: string }): Promise<void> {
  await rename(file, `${file}.away`);
  await engine.config.reload();
  await until(async () => !(await engine.versions.worked('people')));
}

const keysOf = async ({ engine }: World): Promise<string[]> =>
  (await engine.redis.keys(`${engine.prefix}:{people}:*`)).concat(
    await engine.redis.keys(`{${engine.prefix}}:reconcile-people:*`),
  );

test('a mapping whose file disappears is reported with its paused links and both ways out, and goes on when the file is back', async () => {
  const log: string[] = [];
  const all = await linked(log);
  const { call, engine, crm, shop, file } = all;
  expect((await call('GET', '/health/ready')).body).toMatchObject({ status: 'ready', missing: [] });
  await removeFile(all);

  const reason = expect.stringMatching(
    /people is missing.* 3 links are paused.*Restore the file.*tandem mapping retire people/,
  );
  expect((await call('GET', '/health/ready')).body).toMatchObject({
    status: 'degraded',
    missing: [{ mapping: 'people', links: 3 }],
    notes: [reason],
  });
  expect((await call('GET', '/mappings')).body.missing).toMatchObject([
    { name: 'people', links: 3, schedules: [], retiring: false, reason },
  ]);
  await until(async () => log.some((line) => line.includes('3 links are paused')));
  crm.records.set('1', { ...crm.records.get('1'), name: 'Edited meanwhile', updated_at: new Date().toISOString() });

  const written = shop.writes.length;
  await rename(`${file}.away`, file);
  await engine.config.reload();
  await all.sync();
  expect(shop.writes.slice(written)).toEqual([expect.stringMatching(/^PATCH /)]);
  expect(await engine.links('people').links.count()).toBe(3);
  expect((await call('GET', '/health/ready')).body).toMatchObject({ status: 'ready', missing: [] });
});

test('a mapping under another name does not begin a first sync while the former one has links and no file', async () => {
  const all = await linked();
  const { call, engine, shop, file } = all;
  // Without its address in the CRM the pair would not be found again, and a second customer would be made.
  for (const [id, one] of shop.records) shop.records.set(id, { ...one, email: null });
  const written = shop.writes.length;
  await writeFile(file, MAPPING.replace('mapping: people', 'mapping: persons'));
  await engine.config.reload();
  await until(async () => !(await engine.versions.worked('people')) && (await engine.versions.worked('persons')));
  const { body } = await call('POST', '/triggers/persons', { scan: 'full' });
  const run = await until(async () => {
    const { body: now } = await call('GET', `/runs/${body.id}`);
    return now.state === 'failed' && now;
  });
  expect(run.reason).toMatch(/same two sides as people, which has 3 links.*name it people again.*retire people/);
  expect((await call('GET', '/health/ready')).body.notes[0]).toMatch(/persons has the same two sides/);
  expect(shop.writes).toHaveLength(written);
  await writeFile(file, MAPPING);
  await engine.config.reload();
  await all.sync();
  expect(await engine.links('people').links.count()).toBe(3);
  expect(shop.records.size).toBe(3);
});

test('retiring deletes all that is kept of a mapping, once it is confirmed and no process has its file', async () => {
  const all = await linked();
  const { app, call, engine, crm, shop } = all;
  const retire = (links: number, name = 'people') => call('POST', `/mappings/${name}/retire`, { links });
  expect(await retire(3)).toMatchObject({
    status: 409,
    body: { code: 'CONFLICT', detail: expect.stringContaining('has a file') },
  });
  expect(await retire(0, 'nobody')).toMatchObject({ status: 404 });
  await removeFile(all);
  const reading = await app.inject({
    method: 'POST',
    url: '/mappings/people/retire',
    headers: { authorization: `Bearer ${READ}`, 'content-type': 'application/json' },
    payload: { links: 3 },
  });
  expect(reading.statusCode).toBe(403);
  expect(await retire(2)).toMatchObject({ status: 409, body: { detail: expect.stringContaining('3 links, not 2') } });
  expect(await engine.links('people').links.count()).toBe(3);

  const written = [crm.writes.length, shop.writes.length];
  expect(await retire(3)).toMatchObject({
    status: 200,
    body: {
      mapping: 'people',
      done: true,
      follows: expect.any(String),
      undo: expect.stringContaining('tandem links import'),
    },
  });
  expect(await keysOf(all)).toEqual([]);
  expect([crm.writes.length, shop.writes.length]).toEqual(written);
  expect((await call('GET', '/health/ready')).body).toMatchObject({ status: 'ready', missing: [] });
  expect(await retire(3)).toMatchObject({ status: 404 });
});

test('runs name the sides of a mapping as its file did, while that is missing, and first and second once it is retired', async () => {
  const all = await linked();
  const { call } = all;
  const sidesOfRun = async () => {
    const { progress, counts } = (await call('GET', '/runs')).body.runs[0];
    return [progress.read, counts.created].map((numbers) => Object.keys(numbers));
  };
  const sides = ['crm', 'shop'];
  expect(await sidesOfRun()).toEqual([sides, sides]);
  await removeFile(all);
  expect(await sidesOfRun()).toEqual([sides, sides]);
  expect((await call('POST', '/mappings/people/retire', { links: 3 })).body).toMatchObject({ done: true });
  const unknown = ['first', 'second'];
  expect(await sidesOfRun()).toEqual([unknown, unknown]);
});

test('a record names what it waits for by the sides of that mapping, also where its file is missing', async () => {
  const { call, engine } = await linked();
  const kept = (name: string) => ({ name, system: 'crm', entity: 'things' });
  await engine.links('others').progress.follow({ sides: [kept('left'), kept('right')] });
  const refs = [
    { mapping: 'others', side: 1, id: 'x' },
    { mapping: 'nobody', side: 0, id: 'y' },
    { mapping: 'people', side: 0, id: 'z' },
  ] as const;
  const issue = { kind: 'waiting', reason: 'It waits.', mapping: 'v1', since: 1, refs } as const;
  const result = { kind: 'unlinked', record: { side: 0, id: 'w' }, state: 's' } as const;
  const unit: CommitUnit = { records: [], claims: [], result, open: { '0/w': { issue } }, waitFor: refs };
  await engine.links('people').batches.commit('', [unit]);
  const { body } = await call('GET', '/records?id=w');
  expect(
    body.records[0].waitsFor.map(({ mapping, side }: { mapping: string; side: string }) => [mapping, side]),
  ).toEqual([
    ['others', 'right'],
    ['nobody', 'first'],
    ['people', 'crm'],
  ]);
});

test('the board shows the sides of a job by name, also where the file of its mapping is missing', async () => {
  const all = await world({ crm: people(1, () => '') });
  const { call, engine, root, sync } = all;
  await sync();
  const { id } = (await call('GET', '/queues/people/jobs')).body.jobs[0];
  const headers = { authorization: `Basic ${Buffer.from(`me:${READ}`).toString('base64')}` };
  const shown = async () => {
    const url = `/queues/board/api/queues/reconcile-people/${id}`;
    return (await all.app.inject({ method: 'GET', url, headers })).json().job.data;
  };
  expect(await shown()).toMatchObject({ mapping: 'people', side: 'crm', id: '1' });
  await removeFile({ ...all, file: join(root, 'mappings', 'people.yaml') });
  expect(await shown()).toMatchObject({ mapping: 'people', side: 'crm', id: '1' });
  // A record that is synced alone is a scan of its own.
  await engine.queues.scan.pause();
  const scan = { mapping: 'people', scan: 'changes', record: { side: 1, id: '7' } } as const;
  const job = await engine.queues.scan.add('scan', scan);
  const url = `/queues/board/api/queues/${engine.queues.scan.name}/${job.id}`;
  const { data } = (await all.app.inject({ method: 'GET', url, headers })).json().job;
  expect(data).toEqual({ ...scan, record: { side: 'shop', id: '7' } });
});

test('retiring a mapping removes its traces in other mappings, also after a failover of Redis', async () => {
  const all = await linked();
  const { call, engine } = all;
  const other = engine.links('others');
  // Records of either mapping wait for records of the other one.
  const waits = (mapping: string, id: string): CommitUnit => {
    const refs = [{ mapping, side: 0, id }] as const;
    const issue = { kind: 'waiting', reason: 'It waits.', mapping: 'v1', since: 1, refs } as const;
    const result = { kind: 'unlinked', record: { side: 0, id: `w-${id}` }, state: 's' } as const;
    return { records: [], claims: [], result, open: { [`0/w-${id}`]: { issue } }, waitFor: refs };
  };
  await engine.redis.hset(versionKeys(engine.prefix).inForce, 'others', '{}');
  await engine.links('people').batches.commit('', [waits('others', 'x')]);
  await other.batches.commit('', [waits('others', 'x'), waits('people', 'y')]);
  expect(await other.dependents.isWaitedFor(0, 'x')).toBe(true);
  await removeFile(all);
  // What was begun on another server: here this cursor leads to the last keys only.
  expect(await engine.retirements.begin('people')).toBeUndefined();
  await engine.retirements.note('people', { ...(await engine.retirements.get('people'))!, cursor: '1099511627775' });

  expect((await call('POST', '/mappings/people/retire', { links: 3 })).body).toMatchObject({ done: true });
  expect(await keysOf(all)).toEqual([]);
  expect(await engine.redis.keys(`${engine.prefix}:{others}:dependents:*:people:*`)).toEqual([]);
  expect(Object.keys(await engine.redis.hgetall(`${engine.prefix}:{others}:sizes`)).join()).not.toContain('people');
  expect(await engine.redis.keys(`${engine.prefix}:{others}:dependents:*:others:*`)).toHaveLength(1);
});

test('a retirement that was cut short is finished by asking again, and nobody works on the mapping until then', async () => {
  const all = await linked();
  const { call, engine, shop, file } = all;
  await removeFile(all);
  // A process is killed right after it marked the mapping, and the file comes back.
  expect(await engine.retirements.begin('people')).toBeUndefined();
  await rename(`${file}.away`, file);
  await engine.config.reload();
  expect((await call('GET', '/health/ready')).body.notes[0]).toMatch(
    /being retired.*run "tandem mapping retire people" again/,
  );
  const { body: run } = await call('POST', '/triggers/people', { scan: 'full' });
  expect(await engine.versions.inForce()).toEqual(new Map());
  expect((await call('POST', '/mappings/people/retire', { links: 3 })).body).toMatchObject({ done: true });
  // From now on the mapping of that name is a new one: its records are matched again, and none is made twice.
  await until(async () => (await call('GET', `/runs/${run.id}`)).body.state === 'done');
  expect(await engine.links('people').links.count()).toBe(3);
  expect(shop.records.size).toBe(3);
}, 60_000);

test('the command line shows what is missing, keeps a copy, retires, and the copy brings the links back', async () => {
  const all = await linked();
  const { app, engine, root, shop, file } = all;
  await removeFile(all);
  const env = {
    TANDEM_URL: await listen(app, { host: '127.0.0.1' }),
    TANDEM_API_TOKEN: API,
    REDIS_URL: redisUrl(),
    TANDEM_PREFIX: engine.prefix,
    TANDEM_CONFIG: root,
  };
  const copy = join(root, 'people.ndjson');
  const status = await tandem(['status'], env);
  expect(status.stdout).toMatch(/! The file of the mapping people is missing.*3 links are paused/);
  const unasked = await tandem(['mapping', 'retire', 'people'], env);
  expect(unasked).toMatchObject({ status: 2, stderr: expect.stringMatching(/people: 3 links.*--yes/s) });
  expect(await engine.links('people').links.count()).toBe(3);
  const retired = await tandem(['mapping', 'retire', 'people', '--yes', '--out', copy], env);
  expect(retired).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(new RegExp(`people is retired.*tandem links import ${copy}`, 's')),
  });
  expect(await keysOf(all)).toEqual([]);
  expect(await tandem(['mapping', 'retire', 'people', '--yes'], env)).toMatchObject({ status: 2 });

  await rename(`${file}.away`, file);
  expect(await tandem(['links', 'import', copy], env)).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('3 links'),
  });
  const written = shop.writes.length;
  await engine.config.reload();
  await all.sync();
  expect(await engine.links('people').links.count()).toBe(3);
  expect(shop.writes).toHaveLength(written);
}, 120_000);

// What an operator sees of work as it goes on: metrics, live events, log lines.
import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { createLogger } from '../../../cli/process/log.ts';
import { applySchedules } from '../../../engine/queue/schedules.ts';
import { listen } from '../../../server/server.ts';
import { closeAll, later } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { type Answer, API, CRM_KEY, MAPPING, person, type World, world } from './support.ts';

afterEach(closeAll);

/** Value of one line of the metrics, undefined where there is none. */
async function metric({ call }: World, line: string): Promise<number | undefined> {
  const { body } = await call('GET', '/metrics');
  const found = (body as string).split('\n').find((text) => text.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
}

const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();
const changed = (all: World, id: string, more: Record<string, string>): void => {
  all.crm.records.set(id, { ...all.crm.records.get(id), ...more });
};
const webhook = async ({ app }: World, id: string): Promise<number> => {
  const payload = JSON.stringify({ topic: 'thing.changed', id });
  return (await app.inject({ method: 'POST', url: `/webhooks/crm/${CRM_KEY}`, payload })).statusCode;
};
const seen = (all: World, name: string) =>
  until(async () => [...all.shop.records.values()].some((record) => record.name === name));

const COUNT = 'tandem_propagation_seconds_count{mapping="people",side="shop"}';
const SUM = 'tandem_propagation_seconds_sum{mapping="people",side="shop"}';

test('the age of a change on arrival counts from its modification, never below zero, and not in a first sync', async () => {
  const all = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  await all.sync();
  expect(await metric(all, COUNT)).toBeUndefined();
  expect(await metric(all, 'tandem_writes_total{mapping="people",side="shop",operation="created"}')).toBe(1);

  changed(all, '1', { name: 'Anna', updated_at: ago(60) });
  expect(await webhook(all, '1')).toBe(202);
  await until(async () => (await metric(all, COUNT)) === 1);
  const first = await metric(all, SUM);
  expect(first).toBeGreaterThanOrEqual(60);
  expect(first).toBeLessThan(120);
  expect(await metric(all, 'tandem_writes_total{mapping="people",side="shop",operation="updated"}')).toBe(1);

  // Its clock goes ahead of ours.
  changed(all, '1', { name: 'Hannah', updated_at: ago(-3600) });
  await webhook(all, '1');
  await until(async () => (await metric(all, COUNT)) === 2);
  expect(await metric(all, SUM)).toBe(first);

  all.crm.records.set('2', person('2', 'Bob', 'bob@x.test', { updated_at: ago(0) }));
  await webhook(all, '2');
  await until(async () => (await metric(all, COUNT)) === 3);
  expect(await metric(all, 'tandem_propagation_seconds_count{mapping="people",side="crm"}')).toBeUndefined();
  expect(await metric(all, 'tandem_webhooks_total{system="crm",status="202"}')).toBe(3);
  expect(await metric(all, 'tandem_webhook_records_total{system="crm"}')).toBe(3);
  await all.app.inject({ method: 'POST', url: '/webhooks/nobody/x' });
  expect(await metric(all, 'tandem_webhooks_total{system="unknown",status="404"}')).toBe(1);
});

test('where a system states no time, a change is as old as its event', async () => {
  const all = await world({
    crm: [person('1', 'Ann', 'ann@x.test')],
    mapping: MAPPING.replace('conflict: latest', 'conflict: crm').replace('deletes: review', 'deletes: propagate'),
    system: (_, yaml) => yaml.replace('    modified: updated_at\n', ''),
  });
  await all.sync();
  changed(all, '1', { name: 'Anna', updated_at: ago(1_000) });
  await all.sync();
  await seen(all, 'Anna');
  // Nobody knows how old it was when the scan found it.
  expect(await metric(all, COUNT)).toBeUndefined();
  changed(all, '1', { name: 'Hannah' });
  await webhook(all, '1');
  await until(async () => (await metric(all, COUNT)) === 1);
  expect(await metric(all, SUM)).toBeLessThan(60);
  all.crm.records.delete('1');
  await webhook(all, '1');
  await until(async () => (await metric(all, COUNT)) === 2);
  expect(await metric(all, 'tandem_writes_total{mapping="people",side="shop",operation="deleted"}')).toBe(1);
});

test('metrics tell quota, processes, failures by code, conflicts, and when a side was read', async () => {
  const all = await world({
    crm: [person('1', 'Ann', 'ann@x.test', { age: 1 }), person('2', '', 'bob@x.test')],
    shop: [person('9', 'Ann', 'ann@x.test', { age: 2, updated_at: '2024-02-01T00:00:00.000Z' })],
    system: (name, yaml) =>
      name === 'shop' ? yaml.replace('entities:', 'limits: [{ requests: 5000, per: 1h }]\nentities:') : yaml,
  });
  await all.sync();
  const left = await metric(all, 'tandem_quota_left{system="shop",limit="5000/3600s"}');
  const { body } = await all.call('GET', '/metrics');
  const calls = [...(body as string).matchAll(/^tandem_calls_total\{system="shop".*\} (\d+)$/gm)].map(([, n]) =>
    Number(n),
  );
  expect(left).toBe(5000 - calls.reduce((one, other) => one + other, 0));
  expect(await metric(all, 'tandem_system_paused_seconds{system="shop"}')).toBe(0);
  expect(await metric(all, 'tandem_processes{role="workers"}')).toBe(1);
  expect(await metric(all, 'tandem_processes{role="server"}')).toBe(0);
  expect(
    await metric(all, 'tandem_failures_total{mapping="people",work="reconcile",code="VALUE_REQUIRED",result="failed"}'),
  ).toBe(1);
  expect(await metric(all, 'tandem_conflicts_total{mapping="people"}')).toBe(1);
  const read = await metric(all, 'tandem_last_read_timestamp_seconds{mapping="people",side="crm",scan="full"}');
  expect(Math.abs((read ?? 0) - Date.now() / 1000)).toBeLessThan(60);

  all.crm.fail = 500;
  await webhook(all, '1');
  await until(async () =>
    metric(all, 'tandem_failures_total{mapping="people",work="reconcile",code="SYSTEM_UNAVAILABLE",result="retried"}'),
  );
});

test('metrics tell since when a side is to be read, whether it ever was or not', async () => {
  const all = await world();
  const since = (side: string): Promise<number | undefined> =>
    metric(all, `tandem_read_scheduled_timestamp_seconds{mapping="people",side="${side}"}`);
  // Nobody reads by schedule yet.
  expect(await since('crm')).toBeUndefined();
  await applySchedules(all.engine, new Set(['people']));
  const first = await since('crm');
  expect(Math.abs((first ?? 0) - Date.now() / 1000)).toBeLessThan(60);
  expect(await since('shop')).toBe(first);
  // Looked at again, as at every start: it was to be read since then all the same.
  await applySchedules(all.engine, new Set(['people']));
  expect(await since('crm')).toBe(first);
  expect(
    await metric(all, 'tandem_last_read_timestamp_seconds{mapping="people",side="crm",scan="full"}'),
  ).toBeUndefined();

  const off = await world({ mapping: `${MAPPING}schedule: off\n` });
  await off.engine.links('people').progress.noteScheduled();
  expect(await metric(off, 'tandem_read_scheduled_timestamp_seconds{mapping="people",side="crm"}')).toBeUndefined();
});

interface Heard {
  readonly event: string;
  readonly data: Answer;
}

/** Live events as they come, to the end of the test. */
async function hear(all: World): Promise<Heard[]> {
  const heard: Heard[] = [];
  const url = await listen(all.app);
  const stop = new AbortController();
  later(async () => stop.abort());
  const stream = await fetch(`${url}/events`, { headers: { authorization: `Bearer ${API}` }, signal: stop.signal });
  let listening = false;
  const read = async (): Promise<void> => {
    let text = '';
    for await (const part of stream.body!.pipeThrough(new TextDecoderStream())) {
      text += part;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        listening ||= block.startsWith(': listening');
        const [, event, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
        if (event && data) heard.push({ event, data: JSON.parse(data) });
      }
    }
  };
  read().catch(() => {});
  await until(async () => listening);
  return heard;
}

test('live events tell what was created, updated, decided by the conflict rule, deleted, put in review, failed, and brakes', async () => {
  const records = Array.from({ length: 10 }, (_, i) => person(`${i + 1}`, `Person ${i + 1}`, `p${i + 1}@x.test`));
  const all = await world({
    crm: records,
    mapping: MAPPING.replace('deletes: review', 'deletes: propagate\nbrake: { deletes: { count: 2 } }'),
  });
  const heard = await hear(all);
  const outcome = (kind: string, id?: string) =>
    until(async () =>
      heard.find(
        ({ event, data }) => event === 'outcome' && data.outcome.kind === kind && (!id || data.record.id === id),
      ),
    );
  await all.sync();
  expect((await outcome('created', '10')).data).toMatchObject({ mapping: 'people', outcome: { side: 'shop' } });

  changed(all, '1', { name: 'Anna', updated_at: ago(1) });
  await webhook(all, '1');
  expect((await outcome('updated', '1')).data.outcome).toMatchObject({ writes: { crm: [], shop: ['name'] } });

  const counterpartRecord = [...all.shop.records.values()].find(({ email }) => email === 'p2@x.test')!;
  changed(all, '2', { name: 'Beth', note: 'here', updated_at: ago(2) });
  all.shop.records.set(String(counterpartRecord.id), {
    ...counterpartRecord,
    name: 'Bella',
    note: 'there',
    updated_at: ago(1),
  });
  await webhook(all, '2');
  expect((await outcome('review', '2')).data.outcome).toMatchObject({ conflicts: ['name'], code: 'CONFLICT' });
  const { body } = await all.call('GET', '/reviews');
  await all.call('POST', `/reviews/${body.reviews[0].review}/resolve`, { action: 'take', side: 'crm' });
  expect((await outcome('updated', '2')).data.outcome.writes.shop).toEqual(['note']);

  changed(all, '3', { name: '', updated_at: ago(1) });
  await webhook(all, '3');
  expect((await outcome('failed', '3')).data.outcome).toMatchObject({ code: expect.any(String) });

  all.crm.records.delete('4');
  await webhook(all, '4');
  expect((await outcome('deleted', '4')).data.outcome).toMatchObject({ side: 'shop' });

  for (const id of ['5', '6', '7', '8']) all.crm.records.delete(id);
  await all.sync();
  const [on] = await until(async () => {
    const brakes = heard.filter(({ event }) => event === 'brake');
    return brakes.length > 0 && brakes;
  });
  expect(on!.data).toMatchObject({
    mapping: 'people',
    on: true,
    brake: { kind: 'deletes', by: 'scan', limit: 2 },
    reason: expect.stringContaining('The brake of people is on'),
  });
  await all.call('POST', '/reviews/people~brake/resolve', { action: 'discard' });
  const brakes = await until(async () => {
    const found = heard.filter(({ event }) => event === 'brake');
    return found.length > 1 && found;
  });
  expect(brakes.map(({ data }) => data.on)).toEqual([true, false]);
  expect(brakes[1]!.data.brake.answer).toBe('discard');
  expect(JSON.stringify(heard)).not.toMatch(/Anna|Bella|x\.test/);
});

test('log lines of a request carry its id once, the same id as the response', async () => {
  const lines: Answer[] = [];
  const to = new Writable({
    write(line, _, done) {
      lines.push(JSON.parse(String(line)));
      done();
    },
  });
  const all = await world({ logger: createLogger('debug', to, false) });
  all.engine.mapping = () => {
    throw new Error('unforeseen');
  };
  const { status, headers } = await all.call('GET', '/mappings/people');
  expect(status).toBe(500);
  const ofRequest = await until(async () => lines.length >= 2 && lines);
  expect(ofRequest.map(({ msg }) => msg).sort()).toEqual(['request', 'request failed']);
  for (const line of ofRequest) {
    expect(line.request).toBe(headers['request-id']);
    expect(Object.values(line).filter((value) => value === line.request)).toHaveLength(1);
  }
});

test('lines written during a job tell run, mapping, side, record and job', async () => {
  const lines: Answer[] = [];
  const to = new Writable({
    write(line, _, done) {
      lines.push(JSON.parse(String(line)));
      done();
    },
  });
  const all = await world({
    crm: [person('1', 'Ann', 'ann@x.test'), person('2', 'Bob', 'bob@x.test')],
    log: createLogger('debug', to, false),
    mapping: MAPPING.replace(
      'deletes: review',
      'deletes: propagate\nbrake: { deletes: { count: 0, percent: 0, minimum: 0 } }',
    ),
  });
  await all.work();
  const { body: run } = await all.call('POST', '/triggers/people', { scan: 'full' });
  const reconciled = await until(async () => lines.find((line) => line.msg === 'reconciled' && line.id === '1'));
  expect(reconciled).toMatchObject({ run: run.id, mapping: 'people', side: 'crm', id: '1', outcome: 'created' });
  // By the side that was written; of a side that was not, nothing.
  expect(reconciled.writes).toEqual({ shop: ['name', 'email'] });
  expect(reconciled.job).toEqual(expect.any(String));
  await until(async () => (await all.call('GET', `/runs/${run.id}`)).body.state === 'done');

  all.crm.fail = 500;
  await webhook(all, '1');
  const failed = await until(async () => lines.find((line) => String(line.msg).startsWith('reconcile failed')));
  expect(failed).toMatchObject({ mapping: 'people', side: 'crm', id: '1', code: 'SYSTEM_UNAVAILABLE', try: 1 });
  const { body: second } = await all.call('POST', '/triggers/people', { scan: 'full' });
  const scan = await until(async () => lines.find((line) => line.msg === 'scan failed'));
  expect(scan).toMatchObject({ mapping: 'people', run: second.id, scan: 'full', code: 'SYSTEM_UNAVAILABLE' });
  expect(scan.job).toEqual(expect.any(String));
});

test('a call that must wait for quota does not count as a failed call', async () => {
  const all = await world({
    crm: [person('1', 'Ann', 'ann@x.test')],
    system: (name, yaml) => (name === 'crm' ? `${yaml}limits: [{ requests: 1, per: 1h }]\n` : yaml),
  });
  const look = async () => (await all.call('POST', '/mappings/people/preview', { side: 'crm', id: '1' })).status;
  expect(await look()).toBe(200);
  for (let i = 0; i < 3; i++) expect(await look()).toBe(503);
  expect(await metric(all, 'tandem_calls_total{system="crm",operation="read",status="200"}')).toBe(1);
  // Alerts take these for a system that does not answer.
  expect(await metric(all, 'tandem_calls_total{system="crm",operation="read",status="none"}')).toBeUndefined();
  expect(await metric(all, 'tandem_call_seconds_count{system="crm",operation="read"}')).toBe(1);
});

test('health, metric and alert agree on which Redis may lose links', async () => {
  const all = await world();
  const { redis } = all.engine;
  const { config } = redis;
  const reported = async (settings: Record<string, string>) => {
    redis.config = (async (_: string, name: string) => [name, settings[name] ?? '']) as never;
    const { status, redis: stand, notes } = (await all.call('GET', '/health/ready')).body;
    return { status, ...stand, notes: notes.length, metric: await metric(all, 'tandem_redis_warnings') };
  };
  await all.work();
  const noeviction = { 'maxmemory-policy': 'noeviction' };
  const quiet = { notes: 0, policy: 'noeviction' };
  expect(await reported({ ...noeviction, appendonly: 'no' })).toEqual({
    ...quiet,
    status: 'degraded',
    state: 'unsafe',
    persistence: 'off',
    warnings: [expect.stringMatching(/persistence is OFF/)],
    metric: 1,
  });
  expect(await reported({ ...noeviction, appendonly: 'no', save: '3600 1' })).toEqual({
    ...quiet,
    status: 'ready',
    state: 'up',
    persistence: 'on',
    warnings: [expect.stringMatching(/snapshots only/)],
    metric: 0,
  });
  expect(await reported({ ...noeviction, appendonly: 'yes' })).toEqual({
    ...quiet,
    status: 'ready',
    state: 'up',
    persistence: 'on',
    warnings: [],
    metric: 0,
  });
  expect(await reported({ 'maxmemory-policy': 'allkeys-lru', appendonly: 'yes' })).toMatchObject({
    status: 'degraded',
    state: 'unsafe',
    metric: 1,
  });
  redis.config = config;
  const rules = await readFile(new URL('../../../deploy/prometheus/alerts.yaml', import.meta.url), 'utf8');
  expect(rules).toMatch(/alert: TandemLinkKeysAtRisk\n +expr: max\(tandem_redis_warnings\) > 0\n/);
});

test('a Redis that forbids CONFIG and INFO does not count as one that loses keys', async () => {
  const all = await world();
  const { redis } = all.engine;
  // BullMQ looks for itself once, when it opens a queue.
  for (const name of all.engine.config.current().mappings.keys()) all.engine.queues.reconcile(name);
  await Promise.all(all.engine.queues.all().map((queue) => queue.waitUntilReady()));
  const { config, info } = redis;
  const refuse = (() => Promise.reject(new Error('NOPERM this user has no permissions to run the command'))) as never;
  redis.config = refuse;
  redis.info = refuse;
  expect(await metric(all, 'tandem_redis_warnings')).toBe(0);
  // Health tells that a person must look.
  expect((await all.call('GET', '/health/ready')).body.redis).toMatchObject({
    state: 'up',
    warnings: [expect.stringMatching(/CONFIG GET/)],
  });
  redis.config = config;
  redis.info = info;
});

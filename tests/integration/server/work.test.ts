// Triggers, runs, queues, health, metrics and live events over a real engine with workers.
import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { listen } from '../../../server/server.ts';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { type Answer, API, person, READ, world } from './support.ts';

afterEach(closeAll);

test('a trigger answers a run, and the run tells what it did by the names of the sides', async () => {
  const { call, work, shop, crm } = await world({
    crm: [person('1', 'Ann', 'ann@x.test'), person('2', 'Bob', 'bob@x.test')],
    shop: [person('7', 'Cid', 'cid@x.test')],
  });
  await work();
  const begun = await call('POST', '/triggers/people', { scan: 'full' });
  expect(begun.status).toBe(202);
  expect(begun.headers.location).toBe(`/runs/${begun.body.id}`);
  expect(begun.body).toMatchObject({
    mapping: 'people',
    scan: 'full',
    plan: false,
    trigger: 'api',
    started: true,
    counts: { created: { crm: 0, shop: 0 } },
  });
  const run = await until(async () => {
    const { body } = await call('GET', `/runs/${begun.body.id}`);
    return body.state === 'done' && body;
  });
  expect(run).toMatchObject({
    progress: { read: { crm: 2, shop: 1 }, work: 3, done: 3 },
    counts: { created: { crm: 1, shop: 2 }, updated: { crm: 0, shop: 0 }, failed: 0 },
  });
  expect(shop.records.size).toBe(3);
  expect(crm.records.size).toBe(3);

  const listed = await call('GET', '/runs?limit=1');
  expect(listed.body).toMatchObject({
    total: 1,
    offset: 0,
    limit: 1,
    runs: [{ id: begun.body.id, counts: { created: { crm: 1, shop: 2 } } }],
  });
  expect((await call('GET', '/runs?mapping=other')).body).toMatchObject({ total: 0, runs: [] });
});

test('items of a list without a usable id are named in the run, with their page and position', async () => {
  const { call, work, shop, crm } = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  crm.texts.set('none', '{"name":"No id","email":"none@x.test"}');
  crm.texts.set('text', '"no record"');
  crm.texts.set('9007199254740993', '{"id":9007199254740993,"name":"Big","email":"big@x.test"}');
  crm.texts.set('half', '{"id":1.5,"name":"Half","email":"half@x.test"}');
  await work();
  const begun = await call('POST', '/triggers/people', { scan: 'full' });
  const run = await until(async () => {
    const { body } = await call('GET', `/runs/${begun.body.id}`);
    return body.state === 'done' && body;
  });
  expect(run.counts).toMatchObject({ created: { shop: 2 }, failed: 3 });
  const reason = "A record of things has no usable id at 'id'";
  expect(run.unidentified).toEqual({
    crm: {
      count: 3,
      first: [
        { page: 1, position: 2, reason },
        { page: 1, position: 3, reason: 'The answer holds something that is no record' },
        { page: 1, position: 5, reason },
      ],
    },
  });
  // One whose id has more digits than JavaScript holds is a record like others.
  expect([...shop.records.values()].map(({ email }) => email).sort()).toEqual(['ann@x.test', 'big@x.test']);
});

test('a second request for a run of one record or of every mapping joins the first one until it is over', async () => {
  const { call, work } = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  const one = { record: { side: 'crm', id: '1' } };
  const [first, second] = await Promise.all([
    call('POST', '/triggers/people', one),
    call('POST', '/triggers/people', one),
  ]);
  expect(new Set([first.body.id, second.body.id]).size).toBe(1);
  expect([first.body.started, second.body.started].sort()).toEqual([false, true]);
  const other = await call('POST', '/triggers/people', { record: { side: 'crm', id: '2' } });
  expect(other.body).toMatchObject({ started: true });
  expect(other.body.id).not.toBe(first.body.id);

  const all = await call('POST', '/triggers', { scan: 'full' });
  expect(all.body).toMatchObject({ mapping: '*', started: true, runs: [{ mapping: 'people' }] });
  expect((await call('POST', '/triggers', { scan: 'full' })).body).toMatchObject({ id: all.body.id, started: false });
  expect((await call('POST', '/triggers', { scan: 'changes' })).body).toMatchObject({ started: true });
  expect((await call('GET', '/runs')).body.total).toBe(6);

  await work();
  for (const { id } of [first.body, all.body])
    await until(async () => (await call('GET', `/runs/${id}`)).body.state === 'done');
  expect((await call('POST', '/triggers/people', one)).body).toMatchObject({ started: true });
  expect((await call('POST', '/triggers', { scan: 'full' })).body).toMatchObject({ started: true });
});

test('an empty body is a scan of changes; a run that does the same is joined', async () => {
  const { call, app } = await world();
  const first = await app.inject({
    method: 'POST',
    url: '/triggers/people',
    headers: { authorization: `Bearer ${API}` },
  });
  expect(first.json()).toMatchObject({ scan: 'changes', started: true });
  const second = await app.inject({
    method: 'POST',
    url: '/triggers/people',
    headers: { authorization: `Bearer ${API}`, 'content-type': 'application/json' },
  });
  expect(second.json()).toMatchObject({ id: first.json().id, started: false });
  expect((await call('POST', '/triggers/people', {})).body.id).toBe(first.json().id);
});

test('one record can be triggered, and a side or body that makes no sense is refused', async () => {
  const { call, sync, shop } = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  await sync();
  const { body, status } = await call('POST', '/triggers/people', { record: { side: 'crm', id: '1' } });
  expect(status).toBe(202);
  expect(body.scan).toBe('record');
  await until(async () => (await call('GET', `/runs/${body.id}`)).body.state === 'done');
  expect(shop.records.size).toBe(1);
  const wrong = await call('POST', '/triggers/people', { record: { side: 'keap', id: '1' } });
  expect(wrong.status).toBe(400);
  expect(wrong.body.detail).toContain('"crm" and "shop"');
  expect((await call('POST', '/triggers/people', { scan: 'full', record: { side: 'crm', id: '1' } })).status).toBe(400);
  expect((await call('POST', '/triggers/people', { record: { side: 'crm', id: '' } })).status).toBe(400);
  expect((await call('POST', '/triggers/people', { record: { side: 'crm', id: 1 } })).status).toBe(400);
});

test('a plan writes nothing, and tells record by record what would be done', async () => {
  const { call, work, shop, crm } = await world({
    crm: [person('1', 'Ann', 'ann@x.test'), person('2', 'Bob', 'bob@x.test')],
  });
  await work();
  const { body } = await call('POST', '/triggers/people', { scan: 'full', plan: true });
  await until(async () => (await call('GET', `/runs/${body.id}`)).body.state === 'done');
  const plan = await call('GET', `/runs/${body.id}/plan?limit=1`);
  expect(plan.body).toMatchObject({
    run: body.id,
    total: 2,
    limit: 1,
    entries: [{ kind: 'created', side: 'shop', record: { side: 'crm' }, writes: { crm: [], shop: ['name', 'email'] } }],
  });
  expect((await call('GET', `/runs/${body.id}/plan?offset=2`)).body.entries).toEqual([]);
  expect((await call('GET', `/runs/${body.id}?plan=1`)).body.entries).toHaveLength(2);
  expect([...crm.writes, ...shop.writes]).toEqual([]);
  const real = (await call('POST', '/triggers/people')).body;
  expect((await call('GET', `/runs/${real.id}/plan`)).body).toMatchObject({ status: 409, code: 'CONFLICT' });
});

test('a run of every mapping holds the runs of each, added up by side', async () => {
  const { call, work } = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  await work();
  const { status, body, headers } = await call('POST', '/triggers', { scan: 'full' });
  expect(status).toBe(202);
  expect(headers.location).toBe(`/runs/${body.id}`);
  expect(body.mapping).toBe('*');
  const run = await until(async () => {
    const { body: found } = await call('GET', `/runs/${body.id}`);
    return found.state === 'done' && found;
  });
  expect(run.runs).toHaveLength(1);
  expect(run).toMatchObject({ counts: { created: { crm: 0, shop: 1 } }, runs: [{ mapping: 'people', state: 'done' }] });
  expect((await call('POST', '/triggers', { record: { side: 'crm', id: '1' } })).status).toBe(400);
});

test('queues tell their jobs and why they failed; a failed job can be tried again or discarded', async () => {
  const { call, sync, crm, shop } = await world({
    crm: [person('1', '', 'ann@x.test'), person('2', '', 'bob@x.test')],
  });
  await sync();
  const { body: queues } = await call('GET', '/queues');
  expect(queues.queues.map((queue: Answer) => queue.name)).toEqual(['scan', 'reconcile-people']);
  expect(queues.queues[1]).toMatchObject({ paused: false, counts: { failed: 2, waiting: 0, active: 0, delayed: 0 } });

  const { body: failed } = await call('GET', '/queues/reconcile-people/jobs?state=failed&limit=1');
  expect(failed).toMatchObject({ total: 2, limit: 1 });
  expect(failed.jobs).toHaveLength(1);
  const { body: all } = await call('GET', '/queues/reconcile-people/jobs');
  const job = all.jobs.find((one: Answer) => one.data.id === '1');
  expect(job).toMatchObject({
    state: 'failed',
    data: { mapping: 'people', side: 'crm', id: '1' },
    detail: expect.stringContaining('required'),
    createdAt: expect.any(String),
    finishedAt: expect.any(String),
  });
  expect(JSON.stringify(all)).not.toMatch(/stacktrace|\.ts:|node_modules/);
  expect((await call('GET', `/queues/reconcile-people/jobs/${job.id}`)).body).toEqual(job);

  crm.records.set('1', person('1', 'Ann', 'ann@x.test'));
  const retried = await call('POST', `/queues/reconcile-people/jobs/${job.id}/retry`);
  expect(retried.status).toBe(202);
  await until(async () => shop.records.size === 1);
  const done = await until(async () => {
    const { status, body } = await call('GET', `/queues/reconcile-people/jobs/${job.id}`);
    return (status === 404 || body.state === 'completed') && { status, body };
  });
  if (done.status === 200) {
    expect((await call('POST', `/queues/reconcile-people/jobs/${job.id}/retry`)).body).toMatchObject({
      status: 409,
      code: 'CONFLICT',
    });
  }

  const { body: rest } = await call('GET', '/queues/reconcile-people/jobs?state=failed');
  expect(rest.total).toBe(1);
  expect((await call('DELETE', `/queues/reconcile-people/jobs/${rest.jobs[0].id}`)).status).toBe(204);
  expect((await call('GET', '/queues/reconcile-people')).body.counts.failed).toBe(0);
  expect((await call('GET', '/queues/reconcile-people/jobs?state=nonsense')).status).toBe(400);
});

test('all failed jobs of a queue go again', async () => {
  const { call, sync, crm, shop } = await world({
    crm: [person('1', '', 'ann@x.test'), person('2', '', 'bob@x.test')],
  });
  await sync();
  for (const id of ['1', '2']) crm.records.set(id, person(id, `Name ${id}`, `${id}@x.test`));
  expect((await call('POST', '/queues/reconcile-people/retry')).body).toEqual({ retried: 2 });
  await until(async () => shop.records.size === 2);
  await until(async () => (await call('GET', '/queues/reconcile-people')).body.counts.failed === 0);
});

test('a paused queue begins nothing, tells how long it waits, and goes on when it is resumed', async () => {
  const { call, sync, shop } = await world({ crm: [] });
  await sync();
  expect((await call('POST', '/queues/reconcile-people/pause')).body.paused).toBe(true);
  await call('POST', '/triggers/people', { record: { side: 'crm', id: '404' } });
  const { body } = await call('GET', '/queues/reconcile-people');
  expect(body).toMatchObject({ paused: true, counts: { waiting: 1 }, oldestWaiting: expect.any(Number) });
  expect((await call('GET', '/queues/reconcile-people/records')).body).toMatchObject({
    total: 1,
    records: [{ mapping: 'people', side: 'crm', id: '404', due: expect.any(String) }],
  });
  expect((await call('POST', '/queues/reconcile-people/resume')).body.paused).toBe(false);
  await until(async () => (await call('GET', '/queues/reconcile-people')).body.counts.waiting === 0);
  expect(shop.writes).toEqual([]);
});

test('a run does not wait for what was discarded', async () => {
  const { call } = await world();
  await call('POST', '/queues/reconcile-people/pause');
  const { body: run } = await call('POST', '/triggers/people', { record: { side: 'crm', id: '1' } });
  expect(run.state).toBe('working');
  expect((await call('POST', '/queues/reconcile-people/drain')).body).toEqual({ discarded: 1 });
  expect((await call('GET', `/runs/${run.id}`)).body).toMatchObject({ state: 'done', counts: { excluded: 1 } });
  const scan = (await call('POST', '/triggers/people', { scan: 'full' })).body;
  expect((await call('DELETE', `/queues/scan/jobs/run-${scan.id}`)).status).toBe(204);
  expect((await call('GET', `/runs/${scan.id}`)).body).toMatchObject({
    state: 'failed',
    reason: expect.stringContaining('discarded'),
  });
});

test('a delayed job tells when it goes on', async () => {
  const { call, engine } = await world();
  await engine.queues.reconcile('people').add('reconcile', { mapping: 'people', side: 1, id: '5' }, { delay: 60_000 });
  const { body } = await call('GET', '/queues/reconcile-people/jobs?state=delayed');
  expect(body.jobs[0].data).toEqual({ mapping: 'people', side: 'shop', id: '5' });
  expect(Math.abs(Date.parse(body.jobs[0].until) - Date.now() - 60_000)).toBeLessThan(5_000);
});

test('health tells how things stand and no secrets', async () => {
  const { app, engine, call, root, sync, work } = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  expect((await app.inject({ url: '/health/live' })).json()).toEqual({ status: 'up' });
  expect((await app.inject({ url: '/health/ready' })).json()).toMatchObject({
    status: 'degraded',
    notes: [expect.stringMatching(/^No worker is alive/)],
  });
  await work();
  const ready = await app.inject({ url: '/health/ready' });
  expect(ready.statusCode).toBe(200);
  expect(ready.json()).toMatchObject({
    status: 'ready',
    redis: { state: 'up', policy: 'noeviction' },
    config: { mappings: 1, problems: [] },
    queues: { scan: { paused: false, waiting: 0, failed: 0 }, 'reconcile-people': {} },
    systems: { crm: { state: 'unknown' }, shop: { state: 'unknown' } },
  });
  await sync();
  expect((await call('GET', '/health/ready')).body.systems.crm.state).toBe('up');
  const { writeFile } = await import('node:fs/promises');
  await writeFile(`${root}/mappings/people.yaml`, 'mapping: people\nbetween: 5\n');
  await engine.config.reload();
  const degraded = await app.inject({ url: '/health/ready' });
  expect(degraded.statusCode).toBe(200);
  expect(degraded.json()).toMatchObject({ status: 'degraded', config: { mappings: 1 } });
  expect(degraded.json().config.problems[0]).toMatch(/^mappings\/people\.yaml:\d+:\d+ CONFIG_/);
  expect(degraded.body).not.toMatch(/secret|token/i);
});

test('while Redis is away, readiness says so, requests get an error, and nothing hangs', async () => {
  const { app, engine } = await world();
  const ping = engine.redis.ping;
  Object.defineProperty(engine.redis, 'status', { value: 'reconnecting', configurable: true, writable: true });
  engine.redis.ping = (() => new Promise(() => {})) as never;
  const ready = await app.inject({ url: '/health/ready' });
  expect(ready.statusCode).toBe(503);
  expect(ready.json()).toMatchObject({ status: 'down', redis: { state: 'down' } });
  const runs = await app.inject({ url: '/runs', headers: { authorization: `Bearer ${READ}` } });
  expect(runs.statusCode).toBe(503);
  expect(runs.json()).toMatchObject({ code: 'UNAVAILABLE', detail: 'Redis does not answer.' });
  expect((await app.inject({ url: '/health/live' })).statusCode).toBe(200);
  const metrics = await app.inject({ url: '/metrics', headers: { authorization: `Bearer ${READ}` } });
  expect(metrics.body).toMatch(/^tandem_redis_up 0$/m);
  engine.redis.ping = ping;
  Object.defineProperty(engine.redis, 'status', { value: 'ready', configurable: true, writable: true });
});

test('metrics count calls, outcomes, jobs, links and issues', async () => {
  const { app, sync } = await world({ crm: [person('1', 'Ann', 'ann@x.test'), person('2', '', 'bob@x.test')] });
  await sync();
  const { body, headers } = await app.inject({ url: '/metrics', headers: { authorization: `Bearer ${READ}` } });
  expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  for (const line of [
    'tandem_info{version="0.0.0-test"} 1',
    'tandem_redis_up 1',
    'tandem_config_problems 0',
    'tandem_links{mapping="people"} 1',
    'tandem_issues{mapping="people",kind="failed"} 1',
    'tandem_queue_jobs{queue="reconcile-people",state="failed"} 1',
    'tandem_queue_paused{queue="scan"} 0',
    'tandem_outcomes_total{mapping="people",kind="created"} 1',
    'tandem_outcomes_total{mapping="people",kind="failed"} 1',
    'tandem_calls_total{system="shop",operation="create",status="201"} 1',
  ]) {
    expect(body.split('\n')).toContain(line);
  }
  expect(body).toMatch(/^process_cpu_seconds_total /m);
});

test('live events tell outcomes as they happen, and end when the server closes', async () => {
  const { app, work, call } = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  const url = await listen(app);
  const stream = await fetch(`${url}/events?mapping=people`, { headers: { authorization: `Bearer ${READ}` } });
  expect(stream.headers.get('content-type')).toMatch(/^text\/event-stream/);
  expect(stream.headers.get('x-content-type-options')).toBe('nosniff');
  const reader = stream.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const read = async (): Promise<boolean> => {
    const { value, done } = await reader.read();
    text += decoder.decode(value);
    return done;
  };
  while (!text.includes(': listening')) await read();
  await work();
  await call('POST', '/triggers/people', { scan: 'full' });
  while (!/data: .*\n\n/.test(text)) await read();
  const event = JSON.parse(/data: (.*)\n/.exec(text)?.[1] ?? '{}');
  expect(event).toMatchObject({
    mapping: 'people',
    record: { side: 'crm', id: '1' },
    outcome: { kind: 'created', side: 'shop', writes: { crm: [], shop: ['name', 'email'] } },
  });
  expect(text).not.toContain('Ann');
  const closed = app.close();
  let ended = false;
  while (!ended) ended = await read().catch(() => true);
  await closed;
});

test('a run of a removed mapping that no worker ever had names its sides first and second', async () => {
  const { call, engine, root } = await world();
  const { body } = await call('POST', '/triggers/people', { scan: 'full' });
  const { rm } = await import('node:fs/promises');
  await rm(`${root}/mappings/people.yaml`);
  await engine.config.reload();
  expect((await call('GET', `/runs/${body.id}`)).body.counts.created).toEqual({ first: 0, second: 0 });
  expect((await call('POST', '/triggers/people')).status).toBe(404);
  expect((await call('GET', `/runs/${randomUUID()}`)).status).toBe(404);
});

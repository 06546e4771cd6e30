// Queue inspection as an operator needs it at night: why jobs wait or failed, how fast they go, and acting on many.

import { afterEach, expect, test } from 'vitest';
import { recordKey } from '../../../engine/model/record-key.ts';
import { listen } from '../../../server/server.ts';
import { closeAll } from '../../support/closing.ts';
import { linksIn } from '../../support/links.ts';
import { until } from '../../support/until.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { type Answer, API, MAPPING, people, person, READ, type World, world } from './support.ts';

afterEach(closeAll);

const NAME = 'reconcile-people';
const counts = async ({ call }: World) => (await call('GET', `/queues/${NAME}`)).body.counts;

/** A queue that is paused, in which these records of the first side wait for a run. */
async function waiting(made: World, ids: readonly string[]): Promise<string> {
  await made.call('POST', `/queues/${NAME}/pause`);
  const { run } = await made.engine.runs.begin({ mapping: 'people', scan: 'record', plan: false, trigger: 'api' });
  await made.engine.runs.scanning(run);
  await made.engine.context({ owner: 'test', run }).enqueue('people', 0, ids);
  await made.engine.runs.scanned(run);
  return run.id;
}

/** Has records looked at, for no run. */
const mark = ({ dirty, queues }: World['engine'], side: 0 | 1, ids: readonly string[]) =>
  dirty
    .mark(
      'people',
      ids.map((id) => recordKey(side, id)),
    )
    .then(() => queues.notify('people'));

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i + 1));

test('why jobs failed or wait is reported by code, in words, with how many and since when', async () => {
  const made = await world({ crm: people(3, (i) => (i < 2 ? '' : 'Cid')) });
  const { call, sync, engine, crm } = made;
  await sync();
  const { body } = await call('GET', `/queues/${NAME}`);
  expect(body.reasons).toEqual([
    {
      state: 'failed',
      code: 'VALUE_REQUIRED',
      detail: 'A required value is empty',
      remedy: 'Fill it in.',
      count: 2,
      since: expect.any(String),
    },
  ]);
  // The system is away: the job waits for its next try.
  crm.fail = 503;
  await call('POST', '/triggers/people', { record: { side: 'crm', id: '3' } });
  const delayed = await until(
    async () => {
      const { body } = await call('GET', `/queues/${NAME}/jobs?state=delayed`);
      // It is noted why the job waits once it is there.
      return body.jobs[0]?.code !== undefined && (body.jobs[0] as Answer);
    },
    20_000,
    25,
  );
  expect(delayed).toMatchObject({
    reason: 'retry',
    code: 'SYSTEM_UNAVAILABLE',
    detail: expect.not.stringMatching(/^[A-Z_]+:/),
  });
  const job = await engine.queues.reconcile('people').getJob(delayed.id);
  // With growing delays: 11 tries beside the first one, 2 s to 1024 s apart, a random half of that left out.
  expect(job?.opts).toMatchObject({ attempts: 11, backoff: { type: 'exponential', delay: 2_000, jitter: 0.5 } });
  // Since when it fails is counted from its first failure with this code.
  expect(job?.progress).toMatchObject({ reason: 'retry', code: 'SYSTEM_UNAVAILABLE', since: expect.any(Number) });
  const { reasons } = (await call('GET', '/queues?reasons=true')).body.queues[1];
  expect(reasons.map((one: Answer) => [one.state, one.reason, one.code, one.count])).toEqual(
    expect.arrayContaining([
      ['delayed', 'retry', 'SYSTEM_UNAVAILABLE', 1],
      ['failed', undefined, 'VALUE_REQUIRED', 2],
    ]),
  );
  expect((await call('GET', '/queues')).body.queues[1].reasons).toBeUndefined();
  const listed = async (query: string) => (await call('GET', `/queues/${NAME}/jobs?${query}`)).body;
  expect(await listed('code=VALUE_REQUIRED&limit=1')).toMatchObject({ total: 2, jobs: [{ code: 'VALUE_REQUIRED' }] });
  expect(await listed('code=SYSTEM_REJECTED')).toMatchObject({ total: 0, jobs: [] });
  expect(await listed('state=delayed&reason=retry')).toMatchObject({ total: 1 });
  expect(await listed('state=delayed&reason=quota')).toMatchObject({ total: 0 });
  expect((await call('GET', `/queues/${NAME}/jobs?reason=nonsense`)).status).toBe(400);
  await engine.queues.reconcile('people').pause();
});

test('a record that another worker holds stays among those that wait', async () => {
  const made = await world({ crm: people(1, () => 'Ann') });
  // Somebody else works on the record.
  const { engine, call } = made;
  await linksIn(engine.links('people')).claim([recordKey(0, '1')], 'somebody else', 60_000);
  await made.work();
  await mark(engine, 0, ['1']);
  // It goes on waiting in the dirty set, and no job is made for it.
  await until(async () => (await engine.queues.reconcile('people').getJobs(['completed'])).length > 2);
  expect((await call('GET', `/queues/${NAME}/records`)).body.records).toMatchObject([{ side: 'crm', id: '1' }]);
  expect((await call('GET', `/queues/${NAME}/jobs?state=delayed`)).body.total).toBe(0);
});

test('a waiting job and its queue report why no worker takes the job', async () => {
  const made = await world({ crm: people(1, () => 'Ann') });
  const { engine, call } = made;
  const began = Date.now();
  await mark(engine, 0, ['1']);
  const reported = async () => {
    const { jobs } = (await call('GET', `/queues/${NAME}/jobs?state=waiting`)).body;
    const { reasons } = (await call('GET', `/queues/${NAME}`)).body;
    expect((await call('GET', `/queues/${NAME}/jobs/${jobs[0].id}`)).body).toEqual(jobs[0]);
    expect((await call('GET', '/records/people/crm/1/jobs')).body).toMatchObject({
      jobs: [],
      marked: [{ mapping: 'people', side: 'crm', id: '1', due: expect.any(String) }],
    });
    return { jobs, reasons: reasons.filter((reason: Answer) => reason.state === 'waiting') };
  };
  const unattended = await reported();
  expect(unattended.jobs).toMatchObject([
    { state: 'waiting', reason: 'worker', detail: expect.stringMatching(/No worker/) },
  ]);
  expect(unattended.reasons).toMatchObject([{ reason: 'worker', count: 1, detail: unattended.jobs[0].detail }]);
  expect(Date.parse(unattended.reasons[0].since)).toBeGreaterThanOrEqual(began - 1);
  await call('POST', `/queues/${NAME}/pause`);
  // What a person must end first comes first.
  const paused = await reported();
  expect(paused.jobs).toMatchObject([{ reason: 'paused', detail: expect.stringMatching(/paused/) }]);
  expect(paused.reasons.map(({ reason }: Answer) => reason)).toEqual(['paused', 'worker']);
  await made.work();
  expect((await reported()).reasons.map(({ reason }: Answer) => reason)).toEqual(['paused']);

  // The system has been down for longer than the job waits: only what the job waited counts.
  const processes = await engine.versions.processes();
  const down = { state: 'down', at: began, since: began - 3_600_000, next: began } as const;
  const real = engine.versions.processes;
  Object.assign(engine.versions, {
    processes: async () => processes.map((one) => ({ ...one, systems: { crm: down } })),
  });
  await engine.queues.reconcile('people').pause();
  const both = await reported();
  expect(both.reasons.map(({ reason }: Answer) => reason)).toEqual(['paused', 'away']);
  expect(Date.parse(both.reasons[1].since)).toBeGreaterThanOrEqual(began - 1);
  // Where another version is in force everywhere, nobody does it either.
  Object.assign(engine.versions, { processes: async () => processes.map((one) => ({ ...one, yielded: ['people'] })) });
  expect((await reported()).reasons.map(({ reason }: Answer) => reason)).toEqual(['paused', 'version']);
  Object.assign(engine.versions, { processes: real });
  // Somebody takes it: nothing keeps it.
  await call('POST', `/queues/${NAME}/resume`);
  await until(async () => (await counts(made)).waiting === 0);
  expect((await call('GET', `/queues/${NAME}`)).body.reasons).toEqual([]);
});

test('a mapping stands for its queue, and an unknown name is reported as it was written', async () => {
  const { call } = await world();
  expect((await call('GET', '/queues/people')).body.name).toBe(NAME);
  expect((await call('POST', '/queues/people/pause')).body).toMatchObject({ name: NAME, paused: true });
  expect((await call('GET', '/queues/people/jobs')).status).toBe(200);
  for (const name of ['nosuch', 'reconcile-nosuch']) {
    expect((await call('GET', `/queues/${name}/jobs`)).body).toMatchObject({
      code: 'NOT_FOUND',
      detail: `There is no queue "${name}". There are: scan, people.`,
    });
  }
});

test('the pace of a queue comes from every process, and says when it will be empty', async () => {
  const made = await world({ crm: people(20, (i) => `Name ${i}`) });
  await made.sync();
  const { body } = await made.call('GET', `/queues/${NAME}`);
  expect(body.perSecond).toBeGreaterThan(0);
  expect(body.etaMs).toBe(0);
  await made.call('POST', `/queues/${NAME}/pause`);
  await mark(made.engine, 0, ['1', '2']);
  // Nothing is done while it is paused: there is no telling.
  expect((await made.call('GET', `/queues/${NAME}`)).body.etaMs).toBeUndefined();
});

test('failed jobs are tried again or discarded by their code, and asking twice does nothing twice', async () => {
  const made = await world({ crm: people(3, () => '') });
  const { call, sync, crm, shop } = made;
  await sync();
  for (const id of numbers(3)) crm.records.set(id, person(id, `Name ${id}`, `p${id}@x.test`));
  expect((await call('POST', `/queues/${NAME}/retry`, { code: 'SYSTEM_REJECTED' })).body).toEqual({ retried: 0 });
  expect((await counts(made)).failed).toBe(3);
  expect(
    (await call('POST', `/queues/${NAME}/discard`, { state: 'failed', code: 'VALUE_REQUIRED', limit: 1 })).body,
  ).toEqual({
    discarded: 1,
    next: 0,
  });
  expect((await call('POST', `/queues/${NAME}/retry`, { code: 'VALUE_REQUIRED' })).body).toEqual({ retried: 2 });
  await until(async () => shop.records.size === 2);
  await until(async () => (await counts(made)).failed === 0);
  expect((await call('POST', `/queues/${NAME}/retry`, { code: 'VALUE_REQUIRED' })).body).toEqual({ retried: 0 });
  // The record of the discarded job is still known to have failed. The two others have been created, and then are recorded.
  await until(async () => (await call('GET', '/records')).body.total === 1);
});

test('one request changes a limited number of jobs, and the next request goes on where it ended', async () => {
  const made = await world();
  const { call, engine } = made;
  const queue = engine.queues.reconcile('people');
  for (let i = 0; i < 450; i++) {
    const job = await queue.add('reconcile', { mapping: 'people', side: 0, id: String(i) }, { delay: 600_000 + i });
    if (i % 3 === 0)
      await job.updateProgress({ reason: 'quota', code: 'SYSTEM_THROTTLED', detail: 'No more now.', tries: 0 });
  }
  const answers: Answer[] = [];
  for (let next: number | undefined = 0; next !== undefined; ) {
    const { body }: { body: Answer } = await call('POST', `/queues/${NAME}/promote`, {
      reason: 'quota',
      limit: 40,
      offset: next,
    });
    answers.push(body);
    next = body.next;
  }
  expect(answers.map(({ promoted }) => promoted)).toEqual([40, 40, 40, 30]);
  expect(await counts(made)).toMatchObject({ waiting: 150, delayed: 300 });
  expect((await call('POST', `/queues/${NAME}/promote`, { reason: 'quota' })).body).toEqual({ promoted: 0 });
  expect((await call('POST', `/queues/${NAME}/discard`, { state: 'delayed', code: 'SYSTEM_THROTTLED' })).body).toEqual({
    discarded: 0,
  });
  expect((await call('POST', `/queues/${NAME}/discard`, {})).status).toBe(400);
  expect((await call('POST', `/queues/${NAME}/promote`, { limit: 100_000 })).status).toBe(400);
});

test('one delayed job is promoted; one that is not delayed cannot be', async () => {
  const made = await world();
  const { call, engine } = made;
  const added = await engine.queues
    .reconcile('people')
    .add('reconcile', { mapping: 'people', side: 0, id: '1' }, { delay: 600_000 });
  await call('POST', `/queues/${NAME}/pause`);
  expect((await call('POST', `/queues/${NAME}/jobs/${added.id}/promote`)).body).toMatchObject({
    id: added.id,
    state: 'waiting',
  });
  expect((await call('POST', `/queues/${NAME}/jobs/${added.id}/promote`)).body).toMatchObject({
    status: 409,
    code: 'CONFLICT',
  });
});

test('a drained queue leaves no run open, and its records can be queued again', async () => {
  const mapping = MAPPING.replace('deletes: review', 'deletes: review\nbrake: { firstSync: off }');
  const made = await world({ crm: people(250, (i) => `Name ${i}`), mapping });
  const { call, engine, shop, sync } = made;
  await sync();
  const run = await waiting(made, numbers(250));
  await engine.queues.reconcile('people').add('reconcile', { mapping: 'people', side: 1, id: 'x' }, { delay: 600_000 });
  expect((await call('GET', `/runs/${run}`)).body).toMatchObject({
    state: 'working',
    progress: { work: 250, done: 0 },
  });
  expect((await call('POST', `/queues/${NAME}/drain`, { limit: 100 })).body).toEqual({ discarded: 100, next: 0 });
  expect((await call('GET', `/runs/${run}`)).body).toMatchObject({ state: 'working', progress: { done: 100 } });
  expect((await call('POST', `/queues/${NAME}/drain`)).body).toEqual({ discarded: 151 });
  expect((await call('POST', `/queues/${NAME}/drain`)).body).toEqual({ discarded: 0 });
  expect((await call('GET', `/runs/${run}`)).body).toMatchObject({ state: 'done', counts: { excluded: 250 } });
  expect(await counts(made)).toMatchObject({ waiting: 0, delayed: 0 });
  // No key of a record is left that would swallow its next job.
  expect(await engine.redis.keys(`${engine.queues.reconcile('people').toKey('de')}:*`)).toEqual([]);
  shop.writes.length = 0;
  made.crm.records.set('7', person('7', 'Another', 'p7@x.test'));
  await call('POST', `/queues/${NAME}/resume`);
  await sync();
  expect(shop.writes).toHaveLength(1);
});

test('a create without a response whose job or mark is discarded is left to a person: nothing waits for it any longer', async () => {
  const made = await world({ crm: people(2, (i) => `Name ${i}`) });
  const { call, engine } = made;
  const links = engine.links('people');
  await call('POST', `/queues/${NAME}/pause`);
  for (const id of ['1', '2']) {
    const pending = { at: Date.now(), key: `key-${id}`, sent: {} };
    await links.batches.begin({
      record: recordKey(0, id),
      create: pending,
      unlimited: 'unasked',
      allowance: undefined,
    });
  }
  await engine.queues.reconcile('people').add('reconcile', { mapping: 'people', side: 0, id: '1' }, { delay: 600_000 });
  await mark(made.engine, 0, ['2']);
  expect((await call('POST', `/queues/${NAME}/drain`)).body).toEqual({ discarded: 2 });
  const { pendingCreate } = linksIn(links);
  for (const id of ['1', '2']) expect(await pendingCreate(0, id)).toMatchObject({ key: `key-${id}`, review: true });
});

test('scheduled scans are neither drained nor promoted, and discarding a scan ends its run', async () => {
  const made = await world();
  const { call, engine } = made;
  await engine.queues.scan.upsertJobScheduler(
    'people:full',
    { pattern: '0 0 1 1 *' },
    { name: 'scan', data: { mapping: 'people', scan: 'full' } },
  );
  await call('POST', '/queues/scan/pause');
  const run = (await call('POST', '/triggers/people', { scan: 'full' })).body;
  const before = (await call('GET', '/queues/scan')).body.counts;
  expect((await call('POST', '/queues/scan/promote')).body).toEqual({ promoted: 0 });
  expect((await call('POST', '/queues/scan/discard', { state: 'delayed' })).body).toEqual({ discarded: 0 });
  expect(before).toMatchObject({ waiting: 1, delayed: 1 });
  expect((await call('GET', '/queues/scan')).body.reasons).toMatchObject([
    { state: 'waiting', reason: 'paused' },
    { state: 'waiting', reason: 'worker' },
    { state: 'delayed', reason: 'scheduled' },
  ]);
  expect((await call('POST', '/queues/scan/drain')).body).toEqual({ discarded: 1 });
  expect((await call('GET', '/queues/scan')).body.counts).toMatchObject({ waiting: 0, delayed: before.delayed });
  expect((await call('GET', `/runs/${run.id}`)).body).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/discarded/),
  });
});

test('health is degraded while a queue is paused, and a note names the queue', async () => {
  const { call, work } = await world();
  await work();
  expect((await call('GET', '/health/ready')).body).toMatchObject({ status: 'ready', notes: [] });
  await call('POST', `/queues/${NAME}/pause`);
  await call('POST', '/triggers/people', { record: { side: 'crm', id: '1' } });
  const { status, body } = await call('GET', '/health/ready');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    status: 'degraded',
    notes: [expect.stringMatching(/reconcile-people is paused.*1 wait/)],
  });
  await call('POST', `/queues/${NAME}/resume`);
  expect((await call('GET', '/health/ready')).body.status).toBe('ready');
});

test('the jobs of one record and of its counterpart are listed together', async () => {
  const made = await world({ crm: [person('1', 'Ann', 'ann@x.test'), person('2', '', 'bad@x.test')] });
  const { call, sync, shop } = made;
  await sync();
  const counterpart = [...shop.records.keys()][0] ?? '';
  const jobs = async (side: string, id: string) => (await call('GET', `/records/people/${side}/${id}/jobs`)).body.jobs;
  expect(await jobs('crm', '1')).toEqual([]);
  expect(await jobs('crm', '2')).toMatchObject([{ state: 'failed', code: 'VALUE_REQUIRED', data: { id: '2' } }]);
  await call('POST', `/queues/${NAME}/pause`);
  await mark(made.engine, 1, [counterpart]);
  const marked = async (side: string, id: string) =>
    (await call('GET', `/records/people/${side}/${id}/jobs`)).body.marked;
  expect(await marked('crm', '1')).toMatchObject([{ side: 'shop', id: counterpart }]);
  expect(await marked('shop', counterpart)).toHaveLength(1);
  expect((await call('GET', '/records/people/nobody/1/jobs')).status).toBe(404);
});

test('records that wait are counted by reason over all mappings, also only those from before a time', async () => {
  const made = await world({
    crm: [...people(2, () => ''), person('9', 'Ann', 'ann@x.test', { note: 'a' })],
    shop: [person('s9', 'Ann', 'ann@x.test', { note: 'b' })],
  });
  const { call, sync } = made;
  await sync();
  const between = new Date(Date.now() + 1).toISOString();
  const { body } = await call('GET', '/records/reasons');
  expect(body).toMatchObject({
    total: 2,
    reasons: [
      {
        mapping: 'people',
        kind: 'failed',
        code: 'VALUE_REQUIRED',
        property: 'name',
        count: 2,
        reason: expect.any(String),
      },
      { mapping: 'people', kind: 'review', count: 1 },
    ],
  });
  expect((await call('GET', '/records/reasons?kind=failed&limit=1')).body.reasons).toHaveLength(1);
  made.crm.records.set('3', person('3', '', 'late@x.test'));
  await until(async () => Date.now() > Date.parse(between));
  await sync();
  expect((await call('GET', '/records/reasons?kind=failed')).body.reasons[0].count).toBe(3);
  expect((await call('GET', `/records/reasons?kind=failed&before=${between}`)).body.reasons[0].count).toBe(2);
  expect((await call('GET', `/records?kind=failed&before=${between}`)).body.total).toBe(2);
  expect((await call('GET', '/records/reasons?before=yesterday')).status).toBe(400);
});

test('the read token can only look at the board, while the API token can also retry a job', async () => {
  const made = await world({ crm: people(1, () => '') });
  const { app, sync, call } = made;
  await sync();
  const { id } = (await call('GET', `/queues/${NAME}/jobs`)).body.jobs[0];
  const basic = (token: string) => ({ authorization: `Basic ${Buffer.from(`me:${token}`).toString('base64')}` });
  const ask = async (method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH', path: string, token: string) =>
    (await app.inject({ method, url: `/queues/board/api/queues${path}`, headers: basic(token) })).statusCode;
  const acts: readonly (readonly ['PUT' | 'POST' | 'PATCH' | 'DELETE', string])[] = [
    ['PUT', '/pause'],
    ['PUT', '/resume'],
    ['PUT', `/${NAME}/pause`],
    ['PUT', `/${NAME}/resume`],
    ['PUT', `/${NAME}/empty`],
    ['PUT', `/${NAME}/obliterate`],
    ['PUT', `/${NAME}/retry/failed`],
    ['PUT', `/${NAME}/${id}/retry`],
    ['PUT', `/${NAME}/${id}/promote`],
    ['PUT', `/${NAME}/${id}/clean`],
    ['PUT', `/${NAME}/clean/failed`],
    ['POST', `/${NAME}/add`],
    ['PATCH', `/${NAME}/${id}/update-data`],
    ['DELETE', `/${NAME}/${id}`],
  ];
  expect(await ask('GET', '', READ)).toBe(200);
  expect(await ask('GET', `/${NAME}/${id}`, READ)).toBe(200);
  for (const [method, path] of acts)
    expect({ path, status: await ask(method, path, READ) }).toEqual({ path, status: 403 });
  expect((await counts(made)).failed).toBe(1);
  expect(await ask('PUT', `/${NAME}/${id}/retry`, API)).toBeLessThan(300);
  for (const path of [`/${NAME}/empty`, `/${NAME}/obliterate`, `/${NAME}/clean/failed`])
    expect({ path, status: await ask('PUT', path, API) }).toEqual({ path, status: 409 });
  for (const token of ['wrong', '']) expect(await ask('GET', '', token)).toBe(401);
});

test('the command line shows failed and waiting jobs, and can discard and drain them', async () => {
  const made = await world({ crm: people(3, (i) => (i < 2 ? '' : 'Cid')) });
  await made.sync();
  await made.call('POST', `/queues/${NAME}/pause`);
  await mark(made.engine, 0, ['3']);
  const TANDEM_URL = await listen(made.app);
  const env = { TANDEM_URL, TANDEM_API_TOKEN: API, TANDEM_READ_TOKEN: READ };
  const [status, records, jobs, waiting, none, misspelt, nosuch, drain] = await Promise.all([
    tandem(['status'], env),
    tandem(['records', '--list'], env),
    tandem(['queue', 'jobs', 'people', '--code', 'VALUE_REQUIRED'], env),
    tandem(['queue', 'records', 'people'], env),
    tandem(['queue', 'retry', 'people', '--code', 'SYSTEM_REJECTED'], env),
    tandem(['retry', '--code', 'NOPE'], env),
    tandem(['queue', 'jobs', 'nosuch'], env),
    tandem(['queue', 'drain', 'people'], env),
  ]);
  expect(status.stdout).toMatch(/The queue reconcile-people is paused.*1 wait/);
  expect(status.stdout).toMatch(
    /reconcile-people: 2 failed \(VALUE_REQUIRED\): A required value is empty\. The first for/,
  );
  expect(records.stdout).toMatch(/people +failed +2 .*VALUE_REQUIRED name: [\s\S]*people +crm +1 +failed/);
  // It will not be tried again by itself, however many tries are left.
  expect(jobs.stdout).toMatch(/people crm 1 .* 1, given up +VALUE_REQUIRED: /);
  expect(waiting.stdout).toMatch(/people crm 3 +\d{4}-/);
  expect(none).toMatchObject({ status: 1, stdout: 'people: 0 jobs tried again.\n' });
  expect(nosuch.stderr).toMatch(/^NOT_FOUND: There is no queue "nosuch"\. There are: scan, people\.\n/);
  expect(drain.status).toBe(2);
  expect(drain.stderr).toMatch(
    /^BAD_REQUEST: Discard 1 waiting and 0 delayed jobs of reconcile-people\? .*\nSay so: --yes\n$/,
  );
  expect(misspelt).toMatchObject({ status: 2, stderr: expect.stringContaining('docs/errors.md') });
  expect(await tandem(['queue', 'discard', 'people', '--code', 'VALUE_REQUIRED', '--json'], env)).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/"discarded": 2/),
  });
  expect((await tandem(['queue', 'drain', 'people', '--yes'], env)).stdout).toBe('people: 1 job discarded.\n');
  expect((await tandem(['queue', 'resume'], env)).stdout).not.toContain('paused');
  expect(await counts(made)).toMatchObject({ waiting: 0, failed: 0 });
}, 240_000);

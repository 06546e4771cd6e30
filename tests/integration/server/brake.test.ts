// A brake that is on, over HTTP and on the command line: where it shows, and how it is answered.
import { afterEach, expect, test } from 'vitest';
import { listen } from '../../../server/server.ts';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { type Answer, API, MAPPING, people, world } from './support.ts';

afterEach(closeAll);

const mapping = MAPPING.replace('deletes: review', 'deletes: propagate\nbrake: { deletes: { count: 2 } }');

/** Ten linked pairs, of which the CRM has lost four: a full scan has missed them. */
async function missing() {
  const all = await world({ crm: people(10), mapping });
  await all.sync();
  for (const id of ['1', '2', '3', '4']) all.crm.records.delete(id);
  await all.sync();
  return all;
}

test('a brake that is on shows everywhere, with what it is about', async () => {
  const { call, engine, shop } = await missing();
  expect(shop.records.size).toBe(10);
  const { body } = await call('GET', '/reviews');
  expect(body).toMatchObject({
    total: 1,
    reviews: [
      {
        mapping: 'people',
        kind: 'brake',
        code: 'BRAKE_ON',
        review: 'people~brake',
        actions: ['continue', 'discard'],
        reason: expect.stringContaining('4 of 10 linked records were missing'),
        brake: {
          kind: 'deletes',
          by: 'scan',
          count: 4,
          limit: 2,
          linked: 10,
          waiting: { deletes: 4, creates: 0, clears: 0, other: 0 },
        },
      },
    ],
  });
  const [review] = body.reviews;
  expect(review.side).toBeUndefined();
  expect(review.brake.sample.map((one: Answer) => `${one.side} ${one.id}`).sort()).toEqual([
    'crm 1',
    'crm 2',
    'crm 3',
    'crm 4',
  ]);
  expect((await call('GET', '/reviews?mapping=people&offset=1')).body).toMatchObject({ total: 1, reviews: [] });
  const [{ reason, since }] = body.reviews;
  expect((await call('GET', '/mappings/people')).body).toMatchObject({
    brake: { kind: 'deletes', reason, since },
    limits: { deletes: { count: 2, percent: 10, minimum: 5 }, creates: { count: 1000 } },
  });
  expect((await call('GET', '/health/ready')).body).toMatchObject({ status: 'degraded', brakes: ['people'] });
  expect((await call('GET', '/metrics')).body).toContain('tandem_brake_on{mapping="people"} 1');
  const { runs } = (await call('GET', '/runs?limit=1')).body;
  expect(runs[0]).toMatchObject({ state: 'done', reason });
  // The record of a review that is not the brake's is none.
  expect((await call('POST', '/reviews/people~brake/resolve', { action: 'ignore' })).body.code).toBe('CONFLICT');
  expect((await call('POST', '/reviews/nobody~brake/resolve', { action: 'continue' })).status).toBe(404);
  expect(await engine.links('people').brake.on()).toBeDefined();
});

test.each([
  ['continue', 6],
  ['discard', 10],
])('a person resolves a brake with %s once, and a second request finds no brake', async (action, left) => {
  const { call, crm, shop } = await missing();
  crm.records.set('5', { ...crm.records.get('5'), name: 'Changed', updated_at: new Date().toISOString() });
  const run = (await call('POST', '/triggers/people', {})).body;
  await until(async () => (await call('GET', `/runs/${run.id}`)).body.state === 'done');
  expect((await call('GET', '/records?code=BRAKE_ON')).body).toMatchObject({
    total: 1,
    records: [{ id: '5', kind: 'blocked', code: 'BRAKE_ON' }],
  });
  expect((await call('GET', '/reviews')).body.reviews[0].brake.waiting).toMatchObject({ deletes: 4, other: 1 });

  const answered = await call('POST', '/reviews/people~brake/resolve', { action });
  expect(answered).toMatchObject({
    status: 200,
    body: {
      review: 'people~brake',
      action,
      released: 5,
      follows: expect.stringContaining(action === 'discard' ? 'stays' : 'read once more'),
      undo: expect.stringContaining(action === 'discard' ? '--kind orphaned --list' : 'tandem queue pause people'),
    },
  });
  await until(async () => (await call('GET', '/records?code=BRAKE_ON')).body.total === 0);
  await until(async () => [...shop.records.values()].some((one) => one.name === 'Changed'));
  await until(async () => shop.records.size === left);
  expect((await call('GET', '/reviews')).body.total).toBe(0);
  expect((await call('GET', '/mappings/people')).body.brake).toBeUndefined();
  expect((await call('GET', '/metrics')).body).toContain('tandem_brake_on{mapping="people"} 0');
  const again = await call('POST', '/reviews/people~brake/resolve', { action });
  expect(again).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
});

test('what was discarded shows as a warning with the command that lists it, and each record can be decided otherwise', async () => {
  const { call, crm, shop, sync } = await world({ crm: people(40), mapping });
  await sync();
  for (let id = 1; id <= 20; id++) crm.records.delete(String(id));
  await sync();
  const { body } = await call('POST', '/reviews/people~brake/resolve', { action: 'discard' });
  expect(body.undo).toContain('tandem review resolve people~SIDE~ID --delete');
  const health = await until(async () => {
    const { body: now } = await call('GET', '/health/ready');
    return now.warnings.length > 0 && now;
  });
  // It works as the answer says.
  expect(health).toMatchObject({
    status: 'ready',
    warnings: [expect.stringMatching(/^20 of 40 links of people .*"tandem records people --kind orphaned --list"/)],
  });
  const { records } = (await call('GET', '/records?mapping=people&kind=orphaned&limit=2')).body;
  expect(records[0].actions).toEqual(['create', 'delete']);
  const resolve = (one: Answer, action: string) => call('POST', `/reviews/${one.review}/resolve`, { action });
  expect(await resolve(records[0], 'ignore')).toMatchObject({ status: 409 });
  expect(await resolve(records[0], 'delete')).toMatchObject({ status: 200, body: { outcome: { kind: 'deleted' } } });
  expect(shop.records.size).toBe(39);
  const created = await resolve(records[1], 'create');
  expect(created).toMatchObject({ status: 200, body: { outcome: { kind: 'created' } } });
  expect(crm.records.size).toBe(21);
  expect((await call('GET', '/health/ready')).body.warnings).toEqual([]);
});

test('the first sync waits for a person before it creates more than its mapping allows', async () => {
  const first = MAPPING.replace('deletes: review', 'deletes: review\nbrake: { firstSync: 3 }');
  const { call, shop, sync, work } = await world({ crm: people(8), mapping: first });
  await work();
  const plan = async () => {
    const { id } = (await call('POST', '/triggers/people', { scan: 'full', plan: true })).body;
    return until(async () => {
      const { body: run } = await call('GET', `/runs/${id}`);
      return run.state === 'done' && run;
    });
  };
  expect(await plan()).toMatchObject({
    counts: { created: { shop: 8 } },
    reason: expect.stringMatching(/would create 8 records, and 3 may be.*tandem sync people --full --allow-creates/),
  });
  await sync();
  expect(shop.records.size).toBe(3);
  const [review] = (await call('GET', '/reviews')).body.reviews;
  expect(review).toMatchObject({
    reason: expect.stringMatching(/create more than 3 records.*tandem records people --code BRAKE_ON --list/),
    brake: { kind: 'creates', limit: 3, waiting: { creates: 5 } },
  });
  expect((await call('GET', '/records?code=BRAKE_ON')).body.total).toBe(5);
  await call('POST', '/reviews/people~brake/resolve', { action: 'continue' });
  await until(async () => shop.records.size === 8);
  expect((await call('GET', '/reviews')).body.total).toBe(0);
});

test('the first sync creates as much as there is once a person allowed it', async () => {
  const { call, shop, work } = await world({
    crm: people(8),
    mapping: MAPPING.replace('deletes: review', 'deletes: review\nbrake: { firstSync: 3 }'),
  });
  await work();
  for (const beside of [{ plan: true }, { record: { side: 'crm', id: '1' } }])
    expect((await call('POST', '/triggers/people', { ...beside, allowCreates: true })).status).toBe(400);
  expect((await call('POST', '/triggers', { plan: true, allowCreates: true })).status).toBe(400);
  expect((await call('POST', '/triggers/people', { scan: 'full', allowCreates: true })).status).toBe(202);
  await until(async () => shop.records.size === 8);
  expect((await call('GET', '/reviews')).body.total).toBe(0);
});

test('creates of the first sync use up nothing of what later runs may create', async () => {
  const limits = 'deletes: review\nbrake: { creates: { count: 4 }, firstSync: 4 }';
  const { call, crm, shop, sync } = await world({
    crm: people(4),
    mapping: MAPPING.replace('deletes: review', limits),
  });
  await sync();
  expect(shop.records.size).toBe(4);
  for (const one of people(8).slice(4)) crm.records.set(String(one.id), one);
  await sync();
  expect(shop.records.size).toBe(8);
  expect((await call('GET', '/reviews')).body.total).toBe(0);
});

test('the command line shows a brake that is on, and continues it', async () => {
  const { app, shop } = await missing();
  const env = { TANDEM_URL: await listen(app, { host: '127.0.0.1' }), TANDEM_API_TOKEN: API };
  const status = await tandem(['status'], env);
  expect(status.stdout).toMatch(/degraded/);
  expect(status.stdout).toMatch(/! The brake of people is on: 4 of 10/);
  expect(status.stdout).toMatch(/people .*brake on/);
  const list = await tandem(['review', 'list'], env);
  expect(list.stdout).toMatch(
    /people~brake .*The brake of people is on: .* Waiting: 4 deletes, .*crm 1.*continue, discard/,
  );
  const answered = await tandem(['review', 'resolve', 'people~brake', '--continue'], env);
  expect(answered).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/people~brake: continue -> 4 records go on.*tandem queue pause people/s),
  });
  await until(async () => shop.records.size === 6);
}, 120_000);

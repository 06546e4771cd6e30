// Mappings, links, reviews, records and webhooks over a real engine.
import { createHmac } from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { type Answer, CRM_KEY, MAPPING, person, SHOP_SECRET, world } from './support.ts';

afterEach(closeAll);

test('mappings are shown as they were loaded', async () => {
  const { call, sync } = await world({ crm: [person('1', 'Ann', 'ann@x.test'), person('2', '', 'bob@x.test')] });
  await sync();
  const { body } = await call('GET', '/mappings');
  expect(body).toMatchObject({
    problems: [],
    mappings: [
      {
        name: 'people',
        file: 'mappings/people.yaml',
        ready: true,
        links: 1,
        issues: { failed: 1, review: 0 },
        problems: [],
      },
    ],
  });
  const { body: one } = await call('GET', '/mappings/people');
  expect(one).toMatchObject({
    sides: [{ name: 'crm', system: 'crm', entity: 'things', create: 'missing', deletes: 'review' }, { name: 'shop' }],
    match: [{ keys: { crm: '$lowercase(email)', shop: '$lowercase(email)' }, onMatch: 'link' }],
    conflict: 'latest',
    properties: [
      { name: 'name', sources: { crm: 'name', shop: 'name' }, type: 'string', required: true, direction: 'both' },
      { name: 'email' },
      { name: 'note', conflict: 'review' },
      { name: 'age', type: 'integer', convert: { crm: '$ + 0', shop: '$ + 0' } },
    ],
  });
  expect(JSON.stringify(one)).not.toMatch(/secret|Bearer|"token"/);
});

test('the faults of a file are shown while its last good version runs', async () => {
  const { call, engine, root } = await world();
  const { writeFile } = await import('node:fs/promises');
  await writeFile(`${root}/mappings/people.yaml`, MAPPING.replace('crm: note', 'crm: nothere'));
  await engine.config.reload();
  const { body } = await call('GET', '/mappings');
  expect(body.mappings[0].problems[0]).toMatchObject({
    code: 'CONFIG_PATH',
    file: 'mappings/people.yaml',
    line: expect.any(Number),
  });
  expect(body.problems).toHaveLength(1);
  expect((await call('GET', '/mappings/people')).status).toBe(200);
});

test('a draft is checked, as JSON or as YAML, and changes nothing', async () => {
  const { call, app } = await world();
  expect((await call('POST', '/mappings/validate', { yaml: MAPPING })).body).toEqual({
    valid: true,
    mapping: 'people',
    problems: [],
    warnings: [],
    notChecked: expect.any(Array),
  });
  const shouting = MAPPING.replace('crm: note', 'crm: note\n    convert: { shop: $uppercase($) }');
  expect((await call('POST', '/mappings/validate', { yaml: shouting })).body).toMatchObject({
    valid: true,
    problems: [],
    warnings: [
      { kind: 'lossy', property: 'note', from: 'crm', example: { there: expect.stringMatching(/^[^a-z]+$/) } },
      { kind: 'lossy', property: 'note', from: 'shop', example: { back: expect.stringMatching(/^[^a-z]+$/) } },
    ],
  });
  const bad = await call('POST', '/mappings/validate', {
    yaml: MAPPING.replace('$lowercase(email)', '$lowercase(email'),
    file: 'mappings/people.yaml',
  });
  expect(bad.status).toBe(200);
  expect(bad.body).toMatchObject({
    valid: false,
    problems: [{ code: 'CONFIG_EXPRESSION', file: 'mappings/people.yaml', line: 8 }],
  });
  const yaml = await app.inject({
    method: 'POST',
    url: '/mappings/validate',
    headers: { authorization: 'Bearer api-token-of-the-test', 'content-type': 'text/yaml' },
    payload: 'mapping: [',
  });
  expect(yaml.json()).toMatchObject({ valid: false, problems: [{ code: 'CONFIG_YAML' }] });
  expect((await call('POST', '/mappings/validate', {})).status).toBe(400);
  expect((await call('POST', '/mappings/validate', { yaml: 'x', file: '/etc/passwd' })).status).toBe(400);
  expect((await call('GET', '/mappings/people')).status).toBe(200);
});

test('one record can be previewed, from its system or as sent, without writing', async () => {
  const { call, crm, shop } = await world({ crm: [person('1', 'Ann', 'ann@x.test', { age: 40 })] });
  const { body } = await call('POST', '/mappings/people/preview', { side: 'crm', id: '1' });
  expect(body).toMatchObject({
    from: 'crm',
    to: 'shop',
    inScope: true,
    matchKeys: [{ key: 'ann@x.test' }],
    record: { name: 'Ann', email: 'ann@x.test', age: 40 },
    faults: [],
  });
  expect(body.properties[3]).toMatchObject({
    property: 'age',
    flows: true,
    from: { source: 'age', value: 40 },
    to: { source: 'age', value: 40 },
  });
  const sent = await call('POST', '/mappings/people/preview', {
    side: 'shop',
    record: { email: 'x@x.test', age: 'old' },
  });
  expect(sent.body.faults.map((fault: Answer) => fault.property)).toEqual(['name', 'age', 'name']);
  expect(sent.body.record).toBeUndefined();
  expect((await call('POST', '/mappings/people/preview', { side: 'crm', id: '2' })).body).toMatchObject({
    status: 404,
    code: 'SYSTEM_NOT_FOUND',
  });
  for (const wrong of [
    { side: 'crm' },
    { side: 'crm', id: '1', record: {} },
    { side: 'no', id: '1' },
    { side: 'crm', record: [] },
    { side: 'crm', record: { id: {} } },
  ]) {
    expect((await call('POST', '/mappings/people/preview', wrong)).status).toBe(400);
  }
  expect([...crm.writes, ...shop.writes]).toEqual([]);
});

test('a system that fails is reported as such, without its response', async () => {
  const { call, crm } = await world();
  crm.fail = 401;
  const { status, body } = await call('POST', '/mappings/people/preview', { side: 'crm', id: '1' });
  expect(status).toBe(503);
  expect(body).toMatchObject({ code: 'SYSTEM_DOWN', system: 'crm' });
  expect(body.detail).toContain('crm refuses the credentials, check CRM_TOKEN');
  expect(JSON.stringify(body)).not.toContain('crm-secret-token');
});

test('links are found, paged, made by hand and broken', async () => {
  const { call, sync, shop, crm } = await world({
    crm: [person('1', 'Ann', 'ann@x.test')],
    shop: [person('7', 'Ann', 'ann@x.test'), person('8', 'Eve', 'eve@x.test')],
  });
  await sync();
  expect((await call('GET', '/links/people?side=crm&id=1')).body.links).toMatchObject([
    { ids: { crm: '1', shop: '7' }, version: expect.stringMatching(/^[1-9]\d*$/) },
  ]);
  expect((await call('GET', '/links/people?side=shop&id=7')).body.links).toMatchObject([
    { ids: { crm: '1', shop: '7' } },
  ]);
  expect((await call('GET', '/links/people?side=shop&id=none')).body.links).toEqual([]);
  expect((await call('GET', '/links/people')).body.links).toHaveLength(2);
  expect((await call('GET', '/links/people?side=shop')).status).toBe(400);
  expect((await call('GET', '/links/people?side=no&id=1')).status).toBe(400);
  expect((await call('GET', '/links/people?cursor=x')).status).toBe(400);

  shop.records.set('9', person('9', 'Nine', 'nine@x.test'));
  crm.records.set('3', person('3', 'Three', 'three@x.test', { note: 'from crm' }));
  const taken = await call('POST', '/links/people', { ids: { crm: '1', shop: '9' } });
  expect(taken.body).toMatchObject({ status: 409, code: 'LINK_TAKEN', detail: expect.stringContaining('"7"') });
  expect((await call('POST', '/links/people', { ids: { crm: '3', shop: 'none' } })).body).toMatchObject({
    status: 404,
    code: 'SYSTEM_NOT_FOUND',
    side: 'shop',
  });
  expect((await call('POST', '/links/people', { ids: { crm: '3' } })).status).toBe(400);
  expect((await call('POST', '/links/people', { ids: { crm: '3', keap: '9' } })).status).toBe(400);
  expect((await call('POST', '/links/people', { ids: { crm: 3, shop: '9' } })).status).toBe(400);

  const made = await call('POST', '/links/people', { ids: { crm: '3', shop: '9' } });
  expect(made).toMatchObject({ status: 201, body: { ids: { crm: '3', shop: '9' }, created: true } });
  expect(await call('POST', '/links/people', { ids: { crm: '3', shop: '9' } })).toMatchObject({
    status: 200,
    body: { created: false },
  });
  // First contact: an empty note is filled; names differ, and the conflict rule keeps the one that loses.
  await until(async () => shop.records.get('9')?.note === 'from crm');
  await until(async () => shop.records.get('9')?.name === crm.records.get('3')?.name);
  const { body } = await call('GET', '/links/people?side=crm&id=3');
  expect(body.links[0].lost.map((lost: Answer) => lost.property).sort()).toEqual(['email', 'name']);

  expect((await call('DELETE', '/links/people?side=shop&id=9')).body).toEqual({ ids: { crm: '3', shop: '9' } });
  expect((await call('DELETE', '/links/people?side=shop&id=9')).status).toBe(404);
  expect((await call('DELETE', '/links/people?side=shop')).status).toBe(400);
  expect(crm.records.has('3') && shop.records.has('9')).toBe(true);
});

test('records that wait are listed with their reason, and can be tried again', async () => {
  const { call, sync, crm, shop } = await world({
    crm: [person('1', '', 'a@x.test'), person('2', '', 'b@x.test'), person('3', 'Cid', 'c@x.test')],
  });
  await sync();
  const { body } = await call('GET', '/records?mapping=people&kind=failed');
  expect(body).toMatchObject({
    total: 2,
    records: [
      {
        mapping: 'people',
        side: 'crm',
        kind: 'failed',
        code: 'VALUE_REQUIRED',
        property: 'name',
        reason: expect.stringContaining('required'),
        since: expect.any(String),
      },
      {},
    ],
  });
  expect((await call('GET', '/records')).body.total).toBe(2);
  expect((await call('GET', '/records?code=VALUE_TYPE')).body.total).toBe(0);
  expect((await call('GET', '/records?limit=1&offset=1')).body.records).toHaveLength(1);
  expect((await call('GET', '/records?kind=nonsense')).status).toBe(400);
  expect((await call('GET', '/records?side=nonsense')).status).toBe(400);

  for (const id of ['1', '2']) crm.records.set(id, person(id, `Name ${id}`, `${id}@x.test`));
  expect((await call('POST', '/records/retry', { mapping: 'people', side: 'crm', id: '1' })).body).toEqual({
    queued: 1,
    runs: [expect.any(String)],
  });
  await until(async () => (await call('GET', '/records')).body.total === 1);
  expect(shop.records.size).toBe(2);
  expect(await call('POST', '/records/retry', { mapping: 'people', kind: 'failed' })).toMatchObject({
    status: 202,
    body: { queued: 1 },
  });
  await until(async () => shop.records.size === 3);
  await until(async () => (await call('GET', '/records')).body.total === 0);
  // The jobs that failed on them tell nothing any more.
  await until(async () => (await call('GET', '/queues/reconcile-people')).body.counts.failed === 0);
  expect((await call('POST', '/records/retry', { mapping: 'people', side: 'crm', id: '1' })).body).toEqual({
    queued: 0,
    runs: [],
  });
});

test('explain tells both values, what changed and what would be decided', async () => {
  const { call, sync, crm, shop } = await world({
    crm: [person('1', 'Ann', 'ann@x.test', { note: 'a' })],
    shop: [person('7', 'Ann', 'ann@x.test', { note: 'b' })],
  });
  await sync();
  crm.records.set('1', { ...crm.records.get('1'), id: '1', name: 'Anna' });
  const { body } = await call('GET', '/records/people/shop/7/explain');
  expect(body).toMatchObject({
    mapping: 'people',
    side: 'shop',
    id: '7',
    linked: true,
    ready: true,
    sides: { crm: { id: '1', exists: true, inScope: true }, shop: { id: '7', exists: true } },
    issue: { kind: 'review', code: 'CONFLICT', property: 'note' },
    lost: [],
  });
  const of = (name: string): Answer => body.properties.find((property: Answer) => property.property === name);
  expect(of('name')).toMatchObject({
    base: true,
    sides: {
      crm: { value: 'Anna', changed: true },
      shop: { value: 'Ann', changed: false, wouldBecome: { value: 'Anna' } },
    },
    decision: { rule: 'one-changed', writes: 'shop' },
  });
  expect(of('email')).toMatchObject({
    sides: { crm: { wouldBecome: { value: 'ann@x.test' } }, shop: { wouldBecome: { value: 'ann@x.test' } } },
    decision: { rule: 'in-step' },
  });
  expect(of('note')).toMatchObject({
    base: false,
    conflict: 'review',
    sides: { crm: { value: 'a' }, shop: { value: 'b' } },
    decision: { rule: 'review' },
  });
  expect(shop.records.get('7')?.name).toBe('Ann');

  crm.records.set('5', person('5', '', 'none@x.test'));
  const lone = (await call('GET', '/records/people/crm/5/explain')).body;
  expect(lone).toMatchObject({
    linked: false,
    match: { found: 'none', candidates: [] },
    sides: { crm: { exists: true }, shop: {} },
  });
  expect(lone.properties[0]).toMatchObject({
    sides: { crm: { value: '' }, shop: { wouldBecome: { fault: { code: 'VALUE_REQUIRED' } } } },
  });
  expect((await call('GET', '/records/people/crm/none/explain')).body).toMatchObject({
    status: 404,
    code: 'SYSTEM_NOT_FOUND',
  });
});

test('a conflict that asks for a person is decided by taking a side; the other value is kept', async () => {
  const { call, sync, crm, shop } = await world({
    crm: [person('1', 'Ann', 'ann@x.test', { note: 'from crm' })],
    shop: [person('7', 'Ann', 'ann@x.test', { note: 'from shop' })],
  });
  await sync();
  const { body } = await call('GET', '/reviews');
  expect(body).toMatchObject({
    total: 1,
    reviews: [
      {
        mapping: 'people',
        side: 'crm',
        id: '1',
        ids: { crm: '1', shop: '7' },
        code: 'CONFLICT',
        property: 'note',
        review: 'people~crm~1',
        actions: ['take', 'ignore'],
      },
    ],
  });
  const decide = (decision: object) => call('POST', '/reviews/people~crm~1/resolve', decision);
  expect((await decide({ action: 'link', counterpart: '7' })).body).toMatchObject({ status: 409, code: 'CONFLICT' });
  expect((await decide({ action: 'take' })).status).toBe(400);
  expect((await decide({ action: 'take', side: 'no' })).status).toBe(400);
  expect((await decide({ action: 'take', side: 'shop', property: 'no' })).status).toBe(400);
  expect((await decide({ action: 'dance' })).status).toBe(400);
  const decided = await decide({ action: 'take', side: 'shop' });
  expect(decided.body).toMatchObject({
    review: 'people~crm~1',
    action: 'take',
    outcome: { kind: 'updated', writes: { crm: ['note'], shop: [] } },
  });
  expect(crm.records.get('1')?.note).toBe('from shop');
  expect(shop.records.get('7')?.note).toBe('from shop');
  expect((await call('GET', '/links/people?side=crm&id=1')).body.links[0].lost).toMatchObject([
    { property: 'note', side: 'crm', value: 'from crm' },
  ]);
  expect((await call('GET', '/reviews')).body.total).toBe(0);
  expect((await decide({ action: 'take', side: 'shop' })).status).toBe(404);
});

test('an ambiguous match is decided by linking, creating or ignoring', async () => {
  const { call, sync, crm, shop } = await world({
    crm: [person('1', 'Ann', 'same@x.test')],
    shop: [
      person('7', 'Ann A', 'same@x.test'),
      person('8', 'Ann B', 'same@x.test'),
      person('a~b/c', 'Ann C', 'same@x.test'),
    ],
  });
  await sync();
  const { body } = await call('GET', '/reviews?mapping=people');
  expect(body.total).toBe(4);
  const of = (id: string): Answer => body.reviews.find((review: Answer) => review.id === id);
  expect(of('1').candidates).toContainEqual({ side: 'shop', id: '7' });
  expect(of('1').actions).toEqual(['link', 'create', 'ignore']);
  for (const review of body.reviews) expect(encodeURIComponent(review.review)).toBe(review.review);
  const decide = (id: string, decision: object) => call('POST', `/reviews/${of(id).review}/resolve`, decision);

  expect((await decide('1', { action: 'link' })).status).toBe(400);
  expect((await decide('1', { action: 'link', counterpart: 'none' })).status).toBe(404);
  expect((await decide('1', { action: 'link', counterpart: '8' })).status).toBe(200);
  await until(async () => (await call('GET', '/links/people?side=crm&id=1')).body.links[0]?.ids.shop === '8');
  await until(async () => shop.records.get('8')?.name === crm.records.get('1')?.name);

  expect((await decide('a~b/c', { action: 'create' })).body).toMatchObject({
    outcome: { kind: 'created', side: 'crm', ids: { shop: 'a~b/c' } },
  });
  expect([...crm.records.values()].map((record) => record.name)).toContain('Ann C');
  expect((await decide('7', { action: 'ignore' })).status).toBe(200);
  expect((await call('GET', '/reviews')).body.total).toBe(0);
  expect((await call('GET', '/records?kind=unmatched')).body.records).toMatchObject([
    { id: '7', reason: expect.stringContaining('A person decided') },
  ]);
  const before = crm.records.size;
  await sync();
  expect(crm.records.size).toBe(before);
  expect((await call('POST', '/reviews/nonsense/resolve', { action: 'ignore' })).status).toBe(404);
});

test('a person decides about a deleted counterpart: create it again, delete the other too, or leave it', async () => {
  const { call, sync, crm, shop } = await world({
    crm: ['1', '2', '3'].map((id) => person(id, `Name ${id}`, `${id}@x.test`)),
  });
  await sync();
  shop.records.clear();
  await sync();
  const { body } = await call('GET', '/reviews');
  expect(body.total).toBe(3);
  expect(body.reviews[0]).toMatchObject({ actions: ['create', 'delete', 'ignore'] });
  expect((await call('POST', '/reviews/people~crm~1/resolve', { action: 'create' })).body).toMatchObject({
    outcome: { kind: 'created', side: 'shop' },
  });
  expect((await call('POST', '/reviews/people~crm~2/resolve', { action: 'delete' })).body).toMatchObject({
    outcome: { kind: 'deleted', side: 'crm' },
  });
  expect((await call('POST', '/reviews/people~crm~3/resolve', { action: 'ignore' })).status).toBe(200);
  expect([...crm.records.keys()]).toEqual(['1', '3']);
  expect([...shop.records.values()].map((record) => record.name)).toEqual(['Name 1']);
  expect((await call('GET', '/links/people?side=crm&id=2')).body.links).toEqual([]);
  await sync();
  expect((await call('GET', '/reviews')).body.total).toBe(0);
  expect(shop.records.size).toBe(1);
});

test('a webhook checks its key and signature, returns the handshake, and queues the records of its events', async () => {
  const { app, call, sync, crm, shop } = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  await sync();
  const send = (url: string, payload: string, headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url, payload, headers: { 'content-type': 'application/json', ...headers } });
  const shaken = await send(`/webhooks/crm/${CRM_KEY}`, '', { 'x-hook-secret': 'abc' });
  expect(shaken.statusCode).toBe(200);
  expect(shaken.headers['x-hook-secret']).toBe('abc');

  crm.records.set('1', { ...person('1', 'Anna', 'ann@x.test'), updated_at: new Date().toISOString() });
  const event = await send(`/webhooks/crm/${CRM_KEY}`, '{"topic":"thing.changed","id":1}');
  expect(event.statusCode).toBe(202);
  expect(event.json()).toEqual({ queued: 1 });
  await until(async () => [...shop.records.values()][0]?.name === 'Anna');

  expect((await send(`/webhooks/crm/${CRM_KEY}`, '{"topic":"other","id":1}')).json()).toEqual({ queued: 0 });
  expect((await send(`/webhooks/crm/${CRM_KEY}`, '{"topic"')).json()).toMatchObject({
    status: 400,
    code: 'BAD_REQUEST',
  });
  for (const url of [
    '/webhooks/crm/wrong',
    '/webhooks/crm/%00',
    '/webhooks/none/x',
    '/webhooks/none/%00',
    '/webhooks/__proto__/x',
  ]) {
    expect((await send(url, '{}')).json()).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  }

  const id = [...shop.records.keys()][0] ?? '';
  const body = ` {"topic":"thing.changed",  "id":"${id}"}`;
  const signature = createHmac('sha256', SHOP_SECRET).update(body).digest('hex');
  const key = 'key-of-the-shop';
  expect((await send(`/webhooks/shop/${key}`, body)).json()).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
  const unsigned = await send(`/webhooks/shop/${key}`, `${body} `, { 'x-signature': signature });
  expect(unsigned.statusCode).toBe(401);
  expect(unsigned.json()).toMatchObject({ code: 'UNAUTHORIZED', remedy: expect.stringContaining('Sign it') });
  expect(
    (await send(`/webhooks/shop/${key}`, body, { 'x-signature': signature, 'content-type': 'text/strange' })).json(),
  ).toEqual({ queued: 1 });
  expect((await send(`/webhooks/shop/${key}`, 'x'.repeat(1_100_000), { 'x-signature': signature })).statusCode).toBe(
    413,
  );
  expect((await call('GET', '/docs/json')).body.paths['/webhooks/{system}/{key}'].post.security).toEqual([]);
});

test('a webhook with a thousand ids marks them in a few steps, and unknown ids leave no issue', async () => {
  const made = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  const { app, call, sync, crm, shop, engine } = made;
  await sync();
  crm.records.set('1', { ...person('1', 'Anna', 'ann@x.test'), updated_at: new Date().toISOString() });
  const ids = Array.from({ length: 1_000 }, (_, i) => i + 1);
  const send = () =>
    app.inject({
      method: 'POST',
      url: `/webhooks/crm/${CRM_KEY}`,
      payload: JSON.stringify({ topic: 'thing.changed', ids }),
      headers: { 'content-type': 'application/json' },
    });
  const writes = shop.writes.length;
  // Nobody works yet: what is counted is what the answer took.
  expect((await call('POST', '/queues/reconcile-people/pause')).status).toBe(200);
  const sent = vi.spyOn(engine.redis, 'sendCommand');
  const answer = await send();
  const marks = sent.mock.calls.filter(([{ args }]) => args.some((arg) => String(arg).endsWith(':dirty')));
  sent.mockRestore();
  // One step for each 500, not one for each record.
  expect(answer.json()).toEqual({ queued: 1_000 });
  expect(marks.length).toBeGreaterThan(0);
  expect(marks.length).toBeLessThanOrEqual(4);
  // More of the same take no more room.
  await send();
  expect((await call('GET', '/queues/reconcile-people')).body.marked).toBe(1_000);
  expect((await call('POST', '/queues/reconcile-people/resume')).status).toBe(200);
  await until(async () => {
    const { marked, counts } = (await call('GET', '/queues/reconcile-people')).body;
    return marked + counts.waiting + counts.active + counts.delayed === 0;
  }, 60_000);
  expect([...shop.records.values()].map(({ name }) => name)).toEqual(['Anna']);
  expect(shop.writes.length - writes).toBe(1);
  expect((await call('GET', '/queues/reconcile-people')).body.counts.failed).toBe(0);
  expect((await call('GET', '/records')).body.total).toBe(0);
  expect((await call('GET', '/records?kind=orphaned')).body.total).toBe(0);
});

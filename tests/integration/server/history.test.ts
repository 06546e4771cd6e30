// Values that lost are found, put back and forgotten over HTTP; conflicts are decided property by property.

import { afterEach, expect, test } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { linksIn } from '../../support/links.ts';
import { until } from '../../support/until.ts';
import { type Answer, MAPPING, person, type World, world } from './support.ts';

afterEach(closeAll);

const now = (ms = 0): string => new Date(Date.now() + ms).toISOString();

/** crm 1 and shop 7 are linked; both edited name and age, the shop later. Its values won. */
async function conflicted(mapping = MAPPING): Promise<World> {
  const made = await world({
    crm: [person('1', 'Ann', 'ann@x.test', { age: 1 })],
    shop: [person('7', 'Ann', 'ann@x.test', { age: 1 })],
    mapping,
  });
  await made.sync();
  made.crm.records.set('1', person('1', 'Anna', 'ann@x.test', { age: 2, updated_at: now(-2_000) }));
  made.shop.records.set('7', person('7', 'Annie', 'ann@x.test', { age: 3, updated_at: now(-1_000) }));
  await made.sync();
  return made;
}

const HISTORY = '/records/people/crm/1/history';
const entryOf = async ({ call }: World, property: string): Promise<Answer> =>
  (await call('GET', HISTORY)).body.entries.find((entry: Answer) => entry.property === property);

test('a value that lost is listed, put back on both sides, and what it replaced is kept in turn', async () => {
  const made = await conflicted();
  const { call, crm, shop } = made;
  expect([crm.records.get('1'), shop.records.get('7')]).toMatchObject([{ name: 'Annie' }, { name: 'Annie' }]);
  const { status, body } = await call('GET', HISTORY);
  expect(status).toBe(200);
  expect(body).toMatchObject({ total: 2, offset: 0, limit: 50 });
  expect(
    body.entries
      .map(({ property, side, value, rule, restorable }: Answer) => [property, side, value, rule, restorable])
      .sort(),
  ).toEqual([
    ['age', 'crm', 2, 'conflict', true],
    ['name', 'crm', 'Anna', 'conflict', true],
  ]);
  // The same from the other side, and a page at a time.
  expect((await call('GET', '/records/people/shop/7/history')).body).toEqual(body);
  const pages = [0, 1].map(async (offset) => (await call('GET', `${HISTORY}?limit=1&offset=${offset}`)).body.entries);
  expect((await Promise.all(pages)).flat()).toEqual(body.entries);

  const lost = await entryOf(made, 'name');
  const back = await call('POST', '/records/people/shop/7/restore', { entry: lost.id });
  expect(back).toMatchObject({
    status: 200,
    body: { entry: lost.id, outcome: { kind: 'updated', writes: { crm: ['name'], shop: ['name'] } } },
  });
  expect([crm.records.get('1'), shop.records.get('7')]).toMatchObject([
    { name: 'Anna', age: 3 },
    { name: 'Anna', age: 3 },
  ]);
  expect((await call('GET', HISTORY)).body.entries[0]).toMatchObject({
    property: 'name',
    value: 'Annie',
    rule: 'restored',
    restorable: true,
  });

  // Doing it again changes nothing more.
  const written = [crm.writes.length, shop.writes.length];
  expect((await call('POST', '/records/people/crm/1/restore', { entry: lost.id })).body.outcome.kind).toBe('unchanged');
  expect((await call('GET', HISTORY)).body.total).toBe(3);
  await made.sync();
  expect([crm.writes.length, shop.writes.length]).toEqual(written);

  // And it can be taken back the same way.
  const { id } = (await call('GET', HISTORY)).body.entries[0];
  expect((await call('POST', '/records/people/crm/1/restore', { entry: id })).status).toBe(200);
  expect([crm.records.get('1'), shop.records.get('7')]).toMatchObject([{ name: 'Annie' }, { name: 'Annie' }]);
});

test('a value that is put back wins over an edit that has not arrived yet, which the history keeps', async () => {
  const made = await conflicted();
  const { call, crm, shop } = made;
  const lost = await entryOf(made, 'name');
  shop.records.set('7', { ...shop.records.get('7'), name: 'Late', updated_at: now(60_000) } as Answer);
  expect((await call('POST', '/records/people/crm/1/restore', { entry: lost.id })).status).toBe(200);
  expect([crm.records.get('1'), shop.records.get('7')]).toMatchObject([{ name: 'Anna' }, { name: 'Anna' }]);
  expect((await call('GET', HISTORY)).body.entries.map((entry: Answer) => entry.value)).toEqual(
    expect.arrayContaining(['Late', 'Annie']),
  );
  await made.sync();
  expect([crm.records.get('1'), shop.records.get('7')]).toMatchObject([{ name: 'Anna' }, { name: 'Anna' }]);
});

test('what cannot be put back is refused with its code, and nothing is written', async () => {
  const made = await conflicted();
  const { call, crm, shop, engine, root } = made;
  const lost = await entryOf(made, 'name');
  const restore = (entry: unknown = lost.id) => call('POST', '/records/people/crm/1/restore', { entry });
  const written = [crm.writes.length, shop.writes.length];
  const links = engine.links('people');
  const keep = (more: object) =>
    links.history.keepOverwritten(
      ['1', '7'],
      [{ at: now(), property: 'name', side: 'crm', value: 'x', rule: 'conflict', ...more }],
    );

  expect(await restore('nope')).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  expect(await restore(7)).toMatchObject({ status: 400 });
  expect(await call('POST', '/records/people/crm/none/restore', { entry: lost.id })).toMatchObject({ status: 404 });
  expect(await call('POST', '/records/people/no/1/restore', { entry: lost.id })).toMatchObject({ status: 404 });
  expect(await call('POST', '/records/none/crm/1/restore', { entry: lost.id })).toMatchObject({ status: 404 });
  await keep({ value: 'x'.repeat(100_000) });
  expect(await entryOf(made, 'name')).toMatchObject({
    cut: true,
    restorable: false,
    reason: expect.stringContaining('too long'),
  });
  expect(await restore((await entryOf(made, 'name')).id)).toMatchObject({ status: 409, body: { code: 'CONFLICT' } });
  await keep({ property: 'former' });
  expect(await restore((await entryOf(made, 'former')).id)).toMatchObject({
    status: 409,
    body: { code: 'CONFLICT', detail: expect.stringContaining('no property "former"') },
  });
  // What either side would not take is found before anything is written.
  await keep({ property: 'age', value: 'old' });
  expect(await restore((await entryOf(made, 'age')).id)).toMatchObject({ status: 422 });
  await keep({ property: 'name', side: 'shop', value: 7 });
  expect(await restore((await entryOf(made, 'name')).id)).toMatchObject({
    status: 422,
    body: { code: 'RECORD_SCHEMA' },
  });
  expect([crm.writes.length, shop.writes.length]).toEqual(written);

  // Gone on one side, then without a link.
  shop.records.delete('7');
  expect(await restore()).toMatchObject({ status: 404, body: { code: 'SYSTEM_NOT_FOUND', side: 'shop' } });
  expect((await call('DELETE', '/links/people?side=crm&id=1')).status).toBe(200);
  expect((await call('GET', '/records/people/shop/7/history')).body.entries.at(-1)).toMatchObject({
    restorable: false,
    reason: expect.stringContaining('no link'),
  });
  expect(await restore()).toMatchObject({ status: 409, body: { code: 'CONFLICT' } });
  expect([crm.writes.length, shop.writes.length]).toEqual(written);
  expect(root).toBeTruthy();
});

test('a lost value of a one-way property is put back on the side that follows, unless drift is reverted', async () => {
  const oneWay = (drift: string) =>
    MAPPING.replace(
      '    shop: note\n    type: string\n    conflict: review',
      `    shop: note\n    type: string\n    direction: shop\n    drift: ${drift}`,
    );
  const made = await world({
    crm: [person('1', 'Ann', 'ann@x.test', { note: 'led' })],
    shop: [person('7', 'Ann', 'ann@x.test', { note: 'own' })],
    mapping: oneWay('keep'),
  });
  const { call, crm, shop, sync } = made;
  await sync();
  expect(shop.records.get('7')).toMatchObject({ note: 'led' });
  // What was there at first contact is a value that lost.
  const lost = await entryOf(made, 'note');
  expect(lost).toMatchObject({ side: 'shop', value: 'own', rule: 'filled', restorable: true });
  expect((await call('POST', '/records/people/crm/1/restore', { entry: lost.id })).body.outcome).toMatchObject({
    kind: 'updated',
    writes: { crm: [], shop: ['note'] },
  });
  await sync();
  expect([crm.records.get('1'), shop.records.get('7')]).toMatchObject([{ note: 'led' }, { note: 'own' }]);
  // The leader's next value overwrites it, however long ago it was put back; and it is kept once more.
  crm.records.set('1', { ...crm.records.get('1'), note: 'led again' } as Answer);
  await sync();
  expect(shop.records.get('7')).toMatchObject({ note: 'led again' });
  expect(await entryOf(made, 'note')).toMatchObject({ id: lost.id, value: 'own', rule: 'one-changed' });

  const { writeFile } = await import('node:fs/promises');
  await writeFile(`${made.root}/mappings/people.yaml`, oneWay('revert'));
  await made.engine.config.reload();
  expect(await call('POST', '/records/people/crm/1/restore', { entry: lost.id })).toMatchObject({
    status: 409,
    body: { code: 'CONFLICT', detail: expect.stringContaining('write the value in crm') },
  });
  await sync();
  shop.records.set('7', { ...shop.records.get('7'), note: 'drifted' } as Answer);
  await sync();
  expect(shop.records.get('7')).toMatchObject({ note: 'led again' });
  expect(await entryOf(made, 'note')).toMatchObject({ value: 'drifted', rule: 'drift', restorable: false });
});

test('the values of a deleted record stay readable in the history until they are forgotten', async () => {
  const made = await world({
    crm: [person('1', 'Ann', 'ann@x.test', { age: 40 })],
    mapping: MAPPING.replace('deletes: review', 'deletes: propagate'),
  });
  const { call, crm, shop, sync } = made;
  await sync();
  const [id] = shop.records.keys();
  crm.records.delete('1');
  await sync();
  expect(shop.records.size).toBe(0);
  const { body } = await call('GET', `/records/people/shop/${id}/history`);
  expect(
    body.entries
      .map(({ property, side, value, rule, restorable }: Answer) => [property, side, value, rule, restorable])
      .sort(),
  ).toEqual([
    ['age', 'shop', 40, 'deleted', false],
    ['email', 'shop', 'ann@x.test', 'deleted', false],
    ['name', 'shop', 'Ann', 'deleted', false],
  ]);
  expect((await call('DELETE', `/records/people/shop/${id}/history`)).body).toEqual({ forgotten: 3 });
  expect((await call('GET', `/records/people/shop/${id}/history`)).body.total).toBe(0);
  expect((await call('GET', HISTORY)).body.total).toBe(0);
  expect((await call('DELETE', HISTORY)).body).toEqual({ forgotten: 0 });
});

test('a record in review is decided property by property in one call', async () => {
  const made = await world({
    crm: [person('1', 'Ann', 'ann@x.test', { note: 'crm', age: 1 })],
    shop: [person('7', 'Ann', 'ann@x.test', { note: 'shop', age: 2 })],
    mapping: MAPPING.replace('    type: integer\n', '    type: integer\n    conflict: review\n'),
  });
  const { call, crm, shop, sync } = made;
  await sync();
  const review = '/reviews/people~crm~1/resolve';
  const take = (more: object) => call('POST', review, { action: 'take', ...more });
  for (const wrong of [
    {},
    { side: 'no' },
    { properties: {} },
    { properties: { note: 'no' } },
    { properties: { note: 7 } },
    { properties: { nothere: 'crm' } },
    // Not for a person to decide.
    { properties: { name: 'crm' } },
    { property: 'note' },
    { property: 'note', side: 'crm', properties: { age: 'crm' } },
  ])
    expect(await take(wrong), JSON.stringify(wrong)).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
  expect([crm.records.get('1'), shop.records.get('7')]).toMatchObject([
    { note: 'crm', age: 1 },
    { note: 'shop', age: 2 },
  ]);

  expect(await take({ properties: { note: 'crm', age: 'shop' } })).toMatchObject({
    status: 200,
    body: { outcome: { kind: 'updated', writes: { crm: ['age'], shop: ['note'] } } },
  });
  expect([crm.records.get('1'), shop.records.get('7')]).toMatchObject([
    { note: 'crm', age: 2 },
    { note: 'crm', age: 2 },
  ]);
  expect(
    (await call('GET', HISTORY)).body.entries.map((entry: Answer) => [entry.property, entry.side, entry.value]).sort(),
  ).toEqual([
    ['age', 'crm', 1],
    ['note', 'shop', 'shop'],
  ]);
  // What is over is over.
  expect(await take({ side: 'crm' })).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
});

test('a property chosen for itself goes before the side chosen for all', async () => {
  const { call, crm, shop, sync } = await world({
    crm: [person('1', 'Ann', 'ann@x.test', { note: 'crm', age: 1 })],
    shop: [person('7', 'Ann', 'ann@x.test', { note: 'shop', age: 2 })],
    mapping: MAPPING.replace('    type: integer\n', '    type: integer\n    conflict: review\n'),
  });
  await sync();
  expect(
    (await call('POST', '/reviews/people~crm~1/resolve', { action: 'take', side: 'crm', properties: { age: 'shop' } }))
      .status,
  ).toBe(200);
  expect([crm.records.get('1'), shop.records.get('7')]).toMatchObject([
    { note: 'crm', age: 2 },
    { note: 'crm', age: 2 },
  ]);
  expect((await call('GET', '/reviews')).body.total).toBe(0);
});

test('decided many times at once, a review is decided once', async () => {
  const { call, crm, shop, sync } = await world({
    crm: [
      person('1', 'Ann', 'ann@x.test', { note: 'crm' }),
      person('2', 'Bo', 'bo@x.test'),
      person('3', 'Cy', 'cy@x.test'),
    ],
    shop: [
      person('7', 'Ann', 'ann@x.test', { note: 'shop' }),
      ...['8', '9'].map((id) => person(id, `Bo ${id}`, 'bo@x.test')),
      ...['10', '11'].map((id) => person(id, `Cy ${id}`, 'cy@x.test')),
    ],
  });
  await sync();
  const often = (review: string, decision: object) =>
    Promise.all(Array.from({ length: 5 }, () => call('POST', `/reviews/${review}/resolve`, decision)));
  const allowed = (answers: { status: number; body: Answer }[]): void => {
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    for (const { status, body } of answers)
      if (status !== 200)
        expect([
          [404, 'NOT_FOUND'],
          [409, 'CONFLICT'],
          [409, 'LINK_TAKEN'],
          [409, 'RECORD_LOCKED'],
        ]).toContainEqual([status, body.code]);
  };
  allowed(await often('people~crm~1', { action: 'take', side: 'crm' }));
  expect(shop.records.get('7')).toMatchObject({ note: 'crm' });
  allowed(await often('people~shop~8', { action: 'create' }));
  expect([...crm.records.values()].filter(({ name }) => name === 'Bo 8')).toHaveLength(1);
  // With that the other match is no longer ambiguous: it is taken up by itself.
  await until(async () => (await call('GET', '/links/people?side=crm&id=2')).body.links[0]?.ids.shop === '9');
  allowed(await often('people~shop~10', { action: 'link', counterpart: '3' }));
  expect((await call('GET', '/links/people?side=crm&id=3')).body.links[0].ids.shop).toBe('10');
  // What was one of several for the same record is not made a record of its own without asking.
  const [left] = await until(async () => {
    const { reviews } = (await call('GET', '/reviews')).body;
    return reviews.length === 1 && reviews[0].reason.includes('one too many') && reviews;
  });
  expect(left).toMatchObject({
    id: '11',
    actions: ['link', 'create', 'ignore'],
    candidates: [{ side: 'crm', id: '3' }],
  });
  expect([...crm.records.values()].filter(({ name }) => name === 'Cy 11')).toEqual([]);
  allowed(await often(left.review, { action: 'ignore' }));
  expect((await call('GET', '/reviews')).body.total).toBe(0);
  expect((await call('GET', '/records?kind=unmatched')).body.records).toMatchObject([
    { id: '11', reason: expect.not.stringMatching(/decided.*decided/) },
  ]);
  // What was left can be decided otherwise, by its name.
  expect((await call('POST', `/reviews/${left.review}/resolve`, { action: 'create' })).status).toBe(200);
});

test('the list of reviews is paged, with the oldest first', async () => {
  const { call, engine, sync } = await world({ crm: [], shop: [] });
  await sync();
  const links = engine.links('people');
  for (let i = 0; i < 30; i++)
    await linksIn(links).raise(0, `r${i}`, 's', {
      kind: 'review',
      reason: 'because',
      mapping: 'v',
      since: 1_000 + ((i * 7) % 30),
    });
  await linksIn(links).raise(0, 'other', 's', { kind: 'unmatched', reason: 'because', mapping: 'v', since: 1 });
  const pages = [];
  for (const offset of [0, 10, 20, 30]) {
    const { body } = await call('GET', `/reviews?offset=${offset}&limit=10`);
    expect(body).toMatchObject({ total: 30, offset, limit: 10 });
    pages.push(...body.reviews.map((review: Answer) => Date.parse(review.since)));
  }
  expect(pages).toEqual(Array.from({ length: 30 }, (_, i) => 1_000 + i));
  const latest = (await call('GET', '/records?limit=3')).body.records.map((record: Answer) => Date.parse(record.since));
  expect(latest).toEqual([1_029, 1_028, 1_027]);
  expect((await call('GET', '/records?offset=100001')).status).toBe(400);
});

test('records that wait are tried again: all, by kind, by reason, one; a run tells what became of them', async () => {
  const { call, crm, shop, sync, engine, root } = await world({
    crm: [person('1', '', 'a@x.test'), person('2', '', 'b@x.test'), person('3', 'Cid', 'c@x.test', { age: 'old' })],
  });
  const { writeFile } = await import('node:fs/promises');
  await writeFile(
    `${root}/mappings/more.yaml`,
    MAPPING.replace('mapping: people', 'mapping: more')
      .replace('crm: { system', 'first: { system')
      .replace(/^(\s+-? ?)crm:/gm, '$1first:')
      .replace('create: [crm, shop]', 'create: []'),
  );
  await engine.config.reload();
  expect(engine.config.problems()).toEqual([]);
  await sync();
  const total = async (query = ''): Promise<number> => (await call('GET', `/records${query}`)).body.total;
  expect(await total('?mapping=people')).toBe(3);
  const codes = (await call('GET', '/records?mapping=people')).body.records.map((one: Answer) => one.code);
  const other = codes.find((code: string) => code !== 'VALUE_REQUIRED');
  const retry = async (body: object) => {
    const answer = await call('POST', '/records/retry', body);
    expect(answer.status).toBe(202);
    for (const run of answer.body.runs)
      await until(async () => (await call('GET', `/runs/${run}`)).body.state === 'done');
    return answer.body;
  };
  const since = (await call('GET', '/records?id=3')).body.records[0].since;
  const again = await retry({ code: other });
  expect(again).toEqual({ queued: 1, runs: [expect.any(String)] });
  expect((await call('GET', `/runs/${again.runs[0]}`)).body).toMatchObject({
    mapping: 'people',
    scan: 'record',
    progress: { work: 1, done: 1 },
    counts: { failed: 1 },
  });
  // The same trouble goes on since it began.
  expect((await call('GET', '/records?id=3')).body.records[0].since).toBe(since);

  crm.records.set('3', person('3', 'Cid', 'c@x.test', { age: 7 }));
  expect(await retry({ mapping: 'people', side: 'crm', id: '3' })).toMatchObject({ queued: 1 });
  expect(shop.records.size).toBe(1);
  for (const id of ['1', '2']) crm.records.set(id, person(id, `Name ${id}`, `${id}@x.test`));
  expect(await retry({ kind: 'waiting' })).toEqual({ queued: 0, runs: [] });
  expect(await retry({ code: 'SYSTEM_REJECTED' })).toEqual({ queued: 0, runs: [] });
  expect(await retry({ side: 'first' })).toEqual({ queued: 0, runs: [] });
  const all = await retry({});
  expect(all).toMatchObject({ queued: 2 });
  expect((await call('GET', `/runs/${all.runs[0]}`)).body).toMatchObject({ counts: { created: { shop: 2 } } });
  expect(await total('?mapping=people')).toBe(0);
  expect((await call('POST', '/records/retry', { side: 'nowhere' })).status).toBe(400);
  expect((await call('POST', '/records/retry', { mapping: 'nowhere' })).status).toBe(404);
  expect((await call('GET', '/records?side=nowhere')).status).toBe(400);
});

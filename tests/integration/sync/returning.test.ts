// Somebody who comes back under another id: a customer registers again, a shop is imported again. Nobody is there twice after it.
import { afterEach, expect, test } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { type Answer, issues, links, MAPPING, person, type World, world } from '../server/support.ts';

afterEach(closeAll);

/** The shop cannot be searched, and states no changes: what is known of links is all there is. */
const keeping = MAPPING.replace('deletes: review', 'deletes: keep');
const mails = ({ crm, shop }: World): string[][] =>
  [crm, shop].map(({ records }) => [...records.values()].map(({ email }) => String(email)).sort());

/** All records of the shop are deleted and made again, under other ids. */
function importAgain({ shop }: World, move: (id: string) => string): void {
  const old = [...shop.records.values()];
  shop.records.clear();
  for (const record of old) shop.records.set(move(String(record.id)), { ...record, id: move(String(record.id)) });
}

test.each([
  ['in one go', false],
  ['after the deletion was seen', true],
])(
  'records of a shop that are imported again under new ids are linked to the same records as before, %s',
  async (_, seen) => {
    const made = await world({
      mapping: keeping,
      crm: [person('1', 'Ann', 'ann@x.test'), person('2', 'Ben', 'ben@x.test')],
    });
    const { crm, shop } = made;
    await made.sync();
    const old = new Map(shop.records);
    if (seen) {
      shop.records.clear();
      await made.sync();
      for (const [id, record] of old) shop.records.set(id, record);
    }
    importAgain(made, (id) => `new-${id}`);
    await made.sync();
    await made.sync();
    expect(mails(made)).toEqual([
      ['ann@x.test', 'ben@x.test'],
      ['ann@x.test', 'ben@x.test'],
    ]);
    const counterparts = (await links(made)).map(([, id]) => id);
    expect(counterparts.every((id) => id.startsWith('new-'))).toBe(true);
    expect(await issues(made)).toEqual([]);
    // The link is one like others: an edit arrives.
    crm.records.set('1', { ...crm.records.get('1')!, name: 'Anna', updated_at: new Date().toISOString() });
    await made.sync();
    expect([...shop.records.values()].map(({ name }) => name).sort()).toEqual(['Anna', 'Ben']);
  },
);

test('an import under new ids deletes no record where deletions propagate', async () => {
  const made = await world({
    mapping: MAPPING.replace('deletes: review', 'deletes: propagate\nbrake: off'),
    crm: [person('1', 'Ann', 'ann@x.test', { note: 'only here' })],
  });
  await made.sync();
  importAgain(made, (id) => `new-${id}`);
  await made.sync();
  await made.sync();
  expect(made.crm.writes).toEqual([]);
  expect(made.crm.records.get('1')).toMatchObject({ note: 'only here' });
  expect(await links(made)).toEqual([['1', expect.stringMatching(/^new-/)]]);
});

test('a survivor whose deletion waits for a review of the record that came back is looked at once, not over and over', async () => {
  const { crm, shop, call, engine, ...made } = await world({
    mapping: MAPPING.replace('deletes: review', 'deletes: propagate\nbrake: off').replace(
      'shop: $lowercase(email)\n',
      'shop: $lowercase(email)\n    onMatch: review\n',
    ),
    crm: [person('1', 'Ann', 'ann@x.test')],
  });
  await made.sync();
  shop.records.clear();
  shop.records.set('new', person('new', 'Ann', 'ann@x.test'));
  await made.sync();
  const quiet = async (): Promise<boolean> =>
    (await call('GET', '/queues')).body.queues.every(({ counts }: Answer) =>
      [counts.active, counts.waiting, counts.delayed].every((count) => !count),
    );
  await until(quiet);
  expect(await issues({ call })).toMatchObject([{ kind: 'review', side: 'shop', id: 'new' }]);
  expect(crm.writes).toEqual([]);
  expect(shop.records.size).toBe(1);
});

test('a person decides which of two returned records that look alike is linked', async () => {
  const made = await world({ mapping: keeping, crm: [person('1', 'Ann', 'ann@x.test')] });
  const { crm, shop, call } = made;
  await made.sync();
  shop.records.clear();
  await made.sync();
  for (const id of ['a', 'b']) shop.records.set(id, person(id, 'Ann', 'ann@x.test'));
  await made.sync();
  expect(crm.records.size).toBe(1);
  expect((await issues(made)).filter(({ kind }) => kind === 'review')).toMatchObject([
    { side: 'shop', reason: expect.stringContaining('whose counterpart was deleted') },
    { side: 'shop' },
  ]);
  expect((await call('POST', '/links/people', { ids: { crm: '1', shop: 'a' } })).status).toBeLessThan(300);
  await until(async () => (await links(made))[0]?.[1] === 'a');
  await made.sync();
  expect(await links(made)).toContainEqual(['1', 'a']);
});

test('the winner of a merge is in review for the counterpart of the merged record, and is not processed again and again', async () => {
  const made = await world({ mapping: keeping, crm: [person('1', 'Ann', 'ann@x.test')] });
  const { crm, shop, call } = made;
  await made.sync();
  const before = await links(made);
  const winner = person('2', 'Ann', 'ann@x.test');
  crm.records.delete('1');
  crm.records.set('2', winner);
  crm.texts.set('1', JSON.stringify(winner));
  const { body: run } = await call('POST', '/triggers/people', { record: { side: 'crm', id: '2' } });
  await until(async () => (await call('GET', `/runs/${run.id}`)).body.state === 'done');
  expect(await issues(made)).toMatchObject([
    { kind: 'review', side: 'crm', id: '2', reason: expect.stringContaining('was merged into another record') },
  ]);
  expect(await links(made)).toEqual(before);
  expect(shop.records.size).toBe(1);
});

test('a link by hand that fails leaves the former link of a record whose counterpart is gone as it is', async () => {
  const made = await world({
    mapping: keeping,
    crm: [person('1', 'Ann', 'ann@x.test'), person('2', 'Ben', 'ben@x.test')],
  });
  const { crm, shop, call } = made;
  await made.sync();
  const before = await links(made);
  const [gone, taken] = before.map(([, id]) => id);
  shop.records.delete(gone!);
  await made.sync();
  shop.records.set('new', person('new', 'Anna', 'other@x.test', { note: 'not matched by a rule' }));
  const linkTo = async (id: string): Promise<number> =>
    (await call('POST', '/links/people', { ids: { crm: '1', shop: id } })).status;
  expect(await linkTo('mistyped')).toBe(404);
  expect(await links(made)).toEqual(before);
  expect(await linkTo(taken!)).toBe(409);
  expect(await links(made)).toEqual(before);
  crm.fail = 400;
  expect(await linkTo('new')).toBeGreaterThanOrEqual(400);
  crm.fail = undefined;
  expect(await links(made)).toEqual(before);
  shop.records.delete('new');
  await made.sync();
  expect([...shop.records.keys()]).toEqual([taken]);
  expect(await links(made)).toEqual(before);
});

test('a record that was deleted by mistake and is there again is linked as before, and values of both sides are compared', async () => {
  const made = await world({ mapping: keeping, crm: [person('1', 'Ann', 'ann@x.test', { age: 30 })] });
  const { crm, shop } = made;
  await made.sync();
  const [record] = [...shop.records.values()];
  const id = String(record!.id);
  shop.records.clear();
  await made.sync();
  expect(await issues(made, 'orphaned')).toHaveLength(1);
  // Meanwhile one side was edited, and it comes back with an edit of its own.
  crm.records.set('1', { ...crm.records.get('1')!, name: 'Anna', updated_at: new Date().toISOString() });
  shop.records.set(id, { ...record!, age: 31 });
  const before = shop.writes.length;
  await made.sync();
  expect(await links(made)).toEqual([['1', id]]);
  expect(shop.records.get(id)).toMatchObject({ name: 'Anna', age: 31 });
  expect(crm.records.get('1')).toMatchObject({ name: 'Anna', age: 31 });
  expect(shop.writes.slice(before)).toEqual([`PATCH /things/${id}`]);
  expect(await issues(made, 'orphaned')).toEqual([]);
});

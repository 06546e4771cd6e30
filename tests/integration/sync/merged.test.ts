// A system answers another record than the one that was asked for: two were merged there, or an event spells an id otherwise.
import { afterEach, expect, test } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { issues, person, type World, world } from '../server/support.ts';

afterEach(closeAll);

async function look({ call }: World, id: string): Promise<void> {
  const { body: run } = await call('POST', '/triggers/people', { record: { side: 'crm', id } });
  await until(async () => (await call('GET', `/runs/${run.id}`)).body.state === 'done');
}

test('the data of a merged record is never written over the counterpart of the other one', async () => {
  const made = await world({ crm: [person('1', 'Ann', 'ann@x.test'), person('2', 'Annie', 'annie@x.test')] });
  const { crm, shop, call } = made;
  await made.sync();
  const counterpart = async (id: string): Promise<string> =>
    (await call('GET', `/links/people?side=crm&id=${id}`)).body.links[0]?.ids.shop;
  const loser = await counterpart('2');
  const before = shop.writes.length;
  // Asked for the loser, the system answers the winner.
  crm.records.set('2', crm.records.get('1')!);
  await look(made, '2');
  expect(shop.writes).toHaveLength(before);
  expect(shop.records.get(loser)).toMatchObject({ name: 'Annie', email: 'annie@x.test' });
  expect(await issues(made)).toMatchObject([
    { kind: 'review', code: 'RECORD_MERGED', reason: expect.stringContaining('crm answers record 1 for 2') },
  ]);
  // References to either still lead somewhere.
  expect(await counterpart('2')).toBe(loser);
  // An edit of the loser's counterpart does not go into the winner.
  shop.records.set(loser, {
    ...shop.records.get(loser)!,
    name: 'Typed at the old one',
    updated_at: new Date().toISOString(),
  });
  await made.sync();
  expect(crm.writes).toEqual([]);
  expect(shop.writes).toHaveLength(before);
  // No scan asks for it again, nor does one hide that the other one goes.
  const work = async (): Promise<number> => {
    const { body: run } = await call('POST', '/triggers/people', { scan: 'full' });
    const ended = await until(async () => {
      const { body } = await call('GET', `/runs/${run.id}`);
      return body.state === 'done' && body;
    });
    return ended.progress.work;
  };
  expect(await work()).toBe(0);
  // A person leaves it as it is: no scan asks for it then either.
  const [{ review, actions }] = (await call('GET', '/reviews')).body.reviews;
  expect(actions).toEqual(['ignore']);
  await call('POST', `/reviews/${review}/resolve`, { action: 'ignore' });
  expect(await work()).toBe(0);
  expect((await call('GET', '/reviews')).body.total).toBe(0);
  // Merged there too, nothing is left to decide.
  shop.records.delete(loser);
  await made.sync();
  await until(async () => (await issues(made)).length === 0);
  expect(await counterpart('2')).toBeUndefined();
  expect(await counterpart('1')).toBeDefined();
});

test('what an update answers under another id is never taken for the record: the edit arrives, and none comes back', async () => {
  const made = await world({ crm: [person('1', 'Ann', 'ann@x.test'), person('2', 'Eve', 'eve@x.test')] });
  const { crm, shop, call } = made;
  await made.sync();
  const [ann, eve] = await Promise.all(
    ['1', '2'].map(
      async (id): Promise<string> => (await call('GET', `/links/people?side=crm&id=${id}`)).body.links[0]?.ids.shop,
    ),
  );
  shop.answers.set(ann!, shop.records.get(eve!)!);
  crm.records.set('1', { ...crm.records.get('1')!, name: 'Anna', updated_at: new Date().toISOString() });
  await made.sync();
  await until(async () => shop.records.get(ann!)?.name === 'Anna');
  await made.sync();
  expect(shop.records.get(eve!)).toMatchObject({ name: 'Eve' });
  expect(crm.records.get('1')).toMatchObject({ name: 'Anna' });
  expect(crm.writes).toEqual([]);
});

test('a record that an event spells otherwise is looked at under its own id, and gets one counterpart', async () => {
  const made = await world();
  const { crm, shop } = made;
  await made.sync();
  const record = person('7', 'Ann', 'ann@x.test');
  crm.records.set('7', record);
  crm.texts.set('007', JSON.stringify(record));
  await look(made, '007');
  await until(async () => shop.records.size === 1);
  await made.sync();
  expect(shop.records.size).toBe(1);
  expect(await issues(made)).toEqual([]);
});

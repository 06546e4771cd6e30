// Records that can still be read though they were deleted, put into the trash or archived, as the system file says.
import { afterEach, expect, test } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { type Answer, issues, links, MAPPING, person, type World, world } from '../server/support.ts';

afterEach(closeAll);

const MARKS = `    deleted: { field: status, values: [trash] }
    archived: { field: hidden_since }
    list:`;
const fields = { status: { type: ['string', 'null'] }, hidden_since: { type: ['string', 'null'] } };
const SINCE = 'kind: none }, since: { kind: filter, query: { since: "{since}" } }';
const system = (_: string, yaml: string): string => yaml.replace('    list:', MARKS).replace('kind: none }', SINCE);
const later = (): string => new Date().toISOString();

/** Ann is on both sides; her record in the shop. */
async function pair(deletes: string) {
  const made = await world({
    system,
    fields,
    mapping: MAPPING.replace('deletes: review', `deletes: ${deletes}\nbrake: off`),
    crm: [person('1', 'Ann', 'ann@x.test', { age: 30 })],
  });
  await made.sync();
  const [id] = [...made.shop.records.keys()] as [string];
  const show = (more: object): void => {
    made.shop.records.set(id, { ...made.shop.records.get(id)!, ...more });
  };
  return { ...made, id, show };
}

test('a record in the trash counts as deleted, and once it is restored its link goes on and both sides are compared', async () => {
  const made = await pair('keep');
  const { crm, shop, id, show } = made;
  show({ status: 'trash' });
  await made.sync();
  expect(await issues(made, 'orphaned')).toMatchObject([{ reason: expect.stringContaining('in shop was deleted') }]);
  const before = shop.writes.length;
  crm.records.set('1', { ...crm.records.get('1')!, name: 'Anna', updated_at: later() });
  await made.sync();
  expect(shop.writes).toHaveLength(before);
  show({ status: 'active', age: 31 });
  await made.sync();
  expect(shop.records.get(id)).toMatchObject({ name: 'Anna', age: 31 });
  expect(crm.records.get('1')).toMatchObject({ name: 'Anna', age: 31 });
  expect(await issues(made, 'orphaned')).toEqual([]);
  expect([crm.records.size, shop.records.size, (await links(made)).length]).toEqual([1, 1, 1]);
});

test('a record in the trash is deleted on the other side where deletions propagate, an archived one is not', async () => {
  const made = await pair('propagate');
  const { crm, shop, show } = made;
  const before = shop.writes.length;
  show({ hidden_since: '2026-01-01' });
  await made.sync();
  crm.records.set('1', { ...crm.records.get('1')!, name: 'Anna', updated_at: later() });
  await made.sync();
  expect(await issues(made, 'paused')).toMatchObject([
    { reason: 'The record is archived in shop: the link is kept, nothing is written.' },
  ]);
  expect([crm.writes, shop.writes.slice(before)]).toEqual([[], []]);
  show({ hidden_since: null });
  await made.sync();
  expect([...shop.records.values()]).toMatchObject([{ name: 'Anna' }]);
  show({ status: 'trash' });
  await made.sync();
  expect(crm.writes).toEqual(['DELETE /things/1']);
});

test('nothing is created for a record that is deleted or archived', async () => {
  const made = await world({
    system,
    fields,
    crm: [
      person('1', 'Ann', 'ann@x.test', { status: 'trash' }),
      person('2', 'Ben', 'ben@x.test', { hidden_since: '2026-01-01' }),
    ],
  });
  await made.sync();
  expect(made.shop.records.size).toBe(0);
});

async function changes({ call }: World): Promise<Answer> {
  const { body } = await call('POST', '/triggers/people', { scan: 'changes' });
  return until(async () => {
    const run = (await call('GET', `/runs/${body.id}`)).body;
    return run.state === 'done' && run;
  });
}

test('a record in the trash is seen by a read of the changes, and is looked at once', async () => {
  const made = await pair('keep');
  made.show({ status: 'trash', updated_at: later() });
  expect(await changes(made)).toMatchObject({ counts: { excluded: 1 } });
  expect(await issues(made, 'orphaned')).toHaveLength(1);
  expect((await changes(made)).counts.excluded ?? 0).toBe(0);
  expect(await issues(made, 'orphaned')).toHaveLength(1);
});

test('a record in the trash that another one refers to is looked at once by reads of the changes', async () => {
  const boss = '  - crm: boss\n    shop: boss\n    type: string\n    reference: people\n';
  const made = await world({
    system,
    fields: { ...fields, boss: { type: ['string', 'null'] } },
    mapping: MAPPING + boss,
    crm: [
      person('1', 'Ann', 'ann@x.test', { status: 'trash', updated_at: later() }),
      person('2', 'Ben', 'ben@x.test', { boss: '1' }),
    ],
  });
  await made.sync();
  const waits = [await issues(made, 'orphaned'), await issues(made, 'waiting')];
  expect(waits).toMatchObject([[{ id: '1', reason: 'The record does not exist.' }], [{ id: '2' }]]);
  for (let reads = 0; reads < 2; reads++) expect((await changes(made)).progress.work).toBe(0);
  expect([await issues(made, 'orphaned'), await issues(made, 'waiting')]).toEqual(waits);
  // Restored, it lets the other one go on.
  made.crm.records.set('1', { ...made.crm.records.get('1')!, status: null, updated_at: later() });
  await changes(made);
  await until(async () => [...made.shop.records.values()].some(({ name, boss: id }) => name === 'Ben' && id !== null));
});

test.each(['continue', 'discard'])(
  'archived records that a list hides are looked at, and put no brake on after "%s"',
  async (answer) => {
    const made = await world({
      system,
      fields,
      mapping: MAPPING.replace('deletes: review', 'deletes: propagate\nbrake: { deletes: { count: 1 } }'),
      crm: [person('1', 'Ann', 'ann@x.test'), person('2', 'Ben', 'ben@x.test'), person('3', 'Cem', 'cem@x.test')],
    });
    const { crm, shop, call } = made;
    await made.sync();
    const [first, second] = [...shop.records.keys()] as [string, string];
    for (const id of [first, second]) {
      shop.records.set(id, { ...shop.records.get(id)!, hidden_since: '2026-01-01' });
      shop.hidden.add(id);
    }
    await made.sync();
    const brake = async (): Promise<Answer> => (await call('GET', '/mappings/people')).body.brake;
    expect((await brake()).reason).toContain('2 of 3 linked records were missing');
    await call('POST', '/reviews/people~brake/resolve', { action: answer });
    await until(async () => (await issues(made, 'paused')).length === 2);
    await made.sync();
    expect(await brake()).toBeUndefined();
    expect([await issues(made, 'paused'), crm.writes]).toMatchObject([{ length: 2 }, []]);
    // That one of them goes is seen all the same.
    shop.records.delete(first);
    await made.sync();
    await until(async () => crm.writes.length === 1);
    expect([crm.records.size, shop.records.size]).toEqual([2, 2]);
  },
);

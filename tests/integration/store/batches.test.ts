/** Batches: dirty records taken under claims, committed with a fence, whatever other workers and marks do meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../../engine/engine.ts';
import { TandemError } from '../../../engine/errors.ts';
import { failRecord } from '../../../engine/runtime/trouble.ts';
import { createDirty } from '../../../engine/store/dirty.ts';
import type { Store } from '../../../engine/store/store.ts';
import type { CommitUnit, TakenUnit } from '../../../engine/store/types.ts';
import { apply, keepMade } from '../../../engine/sync/apply.ts';
import { takeBatch } from '../../../engine/sync/batch.ts';
import type { Claims } from '../../../engine/sync/claim-table.ts';
import type { Facts } from '../../../engine/sync/facts.ts';
import type { MappingScope } from '../../../engine/sync/scope.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';
import { contradictions, dependentsIn, issue, linkState, makeLink, storeOf, token, unit } from './support.ts';

const redis = redisOfFile();

const RULES = { name: 'm', match: [{ name: 'rule' }] };
let prefix: string;
let store: Store;
beforeEach(() => {
  prefix = uniquePrefix();
  store = storeOf(redis, prefix, RULES);
});

const TTL = 60_000;
const take = (owner: string, ttlMs = TTL) => store.batches.take({ owner, ttlMs });
const mark = (...keys: string[]) =>
  store.batches.markDirty(keys.map((key) => ({ side: key.startsWith('0') ? 0 : 1, id: key.slice(2) })));
const dirtySet = () => createDirty(redis, prefix);
const dirty = async (mapping = 'm') => (await dirtySet().list(mapping, 0, 100)).map(({ record }) => record);
const dirtyStats = (mapping = 'm') => dirtySet().stats(mapping);
const own = (
  { records, claims }: TakenUnit,
  result: CommitUnit['result'],
  more: Partial<CommitUnit> = {},
): CommitUnit => ({
  records: records.map(({ key }) => key),
  claims,
  result,
  ...more,
});
const one = async (owner: string, wanted: CommitUnit) => (await store.batches.commit(owner, [wanted]))[0]!.kind;

describe('taking', () => {
  it('states at which revision a link ended last: a page that was requested before may show a record that was deleted', async () => {
    await makeLink(store, '1', 'b1');
    await mark('0/1');
    const before = await store.batches.revision();
    const taken = await take('w');
    expect(taken.lastEnd).toBe(0);
    expect(await one('w', own(taken.units[0]!, { kind: 'removed', ids: ['1', 'b1'] }))).toBe('done');
    await mark('0/1');
    const { lastEnd } = await take('w');
    expect(lastEnd).toBeGreaterThan(before);
    expect(lastEnd).toBeLessThanOrEqual(await store.batches.revision());
  });

  it('gives each due record to one owner only, and what is known of it', async () => {
    await makeLink(store, '1', 'b1');
    await store.unlinked.index(1, [{ id: 'b2', keys: [token('k')] }]);
    await mark('0/1', '1/b2');
    await store.batches.markDirty([{ side: 0, id: 'later' }], 60_000);
    const [first, second] = await Promise.all([take('w1'), take('w2')]);
    const units = [...first.units, ...second.units];
    expect(units.map(({ records }) => records.map(({ key }) => key)).sort()).toEqual([['0/1'], ['1/b2']]);
    expect(units.find(({ link }) => link)).toMatchObject({
      link: { ids: ['1', 'b1'] },
      claims: ['0/1', '1/b1'],
      recent: [],
    });
    expect(units.find(({ link }) => !link)).toMatchObject({ unlinked: { matchKeys: [token('k')] }, claims: ['1/b2'] });
    expect((await take('w3')).units).toEqual([]);
    expect(await dirtyStats()).toMatchObject({ count: 3, due: 0 });
  });

  it('makes one unit of the two records of a link', async () => {
    await makeLink(store, '1', 'b1');
    await mark('0/1', '1/b1');
    const { units } = await take('w1');
    expect(units).toHaveLength(1);
    expect(units[0]!.records.map(({ key }) => key).sort()).toEqual(['0/1', '1/b1']);
  });

  it('leaves a record that another owner holds, through whichever side, for 250 ms', async () => {
    await makeLink(store, '1', 'b1');
    await store.batches.claim('w1', ['1/b1'], TTL);
    await mark('0/1');
    const { units, now } = await take('w2');
    expect(units).toEqual([]);
    const [waiting] = await dirtySet().list('m', 0, 1);
    expect(waiting!.due - now).toBe(250);
    const named = await store.batches.take({ owner: 'w2', ttlMs: TTL, records: [{ side: 0, id: '1' }] });
    expect(named).toMatchObject({ units: [], busy: [{ side: 0, id: '1' }] });
  });

  it('takes named records, dirty or not, and takes them again for the same owner', async () => {
    await makeLink(store, '1', 'b1');
    const named = {
      owner: 'w1',
      ttlMs: TTL,
      records: [
        { side: 1, id: 'b1' },
        { side: 0, id: 'new' },
      ],
    } as const;
    for (let i = 0; i < 2; i++) {
      const { units } = await store.batches.take(named);
      expect(units.map(({ claims }) => claims)).toEqual([['0/1', '1/b1'], ['0/new']]);
    }
    expect(await one('w1', own((await store.batches.take(named)).units[1]!, { kind: 'none' }))).toBe('done');
  });

  it('keeps the mark of a record for a person, and the record is due again after the decision', async () => {
    await mark('0/1');
    const scope = { links: store, owner: 'person', claimTtl: TTL, notifyWorkers: () => undefined };
    const batch = await takeBatch(scope, { records: [{ side: 0, id: '1' }], keepMarks: true });
    expect((await dirtyStats()).due).toBe(0);
    await batch.units[0]!.commit({ result: { kind: 'none' } });
    batch.close();
    expect((await dirtyStats()).due).toBe(1);
  });

  it('brings a record back by itself when its worker is silent', async () => {
    await mark('0/1');
    expect((await take('dead', 500)).units).toHaveLength(1);
    expect((await take('w2')).units).toEqual([]);
    await expect.poll(async () => (await take('w2')).units.length, { interval: 10 }).toBe(1);
  });

  it('does not give a record to another owner while its worker extends the claims', async () => {
    await mark('0/1');
    const { units } = await take('w1', 150);
    for (let i = 0; i < 10; i++) {
      await sleep(40);
      expect(await store.batches.extend('w1', units[0]!.claims, 150)).toBeTypeOf('number');
      expect((await take('w2')).units).toEqual([]);
    }
    expect(await one('w1', own(units[0]!, { kind: 'none' }))).toBe('done');
    expect(await dirty()).toEqual([]);
  });

  it('gives the brake that is on, and how many due records are left', async () => {
    await store.brake.trip({ kind: 'deletes', by: 'scan', count: 9, limit: 2, linked: 10 });
    await mark('0/1', '0/2', '0/3');
    const taken = await store.batches.take({ owner: 'w1', ttlMs: TTL, limit: 2 });
    expect(taken).toMatchObject({ brake: { kind: 'deletes', count: 9 }, left: 1 });
    expect(taken.units).toHaveLength(2);
  });

  it('forgets the claims of workers that died once nothing is due', async () => {
    await store.batches.claim('dead', ['key/0/x'], 1);
    await store.batches.claim('alive', ['key/0/y'], TTL);
    await expect
      .poll(async () => {
        await take('w1');
        return redis.hkeys(`${store.context.base}claims`);
      })
      .toEqual(['key/0/y']);
  });
});

describe('an event of a system', () => {
  const event = { at: 1_000, trace: undefined };
  const events = async () => (await take('w')).units.flatMap(({ records }) => records.map((record) => record.event));
  const kept = () => redis.hlen(`${store.context.base}dirty:events`);
  beforeEach(() => dirtySet().mark('m', ['0/1'], 0, event));

  it('is known to the next worker of the record, where the one who had it gives it back or dies', async () => {
    const { units } = await take('w');
    expect(units[0]!.records[0]!.event).toEqual(event);
    await store.batches.releaseTaken('w', units);
    expect(await events()).toEqual([event]);
    expect((await take('dies', 1)).units).toEqual([]);
    await store.batches.releaseTaken('w', units);
    await take('dies', 1);
    await expect.poll(events, { interval: 5 }).toEqual([event]);
  });

  it('ends with the mark, and stays where the record was marked again meanwhile', async () => {
    const [first] = (await take('w')).units;
    await mark('0/1');
    expect(await one('w', own(first!, { kind: 'none' }))).toBe('done');
    expect(await kept()).toBe(1);
    const [second] = (await take('w')).units;
    expect(await one('w', own(second!, { kind: 'none' }))).toBe('done');
    expect(await kept()).toBe(0);
  });
});

describe('committing', () => {
  const takeOne = async (key: string, owner = 'w1', ttlMs = TTL): Promise<TakenUnit> => {
    await mark(key);
    return (await take(owner, ttlMs)).units[0]!;
  };

  it('stores link and issue, releases the claims, and takes the record off the dirty set', async () => {
    const revision = await makeLink(store, '1', 'b1');
    const taken = await takeOne('0/1');
    const link = linkState('1', 'b1', {
      revision,
      lastSynced: [token('n0'), ''],
      unconfirmed: ['p'],
      correlation: ['open', undefined],
    });
    const done = own(taken, { kind: 'link', link }, { open: { '0/1': { issue: issue('paused') } } });
    expect(await one('w1', done)).toBe('done');
    expect(await dirty()).toEqual([]);
    expect((await store.reader.record(1, 'b1')).link).toMatchObject({
      lastSynced: [token('n0'), ''],
      unconfirmed: ['p'],
      correlation: ['open', undefined],
    });
    expect(await store.batches.lookup(1, ['b1', 'none'])).toMatchObject([{ issue: 'paused' }, {}]);
    expect(await store.batches.claim('w2', taken.claims, TTL)).toBeTypeOf('number');
  });

  it('keeps what it says nothing about: raw hashes, times of own writes, parts of what is open', async () => {
    const raw = [token('r0'), token('r1')] as const;
    await store.issues.patch([['0/1', { decision: { kind: 'clears' }, failedJob: '7' }]]);
    const revision = await makeLink(store, '1', 'b1', { raw, ownWriteAt: [5, 6], foreignAt: [3, 4] });
    await store.issues.patch([['0/1', { decision: { kind: 'clears' } }]]);
    const taken = await takeOne('0/1');
    const link = linkState('1', 'b1', {
      revision,
      raw: [undefined, token('r2')],
      ownWriteAt: [7, undefined],
      foreignAt: [6, undefined],
    });
    await one('w1', own(taken, { kind: 'link', link }, { open: { '0/1': { failedJob: null } } }));
    expect((await store.reader.record(0, '1')).link).toMatchObject({
      raw: [token('r0'), token('r2')],
      ownWriteAt: [7, 6],
      foreignAt: [6, 4],
    });
    expect((await store.reader.record(0, '1')).open).toEqual({ decision: { kind: 'clears' } });
  });

  it('looks once more at a record that was marked while it was worked on', async () => {
    const taken = await takeOne('0/1');
    await mark('0/1');
    // Nobody gets it meanwhile, however often they ask.
    expect((await take('w2')).units).toEqual([]);
    expect(await one('w1', own(taken, { kind: 'none' }))).toBe('done');
    expect((await take('w2')).units.map(({ claims }) => claims)).toEqual([['0/1']]);
  });

  it('loses no mark and gives no record to two workers at once, with many owners and marks', async () => {
    const working = new Set<string>();
    const seen = new Map<string, number>();
    const marked = new Map<string, number>();
    let marking = true;
    const worker = async (owner: string): Promise<void> => {
      for (let n = 0; marking || (await dirtyStats()).count > 0; n++) {
        const { units } = await store.batches.take({ owner: `${owner}.${n}`, ttlMs: TTL, limit: 3 });
        for (const { claims } of units) {
          for (const claim of claims) expect(working.has(claim)).toBe(false);
          for (const claim of claims) working.add(claim);
        }
        await sleep(2);
        for (const { records, claims } of units) {
          for (const { key } of records) seen.set(key, marked.get(key) ?? 0);
          for (const claim of claims) working.delete(claim);
        }
        const answers = await store.batches.commit(
          `${owner}.${n}`,
          units.map((each) => own(each, { kind: 'none' })),
        );
        expect(answers.every(({ kind }) => kind === 'done')).toBe(true);
        if (units.length === 0) await sleep(5);
      }
    };
    for (let i = 0; i < 5; i++) await makeLink(store, String(i), `b${i}`);
    const workers = ['a', 'b', 'c'].map(worker);
    for (let i = 0; i < 150; i++) {
      const key = i % 2 ? `0/${i % 7}` : `1/b${i % 7}`;
      await mark(key);
      marked.set(key, i);
      if (i % 10 === 0) await sleep(3);
    }
    marking = false;
    await Promise.all(workers);
    // Whatever was marked last was looked at after that.
    for (const [key, last] of marked) expect([key, seen.get(key)]).toEqual([key, last]);
  });

  it("is refused whole where a claim ended, and the record is another one's work", async () => {
    const revision = await makeLink(store, '1', 'b1');
    const taken = await takeOne('0/1', 'slow', 20);
    let other: TakenUnit | undefined;
    await expect.poll(async () => (other = (await take('w2')).units[0]), { interval: 5 }).toBeDefined();
    const late = own(
      taken,
      { kind: 'link', link: linkState('1', 'b1', { revision }) },
      { open: { '0/1': { issue: issue('failed') } } },
    );
    expect(await one('slow', late)).toBe('lost');
    expect((await store.reader.record(0, '1')).link!.revision).toBe(revision);
    expect(await store.issues.counts()).toMatchObject({ failed: 0 });
    await store.batches.releaseTaken('slow', [taken]);
    expect(await one('w2', own(other!, { kind: 'none' }))).toBe('done');
    expect(await dirty()).toEqual([]);
  });

  it('is fenced where the link was committed, broken, or broken and made again since', async () => {
    const revision = await makeLink(store, '1', 'b1');
    const commit = (of: number | undefined) =>
      one('w', unit({ kind: 'link', link: linkState('1', 'b1', { revision: of }) }));
    expect(await commit(revision)).toBe('done');
    expect(await commit(revision)).toBe('fenced');
    expect(await commit(undefined)).toBe('fenced');
    const { revision: now } = (await store.reader.record(0, '1')).link!;
    expect(await one('w', unit({ kind: 'unlink', ids: ['1', 'b1'], revision }))).toBe('fenced');
    expect(await one('w', unit({ kind: 'unlink', ids: ['1', 'b1'], revision: now }))).toBe('done');
    expect(await commit(now)).toBe('fenced');
    const again = await makeLink(store, '1', 'b1');
    expect(again).toBeGreaterThan(now);
    for (const stale of [revision, now]) expect(await commit(stale)).toBe('fenced');
    expect(await store.batches.revision()).toBe(again);
  });

  it.each([
    ['1', 'b2'],
    ['2', 'b1'],
  ])('does not link a record twice (%s, %s)', async (a, b) => {
    await makeLink(store, '1', 'b1');
    expect(await one('w', unit({ kind: 'link', link: linkState(a, b) }))).toBe('taken');
    expect(await one('w', unit({ kind: 'unlinked', record: { side: 1, id: 'b1' }, state: 's' }))).toBe('fenced');
    expect(await contradictions(redis, store)).toEqual([]);
  });

  it('stores each unit that it can, and returns a result for each', async () => {
    const revision = await makeLink(store, '1', 'b1');
    const answers = await store.batches.commit('w', [
      unit({ kind: 'link', link: linkState('1', 'b1', { revision: revision + 5 }) }),
      unit({ kind: 'link', link: linkState('2', 'b2') }),
      { ...unit({ kind: 'none' }), claims: ['0/9'] },
    ]);
    expect(answers.map(({ kind }) => kind)).toEqual(['fenced', 'done', 'lost']);
    expect(await store.links.count()).toBe(2);
  });

  it('a new link ends what was open about its records, and takes them out of the index', async () => {
    await store.unlinked.index(0, [{ id: '1', keys: [token('k')], correlationId: 'b1' }]);
    await store.issues.patch([
      [
        '0/1',
        { issue: issue('unmatched'), decision: { kind: 'creates' }, pendingCreate: { at: 1, key: 'k', sent: {} } },
      ],
      ['1/b1', { issue: issue('review', { candidates: ['0/1'] }) }],
    ]);
    await makeLink(store, '1', 'b1');
    expect(await store.unlinked.candidates(0, 0, token('k'))).toEqual([]);
    expect(await store.unlinked.correlatedWith(0, 'b1')).toEqual([]);
    expect((await store.reader.record(0, '1')).open).toEqual({});
    expect((await store.reader.record(1, 'b1')).open).toEqual({});
    expect(await store.issues.pendingCreates(0)).toEqual([]);
    expect(await contradictions(redis, store)).toEqual([]);
  });

  it('an end of a link puts its records back into the index where their entries are given', async () => {
    const revision = await makeLink(store, '1', 'b1');
    const index = [{ id: '1', keys: [token('k')] }, undefined] as const;
    await one('w', unit({ kind: 'unlink', ids: ['1', 'b1'], revision, index }));
    expect(await store.unlinked.candidates(0, 0, token('k'))).toEqual(['1']);
    expect(await contradictions(redis, store)).toEqual([]);
  });
});

describe('records that wait for a link', () => {
  const waits = (key: string, waitFor: CommitUnit['waitFor'], more: Partial<CommitUnit> = {}): CommitUnit =>
    unit(
      { kind: 'unlinked', record: { side: 0, id: key }, state: 's' },
      {
        claims: [],
        open: { [`0/${key}`]: { issue: issue('waiting', { refs: waitFor ?? [] }) } },
        ...(waitFor ? { waitFor } : {}),
        ...more,
      },
    );

  it('are marked once when the link is made, in whatever mapping they are', async () => {
    const other = storeOf(redis, prefix, { name: 'other', match: [] });
    await other.batches.commit('w', [waits('w1', [{ mapping: 'm', side: 1, id: 'b1' }])]);
    await store.batches.commit('w', [waits('w2', [{ mapping: 'm', side: 0, id: '1' }])]);
    await makeLink(store, '1', 'b1');
    expect(await dirty('other')).toEqual(['0/w1']);
    expect(await dirty()).toEqual(['0/w2']);
    expect(await dependentsIn(redis, store)).toEqual([]);
  });

  it('show what they wait for, whatever the ids hold, also when they have a link', async () => {
    const refs = [
      { mapping: 'other', side: 1, id: 'a|b\n/ü' },
      { mapping: 'm', side: 0, id: '' },
    ] as const;
    const raised = issue('waiting', { refs, property: 'p', code: 'REFERENCE_WAITING' });
    await makeLink(store, '1', 'b1');
    await store.batches.commit('w', [waits('w', refs, { open: { '0/w': { issue: raised } } })]);
    await store.issues.patch([['0/1', { issue: raised, decision: { kind: 'deletes' } }]]);
    for (const id of ['w', '1']) {
      expect((await store.reader.record(0, id)).open.issue).toEqual(raised);
      expect((await store.batches.lookup(0, [id]))[0]!.issue).toBe('waiting');
      const { units } = await store.batches.take({ owner: id, ttlMs: 1_000, records: [{ side: 0, id }] });
      expect(units[0]!.open[`0/${id}`]!.issue).toEqual(raised);
    }
    expect((await store.reader.record(1, 'b1')).openOfLink).toEqual({ issue: raised, decision: { kind: 'deletes' } });
    expect((await store.batches.lookup(1, ['b1']))[0]!.issue).toBe('waiting');
    const listed = [];
    for await (const batch of store.issues.list(['waiting'])) listed.push(...batch);
    expect(listed.map(({ id }) => id).sort()).toEqual(['1', 'w']);
    expect(await contradictions(redis, store)).toEqual([]);
  });

  it('are found among thousands, and are forgotten with their issues', async () => {
    const ids = Array.from({ length: 3_000 }, (_, i) => String(i));
    // Every tenth waits for the same record.
    const refOf = (id: string) => ({ mapping: 'm', side: 1 as const, id: id.endsWith('7') ? 'all' : `b${id}` });
    for (let i = 0; i < ids.length; i += 500)
      await store.batches.commit(
        'w',
        ids.slice(i, i + 500).map((id) => waits(id, [refOf(id)])),
      );
    expect(await contradictions(redis, store)).toEqual([]);
    expect(await store.dependents.isWaitedFor(1, 'b1234')).toBe(true);
    expect(await store.dependents.isWaitedFor(1, 'b1237')).toBe(false);
    for (const id of ids.filter((_, i) => i % 300 === 1)) {
      await store.batches.commit('w', [unit({ kind: 'none' }, { markDependents: [`1/b${id}`] })]);
      expect(await dirty()).toEqual([`0/${id}`]);
      await redis.del(`${store.context.base}dirty`);
    }
    await store.batches.commit('w', [unit({ kind: 'none' }, { markDependents: ['1/all'] })]);
    expect((await dirtyStats()).count).toBe(300);
    for (let i = 0; i < ids.length; i += 500)
      await store.issues.patch(ids.slice(i, i + 500).map((id) => [`0/${id}`, { issue: null }]));
    expect(await dependentsIn(redis, store)).toEqual([]);
    expect(await contradictions(redis, store)).toEqual([]);
  });

  it('are marked at once when the link was made before they began to wait', async () => {
    await makeLink(store, '1', 'b1');
    await store.batches.commit('w', [waits('late', [{ mapping: 'm', side: 1, id: 'b1' }])]);
    expect(await dirty()).toEqual(['0/late']);
  });

  it('a record that was looked at and has no link marks records that wait for it dirty, one that changed also records that watch it', async () => {
    await store.batches.commit('w', [waits('w', [{ mapping: 'm', side: 1, id: 'b1' }])]);
    const review = { '0/r': { issue: issue('review', { candidates: ['1/b1'] }) } };
    await store.batches.commit('w', [
      unit({ kind: 'unlinked', record: { side: 0, id: 'r' } }, { open: review, watch: ['1/b1'] }),
    ]);
    await store.batches.commit('w', [unit({ kind: 'none' }, { markDependents: ['1/b1'] })]);
    expect(await dirty()).toEqual(['0/w']);
    await store.batches.commit('w', [unit({ kind: 'none' }, { markAllDependents: ['1/b1'] })]);
    expect((await dirty()).sort()).toEqual(['0/r', '0/w']);
  });

  it('a record whose issue has ended waits no longer and is not marked dirty', async () => {
    const refs = [{ mapping: 'm', side: 1, id: 'b1' }] as const;
    await store.batches.commit('w', [waits('w', refs)]);
    await store.issues.patch([['0/w', { issue: issue('failed') }]]);
    await store.batches.commit('w', [waits('v', refs)]);
    await store.batches.commit('w', [unit({ kind: 'removed', record: { side: 0, id: 'v' } })]);
    // Something else is the matter with it as well.
    await store.batches.commit('w', [waits('u', refs, { open: { '0/u': { issue: issue('failed', { refs }) } } })]);
    await store.issues.patch([['0/u', { issue: null }]]);
    await makeLink(store, '1', 'b1');
    expect(await dirty()).toEqual([]);
    expect(await dependentsIn(redis, store)).toEqual([]);
  });

  it('a commit marks records of sibling mappings, unless they know the same state of the record', async () => {
    const sibling = storeOf(redis, prefix, { name: 'sibling', match: [] });
    await makeLink(sibling, '1', 'b1', { raw: [token('seen'), ''] });
    await sibling.batches.commit('w', [unit({ kind: 'unlinked', record: { side: 0, id: '2' }, raw: token('seen') })]);
    const of = (id: string, unlessRaw?: string) => ({
      mapping: 'sibling',
      side: 0 as const,
      id,
      ...(unlessRaw ? { unlessRaw } : {}),
    });
    const marks = [
      of('1', token('seen')),
      of('2', token('seen')),
      of('1', token('new')),
      of('3', token('seen')),
      of('4'),
    ];
    for (const [i, one] of marks.entries()) {
      await store.batches.commit('w', [unit({ kind: 'none' }, { mark: [one] })]);
      expect([i, (await dirtyStats('sibling')).count]).toEqual([i, [0, 0, 1, 2, 3][i]]);
    }
  });
});

describe('beginning', () => {
  /** The record 0/1 was begun with the key `a`, and the system answered which record it made of it. */
  const madeFacts = (id: string) =>
    ({
      side: 0,
      id: '1',
      // Ten seconds passed since the unit was taken.
      stored: { now: 1_000_000, takenAt: performance.now() - 10_000 },
      results: { begun: { key: 'a' }, created: { kind: 'created', view: { record: { id } } } },
    }) as unknown as Facts;
  const create = (key: string) => ({ at: 1, key, sent: {} });
  const begin = (key: string, more: object = {}) =>
    store.batches.begin({ record: '0/1', create: create(key), unlimited: [], allowance: undefined, ...more });

  it('notes a pending create, which only the holder of its key replaces', async () => {
    expect(await begin('a')).toBeUndefined();
    expect(await begin('a')).toBeUndefined();
    expect(await begin('b')).toBe('changed');
    expect(await begin('b', { replaces: 'a' })).toBeUndefined();
    expect(await store.issues.pendingCreates(0)).toEqual([{ id: '1', pending: create('b') }]);
    expect(await contradictions(redis, store)).toEqual([]);
  });

  it('notes nothing where the brake goes on by it, or is on', async () => {
    const allowance = { kind: 'creates', record: '0/1', limit: 1, linked: 10, since: undefined } as const;
    expect(await begin('a', { allowance })).toBeUndefined();
    const blocked = { allowance: { ...allowance, record: '0/2' }, record: '0/2' };
    expect(await begin('x', blocked)).toMatchObject({ kind: 'creates', count: 2, limit: 1 });
    expect(await begin('x', { record: '0/3' })).toMatchObject({ kind: 'creates' });
    expect((await store.issues.pendingCreates(0)).map(({ id }) => id)).toEqual(['1']);
    expect(await begin('x', { record: '0/3', unlimited: ['creates'] })).toBeUndefined();
    expect(await store.brake.on()).toBeUndefined();
  });

  it('notes and drops nothing for a worker whose claims ended, and leaves what the next one began', async () => {
    const claims = ['0/1'];
    await store.batches.claim('slow', claims, 20);
    await expect.poll(() => store.batches.claim('w1', claims, TTL), { interval: 5 }).toBeTypeOf('number');
    expect(await begin('a', { owner: 'w1', claims })).toBeUndefined();
    expect(await begin('late', { owner: 'slow', claims, replaces: 'a' })).toBe('lost');
    expect(await store.batches.withdraw({ record: '0/1', owner: 'slow', claims }, 'a')).toBe('lost');
    expect(await store.batches.withdraw({ record: '0/1', owner: 'w1', claims }, 'b')).toBe('changed');
    expect(await store.issues.pendingCreates(0)).toEqual([{ id: '1', pending: create('a') }]);
    expect(await store.batches.withdraw({ record: '0/1', owner: 'w1', claims }, 'a')).toBeUndefined();
    expect(await store.issues.pendingCreates(0)).toEqual([]);
  });

  it('a worker whose claims ended notes no search in vain and gives no record up, but keeps what it has made', async () => {
    const claims = ['0/1'];
    await store.batches.claim('slow', claims, 20);
    await expect.poll(() => store.batches.claim('w1', claims, TTL), { interval: 5 }).toBeTypeOf('number');
    await begin('a');
    const by = (owner: string) => ({ owner, names: () => claims }) as Claims;
    const scope = { links: store, mapping: { name: 'm', version: 'v1' } } as unknown as MappingScope;
    const search = (owner: string) =>
      apply(scope, by(owner), { results: {} } as Facts, { do: 'note-not-found', side: 0, id: '1', key: 'a', at: 5 });
    await expect(search('slow')).rejects.toMatchObject({ code: 'LINK_CHANGED' });
    expect(await store.issues.pendingCreates(0)).toEqual([{ id: '1', pending: create('a') }]);
    const engine = { links: () => store } as unknown as Engine;
    const error = new TandemError('SYSTEM_UNAVAILABLE', 'It is down.');
    const failBy = (owner: string) => failRecord(engine, scope.mapping, { side: 0, id: '1' }, 'job', by(owner), error);
    expect(await failBy('slow')).toBe(false);
    expect(await store.issues.counts()).toMatchObject({ failed: 0 });
    expect(await store.issues.givenUp().next()).toMatchObject({ done: true });

    await keepMade(scope, madeFacts('b1'));
    await search('w1');
    const pending = { ...create('a'), made: 'b1', madeAt: expect.any(Number), intactAt: '', notFoundSince: 5 };
    const [noted] = await store.issues.pendingCreates(0);
    expect(noted).toEqual({ id: '1', pending });
    // When it was made, and not when the unit was taken: it may have waited for quota.
    expect(noted!.pending.madeAt).toBeGreaterThanOrEqual(1_010_000);
    expect(await failBy('w1')).toBe(true);
    expect(await store.issues.pendingCreates(0)).toEqual([{ id: '1', pending: { ...pending, review: true } }]);
    expect(await store.issues.counts()).toMatchObject({ failed: 1 });
    expect(await contradictions(redis, store)).toEqual([]);
  });

  it('notes what a create has made only while that create is pending: never on a record that is linked by now', async () => {
    const made = () => store.batches.noteCreate({ record: '0/1' }, 'a', { made: 'b"1' });
    await begin('a');
    expect(await store.batches.noteCreate({ record: '0/1' }, 'other', { made: 'b2' })).toBe('changed');
    expect(await store.issues.pendingCreates(0)).toEqual([{ id: '1', pending: create('a') }]);
    await made();
    expect(await store.issues.pendingCreates(0)).toEqual([{ id: '1', pending: { ...create('a'), made: 'b"1' } }]);
    // Whichever of the two comes first.
    for (let i = 0; i < 30; i++) {
      const [id, counterpart] = [`r${i}`, `c${i}`];
      const record = `0/${id}`;
      await begin('a', { record });
      const note =
        i % 2 === 0
          ? store.batches.noteCreate({ record }, 'a', { made: counterpart })
          : store.batches.leaveToPerson(record);
      await Promise.all([note, makeLink(store, id, counterpart)]);
      expect((await store.reader.record(0, id)).openOfLink.pendingCreate).toBeUndefined();
    }
    expect((await store.issues.pendingCreates(0)).map(({ id }) => id)).toEqual(['1']);
    expect(await contradictions(redis, store)).toEqual([]);
  });

  it('leaves a pending create to a person, once, and not while somebody else works on the record', async () => {
    const pending = { ...create('a'), keys: [] };
    await begin('a', { create: pending });
    await store.batches.claim('w1', ['0/1'], TTL);
    await store.batches.leaveToPerson('0/1');
    await store.batches.leaveToPerson('0/1', 'w2');
    expect(await store.issues.pendingCreates(0)).toEqual([{ id: '1', pending }]);
    await store.batches.leaveToPerson('0/1', 'w1');
    await store.batches.leaveToPerson('0/1', 'w1');
    expect(await store.issues.pendingCreates(0)).toEqual([{ id: '1', pending: { ...pending, review: true } }]);
  });

  it('keeps writes that were begun before at the same revision: either may have been applied', async () => {
    const revision = await makeLink(store, '1', 'b1');
    const write = (sent: string) => ({ property: 'p', side: 1 as const, sent: token(sent), from: token('f') });
    const writes = (of: number, ...sent: string[]) =>
      begin('', { create: undefined, writes: { revision: of, ids: ['1', 'b1'], writes: sent.map(write) } });
    expect(await writes(revision, 'x')).toBeUndefined();
    expect(await writes(revision, 'y', 'x')).toBeUndefined();
    expect(await writes(revision, 'z')).toBeUndefined();
    expect((await store.reader.record(0, '1')).open.pendingWrites).toEqual({
      revision,
      ids: ['1', 'b1'],
      writes: ['z', 'y', 'x'].map(write),
    });
    // Of another revision they are history, and a worker that knows another one is late.
    expect(await writes(0, 'a')).toBe('changed');
    expect(await one('w', unit({ kind: 'link', link: linkState('1', 'b1', { revision }) }))).toBe('done');
    expect(await writes(revision, 'a')).toBe('changed');
    const { revision: now } = (await store.reader.record(0, '1')).link!;
    expect(await writes(now, 'a')).toBeUndefined();
    expect((await store.reader.record(0, '1')).open.pendingWrites?.writes).toEqual([write('a')]);
  });

  it('keeps the writes that stay noted, under the new revision of their link', async () => {
    const revision = await makeLink(store, '1', 'b1');
    const write = { property: 'revision', side: 1 as const, sent: token('x'), from: token('f') };
    const other = { ...write, property: 'p' };
    await begin('', { create: undefined, writes: { revision, ids: ['1', 'b1'], writes: [other, write] } });
    const link = linkState('1', 'b1', { revision });
    expect(await one('w', unit({ kind: 'link', link, pending: [write] }))).toBe('done');
    const found = await store.reader.record(0, '1');
    expect(found.link!.revision).toBeGreaterThan(revision);
    expect(found.open.pendingWrites).toEqual({ revision: found.link!.revision, ids: ['1', 'b1'], writes: [write] });
    expect(await contradictions(redis, store)).toEqual([]);
  });

  it('drops writes that were refused, but for none whose claims ended', async () => {
    const revision = await makeLink(store, '1', 'b1');
    const claims = ['0/1'];
    await store.batches.claim('w1', claims, TTL);
    const write = (sent: string) => ({ property: 'p', side: 1 as const, sent: token(sent), from: token('f') });
    const writes = { revision, ids: ['1', 'b1'] as const, writes: ['x', 'y'].map(write) };
    await begin('', { create: undefined, writes });
    const left = async () => (await store.reader.record(0, '1')).open.pendingWrites?.writes;
    const drop = (owner: string, ...sent: string[]) =>
      store.batches.dropWrites({ record: '0/1', owner, claims }, sent.map(write));
    await drop('slow', 'x', 'y');
    expect(await left()).toEqual([write('x'), write('y')]);
    await drop('w1', 'x', 'z');
    expect(await left()).toEqual([write('y')]);
    await drop('w1', 'y');
    expect(await left()).toBeUndefined();
    await drop('w1', 'y');
    expect(await contradictions(redis, store)).toEqual([]);
  });
});

describe('in one commit', () => {
  it('a record that waits for a link which another unit makes is marked, whichever of the two comes first', async () => {
    const waiter = (id: string) =>
      unit(
        { kind: 'unlinked', record: { side: 0, id }, state: 's' },
        { waitFor: [{ mapping: 'm', side: 0, id: '1' }] },
      );
    await store.batches.commit('w', [waiter('a'), unit({ kind: 'link', link: linkState('1', 'b1') }), waiter('z')]);
    expect((await dirty()).sort()).toEqual(['0/a', '0/z']);
  });

  it('the end of a record ends its link, though only the record is named', async () => {
    await makeLink(store, '1', 'b1');
    await store.batches.commit('w', [unit({ kind: 'removed', record: { side: 1, id: 'b1' } })]);
    expect(await store.links.count()).toBe(0);
    expect(await contradictions(redis, store)).toEqual([]);
  });
});

it('answers to brakes are forgotten after 90 days', async () => {
  const answers = `${store.context.base}brake:answers`;
  const day = 86_400_000;
  for (const days of [91, 89]) await redis.hset(answers, `${days} days`, `discard|deletes|${Date.now() - days * day}`);
  const brake = await store.brake.trip({ kind: 'deletes', by: 'scan', count: 9, limit: 2, linked: 10 });
  await store.brake.release({ ...brake, answer: 'discard' });
  expect((await redis.hkeys(answers)).sort()).toEqual(['89 days', brake.id].sort());
  expect(await store.brake.answered(brake.id, 'deletes')).toBe('discard');
  expect(await store.brake.answered(brake.id, 'creates')).toBe('continue');
});

it('the store keeps own recent writes of a link for at least a quarter of an hour', async () => {
  const revision = await makeLink(store, '1', 'b1');
  const write = { property: 'p', side: 1, before: token('b'), sent: token('s'), at: Date.now(), times: 2 } as const;
  const more = [
    { same: 3 },
    { same: 2, unshown: true },
    { read: true },
    { same: 2, read: true },
    { unshown: true, from: token('f') },
  ] as const;
  const recent = [write, { ...write, side: 0, unshown: true }, ...more.map((one) => ({ ...write, ...one }))] as const;
  await store.batches.commit('w', [unit({ kind: 'link', link: linkState('1', 'b1', { revision }) }, { recent })]);
  await mark('0/1');
  expect((await take('w1')).units[0]!.recent).toEqual(recent);
  const [key] = await redis.keys(`${store.context.base.replace(/[{}]/g, '?')}recent:*`);
  expect(await redis.pttl(key!)).toBeGreaterThan(15 * 60_000);
});

it.each<[string, (revision: number) => CommitUnit['result']]>([
  ['was broken', (revision) => ({ kind: 'unlink', ids: ['1', 'b1'], revision })],
  ['ended with its records', () => ({ kind: 'removed', ids: ['1', 'b1'] })],
  ['ended with one of its records', () => ({ kind: 'removed', record: { side: 1, id: 'b1' } })],
])(
  'the store forgets own recent writes of a link that %s: the next link of a record begins without them',
  async (_, end) => {
    const made = await makeLink(store, '1', 'b1');
    const recent = [
      { property: 'p', side: 1, before: token('b'), sent: token('s'), at: Date.now(), times: 2 },
    ] as const;
    const written = unit({ kind: 'link', link: linkState('1', 'b1', { revision: made }) }, { recent });
    const [answer] = await store.batches.commit('w', [written]);
    expect(await one('w', unit(end((answer as { revision: number }).revision)))).toBe('done');
    await makeLink(store, '1', 'b2');
    await mark('0/1');
    expect((await take('w1')).units).toMatchObject([{ link: { ids: ['1', 'b2'] }, recent: [] }]);
  },
);

it('the store counts and lists issues by kind without reading the others', async () => {
  await store.issues.patch(
    Array.from({ length: 50 }, (_, i) => [`0/${i}`, { issue: issue(i < 3 ? 'failed' : 'unmatched') }] as const),
  );
  await makeLink(store, 'l', 'bl');
  await store.issues.patch([['0/l', { issue: issue('paused') }]]);
  expect(await store.issues.counts()).toMatchObject({ failed: 3, unmatched: 47, paused: 1, review: 0 });
  const listed = async (...kinds: Parameters<Store['issues']['list']>[0]) => {
    const found: string[] = [];
    for await (const batch of store.issues.list(kinds)) found.push(...batch.map(({ side, id }) => `${side}/${id}`));
    return found.sort();
  };
  expect(await listed('failed')).toEqual(['0/0', '0/1', '0/2']);
  expect(await listed('paused')).toEqual(['0/l']);
  expect(await listed('unmatched')).toHaveLength(47);
});

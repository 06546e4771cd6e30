/** Who wins where both sides changed, what is kept of the other, and how it comes back; what a review does when its cause changes. */

import { describe, expect, it, vi } from 'vitest';
import { linkByHand, restoreValue, unlinkByHand } from '../../../engine/sync/manual.ts';
import type { Step } from '../../../engine/sync/sync-context.ts';
import { linksIn } from '../../support/links.ts';
import { replaced } from '../../support/world.ts';
import {
  counterpart,
  edit,
  expectQuiet,
  issueOf,
  laterThan,
  linked,
  make,
  read,
  reconcile,
  remove,
  ruled,
  scopeOf,
  sync,
  unique,
  worldWith,
  writes,
} from './support.ts';

const MAPPING = 'company-customer';
/** The mapping says `review`; these properties say otherwise. */
const RULES: Record<string, string> = {
  'address.line1': 'conflict: latest',
  'address.line2': 'conflict: keap',
  'address.locality': 'conflict: customwebshop',
  website: 'direction: customwebshop',
};

const world = worldWith({
  files: {
    [`mappings/${MAPPING}.yaml`]: replaced([/^conflict: .*$/m, 'conflict: review'], ...ruled(RULES)),
  },
});

const links = () => world.engine.links(MAPPING);
const company = (id: string) => read(world, 'keap', 'companies', id);
const customer = (id: string) => read(world, 'shop', 'customers', id);

async function pair(fields: object = {}): Promise<{ keap: string; shop: string }> {
  const keap = await make(world, 'keap', 'companies', { company_name: unique('Conflict'), ...fields });
  await reconcile(world, MAPPING, 'keap', keap);
  return { keap, shop: await linked(world, MAPPING, 'keap', keap) };
}

describe('the rule of a property goes before that of its mapping', () => {
  it.each(['keap', 'shop'] as const)(
    'a property follows its own rule, whichever side is edited last (%s)',
    async (last) => {
      const { keap, shop } = await pair({ address: { line1: 'a', line2: 'b', locality: 'c' }, notes: 'd' });
      const edits = {
        keap: () =>
          edit(world, 'keap', 'companies', keap, {
            address: { line1: 'K1', line2: 'K2', locality: 'K3' },
            notes: 'K4',
          }),
        shop: () =>
          edit(world, 'shop', 'customers', shop, {
            billing: { address_1: 'S1', address_2: 'S2', city: 'S3' },
            note: 'S4',
          }),
      };
      await edits[last === 'keap' ? 'shop' : 'keap']();
      await laterThan(last === 'keap' ? await customer(shop) : await company(keap));
      await edits[last]();
      await sync(world, 'changes', MAPPING);
      const latest = last === 'keap' ? 'K1' : 'S1';
      expect((await company(keap)).address).toMatchObject({ line1: latest, line2: 'K2', locality: 'S3' });
      expect((await customer(shop)).billing).toMatchObject({ address_1: latest, address_2: 'K2', city: 'S3' });
      expect([(await company(keap)).notes, (await customer(shop)).note]).toEqual(['K4', 'S4']);
      expect(await issueOf(world, MAPPING, 'keap', keap)).toMatchObject({ kind: 'review', property: 'notes' });
      const lost = (await links().history.history(keap)).map(({ property, side, value }) => [property, side, value]);
      expect(lost.sort()).toEqual([
        ['address.line1', ...(last === 'keap' ? ['customwebshop', 'S1'] : ['keap', 'K1'])],
        ['address.line2', 'customwebshop', 'S2'],
        ['address.locality', 'keap', 'K3'],
      ]);
    },
  );
});

describe('a value that is put back', () => {
  /** line2 of the shop lost to that of Keap. */
  async function lost(): Promise<{ keap: string; shop: string; entry: string }> {
    const { keap, shop } = await pair({ address: { line2: 'first' } });
    await edit(world, 'shop', 'customers', shop, { billing: { address_2: 'lost' } });
    await edit(world, 'keap', 'companies', keap, { address: { line2: 'won' } });
    await sync(world, 'changes', MAPPING);
    const [entry] = await links().history.history(keap);
    expect(entry).toMatchObject({ side: 'customwebshop', value: 'lost' });
    return { keap, shop, entry: entry!.id };
  }
  const both = async (keap: string, shop: string): Promise<unknown[]> => [
    (await company(keap)).address.line2,
    (await customer(shop)).billing.address_2,
  ];

  it('is on both sides afterwards, though the rule prefers the other side', async () => {
    const { keap, shop, entry } = await lost();
    await restoreValue(scopeOf(world, MAPPING), { side: 0, id: keap }, entry);
    expect(await both(keap, shop)).toEqual(['lost', 'lost']);
    await world.settle();
    await expectQuiet(world, MAPPING);
    expect(await both(keap, shop)).toEqual(['lost', 'lost']);
    expect(await links().history.history(keap)).toMatchObject([{ value: 'won', rule: 'restored' }, { id: entry }]);
  });

  it.each<Step>(['before-update', 'after-update', 'before-base', 'after-base'])(
    'survives that its process ends at %s: it arrives, or nothing happened',
    async (end) => {
      for (const nth of [1, 2]) {
        const { keap, shop, entry } = await lost();
        let left = nth;
        const context = {
          ...world.engine.context({ owner: unique('person') }),
          step: async (name: Step) => {
            if (name === end && --left === 0) throw new Error('killed');
          },
        };
        const work = restoreValue(scopeOf(world, MAPPING, context), { side: 1, id: shop }, entry).then(
          () => 'done',
          () => 'killed',
        );
        const came = await work;
        // Nobody asks for it again: what was queued before is enough.
        await world.settle();
        const values = await both(keap, shop);
        expect(values[0]).toBe(values[1]);
        expect(values[0], `${came} at the ${nth}. ${end}`).toBe(end === 'before-update' && nth === 1 ? 'won' : 'lost');
        expect((await links().history.history(keap)).map(({ value }) => value)).toEqual(
          expect.arrayContaining(['won', 'lost']),
        );
        await expectQuiet(world, MAPPING);
      }
    },
  );

  it('waits for a worker that has the record', async () => {
    const { keap, shop, entry } = await lost();
    await linksIn(links()).claim([`0/${keap}`], 'somebody', 60_000);
    const work = restoreValue(scopeOf(world, MAPPING), { side: 0, id: keap }, entry);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await both(keap, shop)).toEqual(['won', 'won']);
    await linksIn(links()).unclaim([`0/${keap}`], 'somebody');
    await work;
    expect(await both(keap, shop)).toEqual(['lost', 'lost']);
  });

  it('fails when the other system rejects it, and arrives with the next try', async () => {
    const { keap, shop, entry } = await lost();
    world.keap.faults.add({
      method: 'PATCH',
      path: `/crm/rest/v2/companies/${keap}`,
      times: 1,
      action: 'status',
      status: 422,
      body: { message: 'line2 is not allowed today' },
    });
    const outcome = await restoreValue(scopeOf(world, MAPPING), { side: 0, id: keap }, entry);
    expect(outcome).toMatchObject({
      kind: 'failed',
      code: 'SYSTEM_REJECTED',
      reason: expect.stringContaining('not allowed today'),
    });
    await world.settle();
    // The queued reconcile tried once more, and the system takes it now.
    await vi.waitFor(async () => expect(await both(keap, shop)).toEqual(['lost', 'lost']));
    await world.settle();
    expect(await issueOf(world, MAPPING, 'keap', keap)).toBeUndefined();
  });
});

describe('a review of an ambiguous match is looked at again', () => {
  /** One company, two customers of its name. */
  async function ambiguous(): Promise<{ keap: string; shops: [string, string]; name: string }> {
    const name = unique('Candidates');
    const shops = [
      await make(world, 'shop', 'customers', { company: name }),
      await make(world, 'shop', 'customers', { company: name }),
    ] as [string, string];
    const keap = await make(world, 'keap', 'companies', { company_name: name });
    await sync(world, 'changes', MAPPING);
    await reconcile(world, MAPPING, 'shop', ...shops);
    for (const [system, id] of [
      ['keap', keap],
      ['shop', shops[0]],
      ['shop', shops[1]],
    ] as const)
      expect(await issueOf(world, MAPPING, system, id)).toMatchObject({ kind: 'review' });
    return { keap, shops, name };
  }

  it.each<[string, (id: string) => Promise<unknown>]>([
    ['is deleted', (id) => remove(world, 'shop', 'customers', id)],
    ['gets another key', (id) => edit(world, 'shop', 'customers', id, { company: unique('Renamed') })],
    ['takes part no more', (id) => edit(world, 'shop', 'customers', id, { company: null, last_name: 'Person' })],
  ])('when a candidate %s: the other one is linked', async (_, change) => {
    const { keap, shops } = await ambiguous();
    await change(shops[0]);
    await reconcile(world, MAPPING, 'shop', shops[0]);
    expect(await linked(world, MAPPING, 'keap', keap)).toBe(shops[1]);
    expect(await issueOf(world, MAPPING, 'shop', shops[1])).toBeUndefined();
  });

  it('when a candidate was deleted that only a full scan misses', async () => {
    const { keap, shops } = await ambiguous();
    await remove(world, 'shop', 'customers', shops[0]);
    await sync(world, 'full', MAPPING);
    expect(await linked(world, MAPPING, 'keap', keap)).toBe(shops[1]);
    await expectQuiet(world, MAPPING);
  });

  it('when its candidate got another counterpart: no record is made, and the reason says so', async () => {
    const { keap, shops, name } = await ambiguous();
    await linkByHand(scopeOf(world, MAPPING), [keap, shops[0]]);
    await world.settle();
    expect(await issueOf(world, MAPPING, 'shop', shops[1])).toMatchObject({
      kind: 'review',
      reason: expect.stringContaining('linked to others'),
    });
    // Nor does an edit of it make one.
    await edit(world, 'shop', 'customers', shops[1], { note: 'edited' });
    await reconcile(world, MAPPING, 'shop', shops[1]);
    expect(await counterpart(world, MAPPING, 'shop', shops[1])).toBeUndefined();
    await expectQuiet(world, MAPPING);
    // The link was wrong: both are possible again.
    await unlinkByHand(scopeOf(world, MAPPING), [keap, shops[0]]);
    await world.settle();
    expect(await issueOf(world, MAPPING, 'shop', shops[1])).toMatchObject({
      kind: 'review',
      reason: expect.stringContaining('Several records'),
    });
    expect(name).toBeTruthy();
  });

  it('after an edit of the record, and its issue keeps its date', async () => {
    const { keap, shops } = await ambiguous();
    const before = await issueOf(world, MAPPING, 'keap', keap);
    await edit(world, 'keap', 'companies', keap, { notes: 'edited' });
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(before!.since));
    await reconcile(world, MAPPING, 'keap', keap);
    expect(await issueOf(world, MAPPING, 'keap', keap)).toEqual({ ...before, job: expect.any(String) });
    expect(await issueOf(world, MAPPING, 'shop', shops[0])).toMatchObject({ kind: 'review' });
  });
});

describe('a value that one side would not take', () => {
  it('holds up no other property of the same edit', async () => {
    const { keap, shop } = await pair({ notes: 'before', address: { line1: 'before', locality: 'before' } });
    await edit(world, 'shop', 'customers', shop, {
      note: 'arrives',
      billing: { address_1: 'too long '.repeat(12), city: 'arrives too' },
    });
    await sync(world, 'changes', MAPPING);
    expect(await company(keap)).toMatchObject({
      notes: 'arrives',
      address: { line1: 'before', locality: 'arrives too' },
    });
    expect(await issueOf(world, MAPPING, 'keap', keap)).toMatchObject({
      kind: 'failed',
      code: 'RECORD_SCHEMA',
      property: 'address.line1',
      reason: expect.stringMatching(/keap.*address\.line1/),
    });
    const before = writes(world);
    await expectQuiet(world, MAPPING);
    expect(writes(world)).toEqual(before);
    await edit(world, 'shop', 'customers', shop, { billing: { address_1: 'short' } });
    await sync(world, 'changes', MAPPING);
    expect((await company(keap)).address).toMatchObject({ line1: 'short' });
    expect(await issueOf(world, MAPPING, 'keap', keap)).toBeUndefined();
  });
});

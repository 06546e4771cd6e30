/** The parts that decisions are made of, by themselves: states of records, bases, values for the history. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import {
  appliedWrites,
  baseEntry,
  baseOfCreate,
  baseOfMatch,
  entryFrom,
  fingerprintOf,
  marked,
} from '../../../engine/merge/base.ts';
import { foreignModified, ownWriteOf } from '../../../engine/merge/foreign.ts';
import { deletedValues, overwrittenValue } from '../../../engine/merge/overwritten.ts';
import { mustReadFirst } from '../../../engine/merge/pair-to-merge.ts';
import {
  indexEntry,
  isSynced,
  linkedState,
  matchPart,
  outOfScope,
  stateToStore,
  unlinkedState,
  unreadableState,
} from '../../../engine/merge/record-state.ts';
import { mergePair } from '../../../engine/merge/settle.ts';
import { sameSent } from '../../../engine/merge/unconfirmed.ts';
import { isSettled, troubleOf, viewOn } from '../../../engine/merge/unit.ts';
import { conversionsOf, factsOf, mappingOf, pendingCreate, readable, state, view } from './situation.ts';

const mapping = mappingOf();
const ann = view(0, ['Ann', 'p1']);

describe('the state of a record', () => {
  it('is that of its values under their definitions', () => {
    expect(linkedState(mapping, ann)).toBe(state('Ann', 'p1'));
    expect(linkedState(mappingOf({ properties: { name: {}, phone: { definition: 'phone#2' } } }), ann)).not.toBe(
      state('Ann', 'p1'),
    );
  });

  it('is also that of its match keys and of the counterpart that it names where it has no link', () => {
    const of = (more: object) => unlinkedState(mapping, view(0, ['Ann', 'p1'], more));
    expect(of({ keys: ['x', undefined, 'y'] })).toBe(`${state('Ann', 'p1')}.<x\n\ny>`);
    expect(of({ keys: ['x'], ref: 'b' })).toBe(`${state('Ann', 'p1')}.<x\nb>`);
    expect(matchPart(of({ keys: ['x'] }))).toBe('<x>');
  });

  it('is always the same where the record is out of scope', () => {
    const out = view(0, ['Ann', 'p1'], { inScope: false });
    expect([linkedState(mapping, out), unlinkedState(mapping, out), outOfScope(readable)]).toEqual([
      '<out>',
      '<out>',
      '<out>',
    ]);
  });

  it('is that of its error where the record cannot be read', () =>
    expect(unreadableState(readable, 'Why.')).toBe('<error.Why.>'));

  it('is stored with the mapping version while a correlation id is to be written', () => {
    expect(stateToStore(mapping, ann, undefined)).toBe(state('Ann', 'p1'));
    expect(stateToStore(mapping, ann, 'open')).toBe(`<v1\n${state('Ann', 'p1')}>`);
  });

  it('is compared per side', () => {
    const of = { lastSynced: [state('Ann', 'p1'), 'x'], correlation: [undefined, undefined] } as const;
    expect(isSynced(mapping, of, ann)).toBe(true);
    expect(isSynced(mapping, of, view(1, ['Ann', 'p1']))).toBe(false);
  });

  it('has no match keys in the index where the record is out of scope', () => {
    expect(indexEntry(view(0, [], { ref: 'b' }))).toEqual({ id: 'a', keys: ['ann@x'], correlationId: 'b' });
    expect(indexEntry(view(0, [], { ref: 'b', inScope: false }))).toEqual({ id: 'a', keys: [], correlationId: 'b' });
  });
});

describe('the base', () => {
  it('is written from either side', () => {
    expect(entryFrom(0, 'own', 'other')).toEqual(['own', 'other']);
    expect(entryFrom(1, 'own', 'other', 'd')).toEqual(['other', 'own', 'd']);
  });

  it('has no entry for names that every object has', () => expect(baseEntry({}, 'toString')).toBeUndefined());

  it('has an empty fingerprint for a property that the mapping does not have', () =>
    expect([fingerprintOf(mapping, ann, 'phone'), fingerprintOf(mapping, ann, 'mail')]).toEqual(['p1', '']));

  it('takes the present definition where an entry names none, and leaves unknown properties alone', () =>
    expect(marked(mapping, { name: ['a', 'b'], phone: ['a', 'b', 'phone#0'], mail: ['a', 'b'] })).toEqual({
      name: ['a', 'b', 'name#1'],
      phone: ['a', 'b', 'phone#0'],
      mail: ['a', 'b'],
    }));

  it('has what arrived of the writes that were begun', () => {
    const write = (side: 0 | 1, sent: string) => ({ property: 'phone', side, sent, from: 'x' });
    const views = [ann, view(1, ['Ann', 'p2'])] as const;
    expect(appliedWrites(mapping, views, [write(0, 'p1'), write(0, 'p2'), write(1, 'p2')])).toEqual([
      write(0, 'p1'),
      write(1, 'p2'),
    ]);
  });

  it('contains, for two records that match, what unconfirmed creates sent and is still there', () =>
    expect(
      baseOfMatch(
        mapping,
        [ann, view(1, ['Ann', 'p2'])],
        [pendingCreate({ name: 'Ann', phone: 'p1' }), pendingCreate({ name: 'Eve', phone: 'p1' })],
      ),
    ).toEqual({ name: ['?', 'Ann', 'name#1'], phone: ['p1', '?', 'phone#1'] }));

  const source = view(0, ['Bob', 'p1']);
  const created = view(1, ['Ann', 'p1'], { id: 'new' });
  const exact = { begun: undefined, exact: true };
  const begun = (sent: Record<string, string>) => ({ begun: pendingCreate(sent), exact: true });
  it.each([
    ['as the target answered it', { name: 'Bob', phone: 'p1' }, exact, { name: ['Bob', 'Ann'], phone: ['p1', 'p1'] }],
    [
      'not of what was read differently later',
      { name: 'Bob', phone: 'p1' },
      { begun: undefined, exact: false },
      { name: ['Bob', 'Bob'], phone: ['p1', 'p1'] },
    ],
    ['nothing of what was not sent', { phone: 'p1' }, exact, { phone: ['p1', 'p1'] }],
    [
      'of an earlier try, with the edits of the source since then',
      { name: 'Bob', phone: 'p1' },
      begun({ name: 'Ann', phone: 'p1' }),
      { name: ['?', 'Ann'], phone: ['p1', 'p1'] },
    ],
    ['of an earlier try, with what was taken away since', {}, begun({ name: 'Ann' }), { name: ['?', 'Ann'] }],
    ['of an earlier try, with what was added since', { name: 'Bob' }, begun({}), { name: ['?', ''] }],
    ['of an earlier try, with what was added on both sides', { name: 'Ann' }, begun({}), { name: ['?', 'Ann'] }],
    [
      'of an earlier try, with what was edited there',
      { name: 'Bob' },
      begun({ name: 'Bob' }),
      { name: ['Bob', 'Bob'] },
    ],
  ])('is made for a create: %s', (_, sent, how, wanted) =>
    expect(baseOfCreate(mapping, source, created, sent as never, how)).toEqual(wanted),
  );

  it('is made for a create from the second side too', () =>
    expect(baseOfCreate(mapping, view(1, ['Bob', 'p1']), view(0, ['Ann', 'p1']), { name: 'Bob' }, exact)).toEqual({
      name: ['Ann', 'Bob'],
    }));
});

describe('what is kept of values that are overwritten', () => {
  it('names side, property, rule and time', () =>
    expect(overwrittenValue(mapping, ann, 'phone', 'conflict', 0)).toEqual([
      { at: '1970-01-01T00:00:00.000Z', property: 'phone', side: 'crm', value: 'p1', rule: 'conflict' },
    ]));
  it('is nothing of an empty value', () =>
    expect(overwrittenValue(mapping, view(0, ['Ann', '']), 'phone', 'conflict', 0)).toEqual([]));
  it('is all of a record that is deleted', () =>
    expect(deletedValues(mapping, view(1, ['Ann', '']), 0)).toEqual([
      { at: '1970-01-01T00:00:00.000Z', property: 'name', side: 'shop', value: 'Ann', rule: 'deleted' },
    ]));
});

describe('the last modification that was not our own', () => {
  const at = (modified: string | undefined) => view(0, [], { modified });
  const [first, second] = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'] as const;
  const [one, two] = [Date.parse(first), Date.parse(second)];

  it.each([
    ['no time is stated', undefined, [{ at: one, before: undefined }], undefined],
    ['we never wrote it', first, [], first],
    ['it is our own write', '2026-01-02T01:00:00+01:00', [{ at: two, before: one }], first],
    [
      'it is one of our own writes',
      second,
      [
        { at: one, before: 5 },
        { at: two, before: one },
      ],
      first,
    ],
    ['nobody else ever wrote it', first, [{ at: one, before: undefined }], '1970-01-01T00:00:00.000Z'],
    ['it was edited since', second, [{ at: one, before: 5 }], second],
  ])('is determined where %s', (_, modified, own, wanted) => expect(foreignModified(at(modified), own)).toBe(wanted));

  it.each([
    ['no time is stated', at(first), at(undefined), [], undefined],
    ['it was created', undefined, at(second), [], { at: two, before: undefined }],
    ['it was edited before', at(first), at(second), [], { at: two, before: one }],
    ['it was written before', at(first), at(second), [{ at: one, before: 5 }], { at: two, before: 5 }],
    [
      'only we have written it',
      at(first),
      at(second),
      [{ at: one, before: undefined }],
      { at: two, before: undefined },
    ],
    ['it stated no time before', at(undefined), at(second), [], { at: two, before: undefined }],
  ])('is determined for the note of our own write where %s', (_, before, after, own, wanted) =>
    expect(ownWriteOf(before, after, own)).toEqual(wanted),
  );
});

it('a record of an entity without updates is read first like any other', () => {
  const facts = factsOf({ mapping: mappingOf({ sides: [{ update: null }, {}] }) });
  expect(mustReadFirst(facts, { views: [ann, view(1, ['Ann', 'p1'])] }, 0)).toBe(true);
});

it('mergePair gives the decisions on two records without any effect', () => {
  const views = [ann, view(1, ['Ann', 'p2'])] as const;
  const base = { name: ['Ann', 'Ann'], phone: ['p1', 'p1'] } as const;
  const pair = {
    ids: ['a', 'b'],
    views,
    base,
    applied: [],
    pending: [],
    unconfirmed: [],
    correlation: [undefined, undefined],
  } as const;
  expect(mergePair(factsOf({}), pair, conversionsOf(mapping, views)).decisions).toEqual([
    { property: 'name', rule: 'in-step' },
    { property: 'phone', rule: 'one-changed', writes: 0 },
  ]);
});

it('two creates have sent the same whatever the order of their properties', () => {
  expect(sameSent({ sent: { a: '1', b: '2' } }, { sent: { b: '2', a: '1' } })).toBe(true);
  expect(sameSent({ sent: { a: '1' } }, { sent: { a: '2' } })).toBe(false);
});

it('trouble with a reference names the records that it waits for, if any', () => {
  const error = new TandemError('REFERENCE_WAITING', 'It waits.');
  const firm = { mapping: 'firms', side: 0, id: 'f' } as const;
  expect(troubleOf(error, [{ ...firm, settled: true }]).refs).toEqual([firm]);
  expect(troubleOf(error).refs).toEqual([]);
});

it('a record is settled with any issue but a block of the brake and that nothing refers to it', () => {
  expect([
    isSettled(undefined, false),
    isSettled({ kind: 'blocked' }, false),
    isSettled({ kind: 'unmatched', code: 'NOT_REFERENCED' }, false),
    isSettled({ kind: 'unmatched' }, false),
    isSettled({ kind: 'waiting' }, false),
  ]).toEqual([false, false, false, true, true]);
  // Created on demand, it may get one once somebody corrects or decides something.
  expect(
    (['waiting', 'failed', 'review', 'unmatched', 'orphaned'] as const).map((kind) => isSettled({ kind }, true)),
  ).toEqual([false, false, false, true, true]);
});

it('a record that was not asked for, or does not exist, has no view', () => {
  const facts = { ...factsOf({}), records: [undefined, { kind: 'absent' }] as const };
  expect([viewOn(facts, 0), viewOn(facts, 1)]).toEqual([undefined, undefined]);
});

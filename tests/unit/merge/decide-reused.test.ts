/** The decision table for records that are others than were asked for, or than were linked. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import type { Issue } from '../../../engine/store/types.ts';
import type { RecordView } from '../../../engine/sync/view.ts';
import { agreedOn, link, mappingOf, PLACE, play, type Situation, view } from './situation.ts';

const winner = { kind: 'other', id: 'w' } as const;
const ann = view(1, ['Ann', 'p1']);

describe('a record that was merged into another one', () => {
  const merged: Situation = { link: link(agreedOn('Ann', 'p1')), records: [winner, ann] };

  it('is in review with the counterpart of the winner, and nothing is written', () =>
    expect(play({ ...merged, answers: { winnersCounterpart: 'c' } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: counterpart, side: 0, id: w}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", "<Ann, p1>"]}}
          open: {0/a: {issue: {kind: review, code: RECORD_MERGED, reason: "crm answers record w for a: the two were merged there. Their counterparts in shop are c and b: merge them there if they are the same, or break this link.", mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = review {ids: [a, b], code: RECORD_MERGED, reason: "crm answers record w for a: the two were merged there. Their counterparts in shop are c and b: merge them there if they are the same, or break this link."}
      "
    `));

  it('is in review where the winner has no counterpart', () =>
    expect(play(merged)).toContain('Record w has no counterpart in shop: break this link, and link b to it by hand'));

  it('ends its link where the counterpart is gone too', () =>
    expect(play({ ...merged, records: [winner, 'absent'] })).toContain('result: {kind: removed, ids: [a, b]}'));

  it('is looked at under the id of the winner where it has no link', () =>
    expect(play({ records: [winner, undefined] })).toContain('mark: [{mapping: people, side: 0, id: w}]'));
});

describe('an id that was given again', () => {
  const issue: Issue = { kind: 'orphaned', reason: '', mapping: 'v1', since: 5 };
  const mapping = mappingOf({ properties: { name: {}, phone: {}, city: {} } });
  const base = { ...agreedOn('Ann', 'p1'), city: ['Bern', 'Bern', 'city#1'] as const };
  const shop = view(1, ['Ann', 'p1', 'Bern']);
  const born = (of: RecordView, created: string): RecordView => ({ ...of, record: { ...of.record, created } });
  const stranger = (values = ['Zoe', 'p9', 'Rome'], more = {}) => view(0, values, { keys: ['zoe@x'], ...more });
  const given = (of: RecordView, more: Situation = {}): string =>
    play({ mapping, link: link(base, { created: Date.parse('2026-01-01') }), records: [of, shop], ...more });
  /** The record on side 0 was seen as gone. */
  const gone: Situation = { open: { issue }, link: link(base, { lastSynced: ['', '<s>'] }) };

  it('is in review where match keys and all values are others at once, and nothing is written', () =>
    expect(given(stranger())).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1], city: [Bern, Bern, city#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<name=Zoe\\nname#1\\nphone=p9\\nphone#1\\ncity=Rome\\ncity#1>", "<name=Ann\\nname#1\\nphone=p1\\nphone#1\\ncity=Bern\\ncity#1>"]}}
          open: {0/a: {issue: {kind: review, code: ID_REUSED, reason: "crm shows another record under a than the one that was linked: its match keys and all its values are others at once. Break the link, and link the right ones by hand. What was made to refer to it since then may name the former one: look at that, too.", mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = review {ids: [a, b], code: ID_REUSED, reason: "crm shows another record under a than the one that was linked: its match keys and all its values are others at once. Break the link, and link the right ones by hand. What was made to refer to it since then may name the former one: look at that, too."}
      "
    `));

  /** Created so many ms after our own last write to the linked record. */
  const afterOurs = (ms: number, wrote = '2025-12-01T00:00:00.007Z') => ({
    link: link(base, { created: Date.parse('2026-01-01'), ownWriteAt: [Date.parse(wrote), 0] }),
    born: new Date(Date.parse(wrote) + ms).toISOString(),
  });
  const { link: inSeconds, born: inMs } = afterOurs(999, '2025-12-01T00:00:00Z');
  const { link: writtenInMs, born: bornInSeconds } = afterOurs(500, '2025-12-01T00:00:00.500Z');

  it('is in review where the record was created after our own last write to it, however soon', () => {
    const { link: linked, born: at } = afterOurs(1);
    expect(given(born(stranger(['Zoe', 'p9', 'Bern']), at), { link: linked })).toContain('code: ID_REUSED');
  });

  it('is in review where the record was created a second after our own last write to it, which states no ms', () => {
    const { link: linked, born: at } = afterOurs(1_000, '2025-12-01T00:00:00Z');
    expect(given(born(stranger(['Zoe', 'p9', 'Bern']), at), { link: linked })).toContain('code: ID_REUSED');
  });

  it('is in review where the record was created long after it was linked, and we have never written it', () =>
    expect(given(born(stranger(['Zoe', 'p9', 'Bern']), '2026-01-04'))).toContain('code: ID_REUSED'));

  it('is in review where it has no match key and was created long after it was linked', () =>
    expect(given(born(stranger(['Zoe', 'p9', 'Rome'], { keys: [undefined] }), '2026-01-04'))).toContain(
      'code: ID_REUSED',
    ));

  it('is in review where the record was gone, and holds other values', () =>
    expect(given(stranger(['Zoe', 'p9', 'Bern']), gone)).toContain('code: ID_REUSED'));

  it.each(['review', 'orphaned'] as const)('is in review again when it is looked at again (%s before)', (kind) =>
    expect(
      given(stranger(['Zoe', 'p9', 'Bern']), { open: { issue: { ...issue, kind, code: 'ID_REUSED' } } }),
    ).toContain('kind: review, code: ID_REUSED'),
  );

  it.each([
    ['it is the same record again', [stranger(['Zoe', 'p9', 'Bern'], { keys: ['ann@x'] }), shop]],
    ['its counterpart is gone', [stranger(), 'absent']],
    ['it was merged into another one', [winner, shop]],
  ] as const)('marks what waits for either record dirty once %s', (_, records) => {
    const open = { issue: { ...issue, kind: 'review', code: 'ID_REUSED' } } as const;
    expect(given(stranger(), { records, open })).toContain('markDependents: [0/a, 1/b]');
    expect(given(stranger(), { records })).not.toContain('markDependents: [');
  });

  it('stays in review while it cannot be read', () => {
    const records = [new TandemError('EXPRESSION_FAILED', 'No.'), shop] as const;
    const steps = given(stranger(), { records, open: { issue: { ...issue, kind: 'review', code: 'ID_REUSED' } } });
    expect(steps).toContain('open: {0/a: {}, 1/b:');
    expect(steps).toContain('= failed {code: EXPRESSION_FAILED');
  });

  it.each([
    ['a value is as it was', stranger(['Zoe', 'p9', 'Bern']), {}],
    ['the match key is as it was', stranger(['Zoe', 'p9', 'Rome'], { keys: ['ann@x'] }), {}],
    ['it was created before it was linked', born(stranger(), '2025-12-28'), {}],
    [
      'it was created before our own last write to it',
      born(stranger(), afterOurs(0).born),
      { link: afterOurs(0).link },
    ],
    [
      'it was created in the second of our own last write, which states no ms',
      born(stranger(), inMs),
      { link: inSeconds },
    ],
    [
      'it was created in the second of our own last write, and states no ms',
      born(stranger(), bornInSeconds),
      { link: writtenInMs },
    ],
    ['it may have been created before it was linked, as far as clocks tell', born(stranger(), '2026-01-02'), {}],
    [
      'most of its values are as they were, although it states another time',
      born(stranger(['Zoe', 'p1', 'Bern']), '2026-01-04'),
      {},
    ],
    ['it is there again with most of its values', stranger(['Ann', 'p1', 'Rome']), gone],
    [
      'it names its counterpart',
      stranger(['Zoe', 'p9', 'Rome'], { ref: 'b' }),
      { mapping: mappingOf({ properties: { name: {}, phone: {}, city: {} }, sides: [{ correlate: PLACE }, {}] }) },
    ],
  ])('is the same record where %s', (_, of, more) => {
    const steps = given(of, more as Situation);
    expect(steps).not.toContain('ID_REUSED');
    expect(steps).toContain('? {ask: conversions');
  });
});

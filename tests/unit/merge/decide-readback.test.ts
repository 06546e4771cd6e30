/** The decision table for what a record shows of our own writes: old readings, writes that were not stored, values to and fro. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import type { PropertyState } from '../../../engine/merge/merge.ts';
import { readback } from '../../../engine/merge/readback.ts';
import { mapPair } from '../../../engine/model/pair.ts';
import type { RecentWrite } from '../../../engine/store/types.ts';
import type { OwnWrite } from '../../../engine/sync/facts.ts';
import type { Pair, SideIndex } from '../../../engine/types.ts';
import {
  agreedOn,
  conversionsOf,
  factsOf,
  LAG,
  link,
  mappingOf,
  NOW,
  play,
  type Situation,
  state,
  steps,
  view,
} from './situation.ts';

const wrote = (more: Partial<RecentWrite> = {}): RecentWrite => ({
  property: 'phone',
  side: 1,
  before: 'p1',
  sent: 'p2',
  at: NOW - 5_000,
  times: 1,
  ...more,
});
/** We wrote p2 to the second side; it was p1 before. */
const agreed = agreedOn('Ann', 'p2');
const a = view(0, ['Ann', 'p2']);
const showing = (b: readonly string[], more: Partial<Situation> = {}): Situation => ({
  link: link(agreed),
  records: [a, view(1, b)],
  recent: [wrote()],
  ...more,
});
const none = mappingOf({ sides: [{}, { update: { answer: 'none' } }] });
const OWN = Date.parse('2026-01-02T00:00:00Z');

describe('an own write whose outcome was never recorded', () => {
  const begun = { property: 'phone', side: 1, sent: 'p2', from: 'p2' } as const;
  const pendingWrites = { revision: 3, ids: ['a', 'b'], writes: [begun] } as const;
  const first = view(0, ['Ann', 'p1']);
  /** We sent p2, a person put p1 back on the first side, and the second side has shown p1 for so long. */
  const late = (more: Partial<RecentWrite> = {}): Situation => ({
    link: link(agreedOn('Ann', 'p1')),
    records: [first, view(1, ['Ann', 'p2'])],
    recent: [wrote({ unshown: true, from: 'p2', ...more })],
  });

  it('is remembered where nothing shows it yet and reads may lag', () => {
    const situation = (lag: number): Situation => ({
      mapping: mappingOf({ sides: [{}, { lag }] }),
      link: link(agreedOn('Eve', 'p1')),
      open: { pendingWrites },
      records: [first, view(1, ['Ann', 'p1'])],
    });
    const remembered = `{property: phone, side: 1, before: p1, sent: p2, at: ${NOW}, times: 1, unshown: true, from: p2}`;
    expect(play(situation(LAG))).toContain(`recent: [${remembered}]`);
    // It is looked at again when reads can no longer lag.
    expect(play(situation(LAG))).toContain(`mark: [{mapping: people, side: 1, id: b, inMs: ${LAG}}]`);
    expect(play(situation(0))).not.toContain('from:');
  });

  it.each<[string, Pick<Situation, 'open'> & Required<Pick<Situation, 'records'>>]>([
    ['cannot be read', { records: [first, new TandemError('SYSTEM_REJECTED', 'No.', { status: 422 })] }],
    ['is gone', { records: [first, 'absent'] }],
    ['was merged into another one', { records: [first, { kind: 'other', id: 'w' }] }],
    [
      'is another one under the same id',
      {
        records: [first, view(1, ['Zoe', 'p9'], { keys: ['zoe@x'] })],
        open: { issue: { kind: 'review', code: 'ID_REUSED', reason: '', mapping: 'v1', since: 5 } },
      },
    ],
  ])('stays noted while the record %s', (_, { open, records }) => {
    const situation = { link: link(agreedOn('Ann', 'p1')), records, open: { ...open } };
    const noted = play({ ...situation, open: { ...open, pendingWrites } });
    expect(noted).toMatch(/= (failed|review|orphaned)/);
    expect(noted).toContain('pending: [{property: phone, side: 1, sent: p2, from: p2}]');
    const without = play(situation);
    expect(without).toContain('result: {kind: link');
    expect(without).not.toContain('pending:');
  });

  it.each([
    [0, 'p1', false],
    [0, 'p2', true],
    [LAG, 'p1', true],
  ])(
    'stays noted while the other record cannot be read, unless it is shown not to be done: lag %i, %s',
    (lag, phone, stays) => {
      const unreadable = new TandemError('SYSTEM_REJECTED', 'No.', { status: 422 });
      const steps = play({
        mapping: mappingOf({ sides: [{}, { lag }] }),
        link: link(agreedOn('Ann', 'p1')),
        open: { pendingWrites },
        look: [1, 'b'],
        records: [unreadable, view(1, ['Ann', phone])],
      });
      expect(steps.includes('pending: [')).toBe(stays);
    },
  );

  it('has the record read to which it went, though the other one is as it was', () => {
    const asItWas = link(agreedOn('Ann', 'p1'), { lastSynced: [state('Ann', 'p1'), state('Ann', 'p1')] });
    const quiet: Situation = { link: asItWas, records: [first, view(1, ['Ann', 'p2'])] };
    expect(play({ ...quiet, open: { pendingWrites } })).toContain('? {ask: record, side: 1, id: b}');
    expect(play(quiet)).not.toContain('side: 1');
  });

  it('is not remembered where somebody edited the property there since', () =>
    expect(
      play({
        link: link(agreedOn('Ann', 'p1')),
        open: { pendingWrites },
        records: [first, view(1, ['Ann', 'p3'])],
      }),
    ).not.toContain('unshown: true'));

  it('is forgotten once the record shows another value than before', () =>
    expect(play({ ...late(), records: [first, view(1, ['Ann', 'p5'])] })).not.toContain('from: p2}'));

  it('is kept in the history where it gives way', () =>
    expect(play(late())).toContain(
      '! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p2, rule: returned}]}',
    ));

  it('counts as stored once the record shows it: what the other side holds by now is written', () => {
    const played = play(late());
    expect(played).toContain(
      '! update {side: 1, view: 1/b(Ann, p2), writes: [{property: phone, value: p1, fingerprint: p1}]',
    );
    expect(played).not.toContain('from: p2}');
    expect(played).not.toContain('times: 2');
  });

  it('counts as stored, too, where the record is looked at long after reads may lag', () =>
    expect(play(late({ at: NOW - 10 * LAG }))).toContain('! update {side: 1'));

  it('is forgotten where the property is written again', () =>
    expect(
      play({
        ...late(),
        records: [view(0, ['Ann', 'p9']), view(1, ['Ann', 'p1'])],
      }),
    ).not.toContain('from: p2'));

  it('is awaited for as long as reads may lag', () => {
    const showsFormer = (at: number) => play({ ...late({ at }), records: [first, view(1, ['Ann', 'p1'])] });
    expect(showsFormer(NOW - LAG + 1)).toContain('from: p2}');
    expect(showsFormer(NOW - LAG)).not.toContain('from: p2}');
  });

  it('is looked for once reads no longer lag, also after a look before that', () =>
    expect(
      play({
        ...late({ at: NOW - LAG / 4 }),
        records: [first, view(1, ['Ann', 'p1'])],
        link: link(agreedOn('Eve', 'p1')),
      }),
    ).toContain(`mark: [{mapping: people, side: 1, id: b, inMs: ${(3 * LAG) / 4}}]`));

  it('is remembered where the record shows what stood there before an earlier write', () =>
    expect(
      play({
        link: link(agreedOn('Ann', 'p1')),
        open: { pendingWrites },
        recent: [wrote({ before: 'p0', sent: 'p1', at: NOW - 1 })],
        records: [first, view(1, ['Ann', 'p0'])],
      }),
    ).toContain('unshown: true, from: p2}'));

  it('is remembered where its value may be that from before an earlier write', () => {
    const played = play({
      link: link(agreedOn('Ann', 'p1')),
      open: { pendingWrites },
      recent: [wrote({ before: 'p2', sent: 'p1', at: NOW - 1 })],
      records: [first, view(1, ['Ann', 'p2'])],
    });
    expect(played).toContain('unshown: true, from: p2}');
    expect(played).not.toContain('! update');
  });

  it('is remembered beside another one', () =>
    expect(
      play({
        ...late({ at: NOW - 1 }),
        records: [first, view(1, ['Ann', 'p1'])],
        open: { pendingWrites: { ...pendingWrites, writes: [{ ...begun, sent: 'p3', from: 'p3' }] } },
      }),
    ).toMatch(/from: p2}.*from: p3}/));

  it('is remembered while a record is out of scope', () =>
    expect(
      play({
        link: link(agreedOn('Ann', 'p1')),
        open: { pendingWrites },
        records: [view(0, ['Ann', 'p1'], { inScope: false }), view(1, ['Ann', 'p1'])],
      }),
    ).toContain('unshown: true, from: p2}'));

  it('takes no recorded write out of memory', () =>
    expect(
      play({
        link: link(agreedOn('Eve', 'p1')),
        recent: [
          wrote({ before: 'p0', sent: 'p1', at: NOW - 2 * LAG }),
          wrote({ before: 'p1', sent: 'p2', at: NOW - 1, unshown: true, from: 'p2' }),
        ],
        records: [first, view(1, ['Ann', 'p1'])],
      }),
    ).toContain('before: p0, sent: p1'));

  it('was stored where a reading has shown it: the former value is an edit later', () => {
    const shown = play({
      link: link(agreedOn('Ann', 'p1')),
      open: { pendingWrites },
      records: [a, view(1, ['Ann', 'p2'])],
    });
    expect(shown).toContain(
      `recent: [{property: phone, side: 1, before: p1, sent: p2, at: ${NOW}, times: 1, read: true}]`,
    );
    const later = { ...showing(['Ann', 'p1']), recent: [wrote({ read: true, at: NOW - 10 * LAG })] };
    expect(play(later)).toContain('! update {side: 0');
  });

  it('makes no loss of what the record shows instead', () =>
    expect(play({ ...late(), records: [first, view(1, ['Ann', ''])] })).toContain('! update {side: 0'));
});

describe('a record that shows the value from before our own write', () => {
  it('has shown an old reading: nothing flows back, and it is read again', () =>
    expect(play(showing(['Ann', 'p1']))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", ""]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 995000, times: 1}]
          mark: [{mapping: people, side: 1, id: b, inMs: 5000}]
          = unchanged {ids: [a, b]}
      "
    `));

  it.each([
    [0, 1_000],
    [999, 1_000],
    [1_001, 1_001],
    [59_999, 59_999],
  ])('is read again after a time equal to the age of the write, at least 1 s: %s ms, %s ms', (age, inMs) =>
    expect(play(showing(['Ann', 'p1'], { recent: [wrote({ at: NOW - age })] }))).toContain(
      `mark: [{mapping: people, side: 1, id: b, inMs: ${inMs}}]`,
    ),
  );

  it('is read again once a minute at least', () =>
    expect(
      play(
        showing(['Ann', 'p1'], {
          mapping: mappingOf({ sides: [{}, { lag: 300_000 }] }),
          recent: [wrote({ at: NOW - 200_000 })],
        }),
      ),
    ).toContain('inMs: 60000'));

  it('raises an issue where it still shows that value when reads can no longer lag', () =>
    expect(play(showing(['Ann', 'p1'], { recent: [wrote({ at: NOW - LAG })] }))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["?", p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: failed, code: WRITE_NOT_STORED, reason: "shop took the write of phone without an error, and still holds the value from before.", property: phone, mapping: v1, since: 1000000}, decision: null, unsettled: {phone: {halt: {values: [p2, p1], code: WRITE_NOT_STORED, reason: "shop took the write of phone without an error, and still holds the value from before."}, returns: 0, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 940000, times: 1}]
          mark: []
          = failed {ids: [a, b], code: WRITE_NOT_STORED, reason: "shop took the write of phone without an error, and still holds the value from before.", property: phone}
      "
    `));

  it('has shown an old reading where its page was requested within the lag and looked at after it', () => {
    const shownAgo = 6_000;
    const [first, second] = [a, view(1, ['Ann', 'p1'])].map(
      (one, order) => ({ kind: 'present', view: one, from: 'list', askedFor: one.record.id, order, shownAgo }) as const,
    );
    const played = play(
      showing(['Ann', 'p1'], { recent: [wrote({ at: NOW - LAG - 5_000 })], delivered: [first, second] }),
    );
    expect(played).toContain(`mark: [{mapping: people, side: 1, id: b, inMs: ${LAG - 1_000}}]`);
    expect(played).not.toContain('WRITE_NOT_STORED');
  });

  it('has its lag counted from the response to our own write, which may have waited for quota', () => {
    const done = { kind: 'done', view: view(1, ['Ann', 'p3']), properties: ['phone'], at: NOW + 40_000.4 } as const;
    const records = [view(0, ['Ann', 'p3']), view(1, ['Ann', 'p2'])] as const;
    const played = play({ link: link(agreed), records, effects: { written: [undefined, done] } });
    expect(played).toContain(
      `recent: [{property: phone, side: 1, before: p2, sent: p3, at: ${NOW + 40_000}, times: 1}]`,
    );
  });

  it('does not keep other properties from being written', () =>
    expect(play(showing(['Bob', 'p1']))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Bob, p1)], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 0, sent: Bob, definition: name#1, from: Bob}]}}
          = updated {writes: [[name], []], ids: [a, b]}
      ! update {side: 0, view: 0/a(Ann, p2), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", ""]}}
          handled: [0/a(Bob, p2), 1/b(Bob, p1)]
          written: [a, -]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 995000, times: 1}, {property: name, side: 0, before: Ann, sent: Bob, at: 1000000, times: 1}]
          mark: [{mapping: people, side: 1, id: b, inMs: 5000}]
          = updated {writes: [[name], []], ids: [a, b], changes: ["", -]}
      "
    `));

  it('gets our value again when another property is written, so that a write of the whole does not undo it', () =>
    expect(play(showing(['Ann', 'p1'], { records: [view(0, ['Bob', 'p2']), view(1, ['Ann', 'p1'])] }))).toContain(
      'writes: [{property: name, value: Bob, fingerprint: Bob}], unshown: [{property: phone, value: p2, fingerprint: p2}]',
    ));

  it('does not keep an edit of the other side from being written', () =>
    expect(
      play(showing(['Ann', 'p1'], { records: [view(0, ['Ann', 'p3']), view(1, ['Ann', 'p1'])] })),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p3), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p3, definition: phone#1, from: p3}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: p3, fingerprint: p3}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p3, p3, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p3>", ""]}}
          handled: [0/a(Ann, p3), 1/b(Ann, p3)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 995000, times: 1}, {property: phone, side: 1, before: p1, sent: p3, at: 1000000, times: 1}]
          mark: [{mapping: people, side: 1, id: b, inMs: 5000}]
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('gets an edit of the other side also after the lag has passed', () =>
    expect(
      play(
        showing(['Ann', 'p1'], {
          records: [view(0, ['Ann', 'p3']), view(1, ['Ann', 'p1'])],
          recent: [wrote({ at: NOW - LAG })],
        }),
      ),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p3), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p3, definition: phone#1, from: p3}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: p3, fingerprint: p3}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p3, p3, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p3>", "<Ann, p3>"]}}
          handled: [0/a(Ann, p3), 1/b(Ann, p3)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p3, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it.each([
    ['second', 1],
    ['first', 0],
  ] as const)('of the %s side is written where the other side was edited back to that value', (_, side) =>
    expect(
      play({
        link: link(agreed),
        records: [view(0, ['Ann', 'p1']), view(1, ['Ann', 'p1'])],
        recent: [wrote({ side })],
      }),
    ).toContain(`update {side: ${side}`),
  );

  it('is not written after the lag where the other side was edited back to that value', () =>
    expect(
      play({
        link: link(agreed),
        records: [view(0, ['Ann', 'p1']), view(1, ['Ann', 'p1'])],
        recent: [wrote({ at: NOW - LAG })],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 940000, times: 1}]
          mark: []
          = unchanged {ids: [a, b]}
      "
    `));

  it('shows no old reading where that value was agreed on since', () =>
    expect(
      play({
        link: link(agreedOn('Ann', 'p1')),
        records: [view(0, ['Ann', 'p1']), view(1, ['Ann', 'p1'])],
        recent: [wrote()],
      }),
    ).toContain('mark: []'));

  it('is an old reading within the lag, and the form of the system after it, where that value is a form of what we wrote', () => {
    const shown = (at: number) => play(showing(['Ann', '+p2'], { recent: [wrote({ before: '+p2', at })] }));
    expect(shown(NOW - 1_000)).toContain('inMs: 1000');
    expect(shown(NOW - LAG)).toContain('update {side: 0');
  });

  it.each<readonly [string, Pair<PropertyState['toward'][0]>]>([
    ['nothing flows there any more', [{ ok: true, value: 'p1', fingerprint: 'p1' }, undefined]],
    [
      'what would be written there cannot be converted any more',
      [
        { ok: true, value: 'p1', fingerprint: 'p1' },
        { ok: false, error: new TandemError('VALUE_TYPE', 'No number.') },
      ],
    ],
  ])('has shown an old reading also where %s', (_, phone) =>
    expect(play(showing(['Ann', 'p1'], { toward: { phone } }))).toContain('inMs: 5000'),
  );

  it('is not taken for an edit while a person puts another property back', () =>
    expect(
      play(
        showing(['Ann', 'p1'], {
          choice: {
            kind: 'restore',
            property: 'name',
            side: 0,
            entry: { at: '', property: 'name', side: 'crm', value: 'Eve', rule: 'conflict' },
          },
          answers: {
            restored: { ok: true, write: { property: 'name', value: 'Eve', fingerprint: 'Eve' }, toward: 'Eve' },
          },
          effects: { restored: { view: view(0, ['Eve', 'p2']) } },
        }),
      ).match(/! update .*/g),
    ).toEqual([
      '! update {side: 1, view: 1/b(Ann, p1), writes: [{property: name, value: Eve, fingerprint: Eve}], unshown: [{property: phone, value: p2, fingerprint: p2}], readFirst: true}',
    ]));

  it('may show any of our former writes, or what was before them', () => {
    const recent = [wrote({ before: 'p0', sent: 'p1' }), wrote()];
    for (const shown of ['p0', 'p1']) expect(play(showing(['Ann', shown], { recent }))).toContain('inMs: 5000');
    const between = [wrote({ before: 'p0', sent: 'p7' }), wrote()];
    expect(play(showing(['Ann', 'p7'], { recent: between }))).toContain('inMs: 5000');
  });

  it('was edited where somebody modified it after our own write', () => {
    const edited = (modified: string, own: readonly OwnWrite[] = [{ at: OWN, before: undefined }]) =>
      play(
        showing([], {
          link: link(agreed, { ownWriteAt: [0, own[0]?.at ?? 0] }),
          records: [a, view(1, ['Ann', 'p1'], { modified })],
          stored: { ownWrites: [[], own] },
        }),
      );
    expect(edited('2026-01-02T00:00:01Z')).toContain('update {side: 0');
    expect(edited('2026-01-02T00:00:00Z')).not.toContain('update {');
    expect(edited('2026-01-02T00:00:01Z', [])).not.toContain('update {');
    expect(
      edited('2026-01-02T00:00:01Z', [
        { at: OWN, before: undefined },
        { at: OWN + 5_000, before: undefined },
      ]),
    ).not.toContain('update {');
    // Our own write through another mapping came after the edit, and saw it.
    const later = (before: number | undefined) =>
      edited('2026-01-02T00:00:05Z', [
        { at: OWN, before: undefined },
        { at: OWN + 5_000, before },
      ]);
    expect(later(OWN + 1_000)).toContain('update {side: 0');
    for (const before of [OWN, OWN - 1_000, undefined]) expect(later(before)).not.toContain('update {');
  });

  it.each([
    ['our own response', mappingOf()],
    ['what was read right after the write', none],
  ])(
    'was not edited where something else was, and neither %s nor a later reading has shown what we wrote',
    (_, mapping) => {
      const edited = (phone: string, more: Partial<RecentWrite> = {}, response: 'old' | 'good' = 'old') =>
        play(
          showing([], {
            mapping,
            link: link(agreed, { ownWriteAt: [0, OWN] }),
            records: [a, view(1, ['Bob', phone], { modified: '2026-01-02T00:00:01Z' })],
            recent: [{ ...wrote(more), ...(response === 'old' ? { unshown: true } : {}) }],
            stored: { ownWrites: [[], [{ at: OWN, before: undefined }]] },
          }),
        );
      const name = 'writes: [{property: name, value: Bob, fingerprint: Bob}]';
      const phone = 'property: phone, value: p1';
      const early = edited('p1');
      expect(early).toContain(name);
      expect(early).toContain('inMs: 5000');
      const late = edited('p1', { at: NOW - LAG });
      expect(late).toContain(name);
      expect(late).toContain('code: WRITE_NOT_STORED');
      for (const one of [early, late]) expect(one).not.toContain(phone);
      expect(edited('p1', {}, 'good')).toContain(phone);
      expect(edited('p9')).toContain('property: phone, value: p9');
    },
  );

  it('may lag on both sides at once', () =>
    expect(
      play({
        link: link(agreedOn('Ann', 'p2')),
        records: [view(0, ['Ann', 'p0']), view(1, ['Ann', 'p1'])],
        recent: [wrote(), wrote({ side: 0, before: 'p0', at: NOW - 2_000 })],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p0), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", ""]}}
          handled: [0/a(Ann, p0), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 995000, times: 1}, {property: phone, side: 0, before: p0, sent: p2, at: 998000, times: 1}]
          mark: [{mapping: people, side: 0, id: a, inMs: 2000}, {mapping: people, side: 1, id: b, inMs: 5000}]
          = unchanged {ids: [a, b]}
      "
    `));

  it('is read again at the sooner time where two properties lag', () =>
    expect(
      play({
        link: link(agreedOn('Bob', 'p2')),
        records: [view(0, ['Bob', 'p2']), view(1, ['Ann', 'p1'])],
        recent: [wrote(), wrote({ property: 'name', before: 'Ann', sent: 'Bob', at: NOW - 2_000 })],
      }),
    ).toContain('inMs: 2000'));

  it.each<readonly [string, Partial<Situation>]>([
    ['we never wrote it', { recent: [] }],
    ['we wrote another property', { recent: [wrote({ property: 'name' })] }],
    ['we wrote the other side', { recent: [wrote({ side: 0, before: 'p1' })] }],
    [
      'it shows what we wrote',
      { link: link(agreedOn('Ann', 'p3')), records: [view(0, ['Ann', 'p3']), view(1, ['Ann', 'p2'])] },
    ],
  ])('is edited where %s', (_, more) => expect(play(showing(['Ann', 'p1'], more))).toContain('update {side: 0'));

  it('gives its value to the other side at once where a person resolves the conflict so', () =>
    expect(
      play(
        showing(['Ann', 'p1'], {
          mapping: mappingOf({ properties: { name: {}, phone: { conflict: 'review' } } }),
          records: [view(0, ['Ann', 'p3']), view(1, ['Ann', 'p1'])],
          choice: { kind: 'resolve-conflict', winner: 1, properties: new Map() },
        }),
      ),
    ).toContain('update {side: 0'));

  it('gives its value to the other side at once where a person restores that value', () =>
    expect(
      play(
        showing(['Ann', 'p1'], {
          choice: {
            kind: 'restore',
            property: 'phone',
            side: 1,
            entry: { at: '', property: 'phone', side: 'shop', value: 'p1', rule: 'conflict' },
          },
          answers: {
            restored: { ok: true, write: { property: 'phone', value: 'p1', fingerprint: 'p1' }, toward: 'p1' },
          },
        }),
      ),
    ).toContain('update {side: 0'));

  it('is not compared with our own writes where the property has another definition by now', () =>
    expect(
      play(
        showing(['Ann', 'p1'], {
          answers: {
            conversions: {
              refs: [],
              properties: [
                {
                  name: 'phone',
                  direction: 'both',
                  conflict: 'latest',
                  drift: 'keep',
                  own: ['p2', 'p1'],
                  toward: [
                    { ok: true, value: 'p1', fingerprint: 'p1' },
                    { ok: true, value: 'p2', fingerprint: 'p2' },
                  ],
                  redefined: { readable: [true, true], again: undefined },
                },
              ],
            },
          },
        }),
      ),
    ).toContain('update {side: 0'));
});

describe('a write that was not stored', () => {
  const records = [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p1'])] as const;
  const changed: Situation = { link: link(agreedOn('Ann', 'p1')), records };

  it('is read again where the target shows the value from before', () =>
    expect(play({ ...changed, effects: { written: [undefined, ['Ann', 'p1']] } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", ""]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 1000000, times: 1, unshown: true}]
          mark: [{mapping: people, side: 1, id: b, inMs: 1000}]
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('is read again where the target answers nothing, and shows the value from before', () =>
    expect(
      play({ ...changed, mapping: none, effects: { written: [undefined, ['Ann', 'p1']] } }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", ""]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 1000000, times: 1, unshown: true}]
          mark: [{mapping: people, side: 1, id: b, inMs: 1000}]
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('is read again where the target shows what a former write had put there, or what was there before that', () => {
    const recent = [wrote({ before: 'p0', sent: 'p5' }), wrote({ before: 'p5', sent: 'p1' })];
    for (const shown of ['p0', 'p5'])
      expect(play({ ...changed, recent, effects: { written: [undefined, ['Ann', shown]] } })).toContain('inMs: 1000');
  });

  it.each([
    ['of another property', wrote({ property: 'name', before: 'p0', sent: 'p5' })],
    ['of the other side', wrote({ side: 0, before: 'p0', sent: 'p5' })],
  ])('is not assumed where the target shows a former value %s', (_, former) => {
    for (const shown of ['p0', 'p5']) {
      const played = play({ ...changed, recent: [former], effects: { written: [undefined, ['Ann', shown]] } });
      expect(played).toContain(`phone: [p2, ${shown}, phone#1]`);
      expect(played).toContain('mark: []');
      expect(played).toContain('issue: null');
    }
  });

  it('is not assumed where a former value is written again and the target shows it', () => {
    const given: Situation = {
      link: link(agreed),
      records: [view(0, ['Ann', 'p1']), view(1, ['Ann', 'p2'])],
      recent: [wrote()],
    };
    expect(play(given)).toContain('mark: []');
    expect(play(given)).toContain('issue: null');
  });

  it('is not assumed where a value is cleared that was empty before', () =>
    expect(
      play({
        link: link(agreed),
        records: [view(0, ['Ann', '']), view(1, ['Ann', 'p2'])],
        recent: [wrote({ before: '' })],
      }),
    ).toContain('mark: []'));

  it('is not assumed where the target keeps its own form of the value', () =>
    expect(
      play({
        link: link(agreedOn('Ann', '+p1')),
        records: [view(0, ['Ann', 'p1']), view(1, ['Ann', '+p1'])],
        effects: { written: [undefined, ['Ann', '+p1']] },
      }),
    ).toContain('mark: []'));

  it('is an issue at once where the system never lags', () =>
    expect(
      play({
        ...changed,
        mapping: mappingOf({ sides: [{}, { lag: 0 }] }),
        effects: { written: [undefined, ['Ann', 'p1']] },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["?", p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          written: [-, b]
          open: {0/a: {issue: {kind: failed, code: WRITE_NOT_STORED, reason: "shop took the write of phone without an error, and still holds the value from before.", property: phone, mapping: v1, since: 1000000}, decision: null, unsettled: {phone: {halt: {values: [p2, p1], code: WRITE_NOT_STORED, reason: "shop took the write of phone without an error, and still holds the value from before."}, returns: 0, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 1000000, times: 1}]
          mark: []
          = failed {writes: [[], [phone]], ids: [a, b], changes: [-, ""], code: WRITE_NOT_STORED, reason: "shop took the write of phone without an error, and still holds the value from before.", property: phone}
      "
    `));

  const cut: Situation = {
    link: link(agreedOn('Ann', 'p1')),
    records: [view(0, ['Ann', 'a long text']), records[1]],
    effects: { written: [undefined, ['Ann', 'a long']] },
  };

  it('is an issue at once where the target stored only a part of the value', () =>
    expect(play(cut)).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, a long text), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: a long text, definition: phone#1, from: a long text}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: a long text, fingerprint: a long text}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["?", a long, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, a long text>", "<Ann, a long>"]}}
          handled: [0/a(Ann, a long text), 1/b(Ann, a long)]
          written: [-, b]
          open: {0/a: {issue: {kind: failed, code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters.", property: phone, mapping: v1, since: 1000000}, decision: null, unsettled: {phone: {halt: {values: [a long text, a long], code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters."}, returns: 0, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: a long text, at: 1000000, times: 1}]
          mark: []
          = failed {writes: [[], [phone]], ids: [a, b], changes: [-, ""], code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters.", property: phone}
      "
    `));

  const both: Situation = {
    link: link(agreedOn('Ann', 'p1')),
    records: [view(0, ['Ben', 'p1']), view(1, ['Ann', 'a long text'])],
    effects: { written: [['Ben', 'a long'], undefined] },
  };
  const noted = { property: 'phone', side: 0, sent: 'a long', definition: 'phone#1', from: '?' } as const;

  it('is noted before the other record is written, so that a failure there does not make it an edit', () => {
    const begun = steps(both).flatMap(({ step }) => (step.kind === 'act' && 'shown' in step.action ? [step] : []));
    expect(begun).toMatchObject([{ action: { writes: { revision: 3, ids: ['a', 'b'] } } }]);
    expect(play(both)).toMatch(/update \{side: 0.*\n.*begin .*\{property: phone, side: 0, sent: a long, .*shown: true/);
    const stored = play({ ...both, effects: { written: [['Ben', 'a long text'], undefined] } });
    expect(stored).not.toContain('shown');
    const edited = play({ ...both, effects: { written: [['Ben', 'another text'], undefined] } });
    expect(edited).not.toContain('shown');
  });

  it('gives way, once noted, to a person who clears the value meanwhile', () => {
    const open = { pendingWrites: { revision: 3, ids: ['a', 'b'], writes: [noted] } } as const;
    const cleared = play({ ...both, open, records: [view(0, ['Ben', 'a long']), view(1, ['Ann', ''])], effects: {} });
    expect(cleared).toMatch(/update \{side: 0, .*writes: \[\{property: phone, value: null, fingerprint: ""\}\]/);
    expect(cleared).toMatch(/update \{side: 1, .*writes: \[\{property: name, value: Ben, fingerprint: Ben\}\]/);
  });

  it('is written again, once noted, and looked at again, where nobody edits the value meanwhile', () => {
    const open = { pendingWrites: { revision: 3, ids: ['a', 'b'], writes: [noted] } } as const;
    const again = play({ ...both, open, records: [view(0, ['Ben', 'a long']), both.records![1]] });
    expect(again).toMatch(/update \{side: 0, .*writes: \[\{property: phone, value: a long text,/);
    expect(again).toMatch(/update \{side: 1, .*writes: \[\{property: name, value: Ben, fingerprint: Ben\}\]/);
    expect(again).toContain('mark: [{mapping: people, side: 0, id: a, inMs: 1000}]');
  });

  it('is an issue at once, and no edit, where the target stored only a part and answers nothing', () =>
    expect(play({ ...cut, mapping: none })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, a long text), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: a long text, definition: phone#1, from: a long text}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: a long text, fingerprint: a long text}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["?", a long, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, a long text>", "<Ann, a long>"]}}
          handled: [0/a(Ann, a long text), 1/b(Ann, a long)]
          written: [-, b]
          open: {0/a: {issue: {kind: failed, code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters.", property: phone, mapping: v1, since: 1000000}, decision: null, unsettled: {phone: {halt: {values: [a long text, a long], code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters."}, returns: 0, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: a long text, at: 1000000, times: 1}]
          mark: []
          = failed {writes: [[], [phone]], ids: [a, b], changes: [-, ""], code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters.", property: phone}
      "
    `));

  it('is an issue where the target shows a cut text later', () =>
    expect(
      play({
        link: link(agreedOn('Ann', 'a long text')),
        records: [view(0, ['Ann', 'a long text']), view(1, ['Ann', 'a long'])],
        recent: [wrote({ sent: 'a long text' })],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, a long text), 1/b(Ann, a long)], base: {name: [Ann, Ann, name#1], phone: [a long text, a long text, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["?", a long, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, a long text>", "<Ann, a long>"]}}
          handled: [0/a(Ann, a long text), 1/b(Ann, a long)]
          open: {0/a: {issue: {kind: failed, code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters.", property: phone, mapping: v1, since: 1000000}, decision: null, unsettled: {phone: {halt: {values: [a long text, a long], code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters."}, returns: 0, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: a long text, at: 995000, times: 1}]
          mark: []
          = failed {ids: [a, b], code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters.", property: phone}
      "
    `));

  it('is written again where the target shows a cut text and the other side was edited since', () =>
    expect(
      play({
        link: link(agreedOn('Ann', 'a long text')),
        records: [view(0, ['Ann', 'a long story']), view(1, ['Ann', 'a long'])],
        recent: [wrote({ sent: 'a long text' })],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, a long story), 1/b(Ann, a long)], base: {name: [Ann, Ann, name#1], phone: [a long text, a long text, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: a long story, definition: phone#1, from: a long story}]}}
          = updated {writes: [[], [phone]], ids: [a, b], conflicts: [phone]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: a long, rule: conflict}]}
      ! update {side: 1, view: 1/b(Ann, a long), writes: [{property: phone, value: a long story, fingerprint: a long story}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [a long story, a long story, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, a long story>", "<Ann, a long story>"]}}
          handled: [0/a(Ann, a long story), 1/b(Ann, a long story)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: a long text, at: 995000, times: 1}, {property: phone, side: 1, before: a long, sent: a long story, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], conflicts: [phone], changes: [-, ""]}
      "
    `));

  it('does not keep another one from being recorded', () =>
    expect(
      play({
        link: link(agreedOn('Ann', 'p1')),
        records: [view(0, ['Bob', 'a long text']), records[1]],
        effects: { written: [undefined, ['Bob', 'a long']] },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, a long text), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: Bob, definition: name#1, from: Bob}, {property: phone, side: 1, sent: a long text, definition: phone#1, from: a long text}]}}
          = updated {writes: [[], [name, phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: name, value: Bob, fingerprint: Bob}, {property: phone, value: a long text, fingerprint: a long text}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: ["?", a long, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, a long text>", "<Bob, a long>"]}}
          handled: [0/a(Bob, a long text), 1/b(Bob, a long)]
          written: [-, b]
          open: {0/a: {issue: {kind: failed, code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters.", property: phone, mapping: v1, since: 1000000}, decision: null, unsettled: {phone: {halt: {values: [a long text, a long], code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters."}, returns: 0, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 1, before: Ann, sent: Bob, at: 1000000, times: 1}, {property: phone, side: 1, before: p1, sent: a long text, at: 1000000, times: 1}]
          mark: []
          = failed {writes: [[], [name, phone]], ids: [a, b], changes: [-, ""], code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters.", property: phone}
      "
    `));

  it('is reported as a rejected write where the target rejects another property too', () =>
    expect(
      play({
        link: link(agreedOn('Ann', 'p1')),
        records: [view(0, ['Bob', 'a long text']), records[1]],
        effects: {
          written: [
            undefined,
            {
              kind: 'done',
              view: view(1, ['Ann', 'a long']),
              properties: ['phone'],
              refused: new TandemError('RECORD_SCHEMA', 'Too long.', { property: 'name' }),
            },
          ],
        },
      }),
    ).toContain('= failed {writes: [[], [phone]], ids: [a, b], changes: [-, ""], code: RECORD_SCHEMA'));
});

describe('a property that was left alone', () => {
  const halt = { values: ['p2', 'p1'], code: 'WRITE_NOT_STORED', reason: 'Why.' } as const;
  const issue = {
    kind: 'failed',
    code: 'WRITE_NOT_STORED',
    reason: 'Why.',
    property: 'phone',
    mapping: 'v1',
    since: 5,
  } as const;
  const unknown = { name: ['Ann', 'Ann', 'name#1'], phone: ['?', 'p1', 'phone#1'] } as const;
  const lastSynced = [state('Ann', 'p2'), state('Ann', 'p1')] as const;
  const left: Situation = {
    link: link(unknown, { lastSynced }),
    records: [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p1'])],
    open: { issue, unsettled: { phone: { halt, returns: 0, at: 5 } } },
  };

  it('stays so while both sides hold the same, and keeps its issue', () =>
    expect(play(left)).toMatchInlineSnapshot(`
    "
    ? {ask: record, side: 0, id: a}
    ? {ask: record, side: 1, id: b}
    ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: ["?", p1, phone#1]}}
    ! commit
        result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["?", p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p1>"]}}
        handled: [0/a(Ann, p2), 1/b(Ann, p1)]
        open: {0/a: {issue: {kind: failed, code: WRITE_NOT_STORED, reason: "Why.", property: phone, mapping: v1, since: 5}, decision: null, unsettled: {phone: {halt: {values: [p2, p1], code: WRITE_NOT_STORED, reason: "Why."}, returns: 0, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
        recent: []
        mark: []
        = failed {ids: [a, b], code: WRITE_NOT_STORED, reason: "Why.", property: phone}
    "
  `));

  it('stays so while another one is written', () =>
    expect(play({ ...left, records: [view(0, ['Bob', 'p2']), view(1, ['Ann', 'p1'])] })).toContain(
      'update {side: 1, view: 1/b(Ann, p1), writes: [{property: name, value: Bob, fingerprint: Bob}]',
    ));

  it.each<readonly [string, Partial<Situation>]>([
    ['its own side was edited', { records: [view(0, ['Ann', 'p3']), view(1, ['Ann', 'p1'])] }],
    ['the mapping was edited since', { mapping: mappingOf({ version: 'v2' }) }],
    ['a person asks for the record again', { link: link(unknown, { lastSynced: ['', lastSynced[1]] }) }],
    [
      'its issue was settled',
      { link: link(unknown, { lastSynced: ['x', 'y'] }), open: { unsettled: { phone: { halt, returns: 0, at: 5 } } } },
    ],
    ['it was another property', { open: { issue, unsettled: { name: { halt, returns: 0, at: 5 } } } }],
    ['nothing is noted of it', { open: { issue, unsettled: { phone: { returns: 1, at: 5 } } } }],
  ])('is written again where %s', (_, more) => expect(play({ ...left, ...more })).toContain('update {side: 1'));

  it('is a conflict where the other side was edited, and the value that loses is kept', () =>
    expect(play({ ...left, records: [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p9'])] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p9)], base: {name: [Ann, Ann, name#1], phone: ["?", p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[], [phone]], ids: [a, b], conflicts: [phone]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p9, rule: conflict}]}
      ! update {side: 1, view: 1/b(Ann, p9), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p2>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p2)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null, unsettled: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p9, sent: p2, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], conflicts: [phone], changes: [-, ""]}
      "
    `));

  it('agrees once the other side holds it, and nothing is remembered', () =>
    expect(play({ ...left, records: [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p2'])] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p2)], base: {name: [Ann, Ann, name#1], phone: ["?", p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p2>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p2)]
          open: {0/a: {issue: null, decision: null, unsettled: {phone: {halt: {values: [p2, p1], code: WRITE_NOT_STORED, reason: "Why."}, returns: 0, at: 5}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = unchanged {ids: [a, b]}
      "
    `));

  it('has no agreement where it never had one', () => {
    const played = play({ ...left, link: link({ name: ['Ann', 'Ann', 'name#1'] }, { lastSynced }) });
    expect(played).toContain('base: {name: [Ann, Ann, name#1]}');
    expect(played).toContain('reason: "Why."');
  });

  it('does not stand in the way of a new link', () =>
    expect(
      play({
        ...left,
        link: undefined as never,
        rules: [{ candidates: [view(1, ['Ann', 'p1'])], rivals: [], doubtful: [] }],
      }),
    ).toContain('= matched'));

  it('does not stand in the way of a person who decides', () =>
    expect(
      play({
        ...left,
        mapping: mappingOf({ properties: { name: {}, phone: { conflict: 'review' } } }),
        choice: { kind: 'resolve-conflict', winner: 0, properties: new Map() },
      }),
    ).toContain('update {side: 1'));
});

describe('a third value after our own write', () => {
  it('flows back, and what it overwrites is kept', () =>
    expect(play(showing(['Ann', '+p2!']))).toMatchInlineSnapshot(`
    "
    ? {ask: record, side: 0, id: a}
    ? {ask: record, side: 1, id: b}
    ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, +p2!)], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}}
    ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 0, sent: "+p2!", definition: phone#1, from: "+p2!"}]}}
        = updated {writes: [[phone], []], ids: [a, b]}
    ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p2, rule: returned}]}
    ! update {side: 0, view: 0/a(Ann, p2), writes: [{property: phone, value: "+p2!", fingerprint: "+p2!"}], readFirst: true}
    ! commit
        result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["+p2!", "+p2!", phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, +p2!>", "<Ann, +p2!>"]}}
        handled: [0/a(Ann, +p2!), 1/b(Ann, +p2!)]
        written: [a, -]
        open: {0/a: {issue: null, decision: null, unsettled: {phone: {returns: 1, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
        recent: [{property: phone, side: 1, before: p1, sent: p2, at: 995000, times: 1}, {property: phone, side: 0, before: p2, sent: "+p2!", at: 1000000, times: 2}]
        mark: []
        = updated {writes: [[phone], []], ids: [a, b], changes: ["", -]}
    "
  `));

  it.each([
    ['within a quarter of an hour after we created the record, keeps what it overwrites', 0, OWN, true],
    ['a quarter of an hour after we created the record, keeps nothing', 900_000, OWN, false],
    ['in a record that we have never written, keeps nothing', 0, 0, false],
  ])('flows back %s', (_, age, written, keeps) =>
    expect(
      play(
        showing(['Ann', 'p9'], {
          link: link(agreed, { created: NOW - age, ownWriteAt: [0, written] }),
          recent: [],
        }),
      ).includes('property: phone, side: crm, value: p2, rule: returned'),
    ).toBe(keeps),
  );

  it('flows back where it is empty: somebody cleared it, for the response had shown what we wrote', () => {
    const played = play(showing(['Ann', '']));
    expect(played).toContain('update {side: 0');
    expect(played).toContain('property: phone, side: crm, value: p2, rule: cleared');
    expect(played).not.toContain('WRITE_NOT_STORED');
  });

  it.each([
    ['5', '0'],
    ['19', '20'],
    ['250', '300'],
  ])(
    'flows back where it is another whole number: somebody typed it, for the response had shown %s, not %s',
    (sent, typed) => {
      const situation = (recent: Partial<RecentWrite>): Situation => ({
        link: link(agreedOn('Ann', sent)),
        records: [view(0, ['Ann', sent]), view(1, ['Ann', typed])],
        recent: [wrote({ before: '3', sent, ...recent })],
      });
      const played = play(situation({}));
      expect(played).toContain(
        `update {side: 0, view: 0/a(Ann, ${sent}), writes: [{property: phone, value: "${typed}"`,
      );
      expect(played).toContain(`property: phone, side: crm, value: "${sent}", rule: returned`);
      expect(play(situation({ unshown: true }))).toContain('WRITE_NOT_STORED');
    },
  );

  it('is not taken for a clear where it is empty and the response had shown an old value', () => {
    const played = play(showing(['Ann', ''], { recent: [wrote({ unshown: true })] }));
    expect(played).not.toContain('update {');
    expect(played).toContain('reason: "shop stored phone otherwise: nothing of it."');
  });

  it('is not taken for a clear either where the other side was edited since: that edit is written without a conflict', () => {
    const played = play(
      showing([], {
        mapping: mappingOf({ properties: { name: {}, phone: { conflict: 1 } } }),
        records: [view(0, ['Ann', 'p3']), view(1, ['Ann', ''])],
        recent: [wrote({ unshown: true })],
      }),
    );
    expect(played).toContain('update {side: 1, view: 1/b(Ann, ), writes: [{property: phone, value: p3');
    expect(played).not.toContain('update {side: 0');
    expect(played).not.toContain('rule: conflict');
  });

  it('is an edit, be it the value from before, once a reading has shown what we wrote and its time is over', () => {
    const read = { at: NOW - LAG, read: true } as const;
    for (const value of ['p1', 'p9', '']) {
      const played = play(showing(['Ann', value], { recent: [wrote(read)] }));
      expect(played).toContain('update {side: 0');
      expect(played).not.toContain('WRITE_NOT_STORED');
    }
    // A replica may still be behind.
    expect(play(showing(['Ann', 'p1'], { recent: [wrote({ read: true })] }))).toContain('inMs: 5000');
    expect(play(showing(['Ann', 'p1'], { recent: [wrote({ at: NOW - LAG })] }))).toContain('WRITE_NOT_STORED');
  });

  it.each([
    ['list', true],
    ['response', false],
  ] as const)('has read what we wrote, or not, where it is delivered by a %s', (from, read) => {
    const second = { kind: 'present', view: view(1, ['Ann', 'p2']), from, askedFor: 'b', order: 1 } as const;
    const played = play(
      showing([], { records: [view(0, ['Bob', 'p2']), second.view], delivered: [undefined, second] }),
    );
    expect(played).toContain('update {side: 1');
    expect(played.includes('read: true')).toBe(read);
  });

  it('is taken for a clear again once a reading has shown what we wrote', () => {
    const old = play(
      showing(['Ann', 'p1'], {
        link: link(agreedOn('Ann', 'p1')),
        recent: [],
        effects: { written: [undefined, ['Ann', 'p1']] },
      }),
    );
    expect(old).toContain(
      'recent: [{property: phone, side: 1, before: p1, sent: p2, at: 1000000, times: 1, unshown: true}]',
    );
    const still = play(showing(['Ann', 'p1'], { recent: [wrote({ unshown: true })] }));
    expect(still).toContain('times: 1, unshown: true}]');
    const shown = play(showing(['Ann', 'p2'], { recent: [wrote({ unshown: true })] }));
    expect(shown).toContain('times: 1, read: true}]');
    // Who typed another value and then puts the former one back means it.
    const typed = play(showing(['Ann', 'p9'], { recent: [wrote({ unshown: true })] }));
    expect(typed).toContain('sent: p2, at: 995000, times: 1}');
    const older = play(
      showing(['Ann', 'p0'], { recent: [wrote({ before: 'p0', sent: 'p1' }), wrote({ unshown: true })] }),
    );
    expect(older).toContain('times: 1, unshown: true}]');
  });

  it('flows back, and what it overwrites is kept, where somebody modified the record since', () =>
    expect(
      play(
        showing([], {
          link: link(agreed, { ownWriteAt: [0, OWN] }),
          records: [a, view(1, ['Ann', 'p9'], { modified: '2026-01-02T00:00:01Z' })],
          stored: { ownWrites: [[], [{ at: OWN, before: undefined }]] },
        }),
      ),
    ).toContain('property: phone, side: crm, value: p2, rule: returned'));

  it('keeps the losing value only once where there is a conflict', () =>
    expect(
      play(showing([], { records: [view(0, ['Ann', 'p3']), view(1, ['Ann', 'p9'])] })).match(/rule: \w+/g),
    ).toEqual(['rule: conflict']));

  it('keeps the losing value only once where it wins a conflict', () =>
    expect(
      play(
        showing([], {
          records: [
            view(0, ['Ann', 'p3'], { modified: '2026-01-01T00:00:00Z' }),
            view(1, ['Ann', 'p9'], { modified: '2026-01-02T00:00:00Z' }),
          ],
        }),
      ).match(/side: crm, value: p3, rule: \w+/g),
    ).toEqual(['side: crm, value: p3, rule: conflict']));

  it('keeps nothing where the other side holds it too', () =>
    expect(
      play({
        link: link(agreed),
        records: [view(0, ['Ann', 'p9']), view(1, ['Ann', 'p9'])],
        recent: [wrote({ side: 0 })],
      }),
    ).not.toContain('keep-overwritten'));

  it('keeps nothing where the value that we wrote flows on', () =>
    expect(
      play({
        link: link(agreed),
        records: [view(0, ['Ann', 'p7']), view(1, ['Ann', 'p2'])],
        recent: [wrote({ side: 0, before: 'p1', sent: 'p2' })],
      }),
    ).toContain('update {side: 1'));
});

it('a readback changes nothing for two records without remembered own writes', () => {
  const views = [a, view(1, ['Ann', 'p2'])] as const;
  const conversions = conversionsOf(mappingOf(), views);
  expect(readback(factsOf({ link: link(agreed) }), { base: agreed, views }, conversions)).toStrictEqual({
    properties: conversions.properties,
    base: agreed,
    left: [],
    old: [undefined, undefined],
    unshown: [[], []],
    third: new Map(),
  });
});

describe('own writes that are remembered', () => {
  const recentOf = (given: Situation): unknown => {
    const last = steps(given).at(-1)!.step;
    return last.kind === 'act' && last.action.do === 'commit' ? last.action.commit.recent : undefined;
  };
  const write: Situation = { link: link(agreed), records: [view(0, ['Ann', 'p3']), view(1, ['Ann', 'p2'])] };
  const next = { property: 'phone', side: 1, before: 'p2', sent: 'p3', at: NOW, times: 1 };

  it('are those of the time for which reads may be old, and the last one', () => {
    const [old, recent, last] = [wrote({ at: NOW - LAG }), wrote({ at: NOW - LAG + 1 }), wrote({ at: NOW - 1 })];
    expect(recentOf({ ...write, recent: [old, recent] })).toEqual([{ ...recent, read: true }, next]);
    expect(recentOf({ ...showing(['Ann', 'p2']), recent: [old] })).toEqual([{ ...old, read: true }]);
    expect(recentOf({ ...showing(['Ann', 'p2']), recent: [old, last] })).toEqual([{ ...last, read: true }]);
  });

  it('are four of a property and side at most', () => {
    const many = [5, 4, 3, 2, 1].map((ago) => wrote({ at: NOW - ago }));
    const read = many.map((one) => ({ ...one, read: true }));
    expect(recentOf({ ...write, recent: many })).toEqual([...read.slice(2), next]);
    expect(recentOf({ ...showing(['Ann', 'p2']), recent: many })).toEqual(read.slice(1));
  });

  it('are those that were recorded last where several have the same time', () => {
    const [first, last] = [wrote({ before: 'p0', sent: 'p1', at: NOW - LAG }), wrote({ at: NOW - LAG })];
    expect(recentOf({ ...showing(['Ann', 'p2']), recent: [first, last] })).toEqual([{ ...last, read: true }]);
  });

  it('are kept separately per property and side', () => {
    const others = [wrote({ side: 0, at: NOW - LAG - 1 }), wrote({ property: 'name', at: NOW - LAG - 1 })];
    expect(recentOf({ ...write, recent: others })).toEqual([...others, { ...next, times: 2 }]);
  });
});

describe('values that go to and fro', () => {
  const turns = (times: number, more: Partial<RecentWrite> = {}): Situation => ({
    link: link(agreed),
    records: [view(0, ['Ann', 'p3']), view(1, ['Ann', 'p2'])],
    recent: [wrote({ side: 0, sent: 'p2', times, at: NOW - LAG, ...more })],
  });

  it('are counted each time that the side changes', () => {
    expect(play(turns(4))).toContain('times: 5');
    expect(play(turns(4, { side: 1 }))).toContain('times: 4');
    expect(
      play({ ...turns(4), recent: [wrote({ side: 0, times: 4, at: NOW - 2 }), wrote({ times: 2, at: NOW - 9 })] }),
    ).toContain('times: 5');
    expect(
      play({ ...turns(4), recent: [wrote({ times: 2, at: NOW - 9 }), wrote({ side: 0, times: 4, at: NOW - 2 })] }),
    ).toContain('times: 5');
    expect(play({ ...turns(4), recent: [wrote({ property: 'name', side: 0, times: 4 })] })).toContain('times: 1');
  });

  /** The value that is written now was written there before, the other one to the other side, and so on: so many writes in all. */
  const returned = (times: number): Situation => ({
    ...turns(times, { same: Math.ceil(times / 2) }),
    recent: [
      wrote({ side: 1, sent: 'p3', times: times - 1, same: Math.floor(times / 2), at: NOW - 2 * LAG }),
      ...turns(times, { same: Math.ceil(times / 2) }).recent!,
    ],
  });

  it('are counted each time that the same value is written to a side', () => {
    const same = (one: Partial<RecentWrite>, other: Partial<RecentWrite> = {}): Situation => ({
      ...turns(9),
      recent: [wrote({ sent: 'p3', times: 8, at: NOW - 2 * LAG, ...one }), ...turns(9, other).recent!],
    });
    const now = 'property: phone, side: 1, before: p2, sent: p3, at: 1000000, times: 10';
    expect(play(same({}))).toContain(`${now}, same: 2}`);
    expect(play(same({ same: 2 }, { same: 3 }))).toContain(`${now}, same: 3}`);
    expect(play(same({ same: 4, sent: 'p4' }))).toContain(`${now}}`);
  });

  /** Each edit is made on one side, and arrives on the other. @returns how many arrive before one is stopped */
  const arriving = (edits: readonly (readonly [SideIndex, string])[]): number => {
    let recent: readonly RecentWrite[] = [];
    let of = link(agreedOn('Ann', 'p0'), { ownWriteAt: [1, 1] });
    let held = 'p0';
    for (const [count, [side, value]] of edits.entries()) {
      const now = NOW + (count + 1) * LAG;
      const modified = new Date(now).toISOString();
      const { step } = steps({
        link: of,
        records: mapPair(['a', 'b'], (_, one) => view(one, ['Ann', one === side ? value : held], { modified })),
        recent,
        stored: { now, ownWrites: [[{ at: 1, before: undefined }], [{ at: 1, before: undefined }]] },
      }).at(-1)!;
      if (step.kind !== 'act' || step.action.do !== 'commit' || step.action.commit.result.kind !== 'link')
        throw new Error('The link is not committed.');
      const { commit } = step.action;
      const code = commit.open?.['0/a']?.issue?.code;
      if (code !== undefined && code !== 'WRITE_LOOP') throw new Error(`Another issue: ${code}`);
      if (code === 'WRITE_LOOP') return count;
      recent = commit.recent ?? recent;
      of = { ...of, base: step.action.commit.result.link.base, revision: of.revision + 1 };
      held = value;
    }
    return edits.length;
  };
  /** People edit both sides in turn. @param last the value of the last edit */
  const inTurn = (count: number, last: (i: number) => string): (readonly [SideIndex, string])[] =>
    Array.from({ length: count }, (_, i) => [(i % 2) as SideIndex, last(i)]);

  it('are not stopped where a value comes back once after many new ones', () => {
    const many = inTurn(20, (i) => (i === 19 ? 'p17' : `p${i}`));
    expect(arriving(many)).toBe(20);
  });

  it('are not stopped where values come back now and then among new ones', () =>
    expect(arriving(inTurn(60, (i) => (i % 10 === 9 ? `p${i - 2}` : `p${i}`)))).toBe(60));

  it('are stopped after six where the same two come back in turn, also after many new ones', () => {
    expect(arriving(inTurn(60, (i) => `x${i % 2}`))).toBe(6);
    expect(arriving([...inTurn(20, (i) => `p${i}`), ...inTurn(60, (i) => `x${i % 2}`)])).toBe(26);
  });

  it('are stopped before the sixth time that one side gets the same value, though the other gets new ones', () =>
    expect(arriving(inTurn(60, (i) => (i % 2 === 0 ? 'x' : `p${i}`)))).toBe(10));

  it('are not stopped while each write has a new value, but for a thousand in a row', () => {
    expect(play(turns(7))).toContain('update {');
    expect(play(turns(999))).toContain('update {');
    expect(play(turns(1_000))).toContain('code: WRITE_LOOP');
  });

  it('are stopped after six turns, with both values in the history', () => {
    expect(play(returned(5))).toContain('update {');
    expect(play(returned(6))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p3), 1/b(Ann, p2)], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p3, rule: loop}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p2, rule: loop}]}
          = unchanged {ids: [a, b]}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p3>", "<Ann, p2>"]}}
          handled: [0/a(Ann, p3), 1/b(Ann, p2)]
          open: {0/a: {issue: {kind: failed, code: WRITE_LOOP, reason: "phone goes to and fro between crm and shop, and nobody edits it.", property: phone, mapping: v1, since: 1000000}, decision: null, unsettled: {phone: {halt: {values: [p3, p2], code: WRITE_LOOP, reason: "phone goes to and fro between crm and shop, and nobody edits it."}, returns: 0, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p3, at: 880000, times: 5, same: 3}, {property: phone, side: 0, before: p1, sent: p2, at: 940000, times: 6, same: 3}]
          mark: []
          = failed {ids: [a, b], code: WRITE_LOOP, reason: "phone goes to and fro between crm and shop, and nobody edits it.", property: phone}
      "
    `);
  });

  it('are stopped after six turns although another property was written since', () =>
    expect(
      play({ ...returned(6), recent: [...returned(6).recent!, wrote({ property: 'name', at: NOW - 1 })] }),
    ).toContain('code: WRITE_LOOP'));

  const forms = (
    returns: number,
    values: readonly [string, string] = ['ANN ', 'Ann'],
    more: Partial<Situation> = {},
  ): Situation => ({
    link: link(agreedOn(values[1], 'p1')),
    records: [view(0, [values[0], 'p1']), view(1, [values[1], 'p1'])],
    ...(returns > 0 ? { open: { unsettled: { name: { returns, at: NOW - 1 } } } } : {}),
    ...more,
  });

  it('are counted where only the form differs, for seven days', () => {
    expect(play(forms(0))).toContain('unsettled: {name: {returns: 1, at: 1000000}}');
    expect(play(forms(1))).toContain('unsettled: {name: {returns: 2, at: 1000000}}');
    expect(play(forms(2, undefined, { stored: { now: NOW + 7 * 86_400_000 - 2 } }))).toContain('returns: 3');
    expect(play(forms(2, undefined, { stored: { now: NOW + 7 * 86_400_000 - 1 } }))).toContain('returns: 1');
  });

  it('are forgotten with the next edit', () => expect(play(forms(2, ['Bob', 'Ann']))).toContain('unsettled: null'));

  it('stay remembered while another property is written', () =>
    expect(
      play({
        ...forms(2),
        link: link(agreedOn('Ann', 'p1')),
        records: [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p1'])],
      }),
    ).toContain('unsettled: {name: {returns: 2, at: 999999}}'));

  it('are stopped where the form has changed three times, and the issue names the mapping line to add', () => {
    expect(play(forms(2))).toContain('update {');
    expect(play(forms(3))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(ANN , p1), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: crm, value: "ANN ", rule: loop}, {at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Ann, rule: loop}]}
          = unchanged {ids: [a, b]}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {phone: [p1, p1, phone#1], name: [Ann, Ann, name#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<ANN , p1>", "<Ann, p1>"]}}
          handled: [0/a(ANN , p1), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: failed, code: WRITE_LOOP, reason: "name goes to and fro between crm and shop, and nobody edits it. Its two forms are the same with: equal: [outer-spaces, case]", property: name, mapping: v1, since: 1000000}, decision: null, unsettled: {name: {halt: {values: ["ANN ", Ann], code: WRITE_LOOP, reason: "name goes to and fro between crm and shop, and nobody edits it. Its two forms are the same with: equal: [outer-spaces, case]"}, returns: 0, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = failed {ids: [a, b], code: WRITE_LOOP, reason: "name goes to and fro between crm and shop, and nobody edits it. Its two forms are the same with: equal: [outer-spaces, case]", property: name}
      "
    `);
  });

  it('are stopped without naming a mapping line where none would help', () =>
    expect(play(forms(3, ['+1 (5)', '15']))).toContain(
      'reason: "name goes to and fro between crm and shop, and nobody edits it."',
    ));

  it('get a suggested mapping line for texts only', () =>
    expect(
      play({
        ...forms(3),
        toward: { name: [undefined, { ok: true, value: 15, fingerprint: '15' }] },
        records: [view(0, ['15', 'p1']), view(1, ['1.5', 'p1'])],
        link: link(agreedOn('1.5', 'p1')),
      }),
    ).toContain('nobody edits it."'));

  it('get a suggested mapping line only where both sides hold a text', () =>
    expect(
      play({
        ...forms(3),
        records: [view(0, ['1 5', 'p1']), { ...view(1, ['15', 'p1']), raw: [15, 'p1'] }],
        link: link(agreedOn('15', 'p1')),
      }),
    ).toContain('nobody edits it."'));

  it('are not stopped where a person decides', () =>
    expect(
      play({
        ...forms(3),
        mapping: mappingOf({ properties: { name: { conflict: 'review' }, phone: {} } }),
        link: link(agreedOn('x', 'p1')),
        choice: { kind: 'resolve-conflict', winner: 0, properties: new Map() },
      }),
    ).toContain('update {'));

  it('stop one property, and the others go on', () =>
    expect(play({ ...forms(3), records: [view(0, ['ANN ', 'p2']), view(1, ['Ann', 'p1'])] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(ANN , p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: crm, value: "ANN ", rule: loop}, {at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Ann, rule: loop}]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {phone: [p2, p2, phone#1], name: [Ann, Ann, name#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<ANN , p2>", "<Ann, p2>"]}}
          handled: [0/a(ANN , p2), 1/b(Ann, p2)]
          written: [-, b]
          open: {0/a: {issue: {kind: failed, code: WRITE_LOOP, reason: "name goes to and fro between crm and shop, and nobody edits it. Its two forms are the same with: equal: [outer-spaces, case]", property: name, mapping: v1, since: 1000000}, decision: null, unsettled: {name: {halt: {values: ["ANN ", Ann], code: WRITE_LOOP, reason: "name goes to and fro between crm and shop, and nobody edits it. Its two forms are the same with: equal: [outer-spaces, case]"}, returns: 0, at: 1000000}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 1000000, times: 1}]
          mark: []
          = failed {writes: [[], [phone]], ids: [a, b], changes: [-, ""], code: WRITE_LOOP, reason: "name goes to and fro between crm and shop, and nobody edits it. Its two forms are the same with: equal: [outer-spaces, case]", property: name}
      "
    `));

  it('leave no agreement for a property that had none', () =>
    expect(play({ ...forms(3), link: link({}) })).toContain('base: {phone: [p1, p1, phone#1]}'));
});

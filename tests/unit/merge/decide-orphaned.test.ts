/** The decision table for links of which one or both records are absent. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import type { Brake } from '../../../engine/store/brake.ts';
import { agreedOn, LAG, LIMIT, link, mappingOf, NOW, play, type Situation, steps, view } from './situation.ts';

const base = agreedOn('Ann', 'p1');
const propagates = mappingOf({ sides: [{ deletes: 'propagate' }, { deletes: 'propagate' }] });
const gone: Situation = { link: link(base), records: ['absent', view(1, ['Ann', 'p1'])] };
const brake: Brake = { id: 'brake-1', kind: 'deletes', by: 'writes', count: 11, limit: 10, linked: 100, since: 1 };

describe('a link of which both records are absent', () => {
  it('ends, and all who wait for one of them are looked at again', () =>
    expect(play({ link: link(base), records: ['absent', 'absent'] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: removed, ids: [a, b]}
          markAllDependents: [0/a, 1/b]
          = missing {ids: [a, b]}
      "
    `));

  it.each([
    ['crm', 0, 1_000],
    ['crm', LAG - 300, 300],
    ['shop', LAG - 300, 300],
  ])(
    'stays while reads of %s may lag %i ms after it was made: the record would be made again once it shows',
    (name, age, retryAfter) => {
      const mapping = mappingOf({ sides: [{ lag: name === 'crm' ? LAG : 0 }, { lag: name === 'shop' ? LAG : 0 }] });
      const both: Situation = { link: link(base, { created: NOW - age }), records: ['absent', 'absent'], mapping };
      const words = `${name} does not show the record, which was linked a moment ago: it is looked at again.`;
      expect(play(both).split('\n').slice(3)).toEqual([
        `fails: RECORD_LOCKED "${words}" {retryAfter: ${retryAfter}}`,
        '',
      ]);
      expect(play({ ...both, choice: { kind: 'delete' } })).toContain(`fails: RECORD_LOCKED "${words}"`);
      expect(play({ ...both, link: link(base, { created: NOW - LAG }) })).toContain(
        'result: {kind: removed, ids: [a, b]}',
      );
    },
  );
});

describe('a link of which one record is absent', () => {
  it('keeps the other one where the mapping says so', () =>
    expect(play(gone)).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", "<Ann, p1>"]}}
          handled: [-, 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: orphaned, reason: "The counterpart in crm was deleted; shop keeps its record.", mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = orphaned {ids: [a, b], reason: "The counterpart in crm was deleted; shop keeps its record."}
      "
    `));

  it('keeps the other one of the second side as well', () =>
    expect(
      play({
        link: link(base, { correlation: ['open', undefined], unconfirmed: ['phone'] }),
        records: [view(0, ['Ann', 'p1']), 'absent'],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [phone], correlation: [open, -], lastSynced: ["<v1\\n<Ann, p1>>", ""]}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {issue: {kind: orphaned, reason: "The counterpart in shop was deleted; crm keeps its record.", mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = orphaned {ids: [a, b], reason: "The counterpart in shop was deleted; crm keeps its record."}
      "
    `));

  it.each([
    [0, 1_000],
    [20_000, 20_000],
    [LAG - 300, 300],
  ])('is looked at again where it was made %i ms ago and reads may lag: nothing is deleted yet', (age, retryAfter) =>
    expect(
      play({ ...gone, link: link(base, { created: NOW - age }), mapping: propagates })
        .split('\n')
        .slice(3),
    ).toEqual([
      `fails: RECORD_LOCKED "crm does not show the record, which was linked a moment ago: it is looked at again." {retryAfter: ${retryAfter}}`,
      '',
    ]),
  );

  it('deletes the other record once the link is older than reads may lag', () =>
    expect(play({ ...gone, link: link(base, { created: NOW - LAG }), mapping: propagates })).toContain(
      '! delete {side: 1, id: b}',
    ));

  it('deletes the other one, after the absent one was looked for again and its values were kept', () =>
    expect(play({ ...gone, mapping: propagates })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: successors, view: 1/b(Ann, p1)}
      ? {ask: absent-twice, side: 0, id: a}
      ! begin {consume: {allowance: -}}
          = deleted {ids: [a, b], side: 1, changes: [-, ""]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Ann, rule: deleted}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: deleted}]}
      ! delete {side: 1, id: b}
      ! commit
          result: {kind: removed, ids: [a, b]}
          markAllDependents: [0/a, 1/b]
      "
    `));

  const limited = mappingOf({ sides: [{ deletes: 'propagate' }, { deletes: 'propagate' }], brake: { deletes: LIMIT } });
  const notDeleted = new TandemError('SYSTEM_REJECTED', 'No.');

  it('becomes an issue where the other system rejects the delete', () =>
    expect(play({ ...gone, mapping: limited, effects: { notDeleted } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: successors, view: 1/b(Ann, p1)}
      ? {ask: absent-twice, side: 0, id: a}
      ? {ask: allowance, kind: deletes}
      ! begin {consume: {allowance: {kind: deletes, record: 0/a, limit: 10, linked: 100, since: -}}}
          = deleted {ids: [a, b], side: 1, changes: [-, ""]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Ann, rule: deleted}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: deleted}]}
      ! delete {side: 1, id: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", "<Ann, p1>"]}}
          handled: [-, 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: failed, code: SYSTEM_REJECTED, reason: "No.", change: deletes, mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = failed {ids: [a, b], code: SYSTEM_REJECTED, reason: "No."}
      "
    `));

  it.each([
    ['is not counted by the brake where a delete was rejected before', { change: 'deletes' }, false],
    ['is counted by the brake where another write was rejected before', {}, true],
    [
      'is counted by the brake where it was rejected under another version of the mapping',
      { change: 'deletes', mapping: 'v0' },
      true,
    ],
  ] as const)('%s', (_, more, counted) => {
    const issue = { kind: 'failed', code: 'SYSTEM_REJECTED', reason: 'No.', mapping: 'v1', since: 1, ...more } as const;
    const played = play({ ...gone, mapping: limited, open: { issue } });
    expect(played).toContain('! delete {side: 1, id: b}');
    expect(played).toContain(
      counted ? '! begin {consume: {allowance: {kind: deletes,' : '! begin {consume: {allowance: -}}',
    );
  });

  it('deletes an empty record without anything to keep', () =>
    expect(
      play({ mapping: propagates, link: link(agreedOn('', '')), records: [view(0, ['', '']), 'absent'] }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: successors, view: 0/a(, )}
      ? {ask: absent-twice, side: 1, id: b}
      ! begin {consume: {allowance: -}}
          = deleted {ids: [a, b], side: 0, changes: ["", -]}
      ! delete {side: 0, id: a}
      ! commit
          result: {kind: removed, ids: [a, b]}
          markAllDependents: [0/a, 1/b]
      "
    `));

  it('is looked at again where the absent record is there the second time', () =>
    expect(play({ ...gone, mapping: propagates, absent: () => false })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: successors, view: 1/b(Ann, p1)}
      ? {ask: absent-twice, side: 0, id: a}
      fails: RECORD_CHANGED "The record in crm is there again." {mapping: people}
      "
    `));

  it('asks how many deletes are allowed, and consumes one', () =>
    expect(
      play({ ...gone, mapping: mappingOf({ sides: [{}, { deletes: 'propagate' }], brake: { deletes: LIMIT } }) }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: successors, view: 1/b(Ann, p1)}
      ? {ask: absent-twice, side: 0, id: a}
      ? {ask: allowance, kind: deletes}
      ! begin {consume: {allowance: {kind: deletes, record: 0/a, limit: 10, linked: 100, since: -}}}
          = deleted {ids: [a, b], side: 1, changes: [-, ""]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Ann, rule: deleted}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: deleted}]}
      ! delete {side: 1, id: b}
      ! commit
          result: {kind: removed, ids: [a, b]}
          markAllDependents: [0/a, 1/b]
      "
    `));

  it('deletes nothing while the brake is on', () =>
    expect(
      play({
        ...gone,
        mapping: mappingOf({ sides: [{}, { deletes: 'propagate' }], brake: { deletes: LIMIT } }),
        stored: { brake },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: successors, view: 1/b(Ann, p1)}
      ? {ask: absent-twice, side: 0, id: a}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", "<Ann, p1>"]}}
          handled: [-, 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: blocked, code: BRAKE_ON, reason: "The brake of people is on: one run wanted to delete more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews.", brake: brake-1, change: deletes, mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          blockedBy: brake-1
          = waiting {ids: [a, b], code: BRAKE_ON, reason: "The brake of people is on: one run wanted to delete more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews."}
      "
    `));

  it('keeps the other one for good where people discarded the delete', () =>
    expect(
      play({
        ...gone,
        mapping: propagates,
        open: {
          issue: { kind: 'blocked', reason: '', mapping: 'v1', since: 1, brake: 'brake-1', change: 'deletes' },
        },
        stored: { answered: { deletes: 'discard' } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", "<Ann, p1>"]}}
          handled: [-, 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: orphaned, reason: "The counterpart in crm was deleted; a person decided that shop keeps its record.", kept: true, mapping: v1, since: 1000000}, decision: {kind: deletes}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = orphaned {ids: [a, b], reason: "The counterpart in crm was deleted; a person decided that shop keeps its record."}
      "
    `));

  it('keeps the other one where a person decided so, whatever the rule', () =>
    expect(
      play({
        ...gone,
        mapping: mappingOf({ sides: [{}, { deletes: 'review' }] }),
        open: { issue: { kind: 'orphaned', reason: '', mapping: 'v1', since: 1, kept: true } },
      }),
    ).toContain('= orphaned'));
});

describe('the survivor, for every rule and state', () => {
  const rules = ['keep', 'review', 'propagate'] as const;
  const table: readonly (readonly [
    string,
    Partial<Situation> & { readonly values?: readonly string[] },
    readonly string[],
  ])[] = [
    ['as it was agreed on', {}, ['keep', 'review', 'delete']],
    ['edited', { values: ['Ann', 'p2'] }, ['keep', 'edited', 'edited']],
    ['cleared', { values: ['Ann', ''] }, ['keep', 'edited', 'edited']],
    ['out of scope', { records: ['absent', view(1, ['Ann', 'p1'], { inScope: false })] }, ['keep', 'review', 'scope']],
    ['with a value that was never agreed on', { link: link({ name: base.name! }) }, ['keep', 'review', 'phone']],
    ['with two of them', { link: link({}) }, ['keep', 'review', 'name, phone']],
    [
      'with an empty value that was never agreed on',
      { link: link({ name: base.name! }), values: ['Ann', ''] },
      ['keep', 'review', 'delete'],
    ],
    [
      'with a value that is read otherwise now',
      {
        link: link({ ...base, phone: ['p1', 'p1', 'AAAAABBBBBCCCCCDDDDD'] }),
        mapping: mappingOf({ properties: { name: {}, phone: { definition: 'AAAAAXXXXXCCCCCDDDDD' } } }),
      },
      ['keep', 'review', 'phone'],
    ],
    [
      'with a value that is converted otherwise now',
      {
        link: link({ ...base, phone: ['p1', 'p1', 'AAAAABBBBBCCCCCDDDDD'] }),
        mapping: mappingOf({ properties: { name: {}, phone: { definition: 'AAAAABBBBBXXXXXDDDDD' } } }),
      },
      ['keep', 'review', 'delete'],
    ],
    [
      'whose agreement names no definition',
      { link: link({ name: ['Ann', 'Ann'], phone: ['p1', 'p1'] }) },
      ['keep', 'review', 'delete'],
    ],
    [
      'as our own write left it that was never recorded',
      {
        values: ['Ann', 'p2'],
        open: {
          pendingWrites: {
            revision: 3,
            ids: ['a', 'b'],
            writes: [{ property: 'phone', side: 1, sent: 'p2', from: 'p2' }],
          },
        },
      },
      ['keep', 'review', 'delete'],
    ],
    [
      'as an own write to the absent record would have left it',
      {
        values: ['Ann', 'p2'],
        open: {
          pendingWrites: {
            revision: 3,
            ids: ['a', 'b'],
            writes: [{ property: 'phone', side: 0, sent: 'p2', from: 'p2' }],
          },
        },
      },
      ['keep', 'edited', 'edited'],
    ],
  ];
  const reasons: Readonly<Record<string, string>> = {
    keep: 'The counterpart in crm was deleted; shop keeps its record.',
    review: 'The counterpart in crm was deleted: a person decides.',
    edited: 'The counterpart in crm was deleted, but the record was edited in shop: a person decides.',
    scope: 'The counterpart in crm was deleted, but shop.when excludes the record: a person decides.',
    phone: 'The counterpart in crm was deleted, but phone in shop never agreed with it: a person decides.',
    'name, phone':
      'The counterpart in crm was deleted, but name, phone in shop never agreed with it: a person decides.',
  };
  const rows = table.flatMap(([name, given, wanted]) =>
    rules.map((deletes, i) => [name, deletes, given, wanted[i]!] as const),
  );

  it.each(rows)('%s, deletes: %s', (_, deletes, { values, mapping, ...given }, wanted) => {
    const { properties } = mapping ?? mappingOf();
    const situation: Situation = {
      ...gone,
      records: ['absent', view(1, values ?? ['Ann', 'p1'])],
      ...given,
      mapping: { ...mappingOf({ sides: [{}, { deletes }] }), properties },
    };
    const last = steps(situation).at(-1)!.step;
    expect(last.kind === 'act' && last.action.do === 'commit').toBe(true);
    if (last.kind !== 'act' || last.action.do !== 'commit') return;
    const { outcome, action } = last;
    if (wanted === 'delete') {
      expect(outcome).toEqual({
        kind: 'deleted',
        writes: [[], []],
        ids: ['a', 'b'],
        side: 1,
        changes: [undefined, ''],
      });
      return;
    }
    const kind = wanted === 'keep' ? 'orphaned' : 'review';
    expect(outcome).toEqual({
      kind: wanted === 'keep' ? 'orphaned' : 'review',
      writes: [[], []],
      ids: ['a', 'b'],
      reason: reasons[wanted],
    });
    expect(action.commit.open!['0/a']!.issue).toEqual({
      kind,
      reason: reasons[wanted],
      mapping: 'v1',
      since: 1_000_000,
    });
  });

  it.each(rules)('%s: what a person decided stands', (deletes) =>
    expect(
      play({
        ...gone,
        records: ['absent', view(1, ['Ann', 'p2'])],
        mapping: mappingOf({ sides: [{}, { deletes }] }),
        open: { decision: { kind: 'deletes' } },
      }),
    ).toContain(`reason: "The counterpart in crm was deleted; a person decided that shop keeps its record."`),
  );
});

/** The decision table for what people decide by hand. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { placeOf, whyNotRestorable } from '../../../engine/merge/restore.ts';
import { mapPair } from '../../../engine/model/pair.ts';
import type { Choice, Facts } from '../../../engine/sync/facts.ts';
import type { RecordView } from '../../../engine/sync/view.ts';
import {
  agreedOn,
  LAG,
  LIMIT,
  link,
  mappingOf,
  NOW,
  PARTNER,
  PLACE,
  pendingCreate,
  play,
  type Situation,
  state,
  steps,
  view,
} from './situation.ts';

const base = agreedOn('Ann', 'p1');
const a = view(0, ['Ann', 'p1']);
const b = view(1, ['Ann', 'p1']);
const both = [a, b] as const;
const broken = new TandemError('EXPRESSION_FAILED', 'It fails.');
const partner = (more: object = {}) => ({
  partner: { ...PARTNER, ...more },
});

describe('linking two records by hand', () => {
  const choice: Choice = { kind: 'link', ids: ['a', 'b'] };

  it('links them as two that meet for the first time', () =>
    expect(play({ choice, records: both })).toMatchInlineSnapshot(`
      "
      ? {ask: partner, side: 1, id: b}
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, b], base: {}, unconfirmed: [], correlation: [new, new], lastSynced: ["", ""]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          mark: [{mapping: people, side: 0, id: a}]
          = matched {ids: [a, b]}
      "
    `));

  it('keeps what unconfirmed creates have sent as agreed on', () =>
    expect(
      play({
        choice,
        records: both,
        open: { pendingCreate: pendingCreate({ name: 'Ann' }) },
        answers: partner({ pendingCreate: pendingCreate({ phone: 'p1' }) }),
      }),
    ).toContain('base: {name: ["?", Ann, name#1], phone: [p1, "?", phone#1]}'));

  it('works from the second side', () =>
    expect(
      play({
        choice,
        look: [1, 'b'],
        records: both,
        open: { pendingCreate: pendingCreate({ name: 'Ann' }) },
      }),
    ).toContain('base: {name: [Ann, "?", name#1]}'));

  it('does nothing where they are linked already', () =>
    expect(play({ choice, link: link(base), answers: partner({ link: link(base) }) })).toMatchInlineSnapshot(`
      "
      ? {ask: partner, side: 1, id: b}
      end
          = unchanged {ids: [a, b]}
      "
    `));

  it('is refused where one is linked to another', () =>
    expect(play({ choice, link: link(base, { ids: ['a', 'c'] }), absent: () => false })).toMatchInlineSnapshot(`
      "
      ? {ask: partner, side: 1, id: b}
      ? {ask: absent-twice, side: 1, id: c}
      fails: LINK_TAKEN "crm \\"a\\" is linked to shop \\"c\\"." {mapping: people, side: crm, id: a}
      "
    `));

  it('is refused where the other one is linked to another', () =>
    expect(
      play({ choice, answers: partner({ link: link(base, { ids: ['c', 'b'] }) }), absent: () => false }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: partner, side: 1, id: b}
      ? {ask: absent-twice, side: 0, id: c}
      fails: LINK_TAKEN "shop \\"b\\" is linked to crm \\"c\\"." {mapping: people, side: shop, id: b}
      "
    `));

  it('is refused where one does not exist', () =>
    expect(play({ choice, records: [a, 'absent'] })).toMatchInlineSnapshot(`
      "
      ? {ask: partner, side: 1, id: b}
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      fails: SYSTEM_NOT_FOUND "shop has no record \\"b\\" of customers." {mapping: people, side: shop, id: b}
      "
    `));

  it('is refused where a system answers another record for one: the two were merged there', () =>
    expect(
      play({
        choice,
        answers: partner(),
        delivered: [undefined, { kind: 'other', id: 'w' }],
        records: [a, undefined],
      }),
    ).toContain('fails: SYSTEM_NOT_FOUND "shop has no record \\"b\\" of customers."'));

  it('is refused where one cannot be read', () =>
    expect(play({ choice, records: [broken, undefined] })).toMatchInlineSnapshot(`
      "
      ? {ask: partner, side: 1, id: b}
      ? {ask: record, side: 0, id: a}
      fails: EXPRESSION_FAILED "It fails."
      "
    `));
});

describe('linking a record by hand whose counterpart is gone', () => {
  const choice: Choice = { kind: 'link', ids: ['a', 'b'] };
  const former = link(base, { ids: ['a', 'gone'] });
  /** What was committed, and how it ended. */
  const ended = (given: Situation) => {
    const all = steps({ choice, link: former, records: both, ...given }).map(({ step }) => step);
    const commits = all.flatMap((step) => (step.kind === 'act' && step.action.do === 'commit' ? [step.action] : []));
    return { commits: commits.map(({ commit }) => commit.result.kind), last: all.at(-1) };
  };

  it('ends the former link when the new one can be made, and the record can be found until then', () =>
    expect(play({ choice, link: former, records: both })).toMatchInlineSnapshot(`
      "
      ? {ask: partner, side: 1, id: b}
      ? {ask: absent-twice, side: 1, id: gone}
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit, not the last
          result: {kind: unlink, ids: [a, gone], revision: 3, index: [{id: a, keys: [ann@x], correlationId: -}, -]}
          markAllDependents: [0/a, 1/gone]
          = matched {ids: [a, b]}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, b], base: {}, unconfirmed: [], correlation: [new, new], lastSynced: ["", ""]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          mark: [{mapping: people, side: 0, id: a}]
      "
    `));

  it('leaves the former link where the other record does not exist', () =>
    expect(ended({ records: [a, 'absent'] })).toMatchObject({
      commits: [],
      last: { kind: 'fail', error: { code: 'SYSTEM_NOT_FOUND' } },
    }));

  it('leaves the former link where a record cannot be read', () =>
    expect(ended({ records: [a, broken] })).toMatchObject({ commits: [], last: { kind: 'fail', error: broken } }));

  it('leaves the former link where the other record is linked to one that exists', () =>
    expect(
      ended({
        answers: partner({ link: link(base, { ids: ['c', 'b'] }) }),
        absent: (id) => id === 'gone',
      }),
    ).toMatchObject({ commits: [], last: { kind: 'fail', error: { code: 'LINK_TAKEN', context: { side: 'shop' } } } }));

  it('leaves the former link where the other record was linked a moment ago', () =>
    expect(
      ended({ answers: partner({ link: link(base, { ids: ['c', 'b'], created: NOW - LAG + 300 }) }) }),
    ).toMatchObject({ commits: [], last: { kind: 'fail', error: { code: 'RECORD_LOCKED' } } }));

  it('ends the links of both where both counterparts are gone', () =>
    expect(ended({ answers: partner({ link: link(base, { ids: ['c', 'b'] }) }) })).toMatchObject({
      commits: ['unlink', 'unlink', 'link'],
    }));
});

describe('breaking a link by hand', () => {
  const choice: Choice = { kind: 'unlink', ids: ['a', 'b'] };
  const correlated = mappingOf({ sides: [{ correlate: PLACE }, { correlate: PLACE }] });

  it('leaves both records free for other matches, and marks the records that refer to them', () =>
    expect(play({ choice, link: link(base), records: both })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: unlink, ids: [a, b], revision: 3, index: [{id: a, keys: [ann@x], correlationId: -}, {id: b, keys: [ann@x], correlationId: -}]}
          markAllDependents: [0/a, 1/b]
          = updated {ids: [a, b]}
      "
    `));

  it('takes the ids out of the records that name each other', () =>
    expect(
      play({
        mapping: correlated,
        choice,
        link: link(base),
        records: [view(0, ['Ann', 'p1'], { ref: 'b' }), view(1, ['Ann', 'p1'], { ref: 'z' })],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! correlate {side: 0, view: 0/a(Ann, p1), counterpart: -}
          = unchanged {ids: [a, b]}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: unlink, ids: [a, b], revision: 3, index: [{id: a, keys: [ann@x], correlationId: -}, {id: b, keys: [ann@x], correlationId: z}]}
          markAllDependents: [0/a, 1/b]
          = updated {ids: [a, b]}
      "
    `));

  it('does not need a record that is absent, nor a system that takes the id', () =>
    expect(
      play({
        mapping: correlated,
        choice,
        link: link(base),
        records: ['absent', view(1, ['Ann', 'p1'], { ref: 'a' })],
        effects: { correlated: [undefined, false] },
      }),
    ).toContain(
      'result: {kind: unlink, ids: [a, b], revision: 3, index: [-, {id: b, keys: [ann@x], correlationId: a}]}',
    ));

  it('is tried again where the system could not answer just now', () =>
    expect(
      play({
        mapping: correlated,
        choice,
        link: link(base),
        records: [view(0, ['Ann', 'p1'], { ref: 'b' }), undefined],
        effects: { correlated: [{ error: new TandemError('SYSTEM_UNREACHABLE', 'Away.') }, undefined] },
      }),
    ).toContain('fails: SYSTEM_UNREACHABLE "Away."'));

  it('is refused where a record cannot be read', () =>
    expect(play({ mapping: correlated, choice, link: link(base), records: [broken, undefined] })).toContain(
      'fails: EXPRESSION_FAILED',
    ));

  it.each([
    ['the link is another one', link(base, { ids: ['a', 'c'] })],
    ['the link is another one of the second', link(base, { ids: ['c', 'b'] })],
    ['there is none', undefined],
  ])('does nothing where %s', (_, of) =>
    expect(play({ choice, ...(of ? { link: of } : {}) })).toBe('\nend\n    = unchanged {ids: [a, b]}\n'),
  );
});

describe('creating a counterpart by hand', () => {
  const choice: Choice = { kind: 'create' };

  it('creates it although others look like it', () =>
    expect(
      play({ choice, records: [a, undefined], rules: [{ candidates: [b], rivals: [], doubtful: [] }] }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! begin {consume: -, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, ""]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
          written: [-, new]
          mark: []
      "
    `));

  it('creates none while reads may not show the counterpart yet that was made a moment ago', () =>
    expect(play({ choice, link: link(base, { created: NOW - LAG + 300 }), records: [a, 'absent'] })).toContain(
      'fails: RECORD_LOCKED "shop does not show the record,',
    ));

  it('creates it again after the counterpart was deleted', () =>
    expect(play({ choice, link: link(base), records: [a, 'absent'] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit, not the last
          result: {kind: removed, ids: [a, b]}
          mark: [{mapping: people, side: 0, id: a}]
          = created {side: 1}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! begin {consume: -, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, ""]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
          written: [-, new]
          mark: []
      "
    `));

  it('is looked at again by a worker where it fails after the link to the deleted counterpart has ended', () => {
    const error = new TandemError('SYSTEM_UNAVAILABLE', 'It is down.');
    const created = { kind: 'rejected', error } as const;
    const given: Situation = { choice, link: link(base), records: [a, 'absent'], effects: { created } };
    const marks = steps(given).flatMap(({ step }) =>
      step.kind === 'act' && step.action.do === 'commit' ? [step.action.commit.mark] : [],
    );
    expect(play(given)).toContain('fails: SYSTEM_UNAVAILABLE');
    expect(marks).toEqual([[{ mapping: 'people', side: 0, id: 'a' }]]);
  });

  describe('of which an earlier create is known to have made a record', () => {
    const made = (age: number, review = true): Situation => ({
      choice,
      records: [a, undefined],
      open: {
        pendingCreate: pendingCreate(
          { name: 'Ann', phone: 'p1' },
          { made: 'b', at: NOW - age, ...(review ? { review } : {}) },
        ),
      },
    });
    const found = (...views: RecordView[]): Partial<Facts> => ({
      found: {
        by: 'search',
        records: views.map((one) => ({ view: one, linked: false, firstSeen: undefined })),
        others: [],
      },
    });

    it('links that one, and creates none beside it', () => {
      const played = play({ ...made(LAG), answers: found(b) });
      expect(played).toContain('result: {kind: link, link: {revision: -, ids: [a, b],');
      expect(played).not.toContain('! create');
    });

    it('creates none where it may not be shown yet', () =>
      expect(play({ ...made(LAG - 1), answers: found() })).toContain(
        'fails: SYSTEM_UNAVAILABLE "shop created record b and does not show it yet: it is linked as soon as it does, and not created again." {system: shop, entity: customers, id: b}',
      ));

    it('creates none where it is gone and nobody has been asked about that', () => {
      const played = play({ ...made(LAG, false), answers: found() });
      expect(played).toContain('= review {code: OUTCOME_UNKNOWN');
      expect(played).not.toContain('! create');
    });

    it('creates another one where that one is gone', () =>
      expect(play({ ...made(LAG), answers: found() })).toContain(
        '! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}',
      ));
  });

  it('creates it from the second side', () =>
    expect(play({ choice, look: [1, 'b'], link: link(base), records: ['absent', b] })).toContain(
      'result: {kind: removed, ids: [a, b]}',
    ));

  it('ends an earlier decision where the record cannot be sent', () =>
    expect(
      play({
        choice,
        records: [a, undefined],
        answers: { newRecord: { ok: false, error: broken, refs: [] } },
        open: { decision: { kind: 'creates', seen: {} } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {decision: null, issue: {kind: failed, code: EXPRESSION_FAILED, reason: "It fails.", mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          = failed {code: EXPRESSION_FAILED, reason: "It fails."}
      "
    `));

  it.each<readonly [string, Situation, string]>([
    [
      'the mapping creates none there',
      { mapping: mappingOf({ sides: [{}, { create: false as never }] }) },
      'CONFLICT "The mapping creates nothing in shop." {mapping: people}',
    ],
    [
      'not both sides were read fully',
      { stored: { ready: false } },
      'CONFLICT "Both sides must be read fully once before anything is created." {mapping: people}',
    ],
    ['the record cannot be read', { records: [broken, undefined] }, 'EXPRESSION_FAILED "It fails."'],
    [
      'the record does not exist',
      { records: ['absent', undefined] },
      'SYSTEM_NOT_FOUND "crm has no record \\"a\\" of contacts." {mapping: people, side: crm, id: a}',
    ],
    [
      'the record is out of scope',
      { records: [view(0, ['Ann', 'p1'], { inScope: false }), undefined] },
      'CONFLICT "crm.when excludes the record." {mapping: people}',
    ],
    [
      'the counterpart exists',
      { link: link(base), records: both },
      'LINK_TAKEN "crm \\"a\\" is linked to shop \\"b\\"." {mapping: people, side: crm, id: a}',
    ],
    [
      'it is not known whether the counterpart exists',
      { link: link(base), records: [a, broken] },
      'LINK_TAKEN "crm \\"a\\" is linked to shop \\"b\\"." {mapping: people, side: crm, id: a}',
    ],
  ])('is refused where %s', (_, given, error) => expect(play({ choice, ...given })).toContain(`fails: ${error}\n`));
});

describe('deciding a conflict by hand', () => {
  const mapping = mappingOf({ properties: { name: { conflict: 'review' }, phone: { conflict: 'review' } } });
  const records = [view(0, ['Bob', 'p2']), view(1, ['Eve', 'p3'])] as const;
  const of = (winner: 0 | 1 | undefined, properties: readonly (readonly [string, 0 | 1])[] = []): Choice => ({
    kind: 'resolve-conflict',
    winner,
    properties: new Map(properties),
  });

  it('writes the values of the winner, and keeps the others', () =>
    expect(play({ mapping, link: link(base), choice: of(0), records })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Eve, p3)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: Bob, definition: name#1, from: Bob}, {property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[], [name, phone]], ids: [a, b], conflicts: [name, phone]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Eve, rule: conflict}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p3, rule: conflict}]}
      ! update {side: 1, view: 1/b(Eve, p3), writes: [{property: name, value: Bob, fingerprint: Bob}, {property: phone, value: p2, fingerprint: p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Bob, p2>"]}}
          handled: [0/a(Bob, p2), 1/b(Bob, p2)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 1, before: Eve, sent: Bob, at: 1000000, times: 1}, {property: phone, side: 1, before: p3, sent: p2, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [name, phone]], ids: [a, b], conflicts: [name, phone], changes: [-, ""]}
      "
    `));

  it('is done per property', () =>
    expect(play({ mapping, link: link(base), choice: of(0, [['phone', 1]]), records })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Eve, p3)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 0, sent: p3, definition: phone#1, from: p3}, {property: name, side: 1, sent: Bob, definition: name#1, from: Bob}]}}
          = updated {writes: [[phone], [name]], ids: [a, b], conflicts: [name, phone]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Eve, rule: conflict}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p2, rule: conflict}]}
      ! update {side: 0, view: 0/a(Bob, p2), writes: [{property: phone, value: p3, fingerprint: p3}], readFirst: true}
      ! update {side: 1, view: 1/b(Eve, p3), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p3, p3, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p3>", "<Bob, p3>"]}}
          handled: [0/a(Bob, p3), 1/b(Bob, p3)]
          written: [a, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: p2, sent: p3, at: 1000000, times: 1}, {property: name, side: 1, before: Eve, sent: Bob, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[phone], [name]], ids: [a, b], conflicts: [name, phone], changes: ["", ""]}
      "
    `));

  it('leaves the others in review', () =>
    expect(play({ mapping, link: link(base), choice: of(undefined, [['phone', 1]]), records })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Eve, p3)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 0, sent: p3, definition: phone#1, from: p3}]}}
          = updated {writes: [[phone], []], ids: [a, b], conflicts: [phone]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p2, rule: conflict}]}
      ! update {side: 0, view: 0/a(Bob, p2), writes: [{property: phone, value: p3, fingerprint: p3}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p3, p3, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p3>", "<Eve, p3>"]}}
          handled: [0/a(Bob, p3), 1/b(Eve, p3)]
          written: [a, -]
          open: {0/a: {issue: {kind: review, code: CONFLICT, reason: "name was changed on both sides: a person decides.", property: name, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: p2, sent: p3, at: 1000000, times: 1}]
          mark: []
          = review {writes: [[phone], []], ids: [a, b], conflicts: [phone], changes: ["", -], code: CONFLICT, reason: "name was changed on both sides: a person decides.", property: name}
      "
    `));

  it('reads both records although the one looked at is as it was', () =>
    expect(
      play({ mapping, link: link(base, { lastSynced: [state('Bob', 'p2'), ''] }), choice: of(0), records }),
    ).toContain('? {ask: record, side: 1'));

  it('does not decide conflicts that the mapping decides', () =>
    expect(
      play({
        mapping: mappingOf({ properties: { name: { conflict: 'review' }, phone: { conflict: 1 } } }),
        link: link(base),
        choice: of(0),
        records,
      }),
    ).toContain('writes: [{property: name, value: Bob, fingerprint: Bob}]'));

  it('does not exempt a property from the brake where the mapping decides its conflict', () =>
    expect(
      play({
        mapping: mappingOf({
          properties: { name: { conflict: 'review' }, phone: { conflict: 1 } },
          brake: { clears: LIMIT },
        }),
        link: link(base),
        choice: of(0),
        records: [view(0, ['Bob', 'p2']), view(1, ['Eve', ''])],
        stored: { brake: { id: 'x', kind: 'clears', by: 'writes', count: 1, limit: 1, linked: 1, since: 1 } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Eve, )], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: Bob, definition: name#1, from: Bob}]}}
          = updated {writes: [[], [name]], ids: [a, b], conflicts: [name]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Eve, rule: conflict}]}
      ! update {side: 1, view: 1/b(Eve, ), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Bob, >"]}}
          handled: [0/a(Bob, p2), 1/b(Bob, )]
          written: [-, b]
          open: {0/a: {issue: {kind: blocked, code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 1 records, with 1 linked records; 1 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews.", brake: x, change: clears, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 1, before: Eve, sent: Bob, at: 1000000, times: 1}]
          mark: []
          blockedBy: x
          = updated {writes: [[], [name]], ids: [a, b], conflicts: [name], changes: [-, ""]}
      "
    `));

  it.each<readonly [string, Situation, string]>([
    [
      'the property is not there',
      { mapping, link: link(base), choice: of(undefined, [['mail', 0]]) },
      'BAD_REQUEST "The mapping has no property \\"mail\\"." {mapping: people}',
    ],
    [
      'the mapping decides it',
      { link: link(base), choice: of(undefined, [['phone', 0]]) },
      'BAD_REQUEST "Conflicts of \\"phone\\" are not left to a person: the mapping decides them." {mapping: people}',
    ],
    [
      'there is no link',
      { mapping, choice: of(0) },
      'CONFLICT "The record has no link: there is no other side to choose between." {mapping: people}',
    ],
  ])('is refused where %s', (_, given, error) => expect(play(given)).toBe(`\nfails: ${error}\n`));
});

describe('deleting a survivor by hand', () => {
  const choice: Choice = { kind: 'delete' };

  it('keeps its values, deletes it and ends the link', () =>
    expect(play({ choice, link: link(base), records: ['absent', b] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Ann, rule: deleted}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: deleted}]}
          = deleted {ids: [a, b], side: 1}
      ! delete {side: 1, id: b}
      ! commit
          result: {kind: removed, ids: [a, b]}
          markAllDependents: [0/a, 1/b]
      "
    `));

  it('deletes an empty one, without anything to keep', () =>
    expect(play({ choice, link: link(base), records: [view(0, ['', '']), 'absent'] })).not.toContain(
      'keep-overwritten',
    ));

  it('ends a link of which nothing is left', () =>
    expect(play({ choice, link: link(base), records: ['absent', 'absent'] })).toContain('= missing {ids: [a, b]}'));

  it.each<readonly [string, Situation, string]>([
    [
      'both records exist',
      { link: link(base), records: both },
      'CONFLICT "Both records of the link exist: nothing is deleted." {mapping: people}',
    ],
    [
      'there is no link',
      {},
      'CONFLICT "The record has no link: only what is left of a link is deleted here." {mapping: people}',
    ],
    ['a record cannot be read', { link: link(base), records: ['absent', broken] }, 'EXPRESSION_FAILED "It fails."'],
  ])('is refused where %s', (_, given, error) => expect(play({ choice, ...given })).toContain(`fails: ${error}\n`));
});

describe('leaving a record as it is', () => {
  const choice: Choice = { kind: 'dismiss' };
  const issue = { kind: 'review', reason: 'Why.', mapping: 'v1', since: 5 } as const;

  it('keeps it without a counterpart', () =>
    expect(play({ choice, open: { issue } })).toMatchInlineSnapshot(`
    "
    ! commit
        open: {0/a: {issue: {kind: unmatched, reason: "A person decided to leave it as it is. Before: Why.", mapping: v1, since: 1000000}}}
        = unchanged
    "
  `));
  it('keeps the survivor of a link', () =>
    expect(play({ choice, link: link(base), open: { issue } })).toMatchInlineSnapshot(`
      "
      ! commit
          open: {0/a: {issue: {kind: orphaned, reason: "A person decided to leave it as it is. Before: Why.", mapping: v1, since: 1000000}}}
          = unchanged
      "
    `));
  it('ends the issue of a conflict', () =>
    expect(play({ choice, link: link(base), open: { issue: { ...issue, code: 'CONFLICT' } } })).toMatchInlineSnapshot(`
      "
      ! commit
          open: {0/a: {issue: null}}
          = unchanged
      "
    `));
  it('marks a link whose record was merged as orphaned, because full scans never see that record', () =>
    expect(play({ choice, link: link(base), open: { issue: { ...issue, code: 'RECORD_MERGED' } } })).toContain(
      'kind: orphaned',
    ));
  it('keeps the code of a reused id in the issue, because no other place stores it', () =>
    expect(play({ choice, link: link(base), open: { issue: { ...issue, code: 'ID_REUSED' } } })).toContain(
      'issue: {kind: orphaned, code: ID_REUSED, reason: "A person decided to leave it as it is.',
    ));
  it('keeps a record without a link whose create has no known outcome', () =>
    expect(play({ choice, open: { issue: { ...issue, code: 'OUTCOME_UNKNOWN' } } })).toContain('kind: unmatched'));

  it.each([{}, { issue: { ...issue, kind: 'failed' as const } }])(
    'is refused where nothing waits for a decision',
    (open) =>
      expect(play({ choice, open })).toBe(
        '\nfails: NOT_FOUND "Nothing waits for a decision on this record." {mapping: people, id: a}\n',
      ),
  );
});

describe('putting a value of the history back', () => {
  const entry = { at: '2026-01-01T00:00:00.000Z', property: 'phone', side: 'crm', value: 'p0', rule: 'conflict' };
  const choice: Choice = { kind: 'restore', entry, property: 'phone', side: 0 };
  const write = { property: 'phone', value: 'p0', fingerprint: 'p0' };
  const restored = { ok: true, write, toward: 'p0' } as const;
  const written = { view: view(0, ['Ann', 'p0']) };
  const given: Situation = { choice, link: link(base), records: both, answers: { restored } };

  it('writes it to its own side, and then as an edit to the other one', () =>
    expect(play({ ...given, effects: { restored: written } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ? {ask: record, side: 0, id: a}
      ? {ask: restored-value, near: 0/a(Ann, p1), far: 1/b(Ann, p1), property: phone, value: p0}
      ! restore {side: 0, view: 0/a(Ann, p1), write: {property: phone, value: p0, fingerprint: p0}, readFirst: false, ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p1, rule: restored}]}
          = updated {ids: [a, b]}
      ? {ask: conversions, views: [0/a(Ann, p0), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: ["?", p1]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p0, definition: phone#1, from: p0}]}}
          = updated {writes: [[phone], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: p0, fingerprint: p0}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p0, p0, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p0>", "<Ann, p0>"]}}
          handled: [0/a(Ann, p0), 1/b(Ann, p0)]
          written: [a, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: p1, sent: p0, at: 1000000, times: 1}, {property: phone, side: 1, before: p1, sent: p0, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[phone], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  /** What the next look makes of the record on its own side, when that shows what stood there before. */
  const nextLook = (shown: RecordView, now: number, more: Partial<Situation> = {}): string => {
    const { step } = steps({ ...given, effects: { restored: written }, ...more }).at(-1)!;
    if (step.kind !== 'act' || step.action.do !== 'commit' || step.action.commit.result.kind !== 'link')
      throw new Error('The link is not committed.');
    const { result, recent = [], ownWrites } = step.action.commit;
    const ownWriteAt = mapPair(ownWrites, (own) => own?.at ?? 0);
    return play({
      link: link(result.link.base, { revision: 4, ownWriteAt }),
      records: [shown, view(1, ['Ann', 'p0'])],
      recent,
      stored: { now, ownWrites: mapPair(ownWrites, (own) => (own ? [own] : [])) },
    });
  };

  it('is not undone by a reading from before it: the record is read again', () => {
    const next = nextLook(a, NOW + 5_000);
    expect(next).toContain('mark: [{mapping: people, side: 0, id: a, inMs: 5000}]');
    expect(next).not.toContain('update {');
  });

  it('is not undone by such a reading where somebody had edited the record after our own last write', () => {
    const next = nextLook(view(0, ['Ann', 'p1'], { modified: '2026-01-02T00:00:00Z' }), NOW + 5_000, {
      link: link(base, { ownWriteAt: [Date.parse('2026-01-01T00:00:00Z'), 0] }),
      records: [view(0, ['Ann', 'p1'], { modified: '2026-01-02T00:00:00Z' }), b],
      effects: { restored: { view: view(0, ['Ann', 'p0'], { modified: '2026-01-03T00:00:00Z' }) } },
    });
    expect(next).toContain('inMs: 5000');
    expect(next).not.toContain('update {');
  });

  it('is an issue where its system has not stored it after its time, and the other side keeps it', () => {
    const next = nextLook(a, NOW + LAG);
    expect(next).toContain('code: WRITE_NOT_STORED');
    expect(next).not.toContain('update {');
  });

  it('is remembered where it takes the record out of scope', () =>
    expect(play({ ...given, effects: { restored: { view: view(0, ['Ann', 'p0'], { inScope: false }) } } })).toContain(
      'recent: [{property: phone, side: 0, before: p1, sent: p0, at: 1000000, times: 1}]',
    ));

  it('is remembered as not shown yet where its response shows what stood there before', () =>
    expect(play({ ...given, effects: { restored: { view: a } } })).toContain(
      'recent: [{property: phone, side: 0, before: p1, sent: p0, at: 1000000, times: 1, unshown: true}]',
    ));

  it('is dated as an edit of the person who put it back', () =>
    expect(
      play({
        ...given,
        effects: { restored: { view: view(0, ['Ann', 'p0'], { modified: '2026-01-03T00:00:00.000Z' }) } },
      }),
    ).toContain(
      `ownWrites: [{at: ${Date.parse('2026-01-03T00:00:00Z')}, before: ${Date.parse('2026-01-03T00:00:00Z') - 1}}, -]`,
    ));

  it('writes nothing on its own side where it is there already, and still brings it to the other one', () =>
    expect(
      play({ ...given, records: [view(0, ['Ann', 'p0']), b], link: link(agreedOn('Ann', 'p0')) }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ? {ask: record, side: 0, id: a}
      ? {ask: restored-value, near: 0/a(Ann, p0), far: 1/b(Ann, p1), property: phone, value: p0}
      ! restore {side: 0, view: 0/a(Ann, p0), write: -, readFirst: false, ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p0, rule: restored}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: restored}]}
          = updated {ids: [a, b]}
      ? {ask: conversions, views: [0/a(Ann, p0), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: ["?", p0]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p0, definition: phone#1, from: p0}]}}
          = updated {writes: [[], [phone]], ids: [a, b], conflicts: [phone]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: conflict}]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: p0, fingerprint: p0}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p0, p0, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p0>", "<Ann, p0>"]}}
          handled: [0/a(Ann, p0), 1/b(Ann, p0)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p0, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], conflicts: [phone], changes: [-, ""]}
      "
    `));

  it('keeps nothing where both sides hold it', () =>
    expect(play({ ...given, records: [view(0, ['Ann', 'p0']), view(1, ['Ann', 'p0'])] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ? {ask: record, side: 0, id: a}
      ? {ask: restored-value, near: 0/a(Ann, p0), far: 1/b(Ann, p0), property: phone, value: p0}
      ! restore {side: 0, view: 0/a(Ann, p0), write: -, readFirst: false, ids: [a, b], values: []}
          = updated {ids: [a, b]}
      ? {ask: conversions, views: [0/a(Ann, p0), 1/b(Ann, p0)], base: {name: [Ann, Ann, name#1], phone: ["?", p1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p0, p0, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p0>", "<Ann, p0>"]}}
          handled: [0/a(Ann, p0), 1/b(Ann, p0)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = unchanged {ids: [a, b]}
      "
    `));

  it('keeps both values where they differ', () =>
    expect(play({ ...given, records: [a, view(1, ['Ann', 'p7'])], effects: { restored: written } })).toContain(
      'value: p1, rule: restored}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p7, rule: restored}]',
    ));

  it('keeps the one value that is not empty', () =>
    expect(play({ ...given, records: [a, view(1, ['Ann', ''])], effects: { restored: written } })).toContain(
      'values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p1, rule: restored}]',
    ));

  it('keeps the value of the follower alone where nothing flows', () =>
    expect(
      play({
        ...given,
        mapping: mappingOf({ properties: { name: {}, phone: { direction: 0 } } }),
        answers: { restored: { ok: true, write, toward: undefined } },
        effects: { restored: written },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ? {ask: record, side: 0, id: a}
      ? {ask: restored-value, near: 0/a(Ann, p1), far: 1/b(Ann, p1), property: phone, value: p0}
      ! restore {side: 0, view: 0/a(Ann, p1), write: {property: phone, value: p0, fingerprint: p0}, readFirst: false, ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p1, rule: restored}]}
          = updated {ids: [a, b]}
      ? {ask: conversions, views: [0/a(Ann, p0), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: ["?", p1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["?", p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p0>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p0), 1/b(Ann, p1)]
          written: [a, -]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: p1, sent: p0, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[phone], []], ids: [a, b]}
      "
    `));

  it('keeps nothing where nothing flows and it is there already', () =>
    expect(
      play({
        ...given,
        mapping: mappingOf({ properties: { name: {}, phone: { direction: 0 } } }),
        records: [view(0, ['Ann', 'p0']), b],
        answers: { restored: { ok: true, write, toward: undefined } },
      }),
    ).toContain('values: []'));

  it('works on the second side, which is read last', () =>
    expect(
      play({
        ...given,
        choice: { ...choice, side: 1, entry: { ...entry, side: 'shop' } },
        effects: { restored: { view: view(1, ['Ann', 'p0']) } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: restored-value, near: 1/b(Ann, p1), far: 0/a(Ann, p1), property: phone, value: p0}
      ! restore {side: 1, view: 1/b(Ann, p1), write: {property: phone, value: p0, fingerprint: p0}, readFirst: false, ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: restored}]}
          = updated {ids: [a, b]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p0)], base: {name: [Ann, Ann, name#1], phone: [p1, "?"]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 0, sent: p0, definition: phone#1, from: p0}]}}
          = updated {writes: [[phone], [phone]], ids: [a, b]}
      ! update {side: 0, view: 0/a(Ann, p1), writes: [{property: phone, value: p0, fingerprint: p0}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p0, p0, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p0>", "<Ann, p0>"]}}
          handled: [0/a(Ann, p0), 1/b(Ann, p0)]
          written: [a, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p0, at: 1000000, times: 1}, {property: phone, side: 0, before: p1, sent: p0, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[phone], [phone]], ids: [a, b], changes: ["", -]}
      "
    `));

  it('wins over a property that was never agreed on', () =>
    expect(play({ ...given, link: link({ name: base.name! }), effects: { restored: written } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ? {ask: record, side: 0, id: a}
      ? {ask: restored-value, near: 0/a(Ann, p1), far: 1/b(Ann, p1), property: phone, value: p0}
      ! restore {side: 0, view: 0/a(Ann, p1), write: {property: phone, value: p0, fingerprint: p0}, readFirst: false, ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p1, rule: restored}]}
          = updated {ids: [a, b]}
      ? {ask: conversions, views: [0/a(Ann, p0), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p0, definition: phone#1, from: p0}]}}
          = updated {writes: [[phone], [phone]], ids: [a, b], conflicts: [phone]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: conflict}]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: p0, fingerprint: p0}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p0, p0, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p0>", "<Ann, p0>"]}}
          handled: [0/a(Ann, p0), 1/b(Ann, p0)]
          written: [a, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: p1, sent: p0, at: 1000000, times: 1}, {property: phone, side: 1, before: p1, sent: p0, at: 1000000, times: 1}]
          mark: []
      "
    `));

  it('is written although the brake is on, and alone', () =>
    expect(
      play({
        ...given,
        mapping: mappingOf({ brake: { clears: LIMIT } }),
        records: [view(0, ['Bob', 'p1']), b],
        effects: { restored: { view: view(0, ['Bob', 'p0']) } },
        stored: { brake: { id: 'x', kind: 'clears', by: 'writes', count: 1, limit: 1, linked: 1, since: 1 } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ? {ask: record, side: 0, id: a}
      ? {ask: restored-value, near: 0/a(Bob, p1), far: 1/b(Ann, p1), property: phone, value: p0}
      ! restore {side: 0, view: 0/a(Bob, p1), write: {property: phone, value: p0, fingerprint: p0}, readFirst: false, ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p1, rule: restored}]}
          = updated {ids: [a, b]}
      ? {ask: conversions, views: [0/a(Bob, p0), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: ["?", p1]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p0, definition: phone#1, from: p0}]}}
          = updated {writes: [[phone], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: p0, fingerprint: p0}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {phone: [p0, p0, phone#1], name: [Ann, Ann, name#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p0>", "<Ann, p0>"]}}
          handled: [0/a(Bob, p0), 1/b(Ann, p0)]
          written: [a, b]
          open: {0/a: {issue: {kind: blocked, code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 1 records, with 1 linked records; 1 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews.", brake: x, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: p1, sent: p0, at: 1000000, times: 1}, {property: phone, side: 1, before: p1, sent: p0, at: 1000000, times: 1}]
          mark: []
          blockedBy: x
          = updated {writes: [[phone], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it("overwrites an edit of the leader's follower", () =>
    expect(
      play({
        ...given,
        mapping: mappingOf({ properties: { name: {}, phone: { direction: 1 } } }),
        records: [a, view(1, ['Ann', 'p8'])],
        effects: { restored: written },
      }),
    ).toContain('update {side: 1'));

  it('is written to a record that a page delivered only after it was read again', () =>
    expect(
      play({
        ...given,
        delivered: [{ kind: 'present', view: a, from: 'list', askedFor: 'a', order: 0 }, undefined],
        effects: { restored: written },
      }),
    ).toContain('readFirst: true, ids'));

  it('to a follower stays, although its leader was edited meanwhile', () =>
    expect(
      play({
        ...given,
        mapping: mappingOf({ properties: { name: {}, phone: { direction: 0 } } }),
        records: [a, view(1, ['Ann', 'p5'])],
        answers: { restored: { ok: true, write, toward: undefined } },
        effects: { restored: written },
      }),
    ).not.toContain('update {'));

  it('is not carried over where a system could not answer just now', () =>
    expect(
      play({
        ...given,
        effects: { restored: written },
        toward: { phone: [undefined, { ok: false, error: new TandemError('SYSTEM_UNREACHABLE', 'Away.') }] },
        mapping: mappingOf({ properties: { name: {}, phone: { direction: 1 } } }),
      }),
    ).toContain('fails: SYSTEM_UNREACHABLE'));

  it.each<readonly [string, Partial<Situation>, string]>([
    ['there is no link', { link: undefined as never }, 'CONFLICT "It has no link." {mapping: people}'],
    [
      'its record does not exist',
      { records: ['absent', b] },
      'SYSTEM_NOT_FOUND "crm has no record \\"a\\" of contacts."',
    ],
    [
      'the other record does not exist',
      { records: [a, 'absent'] },
      'SYSTEM_NOT_FOUND "shop has no record \\"b\\" of customers."',
    ],
    ['a record cannot be read', { records: [broken, b] }, 'EXPRESSION_FAILED "It fails."'],
    [
      'a record is out of scope',
      { records: [a, view(1, ['Ann', 'p1'], { inScope: false })] },
      'CONFLICT "shop.when excludes the record." {mapping: people}',
    ],
    [
      'the target does not take it',
      { answers: { restored: { ok: false, error: new TandemError('RECORD_SCHEMA', 'Too long.') } } },
      'RECORD_SCHEMA "Too long."',
    ],
  ])('is refused where %s', (_, more, error) => expect(play({ ...given, ...more })).toContain(`fails: ${error}`));

  it('leaves a conflict of another property to a person', () =>
    expect(
      play({
        ...given,
        mapping: mappingOf({ properties: { name: { conflict: 'review' }, phone: { conflict: 'review' } } }),
        records: [view(0, ['Bob', 'p1']), view(1, ['Eve', 'p1'])],
        effects: { restored: { view: view(0, ['Bob', 'p0']) } },
      }),
    ).toContain('= review'));

  it('is paused where the restored value takes the record out of scope', () =>
    expect(play({ ...given, effects: { restored: { view: view(0, ['Ann', 'p0'], { inScope: false }) } } })).toContain(
      '= excluded',
    ));
});

describe('why an entry of the history cannot be put back', () => {
  const entry = { at: '', property: 'phone', side: 'crm', value: 'p0', rule: 'conflict' };
  const one = (property: object) => mappingOf({ properties: { name: {}, phone: property as never } });
  const sides = [{ source: 'phone' }, { source: 'tel', path: {} }];

  it.each([
    ['nothing', mappingOf(), true, entry, undefined],
    ['it was cut', mappingOf(), true, { ...entry, cut: true as const }, 'The value was too long to be kept whole.'],
    ['no link', mappingOf(), false, entry, 'The record has no link: there is no record to put it into.'],
    [
      'no property',
      mappingOf(),
      true,
      { ...entry, property: 'mail' },
      'The mapping has no property "mail" of crm any more.',
    ],
    ['no side', mappingOf(), true, { ...entry, side: 'erp' }, 'The mapping has no property "phone" of erp any more.'],
    ['computed', one({ sides }), true, entry, 'phone cannot be written.'],
    ['computed on the other side only', one({ sides }), true, { ...entry, side: 'shop' }, undefined],
    [
      'put back by the mapping',
      one({ direction: 0, drift: 'revert' }),
      true,
      entry,
      'The mapping puts back whatever is written there: write the value in shop.',
    ],
    ['of the leader', one({ direction: 0, drift: 'revert' }), true, { ...entry, side: 'shop' }, undefined],
    ['of a follower that keeps edits', one({ direction: 0 }), true, entry, undefined],
  ])('%s', (_, mapping, linked, of, wanted) => expect(whyNotRestorable(mapping, linked, of)).toBe(wanted));

  it('is placed by the names of its property and side', () => {
    expect(placeOf(mappingOf(), { ...entry, side: 'shop' })).toEqual({ property: mappingOf().properties[1], side: 1 });
    expect(placeOf(mappingOf(), { ...entry, side: 'erp' })).toBeUndefined();
  });
});

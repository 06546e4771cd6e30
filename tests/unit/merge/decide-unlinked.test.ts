/** The decision table for records without a link: whether they take part, and whom they belong to. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { shareKey } from '../../../engine/merge/match.ts';
import type { CorrelationFacts, RuleFacts } from '../../../engine/sync/facts.ts';
import { LIMIT, mappingOf, PARTNER, PLACE, pendingCreate, play, type Situation, view } from './situation.ts';

const none = mappingOf({ sides: [{}, { create: false as never }] });
const ann = view(0, ['Ann', 'p1']);
const shop = view(1, ['Ann', 'p1']);
const found = (more: Partial<RuleFacts> = {}): RuleFacts => ({ candidates: [], rivals: [], doubtful: [], ...more });
const named = (more: Partial<CorrelationFacts> = {}): CorrelationFacts => ({
  partners: [],
  namedIsLinked: false,
  rivals: [],
  matched: [],
  ...more,
});
const review = {
  kind: 'review',
  reason: '',
  mapping: 'v1',
  since: 5,
  rules: 'rules-1',
  candidates: ['1/b', '0/c'],
} as const;

describe('a record that does not exist', () => {
  it('is forgotten', () =>
    expect(play({ records: ['absent', undefined] })).toMatchInlineSnapshot(`
    "
    ? {ask: record, side: 0, id: a}
    ? {ask: waiters}
    ! commit
        result: {kind: removed, record: {side: 0, id: a}}
        open: {0/a: {issue: null}}
        markAllDependents: [0/a]
        = missing
    "
  `));

  it('has an issue where others wait for it', () =>
    expect(play({ records: ['absent', undefined], answers: { waitedFor: true } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: waiters}
      ! commit
          result: {kind: removed, record: {side: 0, id: a}}
          open: {0/a: {issue: {kind: orphaned, reason: "The record does not exist.", mapping: v1, since: 1000000}}}
          markAllDependents: [0/a]
          = missing
      "
    `));

  it('leaves its unconfirmed create to a person', () =>
    expect(play({ records: ['absent', undefined], open: { pendingCreate: pendingCreate({ name: 'Ann' }) } })).toContain(
      'pendingCreate: {at: 999990, key: key-0, sent: {name: Ann}, review: true}',
    ));

  it('leaves an unconfirmed create as it is that is in review already', () =>
    expect(
      play({ records: ['absent', undefined], open: { pendingCreate: pendingCreate({}, { review: true }) } }),
    ).not.toContain('pendingCreate'));
});

describe('a record that cannot be read', () => {
  const broken = new TandemError('EXPRESSION_FAILED', 'It fails.', { property: 'phone' });

  it('is an issue, and all records that wait for it are marked dirty', () =>
    expect(play({ records: [broken, undefined] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: <error.It fails.>}
          open: {0/a: {issue: {kind: failed, code: EXPRESSION_FAILED, reason: "It fails.", property: phone, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          = failed {code: EXPRESSION_FAILED, reason: "It fails.", property: phone}
      "
    `));

  it('does not mark the records that wait for it dirty a second time', () =>
    expect(
      play({ records: [broken, undefined], open: { issue: { kind: 'failed', reason: '', mapping: 'v1', since: 1 } } }),
    ).not.toContain('markDependents'));

  it('marks the records dirty that waited for it while the brake blocked it', () =>
    expect(
      play({ records: [broken, undefined], open: { issue: { kind: 'blocked', reason: '', mapping: 'v1', since: 1 } } }),
    ).toContain('markDependents: [0/a]'));

  it('leaves its unconfirmed create to a person', () =>
    expect(play({ records: [broken, undefined], open: { pendingCreate: pendingCreate({}) } })).toContain(
      'review: true',
    ));
});

describe('a record out of scope', () => {
  it("gets no counterpart, and is nobody's candidate", () =>
    expect(
      play({
        records: [view(0, ['Ann', 'p1'], { inScope: false }), undefined],
        open: { decision: { kind: 'creates' } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: <out>, index: null}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {decision: null, issue: {kind: unmatched, reason: "crm.when excludes the record.", mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          noFirstSync: true
          = excluded
      "
    `));

  it('is found by the record that it names', () =>
    expect(play({ records: [view(0, ['Ann', 'p1'], { inScope: false, ref: 'b' }), undefined] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: <out>, index: {id: a, keys: [], correlationId: b}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {decision: null, issue: {kind: unmatched, reason: "crm.when excludes the record.", mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          noFirstSync: true
          = excluded
      "
    `));
});

describe('a record before both sides were read fully', () => {
  it('waits, and nothing is matched or created', () =>
    expect(play({ records: [ann, undefined], stored: { ready: false } })).toMatchInlineSnapshot(`
    "
    ? {ask: record, side: 0, id: a}
    ! commit
        untilReady: true
        = waiting {reason: "Both sides must be read fully once before anything is matched or created."}
    "
  `));
});

describe('a record that nothing matches', () => {
  it('has no counterpart where the mapping creates none there', () =>
    expect(play({ mapping: none, records: [ann, undefined] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: open-creates, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {issue: {kind: unmatched, reason: "No record in shop matches it, and the mapping creates none there.", mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          noFirstSync: true
          = unmatched
      "
    `));

  it('is looked at from the second side in the same way', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{ create: false as never }, {}] }),
        look: [1, 'b'],
        records: [undefined, shop],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ! lock {claims: [key/0/ann@x], entry: {side: 1, entry: {id: b, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 1/b(Ann, p1)}
      ? {ask: rule, rule: 0, view: 1/b(Ann, p1)}
      ? {ask: open-creates, view: 1/b(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 1, id: b}, state: "<Ann, p1>.<ann@x>", index: {id: b, keys: [ann@x], correlationId: -}}
          handled: [-, 1/b(Ann, p1)]
          open: {1/b: {issue: {kind: unmatched, reason: "No record in crm matches it, and the mapping creates none there.", mapping: v1, since: 1000000}}}
          markDependents: [1/b]
          markAllDependents: [1/b]
          noFirstSync: true
          = unmatched
      "
    `));

  it('claims the match keys that it has', () =>
    expect(
      play({
        mapping: mappingOf({
          sides: [{}, { create: false as never }],
          match: [
            { name: 'a', onMatch: 'link' },
            { name: 'b', onMatch: 'link' },
            { name: 'c', onMatch: 'link' },
          ],
        }),
        records: [view(0, ['Ann', 'p1'], { keys: ['x', undefined, 'y'] }), undefined],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/x, key/2/y], entry: {side: 0, entry: {id: a, keys: [x, -, y], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 2, view: 0/a(Ann, p1)}
      ? {ask: open-creates, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<x\\n\\ny>", index: {id: a, keys: [x, -, y], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {issue: {kind: unmatched, reason: "No record in shop matches it, and the mapping creates none there.", mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          noFirstSync: true
          = unmatched
      "
    `));

  it('is as before where it is looked at again: records that watch it are not marked dirty', () => {
    const issue = { kind: 'unmatched', reason: '', mapping: 'v1', since: 5 } as const;
    const unlinked = (state: string) => ({ firstSeen: 1, state, matchKeys: [], correlationId: '', raw: '' });
    const played = (state: string) =>
      play({ mapping: none, records: [ann, undefined], open: { issue }, stored: { unlinked: unlinked(state) } });
    const state = '<name=Ann\nname#1\nphone=p1\nphone#1>';
    expect(played(`${state}.<ann@x>`)).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: open-creates, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {issue: {kind: unmatched, reason: "No record in shop matches it, and the mapping creates none there.", mapping: v1, since: 5}}}
          noFirstSync: true
          = unmatched
      "
    `);
    expect(played('other.<ann@x>')).not.toContain('markAllDependents');
    expect(played(`${state}.<bob@x>`)).toContain('markAllDependents: [0/a]');
    expect(played('<out>')).toContain('markAllDependents: [0/a]');
  });

  it('leaves its unconfirmed create to a person where none is created any more', () =>
    expect(
      play({
        mapping: none,
        records: [ann, undefined],
        open: { pendingCreate: pendingCreate({ name: 'Ann' }) },
        answers: { found: { by: 'search', records: [], others: [] } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: unconfirmed-create, view: 0/a(Ann, p1), pending: {at: 999990, key: key-0, sent: {name: Ann}}}
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {pendingCreate: {at: 999990, key: key-0, sent: {name: Ann}, review: true}, issue: {kind: unmatched, reason: "No record in shop matches it, and the mapping creates none there.", mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          noFirstSync: true
          = unmatched
      "
    `));
});

describe('a record with one candidate', () => {
  const one: Situation = { records: [ann, undefined], rules: [found({ candidates: [shop] })] };

  it('is linked to it, and both are brought into agreement', () =>
    expect(play(one)).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ! lock {claims: [1/b], entry: {side: 1, entry: {id: b, keys: [ann@x], correlationId: -}}}
          = matched
      ? {ask: partner, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = matched {ids: [a, b]}
      "
    `));

  it('is linked from the second side in the same way', () =>
    expect(
      play({ look: [1, 'b'], records: [undefined, shop], rules: [found({ candidates: [ann] })] }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ! lock {claims: [key/0/ann@x], entry: {side: 1, entry: {id: b, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 1/b(Ann, p1)}
      ? {ask: rule, rule: 0, view: 1/b(Ann, p1)}
      ! lock {claims: [0/a], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = matched
      ? {ask: partner, side: 0, id: a}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = matched {ids: [a, b]}
      "
    `));

  it('is linked, and what is empty is filled', () =>
    expect(play({ ...one, records: [view(0, ['Ann', '']), undefined] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, )}
      ? {ask: rule, rule: 0, view: 0/a(Ann, )}
      ! lock {claims: [1/b], entry: {side: 1, entry: {id: b, keys: [ann@x], correlationId: -}}}
          = matched
      ? {ask: partner, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, ), 1/b(Ann, p1)], base: {}}
      ! begin {consume: {allowance: -}, writes: {revision: 0, ids: [a, b], writes: [{property: phone, side: 0, sent: p1, definition: phone#1, from: p1}]}}
          = matched {writes: [[phone], []], ids: [a, b]}
      ! update {side: 0, view: 0/a(Ann, ), writes: [{property: phone, value: p1, fingerprint: p1}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          written: [a, -]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: "", sent: p1, at: 1000000, times: 1}]
          mark: []
      "
    `));

  it('is linked with the values in agreement that an unconfirmed create for the other one had sent', () =>
    expect(
      play({
        records: [view(0, ['Ann', 'p2']), undefined],
        rules: [found({ candidates: [view(1, ['Bob', 'p3'])] })],
        answers: {
          partner: { ...PARTNER, pendingCreate: pendingCreate({ name: 'Ann', phone: 'p1' }) },
        },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p2)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p2)}
      ! lock {claims: [1/b], entry: {side: 1, entry: {id: b, keys: [ann@x], correlationId: -}}}
          = matched
      ? {ask: partner, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Bob, p3)], base: {name: [Ann, "?", name#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 0, ids: [a, b], writes: [{property: name, side: 0, sent: Bob, definition: name#1, from: Bob}, {property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = matched {writes: [[name], [phone]], ids: [a, b], conflicts: [phone]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p3, rule: conflict}]}
      ! update {side: 0, view: 0/a(Ann, p2), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: true}
      ! update {side: 1, view: 1/b(Bob, p3), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Bob, p2>"]}}
          handled: [0/a(Bob, p2), 1/b(Bob, p2)]
          written: [a, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 0, before: Ann, sent: Bob, at: 1000000, times: 1}, {property: phone, side: 1, before: p3, sent: p2, at: 1000000, times: 1}]
          mark: []
          = matched {writes: [[name], [phone]], ids: [a, b], conflicts: [phone], changes: ["", -]}
      "
    `));

  it('is linked with the values in agreement that its own unconfirmed create had sent', () =>
    expect(
      play({
        records: [view(0, ['Bob', 'p2']), undefined],
        rules: [found({ candidates: [shop] })],
        open: { pendingCreate: pendingCreate({ name: 'Ann' }) },
        answers: { found: { by: 'search', records: [], others: [] } },
      }),
    ).toContain('base: {name: ["?", Ann, name#1]}'));

  it('is linked, and an own write to the candidate is no edit of it', () => {
    const modified = '2026-01-02T00:00:00.000Z';
    const played = (own: readonly { at: number; before: undefined }[]) =>
      play({
        records: [view(0, ['Ann', 'p2'], { modified: '2026-01-01T00:00:00.000Z' }), undefined],
        rules: [found({ candidates: [view(1, ['Ann', 'p3'], { modified })] })],
        answers: { partner: { ...PARTNER, ownWrites: own } },
      });
    expect(played([])).toContain('update {side: 0');
    expect(played([{ at: Date.parse(modified), before: undefined }])).toContain('update {side: 1');
  });

  it('is linked with the writes that an earlier try had begun', () => {
    const pendingWrites = {
      revision: 0,
      ids: ['a', 'b'] as const,
      writes: [{ property: 'phone', side: 1 as const, sent: 'p1', from: 'p0' }],
    };
    const played = (given: Partial<Situation>) => play({ ...one, ...given });
    expect(played({ open: { pendingWrites } })).toContain('base: {phone: [p0, p1]}');
    expect(played({ open: { pendingWrites: { ...pendingWrites, revision: 1 } } })).toContain('base: {}');
    expect(played({ open: { pendingWrites: { ...pendingWrites, ids: ['a', 'c'] } } })).toContain('base: {}');
    expect(
      play({
        look: [1, 'b'],
        records: [undefined, shop],
        rules: [found({ candidates: [ann] })],
        answers: { partner: { ...PARTNER, pendingWrites } },
      }),
    ).toContain('base: {phone: [p0, p1]}');
  });

  it('fails where a system that a conversion needs cannot be reached', () =>
    expect(
      play({
        ...one,
        records: [view(0, ['Ann', 'p2']), undefined],
        toward: { phone: [undefined, { ok: false, error: new TandemError('SYSTEM_UNREACHABLE', 'Away.') }] },
        mapping: mappingOf({ properties: { name: {}, phone: { direction: 1 } } }),
      }),
    ).toContain('fails: SYSTEM_UNREACHABLE'));

  it('is linked where its candidate is out of scope', () =>
    expect(play({ ...one, rules: [found({ candidates: [view(1, ['Ann', 'p1'], { inScope: false })] })] })).toContain(
      '= matched',
    ));
});

describe('a record with several candidates', () => {
  it('is in review beside all of them', () =>
    expect(
      play({
        records: [ann, undefined],
        rules: [found({ candidates: [shop, view(1, ['Eve', ''], { id: 'c', ref: 'z' })] })],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          index: [[], [{id: b, keys: [ann@x], correlationId: -}, {id: c, keys: [ann@x], correlationId: z}]]
          open: {0/a: {issue: {kind: review, reason: "Several records could belong together by the rule \\"email\\": a person decides.", candidates: [1/b, 1/c], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b, 1/c]
          = review {reason: "Several records could belong together by the rule \\"email\\": a person decides."}
      "
    `));

  it.each([
    [
      'a rival of its own side',
      found({ candidates: [shop], rivals: [view(0, ['Ann', ''], { id: 'c' })] }),
      '[1/b, 0/c]',
    ],
    ['a doubt about its candidate', found({ candidates: [shop], doubtful: ['0/d'] }), '[1/b, 0/d]'],
  ])('is in review for %s', (_, rule, candidates) => {
    const played = play({ records: [ann, undefined], rules: [rule] });
    expect(played).toContain(`candidates: ${candidates}`);
    expect(played).toContain('Several records could belong together by the rule \\"email\\": a person decides.');
  });

  it('is in review even where it has one candidate only, if the rule asks a person', () =>
    expect(
      play({
        mapping: mappingOf({ match: [{ name: 'email', onMatch: 'review' }] }),
        records: [ann, undefined],
        rules: [found({ candidates: [shop] })],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          index: [[], [{id: b, keys: [ann@x], correlationId: -}]]
          open: {0/a: {issue: {kind: review, reason: "One record could belong to it by the rule \\"email\\", which asks a person to confirm it.", candidates: [1/b], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b]
          = review {reason: "One record could belong to it by the rule \\"email\\", which asks a person to confirm it."}
      "
    `));

  it('is linked by a later rule where the better rule finds no candidate', () =>
    expect(
      play({
        mapping: mappingOf({
          match: [
            { name: 'email', onMatch: 'link' },
            { name: 'phone', onMatch: 'link' },
          ],
        }),
        records: [view(0, ['Ann', 'p1'], { keys: ['x', 'y'] }), undefined],
        rules: [found(), found({ candidates: [shop] })],
      }),
    ).toContain('= matched'));

  it('asks no rule for which it has no key', () =>
    expect(
      play({
        mapping: mappingOf({
          match: [
            { name: 'email', onMatch: 'link' },
            { name: 'phone', onMatch: 'link' },
          ],
        }),
        records: [view(0, ['Ann', 'p1'], { keys: [undefined, 'y'] }), undefined],
        rules: [found({ candidates: [view(1, ['Ann', 'p1'], { id: 'c' })] }), found({ candidates: [shop] })],
      }),
    ).toContain('lock {claims: [1/b]'));
});

describe('a record that names its counterpart, or is named', () => {
  const both = mappingOf({ sides: [{ correlate: PLACE }, { correlate: PLACE }] });
  const names = view(0, ['Ann', 'p1'], { ref: 'b' });
  const correlated = (correlation: CorrelationFacts, more: Partial<Situation> = {}) =>
    play({ mapping: both, records: [names, undefined], answers: { correlation }, ...more });

  it('is linked to it', () => expect(correlated(named({ partners: [shop] }))).toContain('= matched'));

  it('is in review where that one is linked to another', () =>
    expect(correlated(named({ namedIsLinked: true, partners: [shop] }))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: b}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x\\nb>", index: {id: a, keys: [ann@x], correlationId: b}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {issue: {kind: review, reason: "crm.ref names a record in shop that is linked to another one: a person decides.", candidates: [1/b], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b]
          = review {reason: "crm.ref names a record in shop that is linked to another one: a person decides."}
      "
    `));

  it('is in review where several name the same', () =>
    expect(correlated(named({ partners: [shop, view(1, ['Eve', ''], { id: 'c' })] }))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: b}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x\\nb>", index: {id: a, keys: [ann@x], correlationId: b}}
          handled: [0/a(Ann, p1), -]
          index: [[], [{id: b, keys: [ann@x], correlationId: -}, {id: c, keys: [ann@x], correlationId: -}]]
          open: {0/a: {issue: {kind: review, reason: "Several records name the same counterpart in crm.ref: a person decides.", candidates: [1/b, 1/c], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b, 1/c]
          = review {reason: "Several records name the same counterpart in crm.ref: a person decides."}
      "
    `));

  it('is in review where others of its own side name it too', () =>
    expect(correlated(named({ partners: [shop], rivals: [view(0, ['Eve', ''], { id: 'c' })] }))).toContain(
      'candidates: [1/b, 0/c]',
    ));

  it('is in review where the match rules find another one, and the two have no key in common', () =>
    expect(
      correlated(named({ partners: [view(1, ['Ann', ''], { keys: ['eve@x'] })], matched: ['1/d', '1/b'] })),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: b}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x\\nb>", index: {id: a, keys: [ann@x], correlationId: b}}
          handled: [0/a(Ann, p1), -]
          index: [[], [{id: b, keys: [eve@x], correlationId: -}]]
          open: {0/a: {issue: {kind: review, reason: "crm.ref names one record, the match rules find another: a person decides.", candidates: [1/b, 1/d], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b, 1/d]
          = review {reason: "crm.ref names one record, the match rules find another: a person decides."}
      "
    `));

  it.each([
    ['the two have a key in common', named({ partners: [shop], matched: ['1/d'] })],
    ['the rules find nobody', named({ partners: [view(1, ['Ann', ''], { keys: ['eve@x'] })] })],
    [
      'it is out of scope',
      named({ partners: [view(1, ['Ann', ''], { keys: ['eve@x'], inScope: false })], matched: ['1/d'] }),
    ],
  ])('is linked where %s', (_, correlation) => expect(correlated(correlation)).toContain('= matched'));

  it.each([
    ['the place of the other side, where its own names nobody', both, ann, 'shop.ref'],
    [
      'the place of the other side, where its own has none',
      mappingOf({ sides: [{}, { correlate: PLACE }] }),
      names,
      'shop.ref',
    ],
    ['its own place, where it names somebody', both, names, 'crm.ref'],
  ])('names %s in the reason', (_, mapping, record, place) =>
    expect(
      play({
        mapping,
        records: [record, undefined],
        answers: { correlation: named({ partners: [shop, view(1, ['Eve', ''], { id: 'c' })] }) },
      }),
    ).toContain(`Several records name the same counterpart in ${place}: a person decides.`),
  );

  it('is searched for in the system after the rules', () =>
    expect(correlated(named(), { answers: { searched: named({ partners: [shop] }) } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: b}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: search-correlation, view: 0/a(Ann, p1)}
      ! lock {claims: [1/b], entry: {side: 1, entry: {id: b, keys: [ann@x], correlationId: -}}}
          = matched
      ? {ask: partner, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = matched {ids: [a, b]}
      "
    `));

  it('is in review where the record that it names does not exist, and nobody names it', () =>
    expect(correlated(named(), { answers: { namedExists: false } })).toContain('= review'));

  it('is not searched for where the other side has no place for it', () =>
    expect(
      play({ mapping: mappingOf({ sides: [{ correlate: PLACE }, {}] }), records: [names, undefined] }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: b}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: named-record, side: 1, id: b}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x\\nb>", index: {id: a, keys: [ann@x], correlationId: b}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {issue: {kind: review, reason: "crm.ref names a record that shop does not have: a person decides whether one is created.", candidates: [], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: []
          = review {reason: "crm.ref names a record that shop does not have: a person decides whether one is created."}
      "
    `));

  it.each([
    ['the record that it names exists', both, names, { namedExists: true }],
    ['it names nobody', both, ann, {}],
  ])('gets a counterpart where %s', (_, mapping, record, answers) =>
    expect(play({ mapping, records: [record, undefined], answers })).toContain('! create {side: 1'),
  );

  it('does not have the named record looked up where the mapping creates none there', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{ correlate: PLACE }, { create: false as never }] }),
        records: [names, undefined],
      }),
    ).not.toContain('named-record'));
});

describe('a record that was in review and has no candidates any more', () => {
  const open = { issue: review };

  it('stays in review where one of them has got a counterpart', () =>
    expect(play({ records: [ann, undefined], open, answers: { matching: ['1/b'] } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: matching-candidates, view: 0/a(Ann, p1), candidates: [1/b, 0/c]}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {issue: {kind: review, reason: "The records that it could have belonged to are linked to others by now: it may be one too many, so a person decides whether it gets a counterpart.", candidates: [1/b], rules: rules-1, mapping: v1, since: 5}}}
          markAllDependents: [0/a]
          watch: [1/b]
          = review {reason: "The records that it could have belonged to are linked to others by now: it may be one too many, so a person decides whether it gets a counterpart."}
      "
    `));

  it('gets a counterpart where none of them is left under the same rules', () =>
    expect(play({ records: [ann, undefined], open, answers: { candidatesExist: true } })).toContain('! create {'));

  it('stays in review where other rules find nobody, and one of them exists', () =>
    expect(
      play({ records: [ann, undefined], open, stored: { rules: 'rules-2' }, answers: { candidatesExist: true } }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: matching-candidates, view: 0/a(Ann, p1), candidates: [1/b, 0/c]}
      ? {ask: candidates-exist, side: 1, ids: [b]}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {issue: {kind: review, reason: "By the match rules as they were, records could have belonged to it that do not match it any more: a person decides whether it gets a counterpart.", candidates: [1/b, 0/c], rules: rules-1, mapping: v1, since: 5}}}
          markAllDependents: [0/a]
          watch: [1/b, 0/c]
          = review {reason: "By the match rules as they were, records could have belonged to it that do not match it any more: a person decides whether it gets a counterpart."}
      "
    `));

  it('gets a counterpart where other rules find nobody, and none of them exists', () =>
    expect(play({ records: [ann, undefined], open, stored: { rules: 'rules-2' } })).toContain('! create {'));

  it.each([
    ['the same version', 'v1', 'create'],
    ['another version', 'v0', 'review'],
  ])('is judged by the version of the mapping where no rules are noted: %s', (_, mapping, wanted) => {
    const { rules: _rules, ...issue } = review;
    const played = play({
      records: [ann, undefined],
      open: { issue: { ...issue, mapping } },
      answers: { candidatesExist: true },
    });
    expect(played).toContain(wanted === 'create' ? '! create {' : 'rules: ""');
  });

  it.each([
    ['it was no review', { ...review, kind: 'failed' as const }],
    ['it had no candidates', { kind: 'review' as const, reason: '', mapping: 'v1', since: 5 }],
  ])('gets a counterpart without any question where %s', (_, issue) =>
    expect(play({ records: [ann, undefined], open: { issue } })).not.toContain('matching-candidates'),
  );

  it('has none where the mapping creates none', () =>
    expect(play({ mapping: none, records: [ann, undefined], open })).toContain('= unmatched'));
});

describe('the record that an unconfirmed create has made', () => {
  it('is linked before any candidate that only looks like it', () =>
    expect(
      play({
        records: [ann, undefined],
        rules: [found({ candidates: [view(1, ['Ann', ''], { id: 'c' })] })],
        open: { pendingCreate: pendingCreate({ name: 'Ann', phone: 'p1' }) },
        answers: {
          found: { by: 'search', records: [{ view: shop, linked: false, firstSeen: undefined }], others: [] },
        },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: unconfirmed-create, view: 0/a(Ann, p1), pending: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}}}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! lock {claims: [1/b]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, b], changes: [-, ""]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          written: [-, b]
          mark: []
      "
    `));
});

describe('trouble while the brake blocks a record', () => {
  const blocked = {
    kind: 'blocked',
    code: 'BRAKE_ON',
    reason: '',
    mapping: 'v1',
    since: 5,
    brake: 'brake-1',
    change: 'creates',
  } as const;
  const failing = { newRecord: { ok: false, error: new TandemError('VALUE_TYPE', 'No number.'), refs: [] } } as const;

  it('keeps the record under the brake where it is a failure', () =>
    expect(
      play({
        mapping: mappingOf({ brake: { creates: LIMIT } }),
        records: [ann, undefined],
        open: { issue: blocked },
        answers: failing,
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: open-creates, view: 0/a(Ann, p1)}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {issue: {kind: failed, code: VALUE_TYPE, reason: "No number.", brake: brake-1, change: creates, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          = failed {code: VALUE_TYPE, reason: "No number."}
      "
    `));

  it('keeps the record under the brake where it is a wait', () =>
    expect(
      play({
        records: [ann, undefined],
        open: { issue: blocked },
        answers: { newRecord: { ok: false, error: new TandemError('REFERENCE_WAITING', 'It waits.'), refs: [] } },
      }),
    ).toContain('brake: brake-1, change: creates'));

  it('takes the record out of the brake where it is a review', () =>
    expect(
      play({
        records: [ann, undefined],
        open: { issue: blocked },
        rules: [found({ candidates: [shop, view(1, [], { id: 'c' })] })],
      }),
    ).not.toContain('brake: brake-1'));

  it('takes the record out of the brake where the block names no change', () => {
    const { change: _, ...unchanged } = blocked;
    expect(play({ records: [ann, undefined], open: { issue: unchanged }, answers: failing })).not.toContain(
      'brake: brake-1',
    );
  });
});

describe('shareKey', () => {
  it.each([
    [['a'], ['a'], true],
    [['a'], ['b'], false],
    [[undefined], [undefined], false],
    [['a', 'b'], ['b', 'a'], false],
    [['x', 'b'], ['y', 'b'], true],
  ])('%j and %j: %s', (a, b, wanted) => expect(shareKey({ keys: a }, { keys: b })).toBe(wanted));
});

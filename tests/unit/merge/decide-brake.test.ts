/** The decision table for the brake: what it lets through, what it blocks, and what a person has decided about it. */
import { describe, expect, it } from 'vitest';
import type { BrakeKind } from '../../../engine/config/brake-limits.ts';
import { brakeReason, permitFor } from '../../../engine/merge/permit.ts';
import type { Brake } from '../../../engine/store/brake.ts';
import type { OpenEntry } from '../../../engine/store/types.ts';
import type { Facts } from '../../../engine/sync/facts.ts';
import { agreedOn, factsOf, LIMIT, link, mappingOf, PLACE, play, type Situation, state, view } from './situation.ts';

const base = agreedOn('Ann', 'p1');
const on = (more: Partial<Brake> = {}): Brake => ({
  id: 'brake-1',
  kind: 'clears',
  by: 'writes',
  count: 11,
  limit: 10,
  linked: 100,
  since: 1,
  ...more,
});
const clears = mappingOf({ brake: { clears: LIMIT } });
const blockedBy = (more: Partial<NonNullable<OpenEntry['issue']>> = {}): OpenEntry => ({
  issue: {
    kind: 'blocked',
    code: 'BRAKE_ON',
    reason: 'It is on.',
    mapping: 'v1',
    since: 5,
    brake: 'brake-0',
    change: 'clears',
    ...more,
  },
});
const cleared: Situation = {
  mapping: clears,
  link: link(base),
  records: [view(0, ['Ann', '']), view(1, ['Ann', 'p1'])],
};
const SEEN = { phone: [' p1', 'phone#1'] as const };

describe('a clear', () => {
  it('asks how many are allowed, and consumes one', () =>
    expect(play(cleared)).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, ), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ? {ask: allowance, kind: clears}
      ! begin {consume: {allowance: {kind: clears, record: 0/a, limit: 10, linked: 100, since: -}}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: "", definition: phone#1, from: ""}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: cleared}]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: null, fingerprint: ""}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["", "", phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, >", "<Ann, >"]}}
          handled: [0/a(Ann, ), 1/b(Ann, )]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: "", at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('is blocked while the brake is on', () =>
    expect(play({ ...cleared, stored: { brake: on() } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, ), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, >", "<Ann, p1>"]}}
          handled: [0/a(Ann, ), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: blocked, code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews.", brake: brake-1, change: clears, mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          blockedBy: brake-1
          = waiting {ids: [a, b], code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews."}
      "
    `));

  it('that takes the brake over its limit is blocked', () =>
    expect(play({ ...cleared, effects: { brake: on() } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, ), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ? {ask: allowance, kind: clears}
      ! begin {consume: {allowance: {kind: clears, record: 0/a, limit: 10, linked: 100, since: -}}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: "", definition: phone#1, from: ""}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, >", "<Ann, p1>"]}}
          handled: [0/a(Ann, ), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: blocked, code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews.", brake: brake-1, change: clears, mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          blockedBy: brake-1
          = waiting {ids: [a, b], code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews."}
      "
    `));

  it('is done after people continued, and is not counted', () =>
    expect(
      play({ ...cleared, open: blockedBy(), stored: { answered: { clears: 'continue' } } }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, ), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: "", definition: phone#1, from: ""}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: cleared}]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value: null, fingerprint: ""}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["", "", phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, >", "<Ann, >"]}}
          handled: [0/a(Ann, ), 1/b(Ann, )]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: "", at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('is counted after people continued if the record was blocked for another kind of change', () =>
    expect(
      play({ ...cleared, open: blockedBy({ change: 'deletes' }), stored: { answered: { clears: 'continue' } } }),
    ).toContain('? {ask: allowance, kind: clears}'));

  it('is not done after people discarded it: both sides keep what they have', () =>
    expect(play({ ...cleared, open: blockedBy(), stored: { answered: { clears: 'discard' } } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, ), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: ["", p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, >", "<Ann, p1>"]}}
          handled: [0/a(Ann, ), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = unchanged {ids: [a, b]}
      "
    `));

  it('that was discarded does not keep other properties from being written', () =>
    expect(
      play({
        ...cleared,
        records: [view(0, ['Bob', '']), view(1, ['Ann', 'p1'])],
        open: blockedBy(),
        stored: { answered: { clears: 'discard' } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, ), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: Bob, definition: name#1, from: Bob}]}}
          = updated {writes: [[], [name]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: ["", p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, >", "<Bob, p1>"]}}
          handled: [0/a(Bob, ), 1/b(Bob, p1)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 1, before: Ann, sent: Bob, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [name]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('that a person decided against is not done, and nothing waits, while another brake is on', () =>
    expect(play({ ...cleared, open: { decision: { kind: 'clears', seen: SEEN } }, stored: { brake: on() } })).toContain(
      '= unchanged',
    ));

  it('that was discarded is no conflict: nothing is overwritten', () =>
    expect(
      play({
        ...cleared,
        records: [
          view(0, ['Ann', ''], { modified: '2026-01-02T00:00:00Z' }),
          view(1, ['Ann', 'p3'], { modified: '2026-01-01T00:00:00Z' }),
        ],
        open: blockedBy(),
        stored: { answered: { clears: 'discard' } },
      }),
    ).not.toMatch(/keep-overwritten|conflicts/));

  it('that was discarded is remembered while another brake blocks the rest', () =>
    expect(
      play({
        ...cleared,
        records: [view(0, ['Bob', '']), view(1, ['Ann', 'p1'])],
        open: blockedBy(),
        stored: { answered: { clears: 'discard' }, brake: on({ id: 'brake-2' }) },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, ), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, >", "<Ann, p1>"]}}
          handled: [0/a(Bob, ), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: blocked, code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews.", brake: brake-2, mapping: v1, since: 5}, decision: {kind: clears, seen: {phone: [ p1, phone#1]}}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          blockedBy: brake-2
          = waiting {ids: [a, b], code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews."}
      "
    `));

  it('that a person decided against stays undone while both values are as they were', () =>
    expect(play({ ...cleared, open: { decision: { kind: 'clears', seen: SEEN } } })).not.toContain('update {'));

  it.each([
    ['a value was edited since', { phone: [' p0', 'phone#1'] as const }],
    ['it was about another property', { name: ['Ann Ann', 'name#1'] as const }],
  ])('that a person decided against is asked for again where %s', (_, seen) =>
    expect(play({ ...cleared, open: { decision: { kind: 'clears', seen } } })).toContain('update {side: 1'),
  );

  it('that a person decided against stays undone where the property is defined otherwise now', () =>
    expect(
      play({ ...cleared, open: { decision: { kind: 'clears', seen: { phone: ['x y', 'phone#0'] } } } }),
    ).not.toContain('update {'));

  it('is blocked again where the decision about it has ended', () =>
    expect(
      play({
        ...cleared,
        open: { decision: { kind: 'clears', seen: { phone: [' p0', 'phone#1'] } } },
        stored: { brake: on() },
      }),
    ).toContain('change: clears, mapping: v1, since: 1000000}, decision: null}'));

  it('of a link that a person left as it is, is done', () =>
    expect(
      play({ ...cleared, open: { issue: { kind: 'orphaned', reason: '', mapping: 'v1', since: 1, kept: true } } }),
    ).toContain('update {side: 1'));

  it('of both sides is one clear per record', () =>
    expect(play({ ...cleared, records: [view(0, ['Ann', '']), view(1, ['', 'p1'])] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, ), 1/b(, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ? {ask: allowance, kind: clears}
      ! begin {consume: {allowance: {kind: clears, record: 0/a, limit: 10, linked: 100, since: -}}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 0, sent: "", definition: name#1, from: ""}, {property: phone, side: 1, sent: "", definition: phone#1, from: ""}]}}
          = updated {writes: [[name], [phone]], ids: [a, b]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: crm, value: Ann, rule: cleared}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: cleared}]}
      ! update {side: 0, view: 0/a(Ann, ), writes: [{property: name, value: null, fingerprint: ""}], readFirst: true}
      ! update {side: 1, view: 1/b(, p1), writes: [{property: phone, value: null, fingerprint: ""}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: ["", "", name#1], phone: ["", "", phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<, >", "<, >"]}}
          handled: [0/a(, ), 1/b(, )]
          written: [a, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 0, before: Ann, sent: "", at: 1000000, times: 1}, {property: phone, side: 1, before: p1, sent: "", at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[name], [phone]], ids: [a, b], changes: ["", ""]}
      "
    `));

  it('of a property that is empty already is not counted', () =>
    expect(play({ ...cleared, records: [view(0, ['Bob', '']), view(1, ['Ann', ''])] })).not.toContain(
      'allowance, kind',
    ));
});

describe('any other write', () => {
  const changed: Situation = {
    mapping: clears,
    link: link(base),
    records: [view(0, ['Bob', 'p1']), view(1, ['Ann', 'p1'])],
  };

  it('is not counted', () => expect(play(changed)).toContain('! begin {consume: {allowance: -}'));

  it('is blocked while the brake is on', () =>
    expect(play({ ...changed, stored: { brake: on() } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p1>", "<Ann, p1>"]}}
          handled: [0/a(Bob, p1), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: blocked, code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews.", brake: brake-1, mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          blockedBy: brake-1
          = waiting {ids: [a, b], code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews."}
      "
    `));

  it('that is a correlation id alone is blocked too', () =>
    expect(
      play({
        mapping: mappingOf({ brake: { clears: LIMIT }, sides: [{ correlate: PLACE }, {}] }),
        link: link(base, { correlation: ['open', undefined] }),
        records: [view(0, ['Ann', 'p1']), view(1, ['Ann', 'p1'])],
        stored: { brake: on() },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [open, -], lastSynced: ["<v1\\n<Ann, p1>>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: blocked, code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews.", brake: brake-1, mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          blockedBy: brake-1
          = waiting {ids: [a, b], code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews."}
      "
    `));

  it('that is only a correlation id which the system refused asks nothing of the brake', () =>
    expect(
      play({
        mapping: mappingOf({ brake: { clears: LIMIT }, sides: [{ correlate: PLACE }, {}] }),
        link: link(base, {
          correlation: ['refused', undefined],
          lastSynced: [`<v1\n<name=Ann\nname#1\nphone=p1\nphone#1>>`, ''],
        }),
        records: [view(0, ['Ann', 'p1']), view(1, ['Ann', 'p1'])],
        open: { issue: { kind: 'failed', reason: '', mapping: 'v1', since: 1 } },
        stored: { brake: on() },
      }),
    ).toContain('= unchanged'));

  it('is not needed where both agree, whatever the brake', () =>
    expect(
      play({ ...changed, records: [view(0, ['Bob', 'p1']), view(1, ['Bob', 'p1'])], stored: { brake: on() } }),
    ).toContain('= unchanged'));
});

describe('permitFor, for every combination of what it is asked', () => {
  const kinds: readonly (BrakeKind | undefined)[] = [undefined, 'deletes', 'creates', 'clears'];
  const brakes: readonly (Brake | undefined)[] = [undefined, on(), on({ kind: 'deletes', answer: 'continue' })];
  const answers: readonly Facts['stored']['answered'][] = [
    {},
    { deletes: 'continue', creates: 'continue', clears: 'continue' },
    { deletes: 'discard', creates: 'discard', clears: 'discard' },
  ];
  const seen = { name: ['Ann', 'name#1'] as const };
  const decisions: readonly OpenEntry['decision'][] = [
    undefined,
    ...(['deletes', 'creates', 'clears'] as const).flatMap((kind) => [
      { kind },
      { kind, seen },
      { kind, seen: { name: ['Bob', 'name#1'] as const } },
    ]),
  ];
  const issues: readonly OpenEntry['issue'][] = [
    undefined,
    blockedBy({ change: 'deletes' }).issue!,
    blockedBy({ change: 'creates' }).issue!,
    blockedBy({ change: 'clears' }).issue!,
    { kind: 'unmatched', reason: '', mapping: 'v1', since: 1, kept: true },
    { kind: 'unmatched', reason: '', mapping: 'v1', since: 1 },
  ];
  const limits = [
    {},
    { deletes: LIMIT },
    { creates: LIMIT },
    { clears: LIMIT },
    { deletes: LIMIT, creates: LIMIT, clears: LIMIT },
  ];
  const firstSeen = [undefined, 5, 10, 11];

  it('gives the result that the rules in words give', () => {
    let count = 0;
    for (const kind of kinds)
      for (const brake of brakes)
        for (const answered of answers)
          for (const decision of decisions)
            for (const issue of issues)
              for (const limit of limits)
                for (const sameState of [false, true])
                  for (const first of decision ? [undefined, 5] : firstSeen) {
                    count++;
                    const given: Situation = {
                      mapping: mappingOf({ brake: limit }),
                      open: { ...(decision ? { decision } : {}), ...(issue ? { issue } : {}) },
                      stored: {
                        ...(brake ? { brake } : {}),
                        answered,
                        firstRead: 10,
                        unlinked:
                          first === undefined
                            ? undefined
                            : { firstSeen: first, state: '', matchKeys: [], correlationId: '', raw: '' },
                      },
                      answers: {},
                    };
                    const facts = { ...factsOf(given), allowance: { limit: 3, linked: 100, since: undefined } };
                    const got = permitFor(facts, kind, { seen, sameState });
                    // In words: a decision against it that has not ended, or a discard, rejects; a brake that is on blocks; what
                    // has no limit, was allowed, or belongs to the first sync is not counted.
                    const against = kind !== undefined && decision?.kind === kind;
                    const ended = against && decision.seen !== undefined && decision.seen !== seen;
                    const reply = kind === undefined || ended ? undefined : answered[kind];
                    const allowed = reply === 'continue' && issue?.change === kind;
                    const rejected =
                      (against && !ended) ||
                      reply === 'discard' ||
                      (kind !== undefined && issue?.kept === true && sameState);
                    const anyLimit = Object.keys(limit).length > 0;
                    const blocks =
                      brake !== undefined && anyLimit && (brake.answer !== undefined || brake.kind in limit);
                    const firstSync =
                      kind === 'creates' && first !== undefined && first <= 10 && issue?.kind !== 'unmatched';
                    const counted = kind !== undefined && kind in limit && !allowed && !firstSync;
                    const wanted = rejected
                      ? { kind: 'reject' }
                      : blocks
                        ? { kind: 'block', brake, blockedBy: (allowed && issue?.brake) || brake.id }
                        : counted
                          ? {
                              kind: 'allow',
                              allowance: { kind, record: '0/a', limit: 3, linked: 100, since: undefined },
                            }
                          : { kind: 'allow', allowance: undefined };
                    if (JSON.stringify(got) !== JSON.stringify(wanted))
                      expect({ got, given }).toEqual({ got: wanted, given });
                  }
    expect(count).toBeGreaterThan(10_000);
  });

  it('asks how many are allowed before it counts', () =>
    expect(permitFor(factsOf({ mapping: mappingOf({ brake: { deletes: LIMIT } }) }), 'deletes')).toEqual({
      kind: 'ask',
    }));

  it('does not take a create for one of the first sync where nothing was read fully yet', () =>
    expect(
      permitFor(
        factsOf({
          mapping: mappingOf({ brake: { creates: LIMIT } }),
          stored: { unlinked: { firstSeen: 1, state: '', matchKeys: [], correlationId: '', raw: '' } },
        }),
        'creates',
      ),
    ).toEqual({ kind: 'ask' }));

  it('applies a decision where the write has no values to compare with it', () =>
    expect(
      permitFor(factsOf({ open: { decision: { kind: 'creates', seen: { name: ['Bob', 'name#1'] } } } }), 'creates'),
    ).toEqual({ kind: 'reject' }));

  it('holds a decision about another record than a clear where a property is new', () =>
    expect(
      permitFor(factsOf({ open: { decision: { kind: 'creates', seen: {} } } }), 'creates', {
        seen: { toString: ['x', 'd'] as const } as never,
      }),
    ).toEqual({ kind: 'reject' }));
});

describe('the reason of a brake', () => {
  it('counts writes', () =>
    expect(brakeReason(clears, on())).toMatchInlineSnapshot(
      `"The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews."`,
    ));
  it.each([
    ['deletes', 'delete'],
    ['creates', 'create'],
  ] as const)('names what was wanted: %s', (kind, word) =>
    expect(brakeReason(clears, on({ kind }))).toContain(`wanted to ${word} more than`),
  );
  it('counts what a scan did not see', () =>
    expect(brakeReason(clears, on({ by: 'scan', kind: 'deletes' }))).toMatchInlineSnapshot(
      `"The brake of people is on: 11 of 100 linked records were missing when everything was read, and 10 may be; nothing was deleted for that. The mapping has no limit for deletes any more: the next scan takes it off."`,
    ));
});

describe('what a person decides about a link while the brake is on', () => {
  const review = mappingOf({ properties: { name: { conflict: 'review' }, phone: {} }, brake: { clears: LIMIT } });
  const choice = { kind: 'resolve-conflict', winner: 0, properties: new Map() } as const;

  it('is written, and the rest of the pair waits', () =>
    expect(
      play({
        mapping: review,
        link: link(base),
        choice,
        records: [view(0, ['Bob', 'p2']), view(1, ['Eve', 'p1'])],
        stored: { brake: on() },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Eve, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: Bob, definition: name#1, from: Bob}]}}
          = updated {writes: [[], [name]], ids: [a, b], conflicts: [name]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Eve, rule: conflict}]}
      ! update {side: 1, view: 1/b(Eve, p1), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Bob, p1>"]}}
          handled: [0/a(Bob, p2), 1/b(Bob, p1)]
          written: [-, b]
          open: {0/a: {issue: {kind: blocked, code: BRAKE_ON, reason: "The brake of people is on: one run wanted to clear a value in more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews.", brake: brake-1, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 1, before: Eve, sent: Bob, at: 1000000, times: 1}]
          mark: []
          blockedBy: brake-1
          = updated {writes: [[], [name]], ids: [a, b], conflicts: [name], changes: [-, ""]}
      "
    `));

  it('is written without the brake being asked where nothing else is', () =>
    expect(
      play({
        mapping: review,
        link: link(base),
        choice,
        records: [view(0, ['', 'p1']), view(1, ['Eve', 'p1'])],
        stored: { brake: on() },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(, p1), 1/b(Eve, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: -, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: "", definition: name#1, from: ""}]}}
          = updated {writes: [[], [name]], ids: [a, b], conflicts: [name]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Eve, rule: conflict}]}
      ! update {side: 1, view: 1/b(Eve, p1), writes: [{property: name, value: null, fingerprint: ""}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: ["", "", name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<, p1>", "<, p1>"]}}
          handled: [0/a(, p1), 1/b(, p1)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 1, before: Eve, sent: "", at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [name]], ids: [a, b], conflicts: [name], changes: [-, ""]}
      "
    `));

  it('does not count its own clear, but that of another property', () =>
    expect(
      play({
        mapping: review,
        link: link(base),
        choice,
        records: [view(0, ['', '']), view(1, ['Eve', 'p1'])],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(, ), 1/b(Eve, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ? {ask: allowance, kind: clears}
      ! begin {consume: {allowance: {kind: clears, record: 0/a, limit: 10, linked: 100, since: -}}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: "", definition: name#1, from: ""}, {property: phone, side: 1, sent: "", definition: phone#1, from: ""}]}}
          = updated {writes: [[], [name, phone]], ids: [a, b], conflicts: [name]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: name, side: shop, value: Eve, rule: conflict}, {at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: cleared}]}
      ! update {side: 1, view: 1/b(Eve, p1), writes: [{property: name, value: null, fingerprint: ""}, {property: phone, value: null, fingerprint: ""}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: ["", "", name#1], phone: ["", "", phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<, >", "<, >"]}}
          handled: [0/a(, ), 1/b(, )]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 1, before: Eve, sent: "", at: 1000000, times: 1}, {property: phone, side: 1, before: p1, sent: "", at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [name, phone]], ids: [a, b], conflicts: [name], changes: [-, ""]}
      "
    `));

  it('lets no edit of one side through', () =>
    expect(
      play({
        mapping: review,
        link: link(base),
        choice,
        records: [view(0, ['Bob', 'p1']), view(1, ['Ann', 'p1'])],
        stored: { brake: on() },
      }),
    ).toContain('= waiting'));

  it('of single properties leaves the others in review', () =>
    expect(
      play({
        mapping: mappingOf({
          properties: { name: { conflict: 'review' }, phone: { conflict: 'review' } },
          brake: { clears: LIMIT },
        }),
        link: link(base),
        choice: { kind: 'resolve-conflict', winner: undefined, properties: new Map([['phone', 1 as const]]) },
        records: [view(0, ['Bob', 'p2']), view(1, ['Eve', 'p3'])],
        stored: { brake: on() },
      }),
    ).toMatchInlineSnapshot(`
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
});

describe('permitFor, for creates of the first sync', () => {
  const allowance = { limit: 1_000, linked: 7, since: undefined };
  const first = (firstSync: number | undefined, firstSyncAllowed = false): Facts => ({
    ...factsOf({
      mapping: mappingOf({ brake: { creates: LIMIT, firstSync } }),
      stored: {
        firstRead: 10,
        firstSyncAllowed,
        unlinked: { firstSeen: 5, state: '', matchKeys: [], correlationId: '', raw: '' },
      },
      answers: {},
    }),
    allowance,
  });

  it('counts them by a limit of their own', () =>
    expect(permitFor(first(3), 'creates')).toEqual({
      kind: 'allow',
      allowance: { kind: 'creates', counter: 'firstSync', record: '0/a', limit: 3, linked: 7, since: undefined },
    }));

  it('asks how many there are first', () => {
    const { allowance: _, ...facts } = first(3);
    expect(permitFor(facts, 'creates')).toEqual({ kind: 'ask' });
  });

  it('counts nothing once a person allowed it, or without a limit', () => {
    for (const facts of [first(3, true), first(undefined)])
      expect(permitFor(facts, 'creates')).toEqual({ kind: 'allow', allowance: undefined });
  });

  it('leaves other creates to the limit of each run', () => {
    const { stored, ...facts } = first(3);
    const later = { ...facts, stored: { ...stored, firstRead: 4 } };
    expect(permitFor(later, 'creates')).toEqual({
      kind: 'allow',
      allowance: { kind: 'creates', record: '0/a', ...allowance },
    });
  });
});

describe('permitFor, for a write that a system rejected before', () => {
  const allowance = { limit: 10, linked: 7, since: undefined };
  const rejected = (issue: Partial<NonNullable<OpenEntry['issue']>> = {}): Facts => {
    const facts = factsOf({ mapping: mappingOf({ brake: { creates: LIMIT, firstSync: 3 } }), stored: {}, answers: {} });
    const version = facts.mapping.version;
    const before = {
      kind: 'failed',
      code: 'SYSTEM_REJECTED',
      reason: 'No.',
      mapping: version,
      since: 1,
      ...issue,
    } as const;
    return { ...facts, stored: { ...facts.stored, open: { '0/a': { issue: before } } }, allowance };
  };
  const counted = { kind: 'allow', allowance: { kind: 'creates', record: '0/a', ...allowance } };

  it('does not count it again where nothing was edited', () =>
    expect(permitFor(rejected(), 'creates', { untouched: true })).toEqual({ kind: 'allow', allowance: undefined }));

  it('counts it after an edit of a record or of the mapping, and after any other trouble', () => {
    expect(permitFor(rejected(), 'creates', { untouched: false })).toEqual(counted);
    expect(permitFor(rejected({ mapping: 'another' }), 'creates', { untouched: true })).toEqual(counted);
    expect(permitFor(rejected({ code: 'SYSTEM_UNAVAILABLE' }), 'creates', { untouched: true })).toEqual(counted);
  });

  it('does not count a clear again where both records are as they were', () => {
    const rejection = { kind: 'failed', code: 'SYSTEM_REJECTED', reason: 'No.', mapping: 'v1', since: 1 } as const;
    const begun = (a: string, b: string) =>
      play({ ...cleared, link: link(base, { lastSynced: [a, b] }), open: { issue: rejection } });
    const states = [state('Ann', ''), state('Ann', 'p1')] as const;
    expect(begun(...states)).toContain('! begin {consume: {allowance: -}');
    expect(begun(state('Ann', 'p1'), states[1])).toContain('! begin {consume: {allowance: {kind: clears');
    expect(begun(states[0], state('Bob', 'p1'))).toContain('! begin {consume: {allowance: {kind: clears');
  });

  it('does not let it through while a brake is on', () => {
    const facts = rejected();
    const blocked = { ...facts, stored: { ...facts.stored, brake: on({ kind: 'creates' }) } };
    expect(permitFor(blocked, 'creates', { untouched: true })).toMatchObject({ kind: 'block' });
  });
});

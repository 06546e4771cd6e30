/**
 * The decision table for records that have a link: what is asked, what is done and what is recorded, line by line. A call
 * is made exactly where its answer changes the decision, so each row also states which questions are asked, and when.
 */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import {
  agreedOn,
  conversionsOf,
  link,
  mappingOf,
  NOW,
  PLACE,
  play,
  type Situation,
  state,
  view,
} from './situation.ts';

const base = agreedOn('Ann', 'p1');
const synced = { lastSynced: [state('Ann', 'p1'), state('Ann', 'p1')] as const };
const same = [view(0, ['Ann', 'p1']), view(1, ['Ann', 'p1'])] as const;
const broken = new TandemError('EXPRESSION_FAILED', 'It fails.', { property: 'phone' });
const EARLY = '2026-01-01T00:00:00Z';
const LATE = '2026-01-02T00:00:00Z';

describe('a link of which nothing changed', () => {
  it('costs one read where the record looked at is as it was', () =>
    expect(play({ link: link(base, synced), records: [same[0], undefined] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      end
          = unchanged {ids: [a, b]}
      "
    `));

  it('costs one read from the other side too', () =>
    expect(play({ look: [1, 'b'], link: link(base, synced), records: [undefined, same[1]] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      end
          = unchanged {ids: [a, b]}
      "
    `));

  it('is read on both sides while it has an issue, which ends where they agree', () =>
    expect(
      play({
        link: link(base, synced),
        records: same,
        open: { issue: { kind: 'failed', reason: 'It failed.', mapping: 'v1', since: 5 } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = unchanged {ids: [a, b]}
      "
    `));

  it('is read on both sides where its state is not known', () =>
    expect(play({ link: link(base), records: same })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = unchanged {ids: [a, b]}
      "
    `));

  it('costs one read where a refused correlation id was noted under the same mapping version', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{ correlate: PLACE }, {}] }),
        link: link(base, {
          lastSynced: [`<v1\n${state('Ann', 'p1')}>`, ''],
          correlation: ['refused', undefined],
        }),
        records: [same[0], undefined],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      end
          = unchanged {ids: [a, b]}
      "
    `));
});

describe('a record of a link that cannot be read', () => {
  it('fails in the state it is in, and the other one is not read', () =>
    expect(play({ link: link(base, synced), records: [broken, undefined] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: [<error.It fails.>, "<Ann, p1>"]}}
          open: {0/a: {issue: {kind: failed, code: EXPRESSION_FAILED, reason: "It fails.", property: phone, mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = failed {code: EXPRESSION_FAILED, reason: "It fails.", property: phone, ids: [a, b]}
      "
    `));

  it('fails where it is the record on the other side', () =>
    expect(
      play({
        link: link(base, { correlation: ['open', undefined], unconfirmed: ['phone'] }),
        records: [same[0], broken],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [phone], correlation: [open, -], lastSynced: ["", <error.It fails.>]}}
          open: {0/a: {issue: {kind: failed, code: EXPRESSION_FAILED, reason: "It fails.", property: phone, mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = failed {code: EXPRESSION_FAILED, reason: "It fails.", property: phone, ids: [a, b]}
      "
    `));

  it('keeps the time of its first failure', () =>
    expect(
      play({
        link: link(base),
        records: [broken, undefined],
        open: {
          issue: {
            kind: 'failed',
            code: 'EXPRESSION_FAILED',
            property: 'phone',
            reason: 'Other words.',
            mapping: 'v0',
            since: 5,
          },
        },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: [<error.It fails.>, ""]}}
          open: {0/a: {issue: {kind: failed, code: EXPRESSION_FAILED, reason: "It fails.", property: phone, mapping: v1, since: 5}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = failed {code: EXPRESSION_FAILED, reason: "It fails.", property: phone, ids: [a, b]}
      "
    `));

  it.each([
    ['kind', { kind: 'review' as const, code: 'EXPRESSION_FAILED' as const, property: 'phone' }],
    ['code', { kind: 'failed' as const, code: 'VALUE_TYPE' as const, property: 'phone' }],
    ['property', { kind: 'failed' as const, code: 'EXPRESSION_FAILED' as const, property: 'name' }],
  ])('gets a new time of failure where the %s was another one', (_, former) =>
    expect(
      play({
        link: link(base),
        records: [broken, undefined],
        open: { issue: { ...former, reason: 'It fails.', mapping: 'v1', since: 5 } },
      }),
    ).toContain(`since: ${NOW}`),
  );
});

describe('a change of one side', () => {
  it('flows to the other', () =>
    expect(
      play({
        link: link(base, synced),
        records: [view(0, ['Ann', 'p2'], { modified: LATE }), same[1]],
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
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p2>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p2)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, "2026-01-02T00:00:00Z"]}
      "
    `));

  it('flows back from the second side', () =>
    expect(
      play({
        look: [1, 'b'],
        link: link(base, synced),
        records: [same[0], view(1, ['Bob', 'p1'])],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ? {ask: record, side: 0, id: a}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Bob, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 0, sent: Bob, definition: name#1, from: Bob}]}}
          = updated {writes: [[name], []], ids: [a, b]}
      ! update {side: 0, view: 0/a(Ann, p1), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p1>", "<Bob, p1>"]}}
          handled: [0/a(Bob, p1), 1/b(Bob, p1)]
          written: [a, -]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 0, before: Ann, sent: Bob, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[name], []], ids: [a, b], changes: ["", -]}
      "
    `));

  it('flows both ways where each side changed another property', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Bob', 'p1'], { modified: EARLY }), view(1, ['Ann', 'p2'], { modified: LATE })],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p1), 1/b(Ann, p2)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 0, sent: p2, definition: phone#1, from: p2}, {property: name, side: 1, sent: Bob, definition: name#1, from: Bob}]}}
          = updated {writes: [[phone], [name]], ids: [a, b]}
      ! update {side: 0, view: 0/a(Bob, p1), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: true}
      ! update {side: 1, view: 1/b(Ann, p2), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Bob, p2>"]}}
          handled: [0/a(Bob, p2), 1/b(Bob, p2)]
          written: [a, b]
          ownWrites: [{at: 1767225600000, before: 1767225600000}, {at: 1767312000000, before: 1767312000000}]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: p1, sent: p2, at: 1000000, times: 1}, {property: name, side: 1, before: Ann, sent: Bob, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[phone], [name]], ids: [a, b], changes: ["2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]}
      "
    `));

  it('is not written where the other side holds it already', () =>
    expect(
      play({ link: link(base), records: [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p2'])] }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p2)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p2>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p2)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = unchanged {ids: [a, b]}
      "
    `));

  it('clears the other side where it removes a value, and the overwritten value is kept', () =>
    expect(play({ link: link(base), records: [view(0, ['Ann', '']), same[1]] })).toMatchInlineSnapshot(`
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

  it('is recorded as the target answers it', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Ann', ' p2']), same[1]],
        effects: { written: [undefined, ['Ann', 'p2']] },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann,  p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent:  p2, definition: phone#1, from:  p2}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value:  p2, fingerprint:  p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [ p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann,  p2>", "<Ann, p2>"]}}
          handled: [0/a(Ann,  p2), 1/b(Ann, p2)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent:  p2, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('is read again where the target answers nothing, and what differs counts as edited there once', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{}, { update: { answer: 'none' } }] }),
        link: link(base),
        records: [view(0, ['Ann', ' p2']), same[1]],
        effects: { written: [undefined, ['Ann', 'p2']] },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann,  p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent:  p2, definition: phone#1, from:  p2}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value:  p2, fingerprint:  p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [ p2,  p2, phone#1]}, unconfirmed: [phone], correlation: [-, -], lastSynced: ["", ""]}}
          handled: [0/a(Ann,  p2), 1/b(Ann, p2)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent:  p2, at: 1000000, times: 1}]
          mark: [{mapping: people, side: 0, id: a}]
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('is taken as the target reformats it where it differed the last time too', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{}, { update: { answer: 'none' } }] }),
        link: link(base, { unconfirmed: ['phone'] }),
        records: [view(0, ['Ann', ' p2']), same[1]],
        effects: { written: [undefined, ['Ann', 'p2']] },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann,  p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent:  p2, definition: phone#1, from:  p2}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: phone, value:  p2, fingerprint:  p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [ p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann,  p2>", "<Ann, p2>"]}}
          handled: [0/a(Ann,  p2), 1/b(Ann, p2)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent:  p2, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('is confirmed where the target without an answer shows it as it was sent', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{}, { update: { answer: 'none' } }] }),
        link: link(base),
        records: [view(0, ['Ann', 'p2']), same[1]],
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
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p2>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p2)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('is an issue where the target rejects it, and the agreement stays as it was', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Ann', 'p2']), same[1]],
        effects: {
          written: [
            undefined,
            { kind: 'rejected', error: new TandemError('SYSTEM_REJECTED', 'No.', { property: 'phone' }) },
          ],
        },
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
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: failed, code: SYSTEM_REJECTED, reason: "No.", property: phone, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = failed {ids: [a, b], code: SYSTEM_REJECTED, reason: "No.", property: phone}
      "
    `));

  it('gets no agreement where there was none and the target rejects it', () =>
    expect(
      play({
        link: link({ name: base.name! }),
        records: [view(0, ['Ann', 'p2']), view(1, ['Ann', ''])],
        effects: { written: [undefined, { kind: 'rejected', error: new TandemError('SYSTEM_REJECTED', 'No.') }] },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, )], base: {name: [Ann, Ann, name#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, ), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, >"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, )]
          open: {0/a: {issue: {kind: failed, code: SYSTEM_REJECTED, reason: "No.", mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = failed {ids: [a, b], code: SYSTEM_REJECTED, reason: "No."}
      "
    `));

  it('is written without a property that the schema of the target refuses', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Bob', 'p2'], { modified: LATE }), view(1, ['Ann', 'p1'])],
        effects: {
          written: [
            undefined,
            {
              kind: 'done',
              view: view(1, ['Bob', 'p1'], { modified: LATE }),
              properties: ['name'],
              refused: new TandemError('RECORD_SCHEMA', 'Too long.', { property: 'phone' }),
            },
          ],
        },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: Bob, definition: name#1, from: Bob}, {property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[], [name, phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: name, value: Bob, fingerprint: Bob}, {property: phone, value: p2, fingerprint: p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Bob, p1>"]}}
          handled: [0/a(Bob, p2), 1/b(Bob, p1)]
          written: [-, b]
          ownWrites: [-, {at: 1767312000000, before: -}]
          open: {0/a: {issue: {kind: failed, code: RECORD_SCHEMA, reason: "Too long.", property: phone, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 1, before: Ann, sent: Bob, at: 1000000, times: 1}]
          mark: []
          = failed {writes: [[], [name]], ids: [a, b], changes: [-, "2026-01-02T00:00:00Z"], code: RECORD_SCHEMA, reason: "Too long.", property: phone}
      "
    `));

  it('is confirmed without a refused property where the target answers nothing', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{}, { update: { answer: 'none' } }] }),
        link: link(base),
        records: [view(0, ['Bob', 'p2']), view(1, ['Ann', 'p1'])],
        effects: {
          written: [
            undefined,
            {
              kind: 'done',
              view: view(1, ['Bob', 'p1']),
              properties: ['name'],
              refused: new TandemError('RECORD_SCHEMA', 'Too long.', { property: 'phone' }),
            },
          ],
        },
      }),
    ).toContain('unconfirmed: []'));

  it('writes nothing where nothing of it can be sent', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Ann', 'p2'], { modified: LATE }), same[1]],
        effects: {
          written: [
            undefined,
            { kind: 'done', view: same[1], properties: [], refused: new TandemError('RECORD_SCHEMA', 'Too long.') },
          ],
        },
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
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: failed, code: RECORD_SCHEMA, reason: "Too long.", mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = failed {ids: [a, b], code: RECORD_SCHEMA, reason: "Too long."}
      "
    `));
});

describe('our own last write', () => {
  const [early, late] = [Date.parse(EARLY), Date.parse(LATE)];
  const ownWrites = [[], [{ at: late, before: early }]] as const;
  const conflict = [
    view(0, ['Ann', 'p2'], { modified: '2026-01-01T12:00:00Z' }),
    view(1, ['Ann', 'p3'], { modified: '2026-01-02T00:00:00.000Z' }),
  ] as const;

  it('is no edit: the older edit of the other side wins', () =>
    expect(play({ link: link(base), records: conflict, stored: { ownWrites } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p3)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[], [phone]], ids: [a, b], conflicts: [phone]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p3, rule: conflict}]}
      ! update {side: 1, view: 1/b(Ann, p3), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p2>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p2)]
          written: [-, b]
          ownWrites: [-, {at: 1767312000000, before: 1767225600000}]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p3, sent: p2, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], conflicts: [phone], changes: [-, "2026-01-01T12:00:00Z"]}
      "
    `));

  it('is no edit where the record was never edited by anybody else', () =>
    expect(
      play({
        link: link(base),
        records: conflict,
        stored: { ownWrites: [[], [{ at: late, before: undefined }]] },
      }),
    ).toContain('update {side: 1'));

  it('does not count where the record was edited since', () =>
    expect(
      play({ link: link(base), records: conflict, stored: { ownWrites: [[], [{ at: early, before: early }]] } }),
    ).toContain('update {side: 0'));

  it('is recorded with the last edit before it', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p1'], { modified: EARLY })],
        effects: {
          written: [
            undefined,
            { kind: 'done', view: view(1, ['Ann', 'p2'], { modified: LATE }), properties: ['phone'] },
          ],
        },
      }),
    ).toContain(`ownWrites: [-, {at: ${late}, before: ${early}}]`));

  it('keeps the last edit before the former own write where it follows one', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p1'], { modified: LATE })],
        stored: { ownWrites },
        effects: {
          written: [
            undefined,
            { kind: 'done', view: view(1, ['Ann', 'p2'], { modified: '2026-01-03T00:00:00Z' }), properties: ['phone'] },
          ],
        },
      }),
    ).toContain(`ownWrites: [-, {at: ${Date.parse('2026-01-03T00:00:00Z')}, before: ${early}}]`));

  it('is counted per property and side until another one is written', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Bob', 'p2']), same[1]],
        recent: [
          { property: 'phone', side: 1, before: 'p0', sent: 'p1', at: 5, times: 2 },
          { property: 'phone', side: 0, before: 'p0', sent: 'p1', at: 5, times: 4 },
          { property: 'mail', side: 1, before: 'x', sent: 'y', at: 6, times: 7 },
        ],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: Bob, definition: name#1, from: Bob}, {property: phone, side: 1, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[], [name, phone]], ids: [a, b]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p1, rule: returned}]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: name, value: Bob, fingerprint: Bob}, {property: phone, value: p2, fingerprint: p2}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Bob, p2>"]}}
          handled: [0/a(Bob, p2), 1/b(Bob, p2)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: p0, sent: p1, at: 5, times: 4}, {property: mail, side: 1, before: x, sent: y, at: 6, times: 7}, {property: name, side: 1, before: Ann, sent: Bob, at: 1000000, times: 1}, {property: phone, side: 1, before: p1, sent: p2, at: 1000000, times: 5}]
          mark: []
          = updated {writes: [[], [name, phone]], ids: [a, b], changes: [-, ""]}
      "
    `));
});

describe('a conflict', () => {
  const both = [view(0, ['Ann', 'p2'], { modified: EARLY }), view(1, ['Ann', 'p3'], { modified: LATE })] as const;

  it('is won by the later edit, and the other value is kept', () =>
    expect(play({ link: link(base), records: both })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p3)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 0, sent: p3, definition: phone#1, from: p3}]}}
          = updated {writes: [[phone], []], ids: [a, b], conflicts: [phone]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: crm, value: p2, rule: conflict}]}
      ! update {side: 0, view: 0/a(Ann, p2), writes: [{property: phone, value: p3, fingerprint: p3}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p3, p3, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p3>", "<Ann, p3>"]}}
          handled: [0/a(Ann, p3), 1/b(Ann, p3)]
          written: [a, -]
          ownWrites: [{at: 1767225600000, before: 1767225600000}, -]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: p2, sent: p3, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[phone], []], ids: [a, b], conflicts: [phone], changes: ["2026-01-02T00:00:00Z", -]}
      "
    `));

  it('is left to a person where the mapping says so', () =>
    expect(
      play({
        mapping: mappingOf({ properties: { name: {}, phone: { conflict: 'review' } } }),
        link: link(base),
        records: both,
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p3)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p3>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p3)]
          open: {0/a: {issue: {kind: review, code: CONFLICT, reason: "phone was changed on both sides: a person decides.", property: phone, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = review {ids: [a, b], code: CONFLICT, reason: "phone was changed on both sides: a person decides.", property: phone}
      "
    `));

  it('of several properties is one issue', () =>
    expect(
      play({
        mapping: mappingOf({ properties: { name: { conflict: 'review' }, phone: { conflict: 'review' } } }),
        link: link(base),
        records: [view(0, ['Bob', 'p2']), view(1, ['Eve', 'p3'])],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Eve, p3)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Eve, p3>"]}}
          handled: [0/a(Bob, p2), 1/b(Eve, p3)]
          open: {0/a: {issue: {kind: review, code: CONFLICT, reason: "name, phone were changed on both sides: a person decides.", property: name, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = review {ids: [a, b], code: CONFLICT, reason: "name, phone were changed on both sides: a person decides.", property: name}
      "
    `));

  it('has a reason that says so where the records met just now', () =>
    expect(
      play({
        mapping: mappingOf({ properties: { name: {}, phone: { conflict: 'review' } } }),
        link: link({ name: base.name! }),
        records: both,
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p3)], base: {name: [Ann, Ann, name#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p3>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p3)]
          open: {0/a: {issue: {kind: review, code: CONFLICT, reason: "phone was different on the two sides when the records met: a person decides.", property: phone, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = review {ids: [a, b], code: CONFLICT, reason: "phone was different on the two sides when the records met: a person decides.", property: phone}
      "
    `));

  it('says that both sides changed two properties of which only one was agreed on before', () =>
    expect(
      play({
        mapping: mappingOf({ properties: { name: { conflict: 'review' }, phone: { conflict: 'review' } } }),
        link: link({ name: base.name! }),
        records: [view(0, ['Bob', 'p2']), view(1, ['Eve', 'p3'])],
      }),
    ).toContain('name, phone were changed on both sides: a person decides.'));

  it('does not keep other properties from being written', () =>
    expect(
      play({
        mapping: mappingOf({ properties: { name: {}, phone: { conflict: 'review' } } }),
        link: link(base),
        records: [view(0, ['Bob', 'p2'], { modified: EARLY }), view(1, ['Ann', 'p3'])],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Ann, p3)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: Bob, definition: name#1, from: Bob}]}}
          = updated {writes: [[], [name]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p3), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Bob, p3>"]}}
          handled: [0/a(Bob, p2), 1/b(Bob, p3)]
          written: [-, b]
          open: {0/a: {issue: {kind: review, code: CONFLICT, reason: "phone was changed on both sides: a person decides.", property: phone, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 1, before: Ann, sent: Bob, at: 1000000, times: 1}]
          mark: []
          = review {writes: [[], [name]], ids: [a, b], changes: [-, "2026-01-01T00:00:00Z"], code: CONFLICT, reason: "phone was changed on both sides: a person decides.", property: phone}
      "
    `));

  it('is a failure where a write beside it was rejected', () =>
    expect(
      play({
        mapping: mappingOf({ properties: { name: {}, phone: { conflict: 'review' } } }),
        link: link(base),
        records: [view(0, ['Bob', 'p2']), view(1, ['Ann', 'p3'])],
        effects: { written: [undefined, { kind: 'rejected', error: new TandemError('SYSTEM_REJECTED', 'No.') }] },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Ann, p3)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: Bob, definition: name#1, from: Bob}]}}
          = updated {writes: [[], [name]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p3), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Ann, p3>"]}}
          handled: [0/a(Bob, p2), 1/b(Ann, p3)]
          open: {0/a: {issue: {kind: failed, code: SYSTEM_REJECTED, reason: "No.", mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = failed {ids: [a, b], code: SYSTEM_REJECTED, reason: "No."}
      "
    `));
});

describe('a value that cannot be written', () => {
  const changed = [view(0, ['Ann', 'p2']), same[1]] as const;
  const stuck = (error: TandemError) => ({ phone: [undefined, { ok: false, error }] as const });

  it('is an issue with the reason of its conversion', () =>
    expect(
      play({
        link: link(base),
        records: changed,
        toward: stuck(new TandemError('VALUE_TYPE', 'No number.', { property: 'phone' })),
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: failed, code: VALUE_TYPE, reason: "No number.", property: phone, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = failed {ids: [a, b], code: VALUE_TYPE, reason: "No number.", property: phone}
      "
    `));

  it('is an issue where nothing flows there', () =>
    expect(
      play({ link: link(base), records: changed, toward: { phone: [undefined, undefined] } }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: failed, code: CONFLICT, reason: "phone cannot be written.", property: phone, mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = failed {ids: [a, b], code: CONFLICT, reason: "phone cannot be written.", property: phone}
      "
    `));

  it('is tried again where a system could not answer just now', () =>
    expect(
      play({ link: link(base), records: changed, toward: stuck(new TandemError('SYSTEM_UNREACHABLE', 'Away.')) }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      fails: SYSTEM_UNREACHABLE "Away."
      "
    `));

  it('waits for the records that it refers to, and marks those dirty that were not looked at yet', () => {
    const error = new TandemError('REFERENCE_WAITING', 'It waits.', { property: 'phone' });
    const refs = [
      { mapping: 'firms', side: 0 as const, id: 'f', settled: false },
      { mapping: 'firms', side: 1 as const, id: 'g', settled: true },
    ];
    const properties = [
      {
        name: 'name',
        direction: 'both',
        conflict: 'latest',
        drift: 'keep',
        own: ['Ann', 'Ann'],
        toward: [undefined, undefined],
      },
      {
        name: 'phone',
        direction: 'both',
        conflict: 'latest',
        drift: 'keep',
        own: ['p2', 'p1'],
        toward: [undefined, { ok: false, error }],
      },
    ] as const;
    expect(
      play({ link: link(base), records: changed, answers: { conversions: { properties, refs } } }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: waiting, code: REFERENCE_WAITING, reason: "It waits.", property: phone, refs: [{mapping: firms, side: 0, id: f}, {mapping: firms, side: 1, id: g}], mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: [{mapping: firms, side: 0, id: f}]
          waitFor: [{mapping: firms, side: 0, id: f}, {mapping: firms, side: 1, id: g}]
          = waiting {ids: [a, b], code: REFERENCE_WAITING, reason: "It waits.", property: phone}
      "
    `);
  });

  it('waits for the records that it refers to beside a write that the target rejects', () => {
    const error = new TandemError('REFERENCE_WAITING', 'It waits.', { property: 'phone' });
    const views = [view(0, ['Bob', 'p2']), same[1]] as const;
    const refs = [{ mapping: 'firms', side: 0 as const, id: 'f', settled: false }];
    const given: Situation = {
      link: link(base),
      records: views,
      answers: { conversions: { ...conversionsOf(mappingOf(), views, stuck(error)), refs } },
      effects: { written: [undefined, { kind: 'rejected', error: new TandemError('SYSTEM_REJECTED', 'No.') }] },
    };
    // The issue names it too: without this it would go on waiting when the issue has ended.
    expect(play(given)).toContain(
      'issue: {kind: failed, code: SYSTEM_REJECTED, reason: "No.", refs: [{mapping: firms, side: 0, id: f}], mapping',
    );
    expect(play(given)).toContain('waitFor: [{mapping: firms, side: 0, id: f}]');
    expect(play(given)).toContain('mark: [{mapping: firms, side: 0, id: f}]');
  });

  it('waits for no record where another value cannot be written', () => {
    const conversions = conversionsOf(mappingOf(), changed, stuck(new TandemError('VALUE_TYPE', 'No number.')));
    const refs = [{ mapping: 'firms', side: 0 as const, id: 'f', settled: false }];
    expect(
      play({ link: link(base), records: changed, answers: { conversions: { ...conversions, refs } } }),
    ).not.toContain('firms');
  });

  it('does not keep the others from being written', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Bob', 'p2']), same[1]],
        toward: stuck(new TandemError('VALUE_TYPE', 'No number.')),
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Bob, p2), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: name, side: 1, sent: Bob, definition: name#1, from: Bob}]}}
          = updated {writes: [[], [name]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p1), writes: [{property: name, value: Bob, fingerprint: Bob}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Bob, Bob, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Bob, p2>", "<Bob, p1>"]}}
          handled: [0/a(Bob, p2), 1/b(Bob, p1)]
          written: [-, b]
          open: {0/a: {issue: {kind: failed, code: VALUE_TYPE, reason: "No number.", mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: name, side: 1, before: Ann, sent: Bob, at: 1000000, times: 1}]
          mark: []
          = failed {writes: [[], [name]], ids: [a, b], changes: [-, ""], code: VALUE_TYPE, reason: "No number."}
      "
    `));

  it('is a failure where there is a conflict beside it', () =>
    expect(
      play({
        mapping: mappingOf({ properties: { name: { conflict: 'review' }, phone: {} } }),
        link: link(base),
        records: [view(0, ['Bob', 'p2']), view(1, ['Eve', 'p1'])],
        toward: stuck(new TandemError('VALUE_TYPE', 'No number.')),
      }),
    ).toContain('= failed'));
});

describe('a record out of scope', () => {
  it('keeps its link, and nothing is written', () =>
    expect(
      play({
        link: link(base, { correlation: ['open', undefined], unconfirmed: ['phone'] }),
        records: [view(0, ['Ann', 'p2'], { inScope: false }), same[1]],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [phone], correlation: [-, -], lastSynced: [<out>, "<Ann, p1>"]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: paused, reason: "crm.when excludes the record: the link is kept, nothing is written.", mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = excluded {ids: [a, b]}
      "
    `));

  it('keeps its link where it is the record on the other side', () =>
    expect(
      play({ link: link(base), records: [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p1'], { inScope: false })] }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", <out>]}}
          handled: [0/a(Ann, p2), 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: paused, reason: "shop.when excludes the record: the link is kept, nothing is written.", mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = excluded {ids: [a, b]}
      "
    `));

  it('ends the decision against its delete once it is there again', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Ann', 'p2'], { inScope: false }), same[1]],
        open: { decision: { kind: 'deletes' } },
      }),
    ).toContain('0/a: {decision: null'));

  it('keeps another decision', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Ann', 'p2'], { inScope: false }), same[1]],
        open: { decision: { kind: 'clears' } },
      }),
    ).not.toContain('0/a: {decision'));
});

describe('own writes that were begun and never recorded', () => {
  const begun = (
    more: Partial<{ revision: number; ids: readonly [string, string]; sent: string; definition: string }>,
  ) => {
    const { revision = 3, ids = ['a', 'b'] as const, sent = 'p2', ...rest } = more;
    return {
      pendingWrites: { revision, ids, writes: [{ property: 'phone', side: 1 as const, sent, from: 'p2', ...rest }] },
    };
  };
  const records = [view(0, ['Ann', 'p3']), view(1, ['Ann', 'p2'])] as const;

  it('are part of the agreement where they arrived: an edit since then is no conflict', () =>
    expect(play({ link: link(base), records, open: begun({ definition: 'phone#1' }) })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p3), 1/b(Ann, p2)], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p2, from: p2, definition: phone#1}, {property: phone, side: 1, sent: p3, definition: phone#1, from: p3}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! update {side: 1, view: 1/b(Ann, p2), writes: [{property: phone, value: p3, fingerprint: p3}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p3, p3, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p3>", "<Ann, p3>"]}}
          handled: [0/a(Ann, p3), 1/b(Ann, p3)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p1, sent: p2, at: 1000000, times: 1, read: true}, {property: phone, side: 1, before: p2, sent: p3, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[], [phone]], ids: [a, b], changes: [-, ""]}
      "
    `));

  it('stay noted when the next own writes are begun', () =>
    expect(play({ link: link(base), records, open: begun({ definition: 'phone#1' }) })).toContain(
      'writes: [{property: phone, side: 1, sent: p2, from: p2, definition: phone#1}, {property: phone, side: 1, sent: p3, definition: phone#1, from: p3}]',
    ));

  it('count under their definition where nothing else changed', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p2'], { inScope: false })],
        open: begun({ definition: 'phone#0' }),
      }),
    ).toContain('phone: [p2, p2, phone#0]'));

  it('count under the present definition where they name none', () =>
    expect(
      play({
        link: link(base),
        records: [view(0, ['Ann', 'p2']), view(1, ['Ann', 'p2'], { inScope: false })],
        open: begun({}),
      }),
    ).toContain('phone: [p2, p2, phone#1]'));

  it.each([
    ['did not arrive', begun({ sent: 'p9' })],
    ['were begun before the last commit', begun({ revision: 2 })],
    ['were those of another link', begun({ ids: ['a', 'c'] })],
  ])('do not count where they %s', (_, open) =>
    expect(play({ link: link(base), records, open })).toContain('rule: conflict'),
  );
});

describe('the correlation id in a record of a link', () => {
  const mapping = mappingOf({ sides: [{ correlate: PLACE }, {}] });
  const at = (note: 'new' | 'open' | 'refused', more = {}) =>
    link(base, { correlation: [note, undefined], ...synced, ...more });

  it('is written where it names nobody yet, after the brake was asked', () =>
    expect(play({ mapping, link: at('open'), records: same })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}}
          = unchanged {ids: [a, b]}
      ! correlate {side: 0, view: 0/a(Ann, p1), counterpart: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
      "
    `));

  it('is written together with values, after them', () =>
    expect(play({ mapping, link: at('open'), records: [same[0], view(1, ['Ann', 'p2'])] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p2)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 0, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[phone], []], ids: [a, b]}
      ! update {side: 0, view: 0/a(Ann, p1), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: true}
      ! correlate {side: 0, view: 0/a(Ann, p1), counterpart: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p2, p2, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p2>", "<Ann, p2>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p2)]
          written: [a, -]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 0, before: p1, sent: p2, at: 1000000, times: 1}]
          mark: []
          = updated {writes: [[phone], []], ids: [a, b], changes: ["", -]}
      "
    `));

  it('is noted as refused where the system does not take it', () =>
    expect(
      play({ mapping, link: at('open'), records: same, effects: { correlated: [false, undefined] } }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}}
          = unchanged {ids: [a, b]}
      ! correlate {side: 0, view: 0/a(Ann, p1), counterpart: b}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [refused, -], lastSynced: ["<v1\\n<Ann, p1>>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
      "
    `));

  it('is tried again where the system could not answer just now', () =>
    expect(
      play({
        mapping,
        link: at('open'),
        records: same,
        effects: { correlated: [{ error: new TandemError('SYSTEM_UNREACHABLE', 'Away.') }, undefined] },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}}
          = unchanged {ids: [a, b]}
      ! correlate {side: 0, view: 0/a(Ann, p1), counterpart: b}
      fails: SYSTEM_UNREACHABLE "Away."
      "
    `));

  it('is not written into a record that rejected a value, and stays to be done', () =>
    expect(
      play({
        mapping,
        link: at('open'),
        records: [same[0], view(1, ['Ann', 'p2'])],
        effects: { written: [{ kind: 'rejected', error: new TandemError('SYSTEM_REJECTED', 'No.') }, undefined] },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p2)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 0, sent: p2, definition: phone#1, from: p2}]}}
          = updated {writes: [[phone], []], ids: [a, b]}
      ! update {side: 0, view: 0/a(Ann, p1), writes: [{property: phone, value: p2, fingerprint: p2}], readFirst: true}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [open, -], lastSynced: ["<v1\\n<Ann, p1>>", "<Ann, p2>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p2)]
          open: {0/a: {issue: {kind: failed, code: SYSTEM_REJECTED, reason: "No.", mapping: v1, since: 1000000}, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = failed {ids: [a, b], code: SYSTEM_REJECTED, reason: "No."}
      "
    `));

  it.each([
    ['of a link just made replaces what stands there', at('new'), 'z', true],
    ['does not replace what somebody wrote there', at('open'), 'z', false],
    ['is not written where it stands there already', at('open'), 'b', false],
    [
      'is not written where the system refused it and nothing changed',
      at('refused', { lastSynced: [`<v1\n${state('Ann', 'p1')}>`, ''] }),
      undefined,
      false,
    ],
    [
      'is written where the system refused it under another version',
      at('refused', { lastSynced: [`<v0\n${state('Ann', 'p1')}>`, ''] }),
      undefined,
      true,
    ],
    ['does not replace what somebody wrote there after the system refused it', at('refused'), 'z', false],
    [
      'does not replace what somebody wrote there while the values are as they were',
      at('open', { lastSynced: [`<v1\n${state('Ann', 'p1')}>`, ''] }),
      'z',
      false,
    ],
    ['is not written again where somebody took it out', link(base, synced), undefined, false],
  ])('%s', (_, of, ref, writes) => {
    const records = [
      view(0, ['Ann', 'p1'], ref === undefined ? {} : { ref }),
      view(1, ['Ann', 'p2'], { inScope: true }),
    ] as const;
    const played = play({
      mapping,
      link: of,
      records,
      open: { issue: { kind: 'failed', reason: '', mapping: 'v1', since: 1 } },
    });
    expect(played.includes('! correlate {side: 0')).toBe(writes);
  });

  it.each([
    ['has no place for it', mappingOf()],
    ['cannot be updated', mappingOf({ sides: [{ correlate: PLACE, update: null }, {}] })],
  ])('is not written where the record %s', (_, other) =>
    expect(play({ mapping: other, link: at('new'), records: same })).not.toContain('correlate {'),
  );

  it('stays noted as refused while nothing changed', () =>
    expect(
      play({
        mapping,
        link: at('refused', { lastSynced: [`<v1\n${state('Ann', 'p1')}>`, ''] }),
        records: same,
        open: { issue: { kind: 'failed', reason: '', mapping: 'v1', since: 1 } },
      }),
    ).toContain('correlation: [refused, -]'));
});

describe('a record is read again right before it is written', () => {
  const delivered = { kind: 'present', view: view(0, ['Ann', 'p1']), from: 'list', askedFor: 'a', order: 0 } as const;
  const readFirst = (given: Parameters<typeof play>[0]): boolean[] =>
    [...play({ link: link(base), ...given }).matchAll(/! update .*readFirst: (true|false)/g)].map(
      (found) => found[1] === 'true',
    );
  const changed = view(1, ['Ann', 'p2']);

  it('where it came from a page', () =>
    expect(readFirst({ delivered: [delivered, undefined], records: [undefined, changed] })).toEqual([true]));

  it('where the other record was read after it', () =>
    expect(readFirst({ records: [same[0], changed] })).toEqual([true]));

  it('but not where it was read last', () =>
    expect(readFirst({ look: [1, 'b'], records: [same[0], changed] })).toEqual([false]));

  it('but not where it is a response to our own write', () =>
    expect(
      readFirst({ delivered: [{ ...delivered, from: 'response' }, undefined], records: [undefined, changed] }),
    ).toEqual([false]));

  it('but not where it states its version', () =>
    expect(readFirst({ records: [view(0, ['Ann', 'p1'], { version: 'e1' }), changed] })).toEqual([false]));

  it('where the system takes a version and the record came without one', () =>
    expect(
      readFirst({
        mapping: mappingOf({ sides: [{ update: { version: 'If-Match' } }, {}] }),
        look: [1, 'b'],
        records: [same[0], changed],
      }),
    ).toEqual([true]));
});

describe('a one-way property', () => {
  const mapping = mappingOf({ properties: { name: {}, phone: { direction: 1 } } });

  it('keeps an edit of its follower', () =>
    expect(play({ mapping, link: link(base), records: [same[0], view(1, ['Ann', 'p2'])] })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p2)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p2>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p2)]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: []
          mark: []
          = unchanged {ids: [a, b]}
      "
    `));

  it('puts the value of its leader back where the mapping says so, and keeps the edit', () =>
    expect(
      play({
        mapping: mappingOf({ properties: { name: {}, phone: { direction: 1, drift: 'revert' } } }),
        link: link(base),
        records: [same[0], view(1, ['Ann', 'p2'])],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p2)], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}}
      ! begin {consume: {allowance: -}, writes: {revision: 3, ids: [a, b], writes: [{property: phone, side: 1, sent: p1, definition: phone#1, from: p1}]}}
          = updated {writes: [[], [phone]], ids: [a, b]}
      ! keep-overwritten {ids: [a, b], values: [{at: "1970-01-01T00:16:40.000Z", property: phone, side: shop, value: p2, rule: drift}]}
      ! update {side: 1, view: 1/b(Ann, p2), writes: [{property: phone, value: p1, fingerprint: p1}], readFirst: false}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          written: [-, b]
          open: {0/a: {issue: null, decision: null}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          recent: [{property: phone, side: 1, before: p2, sent: p1, at: 1000000, times: 1}]
          mark: []
      "
    `));
});

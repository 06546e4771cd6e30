/** The decision table for creating a counterpart: exactly one, whatever becomes of the request. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { resultOfCreate, suspicionOf } from '../../../engine/merge/unconfirmed.ts';
import type { Brake } from '../../../engine/store/brake.ts';
import { UNKNOWN_VALUE } from '../../../engine/store/types.ts';
import type { FoundRecords, OpenCreate } from '../../../engine/sync/facts.ts';
import type { Base } from '../../../engine/types.ts';
import {
  factsOf,
  LAG,
  LIMIT,
  link,
  mappingOf,
  NOW,
  PLACE,
  pendingCreate,
  play,
  type Situation,
  view,
} from './situation.ts';

const ann = view(0, ['Ann', 'p1'], { modified: '2026-01-01T00:00:00Z' });
const alone: Situation = { records: [ann, undefined] };
const brake: Brake = { id: 'brake-1', kind: 'creates', by: 'writes', count: 11, limit: 10, linked: 100, since: 1 };
const sent = pendingCreate({ name: 'Ann', phone: 'p1' }, { keys: ['ann@x'] });
const nothingFound: FoundRecords = { by: 'search', records: [], others: [] };
const unknown: FoundRecords = { by: 'nothing', records: [], others: [] };
const limited = mappingOf({ brake: { creates: LIMIT } });
const rejected = new TandemError('SYSTEM_REJECTED', 'No.', { property: 'phone' });

describe('a record that needs a counterpart', () => {
  it('gets one: the create is noted, sent and linked', () =>
    expect(play(alone)).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: open-creates, view: 0/a(Ann, p1)}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! begin {consume: {allowance: -}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
          written: [-, new]
          mark: []
      "
    `));

  it('gets one from the second side in the same way', () =>
    expect(
      play({ look: [1, 'b'], records: [undefined, view(1, ['Ann', ''], { keys: [undefined] })] }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ! lock {claims: [], entry: {side: 1, entry: {id: b, keys: [-], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 1/b(Ann, )}
      ? {ask: open-creates, view: 1/b(Ann, )}
      ? {ask: new-record, view: 1/b(Ann, )}
      ! begin {consume: {allowance: -}, create: {side: 1, id: b, pending: {at: 1000000, key: key-1, sent: {name: Ann}, keys: [null], definitions: {name: "name#"}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[name], []], side: 0}
      ! create {side: 0, data: {name: Ann}, key: key-1}
      ! lock {claims: [0/new]}
          = created {writes: [[name], []], side: 0, ids: [new, b], changes: ["", -]}
      ? {ask: conversions, views: [0/new(Ann, ), 1/b(Ann, )], base: {name: [Ann, Ann]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [new, b], base: {name: [Ann, Ann, name#1], phone: ["", "", phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, >", "<Ann, >"]}}
          handled: [0/new(Ann, ), 1/b(Ann, )]
          written: [new, -]
          mark: []
      "
    `));

  it('is in agreement with what the target made of its values', () =>
    expect(
      play({
        ...alone,
        effects: {
          created: { kind: 'created', view: view(1, ['Ann', '+p1'], { id: 'new', modified: '2026-01-03T00:00:00Z' }) },
        },
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
      ! begin {consume: {allowance: -}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, +p1)], base: {name: [Ann, Ann], phone: [p1, +p1]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, +p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, +p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, +p1)]
          written: [-, new]
          ownWrites: [-, {at: 1767398400000, before: -}]
          mark: []
      "
    `));

  it('is looked at once more where the target filled in what flows back', () =>
    expect(
      play({
        records: [view(0, ['Ann', '']), undefined],
        effects: { created: { kind: 'created', view: view(1, ['Ann', 'p9'], { id: 'new' }) } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, )}
      ? {ask: rule, rule: 0, view: 0/a(Ann, )}
      ? {ask: open-creates, view: 0/a(Ann, )}
      ? {ask: new-record, view: 0/a(Ann, )}
      ! begin {consume: {allowance: -}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann}, keys: [ann@x], definitions: {name: "1"}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name]], side: 1}
      ! create {side: 1, data: {name: Ann}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name]], side: 1, ids: [a, new], changes: [-, ""]}
      ? {ask: conversions, views: [0/a(Ann, ), 1/new(Ann, p9)], base: {name: [Ann, Ann]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", ""]}}
          handled: [0/a(Ann, ), 1/new(Ann, p9)]
          written: [-, new]
          mark: [{mapping: people, side: 0, id: a}]
      "
    `));

  it('is looked at once more where what the target filled in is left to a person', () =>
    expect(
      play({
        mapping: mappingOf({
          sides: [{}, { create: { answer: 'id' } as never }],
          properties: { name: {}, phone: { conflict: 'review' } },
        }),
        ...alone,
        effects: { created: { kind: 'created', view: view(1, ['Ann', 'p9'], { id: 'new' }) } },
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
      ! begin {consume: {allowance: -}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, p9)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", ""]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p9)]
          written: [-, new]
          mark: [{mapping: people, side: 0, id: a}]
      "
    `));

  it('takes what differs for an edit where the target answered only an id', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{}, { create: { answer: 'id' } as never }] }),
        ...alone,
        effects: { created: { kind: 'created', view: view(1, ['Ann', 'p9'], { id: 'new' }) } },
      }),
    ).toContain('lastSynced: ["", ""]'));

  it('asks how many are allowed, and consumes one', () =>
    expect(play({ ...alone, mapping: limited })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: open-creates, view: 0/a(Ann, p1)}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ? {ask: allowance, kind: creates}
      ! begin {consume: {allowance: {kind: creates, record: 0/a, limit: 10, linked: 100, since: -}}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
          written: [-, new]
          mark: []
      "
    `));

  it('is blocked while the brake is on', () =>
    expect(play({ ...alone, mapping: limited, stored: { brake } })).toMatchInlineSnapshot(`
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
          open: {0/a: {issue: {kind: blocked, code: BRAKE_ON, reason: "The brake of people is on: one run wanted to create more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews. \\"tandem records people --code BRAKE_ON --list\\" lists what waits.", brake: brake-1, change: creates, mapping: v1, since: 1000000}}}
          markAllDependents: [0/a]
          blockedBy: brake-1
          = waiting {code: BRAKE_ON, reason: "The brake of people is on: one run wanted to create more than 10 records, with 100 linked records; 10 were done before it stopped. Nothing is written until a person answers continue or discard in the reviews. \\"tandem records people --code BRAKE_ON --list\\" lists what waits."}
      "
    `));

  it('is blocked where it takes the brake over its limit', () =>
    expect(play({ ...alone, mapping: limited, effects: { brake } })).toContain('blockedBy: brake-1'));

  it('is blocked, and loses a decision that was made about its former values', () =>
    expect(
      play({
        ...alone,
        mapping: limited,
        open: { decision: { kind: 'creates', seen: { name: ['Bob', 'name#1'] } } },
        stored: { brake },
      }),
    ).toContain('open: {0/a: {decision: null, issue'));

  it('gets none where people decided so, until it is edited', () =>
    expect(
      play({ ...alone, open: { decision: { kind: 'creates', seen: { name: ['Ann', 'name#1'] } } } }),
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
          open: {0/a: {decision: {kind: creates, seen: {name: [Ann, name#1], phone: [p1, phone#1]}}, issue: {kind: unmatched, reason: "A person decided that it gets no counterpart in shop for now.", kept: true, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          = unmatched {reason: "A person decided that it gets no counterpart in shop for now."}
      "
    `));

  it('gets none where it is in the state in which people decided so', () => {
    const unlinked = (state: string) => ({ firstSeen: 1, state, matchKeys: [], correlationId: '', raw: '' });
    const open = { issue: { kind: 'unmatched', reason: '', mapping: 'v1', since: 1, kept: true } } as const;
    const state = '<name=Ann\nname#1\nphone=p1\nphone#1>.<ann@x>';
    expect(play({ ...alone, open, stored: { unlinked: unlinked(state) } })).toContain('= unmatched');
    expect(play({ ...alone, open, stored: { unlinked: unlinked('<other>') } })).toContain('! create {');
    expect(play({ ...alone, open })).toContain('! create {');
  });

  describe('created on demand', () => {
    const unlinkedAs = (state: string) => ({ firstSeen: 1, state, matchKeys: [], correlationId: '', raw: '' });
    const onDemand = { ...alone, mapping: mappingOf({ sides: [{}, { create: 'on-demand' as never }] }) };

    it('gets none while no record waits for it', () => {
      const steps = play({ ...onDemand, answers: { waitedFor: false } });
      expect(steps).toContain('? {ask: waiters}');
      expect(steps).toContain('issue: {kind: unmatched, code: NOT_REFERENCED, reason: "No record in shop matches it');
      expect(steps).not.toContain('! create {');
      // Records that wait for it go on waiting: it may get one yet.
      expect(steps).not.toContain('markDependents');
    });

    it.each([
      ['a record waits for it', { answers: { waitedFor: true } }],
      ['a person says so', { choice: { kind: 'create' }, answers: { waitedFor: false } }],
    ] as const)('gets one where %s', (_, given) =>
      expect(play({ ...onDemand, ...(given as Partial<Situation>) })).toContain('! create {'),
    );

    it('keeps those that wait for it where it fails or waits itself: their wait is its demand', () => {
      const error = new TandemError('VALUE_TYPE', 'No number.');
      const failing = { answers: { waitedFor: true, newRecord: { ok: false, error, refs: [] } } } as const;
      const known = { unlinked: unlinkedAs('<Ann, p1>.<ann@x>') };
      expect(play({ ...onDemand, ...failing, stored: known })).not.toContain('ependents');
      expect(play({ ...alone, ...failing, stored: known })).toContain('markDependents: [0/a]');
    });

    it('is not created twice where nothing refers to it any more after a create of unknown outcome', () =>
      expect(
        play({
          ...onDemand,
          open: { pendingCreate: sent },
          answers: { found: nothingFound, waitedFor: false },
          stored: { now: NOW + LAG },
        }),
      ).not.toContain('? {ask: waiters}'));

    it('counts as part of the first sync, as nobody has left it out deliberately', () => {
      const steps = play({
        ...onDemand,
        mapping: mappingOf({
          sides: [{}, { create: 'on-demand' as never }],
          brake: { creates: LIMIT, firstSync: 7 },
        }),
        answers: { waitedFor: true },
        stored: { unlinked: { firstSeen: 1, state: '', matchKeys: [], correlationId: '', raw: '' }, firstRead: 2 },
        open: { issue: { kind: 'unmatched', code: 'NOT_REFERENCED', reason: '', mapping: 'v1', since: 1 } },
      });
      expect(steps).toContain('counter: firstSync');
    });
  });

  it('is an issue where a value cannot be converted', () =>
    expect(
      play({
        ...alone,
        answers: { newRecord: { ok: false, error: new TandemError('VALUE_TYPE', 'No number.'), refs: [] } },
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
          open: {0/a: {issue: {kind: failed, code: VALUE_TYPE, reason: "No number.", mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          = failed {code: VALUE_TYPE, reason: "No number."}
      "
    `));

  it('waits for the records that it refers to', () =>
    expect(
      play({
        ...alone,
        answers: {
          newRecord: {
            ok: false,
            error: new TandemError('REFERENCE_WAITING', 'It waits.', { property: 'firm' }),
            refs: [
              { mapping: 'firms', side: 0, id: 'f', settled: true },
              { mapping: 'firms', side: 1, id: 'g', settled: false },
            ],
          },
        },
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
          open: {0/a: {issue: {kind: waiting, code: REFERENCE_WAITING, reason: "It waits.", property: firm, refs: [{mapping: firms, side: 0, id: f}, {mapping: firms, side: 1, id: g}], mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          waitFor: [{mapping: firms, side: 0, id: f}, {mapping: firms, side: 1, id: g}]
          mark: [{mapping: firms, side: 1, id: g}]
          = waiting {code: REFERENCE_WAITING, reason: "It waits.", property: firm}
      "
    `));

  it('waits for no record that it refers to where another value cannot be converted', () =>
    expect(
      play({
        ...alone,
        answers: {
          newRecord: {
            ok: false,
            error: new TandemError('VALUE_TYPE', 'No number.'),
            refs: [{ mapping: 'firms', side: 0, id: 'f', settled: false }],
          },
        },
      }),
    ).not.toContain('firms'));

  it('is tried again where a system could not answer just now', () =>
    expect(
      play({
        ...alone,
        answers: { newRecord: { ok: false, error: new TandemError('SYSTEM_UNREACHABLE', 'Away.'), refs: [] } },
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
      fails: SYSTEM_UNREACHABLE "Away."
      "
    `));
});

describe('a create of which the target stored less than was sent', () => {
  const long = view(0, ['Ann', 'a long text']);
  const cut = view(1, ['Ann', 'a long'], { id: 'new' });
  const idOnly = mappingOf({ sides: [{}, { create: { answer: 'id' } as never }] });

  it('is linked, and the cut value is an issue and no agreement: nothing flows back', () =>
    expect(
      play({ records: [long, undefined], effects: { created: { kind: 'created', view: cut } } }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, a long text)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, a long text)}
      ? {ask: open-creates, view: 0/a(Ann, a long text)}
      ? {ask: new-record, view: 0/a(Ann, a long text)}
      ! begin {consume: {allowance: -}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: a long text}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: a long text}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, ""]}
      ? {ask: conversions, views: [0/a(Ann, a long text), 1/new(Ann, a long)], base: {name: [Ann, Ann], phone: ["?", a long]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: ["?", a long, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, a long text>", "<Ann, a long>"]}}
          handled: [0/a(Ann, a long text), 1/new(Ann, a long)]
          written: [-, new]
          mark: []
          open: {0/a: {issue: {kind: failed, code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters.", property: phone, mapping: v1, since: 1000000}, unsettled: {phone: {halt: {values: [a long text, a long], code: WRITE_NOT_STORED, reason: "shop stored phone otherwise: 6 of 11 characters."}, returns: 0, at: 1000000}}}, 1/new: {issue: null, decision: null, pendingCreate: null}}
      "
    `));

  it.each<[string, Situation]>([
    ['the target answered only an id', { mapping: idOnly }],
    [
      'it is found after the response was lost',
      {
        open: { pendingCreate: pendingCreate({ name: 'Ann', phone: 'a long text' }, { keys: ['ann@x'] }) },
        answers: {
          found: { by: 'search', records: [{ view: cut, linked: false, firstSeen: undefined }], others: [] },
        },
      },
    ],
  ])('does not take the cut value for an edit where %s', (_, more) => {
    const played = play({ records: [long, undefined], effects: { created: { kind: 'created', view: cut } }, ...more });
    expect(played).toContain('phone: ["?", a long, phone#1]');
    expect(played).toContain('code: WRITE_NOT_STORED');
    expect(played).toContain('mark: []');
  });

  it.each([
    ['a value that was added', { name: 'Ann' }, '', ['Ann', 'p1']],
    ['a text that was continued', { name: 'Ann', phone: 'abc' }, 'abc', ['Ann', 'abc def']],
    ['a number with more places', { name: 'Ann', phone: '10.5' }, '10.5', ['Ann', '10.55']],
  ] as const)('takes %s after the create for an edit, which is written to the result', (_, then, stored, now) => {
    const [edited, made] = [view(0, now), view(1, ['Ann', stored], { id: 'new' })];
    const played = play({
      records: [edited, undefined],
      open: { pendingCreate: pendingCreate(then, { keys: ['ann@x'] }) },
      answers: {
        found: { by: 'search', records: [{ view: made, linked: false, firstSeen: undefined }], others: [] },
      },
    });
    expect(played).not.toContain('WRITE_NOT_STORED');
    expect(played).toContain('mark: [{mapping: people, side: 0, id: a}]');
    const base: Base = { name: ['Ann', 'Ann', 'name#1'], phone: [UNKNOWN_VALUE, stored, 'phone#1'] };
    expect(played).toContain(`phone: ["?", ${stored || '""'}, phone#1]`);
    const next = play({ link: link(base, { ids: ['a', 'new'] }), records: [edited, made] });
    expect(next).toContain(`update {side: 1, view: 1/new(Ann, ${stored}), writes: [{property: phone, value: ${now[1]}`);
    expect(next).not.toContain('issue: {');
  });

  it('does not take the cut value for an edit where the source was edited after the create: that edit is written', () => {
    const mapping = mappingOf({ properties: { name: {}, phone: { conflict: 1 } } });
    const edited = view(0, ['Ann', 'a long text and more']);
    const played = play({
      mapping,
      records: [edited, undefined],
      open: { pendingCreate: pendingCreate({ name: 'Ann', phone: 'a long text' }, { keys: ['ann@x'] }) },
      answers: {
        found: { by: 'search', records: [{ view: cut, linked: false, firstSeen: undefined }], others: [] },
      },
    });
    expect(played).toContain('phone: ["?", a long, phone#1]');
    expect(played).toContain('mark: [{mapping: people, side: 0, id: a}]');
    const base: Base = { name: ['Ann', 'Ann', 'name#1'], phone: [UNKNOWN_VALUE, 'a long', 'phone#1'] };
    const next = play({ mapping, link: link(base, { ids: ['a', 'new'] }), records: [edited, cut] });
    expect(next).toContain(
      'update {side: 1, view: 1/new(Ann, a long), writes: [{property: phone, value: a long text and more',
    );
  });

  it('is an issue where nothing of a value was stored', () =>
    expect(
      play({
        records: [long, undefined],
        effects: { created: { kind: 'created', view: view(1, ['Ann', ''], { id: 'new' }) } },
      }),
    ).toContain('reason: "shop stored phone otherwise: nothing of it."'));

  it('agrees where the target keeps its own form of a value', () =>
    expect(
      play({
        records: [view(0, ['Ann', '(12) 34']), undefined],
        effects: { created: { kind: 'created', view: view(1, ['Ann', '1234'], { id: 'new' }) } },
      }),
    ).toContain('phone: ["(12) 34", "1234", phone#1]'));

  it('is looked at once more for the rest, and its issue stands', () => {
    const played = play({
      mapping: mappingOf({ properties: { name: {}, phone: {}, fax: {} } }),
      records: [view(0, ['Ann', 'a long text', '']), undefined],
      effects: { created: { kind: 'created', view: view(1, ['Ann', 'a long', 'f9'], { id: 'new' }) } },
    });
    expect(played).toContain('base: {name: [Ann, Ann, name#1], phone: ["?", a long, phone#1]}');
    expect(played).toContain('code: WRITE_NOT_STORED');
    expect(played).toContain('mark: [{mapping: people, side: 0, id: a}]');
  });
});

describe('a create that came to nothing', () => {
  it('is an issue where the system rejected it, and nothing of it stays open', () =>
    expect(play({ ...alone, effects: { created: { kind: 'rejected', error: rejected } } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: open-creates, view: 0/a(Ann, p1)}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! begin {consume: {allowance: -}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {pendingCreate: null, issue: {kind: failed, code: SYSTEM_REJECTED, reason: "No.", property: phone, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          = failed {code: SYSTEM_REJECTED, reason: "No.", property: phone}
      "
    `));

  it('is withdrawn and tried again where it was never sent', () =>
    expect(
      play({
        ...alone,
        effects: { created: { kind: 'rejected', error: new TandemError('SYSTEM_UNREACHABLE', 'Away.') } },
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
      ! begin {consume: {allowance: -}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! withdraw-create {side: 0, id: a, key: key-1}
          = failed {code: SYSTEM_UNREACHABLE, reason: "Away."}
      fails: SYSTEM_UNREACHABLE "Away."
      "
    `));

  it('is withdrawn and tried again where another worker linked one of the records', () =>
    expect(
      play({ ...alone, effects: { created: { kind: 'rejected', error: new TandemError('LINK_TAKEN', 'Taken.') } } }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: open-creates, view: 0/a(Ann, p1)}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! begin {consume: {allowance: -}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! withdraw-create {side: 0, id: a, key: key-1}
          = failed {code: LINK_TAKEN, reason: "Taken."}
      fails: LINK_TAKEN "Taken."
      "
    `));
});

describe('a create whose outcome is not known', () => {
  const open = { pendingCreate: sent };
  const keyed = mappingOf({ sides: [{}, { create: { idempotency: 'Idempotency-Key' } as never }] });

  describe('and whose result is not found', () => {
    const missing = (notFoundSince?: number, more: Partial<Situation> = {}): string =>
      play({
        ...alone,
        open: { pendingCreate: { ...sent, ...(notFoundSince === undefined ? {} : { notFoundSince }) } },
        answers: { found: nothingFound },
        ...more,
      });

    it('is not sent again at once: since when it is missing is noted, and the target is searched again', () =>
      expect(missing()).toMatchInlineSnapshot(`
        "
        ? {ask: record, side: 0, id: a}
        ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
            = unchanged
        ? {ask: unconfirmed-create, view: 0/a(Ann, p1), pending: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x]}}
        ? {ask: correlation, view: 0/a(Ann, p1)}
        ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
        ? {ask: new-record, view: 0/a(Ann, p1)}
        ! note-not-found {side: 0, id: a, key: key-0, at: 1000000}
            = created {writes: [[], [name, phone]], side: 1}
        fails: OUTCOME_UNKNOWN "It is not known whether the record was created in shop, which does not show it. It is searched for again: it is only created once it has not been found for as long as reads may lag." {paused: true, retryAfter: 1000}
        "
      `));

    it.each([
      [1_000, 1_000],
      [8_000, 8_000],
      [59_900, 100],
    ])('is searched for again: missing for %i ms, next search in %i ms', (age, retryAfter) => {
      expect(missing(NOW - age)).toMatch(/\nfails: OUTCOME_UNKNOWN .*\n$/);
      expect(missing(NOW - age)).toContain(`{paused: true, retryAfter: ${retryAfter}}`);
      expect(missing(NOW - age)).not.toContain('! note-not-found');
    });

    it('is sent again once it was missing for as long as reads may lag', () =>
      expect(missing(NOW - LAG)).toContain('! create {side: 1'));

    it('is sent again at once where reads never lag', () =>
      expect(missing(undefined, { mapping: mappingOf({ sides: [{}, { lag: 0 }] }) })).toContain('! create {side: 1'));

    it('is sent again at once where the target remembers the key', () =>
      expect(missing(undefined, { mapping: keyed })).toContain('! create {side: 1'));

    it('is not sent again at once where the target remembers the key, but the record has changed since', () => {
      const changed = { pendingCreate: pendingCreate({ name: 'Bob' }) };
      expect(missing(undefined, { mapping: keyed, open: changed })).toMatch(/\nfails: OUTCOME_UNKNOWN .*\n$/);
    });
  });

  it('is sent again under the same key where nothing was made', () =>
    expect(
      play({
        ...alone,
        open: { pendingCreate: { ...sent, notFoundSince: NOW - LAG } },
        answers: { found: nothingFound },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: unconfirmed-create, view: 0/a(Ann, p1), pending: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x], notFoundSince: 940000}}
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! begin {consume: {allowance: -}, create: {side: 0, id: a, pending: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-0}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
          written: [-, new]
          mark: []
      "
    `));

  it('is sent under a new key where the record has changed since', () =>
    expect(
      play({
        ...alone,
        open: { pendingCreate: pendingCreate({ name: 'Bob' }, { notFoundSince: NOW - LAG }) },
        answers: { found: nothingFound },
      }),
    ).toContain('pending: {at: 999990, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], '));

  it('is left to a person where the target cannot be searched', () =>
    expect(play({ ...alone, open, answers: { found: unknown } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: unconfirmed-create, view: 0/a(Ann, p1), pending: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x]}}
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {pendingCreate: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x], review: true}, issue: {kind: review, code: OUTCOME_UNKNOWN, reason: "It is not known whether the record was created in shop, and it cannot be searched for there: a person decides.", mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          = review {code: OUTCOME_UNKNOWN, reason: "It is not known whether the record was created in shop, and it cannot be searched for there: a person decides."}
      "
    `));

  it('is sent again where the target remembers keys', () =>
    expect(play({ ...alone, mapping: keyed, open, answers: { found: unknown } })).toContain(
      '! create {side: 1, data: {name: Ann, phone: p1}, key: key-0}',
    ));

  it('is left to a person where the target remembers keys, but the record has changed since', () =>
    expect(
      play({
        ...alone,
        mapping: keyed,
        open: { pendingCreate: pendingCreate({ name: 'Bob' }) },
        answers: { found: unknown },
      }),
    ).toContain('= review'));

  it('stays open where the system rejects the same again', () =>
    expect(
      play({
        ...alone,
        mapping: keyed,
        open,
        answers: { found: unknown },
        effects: { created: { kind: 'rejected', error: rejected } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: unconfirmed-create, view: 0/a(Ann, p1), pending: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x]}}
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! begin {consume: {allowance: -}, create: {side: 0, id: a, pending: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-0}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {pendingCreate: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x], review: true}, issue: {kind: failed, code: SYSTEM_REJECTED, reason: "No.", property: phone, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          = failed {code: SYSTEM_REJECTED, reason: "No.", property: phone}
      "
    `));

  it('stays open where the next try could not be sent', () =>
    expect(
      play({
        ...alone,
        mapping: keyed,
        open,
        answers: { found: unknown },
        effects: { created: { kind: 'rejected', error: new TandemError('SYSTEM_UNREACHABLE', 'Away.') } },
      }),
    ).not.toContain('withdraw'));

  it('is sent again, without the brake, where a person asks for that in its review', () =>
    expect(
      play({
        ...alone,
        mapping: limited,
        choice: { kind: 'create' },
        open: { pendingCreate: { ...sent, review: true } },
        stored: { brake },
      }),
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
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
          written: [-, new]
          mark: []
      "
    `));

  it('is searched for again while it is in review', () =>
    expect(
      play({ ...alone, open: { pendingCreate: { ...sent, review: true } }, answers: { found: nothingFound } }),
    ).toContain('? {ask: unconfirmed-create'));

  it('is linked to what it has made, and an edit of both sides since is left to a person', () =>
    expect(
      play({
        ...alone,
        mapping: mappingOf({ properties: { name: {}, phone: { conflict: 'review' } } }),
        open: { pendingCreate: pendingCreate({ name: 'Ann', phone: 'p0' }) },
        answers: {
          found: {
            by: 'search',
            records: [{ view: view(1, ['Ann', 'p9']), linked: false, firstSeen: undefined }],
            others: [],
          },
        },
      }),
    ).toContain('lastSynced: ["", ""]'));

  it('is searched for first where a person asks for the create and no review was raised', () =>
    expect(play({ ...alone, choice: { kind: 'create' }, open, answers: { found: nothingFound } })).toContain(
      '? {ask: unconfirmed-create',
    ));

  const MADE = '2026-01-01T00:00:00Z';
  it.each([
    [{}, '', '= created', 'WRITE_NOT_STORED'],
    [{ intactAt: '' }, '', '= created', 'WRITE_NOT_STORED'],
    [{ intactAt: MADE }, '', '= created', 'WRITE_NOT_STORED'],
    [{ intactAt: '2025-12-31T00:00:00Z' }, '', 'phone: [p1, p1, phone#1]', 'mark: [{'],
    [{ intactAt: '2025-12-31T00:00:00Z' }, 'p', '= created', 'WRITE_NOT_STORED'],
  ])('is linked to what it has made: %j, modified on January 1, and shows "%s" by now', (noted, shown, ...wanted) => {
    const records = [{ view: view(1, ['Ann', shown], { modified: MADE }), linked: false, firstSeen: undefined }];
    const pending = { pendingCreate: { ...open.pendingCreate, made: 'b', ...noted } };
    const played = play({ ...alone, open: pending, answers: { found: { by: 'search', records, others: [] } } });
    for (const text of wanted) expect(played).toContain(text);
    expect(played.includes('WRITE_NOT_STORED')).toBe(wanted.includes('WRITE_NOT_STORED'));
  });

  it('is linked to what it has made, and what was edited there since flows back', () =>
    expect(
      play({
        ...alone,
        open,
        answers: {
          found: {
            by: 'search',
            records: [{ view: view(1, ['Ann', 'p9']), linked: false, firstSeen: undefined }],
            others: [],
          },
        },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: unconfirmed-create, view: 0/a(Ann, p1), pending: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x]}}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! lock {claims: [1/b]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, b], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p9)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit
          result: {kind: link, link: {revision: -, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", ""]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p9)]
          written: [-, b]
          mark: [{mapping: people, side: 0, id: a}]
      "
    `));
});

describe('a create whose record, known by its id, is not shown', () => {
  const made = (age: number): Situation => ({
    ...alone,
    open: { pendingCreate: { ...sent, made: 'b7', at: NOW - age } },
    answers: { found: nothingFound },
  });

  it('is looked at again for as long as reads may lag, and never sent again', () => {
    expect(play(made(LAG - 1))).toContain('fails: SYSTEM_UNAVAILABLE "shop created record b7 and does not show it yet');
  });

  it('is looked at again for so long after it was made, however long ago the first try was', () => {
    const late = (madeAgo: number): string =>
      play({
        ...alone,
        open: { pendingCreate: { ...sent, made: 'b7', madeAt: NOW - madeAgo, at: NOW - 10 * LAG } },
        answers: { found: nothingFound },
      });
    expect(late(LAG - 1)).toContain('fails: SYSTEM_UNAVAILABLE "shop created record b7 and does not show it yet');
    expect(late(LAG)).toContain('= review {code: OUTCOME_UNKNOWN');
  });

  it('is left to a person once reads can no longer lag, and is looked at again once the target shows it', () => {
    const played = play(made(LAG));
    expect(played).toContain('= review {code: OUTCOME_UNKNOWN');
    expect(played).toContain('made: b7, review: true');
    expect(played).toContain('watch: [1/b7]');
    expect(played).not.toContain('! create');
  });
});

describe('a create that was answered with the id of a linked record', () => {
  const made = (linked: boolean): Situation => ({
    ...alone,
    open: { pendingCreate: { ...sent, made: 'b7' } },
    answers: {
      found: {
        by: 'search',
        records: [{ view: view(1, ['Ann', 'p1'], { id: 'b7' }), linked, firstSeen: undefined }],
        others: [],
      },
    },
  });

  it('is left to a person as a reused id, and never sent again', () =>
    expect(play(made(true))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: unconfirmed-create, view: 0/a(Ann, p1), pending: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x], made: b7}}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p1>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p1), -]
          open: {0/a: {pendingCreate: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x], made: b7, review: true}, issue: {kind: review, code: ID_REUSED, reason: "shop gave the new record the id b7 of another one, which is linked: break that link, and this one is linked.", candidates: [1/b7], mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b7]
          = review {code: ID_REUSED, reason: "shop gave the new record the id b7 of another one, which is linked: break that link, and this one is linked."}
      "
    `));

  it('is linked once that link has ended', () =>
    expect(play(made(false))).toContain('result: {kind: link, link: {revision: -, ids: [a, b7]'));
});

describe('which record an unconfirmed create has made', () => {
  const at = (
    values: readonly string[],
    more: Partial<FoundRecords['records'][number]> & { id?: string; keys?: readonly string[]; ref?: string } = {},
  ) => {
    const { id = 'b', keys = ['eve@x'], ref, ...rest } = more;
    return {
      view: view(1, values, { id, keys, ...(ref === undefined ? {} : { ref }) }),
      linked: false,
      firstSeen: NOW,
      ...rest,
    };
  };
  const verdict = (
    given: FoundRecords,
    pending = pendingCreate({ name: 'Ann', phone: 'p1' }),
    mapping = mappingOf(),
  ): string => {
    const long = { ...pending, notFoundSince: NOW - LAG };
    const played = play({ ...alone, mapping, open: { pendingCreate: long }, answers: { found: given } });
    if (played.includes('= review')) return 'unknown';
    return played.includes('! create {') ? 'none' : /ids: \[a, (\w+)\]/.exec(played)![1]!;
  };
  const recent = (records: FoundRecords['records'], others: FoundRecords['others'] = []): FoundRecords => ({
    by: 'recent',
    records,
    others,
  });
  const required = mappingOf({ properties: { name: { required: true }, phone: {} } });
  const flags = mappingOf({ properties: { name: { type: 'boolean' }, phone: {} } });
  const refers = mappingOf({
    properties: { name: {}, phone: { reference: { mapping: 'firms' } as never }, fax: {}, mail: {} },
  });

  it.each<readonly [string, () => string, string]>([
    ['found by a search', () => verdict({ by: 'search', records: [at(['Eve', 'p9'])], others: [] }), 'b'],
    [
      'several found by a search',
      () => verdict({ by: 'search', records: [at([]), at([], { id: 'c' })], others: [] }),
      'unknown',
    ],
    [
      'of several found by a search all but one linked',
      () => verdict({ by: 'search', records: [at([], { linked: true }), at(['x', 'y'], { id: 'c' })], others: [] }),
      'c',
    ],
    [
      'found by a search, but linked',
      () => verdict({ by: 'search', records: [at([], { linked: true })], others: [] }),
      'none',
    ],
    ['recent, as it was sent', () => verdict(recent([at(['Ann', 'p1'])])), 'b'],
    ['recent, not looked at yet', () => verdict(recent([at(['Ann', 'p1'], { firstSeen: undefined })])), 'b'],
    [
      'recent, seen in the moment when the create began',
      () => verdict(recent([at(['Ann', 'p1'], { firstSeen: NOW - 10 })])),
      'b',
    ],
    ['there before the create began', () => verdict(recent([at(['Ann', 'p1'], { firstSeen: NOW - 11 })])), 'none'],
    ['recent, but linked', () => verdict(recent([at(['Ann', 'p1'], { linked: true })])), 'none'],
    [
      'several recent ones as it was sent',
      () => verdict(recent([at(['Ann', 'p1']), at(['Ann', 'p1'], { id: 'c' })])),
      'unknown',
    ],
    [
      'one as it was sent, another one like it',
      () => verdict(recent([at(['Ann', 'p1']), at(['Ann', 'p9'], { id: 'c' })], [])),
      'b',
    ],
    ['recent, half of it kept', () => verdict(recent([at(['Ann', 'p9'])])), 'none'],
    ['recent, what is required kept', () => verdict(recent([at(['Ann', 'p9'])]), undefined, required), 'unknown'],
    ['recent, what is required edited', () => verdict(recent([at(['Eve', 'p1'])]), undefined, required), 'none'],
    ['recent, all that says something kept', () => verdict(recent([at(['Eve', 'p1'])]), undefined, flags), 'unknown'],
    ['recent, only a flag kept', () => verdict(recent([at(['Ann', 'p9'])]), undefined, flags), 'none'],
    [
      'recent, referring to the same record, with one of three others kept',
      () =>
        verdict(
          recent([at(['Eve', 'p1', 'f9', 'm1'])]),
          pendingCreate({ name: 'Ann', phone: 'p1', fax: 'f1', mail: 'm1' }),
          refers,
        ),
      'unknown',
    ],
    [
      'recent, all edited but the record that it refers to',
      () => verdict(recent([at(['Eve', 'p1'])]), undefined, refers),
      'none',
    ],
    [
      'recent, referring to another record, with half of the rest kept',
      () => verdict(recent([at(['Ann', 'p9', 'f9'])]), pendingCreate({ name: 'Ann', phone: 'p1', fax: 'f1' }), refers),
      'none',
    ],
    [
      'recent, referring to another record, with most of the rest kept',
      () =>
        verdict(
          recent([at(['Ann', 'p9', 'f1', 'm9'])]),
          pendingCreate({ name: 'Ann', phone: 'p1', fax: 'f1', mail: 'm1' }),
          refers,
        ),
      'unknown',
    ],
    [
      'recent, with a match key that was sent',
      () => verdict(recent([at(['Eve', 'p9'], { keys: ['ann@x'] })]), sent),
      'b',
    ],
    ['recent, without the match key that was sent', () => verdict(recent([at(['Eve', 'p1'])]), sent, flags), 'none'],
    [
      'recent, without a match key that was not sent',
      () => verdict(recent([at(['Eve', 'p1'])]), pendingCreate({ name: 'Ann', phone: 'p1' }, { keys: [null] }), flags),
      'unknown',
    ],
    [
      'recent, what was not sent is not compared',
      () => verdict(recent([at(['Ann', 'p9'])]), pendingCreate({ name: 'Ann' })),
      'b',
    ],
    ['recent, naming the source', () => verdict(recent([at(['Eve', 'p9'], { ref: 'a' })])), 'b'],
    ['recent, naming another source', () => verdict(recent([at(['Ann', 'p1'], { ref: 'z' })])), 'none'],
    [
      'recent, like it, but just what another create sent',
      () =>
        verdict(
          recent([at(['Ann', 'p9'])], [{ source: 'c', pending: pendingCreate({ name: 'Ann', phone: 'p9' }) }]),
          undefined,
          required,
        ),
      'none',
    ],
    [
      'recent, like it and like another one',
      () =>
        verdict(
          recent([at(['Ann', 'p9'])], [{ source: 'c', pending: pendingCreate({ name: 'Ann', phone: 'p8' }) }]),
          undefined,
          required,
        ),
      'unknown',
    ],
    [
      "several recent ones, one of them another one's",
      () =>
        verdict(
          recent(
            [at(['Ann', 'p7']), at(['Ann', 'p9'], { id: 'c' })],
            [{ source: 'c', pending: pendingCreate({ name: 'Ann', phone: 'p9' }) }],
          ),
          undefined,
          required,
        ),
      'unknown',
    ],
    [
      'recent, with one of two match keys that were sent',
      () =>
        verdict(
          recent([at(['Eve', 'p9'], { keys: ['x', 'two'] })]),
          pendingCreate({ name: 'Ann', phone: 'p1' }, { keys: ['one', 'two'] }),
        ),
      'b',
    ],
    [
      'recent, with another one of two match keys',
      () =>
        verdict(
          recent([at(['Eve', 'p1'], { keys: ['x', 'y'] })]),
          pendingCreate({ name: 'Ann', phone: 'p1' }, { keys: [null, 'two'] }),
          flags,
        ),
      'none',
    ],
    [
      'recent, one of two that are required kept',
      () =>
        verdict(
          recent([at(['Ann', 'p9'])]),
          undefined,
          mappingOf({ properties: { name: { required: true }, phone: { required: true } } }),
        ),
      'none',
    ],
    ['nothing recent', () => verdict(recent([])), 'none'],
  ])('%s', (_, got, wanted) => expect(got()).toBe(wanted));

  it.each([
    ['an entry of a table', { values: { name: 't' } }],
    ['a flag', { type: 'boolean' }],
  ])('is not recognized by %s', (_, property) =>
    expect(
      verdict(
        recent([at(['Ann', 'p1', 'm9'])]),
        pendingCreate({ name: 'Ann', phone: 'p1', mail: 'm1' }),
        mappingOf({ properties: { name: property as never, phone: {}, mail: {} } }),
      ),
    ).toBe('none'),
  );

  it.each(['search', 'recent'] as const)('is none where none is found: by %s', (by) =>
    expect(resultOfCreate(mappingOf(), ann, pendingCreate({}), { by, records: [], others: [] })).toEqual({
      kind: 'not-created',
    }),
  );
});

describe('a record that may be the result of another create', () => {
  const other = (more: Partial<OpenCreate> = {}, pending: Partial<OpenCreate['pending']> = {}): OpenCreate => ({
    source: 'z',
    underWay: false,
    pending: pendingCreate({ name: 'Ann', phone: 'p1' }, pending),
    ...more,
  });
  const suspected = (openCreates: readonly OpenCreate[], more: Partial<Situation> = {}): string => {
    const played = play({ ...alone, answers: { openCreates }, ...more });
    return /fails: .*|= review.*|! create/.exec(played)![0];
  };
  const seen = (firstSeen: number) => ({
    stored: { unlinked: { firstSeen, state: '', matchKeys: [], correlationId: '', raw: '' } },
  });
  const days = (count: number): number => count * 86_400_000;

  it('waits a moment while the other create is under way', () =>
    expect(suspected([other({ underWay: true }, { sent: { name: 'Eve' } })])).toBe(
      'fails: RECORD_LOCKED "The record may be the result of a create whose outcome is not known yet." {retryAfter: 300}',
    ));

  it('waits for the next try of the other create where it looks like the result', () =>
    expect(suspected([other()])).toBe(
      'fails: RECORD_LOCKED "The record may be the result of a create whose outcome is not known yet." {retryAfter: 5000}',
    ));

  it('does not wait where it does not look like the result', () =>
    expect(suspected([other({}, { sent: { name: 'Eve', phone: 'p2' } })])).toBe('! create'));

  it('does not wait where it was seen before that create began', () => {
    expect(suspected([other({ underWay: true })], seen(NOW - 11))).toBe('! create');
    expect(suspected([other({ underWay: true })], seen(NOW - 10))).toContain('RECORD_LOCKED');
  });

  it('is in review beside a create that a person must look at', () =>
    expect(
      play({
        ...alone,
        answers: { openCreates: [other({}, { review: true }), other({ source: 'y' }, { review: true })] },
      }),
    ).toMatchInlineSnapshot(`
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
          open: {0/a: {issue: {kind: review, code: OUTCOME_UNKNOWN, reason: "The record may be the result of the create for 1/z, whose outcome is not known: a person decides.", mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          = review {code: OUTCOME_UNKNOWN, reason: "The record may be the result of the create for 1/z, whose outcome is not known: a person decides."}
      "
    `));

  it('is not in review where it does not look like the result', () =>
    expect(suspected([other({}, { review: true, sent: { name: 'Eve', phone: 'p2' } })])).toBe('! create'));

  it('waits for a create that is under way before a person is asked about another one', () =>
    expect(suspected([other({}, { review: true }), other({ underWay: true })])).toContain('RECORD_LOCKED'));

  it('does not wait two days later where it only resembles what was sent', () => {
    const required = mappingOf({ properties: { name: { required: true }, phone: {} } });
    const like = other({}, { at: NOW - days(2), sent: { name: 'Ann', phone: 'p9' } });
    expect(suspected([like], { mapping: required })).toContain('RECORD_LOCKED');
    expect(suspected([other({}, { ...like.pending, at: NOW - days(2) - 1 })], { mapping: required })).toBe('! create');
    expect(suspected([other({}, { at: NOW - days(2) - 1 })], { mapping: required })).toContain('RECORD_LOCKED');
  });

  it('does not wait where it began a create of its own: it was there before', () =>
    expect(
      suspected([other({ underWay: true })], {
        open: { pendingCreate: { ...sent, notFoundSince: NOW - LAG } },
        answers: { found: nothingFound, openCreates: [other({ underWay: true })] },
      }),
    ).toBe('! create'));

  it('does not wait where a person asks for the create', () =>
    expect(suspected([other({ underWay: true })], { choice: { kind: 'create' } })).toBe('! create'));

  it.each([
    ['names another source', view(0, ['Ann', 'p1'], { ref: 'y' }), {}],
    ['has none of the match keys that were sent', view(0, ['Ann', 'p9']), { keys: ['eve@x'] }],
  ] as const)('is none where it %s', (_, record, pending) =>
    expect(suspicionOf(factsOf({}), record, [other({}, pending)])).toEqual({ kind: 'none' }),
  );

  it('leads to a review where the other create is in review', () =>
    expect(suspicionOf(factsOf({}), view(0, ['Ann', 'p1']), [other({}, { review: true })]).kind).toBe('review'));

  it('is in review with a reason that names the side of the source of the other create', () =>
    expect(
      play({
        look: [1, 'b'],
        records: [undefined, view(1, ['Ann', 'p1'])],
        answers: { openCreates: [other({}, { review: true })] },
      }),
    ).toContain('create for 0/z'));
});

describe('a source that keeps the id of its counterpart', () => {
  const mapping = mappingOf({ sides: [{ correlate: PLACE }, {}], brake: { creates: LIMIT } });
  const given: Situation = { ...alone, mapping };

  it('gets it once the link stands', () =>
    expect(play(given)).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: open-creates, view: 0/a(Ann, p1)}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ? {ask: allowance, kind: creates}
      ! begin {consume: {allowance: {kind: creates, record: 0/a, limit: 10, linked: 100, since: -}}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit, not the last
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [new, -], lastSynced: ["", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
          written: [-, new]
          mark: []
      ! correlate {side: 0, view: 0/a(Ann, p1), counterpart: new}
      ! commit
          result: {kind: link, link: {revision: 7, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
          written: [a, -]
          ownWrites: [{at: 1767225600000, before: 1767225600000}, -]
      "
    `));

  it('gets a note on its link where the system refuses the id', () =>
    expect(play({ ...given, effects: { correlated: [false, undefined] } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p1)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p1)}
      ? {ask: open-creates, view: 0/a(Ann, p1)}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ? {ask: allowance, kind: creates}
      ! begin {consume: {allowance: {kind: creates, record: 0/a, limit: 10, linked: 100, since: -}}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit, not the last
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [new, -], lastSynced: ["", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
          written: [-, new]
          mark: []
      ! correlate {side: 0, view: 0/a(Ann, p1), counterpart: new}
      ! commit
          result: {kind: link, link: {revision: 7, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [refused, -], lastSynced: ["<v1\\n<Ann, p1>>", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
      "
    `));

  it('is looked at again where the system could not answer just now', () =>
    expect(
      play({
        ...given,
        effects: { correlated: [{ error: new TandemError('SYSTEM_UNREACHABLE', 'Away.') }, undefined] },
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
      ? {ask: allowance, kind: creates}
      ! begin {consume: {allowance: {kind: creates, record: 0/a, limit: 10, linked: 100, since: -}}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "1", phone: #1}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name, phone]], side: 1}
      ! create {side: 1, data: {name: Ann, phone: p1}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, new], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/new(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit, not the last
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [new, -], lastSynced: ["", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/new(Ann, p1)]
          written: [-, new]
          mark: []
      ! correlate {side: 0, view: 0/a(Ann, p1), counterpart: new}
      ! commit
          mark: [{mapping: people, side: 0, id: a}]
      "
    `));

  it('gets the id although a value that the target filled in must still flow back', () =>
    expect(
      play({
        ...given,
        records: [view(0, ['Ann', '']), undefined],
        effects: { created: { kind: 'created', view: view(1, ['Ann', 'p9'], { id: 'new' }) } },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, )}
      ? {ask: rule, rule: 0, view: 0/a(Ann, )}
      ? {ask: open-creates, view: 0/a(Ann, )}
      ? {ask: new-record, view: 0/a(Ann, )}
      ? {ask: allowance, kind: creates}
      ! begin {consume: {allowance: {kind: creates, record: 0/a, limit: 10, linked: 100, since: -}}, create: {side: 0, id: a, pending: {at: 1000000, key: key-1, sent: {name: Ann}, keys: [ann@x], definitions: {name: "1"}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[], [name]], side: 1}
      ! create {side: 1, data: {name: Ann}, key: key-1}
      ! lock {claims: [1/new]}
          = created {writes: [[], [name]], side: 1, ids: [a, new], changes: [-, ""]}
      ? {ask: conversions, views: [0/a(Ann, ), 1/new(Ann, p9)], base: {name: [Ann, Ann]}}
      ! commit, not the last
          result: {kind: link, link: {revision: -, ids: [a, new], base: {name: [Ann, Ann, name#1]}, unconfirmed: [], correlation: [new, -], lastSynced: ["", ""]}}
          handled: [0/a(Ann, ), 1/new(Ann, p9)]
          written: [-, new]
          mark: [{mapping: people, side: 0, id: a}]
      ! correlate {side: 0, view: 0/a(Ann, ), counterpart: new}
      end
          = created {writes: [[], [name]], side: 1, ids: [a, new], changes: [-, ""]}
      "
    `));

  it('does not get it while the brake is on, where the counterpart was made by an earlier try', () => {
    const found = {
      by: 'search',
      records: [{ view: view(1, ['Ann', 'p1']), linked: false, firstSeen: undefined }],
      others: [],
    } as const;
    const blocked = { ...given, open: { pendingCreate: sent }, answers: { found }, effects: { after: {} } };
    expect(play({ ...blocked, stored: { brake } })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: unconfirmed-create, view: 0/a(Ann, p1), pending: {at: 999990, key: key-0, sent: {name: Ann, phone: p1}, keys: [ann@x]}}
      ? {ask: new-record, view: 0/a(Ann, p1)}
      ! lock {claims: [1/b]}
          = created {writes: [[], [name, phone]], side: 1, ids: [a, b], changes: [-, "2026-01-01T00:00:00Z"]}
      ? {ask: conversions, views: [0/a(Ann, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit, not the last
          result: {kind: link, link: {revision: -, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [new, -], lastSynced: ["", "<Ann, p1>"]}}
          handled: [0/a(Ann, p1), 1/b(Ann, p1)]
          written: [-, b]
          mark: []
      ! commit
          mark: [{mapping: people, side: 0, id: a}]
      "
    `);
    expect(play(blocked)).toContain('! correlate');
  });

  it('gets it while the brake is on, where the counterpart was made just now', () =>
    expect(play({ ...given, choice: { kind: 'create' }, stored: { brake } })).toContain('! correlate'));

  it('is not written where it names its counterpart already', () =>
    expect(
      play({ ...given, records: [view(0, ['Ann', 'p1'], { ref: 'new' }), undefined], answers: { namedExists: true } }),
    ).not.toContain('! correlate'));

  it('gets the id on the second side in the same way', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{}, { correlate: PLACE }] }),
        look: [1, 'b'],
        records: [undefined, view(1, ['Ann', 'p1'])],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ! lock {claims: [key/0/ann@x], entry: {side: 1, entry: {id: b, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 1/b(Ann, p1)}
      ? {ask: rule, rule: 0, view: 1/b(Ann, p1)}
      ? {ask: open-creates, view: 1/b(Ann, p1)}
      ? {ask: new-record, view: 1/b(Ann, p1)}
      ! begin {consume: {allowance: -}, create: {side: 1, id: b, pending: {at: 1000000, key: key-1, sent: {name: Ann, phone: p1}, keys: [ann@x], definitions: {name: "name#", phone: phone}, rules: [VcDeJ], correlate: ""}}}
          = created {writes: [[name, phone], []], side: 0}
      ! create {side: 0, data: {name: Ann, phone: p1}, key: key-1}
      ! lock {claims: [0/new]}
          = created {writes: [[name, phone], []], side: 0, ids: [new, b], changes: ["", -]}
      ? {ask: conversions, views: [0/new(Ann, p1), 1/b(Ann, p1)], base: {name: [Ann, Ann], phone: [p1, p1]}}
      ! commit, not the last
          result: {kind: link, link: {revision: -, ids: [new, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, new], lastSynced: ["<Ann, p1>", ""]}}
          handled: [0/new(Ann, p1), 1/b(Ann, p1)]
          written: [new, -]
          mark: []
      ! correlate {side: 1, view: 1/b(Ann, p1), counterpart: new}
      ! commit
          result: {kind: link, link: {revision: 7, ids: [new, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["<Ann, p1>", "<Ann, p1>"]}}
          handled: [0/new(Ann, p1), 1/b(Ann, p1)]
          written: [-, b]
      "
    `));
});

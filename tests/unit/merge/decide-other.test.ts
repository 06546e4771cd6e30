/**
 * The decision table for a system that answers another record than the one that was asked for: two records were merged there, or an
 * event spelled an id otherwise.
 */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import type { RecordFact } from '../../../engine/sync/facts.ts';
import { agreedOn, LAG, link, mappingOf, NOW, PLACE, pendingCreate, play, state, view } from './situation.ts';

const winner: RecordFact = { kind: 'other', id: 'w' };
const base = agreedOn('Ann', 'p1');
const both = [view(0, ['Ann', 'p1']), view(1, ['Ann', 'p1'])] as const;

describe('a record without a link, for which its system answers another one', () => {
  it('is forgotten, and the one that was answered is looked at', () =>
    expect(play({ delivered: [winner, undefined] })).toMatchInlineSnapshot(`
      "
      ? {ask: waiters}
      ! commit
          result: {kind: removed, record: {side: 0, id: a}}
          open: {0/a: {issue: null}}
          mark: [{mapping: people, side: 0, id: w}]
          markAllDependents: [0/a]
          = missing
      "
    `));

  it('has an issue where others wait for it, so that these do not ask for it again and again', () =>
    expect(play({ delivered: [winner, undefined], answers: { waitedFor: true } })).toContain(
      'open: {0/a: {issue: {kind: orphaned, reason: "crm knows the record under another id.", mapping: v1, since: 1000000}}}',
    ));

  it('leaves its unconfirmed create to a person, and ends its issue', () =>
    expect(
      play({
        look: [1, 'b'],
        delivered: [undefined, winner],
        open: {
          pendingCreate: pendingCreate({}),
          issue: { kind: 'failed', reason: 'It failed.', mapping: 'v1', since: 5 },
        },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: waiters}
      ! commit
          result: {kind: removed, record: {side: 1, id: b}}
          open: {1/b: {pendingCreate: {at: 999990, key: key-0, sent: {}, review: true}, issue: null}}
          mark: [{mapping: people, side: 1, id: w}]
          markAllDependents: [1/b]
          = missing
      "
    `));
});

describe('a linked record that was merged into another one', () => {
  const merged = { delivered: [winner, undefined], records: [undefined, both[1]] } as const;

  it('keeps its link, writes nothing and is left to a person', () =>
    expect(play({ link: link(base), ...merged })).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ? {ask: counterpart, side: 0, id: w}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", "<Ann, p1>"]}}
          open: {0/a: {issue: {kind: review, code: RECORD_MERGED, reason: "crm answers record w for a: the two were merged there. Record w has no counterpart in shop: break this link, and link b to it by hand if they are the same.", mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = review {ids: [a, b], code: RECORD_MERGED, reason: "crm answers record w for a: the two were merged there. Record w has no counterpart in shop: break this link, and link b to it by hand if they are the same."}
      "
    `));

  it('is left to a person on the second side too, with what is still to be done about the link', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{ correlate: PLACE }, {}] }),
        link: link(base, { unconfirmed: ['phone'], correlation: ['open', undefined] }),
        delivered: [undefined, winner],
        records: [both[0], undefined],
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: counterpart, side: 1, id: w}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [phone], correlation: [open, -], lastSynced: ["<v1\\n<Ann, p1>>", ""]}}
          open: {0/a: {issue: {kind: review, code: RECORD_MERGED, reason: "shop answers record w for b: the two were merged there. Record w has no counterpart in crm: break this link, and link a to it by hand if they are the same.", mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          = review {ids: [a, b], code: RECORD_MERGED, reason: "shop answers record w for b: the two were merged there. Record w has no counterpart in crm: break this link, and link a to it by hand if they are the same."}
      "
    `));

  it('is left to a person where its counterpart was edited', () =>
    expect(
      play({
        look: [1, 'b'],
        link: link(base, { lastSynced: ['', state('Ann', 'p2')] }),
        ...merged,
      }),
    ).toContain('code: RECORD_MERGED'));

  // So a scan passes over it while it fails in the same way.
  it('is left to a person where its counterpart cannot be read, and that error is recorded', () => {
    const records = [undefined, new TandemError('EXPRESSION_FAILED', 'No.')] as const;
    const steps = play({ link: link(base), delivered: merged.delivered, records });
    expect(steps).toContain('code: RECORD_MERGED');
    expect(steps).toContain('lastSynced: ["", <error.No.>]');
  });

  it('is left to a person, in no known state, where its counterpart was merged too', () =>
    expect(play({ link: link(base), delivered: [winner, { kind: 'other', id: 'x' }] })).toContain(
      'lastSynced: ["", ""]',
    ));

  it('ends its link where its counterpart does not exist', () =>
    expect(
      play({ link: link(base), delivered: merged.delivered, records: [undefined, 'absent'] }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 1, id: b}
      ! commit
          result: {kind: removed, ids: [a, b]}
          markAllDependents: [0/a, 1/b]
          = missing {ids: [a, b]}
      "
    `));

  it('keeps its link while reads may not show its counterpart yet', () =>
    expect(
      play({
        link: link(base, { created: NOW - LAG + 300 }),
        delivered: merged.delivered,
        records: [undefined, 'absent'],
      }),
    ).toContain('fails: RECORD_LOCKED "shop does not show the record,'));
});

/** The decision table for somebody who comes back: a record without a link, and one whose counterpart is gone. */
import { describe, expect, it } from 'vitest';
import type { Step } from '../../../engine/sync/actions.ts';
import type { CorrelationFacts, RuleFacts, Survivor } from '../../../engine/sync/facts.ts';
import { agreedOn, LAG, link, mappingOf, NOW, PLACE, play, type Situation, steps, view } from './situation.ts';

/** `0/a` comes back; `1/b` is linked to `0/old`, which is gone. */
const back = view(0, ['Ann', 'p2']);
const former = link(agreedOn('Ann', 'p1'), { ids: ['old', 'b'] });
const survivor = (more: Partial<Survivor> = {}): Survivor => ({
  view: view(1, ['Ann', 'p1']),
  link: former,
  kept: false,
  ...more,
});
const rule = (more: Partial<RuleFacts> = {}): RuleFacts => ({
  candidates: [],
  rivals: [],
  doubtful: [],
  survivors: [survivor()],
  ...more,
});
const comesBack = (more: Partial<RuleFacts> = {}, given: Situation = {}): Situation => ({
  records: [back, undefined],
  rules: [rule(more)],
  ...given,
});
const named = (more: Partial<CorrelationFacts> = {}): CorrelationFacts => ({
  partners: [],
  namedIsLinked: true,
  survivor: survivor(),
  rivals: [],
  matched: [],
  ...more,
});
const correlated = mappingOf({ sides: [{ correlate: PLACE }, {}] });
const names = (more: Partial<CorrelationFacts> = {}): Situation => ({
  mapping: correlated,
  records: [view(0, ['Ann', 'p2'], { ref: 'b' }), undefined],
  answers: { correlation: named(more) },
});
/** The former link has ended: from here on the survivor is a candidate like others. */
const freed = (step: Step): boolean =>
  step.kind === 'act' && step.action.do === 'commit' && step.action.commit.result.kind === 'unlink';

describe('a record that matches one whose counterpart is gone', () => {
  it('takes the place of that counterpart, once the counterpart was looked for again', () =>
    expect(play(comesBack(), freed)).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p2)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p2)}
      ! lock {claims: [0/old, 1/b]}
          = matched
      ? {ask: absent-twice, side: 0, id: old}
      ! commit, not the last
          result: {kind: unlink, ids: [old, b], revision: 3, index: [-, {id: b, keys: [ann@x], correlationId: -}]}
          markAllDependents: [0/old, 1/b]
      "
    `));

  it('is linked to it right after the former link, before anything else is asked or written', () => {
    const all = steps(comesBack()).map(({ step }) => step);
    const [next, ...more] = all.slice(all.findIndex(freed) + 1);
    expect(more).toEqual([]);
    expect(next).toMatchObject({
      action: {
        do: 'commit',
        last: true,
        commit: {
          result: { kind: 'link', link: { ids: ['a', 'b'], base: {}, lastSynced: ['', ''] } },
          mark: [{ mapping: 'people', side: 0, id: 'a' }],
        },
      },
    });
  });

  it('does not take its place where the former counterpart is there again', () =>
    expect(steps(comesBack({}, { absent: () => false })).at(-1)!.step).toMatchObject({
      kind: 'fail',
      error: { code: 'RECORD_CHANGED' },
    }));

  it('waits where the former one was linked a moment ago and reads may lag', () =>
    expect(
      steps(comesBack({ survivors: [survivor({ link: { ...former, created: NOW - LAG + 300 } })] })).at(-1)!.step,
    ).toMatchObject({ kind: 'fail', error: { code: 'RECORD_LOCKED', context: { retryAfter: 300 } } }));

  it('is in review where another one comes back with the same match key', () =>
    expect(play(comesBack({ rivals: [view(0, ['Ann', 'p3'], { id: 'c' })] }))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p2)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p2)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p2>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p2), -]
          open: {0/a: {issue: {kind: review, reason: "It matches a record in shop whose counterpart was deleted, by the rule \\"email\\"; several records could belong together: a person decides.", candidates: [1/b, 0/c], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b, 0/c]
          = review {reason: "It matches a record in shop whose counterpart was deleted, by the rule \\"email\\"; several records could belong together: a person decides."}
      "
    `));

  it('is in review where several have lost their counterpart', () =>
    expect(
      play(comesBack({ survivors: [survivor(), survivor({ view: view(1, ['Ann', ''], { id: 'c' }) })] })),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p2)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p2)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p2>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p2), -]
          open: {0/a: {issue: {kind: review, reason: "It matches a record in shop whose counterpart was deleted, by the rule \\"email\\"; several records could belong together: a person decides.", candidates: [1/b, 1/c], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b, 1/c]
          = review {reason: "It matches a record in shop whose counterpart was deleted, by the rule \\"email\\"; several records could belong together: a person decides."}
      "
    `));

  it('is in review where the rule asks for a person', () =>
    expect(
      play(comesBack({}, { mapping: mappingOf({ match: [{ name: 'email', onMatch: 'review' }] }) })),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p2)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p2)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p2>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p2), -]
          open: {0/a: {issue: {kind: review, reason: "It matches a record in shop whose counterpart was deleted, by the rule \\"email\\"; the rule asks a person to confirm it: a person decides.", candidates: [1/b], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b]
          = review {reason: "It matches a record in shop whose counterpart was deleted, by the rule \\"email\\"; the rule asks a person to confirm it: a person decides."}
      "
    `));

  it('is in review where a person left the survivor without a counterpart', () =>
    expect(play(comesBack({ survivors: [survivor({ kept: true })] }))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: -}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p2)}
      ? {ask: rule, rule: 0, view: 0/a(Ann, p2)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p2>.<ann@x>", index: {id: a, keys: [ann@x], correlationId: -}}
          handled: [0/a(Ann, p2), -]
          open: {0/a: {issue: {kind: review, reason: "It matches a record in shop whose counterpart was deleted, by the rule \\"email\\"; a person decided that it stays without one: a person decides.", candidates: [1/b], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b]
          = review {reason: "It matches a record in shop whose counterpart was deleted, by the rule \\"email\\"; a person decided that it stays without one: a person decides."}
      "
    `));

  it('is in review where the former counterpart was merged into another record', () =>
    expect(play(comesBack({ survivors: [survivor({ merged: true })] }))).toContain(
      'whose counterpart was merged into another record, by the rule',
    ));

  it('is linked to a free record with the same key before a survivor', () =>
    expect(play(comesBack({ candidates: [view(1, ['Ann', 'p2'], { id: 'c' })] }))).toContain('ids: [a, c]'));
});

describe('a record that names one whose counterpart is gone', () => {
  it('takes the place of that counterpart', () =>
    expect(play(names(), freed)).toMatchInlineSnapshot(`
    "
    ? {ask: record, side: 0, id: a}
    ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: b}}}
        = unchanged
    ? {ask: correlation, view: 0/a(Ann, p2)}
    ! lock {claims: [0/old, 1/b]}
        = matched
    ? {ask: absent-twice, side: 0, id: old}
    ! commit, not the last
        result: {kind: unlink, ids: [old, b], revision: 3, index: [-, {id: b, keys: [ann@x], correlationId: -}]}
        markAllDependents: [0/old, 1/b]
    "
  `));

  it('is in review where the match rules find another record', () =>
    expect(play(names({ matched: ['1/c'] }))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: b}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p2)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p2>.<ann@x\\nb>", index: {id: a, keys: [ann@x], correlationId: b}}
          handled: [0/a(Ann, p2), -]
          open: {0/a: {issue: {kind: review, reason: "crm.ref names a record in shop whose counterpart was deleted, but the match rules find another record: a person decides.", candidates: [1/b, 1/c], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b, 1/c]
          = review {reason: "crm.ref names a record in shop whose counterpart was deleted, but the match rules find another record: a person decides."}
      "
    `));

  it('is in review where a person left that one without a counterpart', () =>
    expect(play(names({ survivor: survivor({ kept: true }) }))).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ! lock {claims: [key/0/ann@x], entry: {side: 0, entry: {id: a, keys: [ann@x], correlationId: b}}}
          = unchanged
      ? {ask: correlation, view: 0/a(Ann, p2)}
      ! commit
          result: {kind: unlinked, record: {side: 0, id: a}, state: "<Ann, p2>.<ann@x\\nb>", index: {id: a, keys: [ann@x], correlationId: b}}
          handled: [0/a(Ann, p2), -]
          open: {0/a: {issue: {kind: review, reason: "crm.ref names a record in shop whose counterpart was deleted, but a person decided that it stays without one: a person decides.", candidates: [1/b], rules: rules-1, mapping: v1, since: 1000000}}}
          markDependents: [0/a]
          markAllDependents: [0/a]
          watch: [1/b]
          = review {reason: "crm.ref names a record in shop whose counterpart was deleted, but a person decided that it stays without one: a person decides."}
      "
    `));

  it('is in review where the counterpart of that one was merged into another record', () =>
    expect(play(names({ survivor: survivor({ merged: true }) }))).toContain(
      'crm.ref names a record in shop whose counterpart was merged into another record: a person decides.',
    ));

  it('is in review where the counterpart of that one exists', () =>
    expect(play(names({ survivor: undefined }))).toContain('that is linked to another one: a person decides.'));
});

describe('the survivor of a deletion that propagates', () => {
  it('is kept as long as a record could take the place of the one that is gone', () =>
    expect(
      play({
        mapping: mappingOf({ sides: [{ deletes: 'propagate' }, { deletes: 'propagate' }] }),
        link: link(agreedOn('Ann', 'p1')),
        records: ['absent', view(1, ['Ann', 'p1'])],
        answers: { successors: ['0/c'] },
      }),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ? {ask: successors, view: 1/b(Ann, p1)}
      ! commit
          result: {kind: link, link: {revision: 3, ids: [a, b], base: {name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}, unconfirmed: [], correlation: [-, -], lastSynced: ["", "<Ann, p1>"]}}
          handled: [-, 1/b(Ann, p1)]
          open: {0/a: {issue: {kind: orphaned, reason: "The counterpart in crm was deleted, and a record there could take its place: nothing is deleted until that is decided.", candidates: [0/c], mapping: v1, since: 1000000}}, 1/b: {issue: null, decision: null, pendingCreate: null}}
          mark: [{mapping: people, side: 0, id: c}]
          watch: [0/c]
          = orphaned {ids: [a, b], reason: "The counterpart in crm was deleted, and a record there could take its place: nothing is deleted until that is decided."}
      "
    `));
});

describe('two records that a person links', () => {
  const choice = { kind: 'link', ids: ['a', 'b'] } as const;

  it('are linked though one is linked to a record that is gone', () =>
    expect(
      play(
        {
          choice,
          records: [back, view(1, ['Ann', 'p1'])],
          answers: {
            partner: {
              link: former,
              pendingCreate: undefined,
              pendingWrites: undefined,
              failedJob: undefined,
              ownWrites: [],
            },
          },
        },
        freed,
      ),
    ).toMatchInlineSnapshot(`
      "
      ? {ask: partner, side: 1, id: b}
      ? {ask: absent-twice, side: 0, id: old}
      ? {ask: record, side: 0, id: a}
      ? {ask: record, side: 1, id: b}
      ! commit, not the last
          result: {kind: unlink, ids: [old, b], revision: 3, index: [-, {id: b, keys: [ann@x], correlationId: -}]}
          markAllDependents: [0/old, 1/b]
          = matched {ids: [a, b]}
      "
    `));
});

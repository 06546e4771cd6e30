/**
 * The decision table of two-way sync, exhaustively: every combination of what `merge` can be given for one property
 * belongs to exactly one cell, and each cell's decision is the one that is written here.
 */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { type Converted, type MergeInput, merge, type PropertyState, type Rule } from '../../../engine/merge/merge.ts';
import type { PropertyBase, SideIndex } from '../../../engine/types.ts';

const EARLY = '2026-01-01T00:00:00.000Z';
const LATE = '2026-01-02T00:00:00.000Z';
const FAILED = new TandemError('VALUE_NOT_IN_TABLE', 'no entry');
/** A reference to a record that nobody has looked at yet. */
const PENDING = new TandemError('REFERENCE_WAITING', 'not yet', { pending: true });

const other = (side: SideIndex): SideIndex => (side === 0 ? 1 : 0);

interface Case {
  readonly state: PropertyState;
  readonly base: PropertyBase | undefined;
  readonly modified: MergeInput['modified'];
}

/** What the words of the table mean. `side` is the side whose value is spoken of. */
const facts = ({ state, base }: Case) => {
  const { own, toward, direction } = state;
  const converted = (target: SideIndex): string | undefined => {
    const made = toward[target];
    return made?.ok ? made.fingerprint : undefined;
  };
  const twoWay = direction === 'both';
  const follower = twoWay ? 1 : direction;
  return {
    twoWay,
    oneWay: !twoWay,
    follower,
    leader: other(follower),
    first: base === undefined,
    changed: (side: SideIndex) => base !== undefined && own[side] !== base[side],
    empty: (side: SideIndex) => own[side] === '',
    /** Empty, or nothing is left of it on the other side. */
    nothing: (side: SideIndex) => own[side] === '' || converted(other(side)) === '',
    /** The side holds what it would be given. */
    holds: (side: SideIndex) => converted(side) === own[side],
    equal: (own[0] === '' && own[1] === '') || converted(0) === own[0] || converted(1) === own[1],
  };
};
type Facts = ReturnType<typeof facts>;

interface Verdict {
  readonly rule: Rule;
  readonly writes?: SideIndex;
  readonly loser?: SideIndex;
  /** What stays the base: the former one, what both hold now, or what both hold once it is written. */
  readonly base: 'former' | 'own' | 'written';
  readonly error?: TandemError;
}

const agreed: Verdict = { rule: 'agreed', base: 'own' };
const write = (rule: Rule, writes: SideIndex, more: Partial<Verdict> = {}): Verdict => ({
  rule,
  writes,
  base: 'written',
  ...more,
});
/** One-way: the value that the follower has of its own is kept. */
const follow = (rule: Rule, { state }: Case, { follower }: Facts): Verdict =>
  write(rule, follower, state.own[follower] === '' ? {} : { loser: follower });
const lose = (loser: SideIndex): Verdict => write('conflict', loser, { loser });
/** Whether the two disagree is not known while one of them waits for a record. */
const unlessPending = ({ state }: Case, verdict: Verdict): Verdict =>
  state.toward.some((made) => made?.ok === false && made.error === PENDING)
    ? { rule: 'blocked', base: 'former', error: PENDING }
    : verdict;
const byRule = (one: Case): Verdict => unlessPending(one, ruled(one));
const ruled = ({ state, modified }: Case): Verdict => {
  if (state.conflict === 'review') return { rule: 'review', base: 'former' };
  if (state.conflict !== 'latest') return lose(other(state.conflict));
  return lose(modified[0] === EARLY && modified[1] === LATE ? 0 : 1);
};

const CELLS: readonly (readonly [
  name: string,
  when: (facts: Facts, state: PropertyState, base: PropertyBase | undefined) => boolean,
  then: (one: Case, facts: Facts) => Verdict,
])[] = [
  // Two-way, in agreement before.
  [
    'two-way: neither changed',
    (f) => f.twoWay && !f.first && !f.changed(0) && !f.changed(1),
    () => ({ rule: 'in-step', base: 'former' }),
  ],
  [
    'two-way: the first changed, the second holds it already',
    (f) => f.twoWay && f.changed(0) && !f.changed(1) && f.holds(1),
    () => agreed,
  ],
  [
    'two-way: the first changed',
    (f) => f.twoWay && f.changed(0) && !f.changed(1) && !f.holds(1),
    () => write('one-changed', 1),
  ],
  [
    'two-way: the second changed, the first holds it already',
    (f) => f.twoWay && f.changed(1) && !f.changed(0) && f.holds(0),
    () => agreed,
  ],
  [
    'two-way: the second changed',
    (f) => f.twoWay && f.changed(1) && !f.changed(0) && !f.holds(0),
    () => write('one-changed', 0),
  ],
  ['two-way: both changed, to the same', (f) => f.twoWay && f.changed(0) && f.changed(1) && f.equal, () => agreed],
  ['two-way: both changed', (f) => f.twoWay && f.changed(0) && f.changed(1) && !f.equal, byRule],
  // Two-way, first contact.
  ['first contact: equal', (f) => f.twoWay && f.first && f.equal, () => agreed],
  [
    'first contact: neither says anything to the other',
    (f) => f.twoWay && f.first && !f.equal && f.nothing(0) && f.nothing(1),
    () => agreed,
  ],
  [
    'first contact: the first is empty',
    (f) => f.twoWay && f.first && !f.equal && f.empty(0) && !f.nothing(1),
    () => write('filled', 0),
  ],
  [
    'first contact: the second is empty',
    (f) => f.twoWay && f.first && !f.equal && f.empty(1) && !f.nothing(0),
    () => write('filled', 1),
  ],
  [
    'first contact: the first holds a value of which nothing is left on the second',
    (f) => f.twoWay && f.first && !f.equal && !f.empty(0) && f.nothing(0) && !f.nothing(1),
    (one) => unlessPending(one, one.state.conflict === 'review' ? { rule: 'review', base: 'former' } : lose(0)),
  ],
  [
    'first contact: the second holds a value of which nothing is left on the first',
    (f) => f.twoWay && f.first && !f.equal && !f.empty(1) && f.nothing(1) && !f.nothing(0),
    (one) => unlessPending(one, one.state.conflict === 'review' ? { rule: 'review', base: 'former' } : lose(1)),
  ],
  ['first contact: two values', (f) => f.twoWay && f.first && !f.equal && !f.nothing(0) && !f.nothing(1), byRule],
  // One-way.
  ['one-way, first contact: the leader says nothing', (f) => f.oneWay && f.first && f.nothing(f.leader), () => agreed],
  [
    'one-way, first contact: the follower holds it already',
    (f) => f.oneWay && f.first && !f.nothing(f.leader) && f.holds(f.follower),
    () => agreed,
  ],
  [
    'one-way, first contact: it flows',
    (f) => f.oneWay && f.first && !f.nothing(f.leader) && !f.holds(f.follower),
    (one, f) => follow('filled', one, f),
  ],
  [
    'one-way: the leader changed, the follower holds it already',
    (f) => f.oneWay && f.changed(f.leader) && f.holds(f.follower),
    () => agreed,
  ],
  [
    'one-way: the leader changed',
    (f) => f.oneWay && f.changed(f.leader) && !f.changed(f.follower) && !f.holds(f.follower),
    (_, f) => write('one-changed', f.follower),
  ],
  [
    'one-way: the leader changed, and the follower was edited',
    (f) => f.oneWay && f.changed(f.leader) && f.changed(f.follower) && !f.holds(f.follower),
    (one, f) => follow('one-changed', one, f),
  ],
  [
    'one-way: neither changed',
    (f) => f.oneWay && !f.first && !f.changed(f.leader) && !f.changed(f.follower),
    () => ({ rule: 'in-step', base: 'former' }),
  ],
  [
    'one-way: the follower was edited, drift: keep',
    (f, { drift }) => f.oneWay && !f.changed(f.leader) && f.changed(f.follower) && drift === 'keep',
    () => ({ rule: 'drift', base: 'former' }),
  ],
  [
    'one-way: the follower was edited, drift: revert, but the leader never had a value to put back',
    (f, { drift }, base) =>
      f.oneWay &&
      !f.changed(f.leader) &&
      f.changed(f.follower) &&
      drift === 'revert' &&
      base![f.follower] !== '' &&
      f.nothing(f.leader),
    () => ({ rule: 'drift', base: 'former' }),
  ],
  [
    'one-way: the follower was edited to what the leader gives, drift: revert',
    (f, { drift }, base) =>
      f.oneWay &&
      !f.changed(f.leader) &&
      f.changed(f.follower) &&
      drift === 'revert' &&
      !(base![f.follower] !== '' && f.nothing(f.leader)) &&
      f.holds(f.follower),
    () => agreed,
  ],
  [
    'one-way: the follower was edited, drift: revert',
    (f, { drift }, base) =>
      f.oneWay &&
      !f.changed(f.leader) &&
      f.changed(f.follower) &&
      drift === 'revert' &&
      !(base![f.follower] !== '' && f.nothing(f.leader)) &&
      !f.holds(f.follower),
    (one, f) => follow('drift', one, f),
  ],
];

/** Whatever `merge` can be given for one property. An empty value converts to an empty one, or is required. */
function* cases(): Generator<Case> {
  const texts = ['', 'x', 'y'];
  const pairs = texts.flatMap((a) => texts.map((b): [string, string] => [a, b]));
  const made = (text: string): Converted => ({ ok: true, value: text || null, fingerprint: text });
  const failed: Converted = { ok: false, error: FAILED };
  const pending: Converted = { ok: false, error: PENDING };
  const toward = (source: string): (Converted | undefined)[] =>
    source === '' ? [undefined, failed, made('')] : [undefined, failed, pending, made(''), made('x'), made('y')];
  const times: MergeInput['modified'][] = [
    [EARLY, LATE],
    [LATE, EARLY],
    [LATE, LATE],
    [undefined, LATE],
    [EARLY, undefined],
    [undefined, undefined],
  ];
  for (const base of [undefined, ...pairs])
    for (const own of pairs)
      for (const direction of ['both', 0, 1] as const)
        for (const to0 of direction === 1 ? [undefined] : toward(own[1]))
          for (const to1 of direction === 0 ? [undefined] : toward(own[0]))
            for (const conflict of ['latest', 0, 1, 'review'] as const)
              for (const drift of ['keep', 'revert'] as const)
                for (const modified of conflict === 'latest' ? times : times.slice(0, 2))
                  yield {
                    base,
                    modified,
                    state: { name: 'p', direction, conflict, drift, own, toward: [to0, to1] },
                  };
}

/** The decision that a cell's verdict means, given whether the value can be written at all. */
function expected({ state, base }: Case, verdict: Verdict): ReturnType<typeof merge> {
  const none = { writes: [[], []] as [[], []], base: base ? { p: base } : {} };
  if (verdict.writes === undefined) {
    const after = verdict.base === 'own' ? { p: state.own } : none.base;
    const { rule, error } = verdict;
    return { ...none, base: after, decisions: [{ property: 'p', rule, ...(error ? { error } : {}) }] };
  }
  const made = state.toward[verdict.writes];
  if (!made?.ok)
    return { ...none, decisions: [{ property: 'p', rule: 'blocked', ...(made ? { error: made.error } : {}) }] };
  const written = [{ property: 'p', value: made.value, fingerprint: made.fingerprint }];
  return {
    writes: verdict.writes === 0 ? [written, []] : [[], written],
    base: { p: verdict.writes === 0 ? [made.fingerprint, state.own[1]] : [state.own[0], made.fingerprint] },
    decisions: [
      {
        property: 'p',
        rule: verdict.rule,
        writes: verdict.writes,
        ...(verdict.loser === undefined ? {} : { loser: verdict.loser }),
      },
    ],
  };
}

/** Much faster than `toEqual` where nothing differs. */
const same = (a: unknown, b: unknown): boolean => text(a) === text(b);
const text = (value: unknown): string =>
  JSON.stringify(value, (_, item) => (item instanceof TandemError ? item.code : item));

describe('the decision table', () => {
  const inCell = new Map<string, Case[]>(CELLS.map(([name]) => [name, []]));
  const misplaced: unknown[] = [];
  for (const one of cases()) {
    const f = facts(one);
    const found = CELLS.filter(([, when]) => when(f, one.state, one.base)).map(([name]) => name);
    if (found.length === 1) inCell.get(found[0]!)!.push(one);
    else misplaced.push([found, one]);
  }

  it('has exactly one cell for every case', () => expect(misplaced.slice(0, 3)).toEqual([]));

  it.each(CELLS)('%s', (name, _, then) => {
    const all = inCell.get(name)!;
    expect(all.length).toBeGreaterThan(0);
    for (const one of all) {
      const got = merge({ base: one.base ? { p: one.base } : {}, modified: one.modified, properties: [one.state] });
      const wanted = expected(one, then(one, facts(one)));
      if (!same(got, wanted)) expect(got, JSON.stringify(one)).toEqual(wanted);
    }
  });
});

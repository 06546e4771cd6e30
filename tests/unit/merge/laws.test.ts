/** The laws of `merge`: what holds for every link, whatever its properties, values, base, times and systems. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Redefined } from '../../../engine/config/definition.ts';
import { TandemError } from '../../../engine/errors.ts';
import {
  type Converted,
  type MergeInput,
  type MergeResult,
  merge,
  type PropertyDecision,
  type PropertyState,
} from '../../../engine/merge/merge.ts';
import type { PropertyBase, SideIndex } from '../../../engine/types.ts';

// ---------------------------------------------------------------- links to decide about

type Pair<T> = readonly [T, T];
/** Throws where the value cannot be converted. */
type Convert = (value: string) => string;

interface Kind {
  readonly name: string;
  /** Toward side 0 and toward side 1. */
  readonly toward: Pair<Convert>;
}

const same: Convert = (value) => value;
const fails: Convert = () => {
  throw new Error('no way');
};
const table =
  (entries: Record<string, string>): Convert =>
  (value) =>
    entries[value] ?? fails(value);

/** Conversions are total, one-to-one, lossy in one or both directions, partial or impossible. */
const KINDS: readonly Kind[] = [
  { name: 'none', toward: [same, same] },
  { name: 'one-to-one', toward: [(value) => value.replace(/^#/, ''), (value) => `#${value.replace(/^#/, '')}`] },
  { name: 'lossy toward 1', toward: [same, (value) => value.toLowerCase()] },
  { name: 'lossy toward 0', toward: [(value) => value.toLowerCase(), same] },
  { name: 'lossy both ways', toward: [(value) => value.toUpperCase(), (value) => value.slice(0, 1)] },
  { name: 'nothing is left of some', toward: [(value) => value.replace('-', ''), (value) => value.replace('n/a', '')] },
  { name: 'a table', toward: [table({ a: 'b', b: 'a' }), table({ a: 'b', b: 'a' })] },
  { name: 'impossible toward 1', toward: [same, fails] },
  { name: 'impossible', toward: [fails, fails] },
];

/** What a system makes of the values that it is given. */
const SYSTEMS: readonly Convert[] = [
  same,
  (value) => value.trim(),
  (value) => value.toLowerCase(),
  (value) => (value === '' ? 'none' : value),
  () => 'always this',
];

interface Modelled {
  readonly name: string;
  readonly kind: Kind;
  readonly systems: Pair<Convert>;
  readonly direction: PropertyState['direction'];
  readonly conflict: PropertyState['conflict'];
  readonly drift: 'keep' | 'revert';
  readonly required: boolean;
  readonly own: Pair<string>;
  readonly base: PropertyBase | undefined;
  /** What has changed since the definition under which a base was made that bears the mark OLD. */
  readonly redefined: Redefined;
}

const OLD = 'an older definition';

const VALUES = ['', 'a', 'A', 'b', 'B', 'aa', '#a', 'n/a', '-', ' a'];
const value = fc.constantFrom(...VALUES);
const property = (name: fc.Arbitrary<string>): fc.Arbitrary<Modelled> =>
  fc
    .record({
      name,
      kind: fc.constantFrom(...KINDS),
      systems: fc.tuple(fc.constantFrom(...SYSTEMS), fc.constantFrom(...SYSTEMS)),
      direction: fc.constantFrom<PropertyState['direction']>('both', 'both', 0, 1),
      conflict: fc.constantFrom<PropertyState['conflict']>('latest', 0, 1, 'review'),
      drift: fc.constantFrom<'keep' | 'revert'>('keep', 'revert'),
      required: fc.boolean(),
      own: fc.tuple(value, value),
      former: fc.tuple(value, value),
      // None; that of both values as they are, of one of them, or of others.
      known: fc.constantFrom('no', 'both', 'first', 'second', 'stale'),
      old: fc.constantFrom(false, false, true),
      redefined: fc.record({
        readable: fc.tuple(fc.boolean(), fc.boolean()),
        again: fc.constantFrom<SideIndex | undefined>(undefined, 0, 1),
      }),
    })
    .map(({ former, known, old, ...one }): Modelled => {
      const base: [string, string] = [
        known === 'both' || known === 'first' ? one.own[0] : former[0],
        known === 'both' || known === 'second' ? one.own[1] : former[1],
      ];
      return { ...one, base: known === 'no' ? undefined : old ? [...base, OLD] : base };
    });

const NAMES = ['p', 'q', 'r', 's', '__proto__', 'constructor', 'toString'];
const properties = fc.uniqueArray(property(fc.constantFrom(...NAMES)), {
  selector: (one) => one.name,
  minLength: 1,
  maxLength: 4,
});
/** One property, under the definition that it always had. */
const one = property(fc.constant('p')).map(({ base, ...single }): Modelled[] => [
  { ...single, base: base && [base[0], base[1]] },
]);
const time = fc.constantFrom(
  undefined,
  '2026-01-01T00:00:00.000Z',
  '2026-01-01T01:00:00.000+01:00',
  '2026-01-02T00:00:00.000Z',
  '2026-01-02T00:00:00.001Z',
);
const times = fc.tuple(time, time);

const other = (side: SideIndex): SideIndex => (side === 0 ? 1 : 0);

function convert({ kind, required, own, direction }: Modelled, target: SideIndex): Converted | undefined {
  if (direction !== 'both' && direction !== target) return undefined;
  const source = own[other(target)];
  try {
    const made = source === '' ? '' : kind.toward[target](source);
    if (made === '' && required) throw new Error('required');
    return { ok: true, value: made || null, fingerprint: made };
  } catch (error) {
    return { ok: false, error: new TandemError('VALUE_TYPE', (error as Error).message) };
  }
}

const stateOf = (modelled: Modelled): PropertyState => ({
  name: modelled.name,
  direction: modelled.direction,
  conflict: modelled.conflict,
  drift: modelled.drift,
  own: modelled.own,
  toward: [convert(modelled, 0), convert(modelled, 1)],
  ...(modelled.base?.[2] === OLD ? { redefined: modelled.redefined } : {}),
});

const inputOf = (link: readonly Modelled[], modified: MergeInput['modified']): MergeInput => ({
  base: Object.fromEntries(link.flatMap(({ name, base }) => (base ? [[name, base]] : []))),
  modified,
  properties: link.map(stateOf),
});

const baseOf = (decision: MergeResult, name: string): PropertyBase | undefined =>
  Object.hasOwn(decision.base, name) ? decision.base[name] : undefined;
const decisionOf = (decision: MergeResult, name: string): PropertyDecision =>
  decision.decisions.find((single) => single.property === name)!;
const writeOf = (decision: MergeResult, side: SideIndex, name: string) =>
  decision.writes[side].find((write) => write.property === name);

/** The link after the systems took what was written: the base holds what they answered. */
function carryOut(link: readonly Modelled[], decision: MergeResult): Modelled[] {
  return link.map((modelled) => {
    const own: [string, string] = [...modelled.own];
    const base = baseOf(decision, modelled.name);
    const entry: [string, string, string?] | undefined = base && [...base];
    for (const side of [0, 1] as const) {
      const write = writeOf(decision, side, modelled.name);
      if (!write) continue;
      own[side] = modelled.systems[side](write.fingerprint);
      entry![side] = own[side];
    }
    return { ...modelled, own, base: entry };
  });
}

/** Both sides hold the same under the mapping, as far as the system written to can hold it. */
function agree(modelled: Modelled): boolean {
  const { own, systems } = modelled;
  if (own[0] === '' && own[1] === '') return true;
  return ([0, 1] as const).some((side) => {
    const made = convert(modelled, side);
    return made?.ok === true && [made.fingerprint, systems[side](made.fingerprint)].includes(own[side]);
  });
}

const says = (modelled: Modelled, side: SideIndex): boolean => {
  const made = convert(modelled, other(side));
  return modelled.own[side] !== '' && !(made?.ok === true && made.fingerprint === '');
};

const mirroredBase = ([a, b, ...mark]: PropertyBase): PropertyBase => [b, a, ...mark];

const changed = ({ own, base }: Modelled, side: SideIndex): boolean => base !== undefined && own[side] !== base[side];

const each = (
  links: fc.Arbitrary<Modelled[]>,
  check: (link: Modelled[], modified: MergeInput['modified'], decision: MergeResult, input: MergeInput) => void,
): void =>
  fc.assert(
    fc.property(links, times, (link, modified) => {
      const input = inputOf(link, modified);
      check(link, modified, merge(input), input);
    }),
    { numRuns: links === properties ? 1_000 : 300 },
  );

/** Only links of which the one property is of interest. */
const only = (keep: (modelled: Modelled) => boolean): fc.Arbitrary<Modelled[]> =>
  one.filter(([single]) => keep(single!));

// ---------------------------------------------------------------- laws

describe('coming to rest', () => {
  it('merge converges in one round: whatever the systems answer, a second merge writes nothing', () =>
    each(properties, (link, modified, decision) => {
      const again = merge(inputOf(carryOut(link, decision), modified));
      expect(again.writes).toEqual([[], []]);
    }));

  it('after one round both sides of a two-way property agree, or a person or a value is waited for', () =>
    each(properties, (link, _, decision) => {
      for (const after of carryOut(link, decision)) {
        const { rule } = decisionOf(decision, after.name);
        if (after.direction !== 'both' || ['in-step', 'review', 'blocked'].includes(rule)) continue;
        expect(agree(after) || (!says(after, 0) && !says(after, 1)), `${after.name}: ${rule}`).toBe(true);
      }
    }));

  it('merge is idempotent: the round after changes no base, and every later one is the same', () =>
    each(properties, (link, modified, decision) => {
      const first = carryOut(link, decision);
      const second = carryOut(first, merge(inputOf(first, modified)));
      expect(second).toEqual(first);
    }));

  it('merge writes no value to and fro, whatever a system answers to what it is given', () =>
    fc.assert(
      fc.property(properties, times, fc.infiniteStream(value), (link, modified, answers) => {
        const moody = link.map((modelled): Modelled => {
          const answer = (): string => answers.next().value as string;
          return { ...modelled, systems: [answer, answer] };
        });
        const after = carryOut(moody, merge(inputOf(moody, modified)));
        expect(merge(inputOf(after, modified)).writes).toEqual([[], []]);
      }),
      { numRuns: 1_000 },
    ));

  it('merge takes what a system answered, not what was sent, as known', () =>
    each(
      only((modelled) => modelled.systems[1](modelled.own[0]) !== modelled.own[0]),
      ([before], modified, decision) => {
        if (!writeOf(decision, 1, 'p')) return;
        const [after] = carryOut([before!], decision);
        const { rule } = decisionOf(merge(inputOf([after!], modified)), 'p');
        expect(rule).toBe('in-step');
      },
    ));
});

describe('being a function', () => {
  it('merge is deterministic and leaves its input as it was', () =>
    each(properties, (_, __, decision, input) => {
      const before = JSON.stringify(input);
      expect(merge(structuredCopy(input))).toEqual(decision);
      expect(merge(input)).toEqual(decision);
      expect(JSON.stringify(input)).toBe(before);
    }));

  it('merge decides each property by itself: the others, and their order, make no difference', () =>
    each(properties, (link, modified, decision) => {
      const backwards = merge(inputOf([...link].reverse(), modified));
      for (const single of link) {
        const alone = merge(inputOf([single], modified));
        for (const whole of [decision, backwards]) {
          expect(decisionOf(whole, single.name)).toEqual(alone.decisions[0]);
          expect(baseOf(whole, single.name)).toEqual(baseOf(alone, single.name));
          for (const side of [0, 1] as const)
            expect(writeOf(whole, side, single.name)).toEqual(writeOf(alone, side, single.name));
        }
      }
    }));

  it('merge forgets the base of a property that the mapping has no more, and takes nothing from it', () =>
    each(properties, (_, __, decision, input) => {
      const more = merge({ ...input, base: { ...input.base, gone: ['a', 'b'] } });
      expect(more).toEqual(decision);
    }));

  it('merge treats both sides alike: swapped sides give the mirrored decision, but for the tie of "latest"', () => {
    const swap = <T>([a, b]: Pair<T>): [T, T] => [b, a];
    const mirror = <T>(side: SideIndex | T): SideIndex | T => (side === 0 ? 1 : side === 1 ? 0 : side);
    each(properties, (link, modified, decision) => {
      const [first, second] = modified.map((text) => Date.parse(text ?? ''));
      const tie = !(first! > second!) && !(second! > first!);
      const mirrored = merge(
        inputOf(
          link.map((modelled) => ({
            ...modelled,
            own: swap(modelled.own),
            base: modelled.base && mirroredBase(modelled.base),
            redefined: {
              readable: swap(modelled.redefined.readable),
              again: modelled.redefined.again === undefined ? undefined : other(modelled.redefined.again),
            },
            systems: swap(modelled.systems),
            kind: { ...modelled.kind, toward: swap(modelled.kind.toward) },
            direction: mirror(modelled.direction),
            conflict: mirror(modelled.conflict),
          })),
          swap(modified),
        ),
      );
      for (const modelled of link) {
        const { name, conflict } = modelled;
        const rivals = modelled.base?.length !== 2 || (changed(modelled, 0) && changed(modelled, 1));
        if (tie && conflict === 'latest' && rivals) continue;
        const here = decisionOf(decision, name);
        const there = decisionOf(mirrored, name);
        expect({ ...there, writes: mirror(there.writes), loser: mirror(there.loser) }).toEqual({
          writes: undefined,
          loser: undefined,
          ...here,
        });
        for (const side of [0, 1] as const)
          expect(writeOf(mirrored, other(side), name)).toEqual(writeOf(decision, side, name));
        const base = baseOf(mirrored, name);
        expect(base && mirroredBase(base)).toEqual(baseOf(decision, name));
      }
    });
  });
});

describe('losing nothing', () => {
  it('an empty value never beats a value at first contact, nor does what becomes one on the other side', () =>
    each(properties, (link, _, decision) => {
      for (const { name, base, own } of link) {
        if (base !== undefined) continue;
        for (const side of [0, 1] as const) {
          const write = writeOf(decision, side, name);
          if (write) expect(write.fingerprint).not.toBe('');
          if (write && own[other(side)] === '') throw new Error('an empty value flowed');
        }
      }
    }));

  it('a value fills an empty place at first contact', () =>
    each(
      only(({ base, own, direction }) => base === undefined && direction !== 0 && own[0] !== '' && own[1] === ''),
      ([before], _, decision) => {
        const made = convert(before!, 1)!;
        if (!made.ok) expect(decisionOf(decision, 'p').rule).toBe('blocked');
        else if (made.fingerprint !== '') expect(writeOf(decision, 1, 'p')?.fingerprint).toBe(made.fingerprint);
      },
    ));

  it('a clear after agreement is propagated', () =>
    each(
      only(
        (modelled) =>
          modelled.direction !== 0 &&
          !modelled.required &&
          changed(modelled, 0) &&
          !changed(modelled, 1) &&
          !modelled.own[0],
      ),
      ([before], _, decision) => {
        const [after] = carryOut([before!], decision);
        expect(after!.own).toEqual(['', before!.own[1] === '' ? '' : before!.systems[1]('')]);
      },
    ));

  it('an edit of one side only always arrives, and is itself not touched', () =>
    each(
      only((modelled) => modelled.direction === 'both' && changed(modelled, 0) !== changed(modelled, 1)),
      ([before], _, decision) => {
        const from: SideIndex = changed(before!, 0) ? 0 : 1;
        const made = convert(before!, other(from))!;
        expect(writeOf(decision, from, 'p')).toBeUndefined();
        if (!made.ok) {
          expect(decisionOf(decision, 'p')).toMatchObject({ rule: 'blocked', error: made.error });
          expect(baseOf(decision, 'p')).toEqual(before!.base);
        } else if (made.fingerprint === before!.own[other(from)]) expect(decision.writes).toEqual([[], []]);
        else expect(writeOf(decision, other(from), 'p')?.fingerprint).toBe(made.fingerprint);
      },
    ));

  it('an edit is never overwritten by an older value: after any edits and rounds both sides hold the last edit', () => {
    const edit = fc.record({ side: fc.constantFrom<SideIndex>(0, 1), value });
    const step = fc.oneof(edit, fc.constant('merge' as const));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), times, (steps, modified) => {
        let link: Modelled[] = [
          {
            name: 'p',
            kind: KINDS[0]!,
            systems: [same, same],
            direction: 'both',
            conflict: 'latest',
            drift: 'keep',
            required: false,
            own: ['a', 'a'],
            base: ['a', 'a'],
            redefined: { readable: [true, true], again: undefined },
          },
        ];
        /** The sides edited since the last round; of two, either may win. */
        let edited = new Set<SideIndex>();
        let allowed = ['a'];
        for (const move of [...steps, 'merge' as const]) {
          if (move === 'merge') {
            link = carryOut(link, merge(inputOf(link, modified)));
            const [a, b] = link[0]!.own;
            expect(a).toBe(b);
            expect(allowed).toContain(a);
            allowed = [a];
            edited = new Set();
            continue;
          }
          const [before] = link;
          const own: [string, string] = [...before!.own];
          own[move.side] = move.value;
          link = [{ ...before!, own }];
          edited.add(move.side);
          // An edit back to what it was is none.
          const differing = ([0, 1] as const).filter((side) => edited.has(side) && changed(link[0]!, side));
          allowed = differing.length === 0 ? [before!.base![0]] : differing.map((side) => own[side]);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('what cannot be written keeps its base, so that it is tried again', () =>
    each(properties, (link, _, decision) => {
      for (const { name, base } of link) {
        const { rule, writes, loser } = decisionOf(decision, name);
        if (rule !== 'blocked' && rule !== 'review') continue;
        expect([writes, loser]).toEqual([undefined, undefined]);
        expect(baseOf(decision, name)).toEqual(base);
      }
    }));
});

describe('conflicts', () => {
  const conflicts = only(
    (modelled) =>
      modelled.direction === 'both' &&
      ((changed(modelled, 0) && changed(modelled, 1)) ||
        (modelled.base === undefined && says(modelled, 0) && says(modelled, 1))) &&
      !agreeAsIs(modelled),
  );

  it('write exactly one side and name it as the loser, or wait', () =>
    each(conflicts, ([before], _, decision) => {
      const verdict = decisionOf(decision, 'p');
      const written = ([0, 1] as const).filter((side) => writeOf(decision, side, 'p'));
      if (verdict.rule === 'conflict') expect(written).toEqual([verdict.loser]);
      else expect(written).toEqual([]);
      expect(verdict.rule === 'review').toBe(before!.conflict === 'review');
      expect(['conflict', 'review', 'blocked']).toContain(verdict.rule);
    }));

  it('are won by the side that the rule names', () =>
    each(conflicts, ([before], modified, decision) => {
      const { rule, loser } = decisionOf(decision, 'p');
      if (rule !== 'conflict') return;
      const [first, second] = modified.map((text) => Date.parse(text ?? '')) as [number, number];
      const winner = before!.conflict === 'latest' ? (second > first ? 1 : 0) : before!.conflict;
      expect(loser).toBe(other(winner as SideIndex));
    }));

  it('name no loser where nobody loses', () =>
    each(properties, (link, _, decision) => {
      for (const modelled of link) {
        const { loser } = decisionOf(decision, modelled.name);
        // Under another definition an edit may have been allowed once: what is overwritten is kept in any case.
        if (loser === undefined || decisionOf(decision, modelled.name).rule === 'redefined') continue;
        // It had a value of its own, or made an edit.
        expect(modelled.own[loser] !== '' || changed(modelled, loser)).toBe(true);
      }
    }));
});

describe('one-way properties', () => {
  const oneWay = (keep: (modelled: Modelled, follower: SideIndex) => boolean): fc.Arbitrary<Modelled[]> =>
    only((modelled) => modelled.direction !== 'both' && keep(modelled, modelled.direction));

  it('never write the side that leads', () =>
    each(properties, (link, _, decision) => {
      for (const { name, direction } of link)
        if (direction !== 'both') expect(writeOf(decision, other(direction), name)).toBeUndefined();
    }));

  it('drift: keep leaves the edit of the follower alone, round after round', () =>
    each(
      oneWay(
        (modelled, side) => modelled.drift === 'keep' && changed(modelled, side) && !changed(modelled, other(side)),
      ),
      ([before], modified, decision) => {
        const [after] = carryOut([before!], decision);
        expect(after!.own).toEqual(before!.own);
        expect(merge(inputOf([after!], modified)).writes).toEqual([[], []]);
      },
    ));

  it('drift: keep lets the next change of the leader flow over it', () =>
    each(
      oneWay(
        (modelled, side) => modelled.drift === 'keep' && changed(modelled, side) && !changed(modelled, other(side)),
      ),
      ([before], modified, decision) => {
        const [kept] = carryOut([before!], decision);
        const follower = before!.direction as SideIndex;
        const leads = 'b';
        if (before!.own[other(follower)] === leads) return;
        const own: Pair<string> = follower === 0 ? [kept!.own[0], leads] : [leads, kept!.own[1]];
        const next: Modelled = { ...kept!, own };
        const made = convert(next, follower)!;
        const [after] = carryOut([next], merge(inputOf([next], modified)));
        if (!made.ok || made.fingerprint === next.own[follower]) expect(after!.own).toEqual(next.own);
        else expect(after!.own[follower]).toBe(before!.systems[follower](made.fingerprint));
      },
    ));

  it('drift: revert puts the edit of the follower back', () =>
    each(
      oneWay(
        (modelled, side) =>
          modelled.drift === 'revert' &&
          changed(modelled, side) &&
          !changed(modelled, other(side)) &&
          says(modelled, other(side)),
      ),
      ([before], _, decision) => {
        const follower = before!.direction as SideIndex;
        const made = convert(before!, follower)!;
        if (!made.ok) expect(decisionOf(decision, 'p').rule).toBe('blocked');
        else if (made.fingerprint === before!.own[follower]) expect(decision.writes).toEqual([[], []]);
        else expect(writeOf(decision, follower, 'p')?.fingerprint).toBe(made.fingerprint);
      },
    ));

  it('drift: revert takes nothing away that the leader never had a value for', () =>
    each(
      oneWay(
        (modelled, side) =>
          modelled.drift === 'revert' &&
          modelled.base !== undefined &&
          modelled.base[side] !== '' &&
          !changed(modelled, other(side)) &&
          !says(modelled, other(side)),
      ),
      (_, __, decision) => expect(decision.writes).toEqual([[], []]),
    ));

  it('the change of the leader flows, whatever became of the follower', () =>
    each(
      oneWay((modelled, side) => changed(modelled, other(side))),
      ([before], _, decision) => {
        const follower = before!.direction as SideIndex;
        const made = convert(before!, follower)!;
        if (!made.ok) expect(decisionOf(decision, 'p').rule).toBe('blocked');
        else if (made.fingerprint === before!.own[follower]) expect(decision.writes).toEqual([[], []]);
        else expect(writeOf(decision, follower, 'p')?.fingerprint).toBe(made.fingerprint);
      },
    ));
});

/** As the sides stand, before anything was written. */
function agreeAsIs(modelled: Modelled): boolean {
  return agree({ ...modelled, systems: [same, same] });
}

/** Equal, and nothing in it the same object. */
const structuredCopy = (input: MergeInput): MergeInput => ({
  base: Object.fromEntries(Object.entries(input.base).map(([name, [...base]]) => [name, base])),
  modified: [...input.modified],
  properties: input.properties.map((single) => ({ ...single, own: [...single.own], toward: [...single.toward] })),
});

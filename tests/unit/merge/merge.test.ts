/** The decision table of two-way sync, cell by cell, and the laws that hold for every input. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { type Converted, type MergeInput, merge, type PropertyState } from '../../../engine/merge/merge.ts';
import type { PropertyBase, SideIndex } from '../../../engine/types.ts';

const value = (text: string): Converted => ({ ok: true, value: text === '' ? null : text, fingerprint: text });

/** A property whose conversions change nothing: side 1 holds what side 0 holds. */
function state(own: readonly [string, string], more: Partial<PropertyState> = {}): PropertyState {
  return {
    name: 'p',
    direction: 'both',
    conflict: 'latest',
    drift: 'keep',
    own,
    toward: [value(own[1]), value(own[0])],
    ...more,
  };
}

const early = '2026-01-01T00:00:00.000Z';
const late = '2026-01-02T00:00:00.000Z';

function decide(property: PropertyState, base?: PropertyBase, modified: MergeInput['modified'] = [late, early]) {
  const decision = merge({ base: base ? { p: base } : {}, modified, properties: [property] });
  return { ...decision, only: decision.decisions[0]! };
}

describe('a reference whose record nobody has looked at yet', () => {
  const waits = (pending: boolean): Converted => ({
    ok: false,
    error: new TandemError('REFERENCE_WAITING', 'It has no counterpart yet.', pending ? { pending } : {}),
  });
  it.each([undefined, ['x', 'y'] as const])(
    'is no conflict: whether the two disagree is not known (base %s)',
    (base) => {
      const property = state(['a', 'b'], { toward: [value('c'), waits(true)] });
      expect(decide(property, base).only).toMatchObject({ rule: 'blocked', error: { code: 'REFERENCE_WAITING' } });
      expect(decide(property, base).writes).toEqual([[], []]);
    },
  );
  it('is a conflict once that record is known to have no counterpart', () => {
    const property = state(['a', 'b'], { toward: [value('c'), waits(false)], conflict: 1 });
    expect(decide(property).only).toMatchObject({ rule: 'conflict', writes: 0 });
  });
});

describe('two-way, with a base', () => {
  it('merge does nothing when neither side changed', () => {
    const { only, writes, base } = decide(state(['x', 'x']), ['x', 'x']);
    expect(only.rule).toBe('in-step');
    expect(writes).toEqual([[], []]);
    expect(base).toEqual({ p: ['x', 'x'] });
  });

  it('merge leaves a standing difference alone when neither side changed', () => {
    expect(decide(state(['x', 'y']), ['x', 'y']).writes).toEqual([[], []]);
  });

  it.each<[SideIndex, readonly [string, string]]>([
    [1, ['new', 'old']],
    [0, ['old', 'new']],
  ])('merge writes side %i when only the other side changed', (target, own) => {
    const { only, writes, base } = decide(state(own), ['old', 'old']);
    expect(only).toEqual({ property: 'p', rule: 'one-changed', writes: target });
    expect(writes[target]).toEqual([{ property: 'p', value: 'new', fingerprint: 'new' }]);
    expect(writes[target === 0 ? 1 : 0]).toEqual([]);
    expect(base).toEqual({ p: ['new', 'new'] });
  });

  it('merge writes nothing when the other side holds the new value already', () => {
    const property = state(['new', 'other form'], { toward: [value('other'), value('other form')] });
    const { only, base } = decide(property, ['old', 'other form']);
    expect(only.rule).toBe('agreed');
    expect(base).toEqual({ p: ['new', 'other form'] });
  });

  it('merge takes equal changes on both sides as the new base', () => {
    const { only, base } = decide(state(['same', 'same']), ['x', 'y']);
    expect(only.rule).toBe('agreed');
    expect(base).toEqual({ p: ['same', 'same'] });
  });

  it('merge clears the other side when a value was deliberately cleared', () => {
    const { writes } = decide(state(['', 'old']), ['old', 'old']);
    expect(writes[1]).toEqual([{ property: 'p', value: null, fingerprint: '' }]);
  });

  it('merge clears a value on a conflict when the empty side was modified later', () => {
    const { writes, only } = decide(state(['', 'mine']), ['old', 'old'], [late, early]);
    expect(writes[1]).toEqual([{ property: 'p', value: null, fingerprint: '' }]);
    expect(only.loser).toBe(1);
  });
});

describe('conflict rules', () => {
  const base: PropertyBase = ['old', 'old'];
  it.each<[string, PropertyState['conflict'], MergeInput['modified'], SideIndex]>([
    ['the later side wins', 'latest', [late, early], 0],
    ['the later side wins', 'latest', [early, late], 1],
    ['a tie goes to the side named first', 'latest', [late, late], 0],
    ['instants are compared, not texts', 'latest', ['2026-01-01T01:00:00.000+02:00', '2026-01-01T00:00:00.000Z'], 1],
    ['without times the side named first wins', 'latest', [undefined, undefined], 0],
    ['where only one states a time the side named first wins', 'latest', [undefined, late], 0],
    ['where only one states a time the side named first wins', 'latest', [late, undefined], 0],
    ['a millisecond decides', 'latest', ['2026-01-01T00:00:00.001Z', '2026-01-01T00:00:00.002Z'], 1],
    ['a millisecond decides', 'latest', ['2026-01-01T00:00:00.002Z', '2026-01-01T00:00:00.001Z'], 0],
    [
      'the same instant in another zone is a tie',
      'latest',
      ['2026-01-01T00:00:00Z', '2026-01-01T02:00:00.000+02:00'],
      0,
    ],
    ['the same instant without a fraction is a tie', 'latest', ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00Z'], 0],
    ['a later day in text is not a later instant', 'latest', ['2026-01-02T00:30:00+02:00', '2026-01-01T23:00:00Z'], 1],
    ['a named side wins', 1, [late, early], 1],
    ['a named side wins', 0, [early, late], 0],
  ])('%s (%s, %j)', (_, conflict, modified, winner) => {
    const { only, writes } = decide(state(['a', 'b'], { conflict }), base, modified);
    const loser = winner === 0 ? 1 : 0;
    expect(only).toEqual({ property: 'p', rule: 'conflict', writes: loser, loser });
    expect(writes[loser]).toEqual([
      { property: 'p', value: winner === 0 ? 'a' : 'b', fingerprint: winner === 0 ? 'a' : 'b' },
    ]);
    expect(writes[winner]).toEqual([]);
  });

  it('review writes nothing and keeps the base, so that the choice stays open', () => {
    const { only, writes, base: after } = decide(state(['a', 'b'], { conflict: 'review' }), base);
    expect(only).toEqual({ property: 'p', rule: 'review' });
    expect(writes).toEqual([[], []]);
    expect(after).toEqual({ p: base });
  });
});

describe('first contact', () => {
  it.each<[string, readonly [string, string], SideIndex | undefined, string]>([
    ['equal values agree', ['x', 'x'], undefined, 'agreed'],
    ['two empty values agree', ['', ''], undefined, 'agreed'],
    ['a value fills the empty first side', ['', 'x'], 0, 'filled'],
    ['a value fills the empty second side', ['x', ''], 1, 'filled'],
  ])('%s', (_, own, target, rule) => {
    const { only, writes } = decide(state(own), undefined);
    expect(only.rule).toBe(rule);
    expect(only.writes).toBe(target);
    if (target !== undefined) expect(writes[target]).toEqual([{ property: 'p', value: 'x', fingerprint: 'x' }]);
  });

  it('different values go by the conflict rule', () => {
    expect(decide(state(['a', 'b']), undefined, [early, late]).only).toEqual({
      property: 'p',
      rule: 'conflict',
      writes: 0,
      loser: 0,
    });
  });

  it('values that are equal under a conversion that loses detail agree', () => {
    const property = state(['(030) 123', '030123'], { toward: [value('030123'), value('030123')] });
    expect(decide(property).only.rule).toBe('agreed');
  });
});

describe('one-way', () => {
  const oneWay = (own: readonly [string, string], drift: 'keep' | 'revert' = 'keep'): PropertyState =>
    state(own, { direction: 1, drift, toward: [undefined, value(own[0])] });

  it('a value flows when the leader changed', () =>
    expect(decide(oneWay(['new', 'old']), ['old', 'old']).only).toEqual({
      property: 'p',
      rule: 'one-changed',
      writes: 1,
    }));
  it('a value flows over an edit of the follower when the leader changed too, and the edit is the loser', () =>
    expect(decide(oneWay(['new', 'mine']), ['old', 'old']).only).toEqual({
      property: 'p',
      rule: 'one-changed',
      writes: 1,
      loser: 1,
    }));
  it('a follower that has cleared its value loses none', () =>
    expect(decide(oneWay(['new', '']), ['old', 'old']).only).not.toHaveProperty('loser'));
  it('merge leaves the edit of the follower alone, and keeps the base so that it stays known as an edit', () => {
    const { only, base } = decide(oneWay(['old', 'mine']), ['old', 'old']);
    expect(only).toEqual({ property: 'p', rule: 'drift' });
    expect(base).toEqual({ p: ['old', 'old'] });
  });
  it('merge records a standing difference in a base of the present definition', () => {
    const { only, base } = decide(oneWay(['old', 'mine']), ['old', 'old', 'another']);
    expect(only.rule).toBe('drift');
    expect(base.p).toEqual(['old', 'old']);
  });
  it('merge overwrites the edit of the follower with drift: revert', () =>
    expect(decide(oneWay(['old', 'mine'], 'revert'), ['old', 'old']).only).toEqual({
      property: 'p',
      rule: 'drift',
      writes: 1,
      loser: 1,
    }));
  it('merge does nothing when neither side changed', () =>
    expect(decide(oneWay(['x', 'y']), ['x', 'y']).only.rule).toBe('in-step'));
  it('at first contact the leader fills, and overwrites another value', () => {
    expect(decide(oneWay(['x', ''])).only).toEqual({ property: 'p', rule: 'filled', writes: 1 });
    expect(decide(oneWay(['x', 'y'])).only).toMatchObject({ writes: 1, loser: 1 });
  });
  it('at first contact an empty leader takes nothing away', () =>
    expect(decide(oneWay(['', 'y'])).writes).toEqual([[], []]));
  it('merge never writes the leader', () => {
    const own = fc.constantFrom('', 'a', 'b', 'c');
    fc.assert(
      fc.property(
        own,
        own,
        fc.option(fc.tuple(own, own), { nil: undefined }),
        fc.constantFrom<'keep' | 'revert'>('keep', 'revert'),
        (a, b, base, drift) => {
          expect(decide(oneWay([a, b], drift), base).writes[0]).toEqual([]);
        },
      ),
    );
  });
});

describe('what cannot be written', () => {
  const error = new TandemError('VALUE_NOT_IN_TABLE', 'no entry');
  const failing: Converted = { ok: false, error };
  it('blocks the property and keeps its base', () => {
    const { only, writes, base } = decide(state(['new', 'old'], { toward: [value('old'), failing] }), ['old', 'old']);
    expect(only).toEqual({ property: 'p', rule: 'blocked', error });
    expect(writes).toEqual([[], []]);
    expect(base).toEqual({ p: ['old', 'old'] });
  });
  it('makes no base where there was none', () => {
    const property = state(['a', ''], {
      toward: [value(''), { ok: false, error: new TandemError('VALUE_TYPE', 'x') }],
    });
    expect(decide(property).only.rule).toBe('blocked');
    expect(Object.keys(decide(property).base)).toEqual([]);
  });
  it('blocks a property only when that value must be written', () => {
    expect(decide(state(['old', 'new'], { toward: [value('new'), failing] }), ['old', 'old']).only.writes).toBe(0);
    expect(decide(state(['x', 'x'], { toward: [failing, failing] }), ['x', 'x']).only.rule).toBe('in-step');
  });
  it('blocks no other property', () => {
    const good = { ...state(['new', 'old']), name: 'q' };
    const bad = state(['new', 'old'], { toward: [value('old'), failing] });
    const { writes } = merge({
      base: { p: ['old', 'old'], q: ['old', 'old'] },
      modified: [late, early],
      properties: [bad, good],
    });
    expect(writes[1].map((write) => write.property)).toEqual(['q']);
  });
});

describe('laws', () => {
  const text = fc.constantFrom('', 'a', 'b', 'c');
  const properties = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('p', 'q', 'r', 's', '__proto__', 'constructor'),
      own: fc.tuple(text, text),
      base: fc.option(fc.tuple(text, text), { nil: undefined }),
      direction: fc.constantFrom<PropertyState['direction']>('both', 0, 1),
      conflict: fc.constantFrom<PropertyState['conflict']>('latest', 0, 1),
      drift: fc.constantFrom<'keep' | 'revert'>('keep', 'revert'),
    }),
    { selector: (property) => property.name, maxLength: 4 },
  );
  type Generated = typeof properties extends fc.Arbitrary<infer T> ? T : never;
  const times = fc.tuple(fc.constantFrom(early, late), fc.constantFrom(early, late));

  function inputOf(generated: Generated, modified: MergeInput['modified']): MergeInput {
    const base = Object.fromEntries(generated.flatMap((one) => (one.base ? [[one.name, one.base]] : [])));
    return {
      base,
      modified,
      properties: generated.map(({ base: _, ...one }) => ({
        ...one,
        toward: [
          one.direction === 1 ? undefined : value(one.own[1]),
          one.direction === 0 ? undefined : value(one.own[0]),
        ],
      })),
    };
  }

  /** What both systems hold after the decision was carried out by systems that keep what they are given. */
  function carryOut(input: MergeInput, decision: ReturnType<typeof merge>): MergeInput {
    return {
      base: decision.base,
      modified: input.modified,
      properties: input.properties.map((property) => {
        const own = ([0, 1] as const).map(
          (side) =>
            decision.writes[side].find((write) => write.property === property.name)?.fingerprint ?? property.own[side],
        ) as [string, string];
        return { ...property, own, toward: [property.toward[0] && value(own[1]), property.toward[1] && value(own[0])] };
      }),
    };
  }

  it('merge converges in one round: after one decision there is nothing left to do', () => {
    fc.assert(
      fc.property(properties, times, (generated, modified) => {
        const input = inputOf(generated, modified);
        const after = carryOut(input, merge(input));
        expect(merge(after).writes).toEqual([[], []]);
      }),
    );
  });

  it('merge makes changed two-way properties equal, and never loses a one-sided edit', () => {
    fc.assert(
      fc.property(properties, times, (generated, modified) => {
        const input = inputOf(generated, modified);
        const after = carryOut(input, merge(input));
        for (const [i, property] of input.properties.entries()) {
          const base = Object.hasOwn(input.base, property.name) ? input.base[property.name] : undefined;
          if (property.direction !== 'both' || !base) continue;
          const [a, b] = property.own;
          const [changedA, changedB] = [a !== base[0], b !== base[1]];
          const [nowA, nowB] = after.properties[i]!.own;
          if (changedA || changedB) expect(nowA).toBe(nowB);
          if (changedA && !changedB) expect(nowB).toBe(a);
          if (changedB && !changedA) expect(nowA).toBe(b);
        }
      }),
    );
  });

  it('merge treats both sides alike: swapping them swaps the decision, except for ties', () => {
    const swap = <T>([a, b]: readonly [T, T]): [T, T] => [b, a];
    const other = (side: SideIndex | undefined): SideIndex | undefined =>
      side === undefined ? undefined : side === 0 ? 1 : 0;
    fc.assert(
      fc.property(properties, (generated) => {
        const input = inputOf(generated, [late, early]);
        const mirrored: MergeInput = {
          base: Object.fromEntries(Object.entries(input.base).map(([name, [a, b]]) => [name, [b, a]])),
          modified: swap(input.modified),
          properties: input.properties.map((property) => ({
            ...property,
            own: swap(property.own),
            toward: swap(property.toward),
            direction: property.direction === 'both' ? 'both' : other(property.direction)!,
            conflict: typeof property.conflict === 'number' ? other(property.conflict)! : property.conflict,
          })),
        };
        expect(swap(merge(mirrored).writes)).toEqual(merge(input).writes);
      }),
    );
  });

  it('merge does not change its input and always gives the same decision', () => {
    fc.assert(
      fc.property(properties, times, (generated, modified) => {
        const input = inputOf(generated, modified);
        const before = JSON.stringify(input);
        expect(merge(input)).toEqual(merge(input));
        expect(JSON.stringify(input)).toBe(before);
      }),
    );
  });
});

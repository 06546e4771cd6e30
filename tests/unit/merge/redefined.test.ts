/** What is decided where two sides agreed under another definition of their property. */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { type Converted, type MergeInput, merge, type PropertyState } from '../../../engine/merge/merge.ts';
import type { PropertyBase } from '../../../engine/types.ts';

const value = (text: string): Converted => ({ ok: true, value: text === '' ? null : text, fingerprint: text });
const impossible: Converted = { ok: false, error: new TandemError('VALUE_NOT_IN_TABLE', 'no entry') };
const OLD = 'old-definition';
const early = '2026-01-01T00:00:00.000Z';
const late = '2026-01-02T00:00:00.000Z';

/** By default both ways changed, and each side's value converts to the other's place as it is. */
function decide(
  own: readonly [string, string],
  base: readonly [string, string],
  more: Partial<PropertyState> = {},
  modified: MergeInput['modified'] = [late, early],
) {
  const property: PropertyState = {
    name: 'p',
    direction: 'both',
    conflict: 'latest',
    drift: 'keep',
    own,
    toward: [value(own[1]), value(own[0])],
    redefined: { readable: [true, true], again: undefined },
    ...more,
  };
  const entry: PropertyBase = [...base, OLD];
  const decision = merge({ base: { p: entry }, modified, properties: [property] });
  return { ...decision, only: decision.decisions[0]! };
}

const toward = (side: 0 | 1, readable: readonly [boolean, boolean] = [true, true]) => ({
  redefined: { readable, again: side },
});

describe('two-way', () => {
  it('merge keeps both values where they agree, and records the agreement under the present definition', () => {
    const { only, base } = decide(['a', 'A'], ['a', 'A'], { toward: [value('x'), value('A')] });
    expect(only).toEqual({ property: 'p', rule: 'agreed' });
    expect(base.p).toEqual(['a', 'A']);
  });

  it.each([0, 1] as const)(
    'merge converts again toward side %i where only the conversion toward it changed',
    (side) => {
      // Also where the other way would have it that they agree, and whichever was modified later.
      for (const modified of [
        [early, late],
        [late, early],
      ] as const) {
        const { only, writes, base } = decide(
          ['a', 'a'],
          ['a', 'a'],
          { ...toward(side), toward: side === 0 ? [value('new'), value('a')] : [value('a'), value('new')] },
          modified,
        );
        expect(only).toEqual({ property: 'p', rule: 'redefined', writes: side, loser: side });
        expect(writes[side]).toEqual([{ property: 'p', value: 'new', fingerprint: 'new' }]);
        expect(base.p).toEqual(side === 0 ? ['new', 'a'] : ['a', 'new']);
      }
    },
  );

  it('merge writes nothing where the new conversion gives the same value', () => {
    expect(decide(['a', 'a'], ['a', 'a'], toward(1)).only).toEqual({ property: 'p', rule: 'agreed' });
  });

  it('merge never lets an empty value overwrite another one, whichever conversion changed', () => {
    const { writes, only } = decide(['', 'v'], ['', 'v'], { ...toward(1), toward: [value('v'), value('')] });
    expect(only).toEqual({ property: 'p', rule: 'filled', writes: 0 });
    expect(writes[1]).toEqual([]);
    const mirrored = decide(['v', ''], ['v', ''], { ...toward(0), toward: [value(''), value('v')] });
    expect(mirrored.only).toEqual({ property: 'p', rule: 'filled', writes: 1 });
    expect(mirrored.writes[0]).toEqual([]);
  });

  it('merge never lets a value that converts to nothing overwrite one, even where the other way is impossible', () => {
    const { writes, only } = decide(['n/a', 'v'], ['n/a', 'v'], { toward: [impossible, value('')] });
    expect(only.rule).toBe('blocked');
    expect(writes).toEqual([[], []]);
  });

  it('merge treats a conversion that is not there like an impossible one', () => {
    const { only } = decide(['a', 'b'], ['a', 'b'], { toward: [undefined, value('done')], conflict: 1 });
    expect(only).toEqual({ property: 'p', rule: 'redefined', writes: 1, loser: 1 });
  });

  it.each<[0 | 1, readonly [string, string]]>([
    [1, ['edited', 'x']],
    [0, ['x', 'edited']],
  ])('an edit that had not arrived on side %i still arrives, whichever side was modified later', (target, own) => {
    for (const again of [undefined, 0, 1] as const) {
      for (const conflict of ['latest', 0, 1, 'review'] as const) {
        const { only } = decide(own, ['x', 'x'], { conflict, redefined: { readable: [true, true], again } });
        expect(only).toEqual({ property: 'p', rule: 'one-changed', writes: target });
      }
    }
  });

  it('a value that was cleared meanwhile is cleared on the other side too', () => {
    expect(decide(['', 'x'], ['x', 'x'], toward(1)).writes[1]).toEqual([
      { property: 'p', value: null, fingerprint: '' },
    ]);
  });

  it('both sides agree where both were edited to the same value', () => {
    expect(decide(['a', 'a'], ['x', 'x'], toward(1)).only).toEqual({ property: 'p', rule: 'agreed' });
  });

  it('the conflict rule decides where both sides were edited', () => {
    expect(decide(['a', 'b'], ['x', 'x'], { ...toward(1), conflict: 0 }).only).toEqual({
      property: 'p',
      rule: 'conflict',
      writes: 1,
      loser: 1,
    });
  });

  it.each([
    ['latest', 1],
    [0, 1],
    [1, 0],
    ['review', undefined],
  ] as const)('both ways changed and the values differ: the rule %s decides', (conflict, target) => {
    const { only } = decide(['a', 'b'], ['a', 'b'], { conflict });
    expect(only.writes).toBe(target);
    expect(only.rule).toBe(target === undefined ? 'review' : 'conflict');
  });

  it('a value that cannot be converted any more loses against one that can, if nobody edited it', () => {
    const stuck = { toward: [impossible, value('done')] } as const;
    expect(decide(['a', 'b'], ['a', 'b'], { ...stuck, conflict: 1 }).only).toEqual({
      property: 'p',
      rule: 'redefined',
      writes: 1,
      loser: 1,
    });
    expect(decide(['a', 'b'], ['x', 'y'], { ...stuck, conflict: 1 }).only.rule).toBe('blocked');
    expect(decide(['a', 'b'], ['a', 'b'], { ...stuck, conflict: 'review' }).only.rule).toBe('review');
  });

  it('a side whose value is read otherwise now is treated as at first contact', () => {
    const moved = { redefined: { readable: [true, false], again: undefined } } as const;
    expect(decide(['a', ''], ['a', 'b'], moved).only).toEqual({ property: 'p', rule: 'filled', writes: 1 });
    expect(decide(['a', 'c'], ['a', 'b'], { ...moved, conflict: 0 }).only.rule).toBe('conflict');
  });

  it('what is blocked or in review keeps the definition under which it agreed', () => {
    expect(decide(['a', 'b'], ['a', 'b'], { conflict: 'review' }).base.p).toEqual(['a', 'b', OLD]);
    expect(decide(['a', 'b'], ['a', 'b'], { toward: [impossible, impossible] }).base.p).toEqual(['a', 'b', OLD]);
  });
});

describe('one-way', () => {
  const way = { direction: 1 } as const;

  it('the leader is converted again, and what the follower held is kept as a lost value', () => {
    const { only } = decide(['a', 'own edit'], ['a', 'own edit'], { ...way, toward: [undefined, value('A')] });
    expect(only).toEqual({ property: 'p', rule: 'redefined', writes: 1, loser: 1 });
  });

  it('an empty leader overwrites nothing, unless it was emptied just now', () => {
    const empty = { ...way, toward: [undefined, value('')] } as const;
    expect(decide(['', 'v'], ['', 'v'], empty).only.rule).toBe('agreed');
    expect(decide(['', 'v'], ['a', 'v'], empty).only).toEqual({ property: 'p', rule: 'one-changed', writes: 1 });
  });
});

it('an agreement under the present definition is recorded without the former one', () => {
  const property: PropertyState = {
    name: 'p',
    direction: 1,
    conflict: 'latest',
    drift: 'keep',
    own: ['a', 'a'],
    toward: [undefined, undefined],
  };
  expect(merge({ base: { p: ['a', 'a', OLD] }, modified: [early, late], properties: [property] }).base.p).toEqual([
    'a',
    'a',
  ]);
});

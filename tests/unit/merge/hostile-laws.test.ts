/**
 * The laws of `decide` for systems that do otherwise: whatever a system makes of our writes, and whatever its reads show
 * for a while, no edit is lost silently, and writing ends.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepLatest } from '../../../engine/latest.ts';
import { mapPair } from '../../../engine/model/pair.ts';
import type { Link, OpenEntry, RecentWrite } from '../../../engine/store/types.ts';
import type { Pair, SideIndex } from '../../../engine/types.ts';
import { agreedOn, LAG, link, mappingOf, NOW, type Situation, steps, view } from './situation.ts';

const RUNS = process.env.STRYKER_MUTATOR_WORKER === undefined ? 300 : 30;
const BEFORE = 'before';

const cut = (text: string): string => text.slice(0, 6);
const asStored = (_: string, stored: string): string => stored;
const asSent = (sent: string): string => sent;

/** What is stored of a value that is written, and what the answer shows. */
const SYSTEMS = {
  sound: { stores: asSent, answers: asStored },
  ignores: { stores: (_: string, former: string) => former, answers: asStored },
  echoes: { stores: (_: string, former: string) => former, answers: asSent },
  cuts: { stores: cut, answers: asStored },
  'cuts and echoes': { stores: cut, answers: asSent },
  'answers a cut text, and stores nothing': { stores: (_: string, former: string) => former, answers: cut },
  'answers an upper case text, and stores nothing': {
    stores: (_: string, former: string) => former,
    answers: (sent: string) => sent.toUpperCase(),
  },
  'answers another text, and stores nothing': { stores: (_: string, former: string) => former, answers: () => 'else' },
  'writes in lower case': { stores: (sent: string) => sent.toLowerCase(), answers: asStored },
  'writes in upper case, and echoes': { stores: (sent: string) => sent.toUpperCase(), answers: asSent },
  'has one value': { stores: () => 'always this', answers: asSent },
  'refuses to be cleared': { stores: (sent: string, former: string) => sent || former, answers: asStored },
} as const;
type Kind = keyof typeof SYSTEMS;

interface Drawn {
  readonly kinds: Pair<Kind>;
  /** Reads show what was there so many looks ago. */
  readonly lag: Pair<number>;
  readonly answers: Pair<'record' | 'none'>;
  readonly edit: string;
  readonly edited: SideIndex;
  /** Milliseconds between two looks: all of them take longer than reads may lag. */
  readonly pace: number;
}

const kind = fc.constantFrom(...(Object.keys(SYSTEMS) as Kind[]));
const drawn: fc.Arbitrary<Drawn> = fc.record({
  kinds: fc.tuple(kind, kind),
  lag: fc.tuple(fc.nat(2), fc.nat(2)),
  answers: fc.tuple(
    fc.constantFrom('record' as const, 'none' as const),
    fc.constantFrom('record' as const, 'none' as const),
  ),
  edit: fc.constantFrom('Another Text', 'short', ''),
  edited: fc.constantFrom(0 as const, 1 as const),
  pace: fc.constantFrom(2_000, 10_000, LAG),
});

/** At the quickest pace, two systems that both form what they are sent are found out after 80. */
const LOOKS = 120;

/**
 * What both sides held after each look, what was written then, and what the history keeps.
 * @param takenBackAt the look before which the one who edited puts the former value back
 */
// Over 60 lines: one loop over the looks. Each look begins with what the last one left.
function play({ kinds, lag, answers, edit, edited, pace }: Drawn, takenBackAt?: number) {
  const mapping = mappingOf({
    properties: { name: {} },
    sides: [{ update: { answer: answers[0] } }, { update: { answer: answers[1] } }],
  });
  const former: [string[], string[]] = [[BEFORE], [BEFORE]];
  const held = (side: SideIndex): string => former[side].at(-1)!;
  // As for the people who edit: their own edit is seen at once.
  former[edited] = [edit];
  let now = NOW;
  let of: Link = link({ name: agreedOn(BEFORE, '').name! }, { lastSynced: ['x', 'x'] });
  let open: OpenEntry = {};
  let recent: readonly RecentWrite[] = [];
  const kept: unknown[] = [];
  const writes: number[] = [];
  const codes: (string | undefined)[] = [];
  for (let look = 0; look < LOOKS; look++) {
    now += pace;
    if (look === takenBackAt) former[edited] = [BEFORE];
    const shown = mapPair(former, (all, side) => all[Math.max(0, all.length - 1 - lag[side])]!);
    const answered = (sent: string, side: SideIndex): string => {
      const system = SYSTEMS[kinds[side]];
      const stored = system.stores(sent, held(side));
      former[side].push(stored);
      if (answers[side] === 'none') return former[side][Math.max(0, former[side].length - 1 - lag[side])]!;
      return system.answers(sent, stored);
    };
    let count = 0;
    const situation: Situation = {
      mapping,
      look: look % 2 === 0 ? [0, 'a'] : [1, 'b'],
      link: of,
      records: mapPair(shown, (value, side) => view(side, [value])),
      open,
      recent,
      stored: { now },
      effects: {
        writing: (side, values) => {
          count++;
          return [answered(values[0]!, side)];
        },
      },
    };
    const all = steps(situation);
    for (const { step } of all)
      if (step.kind === 'act' && step.action.do === 'keep-overwritten')
        kept.push(...step.action.values.map(({ value }) => value));
    const last = all.at(-1)!.step;
    writes.push(count);
    if (last.kind === 'act' && last.action.do === 'commit' && last.action.commit.result.kind === 'link') {
      const { base, unconfirmed = [], lastSynced } = last.action.commit.result.link;
      const patch = last.action.commit.open?.['0/a'] ?? {};
      open = Object.fromEntries(Object.entries({ ...open, ...patch }).filter(([, part]) => part !== null));
      recent = last.action.commit.recent ?? recent;
      of = { ...of, base, unconfirmed, lastSynced, revision: of.revision + 1 };
    }
    codes.push(open.issue?.code);
    // What lags is read as it is some time later.
    for (const side of [0, 1] as const) former[side].push(held(side));
  }
  return { held: [held(0), held(1)] as const, kept, writes, code: codes.at(-1) };
}

/** The laws are of the same cases, each of which is played once. A mutant is to meet each of them. */
const ONCE = process.env.STRYKER_MUTATOR_WORKER === undefined;
const SEED = Math.trunc(Math.random() * 2 ** 31);
const plays = keepLatest<ReturnType<typeof play>>(RUNS);
const law = (check: (one: Drawn, played: ReturnType<typeof play>) => void): void =>
  fc.assert(
    fc.property(drawn, (one) => check(one, ONCE ? plays(JSON.stringify(one), () => play(one)) : play(one))),
    { numRuns: RUNS, seed: SEED },
  );

describe('whatever two systems make of what they are sent', () => {
  it('the edit stays where it was made, or is in the history', () =>
    law((one, { held, kept }) => {
      expect(one.edit === '' || held[one.edited] === one.edit || kept.includes(one.edit)).toBe(true);
    }));

  it('writing ends, after a few writes', () =>
    law((_, { writes }) => {
      expect(writes.slice(-20).reduce((sum, count) => sum + count, 0)).toBe(0);
      expect(writes.reduce((sum, count) => sum + count, 0)).toBeLessThan(12);
    }));

  it('the sides hold the same, or differ in their own form only, or there is an issue', () =>
    law((one, { held, code }) => {
      if (code !== undefined) return;
      const alike = held[0].toLowerCase() === held[1].toLowerCase();
      expect(alike || one.kinds.includes('has one value'), JSON.stringify(held)).toBe(true);
    }));

  it('a sound system that lags raises no issue, and gets the edit', () =>
    law((one) => {
      const { held, code, kept } = play({ ...one, kinds: ['sound', 'sound'], pace: 10_000 });
      expect({ held, code, kept: kept.filter((value) => value !== BEFORE) }).toEqual({
        held: [one.edit, one.edit],
        code: undefined,
        kept: [],
      });
    }));

  it('a sound system that lags gets an edit that takes the first one back', () =>
    fc.assert(
      fc.property(drawn, fc.integer({ min: 1, max: 6 }), (one, takenBackAt) => {
        const { held, code } = play({ ...one, kinds: ['sound', 'sound'], pace: 10_000 }, takenBackAt);
        expect({ held, code }).toEqual({ held: [BEFORE, BEFORE], code: undefined });
      }),
      { numRuns: RUNS },
    ));
});

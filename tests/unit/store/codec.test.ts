/** Values in Redis are read back as they were written, whatever they hold. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packIssue, parseOpen } from '../../../engine/store/issue-codec.ts';
import { decodeLink, encodeLink, fits, otherId, setNumber, setOfBase } from '../../../engine/store/link-codec.ts';
import { pack } from '../../../engine/store/msgpack.ts';
import { isToken, tokenBytes } from '../../../engine/store/tokens.ts';
import type { Issue } from '../../../engine/store/types.ts';
import { decodeUnlinked, packState, unpackState } from '../../../engine/store/unlinked-codec.ts';
import type { Words } from '../../../engine/store/words.ts';
import type { Base } from '../../../engine/types.ts';
import { testFingerprinter } from '../../support/fingerprints.ts';

const made = fc.string({ minLength: 1 }).map((text) => testFingerprinter.token(text));
const token = fc.oneof(made, fc.constant(''), fc.constant('?'));
const note = fc.constantFrom(undefined, 'new' as const, 'open' as const, 'refused' as const);
const time = fc.integer({ min: 0, max: 2 ** 47 });
/** Names that objects treat specially included. */
const name = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', '~x', 'a b'),
  fc.string({ minLength: 1, maxLength: 12 }),
);
const base: fc.Arbitrary<Base> = fc
  .uniqueArray(fc.tuple(name, token, token, fc.option(fc.string({ minLength: 1, maxLength: 9 }), { nil: undefined })), {
    selector: ([property]) => property,
    maxLength: 40,
  })
  .map((entries) =>
    Object.fromEntries(
      entries.map(([property, a, b, definition]) => [property, definition === undefined ? [a, b] : [a, b, definition]]),
    ),
  );

describe('the value of a link', () => {
  const link = fc.record({
    other: fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' }),
    base,
    correlation: fc.tuple(note, note),
    lastSynced: fc.tuple(token, token),
    raw: fc.tuple(token, token),
    ownWriteAt: fc.tuple(time, time),
    foreignAt: fc.tuple(time, time),
    number: fc.integer({ min: 1, max: 2 ** 24 - 1 }),
  });

  it('is read back as it was written, by a set of its own or a larger one', () => {
    fc.assert(
      fc.property(link, base, fc.infiniteStream(fc.boolean()), ({ number, ...written }, more, coin) => {
        const unconfirmed = Object.keys(written.base).filter(() => coin.next().value);
        const set = setOfBase({ ...more, ...written.base });
        expect(fits(set, written.base)).toBe(true);
        const value = encodeLink({ ...written, unconfirmed }, set, number);
        expect(setNumber(value)).toBe(number);
        expect(otherId(value)).toBe(written.other);
        const { other, ...rest } = written;
        expect(decodeLink('id', value, set)).toEqual({
          ids: ['id', other],
          revision: 0,
          created: 0,
          ...rest,
          unconfirmed: set.flatMap(([property]) => (unconfirmed.includes(property) ? [property] : [])),
        });
      }),
    );
  });

  it('does not fit a set with another definition or without one of its properties', () => {
    const entry = { p: ['', '', 'd1'] } as const;
    expect(fits(setOfBase(entry), { p: ['', '', 'd2'] })).toBe(false);
    expect(fits(setOfBase(entry), { ...entry, q: ['', '', 'd1'] })).toBe(false);
    expect(fits(setOfBase(entry), {})).toBe(true);
  });

  it('is refused, not misread, where it has a later format', () => {
    const plain = { other: 'x', base: {}, unconfirmed: [], correlation: [undefined, undefined] } as const;
    const value = encodeLink(
      { ...plain, lastSynced: ['', ''], raw: ['', ''], ownWriteAt: [0, 0], foreignAt: [0, 0] },
      [],
      1,
    );
    value[0] = 2;
    expect(() => decodeLink('id', value, [])).toThrow(/format 2/);
  });

  it('refuses a text that is no fingerprint', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!isToken(text));
        expect(() => tokenBytes(text)).toThrow();
      }),
    );
  });
});

describe('the entry of a record without a link', () => {
  it('gives back its state as it was: tokens, any text, empty or none', () => {
    const tokens = fc.array(made, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
    const state = fc.oneof(tokens, fc.constantFrom(undefined, ''), fc.string({ maxLength: 60 }));
    fc.assert(
      fc.property(state, (one) => {
        expect(unpackState(packState(one))).toBe(one);
      }),
    );
  });

  it('is short enough for what Redis keeps compact where it has two match keys', () => {
    // As scripts/lib.lua packs it: flags, first sight, tag, raw, keys, state, issue.
    const state = packState(`${testFingerprinter.token('a')}.${testFingerprinter.token('b')}`);
    const value = Buffer.concat([
      Buffer.from([0, 0, 0, 0, 0, 5]),
      Buffer.from('tag'),
      tokenBytes(testFingerprinter.token('raw')),
      Buffer.from([2]),
      tokenBytes('', testFingerprinter.token('key')),
      Buffer.from([state.length]),
      state,
      Buffer.from('u'),
      Buffer.from([0, 0, 0, 0, 7, 0, 0, 0, 9]),
    ]);
    expect(value.length).toBeLessThanOrEqual(64);
    expect(decodeUnlinked(value)).toMatchObject({
      tag: 'tag',
      matchKeys: ['', testFingerprinter.token('key')],
      correlationId: '',
      issue: { kind: 'u', text: 9 },
    });
  });
});

describe('what is open about a record', () => {
  it('is read back line by line', () => {
    const issue: Issue = {
      kind: 'review',
      reason: 'two\nlines | and more',
      mapping: 'v',
      since: 5,
      candidates: ['1/a'],
    };
    const text = [`Ir${JSON.stringify(issue)}`, 'D{"kind":"deletes"}', 'J"7"'].join('\n');
    expect(parseOpen(text)).toEqual({ issue, decision: { kind: 'deletes' }, failedJob: '7' });
    expect(parseOpen(undefined)).toEqual({});
  });

  it('is one shared text for all records that wait for nothing, whenever it was raised', async () => {
    const texts: string[] = [];
    const words = { numberOf: async (text: string) => texts.push(text) } as unknown as Words;
    for (const [since, job] of [
      [1, 'a'],
      [2, 'b'],
    ] as const)
      await packIssue({ kind: 'unmatched', reason: 'none there', mapping: 'v', since, job }, words, new Set());
    await packIssue({ kind: 'failed', reason: 'none there', mapping: 'v', since: 1 }, words, new Set());
    expect(new Set(texts).size).toBe(1);
    expect(texts).toHaveLength(2);
  });
});

it('pack encodes what scripts get without the binary type, which Redis cannot read', () => {
  expect(pack({ a: [1, true], b: Buffer.from([0xff]), c: undefined }).toString('hex')).toBe(
    'df00000002a161dd0000000201c3a162a1ff',
  );
});

/**
 * The mapping is edited between a create whose answer was lost and its next try. Hashes that were made under another definition
 * tell nothing: where nothing else decides, a person does, and nothing is created again.
 */
import { describe, expect, it } from 'vitest';
import type { Mapping } from '../../../engine/config/types.ts';
import type { PendingCreate } from '../../../engine/store/types.ts';
import type { FoundRecords } from '../../../engine/sync/facts.ts';
import {
  LAG,
  type MappingOptions,
  mappingOf,
  NOW,
  PLACE,
  play,
  type Situation,
  steps,
  type ViewOptions,
  view,
} from './situation.ts';

const ann = view(0, ['Ann', 'p1']);
const alone: Situation = { records: [ann, undefined] };

/** What the first try has stored. */
function begun(mapping: Mapping = mappingOf()): PendingCreate {
  for (const { step } of steps({ ...alone, mapping }))
    if (step.kind === 'act' && step.action.do === 'begin') return { ...step.action.create!.pending, at: NOW - 10 };
  throw new Error('Nothing was begun.');
}

/** What becomes of the source, where these records appeared in the target since. */
function next(
  pending: PendingCreate,
  mapping: Mapping,
  appeared: readonly (readonly [values: readonly string[], more?: ViewOptions])[],
): string {
  const records = appeared.map(([values, more = {}]) => ({
    view: view(1, values, { id: 'made', keys: ['new key'], ...more }),
    linked: false,
    firstSeen: undefined,
  }));
  const found: FoundRecords = { by: 'recent', records, others: [] };
  const open = { pendingCreate: { ...pending, notFoundSince: NOW - LAG } };
  const played = play({ ...alone, mapping, open, answers: { found } });
  if (played.includes('= review {code: OUTCOME_UNKNOWN')) return 'a person decides';
  return played.includes('! create {') ? 'created again' : `linked to ${/ids: \[a, (\w+)\]/.exec(played)![1]!}`;
}

/** Another mark of how the value of side 1 is read, and the values of before in another form. */
const redefined = (properties: NonNullable<MappingOptions['properties']>, more: MappingOptions = {}): Mapping =>
  mappingOf({ properties, match: [{ name: 'other rule', onMatch: 'link' }], ...more });
const [NAME, PHONE] = [{ definition: 'name#2' }, { definition: 'phone#2' }];

describe('a create that was begun under another version of the mapping', () => {
  it.each<readonly [string, string, Mapping, Parameters<typeof next>[2]]>([
    [
      'all that was sent is defined otherwise',
      'a person decides',
      redefined({ name: NAME, phone: PHONE }),
      [[['ann', 'P1']]],
    ],
    [
      'what is required is defined otherwise, and the match rule too',
      'a person decides',
      redefined({ name: { ...NAME, required: true }, phone: {} }),
      [[['ann', 'p9']]],
    ],
    [
      'one property is defined otherwise, the other one is the same',
      'a person decides',
      redefined({ name: NAME, phone: {} }),
      [[['ann', 'p1']]],
    ],
    ['the properties have other names', 'a person decides', redefined({ called: {}, number: {} }), [[['ann', 'P1']]]],
    ['only the match rule is another one', 'linked to made', redefined({ name: {}, phone: {} }), [[['Ann', 'p1']]]],
    ['nothing appeared', 'created again', redefined({ name: NAME, phone: PHONE }), []],
    [
      'what is defined as before is another value',
      'created again',
      redefined({ name: {}, phone: {}, mail: PHONE }),
      [[['Eve', 'p9', 'm']]],
    ],
    [
      'the match rule is as it was, and tells that it is the result',
      'linked to made',
      mappingOf({
        properties: { name: NAME, phone: PHONE },
        match: [
          { name: 'new', onMatch: 'link' },
          { name: 'email', onMatch: 'link' },
        ],
      }),
      [[['ann', 'P1'], { keys: [undefined, 'ann@x'] }]],
    ],
    [
      'the match rule is as it was, and tells that it is not',
      'created again',
      mappingOf({ properties: { name: NAME, phone: PHONE } }),
      [[['ann', 'P1'], { keys: ['eve@x'] }]],
    ],
    [
      'the match rule at its place is another one with the same key',
      'a person decides',
      redefined({ name: NAME, phone: PHONE }),
      [[['ann', 'P1'], { keys: ['ann@x'] }]],
    ],
    [
      'what it names stands at another place now',
      'a person decides',
      redefined({ name: NAME, phone: PHONE }, { sides: [{}, { correlate: PLACE }] }),
      [[['ann', 'P1'], { ref: 'z' }]],
    ],
  ])('where %s: %s', (_, wanted, mapping, appeared) => expect(next(begun(), mapping, appeared)).toBe(wanted));
});

describe('what was sent under another definition', () => {
  const found = { view: view(1, ['Ann', 'p1'], { id: 'made' }), linked: false, firstSeen: undefined };
  const linkedBy = (mapping: Mapping): string =>
    play({
      ...alone,
      mapping,
      open: { pendingCreate: begun() },
      answers: { found: { by: 'search', records: [found], others: [] } },
    });
  const baseOf = (played: string): string => /link: \{.*base: (\{.*?\}), unconfirmed/.exec(played)![1]!;

  it('is no agreement of the link: the two meet for the first time in that property', () => {
    const differs = { ...PHONE, conflict: 'review' } as const;
    const mapping = mappingOf({ properties: { name: {}, phone: differs } });
    const shown = { ...found, view: view(1, ['Ann', '+p1'], { id: 'made' }) };
    const played = play({
      ...alone,
      mapping,
      open: { pendingCreate: begun() },
      answers: { found: { by: 'search', records: [shown], others: [] } },
    });
    expect(baseOf(played)).toBe('{name: [Ann, Ann, name#1]}');
    expect(baseOf(linkedBy(mappingOf()))).toBe('{name: [Ann, Ann, name#1], phone: [p1, p1, phone#1]}');
  });

  it('does not go again under the key of the former try, which stands for what that has sent', () => {
    const keyed = (properties: NonNullable<MappingOptions['properties']>, place?: typeof PLACE) =>
      mappingOf({
        properties,
        sides: [{}, { create: { idempotency: 'Idempotency-Key' } as never, ...(place ? { correlate: place } : {}) }],
      });
    const again = (mapping: Mapping): string =>
      play({
        ...alone,
        mapping,
        open: { pendingCreate: { ...begun(), key: 'key-0' } },
        answers: { found: { by: 'nothing', records: [], others: [] } },
      });
    expect(again(keyed({ name: {}, phone: {} }))).toContain(
      '! create {side: 1, data: {name: Ann, phone: p1}, key: key-0}',
    );
    expect(again(keyed({ name: {}, phone: PHONE }))).toContain('= review {code: OUTCOME_UNKNOWN');
    expect(again(keyed({ name: {}, phone: {} }, PLACE))).toContain('= review {code: OUTCOME_UNKNOWN');
  });
});

/**
 * Which decision is made about a record, exhaustively: every combination of what is known of a record and its counterpart belongs to
 * exactly one cell, and each cell's decision is the one that is written here. What is asked, done and recorded on the way stands
 * in the rows of the other tables.
 */
import { describe, expect, it } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { flip } from '../../../engine/model/pair.ts';
import type { Brake } from '../../../engine/store/brake.ts';
import type { PendingCreate } from '../../../engine/store/types.ts';
import type { Choice, Facts, FoundRecords, OpenCreate, RecordFact } from '../../../engine/sync/facts.ts';
import type { Pair, SideIndex } from '../../../engine/types.ts';
import { agreedOn, LIMIT, link, mappingOf, pendingCreate, type Situation, state, steps, view } from './situation.ts';

const broken = new TandemError('EXPRESSION_FAILED', 'It fails.');
const brake: Brake = { id: 'brake-1', kind: 'deletes', by: 'writes', count: 11, limit: 10, linked: 100, since: 1 };
const limits = { deletes: LIMIT, creates: LIMIT, clears: LIMIT };

/** The end, and the effects on the way to it, in their order. */
function verdict(given: Situation): string {
  const all = steps(given).map(({ step }) => step);
  const effects = all.flatMap((step) => {
    if (step.kind !== 'act' || ['lock', 'commit'].includes(step.action.do)) return [];
    return 'side' in step.action ? [`${step.action.do} ${step.action.side}`] : [step.action.do];
  });
  const last = all.at(-1)!;
  const ends =
    last.kind === 'fail' ? `fails with ${last.error.code}` : last.kind === 'ask' ? 'asks' : last.outcome.kind;
  return [ends, ...effects].join(', ');
}

/** Every combination of these values. */
const combinations = <T extends object>(values: { readonly [K in keyof T]: readonly T[K][] }): T[] =>
  Object.entries(values).reduce<object[]>(
    (all, [name, some]) => all.flatMap((one) => (some as unknown[]).map((value) => ({ ...one, [name]: value }))),
    [{}],
  ) as T[];

type Cells<T> = readonly (readonly [name: string, when: (one: T) => boolean, then: (one: T) => string])[];

/** @returns how many combinations each cell has */
function tabled<T>(all: readonly T[], cells: Cells<T>, situation: (one: T) => Situation): number[] {
  const counts = cells.map(() => 0);
  for (const one of all) {
    const found = cells.filter(([, when]) => when(one));
    // `expect` for each would take most of the time.
    if (found.length !== 1) expect({ one, cells: found.map(([name]) => name) }).toEqual({ one, cells: ['just one'] });
    const cell = found[0]!;
    const [got, wanted] = [verdict(situation(one)), cell[2](one)];
    if (got !== wanted) expect({ cell: cell[0], one, verdict: got }).toEqual({ cell: cell[0], one, verdict: wanted });
    counts[cells.indexOf(cell)]!++;
  }
  return counts;
}

const bools = [false, true] as const;
const RECORDS = ['absent', 'other', 'unreadable', 'out of scope', 'as it was', 'edited'] as const;
type Record = (typeof RECORDS)[number];

function factOf(kind: Record, side: SideIndex): RecordFact {
  if (kind === 'absent') return { kind };
  if (kind === 'other') return { kind, id: 'w' };
  if (kind === 'unreadable') return { kind, error: broken };
  const phone = kind === 'edited' ? ['p2', 'p3'][side]! : 'p1';
  const shown = view(side, ['Ann', phone], { inScope: kind !== 'out of scope' });
  return { kind: 'present', view: shown, from: 'read', askedFor: shown.record.id, order: side };
}

// ---------------------------------------------------------------- records with a link

interface Linked {
  readonly look: SideIndex;
  readonly near: Record;
  readonly far: Record;
  readonly both: boolean;
  readonly issue: boolean;
  readonly brake: boolean;
  readonly deletes: 'keep' | 'review' | 'propagate';
}

const isThere = (kind: Record): boolean => kind === 'out of scope' || kind === 'as it was' || kind === 'edited';
const far = (look: SideIndex): SideIndex => (look === 0 ? 1 : 0);
/** Nothing is open, and the record that is looked at shows no change: the other one is not even read. */
const isQuiet = ({ near, both, issue }: Linked): boolean => near === 'as it was' && !both && !issue;
/** Both are read, and each is there or absent. */
const areKnown = (one: Linked): boolean =>
  !isQuiet(one) && [one.near, one.far].every((kind) => isThere(kind) || kind === 'absent');
/** The record that is left of the link. */
const survivor = ({ near, far: other }: Linked): Record => (near === 'absent' ? other : near);
const isOrphaned = (one: Linked): boolean => areKnown(one) && (one.near === 'absent') !== (one.far === 'absent');
const survivorSide = ({ look, near }: Linked): SideIndex => (near === 'absent' ? far(look) : look);
const areThere = (one: Linked): boolean => areKnown(one) && isThere(one.near) && isThere(one.far);
const inScope = (one: Linked): boolean => areThere(one) && one.near !== 'out of scope' && one.far !== 'out of scope';
const unlessBlocked =
  (then: (one: Linked) => string) =>
  (one: Linked): string =>
    one.brake ? 'waiting' : then(one);

const LINKED: Cells<Linked> = [
  ['the record looked at is as it was, and nothing is open', isQuiet, () => 'unchanged'],
  ['it was merged into another one', ({ near, far: f }) => near === 'other' && f !== 'absent', () => 'review'],
  [
    'it was merged into another one, and the other one does not exist',
    (one) => one.near === 'other' && one.far === 'absent',
    () => 'missing',
  ],
  ['it cannot be read', ({ near }) => near === 'unreadable', () => 'failed'],
  [
    'the other one was merged into another one',
    (one) => isThere(one.near) && !isQuiet(one) && one.far === 'other',
    () => 'review',
  ],
  [
    'the other one was merged into another one, and it does not exist',
    (one) => one.near === 'absent' && one.far === 'other',
    () => 'missing',
  ],
  [
    'the other one cannot be read',
    (one) => (isThere(one.near) || one.near === 'absent') && !isQuiet(one) && one.far === 'unreadable',
    () => 'failed',
  ],
  ['neither exists', ({ near, far: f }) => near === 'absent' && f === 'absent', () => 'missing'],
  ['one is left, and stays', (one) => isOrphaned(one) && one.deletes === 'keep', () => 'orphaned'],
  ['one is left, and a person decides', (one) => isOrphaned(one) && one.deletes === 'review', () => 'review'],
  [
    'one is left as it was, and is deleted',
    (one) => isOrphaned(one) && one.deletes === 'propagate' && survivor(one) === 'as it was',
    unlessBlocked((one) => `deleted, begin, keep-overwritten, delete ${survivorSide(one)}`),
  ],
  [
    'one is left that was edited or is out of scope: a person decides before it is deleted',
    (one) => isOrphaned(one) && one.deletes === 'propagate' && survivor(one) !== 'as it was',
    () => 'review',
  ],
  ['both exist, and one is out of scope', (one) => areThere(one) && !inScope(one), () => 'excluded'],
  [
    'both are as they were',
    (one) => inScope(one) && one.near === 'as it was' && one.far === 'as it was',
    () => 'unchanged',
  ],
  [
    'the record looked at was edited',
    (one) => inScope(one) && one.near === 'edited' && one.far === 'as it was',
    unlessBlocked((one) => `updated, begin, update ${far(one.look)}`),
  ],
  [
    'the other one was edited',
    (one) => inScope(one) && one.near === 'as it was' && one.far === 'edited',
    unlessBlocked((one) => `updated, begin, update ${one.look}`),
  ],
  [
    'both were edited otherwise: by the tie of latest the first wins',
    (one) => inScope(one) && one.near === 'edited' && one.far === 'edited',
    unlessBlocked(() => 'updated, begin, keep-overwritten, update 1'),
  ],
];

describe('what becomes of a record with a link', () => {
  it('stands in the table, for every combination', () => {
    const all = combinations<Linked>({
      look: [0, 1],
      near: RECORDS,
      far: RECORDS,
      both: bools,
      issue: bools,
      brake: bools,
      deletes: ['keep', 'review', 'propagate'],
    });
    const synced = [state('Ann', 'p1'), state('Ann', 'p1')] as const;
    const counts = tabled(all, LINKED, (one) => ({
      mapping: mappingOf({ sides: [{ deletes: one.deletes }, { deletes: one.deletes }], brake: limits }),
      look: [one.look, ['a', 'b'][one.look]!],
      link: link(agreedOn('Ann', 'p1'), { lastSynced: synced }),
      both: one.both,
      delivered: flip(one.look, [factOf(one.near, one.look), factOf(one.far, far(one.look))]) as Pair<RecordFact>,
      ...(one.issue ? { open: { issue: { kind: 'failed', reason: 'It failed.', mapping: 'v1', since: 5 } } } : {}),
      stored: { brake: one.brake ? brake : undefined },
    }));
    expect(all).toHaveLength(1728);
    expect(counts.every((count) => count > 0)).toBe(true);
  });
});

// ---------------------------------------------------------------- records without a link

interface Unlinked {
  readonly look: SideIndex;
  readonly record: Record;
  readonly ready: boolean;
  readonly creates: boolean;
  readonly brake: boolean;
  /** What became of an earlier create of its counterpart. */
  readonly pending: 'none' | 'found' | 'not shown yet' | 'not created' | 'unknown';
  readonly candidates: 0 | 1 | 2;
  /** Whether it may be the result of a create of the other side that is open. */
  readonly suspected: 'no' | 'under way' | 'left to a person';
  readonly sendable: 'yes' | 'never' | 'after another record' | 'not now';
}

const isInScope = (one: Unlinked): boolean => (one.record === 'as it was' || one.record === 'edited') && one.ready;
const isMade = (one: Unlinked): boolean => isInScope(one) && one.pending === 'found';
const isMatched = (one: Unlinked): boolean => isInScope(one) && !isMade(one) && one.candidates > 0;
const isAlone = (one: Unlinked): boolean => isInScope(one) && !isMade(one) && one.candidates === 0;
/** One that began a create of its own was there before: it is no result of another one. */
const isSuspected = (one: Unlinked): boolean => isAlone(one) && one.pending === 'none' && one.suspected !== 'no';
const mayCreate = (one: Unlinked): boolean => (isMade(one) || isAlone(one)) && !isSuspected(one) && one.creates;

const UNLINKED: Cells<Unlinked> = [
  ['it does not exist', ({ record }) => record === 'absent' || record === 'other', () => 'missing'],
  ['it cannot be read', ({ record }) => record === 'unreadable', () => 'failed'],
  ['it is out of scope', ({ record }) => record === 'out of scope', () => 'excluded'],
  [
    'it takes part, and not both sides were read fully',
    ({ record, ready }) => (record === 'as it was' || record === 'edited') && !ready,
    () => 'waiting',
  ],
  ['one record matches it', (one) => isMatched(one) && one.candidates === 1, () => 'matched'],
  ['several records match it', (one) => isMatched(one) && one.candidates === 2, () => 'review'],
  [
    'it may be the result of a create that is under way',
    (one) => isSuspected(one) && one.suspected === 'under way',
    () => 'fails with RECORD_LOCKED',
  ],
  [
    'it may be the result of a create that a person looks at',
    (one) => isSuspected(one) && one.suspected === 'left to a person',
    () => 'review',
  ],
  [
    'nothing matches it, and the mapping creates nothing there',
    (one) => (isMade(one) || isAlone(one)) && !isSuspected(one) && !one.creates,
    () => 'unmatched',
  ],
  ['it cannot be sent', (one) => mayCreate(one) && one.sendable === 'never', () => 'failed'],
  ['it refers to another one', (one) => mayCreate(one) && one.sendable === 'after another record', () => 'waiting'],
  [
    'it cannot be sent just now',
    (one) => mayCreate(one) && one.sendable === 'not now',
    () => 'fails with SYSTEM_UNREACHABLE',
  ],
  [
    'its counterpart was made by an earlier try',
    (one) => isMade(one) && mayCreate(one) && one.sendable === 'yes',
    () => 'created',
  ],
  [
    'it is not known whether an earlier try has made one',
    (one) => isAlone(one) && mayCreate(one) && one.sendable === 'yes' && one.pending === 'unknown',
    () => 'review',
  ],
  [
    'what an earlier try has made may not be shown yet',
    (one) => isAlone(one) && mayCreate(one) && one.sendable === 'yes' && one.pending === 'not shown yet',
    (one) => `fails with OUTCOME_UNKNOWN, note-not-found ${one.look}`,
  ],
  [
    'its counterpart is created',
    (one) =>
      isAlone(one) && mayCreate(one) && one.sendable === 'yes' && !['unknown', 'not shown yet'].includes(one.pending),
    (one) => (one.brake ? 'waiting' : `created, begin, create ${far(one.look)}`),
  ],
];

const NEW: { readonly [K in Exclude<Unlinked['sendable'], 'yes'>]: NonNullable<Facts['newRecord']> } = {
  never: { ok: false, error: broken, refs: [] },
  'after another record': { ok: false, error: new TandemError('REFERENCE_WAITING', 'It waits.'), refs: [] },
  'not now': { ok: false, error: new TandemError('SYSTEM_UNREACHABLE', 'Away.'), refs: [] },
};

/** Searched for in vain since the beginning of time, or not yet. */
const begun = (pending: Unlinked['pending']): PendingCreate =>
  pendingCreate({ name: 'Ann', phone: 'p1' }, pending === 'not created' ? { notFoundSince: 0 } : {});

function foundBy(pending: Unlinked['pending'], side: SideIndex): FoundRecords {
  const made = { view: view(side, ['Ann', 'p1'], { id: 'new' }), linked: false, firstSeen: undefined };
  return {
    by: pending === 'unknown' ? 'nothing' : 'search',
    records: pending === 'found' ? [made] : [],
    others: [],
  };
}

const openCreates = (suspected: Unlinked['suspected']): OpenCreate[] => {
  if (suspected === 'no') return [];
  const pending = pendingCreate(
    { name: 'Ann', phone: 'p1' },
    { review: suspected === 'left to a person', keys: ['ann@x'] },
  );
  return [{ source: 'z', pending, underWay: suspected === 'under way' }];
};

describe('what becomes of a record without a link', () => {
  it('stands in the table, for every combination', () => {
    const all = combinations<Unlinked>({
      look: [0, 1],
      record: RECORDS,
      ready: bools,
      creates: bools,
      brake: bools,
      pending: ['none', 'found', 'not shown yet', 'not created', 'unknown'],
      candidates: [0, 1, 2],
      suspected: ['no', 'under way', 'left to a person'],
      sendable: ['yes', 'never', 'after another record', 'not now'],
    });
    const counts = tabled(all, UNLINKED, (one) => {
      const other = far(one.look);
      const values = one.record === 'edited' ? ['Ann', ['p2', 'p3'][one.look]!] : ['Ann', 'p1'];
      const candidates = ['x', 'y'].slice(0, one.candidates).map((id) => view(other, values, { id }));
      return {
        mapping: mappingOf({ sides: flip(other, [one.creates ? {} : { create: false as never }, {}]), brake: limits }),
        look: [one.look, ['a', 'b'][one.look]!],
        delivered: flip(one.look, [factOf(one.record, one.look), undefined]),
        stored: { ready: one.ready, brake: one.brake ? brake : undefined },
        ...(one.pending === 'none' ? {} : { open: { pendingCreate: begun(one.pending) } }),
        rules: [{ candidates, rivals: [], doubtful: [] }],
        answers: {
          found: foundBy(one.pending, other),
          openCreates: openCreates(one.suspected),
          ...(one.sendable === 'yes' ? {} : { newRecord: NEW[one.sendable] }),
        },
      };
    });
    expect(all).toHaveLength(17_280);
    expect(counts.every((count) => count > 0)).toBe(true);
  });
});

// ---------------------------------------------------------------- what a person decides by hand

const CHOICES = ['link', 'unlink', 'create', 'resolve-conflict', 'delete', 'dismiss', 'restore'] as const;

interface ByHand extends Omit<Linked, 'both' | 'issue' | 'deletes'> {
  readonly choice: (typeof CHOICES)[number];
  readonly linked: boolean;
  readonly ready: boolean;
  readonly creates: boolean;
  /** The record is in review. */
  readonly review: boolean;
}

const cannotBeRead = ({ near, far: other }: ByHand): boolean => near === 'unreadable' || other === 'unreadable';
const exist = ({ near, far: other }: ByHand): boolean => isThere(near) && isThere(other);
/** What stands in the way of a choice between the two records is found as it is without a choice, and decided so. */
const asWithout = (one: ByHand): Linked => ({ ...one, both: true, issue: true, deletes: 'keep' });
const first = (one: ByHand, wanted: (kind: Record) => boolean): Record =>
  (one.look === 0 ? [one.near, one.far] : [one.far, one.near]).find(wanted)!;

const BY_HAND: { readonly [K in ByHand['choice']]: (one: ByHand) => string } = {
  link: (one) => {
    if (one.linked) return 'unchanged';
    if (exist(one)) return 'matched';
    return first(one, (kind) => !isThere(kind)) === 'unreadable'
      ? 'fails with EXPRESSION_FAILED'
      : 'fails with SYSTEM_NOT_FOUND';
  },
  unlink: (one) => {
    if (!one.linked) return 'unchanged';
    return cannotBeRead(one) ? 'fails with EXPRESSION_FAILED' : 'updated';
  },
  create: (one) => {
    if (!one.creates || !one.ready) return 'fails with CONFLICT';
    if (one.near === 'unreadable') return 'fails with EXPRESSION_FAILED';
    if (!isThere(one.near)) return 'fails with SYSTEM_NOT_FOUND';
    if (one.near === 'out of scope') return 'fails with CONFLICT';
    if (one.linked && one.far !== 'absent') return 'fails with LINK_TAKEN';
    return `created, begin, create ${far(one.look)}`;
  },
  'resolve-conflict': (one) => {
    if (!one.linked) return 'fails with CONFLICT';
    // The choice is between the values of two that were edited; the brake is not asked about what a person decides.
    if (one.near === 'edited' && one.far === 'edited') return 'updated, begin, keep-overwritten, update 1';
    const all = asWithout(one);
    const [cell] = LINKED.filter(([, when]) => when(all));
    return cell![2](all);
  },
  delete: (one) => {
    if (!one.linked) return 'fails with CONFLICT';
    if (cannotBeRead(one)) return 'fails with EXPRESSION_FAILED';
    if (exist(one)) return 'fails with CONFLICT';
    if (!isThere(one.near) && !isThere(one.far)) return 'missing';
    return `deleted, keep-overwritten, delete ${isThere(one.near) ? one.look : far(one.look)}`;
  },
  dismiss: (one) => (one.review ? 'unchanged' : 'fails with NOT_FOUND'),
  // To the record that is looked at; the other one is read first.
  restore: (one) => {
    if (!one.linked) return 'fails with CONFLICT';
    const wrong = [one.far, one.near].find((kind) => kind !== 'as it was' && kind !== 'edited');
    if (wrong === 'unreadable') return 'fails with EXPRESSION_FAILED';
    if (wrong === 'out of scope') return 'fails with CONFLICT';
    if (wrong) return 'fails with SYSTEM_NOT_FOUND';
    const keeps = one.far === 'edited' ? 'keep-overwritten, ' : '';
    return `updated, restore ${one.look}, begin, ${keeps}update ${far(one.look)}`;
  },
};

describe('what becomes of a record about which a person decides', () => {
  const synced = [state('Ann', 'p1'), state('Ann', 'p1')] as const;
  const entry = { at: '2026-01-01T00:00:00.000Z', property: 'phone', value: 'p0', rule: 'conflict' };
  const situation = (one: ByHand): Situation => {
    const names = ['crm', 'shop'] as const;
    const choices: { readonly [K in ByHand['choice']]: Choice } = {
      link: { kind: 'link', ids: ['a', 'b'] },
      unlink: { kind: 'unlink', ids: ['a', 'b'] },
      create: { kind: 'create' },
      'resolve-conflict': { kind: 'resolve-conflict', winner: 0, properties: new Map() },
      delete: { kind: 'delete' },
      dismiss: { kind: 'dismiss' },
      restore: { kind: 'restore', entry: { ...entry, side: names[one.look] }, property: 'phone', side: one.look },
    };
    const write = { property: 'phone', value: 'p0', fingerprint: 'p0' };
    return {
      mapping: mappingOf({
        sides: flip(far(one.look), [one.creates ? {} : { create: false as never }, {}]),
        properties: { name: {}, phone: { conflict: 'review' } },
        brake: limits,
      }),
      look: [one.look, ['a', 'b'][one.look]!],
      choice: choices[one.choice],
      ...(one.linked ? { link: link(agreedOn('Ann', 'p1'), { lastSynced: synced }) } : {}),
      delivered: flip(one.look, [factOf(one.near, one.look), factOf(one.far, far(one.look))]) as Pair<RecordFact>,
      ...(one.review ? { open: { issue: { kind: 'review', reason: 'Why.', mapping: 'v1', since: 5 } } } : {}),
      stored: { ready: one.ready, brake: one.brake ? brake : undefined },
      answers: { restored: { ok: true, write, toward: 'p0' } },
      effects: { restored: { view: view(one.look, ['Ann', 'p0']) } },
    };
  };

  it.each(CHOICES)('stands in the table, for every combination: %s', (choice) => {
    const all = combinations<ByHand>({
      choice: [choice],
      look: [0, 1],
      near: RECORDS,
      far: RECORDS,
      linked: bools,
      ready: bools,
      creates: bools,
      review: bools,
      brake: bools,
    });
    expect(all).toHaveLength(2304);
    tabled(all, [[choice, () => true, BY_HAND[choice]]], situation);
  });
});

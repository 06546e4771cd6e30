/** The laws of `decide`: what holds in every situation, whatever the records, the link, the mapping and the brake. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mapping } from '../../../engine/config/types.ts';
import { decide } from '../../../engine/merge/decide.ts';
import { flip } from '../../../engine/model/pair.ts';
import type { Brake } from '../../../engine/store/brake.ts';
import type { Link, OpenEntry, OpenPatch } from '../../../engine/store/types.ts';
import type { Action, Commit, Step } from '../../../engine/sync/actions.ts';
import type { Facts, FoundRecords } from '../../../engine/sync/facts.ts';
import type { RecordView } from '../../../engine/sync/view.ts';
import type { Base, Pair, PropertyBase, SideIndex } from '../../../engine/types.ts';
import {
  type Given,
  LAG,
  LIMIT,
  link,
  mappingOf,
  NOW,
  PARTNER,
  pendingCreate,
  type Situation,
  steps,
  view,
} from './situation.ts';

/** Fewer for each mutant: there are thousands of them. */
const RUNS = process.env.STRYKER_MUTATOR_WORKER === undefined ? 400 : 40;
const NAMES = ['name', 'phone'] as const;
const EARLY = '2026-01-01T00:00:00Z';
const LATE = '2026-01-02T00:00:00Z';

// ---------------------------------------------------------------- situations

interface Drawn {
  readonly mapping: Mapping;
  readonly views: Pair<RecordView | 'absent'>;
  readonly link: Link | undefined;
  readonly open: OpenEntry | undefined;
  readonly brake: Brake | undefined;
  readonly candidate: boolean;
  readonly limited: boolean;
  readonly look: SideIndex;
}

const value = fc.constantFrom('', 'x', 'y', 'z');
const values = fc.tuple(value, value);
const property = fc.record({
  direction: fc.constantFrom('both' as const, 'both' as const, 0 as const, 1 as const),
  conflict: fc.constantFrom('latest' as const, 0 as const, 1 as const, 'review' as const),
  drift: fc.constantFrom('keep' as const, 'revert' as const),
});
const record = (side: SideIndex) =>
  fc
    .record({ held: values, inScope: fc.constantFrom(true, true, true, false), modified: fc.constantFrom(EARLY, LATE) })
    .map(({ held, ...more }) => view(side, held, more));
const given = (side: SideIndex) =>
  fc.oneof({ weight: 6, arbitrary: record(side) }, { weight: 1, arbitrary: fc.constant('absent' as const) });
const base: fc.Arbitrary<Base> = fc
  .tuple(...NAMES.map(() => fc.option(values, { nil: undefined, freq: 4 })))
  .map((entries) =>
    Object.fromEntries(
      entries.flatMap((entry, i) =>
        entry ? [[NAMES[i]!, [...entry, `${NAMES[i]}#1`] as unknown as PropertyBase]] : [],
      ),
    ),
  );
const deletes = fc.constantFrom('keep' as const, 'review' as const, 'propagate' as const);
const brake: fc.Arbitrary<Brake | undefined> = fc.option(
  fc.constantFrom('deletes' as const, 'creates' as const, 'clears' as const).map((kind) => ({
    id: 'brake-1',
    kind,
    by: 'writes' as const,
    count: 9,
    limit: 8,
    linked: 100,
    since: 1,
  })),
  { nil: undefined, freq: 2 },
);

const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    properties: fc.tuple(property, property),
    deletes: fc.tuple(deletes, deletes),
    onMatch: fc.constantFrom('link' as const, 'review' as const),
    limited: fc.boolean(),
    views: fc.tuple(given(0), given(1)),
    base: fc.option(base, { nil: undefined, freq: 4 }),
    open: fc.constantFrom<OpenEntry | undefined>(
      undefined,
      undefined,
      { issue: { kind: 'failed', reason: '', mapping: 'v1', since: 1 } },
      { decision: { kind: 'deletes' } },
      { decision: { kind: 'clears' } },
      { decision: { kind: 'creates' } },
    ),
    brake,
    candidate: fc.boolean(),
    look: fc.constantFrom(0 as const, 1 as const),
  })
  .map(({ properties: [name, phone], deletes: [first, second], onMatch, base: agreed, ...rest }) => ({
    ...rest,
    link: agreed ? link(agreed) : undefined,
    mapping: mappingOf({
      properties: { name, phone },
      sides: [{ deletes: first }, { deletes: second }],
      match: [{ name: 'email', onMatch }],
      brake: rest.limited ? { deletes: LIMIT, creates: LIMIT, clears: LIMIT } : {},
    }),
  }));

const situationOf = ({ mapping, views, link: of, open, brake: on, candidate, look }: Drawn): Situation => {
  const far = views[look === 0 ? 1 : 0];
  return {
    mapping,
    look: [look, look === 0 ? 'a' : 'b'],
    ...(of ? { link: of } : {}),
    records: views as Pair<Given>,
    ...(open ? { open } : {}),
    ...(on ? { stored: { brake: on } } : {}),
    rules: [{ candidates: candidate && far !== 'absent' ? [far] : [], rivals: [], doubtful: [] }],
  };
};

const actionsOf = (all: ReturnType<typeof steps>): { readonly action: Action; readonly facts: Facts }[] =>
  all.flatMap(({ step, facts }) => (step.kind === 'act' ? [{ action: step.action, facts }] : []));
const isWrite = ({ do: name }: Action): boolean =>
  ['update', 'create', 'delete', 'correlate', 'restore'].includes(name);
const law = (check: (one: Drawn) => void): void => fc.assert(fc.property(drawn, check), { numRuns: RUNS });

// ---------------------------------------------------------------- what becomes of a situation

/** The records after these steps. */
function recordsAfter(one: Drawn, all: ReturnType<typeof steps>): Pair<RecordView | 'absent'> {
  const records: [RecordView | 'absent', RecordView | 'absent'] = [...one.views];
  for (const { action } of actionsOf(all)) {
    if (action.do === 'delete') records[action.side] = 'absent';
    if (action.do === 'create') records[action.side] = created(action.side, action.data);
    if (action.do !== 'update') continue;
    const held = action.view.fingerprints.map((former, i) => {
      const written = action.writes.find((write) => write.property === NAMES[i]);
      return written ? written.fingerprint : former;
    });
    records[action.side] = { ...action.view, fingerprints: held, raw: held };
  }
  return records;
}

const created = (side: SideIndex, data: Readonly<Record<string, unknown>>): RecordView =>
  view(
    side,
    NAMES.map((name) => String(data[name] ?? '')),
    { id: 'new' },
  );

const patched = (open: OpenEntry | undefined, patch: OpenPatch | undefined): OpenEntry =>
  Object.fromEntries(Object.entries({ ...open, ...patch }).filter(([, part]) => part !== null)) as OpenEntry;

/** The situation once all of it was carried out and recorded. */
function after(one: Drawn): Drawn | undefined {
  const all = steps(situationOf(one));
  const last = all.at(-1)!.step;
  if (last.kind !== 'act' || last.action.do !== 'commit') return undefined;
  const { commit }: { commit: Commit } = last.action;
  if (commit.result.kind !== 'link') return undefined;
  const { ids, base: agreed, unconfirmed = [], correlation = [undefined, undefined], lastSynced } = commit.result.link;
  const open = patched(one.link ? one.open : undefined, commit.open?.[`0/${ids[0]}`]);
  return {
    ...one,
    open,
    views: recordsAfter(one, all),
    link: link(agreed, { ids, revision: 4, unconfirmed, correlation, lastSynced }),
  };
}

const summary = (step: Step): string => (step.kind === 'act' || step.kind === 'end' ? step.outcome.kind : step.kind);

describe('decide', () => {
  it('answers the same for the same facts, and changes nothing of them', () =>
    law((one) => {
      for (const { step, facts } of steps(situationOf(one))) {
        const before = JSON.stringify(facts);
        expect(JSON.stringify(decide(facts))).toBe(JSON.stringify(step));
        expect(JSON.stringify(facts)).toBe(before);
      }
    }));

  it('never writes a value that the other side does not hold', () =>
    law((one) => {
      for (const { action, facts } of actionsOf(steps(situationOf(one)))) {
        const held = (side: SideIndex, name: string): string | undefined => {
          const views = [facts.records[side], facts.rules[0]?.candidates[0]].flatMap((fact) =>
            fact === undefined ? [] : 'kind' in fact ? (fact.kind === 'present' ? [fact.view] : []) : [fact],
          );
          return views.find((found) => found.side === side)?.fingerprints[NAMES.indexOf(name as 'name')];
        };
        if (action.do === 'update')
          for (const write of action.writes)
            expect(write.fingerprint).toBe(held(action.side === 0 ? 1 : 0, write.property));
        if (action.do === 'create')
          for (const [name, sent] of Object.entries(action.data))
            expect(sent).toBe(held(action.side === 0 ? 1 : 0, name));
      }
    }));

  it('never writes an empty value over a value that was never agreed on', () =>
    law((one) => {
      for (const { action } of actionsOf(steps(situationOf(one)))) {
        if (action.do !== 'update') continue;
        for (const { property: name, fingerprint } of action.writes)
          if (fingerprint === '') expect(one.link?.base[name]).toBeDefined();
      }
    }));

  it('never creates a record while there is a link or a candidate', () =>
    law((one) => {
      const creates = actionsOf(steps(situationOf(one))).filter(({ action }) => action.do === 'create');
      if (one.link || situationOf(one).rules![0]!.candidates.length > 0) expect(creates).toEqual([]);
      expect(creates.length).toBeLessThan(2);
    }));

  it('creates, deletes and updates only after what is begun was noted, and records once, at the end', () =>
    law((one) => {
      const all = actionsOf(steps(situationOf(one))).map(({ action }) => action);
      const first = all.findIndex(isWrite);
      if (first >= 0) expect(all.slice(0, first).some((action) => action.do === 'begin')).toBe(true);
      expect(all.filter((action) => action.do === 'commit').length).toBeLessThan(2);
    }));

  it('keeps every value that it overwrites against an edit, clears or deletes', () =>
    law((one) => {
      const all = actionsOf(steps(situationOf(one))).map(({ action }) => action);
      const kept = all.flatMap((action) => (action.do === 'keep-overwritten' ? action.values : []));
      const has = (side: SideIndex, name: string): boolean =>
        kept.some((entry) => entry.property === name && entry.side === ['crm', 'shop'][side]);
      for (const action of all) {
        if (action.do === 'update')
          for (const { property: name, fingerprint } of action.writes) {
            const former = action.view.fingerprints[NAMES.indexOf(name as 'name')];
            const edited = one.link?.base[name]?.[action.side] !== former;
            if (former !== '' && (edited || fingerprint === '')) expect(has(action.side, name)).toBe(true);
          }
        if (action.do === 'delete')
          for (const [i, name] of NAMES.entries()) {
            const held = one.views[action.side];
            if (held !== 'absent' && held.fingerprints[i] !== '') expect(has(action.side, name)).toBe(true);
          }
      }
    }));

  it('writes nothing while the brake is on', () =>
    law((one) => {
      if (!one.brake || !one.limited) return;
      expect(
        actionsOf(steps(situationOf(one))).filter(({ action }) => isWrite(action) || action.do === 'begin'),
      ).toEqual([]);
    }));

  it('does nothing to a record out of scope', () =>
    law((one) => {
      if (one.views.every((found) => found === 'absent' || found.inScope)) return;
      for (const { action } of actionsOf(steps(situationOf(one)))) {
        if (action.do !== 'update' && action.do !== 'delete') continue;
        const target = one.views[action.side];
        expect(target !== 'absent' && target.inScope).toBe(true);
      }
    }));

  it('plans what it does: the outcome of the first effect is that of the last', () =>
    law((one) => {
      const all = steps(situationOf(one)).filter(({ step }) => step.kind === 'act' && step.action.do !== 'lock');
      const [first] = all;
      const last = all.at(-1);
      if (!first || !last || first === last || summary(last.step) === 'review' || summary(last.step) === 'failed')
        return;
      const [planned, done] = [first, last].map(({ step }) => (step.kind === 'act' ? step.outcome : undefined));
      expect(done).toMatchObject({ kind: planned!.kind, writes: planned!.writes });
    }));

  it('finds a pair unchanged once it has recorded it', () =>
    law((one) => {
      const then = after(one);
      if (!then?.link) return;
      const again = steps(situationOf(then));
      expect(actionsOf(again).filter(({ action }) => isWrite(action))).toEqual([]);
      if (then.open?.issue === undefined) expect(summary(again.at(-1)!.step)).toBe('unchanged');
      // One read is enough to know it.
      if (then.open?.issue === undefined) expect(again.length).toBe(2);
    }));

  it('comes to the same records wherever the process ends, and another one goes on', () =>
    law((one) => {
      const situation = situationOf(one);
      const all = steps(situation);
      const wanted = recordsAfter(one, all);
      for (let end = 1; end < all.length; end++) {
        const done = all.slice(0, end);
        const next = resumed(one, done);
        const rest = steps(next.situation);
        const creates = actionsOf([...done, ...rest]).filter(({ action }) => action.do === 'create');
        expect(creates.length).toBeLessThan(2);
        const got = recordsAfter({ ...one, views: next.views }, rest);
        expect(got.map(held)).toEqual(wanted.map(held));
      }
    }));

  it('comes to mirrored records where the two sides are swapped', () =>
    law((one) => {
      // A tie goes to the side named first, and that side is written first.
      const [a, b] = one.views;
      if (a !== 'absent' && b !== 'absent' && a.record.modified === b.record.modified) return;
      const other = swapped(one);
      const [got, mirrored] = [one, other].map((each) => recordsAfter(each, steps(situationOf(each))));
      expect([...mirrored!].reverse().map(held)).toEqual(got!.map(held));
      expect(summary(steps(situationOf(other)).at(-1)!.step)).toBe(summary(steps(situationOf(one)).at(-1)!.step));
    }));

  it('never posts again before it has looked for the result of an unconfirmed create', () =>
    fc.assert(
      fc.property(
        record(0),
        fc.constantFrom<FoundRecords['by']>('search', 'recent', 'nothing'),
        fc.array(record(1), { maxLength: 2 }),
        fc.boolean(),
        fc.constantFrom(undefined, NOW - LAG, NOW - LAG + 1),
        (source, by, views, linked, notFoundSince) => {
          const found = { by, others: [], records: views.map((one) => ({ view: one, linked, firstSeen: undefined })) };
          const sent = Object.fromEntries(NAMES.map((name, i) => [name, source.fingerprints[i]!]));
          const all = steps({
            records: [source, undefined],
            open: { pendingCreate: pendingCreate(sent, notFoundSince === undefined ? {} : { notFoundSince }) },
            answers: { found },
          });
          const posts = actionsOf(all).filter(({ action }) => action.do === 'create');
          for (const { facts } of posts) expect(facts.found).toBeDefined();
          // Nothing can be searched, or it is there, or a search may not show it yet: not posted.
          if (notFoundSince !== NOW - LAG) expect(posts).toEqual([]);
          if (by === 'nothing' || (by === 'search' && !linked && views.length > 0)) expect(posts).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    ));
});

const held = (one: RecordView | 'absent'): unknown => (one === 'absent' ? one : one.fingerprints);

/** What the next process finds: the records as they are, and what was noted before. */
function resumed(
  one: Drawn,
  done: ReturnType<typeof steps>,
): { situation: Situation; views: Pair<RecordView | 'absent'> } {
  const all = actionsOf(done).map(({ action }) => action);
  const views = recordsAfter(one, done);
  const begun = all.find((action) => action.do === 'begin');
  const post = all.find((action) => action.do === 'create');
  const open: OpenEntry = {
    ...one.open,
    ...(begun?.writes ? { pendingWrites: begun.writes } : {}),
    // Its result was searched for in vain long enough.
    ...(begun?.create ? { pendingCreate: { ...begun.create.pending, notFoundSince: 0 } } : {}),
  };
  const made = post ? views[post.side] : undefined;
  const records = made && made !== 'absent' ? [{ view: made, linked: false, firstSeen: undefined }] : [];
  const far = views[one.look === 0 ? 1 : 0];
  const candidates = situationOf(one).rules![0]!.candidates.length > 0 && far !== 'absent' ? [far] : [];
  const situation = situationOf({ ...one, views, open: Object.keys(open).length > 0 ? open : undefined });
  return {
    views,
    situation: {
      ...situation,
      rules: [{ candidates, rivals: [], doubtful: [] }],
      answers: {
        found: { by: 'search', records, others: [] },
        // On the second side what two records that met had begun stands under the first one.
        partner: { ...PARTNER, pendingWrites: one.look === 1 ? open.pendingWrites : undefined },
      },
    },
  };
}

/** The same with the sides exchanged. */
function swapped(one: Drawn): Drawn {
  const exchanged = (found: RecordView | 'absent', side: SideIndex): RecordView | 'absent' =>
    found === 'absent' ? found : { ...found, side, record: { ...found.record, id: side === 0 ? 'a' : 'b' } };
  const other = (side: unknown): never => (side === 0 ? 1 : side === 1 ? 0 : side) as never;
  const [first, second] = one.mapping.sides;
  const mapping: Mapping = {
    ...one.mapping,
    sides: [
      { ...first, deletes: second.deletes },
      { ...second, deletes: first.deletes },
    ],
    properties: one.mapping.properties.map((each) => ({
      ...each,
      direction: other(each.direction),
      conflict: other(each.conflict),
    })),
  };
  const mirrored = (entries: Base): Base =>
    Object.fromEntries(
      Object.entries(entries).map(([name, [a, b, definition]]) => [
        name,
        [...flip(1, [a, b]), definition] as unknown as PropertyBase,
      ]),
    );
  return {
    ...one,
    mapping,
    look: one.look === 0 ? 1 : 0,
    views: [exchanged(one.views[1], 0), exchanged(one.views[0], 1)],
    link: one.link && { ...one.link, base: mirrored(one.link.base) },
  };
}

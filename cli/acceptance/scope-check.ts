/** The rule `when`. */
import { type Json, otherSide, type SideIndex, type WritablePath } from '../../engine/index.ts';
import { place, same } from './comparison.ts';
import { conditionTests, samePlace } from './fields.ts';
import type { Ids, MappingTest } from './mapping-test.ts';
import { isRequired, recordFor, writableRows } from './test-record.ts';

/** What `scope` is about: which records take part, and what becomes of linked ones that no longer do. */
export const [NEW, LINKED] = ['a new record', 'a linked record'] as const;

/** A record that `when` excludes is left alone, a new one and a linked one; the linked one is synchronized again once it takes part. */
export async function checkScope(test: MappingTest, side: SideIndex, ids: Ids): Promise<void> {
  const { systems, tandem } = test.context;
  const mapping = test.mapping;
  const { when, entity } = mapping.sides[side];
  const needed = conditionTests(when!.source).find(({ is }) => is === 'given' || is === 'other');
  const other = writableRows(test.mapping, side).find(
    (one) =>
      one.type === 'string' &&
      !one.values &&
      !one.reference &&
      !one.convert[0] &&
      !one.convert[1] &&
      !one.sides.some(({ schema }) => schema?.format) &&
      !(needed && samePlace(one.sides[side].path!, needed.path)),
  );
  if (!needed || !other || isRequired(entity, needed.path)) {
    const reason = needed
      ? `${mapping.sides[side].name} requires ${needed.path.source}, so no record is excluded by it`
      : '"when" is no condition that a test can turn off';
    test.notTestable('scope', side, reason);
    return;
  }
  await checkExcluded(test, side, needed.path);
  const before = await test.both(ids);
  const text = test.text(other, side);
  await systems.change(entity, ids[side], [
    [needed.path, null],
    [other.sides[side].path!, text],
  ]);
  await tandem.sync(mapping, side, ids[side]);
  const to = otherSide(side);
  const left = await test.both(ids);
  const outside = same(place(other, to, before[to]), place(other, to, left[to]), other);
  await systems.change(entity, ids[side], [[needed.path, (needed.path.get(before[side].data) ?? null) as Json]]);
  await tandem.sync(mapping, side, ids[side]);
  const after = await test.eventually(
    () => test.both(ids),
    (now) => same(place(other, to, now[to]), text, other),
  );
  const inside = same(place(other, to, after[to]), text, other);
  const fault = !outside
    ? 'a record that "when" excludes was synchronized'
    : inside
      ? undefined
      : 'a record that takes part again was not synchronized';
  test.judged('scope', side, fault, { rule: LINKED, note: 'a linked record is left alone while it takes no part' });
}

/** A new record that `when` excludes gets no counterpart, where others would. */
async function checkExcluded(test: MappingTest, side: SideIndex, needed: WritablePath): Promise<void> {
  const { context, mapping } = test;
  const { systems, tandem } = context;
  const other = mapping.sides[otherSide(side)];
  if (!other.create || other.create === 'on-demand') return;
  const { data } = await recordFor(test, side);
  let id: string;
  try {
    ({ id } = await systems.create(mapping.sides[side].entity, needed.set(data, null)));
  } catch (error) {
    test.notTestable('scope', side, `the system refuses a record that "when" excludes: ${test.faultOf(error)}`, {
      rule: NEW,
    });
    return;
  }
  const done = await tandem.sync(mapping, side, id);
  const linked = await tandem.counterpart(mapping, side, id);
  if (linked !== undefined) await context.note(other.entity, linked);
  const fault =
    linked !== undefined
      ? 'a new record that "when" excludes got a counterpart'
      : done
        ? undefined
        : 'a new record that "when" excludes was not looked at in time';
  test.judged('scope', side, fault, { rule: NEW, note: 'a new record is left alone' });
}

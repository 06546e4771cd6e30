/** Each row in both directions: changed there and back, emptied and filled again, one-way where it is. */
import { isEmpty, otherSide, type Property, refusal, type SideIndex } from '../../engine/index.ts';
import { place, same } from './comparison.ts';
import type { Ids, MappingTest, Values } from './mapping-test.ts';
import { isRequired, recordFor, writableRows } from './test-record.ts';
import { twoValues } from './test-values.ts';
import { writeAndCompare } from './write-check.ts';

export async function checkRows(test: MappingTest, source: SideIndex, ids: Ids): Promise<void> {
  const first = await test.both(ids);
  // What stood there first, as each side wrote it.
  const original = (side: SideIndex): Values =>
    new Map(test.mapping.properties.map((property) => [property, place(property, side, first[side])]));
  const second = (await recordFor(test, source, 1)).values;
  await checkChanges(test, source, ids, second, original);
  for (const property of test.mapping.properties)
    if (property.direction !== 'both') await checkOneWay(test, property, ids, original(property.direction));
  // Emptied and filled again, from either side.
  for (const from of [source, otherSide(source)]) {
    const empty = new Map(
      writableRows(test.mapping, from)
        .filter((property) => !property.reference || !isEmpty(original(from).get(property)))
        .filter((property) => isClearable(test, property, from))
        .map((property) => [property, null]),
    );
    await writeAndCompare(test, 'cleared', from, ids, empty);
    await writeAndCompare(
      test,
      undefined,
      from,
      ids,
      new Map([...original(from)].filter(([property, value]) => empty.has(property) && !isEmpty(value))),
    );
  }
}

/** There with other values, and back with the first ones; what only flows back gets values of its own. */
async function checkChanges(
  test: MappingTest,
  source: SideIndex,
  ids: Ids,
  second: Values,
  original: (side: SideIndex) => Values,
): Promise<void> {
  const target = otherSide(source);
  const own = (await recordFor(test, target, 1)).values;
  const there: Values = new Map();
  const back: Values = new Map();
  for (const property of writableRows(test.mapping, source)) {
    const value = second.get(property);
    if (value !== undefined) there.set(property, value);
    else test.notTestable('changed', source, noOther(property), { property });
  }
  for (const property of writableRows(test.mapping, target)) {
    // What was not changed there says nothing when it is written back.
    const twoWay = property.direction === 'both';
    const value = twoWay && !second.has(property) ? null : (twoWay ? original(target) : own).get(property);
    if (!isEmpty(value)) back.set(property, value!);
    else test.notTestable('changed', target, noOther(property), { property });
  }
  await writeAndCompare(test, 'changed', source, ids, there);
  await writeAndCompare(test, 'changed', target, ids, back, original(source));
}

const noOther = ({ reference }: Property): string =>
  reference ? 'no second linked record could be made to refer to' : 'no other value is known that it takes';

function isClearable(test: MappingTest, property: Property, from: SideIndex): boolean {
  const { sides } = test.mapping;
  const needed = ([0, 1] as const).find((side) => {
    const path = property.sides[side].path;
    return path && isRequired(sides[side].entity, path);
  });
  const reason = property.required
    ? 'the mapping requires a value'
    : needed !== undefined
      ? `${sides[needed].name} requires a value`
      : refusal(test.mapping, property, from, property.sides[from].path!.set({}, null))
        ? 'the schema takes no empty value'
        : undefined;
  if (reason) test.notTestable('cleared', from, reason, { property });
  return reason === undefined;
}

async function checkOneWay(test: MappingTest, property: Property, ids: Ids, original: Values): Promise<void> {
  const follower = property.direction as SideIndex;
  const path = property.sides[follower].path;
  const value = twoValues(test.mapping, property, follower, {}).find(
    (one) => !same(one, original.get(property), property),
  );
  const leader = otherSide(follower);
  if (!path || value === undefined) {
    test.notTestable('one-way', follower, 'no other value is known that it takes', { property });
    return;
  }
  const before = await test.both(ids);
  await test.context.systems.change(test.mapping.sides[follower].entity, ids[follower], [[path, value]]);
  await test.context.tandem.sync(test.mapping, follower, ids[follower]);
  const kept = property.drift === 'keep';
  const after = await test.eventually(
    () => test.both(ids),
    (now) => same(path.get(now[follower].data), kept ? value : path.get(before[follower].data), property),
  );
  const source = property.sides[leader].path;
  const flowed = source && !same(source.get(before[leader].data), source.get(after[leader].data), property);
  const edit = same(path.get(after[follower].data), value, property);
  const fault = flowed
    ? 'the edit of the follower reached the leader'
    : edit !== kept
      ? `the follower's edit was ${edit ? 'kept' : 'put back'}, "drift" is ${property.drift}`
      : undefined;
  test.judged('one-way', follower, fault, { property });
}

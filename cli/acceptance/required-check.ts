/** A record that lacks a required value is not written to the other side; it waits. */
import { otherSide, type Property, type SideIndex } from '../../engine/index.ts';
import { place, same } from './comparison.ts';
import { conditionTests, samePlace } from './fields.ts';
import type { Ids, MappingTest } from './mapping-test.ts';
import { isRequired, writableRows } from './test-record.ts';

const CODE = 'VALUE_REQUIRED';

export async function checkRequired(test: MappingTest, from: SideIndex, ids: Ids): Promise<void> {
  for (const property of writableRows(test.mapping, from)) {
    if (!property.required) continue;
    const reason = whyNot(test, property, from);
    if (reason !== undefined) test.notTestable('required', from, reason, { property });
    else await test.attempt('required', from, () => checkWaits(test, property, from, ids), { property });
  }
}

function whyNot({ mapping }: MappingTest, property: Property, from: SideIndex): string | undefined {
  const { entity, name, when } = mapping.sides[from];
  const path = property.sides[from].path!;
  if (isRequired(entity, path)) return `${name} itself requires a value`;
  return when && conditionTests(when.source).some((one) => samePlace(one.path, path))
    ? '"when" leaves a record without it out'
    : undefined;
}

async function checkWaits(test: MappingTest, property: Property, from: SideIndex, ids: Ids): Promise<void> {
  const { systems, tandem } = test.context;
  const { mapping } = test;
  const { entity } = mapping.sides[from];
  const path = property.sides[from].path!;
  const to = otherSide(from);
  const before = await test.both(ids);
  try {
    await systems.change(entity, ids[from], [[path, null]]);
  } catch (error) {
    test.notTestable('required', from, `the system refuses a record without it: ${test.faultOf(error)}`, { property });
    return;
  }
  await tandem.sync(mapping, from, ids[from]);
  const issue = await test.eventually(
    () => tandem.issue(mapping, 0, ids[0]),
    (found) => found?.code === CODE,
  );
  const after = await test.both(ids);
  const untouched = same(place(property, to, before[to]), place(property, to, after[to]), property);
  await systems.change(entity, ids[from], [[path, place(property, from, before[from])]]);
  await tandem.sync(mapping, from, ids[from]);
  if (untouched && !issue && mapping.sides[from].when) {
    test.notTestable('required', from, '"when" may leave a record without it out', { property });
    return;
  }
  const fault = !untouched
    ? 'the other side was written all the same'
    : issue?.code === CODE
      ? undefined
      : `expected ${CODE}, found ${issue?.code ?? 'no issue'}`;
  test.judged('required', from, fault, { property, note: `it waits: ${CODE}` });
}

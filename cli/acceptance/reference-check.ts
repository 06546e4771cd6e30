/** A record waits until the one that it refers to is linked. */
import { type Mapping, otherSide, type Property, type SideIndex } from '../../engine/index.ts';
import { noteCounterpart } from './create-check.ts';
import { type Ids, MappingTest } from './mapping-test.ts';
import { recordFor } from './test-record.ts';

const CODE = 'REFERENCE_WAITING';

export async function checkReferences(test: MappingTest): Promise<void> {
  for (const property of test.mapping.properties) {
    if (!property.reference) continue;
    const parent = test.context.mappings.get(property.reference.mapping)!;
    const from = ([0, 1] as const).find((side) => isTestable(test.mapping, property, parent, side));
    if (from !== undefined)
      await test.attempt('reference', from, () => checkWait(test, property, parent, from), { property });
    else {
      const reason = `a record that waits for ${parent.name} cannot be made: not both are created on the same side`;
      test.notTestable('reference', 0, reason, { property });
    }
  }
}

/** Whether a record of this side, and the one that it refers to, are created on the other side by themselves. */
function isTestable(mapping: Mapping, { direction, reference, sides }: Property, parent: Mapping, from: SideIndex) {
  const to = otherSide(from);
  const made = (one: string | undefined): boolean => one === 'missing' || one === 'always';
  return (
    parent !== mapping &&
    sides[from].path !== undefined &&
    direction !== from &&
    made(mapping.sides[to].create) &&
    made(parent.sides[reference!.sides[to]].create)
  );
}

async function checkWait(test: MappingTest, property: Property, parent: Mapping, from: SideIndex): Promise<void> {
  const { context, mapping } = test;
  const { systems, tandem, queues } = context;
  const side = property.reference!.sides[from];
  const counterpart = (id: string) => tandem.counterpart(mapping, from, id);
  const { referred, record, issue, early } = await queues.paused(parent, async () => {
    const { data } = await recordFor(new MappingTest(context, parent), side);
    const referred = (await systems.create(parent.sides[side].entity, data)).id;
    const ids: Ids = side === 0 ? [referred, ''] : ['', referred];
    const pairs = new Map(context.pairs).set(parent.name, [ids]);
    const referring = await recordFor(new MappingTest({ ...context, pairs }, mapping), from);
    const record = (await systems.create(mapping.sides[from].entity, referring.data)).id;
    await tandem.sync(mapping, from, record);
    const issue = await test.eventually(
      () => tandem.issue(mapping, from, record),
      (found) => found?.code === CODE,
    );
    return { referred, record, issue, early: await counterpart(record) };
  });
  await tandem.sync(parent, side, referred);
  const made = await test.eventually(
    () => counterpart(record),
    (id) => id !== undefined,
  );
  if (made !== undefined) await noteCounterpart(test, otherSide(from), made);
  const fault =
    early !== undefined
      ? 'it was written before the record that it refers to was linked'
      : issue?.code !== CODE
        ? `expected ${CODE}, found ${issue?.code ?? 'no issue'}`
        : made === undefined
          ? 'it still waits, although the record that it refers to is linked'
          : undefined;
  const note = 'it waits until the record that it refers to is linked, and is then written';
  test.judged('reference', from, fault, { property, note });
}

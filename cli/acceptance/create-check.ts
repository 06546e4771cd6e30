/** What is created on one side appears on the other, where the mapping creates it there. */
import { otherSide, type SideIndex } from '../../engine/index.ts';
import { shown } from './comparison.ts';
import type { Ids, MappingTest } from './mapping-test.ts';
import { counterpartOf } from './test-pair.ts';
import { recordFor } from './test-record.ts';
import { compare } from './write-check.ts';

/** Makes a record on one side; what follows on the other is checked against `create`. */
export async function checkCreated(test: MappingTest, from: SideIndex): Promise<Ids | undefined> {
  const { systems, tandem } = test.context;
  const mapping = test.mapping;
  const target = mapping.sides[otherSide(from)];
  const { data, values } = await recordFor(test, from);
  const record = await systems.create(mapping.sides[from].entity, data);
  const began = performance.now();
  const found = await counterpartOf(test, from, record.id);
  if (found.kind === 'not-testable') {
    test.notTestable('created', from, found.reason);
    return undefined;
  }
  if (!target.create) {
    const fault =
      found.kind === 'none' ? undefined : 'a counterpart was made although "create" does not name this side';
    test.judged('created', from, fault, { note: 'nothing was created, as the mapping says' });
    return undefined;
  }
  if (found.kind === 'none') {
    const issue = await tandem.issue(mapping, from, record.id);
    const fault = issue ? `${issue.code ?? issue.kind}: ${issue.reason}` : 'no counterpart was made';
    test.judged('created', from, fault);
    return undefined;
  }
  await noteCounterpart(test, target.index, found.id);
  const early = found.kind === 'early' ? 'a counterpart was made before a record referred to it' : undefined;
  const onDemand = target.create === 'on-demand' ? { note: 'once a record referred to it, and not before' } : {};
  test.judged('created', from, early, { ...onDemand, ms: performance.now() - began });
  const ids: Ids = from === 0 ? [record.id, found.id] : [found.id, record.id];
  await compare(test, 'set', from, ids, values, began);
  await checkCorrelated(test, from, ids);
  return ids;
}

/** The field that a mapping keeps for it holds the id of the counterpart. @param from where the first of both was made */
async function checkCorrelated(test: MappingTest, from: SideIndex, ids: Ids): Promise<void> {
  for (const { correlate, index, name } of test.mapping.sides) {
    if (!correlate) continue;
    const id = ids[otherSide(index)];
    const held = async (): Promise<unknown> => correlate.get((await test.both(ids))[index].data);
    const found = await test.eventually(held, (value) => String(value) === id);
    const fault =
      String(found) === id ? undefined : `${correlate.source} of ${name} should be ${id}, found ${shown(found)}`;
    test.judged('correlated', from, fault, { rule: name, note: `${correlate.source} of ${name} holds the id` });
  }
}

/** Only what Tandem made of a record of this test may be changed and removed by it. @throws where it is another record */
export async function noteCounterpart(test: MappingTest, side: SideIndex, id: string): Promise<void> {
  const { entity } = test.mapping.sides[side];
  const record = await test.context.systems.read(entity, id);
  if (!JSON.stringify(record?.data ?? {}).includes(test.context.mark))
    throw new Error(`It was linked with the record ${id}, which this test did not make. It is left as it is.`);
  await test.context.note(entity, id);
}

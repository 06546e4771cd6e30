/** What follows where one record of a link is deleted. */
import { otherSide, type SideIndex } from '../../engine/index.ts';
import { noteCounterpart } from './create-check.ts';
import type { Ids, MappingTest } from './mapping-test.ts';
import { counterpartOf } from './test-pair.ts';
import { recordFor } from './test-record.ts';

export async function checkDelete(test: MappingTest, from: SideIndex): Promise<void> {
  const { systems, tandem } = test.context;
  const mapping = test.mapping;
  const source = ([0, 1] as const).find((side) => mapping.sides[otherSide(side)].create);
  if (source === undefined) {
    test.notTestable('deleted', from, 'the mapping creates no counterparts, so there is no pair to spare');
    return;
  }
  if (!mapping.sides[from].entity.delete) {
    test.notTestable('deleted', from, 'its system file declares no "delete"');
    return;
  }
  const { data } = await recordFor(test, source);
  const record = await systems.create(mapping.sides[source].entity, data);
  const found = await counterpartOf(test, source, record.id);
  if (found.kind === 'not-testable') {
    test.notTestable('deleted', from, found.reason);
    return;
  }
  if (found.kind === 'none') throw new Error('No pair could be made.');
  await noteCounterpart(test, otherSide(source), found.id);
  const ids: Ids = source === 0 ? [record.id, found.id] : [found.id, record.id];
  const to = otherSide(from);
  await systems.delete(mapping.sides[from].entity, ids[from]);
  await tandem.sync(mapping, from, ids[from]);
  const rule = mapping.sides[to].deletes;
  const there = await test.eventually(
    async () => ({
      record: await systems.read(mapping.sides[to].entity, ids[to]),
      issue: await tandem.issue(mapping, to, ids[to]),
    }),
    (now) =>
      rule === 'propagate'
        ? now.record === undefined
        : now.record !== undefined && (rule === 'keep' || now.issue?.kind === 'review'),
  );
  const gone = there.record === undefined;
  const fault =
    rule === 'propagate'
      ? gone
        ? undefined
        : 'its counterpart is still there'
      : gone
        ? 'its counterpart was deleted'
        : rule === 'review' && there.issue?.kind !== 'review'
          ? 'no review was made'
          : undefined;
  test.judged('deleted', from, fault, { note: `deletes: ${rule}` });
}

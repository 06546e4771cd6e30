/** Both sides are edited at once: the rule decides, and the value that lost is kept. */
import { setTimeout as sleep } from 'node:timers/promises';
import { otherSide, type Property, type SideIndex } from '../../engine/index.ts';
import { place, same } from './comparison.ts';
import type { Ids, MappingTest } from './mapping-test.ts';
import { isFreeText } from './test-values.ts';

export async function checkConflict(test: MappingTest, ids: Ids): Promise<void> {
  const { systems, tandem } = test.context;
  const mapping = test.mapping;
  const property = mapping.properties.find(isTwoWayText);
  if (!property) {
    test.notTestable('conflict', 0, 'no two-way row holds free text');
    return;
  }
  const texts: [string, string] = [test.text(property, 0), test.text(property, 1)];
  const write = (side: SideIndex) =>
    systems.change(mapping.sides[side].entity, ids[side], [[property.sides[side].path!, texts[side]]]);
  await tandem.paused(mapping, async () => {
    await write(0);
    // Systems state times by the second or finer.
    await sleep(1_100, undefined, { signal: test.context.signal });
    await write(1);
  });
  const winner = property.conflict === 'latest' ? 1 : property.conflict;
  await tandem.sync(mapping, 0, ids[0]);
  if (winner === 'review') await checkReview(test, property, ids);
  else await checkWinner(test, property, winner, ids, texts);
}

/** A person is asked about the conflict. */
async function checkReview(test: MappingTest, property: Property, ids: Ids): Promise<void> {
  const issue = await test.eventually(
    () => test.context.tandem.issue(test.mapping, 0, ids[0]),
    (found) => found?.kind === 'review',
  );
  const fault = issue?.kind === 'review' ? undefined : 'no review was made';
  test.judged('conflict', 0, fault, { property, note: 'a person is asked' });
}

/** The text of the winner is on both sides, and that of the loser is kept. */
async function checkWinner(
  test: MappingTest,
  property: Property,
  winner: SideIndex,
  ids: Ids,
  texts: readonly [string, string],
): Promise<void> {
  const { tandem } = test.context;
  const mapping = test.mapping;
  const loser = otherSide(winner);
  const after = await test.eventually(
    () => test.both(ids),
    (now) => same(place(property, loser, now[loser]), texts[winner], property),
  );
  const kept = await tandem.lost(mapping, 0, ids[0]);
  const won = ([0, 1] as const).every((side) => same(place(property, side, after[side]), texts[winner], property));
  const found = kept.some(
    (one) => one.property === property.name && one.side === mapping.sides[loser].name && one.value === texts[loser],
  );
  const fault = !won
    ? `${mapping.sides[winner].name} should have won (conflict: ${String(property.conflict)})`
    : found
      ? undefined
      : 'the value that lost is not kept';
  test.judged('conflict', loser, fault, { property, note: 'the value that lost is kept' });
}

const isTwoWayText = (property: Property): boolean =>
  property.direction === 'both' && isFreeText(property) && !property.sides.some(({ schema }) => schema?.format);

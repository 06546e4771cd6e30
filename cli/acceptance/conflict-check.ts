/** Both sides are edited at once, in either order: the rule decides, and the value that lost is kept. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConflictRule, otherSide, type Property, type SideIndex } from '../../engine/index.ts';
import { place, same } from './comparison.ts';
import type { Ids, MappingTest } from './mapping-test.ts';
import { isFreeText } from './test-values.ts';

/** Each rule that two-way rows have, on one of them, once with either side as the one that is edited last. */
export async function checkConflicts(test: MappingTest, ids: Ids): Promise<void> {
  const { mapping } = test;
  const twoWay = mapping.properties.filter(({ direction }) => direction === 'both');
  if (twoWay.length === 0) return;
  for (const conflict of new Set([mapping.conflict, ...twoWay.map((property) => property.conflict)])) {
    const rule = ruleName(test, conflict);
    const property = twoWay.find((one) => one.conflict === conflict && takesMark(one));
    if (!property) test.notTestable('conflict', 0, `${rule}: no two-way row with this rule holds free text`, { rule });
    else
      for (const last of [1, 0] as const)
        await test.attempt('conflict', last, () => checkConflict(test, property, last, ids), { property, rule });
  }
}

/** As a mapping file writes it. */
const ruleName = ({ mapping }: MappingTest, rule: ConflictRule): string =>
  `conflict: ${typeof rule === 'string' ? rule : mapping.sides[rule].name}`;

async function checkConflict(test: MappingTest, property: Property, last: SideIndex, ids: Ids): Promise<void> {
  const { systems, tandem, queues, signal } = test.context;
  const { mapping } = test;
  const texts: [string, string] = [test.text(property, 0), test.text(property, 1)];
  const write = (side: SideIndex) =>
    systems.change(mapping.sides[side].entity, ids[side], [[property.sides[side].path!, texts[side]]]);
  await queues.paused(mapping, async () => {
    await write(otherSide(last));
    // Systems state times by the second or finer.
    await sleep(1_100, undefined, { signal });
    await write(last);
  });
  await tandem.sync(mapping, 0, ids[0]);
  const { conflict } = property;
  if (conflict === 'review') await checkReview(test, property, last, ids);
  else await checkWinner(test, property, last, conflict === 'latest' ? last : conflict, ids, texts);
}

/** A person is asked about the conflict, and answers it. */
async function checkReview(test: MappingTest, property: Property, last: SideIndex, ids: Ids): Promise<void> {
  const { tandem } = test.context;
  const issue = await test.eventually(
    () => tandem.issue(test.mapping, 0, ids[0]),
    (found) => found?.kind === 'review',
  );
  const fault = issue?.kind === 'review' ? undefined : 'no review was made';
  const rule = ruleName(test, property.conflict);
  test.judged('conflict', last, fault, { property, rule, note: `${rule}: a person is asked` });
  if (issue?.kind === 'review') await tandem.take(issue, test.mapping.sides[last].name);
}

/** The text of the winner is on both sides, and that of the loser is kept. */
async function checkWinner(
  test: MappingTest,
  property: Property,
  last: SideIndex,
  winner: SideIndex,
  ids: Ids,
  texts: readonly [string, string],
): Promise<void> {
  const { tandem } = test.context;
  const { mapping } = test;
  const loser = otherSide(winner);
  const rule = ruleName(test, property.conflict);
  const after = await test.eventually(
    () => test.both(ids),
    (now) => same(place(property, loser, now[loser]), texts[winner], property),
  );
  const kept = await tandem.overwritten(mapping, 0, ids[0]);
  const won = ([0, 1] as const).every((side) => same(place(property, side, after[side]), texts[winner], property));
  const found = kept.some(
    (one) => one.property === property.name && one.side === mapping.sides[loser].name && one.value === texts[loser],
  );
  const edited = `${mapping.sides[last].name} was edited last`;
  const fault = !won
    ? `${rule}: ${mapping.sides[winner].name} should have won; ${edited}`
    : found
      ? undefined
      : `${rule}: the value that lost is not kept`;
  const note = `${rule}: ${edited}, ${mapping.sides[winner].name} won, and the value that lost is kept`;
  test.judged('conflict', last, fault, { property, rule, note });
}

/** Free text whose form is that of a mark: see `marked`. */
const takesMark = (property: Property): boolean =>
  isFreeText(property) &&
  property.sides.every(({ schema }) => [undefined, 'email', 'uri'].includes(schema?.format as string | undefined));

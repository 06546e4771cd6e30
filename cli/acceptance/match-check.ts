/** Records that are there already are linked, or go to review, by each match rule; where several match, a person is asked. */
import type { Json, Mapping, MatchRule, Property, SideIndex } from '../../engine/index.ts';
import type { MappingTest } from './mapping-test.ts';
import { recordFor } from './test-record.ts';
import { isMark } from './test-values.ts';

export async function checkMatches(test: MappingTest): Promise<void> {
  if (test.mapping.match.length === 0) await test.attempt('matched', 0, () => checkUnmatched(test));
  for (const [i, rule] of test.mapping.match.entries()) {
    const name = `match ${i + 1}`;
    const key = keyProperty(test.mapping, rule);
    if (!key) {
      test.notTestable('matched', 0, `${name}: its keys are no row of free text`, { rule: name });
      continue;
    }
    await test.attempt('matched', 0, () => checkMatch(test, rule, name, key), { rule: name });
    // By a rule that sends one candidate to review as well, two would show nothing.
    if (rule.onMatch === 'link') await test.attempt('review', 0, () => checkSeveral(test, name, key), { rule: name });
  }
}

/** The row whose places both keys of a rule read. */
const keyProperty = (mapping: Mapping, rule: MatchRule): Property | undefined =>
  mapping.properties.find((one) =>
    ([0, 1] as const).every(
      (side) =>
        one.sides[side].path &&
        isMark(mapping, one, side) &&
        rule.keys[side].source.includes(one.sides[side].path!.source),
    ),
  );

/** Makes a record that holds a text in a row, noted for its removal. @returns its id */
async function recordWith(test: MappingTest, side: SideIndex, key: Property, text: Json): Promise<string> {
  const { data } = await recordFor(test, side);
  const { entity } = test.mapping.sides[side];
  return (await test.context.systems.create(entity, key.sides[side].path!.set(data, text))).id;
}

/** Without a rule, two records that hold the same are not linked with each other. */
async function checkUnmatched(test: MappingTest): Promise<void> {
  const { context, mapping } = test;
  const key = mapping.properties.find((one) => isMark(mapping, one, 0))!;
  const text = test.text(key, 0);
  const ids = await context.queues.paused(
    mapping,
    async () => [await recordWith(test, 0, key, text), await recordWith(test, 1, key, text)] as const,
  );
  for (const side of [0, 1] as const) await context.tandem.sync(mapping, side, ids[side]);
  const linked = await context.tandem.counterpart(mapping, 0, ids[0]);
  const fault = linked === ids[1] ? 'two records that hold the same were linked, although no rule says so' : undefined;
  test.judged('matched', 0, fault, { note: 'two records that hold the same are left apart' });
}

/** Two records that are there already and have one match key in common. */
async function checkMatch(test: MappingTest, rule: MatchRule, name: string, key: Property): Promise<void> {
  const { context, mapping } = test;
  const { tandem } = context;
  const text = test.text(key, 0);
  const ids = await context.queues.paused(
    mapping,
    async () => [await recordWith(test, 0, key, text), await recordWith(test, 1, key, text)] as const,
  );
  for (const side of [0, 1] as const) await tandem.sync(mapping, side, ids[side]);
  const linked = await test.eventually(
    () => tandem.counterpart(mapping, 0, ids[0]),
    (id) => (id !== undefined) === (rule.onMatch === 'link'),
  );
  const issue = await tandem.issue(mapping, 0, ids[0]);
  const fault =
    rule.onMatch === 'link'
      ? linked === ids[1]
        ? undefined
        : linked === undefined
          ? `not linked${issue ? `: ${issue.reason}` : ''}`
          : 'linked with another record'
      : linked !== undefined
        ? 'linked, although candidates go to review'
        : issue?.kind === 'review'
          ? undefined
          : 'no review was made';
  test.judged('matched', 0, fault && `${name}: ${fault}`, { rule: name, note: name });
}

/** One record, and two on the other side with its match key: it is linked with neither, and a person is asked. */
async function checkSeveral(test: MappingTest, name: string, key: Property): Promise<void> {
  const { context, mapping } = test;
  const { tandem } = context;
  const text = test.text(key, 0);
  const source = await context.queues.paused(mapping, async () => {
    const id = await recordWith(test, 0, key, text);
    const first = await recordWith(test, 1, key, text);
    let refused: string | undefined;
    const second = await recordWith(test, 1, key, text).catch((error: unknown) => {
      refused = test.faultOf(error);
      return first;
    });
    if (second !== first) return id;
    const reason = `${name}: the system takes no two such records${refused ? `: ${refused}` : ''}`;
    test.notTestable('review', 0, reason, { rule: name });
    return undefined;
  });
  if (source === undefined) return;
  await tandem.sync(mapping, 0, source);
  const issue = await test.eventually(
    () => tandem.issue(mapping, 0, source),
    (found) => found?.kind === 'review',
  );
  const linked = await tandem.counterpart(mapping, 0, source);
  const fault =
    linked !== undefined
      ? 'one of two that match was linked'
      : issue?.kind === 'review'
        ? undefined
        : 'no review was made, although two records match';
  test.judged('review', 0, fault && `${name}: ${fault}`, { rule: name, note: `${name}: two records match` });
}

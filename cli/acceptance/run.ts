/**
 * The acceptance test of mappings, on records that it makes: each row in both directions, each entry of a value table, and
 * the rules of the mapping. What is expected follows from the mapping's rows, not from what the engine computes: equal
 * values, the entry of the table, the linked record; a value that an expression converts must come back as it was, or change
 * with its source.
 */
import { type Config, type Mapping, otherSide, type SideIndex } from '../../engine/index.ts';
import { asFailure } from '../failure.ts';
import { checkConflicts } from './conflict-check.ts';
import { checkCreated } from './create-check.ts';
import { checkDelete } from './delete-check.ts';
import { checkExpressions } from './expression-check.ts';
import { type Ids, MappingTest, type TestContext } from './mapping-test.ts';
import { checkMatches } from './match-check.ts';
import { checkReferences } from './reference-check.ts';
import { checkRefusals } from './refusal-check.ts';
import { checkRequired } from './required-check.ts';
import { checkRows } from './row-checks.ts';
import { checkScope } from './scope-check.ts';
import { checkEntries } from './table-check.ts';
import { isMark } from './test-values.ts';
import { referredBy, whyBlocked } from './testable.ts';
import { nameUntested } from './untested.ts';
import type { Check } from './verdicts.ts';

/** @returns what was found, whatever ends the test of a mapping before its end. Never throws */
export async function testMappings(
  context: TestContext,
  config: Config,
  mappings: readonly Mapping[],
  tell: (text: string) => void,
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const mapping of mappings) {
    if (context.signal.aborted) break;
    const test = new MappingTest(context, mapping);
    try {
      const referred = referredBy(config, mapping);
      const blocked = await whyBlocked(context, mapping, referred);
      if (blocked === undefined) {
        for (const one of referred) await makePairs(context, one);
        await testMapping(test);
      } else test.notTestable('created', 0, blocked);
    } catch (error) {
      const { code, message } = asFailure(error);
      if (!context.signal.aborted)
        test.judged('rest', 0, `the rest is not tested, because of a failure: ${code}: ${message}`);
    }
    checks.push(...test.checks);
    const failed = test.checks.filter(({ verdict }) => verdict === 'failed').length;
    tell(`${mapping.name}: ${test.checks.length} checks, ${failed} failed`);
  }
  return checks;
}

async function testMapping(test: MappingTest): Promise<void> {
  const { mapping } = test;
  const { sides, properties } = mapping;
  if (!properties.some((property) => isMark(mapping, property, 0) && property.direction === 'both')) {
    test.notTestable('created', 0, 'no two-way row of free text could hold the mark of a test');
    return;
  }
  nameUntested(test);
  const pair = await pairOf(test);
  if (!pair) {
    test.notTestable('rest', 0, 'no linked pair could be made, so no row and no other rule is tested');
    return;
  }
  const { source, ids } = pair;
  await checkRows(test, source, ids);
  await checkExpressions(test, ids);
  await checkEntries(test, ids);
  for (const from of [0, 1] as const) await checkRefusals(test, from, ids);
  for (const from of [0, 1] as const) await checkRequired(test, from, ids);
  await checkConflicts(test, ids);
  for (const side of [0, 1] as const)
    if (sides[side].when) await test.attempt('scope', side, () => checkScope(test, side, ids));
  // From the other side as well: created there, or left alone.
  await test.attempt('created', otherSide(source), () => checkCreated(test, otherSide(source)));
  await checkReferences(test);
  await checkMatches(test);
  for (const side of [0, 1] as const) await test.attempt('deleted', side, () => checkDelete(test, side));
}

/** Two linked pairs for references to them, without any check; fewer where they cannot be made. */
async function makePairs(context: TestContext, mapping: Mapping): Promise<void> {
  for (let n = context.pairs.get(mapping.name)?.length ?? 0; n < 2; n++)
    if (!(await pairOf(new MappingTest(context, mapping)))) return;
}

/** @returns undefined where none could be made, which is a check of its own */
async function pairOf(test: MappingTest): Promise<{ source: SideIndex; ids: Ids } | undefined> {
  const { context, mapping } = test;
  const source = ([0, 1] as const).find((side) => mapping.sides[otherSide(side)].create) ?? 0;
  let ids: Ids | undefined;
  await test.attempt('created', source, async () => {
    ids = await checkCreated(test, source);
  });
  if (!ids) return undefined;
  context.pairs.set(mapping.name, [...(context.pairs.get(mapping.name) ?? []), ids]);
  return { source, ids };
}

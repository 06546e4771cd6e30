/** A value that the other side cannot take is refused with the right code, and the other side is left alone. */
import { type Json, otherSide, type Property, refusal, type SideIndex } from '../../engine/index.ts';
import { place, same } from './comparison.ts';
import type { Ids, MappingTest } from './mapping-test.ts';
import { writableRows } from './test-record.ts';

export async function checkRefusals(test: MappingTest, from: SideIndex, ids: Ids): Promise<void> {
  for (const property of writableRows(test.mapping, from)) {
    const bad = badValue(test, property, from);
    if (!bad) continue;
    const path = property.sides[from].path!;
    const before = await test.both(ids);
    await test.attempt('refused', from, async () => {
      try {
        await test.context.systems.change(test.mapping.sides[from].entity, ids[from], [[path, bad.value]]);
      } catch (error) {
        const reason = `the system itself refuses such a value: ${test.faultOf(error)}`;
        test.notTestable('refused', from, reason, { property });
        return;
      }
      await test.context.tandem.sync(test.mapping, from, ids[from]);
      const issue = await test.eventually(
        () => test.context.tandem.issue(test.mapping, 0, ids[0]),
        (found) => found?.code === bad.code,
      );
      const to = otherSide(from);
      const after = await test.both(ids);
      const untouched = same(place(property, to, before[to]), place(property, to, after[to]), property);
      const fault =
        issue?.code !== bad.code
          ? `expected ${bad.code}, found ${issue?.code ?? 'no issue'}`
          : untouched
            ? undefined
            : 'the other side was written all the same';
      test.judged('refused', from, fault, { property, note: bad.code });
      await test.context.systems.change(test.mapping.sides[from].entity, ids[from], [
        [path, place(property, from, before[from])],
      ]);
      await test.context.tandem.sync(test.mapping, from, ids[from]);
    });
  }
}

/** A value that this side takes and the other one cannot, with the code that Tandem must give. */
function badValue(test: MappingTest, property: Property, from: SideIndex): { value: Json; code: string } | undefined {
  const { sides, values, convert, type } = property;
  const [own, others] = [sides[from].schema, sides[otherSide(from)].schema];
  const path = sides[from].path!;
  const fits = (value: Json): boolean => refusal(test.mapping, property, from, path.set({}, value)) === undefined;
  if (convert[0] || convert[1] || property.reference) return undefined;
  const say = (reason: string): undefined => {
    test.notTestable('refused', from, reason, { property });
  };
  if (values) {
    if (sides[from].lookup) return say('an id that does not exist would be refused by the system itself');
    return fits('ZZ') && type === 'string'
      ? { value: 'ZZ', code: 'VALUE_NOT_IN_TABLE' }
      : say('its schema takes no value that the table lacks');
  }
  const longest = Number(others?.maxLength ?? Number.POSITIVE_INFINITY);
  const long = longest < 10_000 && others?.format === undefined ? 'x'.repeat(longest + 1) : undefined;
  if (long !== undefined && [own?.type].flat().includes('string') && fits(long))
    return { value: long, code: 'RECORD_SCHEMA' };
  if (type !== 'string' && [own?.type].flat().includes('string') && fits('none'))
    return { value: 'none', code: 'VALUE_TYPE' };
  return say('every value that this side takes fits the other one, as far as the schemas say');
}

/** Each entry of the value tables arrives, in both directions. */
import type { Ids, MappingTest, Values } from './mapping-test.ts';
import { tableValues, writableRows } from './test-record.ts';
import { writeAndCompare } from './write-check.ts';

/** Each entry there, and the next one back; the entries of several rows at once. */
export async function checkEntries(test: MappingTest, ids: Ids): Promise<void> {
  const rows = test.mapping.properties.filter(({ values, convert }) => values && !convert[0] && !convert[1]);
  const results = new Map<string, { tried: number; faults: string[] }>();
  const before = test.checks.length;
  const entries = await Promise.all(
    rows.map(async (property) => [await tableValues(test, property, 0), await tableValues(test, property, 1)] as const),
  );
  const most = Math.max(0, ...entries.map(([a, b]) => Math.max(a.length, b.length)));
  for (let i = 0; i < most; i++) {
    for (const from of [0, 1] as const) {
      const values: Values = new Map();
      for (const [at, property] of rows.entries()) {
        const entry = entries[at]![from][(i + from) % Math.max(1, entries[at]![from].length)];
        if (i < entries[at]![from].length && entry && writableRows(test.mapping, from).includes(property))
          values.set(property, entry.value);
      }
      test.context.progress(`${test.mapping.name}: entry ${i + 1} of ${most}`);
      await writeAndCompare(test, 'entries', from, ids, values);
    }
  }
  // One check per row and direction says it all.
  for (const check of test.checks.splice(before)) {
    const key = JSON.stringify([check.property, check.from]);
    const result = results.get(key) ?? { tried: 0, faults: [] };
    results.set(key, {
      tried: result.tried + 1,
      faults: check.verdict === 'passed' ? result.faults : [...result.faults, check.reason ?? ''],
    });
  }
  for (const [key, { tried, faults }] of results) {
    const [property, from] = JSON.parse(key) as [string, string];
    const reason =
      faults.length > 0 ? `${faults.length} of ${tried} entries: ${faults.slice(0, 3).join('; ')}` : `${tried} entries`;
    test.add(
      { property, what: 'entries', verdict: faults.length > 0 ? 'failed' : 'passed', reason },
      test.mapping.sides[0].name === from ? 0 : 1,
    );
  }
  for (const [at, property] of rows.entries())
    for (const side of [0, 1] as const) {
      const missing =
        (side === 0 ? property.values!.backward : property.values!.forward).size - entries[at]![side].length;
      if (missing > 0)
        test.notTestable(
          'entries',
          side,
          `${missing} entries name no ${property.sides[side].lookup?.entity} of this account`,
          { property },
        );
    }
}

/** What an expression makes of a value is not computed. Where nothing leads back from it, what is left to see is that it follows its source. */
import { isEmpty, type Json, otherSide, type Property, type SideIndex, type SystemRecord } from '../../engine/index.ts';
import { place, same, shown } from './comparison.ts';
import type { Ids, MappingTest } from './mapping-test.ts';
import { differentValues } from './test-values.ts';

/** Whether a value that is converted need not, or cannot, come back as it was. */
export const nothingLeadsBack = ({ direction, lossy }: Property): boolean => direction !== 'both' || lossy;

/** Values that are tried before a result counts as constant. */
const TRIES = 5;

/** Another source must give another target. Two may become one by chance, so more are tried. @param before both records before the last edit */
export async function followFault(
  test: MappingTest,
  property: Property,
  from: SideIndex,
  ids: Ids,
  before: readonly [SystemRecord, SystemRecord],
): Promise<string | undefined> {
  const { systems, tandem } = test.context;
  const { mapping } = test;
  const to = otherSide(from);
  const path = property.sides[from].path!;
  const old = place(property, from, before[from]);
  // That something came of nothing shows no more than that it arrived.
  const first = place(property, to, (isEmpty(old) ? await test.both(ids) : before)[to]);
  const changed = async (): Promise<boolean> => {
    const now = await test.eventually(
      () => test.both(ids),
      (records) => !same(place(property, to, records[to]), first, property),
    );
    return !same(place(property, to, now[to]), first, property);
  };
  const current = place(property, from, (await test.both(ids))[from]);
  const tried: Json[] = [old, current].filter((value) => !isEmpty(value));
  const known = (value: Json): boolean => tried.some((one) => same(one, value, property));
  if (!isEmpty(old) && !same(old, current, property) && (await changed())) return undefined;
  for (const value of differentValues(mapping, property, from, {}, TRIES)) {
    if (known(value)) continue;
    tried.push(value);
    await systems.change(mapping.sides[from].entity, ids[from], [[path, value]]);
    await tandem.sync(mapping, from, ids[from]);
    if (await changed()) return undefined;
  }
  return `its conversion makes the same of all values: ${tried.map(shown).join(', ')} became ${shown(first)}`;
}

/** Values are written on one side and looked for on the other. */
import {
  isEmpty,
  type Json,
  otherSide,
  type Property,
  type SideIndex,
  type SystemRecord,
  tableKey,
  type WritablePath,
} from '../../engine/index.ts';
import { same, shown } from './comparison.ts';
import { followFault, nothingLeadsBack } from './conversion-check.ts';
import type { Ids, MappingTest, Values } from './mapping-test.ts';

/** Writes values on one side and looks for them on the other. @param wanted what must come back, where it was there before */
export async function writeAndCompare(
  test: MappingTest,
  what: 'changed' | 'cleared' | 'entries' | undefined,
  from: SideIndex,
  ids: Ids,
  values: Values,
  wanted?: Values,
): Promise<void> {
  const { systems, tandem, signal, progress } = test.context;
  signal.throwIfAborted();
  if (values.size === 0) return;
  if (what) progress(`${test.mapping.name}: ${what} on ${test.mapping.sides[from].name}`);
  const entity = test.mapping.sides[from].entity;
  const before = await test.both(ids);
  try {
    await systems.change(
      entity,
      ids[from],
      [...values].map(([property, value]) => [property.sides[from].path!, value] as [WritablePath, Json]),
    );
  } catch (error) {
    const why = test.faultOf(error);
    // One of several may be what is refused.
    if (values.size > 1) {
      for (const one of values) await writeAndCompare(test, what, from, ids, new Map([one]), wanted);
      return;
    }
    const reason = `the system refuses the value: ${why}`;
    if (what) for (const property of values.keys()) test.notTestable(what, from, reason, { property });
    return;
  }
  const began = performance.now();
  await tandem.sync(test.mapping, from, ids[from]);
  await compare(test, what, from, ids, values, began, { before, ...(wanted ? { wanted } : {}) });
}

interface Known {
  /** Both records before the values were written. */
  readonly before?: readonly [SystemRecord, SystemRecord];
  /** What must come back, where it was there before. */
  readonly wanted?: Values;
}

/** Whether the other side shows what was written; looked at until it does, or the time is up. @param began when it was written */
export async function compare(
  test: MappingTest,
  what: 'set' | 'changed' | 'cleared' | 'entries' | undefined,
  from: SideIndex,
  ids: Ids,
  values: Values,
  began: number,
  { before, wanted }: Known = {},
): Promise<void> {
  const flowing = [...values.keys()].filter(({ direction }) => direction === 'both' || direction === otherSide(from));
  const faultsNow = async (): Promise<Map<Property, string>> => {
    const records = await test.both(ids);
    const faults = new Map<Property, string>();
    for (const property of flowing) {
      const fault = await faultOf(test, property, from, records, wanted?.get(property));
      if (fault !== undefined) faults.set(property, fault);
    }
    return faults;
  };
  const faults = await test.eventually(faultsNow, (found) => found.size === 0);
  const ms = performance.now() - began;
  if (!what) return;
  const issue = faults.size > 0 ? await test.context.tandem.issue(test.mapping, from, ids[from]) : undefined;
  for (const property of flowing) {
    const fault = faults.get(property);
    const why =
      issue && (issue.property === undefined || issue.property === property.name)
        ? ` (${issue.code}: ${issue.reason})`
        : '';
    const unknown = fault === undefined && what !== 'cleared' && property.convert[otherSide(from)] !== undefined;
    if (!unknown) test.judged(what, from, fault && `${fault}${why}`, { property, ms });
    else if (!nothingLeadsBack(property))
      test.judged(what, from, undefined, { property, ms, note: isEmpty(wanted?.get(property)) ? THERE : BACK });
    else if (what !== 'changed' || !before) test.notTestable(what, from, ARRIVED, { property });
    else {
      const still = await followFault(test, property, from, ids, before);
      test.judged(what, from, still, { property, ms, note: FOLLOWS });
    }
  }
}

const THERE =
  'its conversion is an expression; whether its value comes back as it was is tested as a change on the other side';
const BACK = 'its conversion is an expression; its value came back as it was';
const FOLLOWS = 'another value gives another one; what its conversion makes of it is not computed';
const ARRIVED = 'its conversion is an expression that nothing leads back from; a value arrived';

/** Why the target does not show what the row says of the source. */
async function faultOf(
  test: MappingTest,
  property: Property,
  from: SideIndex,
  records: readonly [SystemRecord, SystemRecord],
  wanted: Json | undefined,
): Promise<string | undefined> {
  const to = otherSide(from);
  const [given, got] = [
    await seenValue(test, property, from, records[from]),
    await seenValue(test, property, to, records[to]),
  ];
  const differs = (value: unknown): string | undefined =>
    same(value, got, property) ? undefined : `expected ${shown(value)}, found ${shown(got)}`;
  if (property.convert[to]) {
    if (isEmpty(given) !== isEmpty(got)) return `${shown(given)} became ${shown(got)}`;
  } else if (isEmpty(given)) {
    if (!isEmpty(got)) return `expected nothing, found ${shown(got)}`;
  } else if (property.reference) {
    const { mapping, sides } = property.reference;
    const pair = test.context.pairs.get(mapping)?.find((ids) => ids[sides[from]] === String(given));
    return differs(pair?.[sides[to]]);
  } else if (property.values) {
    const table = to === 1 ? property.values.forward : property.values.backward;
    const fault = differs(table.get(tableKey(given, property)));
    if (fault !== undefined) return fault;
  } else {
    const fault = differs(given);
    if (fault !== undefined) return fault;
  }
  // It came back from what it became there, so it must be what it was.
  const converted = property.convert[0] !== undefined || property.convert[1] !== undefined;
  return wanted === undefined || isEmpty(wanted) || !converted || property.lossy || same(wanted, got, property)
    ? undefined
    : `${shown(wanted)} came back as ${shown(got)}`;
}

/** The value of a row as tables see it: through a lookup. */
async function seenValue(
  test: MappingTest,
  property: Property,
  side: SideIndex,
  record: SystemRecord,
): Promise<unknown> {
  const { path, lookup } = property.sides[side];
  const value = path?.get(record.data);
  if (!lookup || isEmpty(value)) return value;
  const records = await test.context.systems.all(test.mapping.sides[side].system.name, lookup.entity);
  return records.find(({ id }) => id === String(value))?.data[lookup.field];
}

/** Two linked records: one is made, and Tandem makes the other. Where that is done on demand, a third one refers to the first. */
import { type JsonObject, type Mapping, otherSide, type SideIndex, type SystemRecord } from '../../engine/index.ts';
import { type Ids, MappingTest } from './mapping-test.ts';
import { recordFor } from './test-record.ts';

/** What became of a new record. `early`: it was made before anything referred to the record. */
export type Counterpart =
  | { readonly kind: 'made'; readonly id: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'early'; readonly id: string }
  | { readonly kind: 'not-testable'; readonly reason: string };

/** Has Tandem look at a new record, and waits until it has a counterpart; where none is to be made, that none is there. */
export async function counterpartOf(test: MappingTest, from: SideIndex, id: string): Promise<Counterpart> {
  const { mapping } = test;
  const { create } = mapping.sides[otherSide(from)];
  const { tandem } = test.context;
  const look = () => tandem.counterpart(mapping, from, id);
  await tandem.sync(mapping, from, id);
  if (create === 'on-demand') {
    const early = await look();
    if (early !== undefined) return { kind: 'early', id: early };
    const reason = await refer(test, from, id);
    if (reason !== undefined) return { kind: 'not-testable', reason };
  }
  const found = await test.eventually(look, (one) => (one !== undefined) === (create !== undefined));
  return found === undefined ? { kind: 'none' } : { kind: 'made', id: found };
}

/** Makes a record that refers to another one. @returns why that cannot be done; undefined where it is done */
async function refer(test: MappingTest, from: SideIndex, id: string): Promise<string | undefined> {
  const { context, mapping } = test;
  for (const child of context.mappings.values()) {
    const side = referringSide(child, mapping, from);
    if (side === undefined) continue;
    const ids: Ids = from === 0 ? [id, ''] : ['', id];
    const referring = new MappingTest({ ...context, pairs: new Map(context.pairs).set(mapping.name, [ids]) }, child);
    const { data } = await recordFor(referring, side);
    const record = await create(referring, side, data);
    await context.tandem.sync(child, side, record.id);
    const made = await test.eventually(
      () => context.tandem.counterpart(child, side, record.id),
      (one) => one !== undefined,
    );
    if (made !== undefined) await context.note(child.sides[otherSide(side)].entity, made);
    return undefined;
  }
  return 'it is created on demand, and no row with a "reference" belongs to a mapping that creates there';
}

/** On which side records of a mapping refer to those of another one, in a row that flows to a side where all are created. */
function referringSide(child: Mapping, { name }: Mapping, from: SideIndex): SideIndex | undefined {
  return ([0, 1] as const).find(
    (side) =>
      child.sides[otherSide(side)].create === 'missing' &&
      child.properties.some(
        ({ reference, direction }) =>
          reference?.mapping === name && reference.sides[side] === from && (direction === 'both' || direction !== side),
      ),
  );
}

const create = ({ context, mapping }: MappingTest, side: SideIndex, data: JsonObject): Promise<SystemRecord> =>
  context.systems.create(mapping.sides[side].entity, data);

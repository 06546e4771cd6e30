/**
 * Our own last write to each record of an entity, shared by all mappings that write it, so that none of them takes it for an
 * edit. A value is two times of 6 bytes, in ms: the modification by our write, and the last one before it that was not ours.
 */
import type { StoreContext } from './context.ts';
import type { OwnWrite, RecordRef } from './types.ts';

const TIME = 6;

/** As commit.lua takes them. A write whose time the system does not state is left out. */
export const packOwnWrites = (
  { entities }: Pick<StoreContext, 'entities'>,
  writes: readonly (RecordRef & OwnWrite)[],
): [entity: string, id: string, value: Buffer][] =>
  writes.flatMap(({ side, id, at, before }) => {
    const time = Date.parse(at);
    if (entities[side] === '' || !(time > 0)) return [];
    const value = Buffer.alloc(2 * TIME);
    value.writeUIntBE(time, 0, TIME);
    value.writeUIntBE(Math.max(Date.parse(before ?? '') || 0, 0), TIME, TIME);
    return [[entities[side], id, value]];
  });

function unpackOwnWrite(value: Buffer): OwnWrite {
  const [at, before] = [value.readUIntBE(0, TIME), value.readUIntBE(TIME, TIME)];
  return { at: iso(at), before: before === 0 ? undefined : iso(before) };
}

const iso = (ms: number): string => new Date(ms).toISOString();

export function createOwnWrites({ scripts, entities }: StoreContext) {
  return async (records: readonly RecordRef[]): Promise<(OwnWrite | undefined)[]> => {
    if (records.length === 0) return [];
    const asked = records.flatMap(({ side, id }) => [entities[side], id]);
    const values = await scripts.run<(Buffer | null)[]>('own', ...asked);
    return values.map((value) => (value ? unpackOwnWrite(value) : undefined));
  };
}

export type OwnWrites = ReturnType<typeof createOwnWrites>;

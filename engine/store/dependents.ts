/** Who waits for the link of a record, and who is in review because of it. Both are woken by marking them dirty. */
import type { SideIndex } from '../types.ts';
import type { StoreContext } from './context.ts';
import { recordKey } from './record-key.ts';
import type { RecordKey } from './types.ts';

/** `MAPPING|SIDE|ID` */
export type Dependent = string;
/** w: waits for its link, c: watches it as a candidate. */
type Kind = 'w' | 'c';

export function createDependents({ redis, base }: StoreContext) {
  const key = `${base}dependents`;
  const member = (record: RecordKey, kind: Kind, dependent: Dependent): string => `${record}\0${kind}${dependent}`;

  return {
    async add(record: RecordKey, kind: Kind, dependent: Dependent): Promise<void> {
      await redis.zadd(key, 0, member(record, kind, dependent));
    },

    async of(side: SideIndex, id: string, kind: Kind): Promise<Dependent[]> {
      const start = `${recordKey(side, id)}\0${kind}`;
      const found = await redis.zrangebylex(key, `[${start}`, `[${start}\xff`);
      return found.map((one) => one.slice(start.length));
    },

    async remove(record: RecordKey, kind: Kind, dependents: readonly Dependent[]): Promise<void> {
      if (dependents.length > 0) await redis.zrem(key, ...dependents.map((one) => member(record, kind, one)));
    },
  };
}

export type Dependents = ReturnType<typeof createDependents>;

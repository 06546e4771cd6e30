/** Who waits for the link of a record, and who is in review because of it. Both are woken by marking them dirty. */

import { recordKey } from '../model/record-key.ts';
import type { SideIndex } from '../types.ts';
import type { StoreContext } from './context.ts';

/** `MAPPING|SIDE|ID` */
export type Dependent = string;
/** w: waits for its link, c: watches it as a candidate. */
type Kind = 'w' | 'c';

export function createDependents({ redis, base }: StoreContext) {
  const key = `${base}dependents`;
  return {
    async of(side: SideIndex, id: string, kind: Kind): Promise<Dependent[]> {
      const start = `${recordKey(side, id)}\0${kind}`;
      const found = await redis.zrangebylex(key, `[${start}`, `[${start}\xff`);
      return found.map((one) => one.slice(start.length));
    },
  };
}

export type Dependents = ReturnType<typeof createDependents>;

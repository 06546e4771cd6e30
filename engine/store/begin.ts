/** What is begun at systems: noted before the first request, and what is learned of it since. */
import { coalesce } from '../coalesce.ts';
import { type BrakeListener, brakeRequest, parseBrake } from './brake.ts';
import { pairs } from './flat.ts';
import { type Packable, pack } from './msgpack.ts';
import { RECORDS_PER_SCRIPT } from './scripts.ts';
import type { StoreContext } from './store-context.ts';
import type { Batches } from './types.ts';
import type { WireUnit } from './units.ts';

/** Ms for which the first that begins a write waits for others. */
const LINGER = 1;

type Begins = Pick<Batches, 'begin' | 'withdraw' | 'noteCreate' | 'dropWrites' | 'leaveToPerson'>;

/** @param tell called when this process puts the brake on */
export function createBegins({ scripts }: StoreContext, tell: BrakeListener): Begins {
  const begin = coalesce<WireUnit, string[]>(
    (requests) => scripts.text('begin', pack(requests as Packable)),
    RECORDS_PER_SCRIPT,
    LINGER,
  );

  return {
    async begin({ record, owner = '', claims = [], writes, create, replaces, unlimited, allowance }) {
      const asked = unlimited === 'unasked' ? {} : brakeRequest(unlimited, allowance);
      const [result, ...fields] = await begin({
        b: asked,
        k: record,
        o: owner,
        c: claims,
        ...(writes ? { W: JSON.stringify(writes), wr: writes.revision, wa: writes.ids[0], wb: writes.ids[1] } : {}),
        ...(create ? { C: JSON.stringify(create), ck: create.key, cr: replaces ?? '' } : {}),
      });
      if (result === 'begun') return undefined;
      if (result === 'changed' || result === 'lost') return result;
      const brake = parseBrake(Object.fromEntries(pairs(fields)));
      if (brake && 'id' in asked && brake.id === asked.id) tell(true, brake);
      return brake;
    },

    async withdraw({ record, owner = '', claims = [] }, key) {
      const [result] = await begin({ b: {}, k: record, o: owner, c: claims, D: key });
      return result === 'begun' ? undefined : (result as 'changed' | 'lost');
    },

    async noteCreate({ record, owner = '', claims = [] }, key, learned) {
      const fields = JSON.stringify(learned).slice(1, -1);
      const [result] = await begin({ b: {}, k: record, o: owner, c: claims, M: fields, mk: key });
      return result === 'begun' ? undefined : (result as 'changed' | 'lost');
    },

    async dropWrites({ record, owner = '', claims = [] }, writes) {
      await begin({ b: {}, k: record, o: owner, c: claims, R: JSON.stringify(writes) });
    },

    async leaveToPerson(record, owner = '') {
      await begin({ b: {}, k: record, o: owner, c: [], V: true });
    },
  };
}

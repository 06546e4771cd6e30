/** Batches of dirty records: taken under claims, committed or given back. One script each, however many records. */
import { createBegins } from './begin.ts';
import type { BrakeListener } from './brake.ts';
import { createClaiming } from './claims.ts';
import { createComparison } from './compare.ts';
import type { Reader } from './reader.ts';
import { LEASE } from './runs/run-scripts.ts';
import type { StoreContext } from './store-context.ts';
import { take } from './take.ts';
import type { Batches } from './types.ts';
import { commitUnits, packUnit, recordKeys } from './units.ts';

/** @param tell called when this process puts the brake on */
export function createBatches(context: StoreContext, reader: Reader, tell: BrakeListener = () => {}): Batches {
  const { redis, scripts, base } = context;
  return {
    lookup: reader.lookup,
    take: (request) => take(context, reader, request),
    ...createClaiming(context),
    ...createBegins(context, tell),
    ...createComparison(context),

    commit: (owner, units, marked) =>
      commitUnits(
        context,
        owner,
        (used) => Promise.all(units.map((unit) => packUnit(context, unit, used))),
        { r: `${context.prefix}:{runs}:`, t: new Date().toISOString(), l: LEASE },
        marked,
      ),

    async releaseTaken(owner, units, inMs = 0) {
      const claims = units.flatMap((unit) => unit.claims);
      const keys = units.flatMap((unit) => unit.records.map(({ key }) => key));
      if (claims.length + keys.length > 0)
        await scripts.text('release', owner, inMs, claims.length, ...claims, ...keys);
    },

    async markDirty(records, inMs = 0) {
      if (records.length > 0) await scripts.text('mark', inMs, ...recordKeys(records));
    },

    revision: async () => Number((await redis.get(`${base}revision`)) ?? 0),
  };
}

/** Batches of dirty records: taken under claims, committed or given back. One script each, however many records. */
import { parseRecordKey } from '../model/record-key.ts';
import { createBegins } from './begin.ts';
import type { BrakeListener } from './brake.ts';
import { createClaiming } from './claims.ts';
import { createComparison } from './compare.ts';
import { pairs } from './flat.ts';
import type { Reader } from './reader.ts';
import { LEASE } from './runs/run-scripts.ts';
import { redisTime, type StoreContext } from './store-context.ts';
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

    async dirtyStats() {
      const dirty = `${base}dirty`;
      const now = await redisTime(redis);
      const [count, due, oldest] = await Promise.all([
        redis.zcard(dirty),
        redis.zcount(dirty, '-inf', now),
        redis.zrange(dirty, '0', '0', 'WITHSCORES'),
      ]);
      return { count, due, oldest: oldest[1] === undefined ? undefined : Math.floor(Number(oldest[1])) };
    },

    async dirtyRecords(offset, limit) {
      const flat = await redis.zrange(`${base}dirty`, String(offset), String(offset + limit - 1), 'WITHSCORES');
      return pairs(flat).map(([key, due]) => ({ ...parseRecordKey(key), due: Math.floor(Number(due)) }));
    },

    revision: async () => Number((await redis.get(`${base}revision`)) ?? 0),
  };
}

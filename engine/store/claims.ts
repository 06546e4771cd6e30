/**
 * Who works on what: names that one owner holds for a time. They are taken by take.lua, lock.lua and claim.lua, which
 * extends them too, and released with batches.
 */
import { coalesce } from '../coalesce.ts';
import { type Packable, pack } from './msgpack.ts';
import { RECORDS_PER_SCRIPT } from './scripts.ts';
import { redisTime, type StoreContext } from './store-context.ts';
import type { Batches } from './types.ts';
import { packIndex, type WireUnit } from './units.ts';

export function createClaims({ redis, base }: StoreContext) {
  return {
    /** Whether anybody works on it right now. */
    async claimed(name: string): Promise<boolean> {
      const [value, now] = await Promise.all([redis.hget(`${base}claims`, name), redisTime(redis)]);
      return value !== null && Number(value.slice(0, value.indexOf(' '))) > now;
    },
  };
}

/** Claims that are taken, or extended, by those who work on a batch. */
export function createClaiming(context: StoreContext): Pick<Batches, 'extend' | 'claim' | 'lock'> {
  const { scripts } = context;
  const lock = coalesce<WireUnit, number>(
    (requests) => scripts.text('lock', pack(requests as Packable)),
    RECORDS_PER_SCRIPT,
  );

  return {
    extend: (owner, claims, ttlMs) => claimed(owner, ttlMs, 'work', claims),
    claim: (owner, claims, ttlMs) => claimed(owner, ttlMs, 'take', claims),

    async lock(owner, indexed, claims, ttlMs) {
      const entry = indexed && {
        s: String(indexed.side),
        i: indexed.entry.id,
        ...packIndex(context, indexed.entry),
      };
      const at = await lock({ o: owner, ttl: ttlMs, c: claims, ...entry } as WireUnit);
      return at === 0 ? undefined : at;
    },
  };

  async function claimed(owner: string, ttlMs: number, how: 'take' | 'work', names: readonly string[]) {
    const at = await scripts.text<number>('claim', owner, ttlMs, how, ...names);
    return at === 0 ? undefined : at;
  }
}

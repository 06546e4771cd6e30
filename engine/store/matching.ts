/** How records find each other: by the match keys of records, with a link or without, and by the ids that records name. */
import { coalesce } from '../coalesce.ts';
import type { SideIndex } from '../types.ts';
import { pack } from './msgpack.ts';
import { RECORDS_PER_SCRIPT } from './scripts.ts';
import type { StoreContext } from './store-context.ts';
import { tokenBytes } from './tokens.ts';
import type { Token } from './types.ts';

export function createMatching({ redis, scripts, base, rules, fingerprinter }: StoreContext) {
  const family = (rule: number | 'c', side: SideIndex): string => `free:${rules.tag}:${rule}:${side}`;
  const ask = coalesce<readonly [family: string, key: Buffer, limit: number], string[]>((questions) =>
    scripts.text<string[][]>('candidates', ...questions.flat()),
  );
  const find = (side: SideIndex, rule: number | 'c', key: Buffer, limit: number): Promise<string[]> =>
    ask([family(rule, side), key, limit]);
  const linked = coalesce<Buffer, string[][]>((requests) => scripts.text('linked', pack(requests)), RECORDS_PER_SCRIPT);
  const bytes = (token: Token): Buffer => Buffer.from(token, 'base64url');

  return {
    /** Ids on a side whose match key of this rule is `key`; at most `limit`. */
    candidates: (side: SideIndex, rule: number, key: Token, limit = 10): Promise<string[]> =>
      find(side, rule, bytes(key), limit),

    /** Ids on a side whose records name the record `id` of the other side as their counterpart; at most `limit`. */
    correlatedWith: (side: SideIndex, id: string, limit = 10): Promise<string[]> =>
      find(side, 'c', bytes(fingerprinter.token(id)), limit),

    /**
     * Links whose records have a match key, by their ids on side 0: per key, at most 11. Calls of one moment are one script.
     */
    linkedBy: async (keys: readonly Token[]): Promise<string[][]> =>
      keys.length === 0 ? [] : linked(tokenBytes(...keys)),

    /** How many counterparts the records of a side name. */
    correlatedCount: async (side: SideIndex): Promise<number> =>
      Number((await redis.hget(`${base}sizes`, family('c', side))) ?? 0),
  };
}

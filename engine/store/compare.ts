/** What scans ask about many records at once: which are not as they were last handled, which have no link. */
import { RECORDS_PER_SCRIPT } from './scripts.ts';
import type { StoreContext } from './store-context.ts';
import { isToken, tokenBytes } from './tokens.ts';
import type { Batches } from './types.ts';
import { commitUnits, type WireUnit } from './units.ts';
import { packState } from './unlinked-codec.ts';

export function createComparison(context: StoreContext): Pick<Batches, 'changed' | 'free' | 'noteRaw'> {
  const { scripts } = context;

  return {
    async changed(side, ids, raws) {
      const other: number[] = [];
      for (let i = 0; i < ids.length; i += RECORDS_PER_SCRIPT) {
        const joined = tokenBytes(...raws.slice(i, i + RECORDS_PER_SCRIPT));
        const found = await scripts.run<number[]>(
          'compare',
          String(side),
          joined,
          ...ids.slice(i, i + RECORDS_PER_SCRIPT),
        );
        other.push(...found.map((position) => i + position));
      }
      return other;
    },

    async free(side, ids) {
      const free: number[] = [];
      for (let i = 0; i < ids.length; i += RECORDS_PER_SCRIPT) {
        const found = await scripts.run<number[]>('free', String(side), ...ids.slice(i, i + RECORDS_PER_SCRIPT));
        free.push(...found.map((position) => i + position));
      }
      return free;
    },

    async noteRaw(side, records) {
      for (let i = 0; i < records.length; i += RECORDS_PER_SCRIPT) {
        const units = records.slice(i, i + RECORDS_PER_SCRIPT).map(({ id, raw, state }): WireUnit => {
          const states = { st: packState(state), s8: isToken(state) ? tokenBytes(state) : '' };
          return { c: [], d: [], k: 'R', s: String(side), i: id, raw: tokenBytes(raw), ...states };
        });
        await commitUnits(context, '', async () => units);
      }
    },
  };
}

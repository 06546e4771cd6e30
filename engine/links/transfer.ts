/**
 * Links as a copy outside Redis: one line of JSON each, in both directions, a batch at a time. A copy holds all that
 * cannot be made again: link keys, bases, the states in which records were handled, what people decided to leave, and
 * creates that were begun. It holds ids and fingerprints, no values of records.
 *
 * It does not hold what was read: after an import both sides are read fully before anything is matched or created, for
 * records may have come since the copy that no match index knows of.
 */
import type { Redis } from 'ioredis';
import type { Base, SideIndex } from '../types.ts';
import { type MappingKeys, parseRecordKey, recordKey } from './keys.ts';
import type { LinkCommands } from './scripts.ts';
import type { Held, Intent } from './shapes.ts';

export interface CopiedLink {
  readonly ids: readonly [string, string];
  readonly version: string;
  /** As it stands in Redis, whatever its entries hold. */
  readonly base: Base;
  readonly states: readonly [string, string];
  readonly held?: Held;
}

/** A record without a link that has something to keep. */
export interface CopiedRecord {
  readonly side: SideIndex;
  readonly id: string;
  readonly state?: string;
  readonly held?: Held;
  readonly intent?: Intent;
}

/** `differs`: a record is linked to another one by now. `busy`: a worker has it just now. */
export type Restored = 'imported' | 'there' | 'differs' | 'busy';

const RESTORED: readonly Restored[] = ['there', 'imported', 'differs', 'busy'];

/** What nothing would bring up again; all else is looked at anew. */
const KEPT: readonly Held['kind'][] = ['gone', 'paused', 'unmatched'];

export type Transfer = ReturnType<typeof createTransfer>;

export function createTransfer(
  redis: Redis & LinkCommands,
  keys: MappingKeys,
  scan: (key: string) => AsyncGenerator<[string, string][]>,
  parseBase: (stored: string) => { version: string; base: Base },
) {
  return {
    /** Every link, a batch at a time. One that changes meanwhile is copied as it was or as it became, never mixed. */
    async *copyLinks(): AsyncGenerator<CopiedLink[]> {
      for await (const batch of scan(keys.ids[0])) {
        const own = batch.map(([id]) => id);
        const other = batch.map(([, id]) => id);
        const answers = await redis
          .multi()
          .hmget(keys.ids[0], ...own)
          .hmget(keys.base, ...own)
          .hmget(keys.states[0], ...own)
          .hmget(keys.states[1], ...other)
          .hmget(keys.held, ...own.map((id) => recordKey(0, id)))
          .exec();
        const [ids, bases, states, otherStates, helds] = answersOf(answers);
        const copied: CopiedLink[] = [];
        for (const [i, id] of own.entries()) {
          const [counterpart, base] = [other[i]!, bases![i]];
          // Parted, or linked otherwise, since it was listed.
          if (ids![i] !== counterpart || !base) continue;
          const held = helds![i] ? (JSON.parse(helds![i]) as Held) : undefined;
          // Whatever waits for another try is looked at once more.
          const open = held !== undefined && !KEPT.includes(held.kind);
          copied.push({
            ids: [id, counterpart],
            ...parseBase(base),
            states: open ? ['', ''] : [states![i] ?? '', otherStates![i] ?? ''],
            ...(held && !open ? { held: lasting(held) } : {}),
          });
        }
        if (copied.length > 0) yield copied;
      }
    },

    /** Records without a link that were decided about, or for which a create was begun. */
    async *copyRecords(): AsyncGenerator<CopiedRecord[]> {
      for await (const batch of scan(keys.held)) {
        const kept = batch.flatMap(([key, json]) => {
          const held = JSON.parse(json) as Held;
          return KEPT.includes(held.kind) ? [{ ...parseRecordKey(key), held: lasting(held) }] : [];
        });
        for (const side of [0, 1] as const) {
          const own = kept.filter((record) => record.side === side);
          if (own.length === 0) continue;
          const ids = own.map(({ id }) => id);
          const answers = await redis
            .multi()
            .hmget(keys.states[side], ...ids)
            .hmget(keys.ids[side], ...ids)
            .exec();
          const [states, counterparts] = answersOf(answers);
          const free = own.flatMap((record, i) =>
            counterparts![i] === null && states![i] ? [{ ...record, state: states![i] }] : [],
          );
          if (free.length > 0) yield free;
        }
      }
      for await (const batch of scan(keys.intents))
        yield batch.map(([key, json]) => ({ ...parseRecordKey(key), intent: JSON.parse(json) as Intent }));
    },

    /**
     * Puts links back in one step, each whole or not at all; one that is there is left as it is. With the first, what
     * was read before counts no more.
     */
    async restoreLinks(batch: readonly CopiedLink[], dry: boolean): Promise<Restored[]> {
      const claims = batch.flatMap(({ ids }) =>
        [0, 1].map((side) => keys.claim(recordKey(side as SideIndex, ids[side]!))),
      );
      const fixed = [...keys.ids, ...keys.states, keys.base, keys.intents, keys.held, keys.progress];
      const result = await redis.tandemRestoreLinks(
        fixed.length + claims.length,
        ...fixed,
        ...claims,
        dry ? '1' : '',
        ...batch.flatMap(({ ids, version, base, states, held }) => [
          ...ids,
          `${version}|${JSON.stringify(base)}`,
          ...states,
          held ? JSON.stringify(held) : '',
        ]),
      );
      return result.map((code) => RESTORED[code]!);
    },

    /** Puts back what is known of records without a link; what is known of them by now stays. */
    async restoreRecords(batch: readonly CopiedRecord[], dry: boolean): Promise<Restored[]> {
      const result = await redis.tandemRestoreRecords(
        ...[...keys.ids, ...keys.states, keys.held, keys.intents],
        dry ? '1' : '',
        ...batch.flatMap(({ side, id, state, held, intent }) => [
          String(side),
          id,
          state ?? '',
          held ? JSON.stringify(held) : '',
          intent ? JSON.stringify(intent) : '',
        ]),
      );
      return result.map((code) => RESTORED[code]!);
    },
  };
}

/** Without the failed job, which the queues of another Redis do not have. */
function lasting({ job: _, ...held }: Held): Held {
  return held;
}

function answersOf(answers: readonly [Error | null, unknown][] | null): (string | null)[][] {
  return (answers ?? []).map(([error, values]) => {
    if (error) throw error;
    return values as (string | null)[];
  });
}

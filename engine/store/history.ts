/**
 * The history of a link: values that lost, kept so that they can be found and put back. Within bounds: so many, of such a
 * size, for such a time. It belongs to the record on side 0 and outlives the link, so that what a deletion took with it
 * can still be read.
 */
import { hash, stableJson } from '../expression/values.ts';
import type { SideIndex } from '../types.ts';
import type { Reader } from './reader.ts';
import type { StoreContext } from './store-context.ts';

/** Values kept per link, the newest. */
export const HISTORY_ENTRIES = 50;
/** Longer values are cut (texts) or left out (lists, objects), in characters of JSON. */
export const HISTORY_VALUE = 65_536;
/** All values of a link together, in characters of JSON: beyond it the oldest go. */
const HISTORY_SIZE = 262_144;
/** A value is forgotten after this many days. */
export const HISTORY_DAYS = 90;

const DAY = 86_400_000;

/** A value that lost, was cleared or was deleted. */
export interface Overwritten {
  /** ISO 8601. */
  readonly at: string;
  readonly property: string;
  /** Name of the side whose value it was. */
  readonly side: string;
  readonly value?: unknown;
  /** The value was too long to be kept whole: a text is cut, anything else is left out. */
  readonly cut?: true;
  /** The merge's rule that decided, `cleared` (an empty value came over it), `restored` (another was put back) or `deleted` (its record was). */
  readonly rule: string;
}

export interface KeptOverwritten extends Overwritten {
  /** Names the entry; stays the same as long as the entry is kept. */
  readonly id: string;
}

export function createHistory({ redis, base }: StoreContext, reader: Reader) {
  /** LIST of losing values of a link, newest first. */
  const historyKey = (id: string): string => `${base}history:${id}`;
  /** STRING, by id on side 1: the id on side 0 whose history holds what it lost; so it is found without the link too. */
  const ownerKey = (id: string): string => `${base}history-of:${id}`;

  const stored = async (id: string): Promise<KeptOverwritten[]> =>
    (await redis.lrange(historyKey(id), 0, -1)).map(entryOf).filter(isAlive);

  const historyOf = async (side: SideIndex, id: string): Promise<string | undefined> =>
    side === 0 ? id : ((await reader.counterpart(1, id)) ?? (await redis.get(ownerKey(id))) ?? undefined);

  return {
    /** The newest first. */
    history: async (id: string): Promise<KeptOverwritten[]> => distinct(await stored(id)),

    /** Whose history a record has: that of the record on side 0 that it is linked to, or was when a value was kept last. */
    historyOf,

    /**
     * Keeps values before they are overwritten. A value that is kept already is not kept twice, however often it is tried:
     * it counts as lost just now.
     */
    async keepOverwritten(ids: readonly [string, string], values: readonly Overwritten[]): Promise<void> {
      if (values.length === 0) return;
      const [id] = ids;
      const key = historyKey(id);
      const before = (await redis.lrange(key, 0, -1)).map((json) => ({ ...entryOf(json), json }));
      const fresh = distinct(values.map((entry) => named(fitted(entry))));
      const again = before.filter((entry) => fresh.some((one) => one.id === entry.id));
      const pushed = fresh.map(({ id: _, ...entry }) => JSON.stringify(entry));
      const others = before.filter((entry) => !again.includes(entry));
      const stay = others.filter(isAlive).map(({ json }) => json);
      const gone = others.filter((entry) => !isAlive(entry)).map(({ json }) => json);
      const fits = fitting([...pushed, ...stay]);
      const beyond = stay.slice(Math.max(0, fits - pushed.length));
      const seconds = HISTORY_DAYS * 24 * 3600;
      const work = redis.multi();
      // One by one: a worker that was stopped since it read the list knows nothing of what others have kept meanwhile.
      for (const json of [...again.map((entry) => entry.json), ...gone, ...beyond]) work.lrem(key, 0, json);
      await work
        .lpush(key, ...pushed.slice(0, fits).toReversed())
        .ltrim(key, 0, HISTORY_ENTRIES - 1)
        .expire(key, seconds)
        .set(ownerKey(ids[1]), id, 'EX', seconds)
        .exec();
    },

    /** Forgets all values of a record at once, where its data must not be kept. @returns how many there were */
    async forgetHistory(side: SideIndex, id: string): Promise<number> {
      const owner = await historyOf(side, id);
      if (owner === undefined) return 0;
      const count = await redis.llen(historyKey(owner));
      const counterpart = side === 1 ? id : await reader.counterpart(0, id);
      await redis.del(historyKey(owner), ...(counterpart === undefined ? [] : [ownerKey(counterpart)]));
      return count;
    },
  };
}

const entryOf = (json: string): KeptOverwritten => named(JSON.parse(json) as Overwritten);

/** A value is one entry, however often it is lost: what it is names it. */
function named(entry: Overwritten): KeptOverwritten {
  const { property, side, value, cut = false } = entry;
  return { id: hash(stableJson([property, side, value, cut])), ...entry };
}

function distinct(entries: readonly KeptOverwritten[]): KeptOverwritten[] {
  const seen = new Set<string>();
  return entries.filter(({ id }) => !seen.has(id) && seen.add(id));
}

const isAlive = ({ at }: Overwritten): boolean => Date.now() - Date.parse(at) <= HISTORY_DAYS * DAY;

/** How many of these, the newest first, stay within the bounds. */
function fitting(jsons: readonly string[]): number {
  let size = 0;
  const beyond = jsons.findIndex((json, i) => {
    size += json.length;
    return i >= HISTORY_ENTRIES || (i > 0 && size > HISTORY_SIZE);
  });
  return beyond < 0 ? jsons.length : beyond;
}

function fitted(entry: Overwritten): Overwritten {
  const { value, ...rest } = entry;
  if ((JSON.stringify(value)?.length ?? 0) <= HISTORY_VALUE) return entry;
  if (typeof value !== 'string') return { ...rest, cut: true };
  // Characters of JSON: an escaped one takes up to six.
  let cut = value.slice(0, HISTORY_VALUE);
  while (JSON.stringify(cut).length > HISTORY_VALUE) cut = cut.slice(0, Math.floor(cut.length * 0.8));
  return { ...rest, value: cut, cut: true };
}

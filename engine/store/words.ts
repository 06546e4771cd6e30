/**
 * Texts that many values of a mapping share, as numbers: definition sets of links, and issues that wait for nothing. A text
 * lasts while a value uses it; which do is counted by the scripts. A number never gets another text.
 */
import type { Redis } from 'ioredis';
import { TandemError } from '../errors.ts';
import type { Base } from '../types.ts';
import { type DefinitionSet, fits, setOfBase } from './link-codec.ts';
import type { StoreScripts } from './scripts.ts';

/** Texts that a process remembers; with more it begins again. */
const REMEMBERED = 2_000;

export interface Words {
  numberOf(text: string): Promise<number>;
  /** A set that has all entries of the base: an earlier one, or one of its own. */
  setFor(base: Base): Promise<{ readonly number: number; readonly set: DefinitionSet }>;
  /** The texts of these numbers; a number that is not used any more is missing. */
  texts(numbers: Iterable<number>): Promise<ReadonlyMap<number, string>>;
  sets(numbers: Iterable<number>): Promise<ReadonlyMap<number, DefinitionSet>>;
  /** A number that was known is not used any more. */
  forget(): void;
}

export function createWords(redis: Redis, key: string, scripts: StoreScripts): Words {
  let texts = new Map<number, string>();
  let numbers = new Map<string, number>();
  let sets = new Map<number, DefinitionSet>();

  const learn = (number: number, text: string): void => {
    if (texts.size >= REMEMBERED) words.forget();
    texts.set(number, text);
    numbers.set(text, number);
    // The newest comes first: it is the most likely to be used.
    if (text.startsWith('[')) sets = new Map([[number, JSON.parse(text) as DefinitionSet], ...sets]);
  };

  /** What is known of these numbers, asked for where it is not, whatever is forgotten meanwhile. */
  async function find<T>(wanted: Iterable<number>, known: () => ReadonlyMap<number, T>): Promise<Map<number, T>> {
    const found = new Map<number, T>();
    const missing: number[] = [];
    const take = (number: number): boolean => {
      const value = known().get(number);
      if (value !== undefined) found.set(number, value);
      return value !== undefined;
    };
    for (const number of new Set(wanted)) if (number > 0 && !take(number)) missing.push(number);
    const read = missing.length > 0 ? await redis.hmget(key, ...missing.map(String)) : [];
    for (const [i, text] of read.entries()) {
      if (text === null) continue;
      learn(missing[i]!, text);
      take(missing[i]!);
    }
    return found;
  }

  const words: Words = {
    async numberOf(text) {
      const known = numbers.get(text);
      if (known !== undefined) return known;
      const number = Number(await scripts.text<number>('intern', text));
      learn(number, text);
      return number;
    },

    async setFor(base) {
      for (const [number, set] of sets) if (fits(set, base)) return { number, set };
      const set = setOfBase(base);
      return { number: await words.numberOf(JSON.stringify(set)), set };
    },

    texts: (wanted) => find(wanted, () => texts),
    sets: (wanted) => find(wanted, () => sets),

    forget() {
      texts = new Map();
      numbers = new Map();
      sets = new Map();
    },
  };
  return words;
}

/** A value was read just before its set went, together with it: it is to be read again. */
export const staleWord = (): TandemError =>
  new TandemError('INTERNAL', 'A value in Redis names a definition set that is not there.');

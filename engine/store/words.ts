/**
 * Texts that many values of a mapping share, as numbers: definition sets of links, and issues that wait for nothing. A text
 * lasts while a value uses it; which do is counted by the scripts. A number never gets another text.
 */
import type { Redis } from 'ioredis';
import { TandemError } from '../errors.ts';
import type { Base } from '../types.ts';
import { type DefinitionSet, fits, setOfBase } from './link-codec.ts';
import type { StoreScripts } from './scripts.ts';

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
    texts.set(number, text);
    numbers.set(text, number);
    // The newest comes first: it is the most likely to be used.
    if (text.startsWith('[')) sets = new Map([[number, JSON.parse(text) as DefinitionSet], ...sets]);
  };

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

    async texts(wanted) {
      const missing = [...new Set(wanted)].filter((number) => number > 0 && !texts.has(number));
      if (missing.length > 0) {
        const found = await redis.hmget(key, ...missing.map(String));
        for (const [i, text] of found.entries()) if (text !== null) learn(missing[i]!, text);
      }
      return texts;
    },

    async sets(wanted) {
      await words.texts(wanted);
      return sets;
    },

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

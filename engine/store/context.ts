/** What the stores of one mapping share: the connection, the scripts, and what its keys and values depend on. */
import type { Redis } from 'ioredis';
import { type Fingerprinter, hash } from '../expression/values.ts';
import { type StoreScripts, storeScripts } from './scripts.ts';
import { createWords, type Words } from './words.ts';

/** What the data of a mapping depends on: its name, its match rules and its correlations. */
export interface StoreRules {
  readonly name: string;
  readonly match: readonly { readonly name: string }[];
  readonly sides?: readonly { readonly correlate: { readonly source: string } | undefined }[];
}

/** Changes when what is indexed changes. */
export function rulesOf({ match, sides = [] }: StoreRules): string {
  const correlated = sides.flatMap(({ correlate }, side) => (correlate ? [`${side}=${correlate.source}`] : []));
  return [...match.map((rule) => rule.name), ...correlated].join('\n');
}

export interface StoreContext {
  readonly redis: Redis;
  readonly prefix: string;
  readonly mapping: string;
  /** What all keys of the mapping begin with. */
  readonly base: string;
  readonly scripts: StoreScripts;
  readonly words: Words;
  readonly fingerprinter: Fingerprinter;
  /** Names the match rules and correlations; `tag` does so in entries and keys, in three characters. */
  readonly rules: { readonly count: number; readonly id: string; readonly tag: string };
}

export function createStoreContext(
  redis: Redis,
  prefix: string,
  rules: StoreRules,
  fingerprinter: Fingerprinter,
): StoreContext {
  const base = `${prefix}:{${rules.name}}:`;
  const scripts = storeScripts(redis, base);
  const id = hash(rulesOf(rules));
  return {
    redis,
    prefix,
    mapping: rules.name,
    base,
    scripts,
    words: createWords(redis, `${base}words`, scripts),
    fingerprinter,
    rules: { count: rules.match.length, id, tag: id.slice(0, 3) },
  };
}

/** Epoch ms of Redis' clock. */
export async function redisTime(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

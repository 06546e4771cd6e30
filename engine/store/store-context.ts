/** What the stores of one mapping share: the connection, the scripts, and what its keys and values depend on. */
import type { Redis } from 'ioredis';
import { type Fingerprinter, hash, stableJson } from '../expression/values.ts';
import { type StoreScripts, storeScripts } from './scripts.ts';
import { createWords, type Words } from './words.ts';

/** What the data of a mapping depends on: its name, its match rules, its correlations, and which records take part. */
export interface StoreRules {
  readonly name: string;
  readonly match: readonly { readonly name: string }[];
  readonly sides?: readonly (TakingPart & { readonly correlate: { readonly source: string } | undefined })[];
}

/** What decides which records of a side take part, and how they look. */
interface TakingPart {
  readonly system: { readonly name: string };
  readonly entity: {
    readonly name: string;
    readonly id: string;
    readonly list?: object | undefined;
    readonly normalize?: { readonly source: string } | undefined;
  };
  readonly when: { readonly source: string } | undefined;
}

/** Changes when what is indexed changes. */
function rulesOf({ match, sides = [] }: StoreRules): string {
  const correlated = sides.flatMap(({ correlate }, side) => (correlate ? [`${side}=${correlate.source}`] : []));
  return [...match.map((rule) => rule.name), ...correlated].join('\n');
}

/** Changes when other records take part: those that did not were never indexed. */
export const takingPart = (sides: readonly TakingPart[]): unknown =>
  sides.map(({ system, entity, when }) => [
    system.name,
    entity.name,
    entity.id,
    entity.normalize?.source ?? null,
    entity.list ?? null,
    when?.source ?? null,
  ]);

/** It follows from the mapping alone, and is asked for with each look into a store. */
const knownReads = new WeakMap<StoreRules, string>();

/** `reads` of a `StoreContext`: where it changes, the store of the mapping is another one. */
export function readsOf(rules: StoreRules): string {
  const known = knownReads.get(rules);
  if (known !== undefined) return known;
  const reads = hash(`${rulesOf(rules)}\n${stableJson(takingPart(rules.sides ?? []))}`);
  knownReads.set(rules, reads);
  return reads;
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
  /**
   * `id` names the match rules and correlations; `tag` does so in entries and keys, in three characters. `reads` names them
   * and the records that take part: what was read fully under another one does not count.
   */
  readonly rules: { readonly count: number; readonly id: string; readonly tag: string; readonly reads: string };
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
    rules: { count: rules.match.length, id, tag: id.slice(0, 3), reads: readsOf(rules) },
  };
}

/** Epoch ms of Redis' clock. */
export async function redisTime(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

/**
 * Names of the Redis keys of links. In a Redis Cluster the prefix is a hash tag, which comes first: all keys, of whatever
 * mapping, are in one slot.
 */
import type { BrakeKind } from '../config/brake.ts';
import type { SideIndex } from '../types.ts';

export interface BrakeKeys {
  /** HASH: the brake that is on, else absent. */
  readonly brake: string;
  /** SET of ids on side 0: links whose records a full scan did not meet, while the brake is on. */
  readonly vanished: string;
  /** HASH id of a brake -> `ANSWER|KIND`. */
  readonly answers: string;
  /** ZSET of `SIDE/ID` by the time of the write, in ms: what counts at present. */
  spent(kind: BrakeKind): string;
}

export interface MappingKeys {
  /** HASH id -> id of the counterpart, one per side: the link keys. */
  readonly ids: readonly [string, string];
  /** HASH id -> state of the record when it was last handled, one per side. */
  readonly states: readonly [string, string];
  /** HASH id on side 0 -> `VERSION|JSON` of the base. */
  readonly base: string;
  /** ZSET of `hash id` per side and match rule, all scores 0: candidates by match key; `names`: by the id that a record names. */
  matchIndex(side: SideIndex, rule: number | 'names'): string;
  /** HASH id -> `MILLISECONDS|hash|hash...`: when the record was first seen, and its entries in the match index, `names` last. */
  readonly seen: readonly [string, string];
  /** HASH id on side 0 -> JSON of the writes that were begun since the base was recorded. */
  readonly begun: string;
  /** HASH `SIDE/ID` of the source -> JSON of an intent to create its counterpart. */
  readonly intents: string;
  /** HASH `SIDE/ID` -> JSON of why a record waits. */
  readonly held: string;
  /** HASH `SIDE/ID` -> JSON of what a person decided against. */
  readonly decided: string;
  /** HASH `SIDE/ID` -> id of the job that failed on this record for good. */
  readonly failedJobs: string;
  /** SET of `MAPPING|SIDE|ID` of records that wait for the link of this record. */
  waiters(side: SideIndex, id: string): string;
  /** SET of ids that wait until both sides were read fully once. */
  readonly unready: readonly [string, string];
  /** HASH: full reads done per side, watermarks per side. */
  readonly progress: string;
  /** LIST of losing values of a link, newest first. */
  history(id: string): string;
  /** STRING, by id on side 1: the id on side 0 whose history holds what it lost; so it is found without the link too. */
  historyOf(id: string): string;
  /** SET of `SIDE/ID` of records in review because of this record: looked at again once it can no longer be a candidate. */
  watchers(side: SideIndex, id: string): string;
  readonly brake: BrakeKeys;
  claim(name: string): string;
}

/** @param rules names the match rules and correlations: what was indexed under others is of no use */
export function mappingKeys(prefix: string, mapping: string, rules: string): MappingKeys {
  const base = `${prefix}:{${mapping}}`;
  return {
    ids: [`${base}:ids:0`, `${base}:ids:1`],
    states: [`${base}:states:0`, `${base}:states:1`],
    base: `${base}:base`,
    matchIndex: (side, rule) => `${base}:match:${rules}:${rule}:${side}`,
    seen: [`${base}:seen:${rules}:0`, `${base}:seen:${rules}:1`],
    begun: `${base}:begun`,
    intents: `${base}:intents`,
    held: `${base}:held`,
    decided: `${base}:decided`,
    failedJobs: `${base}:failed-jobs`,
    waiters: (side, id) => `${base}:waiters:${side}:${id}`,
    unready: [`${base}:unready:0`, `${base}:unready:1`],
    progress: `${base}:progress`,
    history: (id) => `${base}:history:${id}`,
    historyOf: (id) => `${base}:history-of:${id}`,
    watchers: (side, id) => `${base}:watchers:${side}:${id}`,
    brake: {
      brake: `${base}:brake`,
      vanished: `${base}:brake:vanished`,
      answers: `${base}:brake:answers`,
      spent: (kind) => `${base}:brake:spent:${kind}`,
    },
    claim: (name) => `${base}:claim:${name}`,
  };
}

/** How a record is named within its mapping: `SIDE/ID`. */
export const recordKey = (side: SideIndex, id: string): string => `${side}/${id}`;

export function parseRecordKey(key: string): { side: SideIndex; id: string } {
  return { side: key.startsWith('0') ? 0 : 1, id: key.slice(2) };
}

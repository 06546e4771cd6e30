/**
 * Under which definitions the hashes in a pending create were made. The mapping may be edited between a create whose answer was
 * lost and its next try: a hash made under another definition tells nothing then, neither that a record is the result nor that
 * it is not. Pure.
 */
import { mark, readMark } from '../config/definition.ts';
import type { Mapping } from '../config/types.ts';
import { mapPair } from '../model/pair.ts';
import type { PendingCreate } from '../store/types.ts';
import { otherSide, type SideIndex } from '../types.ts';

type Under = Required<Pick<PendingCreate, 'definitions' | 'rules' | 'correlate'>>;

interface Marks {
  /** By the names of the properties: how the value of a side is read. */
  readonly read: readonly [ReadonlyMap<string, string>, ReadonlyMap<string, string>];
  /** In the order of the match rules. */
  readonly rules: readonly string[];
  /** Where a side names its counterpart; '': nowhere. */
  readonly correlate: readonly [string, string];
}

/** They follow from the mapping alone, and are asked for with each record. */
const known = new WeakMap<Mapping, Marks>();

function marksOf(mapping: Mapping): Marks {
  const before = known.get(mapping);
  if (before) return before;
  const { properties, match, sides } = mapping;
  const read = (side: SideIndex) =>
    new Map(properties.map(({ name, definition }) => [name, readMark(definition, side)]));
  // Match keys and the ids of counterparts are read from normalized records.
  const [a, b] = mapPair(sides, ({ entity }) => [entity.system, entity.name, entity.normalize?.source ?? null]);
  const correlate = (side: SideIndex): string => {
    const path = sides[side].correlate;
    return path ? mark([side === 0 ? a : b, path.source]) : '';
  };
  const marks: Marks = {
    read: [read(0), read(1)],
    rules: match.map(({ name }) => mark([a, b, name])),
    correlate: [correlate(0), correlate(1)],
  };
  known.set(mapping, marks);
  return marks;
}

/** @param source the side whose record gets a counterpart */
export function sentUnder(mapping: Mapping, source: SideIndex, sent: PendingCreate['sent']): Under {
  const { read, rules, correlate } = marksOf(mapping);
  const target = otherSide(source);
  const definitions = Object.keys(sent).map((name) => [name, read[target].get(name) ?? '']);
  return { definitions: Object.fromEntries(definitions), rules, correlate: correlate[target] };
}

/** Whether what was sent of a property can be compared with what a record of the target holds now. */
export function isComparable(
  mapping: Mapping,
  target: SideIndex,
  { definitions }: PendingCreate,
  name: string,
): boolean {
  const now = marksOf(mapping).read[target].get(name);
  return now !== undefined && (definitions === undefined || definitions[name] === now);
}

/** What was sent, by property, without what cannot be compared any more. */
export const comparableSent = (mapping: Mapping, target: SideIndex, pending: PendingCreate): PendingCreate['sent'] =>
  Object.fromEntries(Object.entries(pending.sent).filter(([name]) => isComparable(mapping, target, pending, name)));

/** By the present match rules, the key that the source had when it was sent; null: none, undefined: not known. */
export function sentKeys(mapping: Mapping, { keys, rules }: PendingCreate): readonly (string | null | undefined)[] {
  if (!keys || !rules) return keys ?? [];
  return marksOf(mapping).rules.map((rule) => (rules.includes(rule) ? keys[rules.indexOf(rule)] : undefined));
}

/** Match keys were sent, and each of them can be compared: a record with none of them is not the result. */
export function keysDecide(mapping: Mapping, { keys = [], rules }: PendingCreate): boolean {
  const present = marksOf(mapping).rules;
  const sent = keys.flatMap((key, i) => (key === null ? [] : [rules === undefined || present.includes(rules[i]!)]));
  return sent.length > 0 && sent.every(Boolean);
}

/** Whether the result names its source where the mapping looks for that now. */
export const isCorrelatedAsSent = (mapping: Mapping, target: SideIndex, { correlate }: PendingCreate): boolean =>
  correlate === undefined || correlate === marksOf(mapping).correlate[target];

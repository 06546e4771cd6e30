/**
 * Judges what single operations answer, beside what the list answered. A system that does not know a parameter may
 * ignore it and answer everything: that shows in the records. Pure.
 */
import type { EntityConfig, SinceConfig } from '../config/types.ts';
import { isObject, readPath } from '../connectors/http/read-path.ts';
import { isEmpty, stableJson } from '../expression/values.ts';
import type { Json, SystemRecord } from '../types.ts';
import { COMPARE_API, count, type Remark, type Unchecked, type Use } from './findings.ts';

// ---------------------------------------------------------------- since

interface Moment {
  readonly id: string;
  /** Epoch ms. */
  readonly at: number;
}

/** From when changes are asked for, and what the answer can show. */
export interface SinceCheck {
  /** Epoch ms. */
  readonly start: number;
  readonly newest: Moment;
  /** The answer must hold the newest record. */
  readonly expectsNewest: boolean;
  /** The list has records that the answer must not hold. */
  readonly tells: boolean;
}

/** Times are compared by the second, as some systems store no more. */
const SECOND = 1_000;
/** A record that was just written may not be in a system's search index yet. */
const SETTLED = 600_000;
const QUERY = ['list', 'since', 'query'];

const momentsOf = (records: readonly SystemRecord[]): Moment[] =>
  records.flatMap(({ id, modified }) => (modified === undefined ? [] : [{ id, at: Date.parse(modified) }]));

/** How far from the true time the system's filter may be: the file declares it. */
const slackOf = ({ overlap }: SinceConfig): number => overlap + SECOND;

/**
 * Asks from the time of the newest record on, where the list has older ones; else from now on.
 * @param now epoch ms
 */
export function planSince(records: readonly SystemRecord[], since: SinceConfig, now: number): SinceCheck | Unchecked {
  const moments = momentsOf(records);
  if (moments.length === 0) return { notChecked: 'no record of the list has a time of modification' };
  const newest = moments.reduce((a, b) => (b.at > a.at ? b : a));
  const oldest = Math.min(...moments.map(({ at }) => at));
  const spread = oldest < newest.at - slackOf(since);
  const start = spread ? newest.at : Math.max(newest.at, now);
  return {
    start,
    newest,
    expectsNewest: spread && newest.at < now - SETTLED,
    tells: oldest < start - slackOf(since),
  };
}

export function checkSince(
  since: SinceConfig,
  { start, newest, expectsNewest, tells }: SinceCheck,
  found: readonly SystemRecord[],
): Remark | Unchecked | undefined {
  if (since.kind === 'newest-first') return checkOrder(newest, found);
  const stale = momentsOf(found).filter(({ at }) => at < start - slackOf(since));
  if (stale[0])
    return {
      severity: 'problem',
      kind: 'ignored',
      at: QUERY,
      message: `${stale.length} of the ${count(found.length, 'record')} answered were modified before ${iso(start)}, such as ${text(stale[0])}. The system does not know the parameter, or filters by something else: every scan of changes reads everything.`,
      remedy: COMPARE_API,
    };
  if (!tells) return { notChecked: 'all records of the list were modified just now, so no filter shows' };
  if (!expectsNewest || found.some(({ id }) => id === newest.id)) return undefined;
  return {
    severity: 'problem',
    kind: 'missing',
    at: QUERY,
    message: `The answer lacks record ${text(newest)}: a scan of changes from that time would miss it.`,
    remedy: `${COMPARE_API} It names the parameter, and the form of its time.`,
  };
}

function checkOrder(newest: Moment, found: readonly SystemRecord[]): Remark | Unchecked | undefined {
  const moments = momentsOf(found);
  const remark = (message: string): Remark => ({
    severity: 'problem',
    kind: 'ignored',
    at: QUERY,
    message: `${message} A scan of changes stops at the first old record, so it would miss changes.`,
    remedy: COMPARE_API,
  });
  const rising = moments.findIndex(({ at }, i) => i > 0 && at > moments[i - 1]!.at + SECOND);
  if (rising > 0)
    return remark(
      `The answer is not sorted by time of modification, the newest first: record ${text(moments[rising]!)} comes after ${text(moments[rising - 1]!)}.`,
    );
  const [first] = moments;
  if (first && first.at + SECOND < newest.at)
    return remark(`The answer begins with record ${text(first)}, although ${text(newest)} is newer.`);
  if (new Set(moments.map(({ at }) => at)).size < 2) return { notChecked: 'too few records show their order' };
  return undefined;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const text = ({ id, at }: Moment): string => `${id} (${iso(at)})`;

// ---------------------------------------------------------------- read

/** The record that shows most when it is read: the one that holds the most. */
export const fullest = (records: readonly SystemRecord[]): SystemRecord | undefined =>
  records.reduce<SystemRecord | undefined>(
    (best, one) => (best === undefined || filled(one) > filled(best) ? one : best),
    undefined,
  );

const filled = ({ data }: SystemRecord): number => Object.values(data).filter((value) => !isEmpty(value)).length;

/** A property that one of the two lacks is taken for empty, and would be emptied on the other side. */
export function checkRead(
  { modified }: EntityConfig,
  listed: SystemRecord,
  read: SystemRecord | undefined,
  uses: readonly Use[],
): Remark[] {
  const remark = (message: string, at: readonly string[], more: Partial<Remark> = {}): Remark => ({
    severity: 'problem',
    kind: 'differs',
    at,
    message,
    remedy: COMPARE_API,
    ...more,
  });
  if (read === undefined)
    return [
      remark(`Record ${listed.id}, which the list has just given, is not found.`, ['read', 'path'], {
        kind: 'missing',
      }),
    ];
  if (read.id !== listed.id)
    return [remark(`Record ${read.id} is answered where ${listed.id} was asked for.`, ['read', 'path'])];
  // Somebody edited it in between.
  if (listed.modified !== undefined && read.modified !== undefined && listed.modified !== read.modified) return [];
  const remarks: Remark[] = [];
  if (modified !== undefined && listed.modified !== undefined && read.modified === undefined)
    remarks.push(
      remark(
        `${modified} is in the list, but not in what "read" answers: "conflict: latest" cannot compare.`,
        ['read'],
        {
          severity: 'warning',
          remedy: 'Ask for it in the query of "read", where the system offers it there.',
        },
      ),
    );
  for (const path of new Map(uses.map(({ path: one }) => [one.source, one])).values()) {
    const [a, b] = [path.get(listed.data), path.get(read.data)];
    if ((isEmpty(a) && isEmpty(b)) || stableJson(a as Json) === stableJson(b as Json)) continue;
    const how =
      isEmpty(a) === isEmpty(b)
        ? 'has one value in the list and another in what "read" answers.'
        : `is in ${isEmpty(b) ? 'the list, but not in what "read" answers' : 'what "read" answers, but not in the list'}: it would be taken for empty.`;
    remarks.push(
      remark(`${path.source} of record ${listed.id} ${how}`, [isEmpty(a) ? 'list' : 'read', 'query'], {
        remedy: `Ask for ${path.root} in the queries of both.`,
      }),
    );
  }
  return remarks;
}

// ---------------------------------------------------------------- find

/** A record to search for by a field. What is plain text comes first: one odd value says nothing of the declaration. */
export function searchable(records: readonly SystemRecord[], field: string): SystemRecord | undefined {
  const candidates = records.filter((record) => keyOf(record, field) !== '');
  return candidates.find((record) => /^[\p{L}\p{N}@._ -]+$/u.test(keyOf(record, field))) ?? candidates[0];
}

/** @param found everything that the system answered to the search for `sought` */
export function checkFind(
  field: string,
  sought: SystemRecord,
  listed: readonly SystemRecord[],
  found: readonly SystemRecord[],
): Remark | undefined {
  const wanted = keyOf(sought, field);
  const at = ['find', 'by', field];
  // A search may find more, such as a prefix or a second address: what it finds is compared again.
  const others = found.filter((record) => !keyOf(record, field).includes(wanted));
  const begin = listed.slice(0, found.length);
  if (others.length > 0 && begin.length > 1 && begin.every(({ id }, i) => found[i]?.id === id))
    return {
      severity: 'problem',
      kind: 'ignored',
      at,
      message: `The answer is the list itself: ${others.length} of ${count(found.length, 'record')} have another ${field}. The system does not know the parameter.`,
      remedy: COMPARE_API,
    };
  if (found.some(({ id }) => id === sought.id)) return undefined;
  return {
    severity: 'problem',
    kind: 'missing',
    at,
    message: `The answer lacks record ${sought.id}, whose ${field} was searched for: a counterpart would not be found, and be created a second time.`,
    remedy: COMPARE_API,
  };
}

/** As searches compare. */
function keyOf({ data }: SystemRecord, field: string): string {
  const value = readPath(data, field);
  return value === undefined || value === null || isObject(value) ? '' : String(value).trim().toLowerCase();
}

/**
 * What is open about a record, as lines that scripts can change one by one: a letter, then JSON. The issue, which comes first,
 * has its kind between the two. Issues that may be hundreds of thousands share their text as a number (words.ts): those of
 * records without a link that wait for nothing stand in the entry of their record, those of records that wait for links
 * in a place of their own (waiting-codec.ts).
 */
import type { Packable } from './msgpack.ts';
import type { Issue, IssueKind, OpenEntry, OpenPatch } from './types.ts';
import { packQuiet, type UnlinkedEntry } from './unlinked-codec.ts';
import { packWaiting, sharedText } from './waiting-codec.ts';
import type { Words } from './words.ts';

const LETTERS = {
  issue: 'I',
  decision: 'D',
  pendingWrites: 'W',
  pendingCreate: 'C',
  unsettled: 'U',
  failedJob: 'J',
} as const satisfies Record<keyof OpenEntry, string>;

export const KIND_LETTERS = {
  failed: 'f',
  waiting: 'w',
  blocked: 'b',
  review: 'r',
  unmatched: 'u',
  paused: 'p',
  orphaned: 'o',
} as const satisfies Record<IssueKind, string>;

const KINDS = new Map(Object.entries(KIND_LETTERS).map(([kind, letter]) => [letter as string, kind as IssueKind]));
const QUIET: ReadonlySet<IssueKind> = new Set(['unmatched', 'orphaned']);

export const kindOf = (letter: string): IssueKind | undefined => KINDS.get(letter);

export function parseOpen(value: string | undefined): OpenEntry {
  const entry: { -readonly [Part in keyof OpenEntry]: OpenEntry[Part] } = {};
  for (const line of value?.split('\n') ?? []) {
    const text = line.slice(1);
    if (line.startsWith('I')) entry.issue = JSON.parse(text.slice(1)) as Issue;
    else if (line.startsWith('D')) entry.decision = JSON.parse(text) as NonNullable<OpenEntry['decision']>;
    else if (line.startsWith('W')) entry.pendingWrites = JSON.parse(text) as NonNullable<OpenEntry['pendingWrites']>;
    else if (line.startsWith('C')) entry.pendingCreate = JSON.parse(text) as NonNullable<OpenEntry['pendingCreate']>;
    else if (line.startsWith('U')) entry.unsettled = JSON.parse(text) as NonNullable<OpenEntry['unsettled']>;
    else if (line.startsWith('J')) entry.failedJob = JSON.parse(text) as string;
  }
  return entry;
}

/** A change of what is open as scripts take it. @param used gets the numbers of the texts that it uses */
export async function packOpen(patch: OpenPatch, words: Words, used: Set<number>): Promise<Packable> {
  const parts: Record<string, Packable> = {};
  for (const [part, value] of Object.entries(patch) as [keyof OpenEntry, unknown][]) {
    if (value === undefined) continue;
    if (value === null) parts[LETTERS[part]] = false;
    else if (part === 'issue') parts.I = await packIssue(value as Issue, words, used);
    else parts[LETTERS[part]] = JSON.stringify(value);
  }
  return parts;
}

export async function packIssue(issue: Issue, words: Words, used: Set<number>): Promise<Packable> {
  if (issue.kind === 'waiting') {
    const number = await words.numberOf(sharedText(issue));
    used.add(number);
    return { k: KIND_LETTERS.waiting, w: packWaiting(issue, number) };
  }
  const shape = { k: KIND_LETTERS[issue.kind], j: JSON.stringify(issue) };
  if (!QUIET.has(issue.kind) || issue.refs || issue.candidates) return shape;
  // A job that is over says nothing of a record for which nothing is to be done, and would make each text another one.
  const { since, job: _, ...rest } = issue;
  const number = await words.numberOf(JSON.stringify(rest));
  used.add(number);
  return { ...shape, q: packQuiet(since, number) };
}

/** The issue that stands in the entry of a record without a link. */
export function quietIssue(entry: UnlinkedEntry | undefined, texts: ReadonlyMap<number, string>): Issue | undefined {
  const text = entry?.issue && texts.get(entry.issue.text);
  return text === undefined ? undefined : { ...(JSON.parse(text) as Omit<Issue, 'since'>), since: entry!.issue!.since };
}

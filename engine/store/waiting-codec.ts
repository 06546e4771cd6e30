/**
 * The issue of a record that waits for the links of others, in few bytes: hundreds of thousands may wait. What issues share
 * (code, reason, property, version, mappings and sides of the references) is a text with a number (words.ts). A record has
 *
 *   0  5  since when, in ms since 2020-01-01
 *   5  4  number of the text
 *   then  the ids of the references in the order of the text, each but the last behind its length in 2 bytes
 *
 * scripts/lib.lua reads it too.
 */
import { readShortTime, shortTime } from './short-time.ts';
import type { Issue, MappingRecord } from './types.ts';

const IDS = 9;

/** What issues share: without the job, which is over, and without ids. */
type SharedIssue = Omit<Issue, 'since' | 'job' | 'refs'> & { readonly refs?: readonly Omit<MappingRecord, 'id'>[] };

export function sharedText({ since: _since, job: _job, refs, ...rest }: Issue): string {
  const shared: SharedIssue = refs ? { ...rest, refs: refs.map(({ mapping, side }) => ({ mapping, side })) } : rest;
  return JSON.stringify(shared);
}

/** @param number of the text */
export function packWaiting({ since, refs = [] }: Issue, number: number): Buffer {
  const text = Buffer.alloc(4);
  text.writeUInt32BE(number);
  const ids = refs.flatMap(({ id }, i) => {
    const bytes = Buffer.from(id);
    return i === refs.length - 1 ? [bytes] : [Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes];
  });
  return Buffer.concat([shortTime(since), text, ...ids]);
}

/** Number of the text that a value names. */
export const textOfWaiting = (value: Buffer): number => value.readUInt32BE(5);

/** @returns undefined where the text is not known */
export function unpackWaiting(value: Buffer, texts: ReadonlyMap<number, string>): Issue | undefined {
  const text = texts.get(textOfWaiting(value));
  if (text === undefined) return undefined;
  const { refs: shared, ...rest } = JSON.parse(text) as SharedIssue;
  const refs: MappingRecord[] = [];
  let at = IDS;
  for (const [i, ref] of (shared ?? []).entries()) {
    const length = i === shared!.length - 1 ? undefined : value.readUInt16BE(at);
    const start = length === undefined ? at : at + 2;
    at = length === undefined ? value.length : start + length;
    refs.push({ ...ref, id: value.toString('utf8', start, at) });
  }
  return { ...rest, since: readShortTime(value), ...(shared ? { refs } : {}) };
}

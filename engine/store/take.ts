/** Takes batches of dirty records under claims, with all that is stored of them. */
import { parseRecordKey } from '../model/record-key.ts';
import { parseBrake } from './brake.ts';
import { pairs, triples } from './flat.ts';
import { parseOpen, quietIssue } from './issue-codec.ts';
import { type Packable, pack } from './msgpack.ts';
import type { Reader } from './reader.ts';
import type { StoreContext } from './store-context.ts';
import { type OpenEntry, RECENT, type Taken, type TakenUnit, type TakeRequest } from './types.ts';
import { parseRecent, recordKeys } from './units.ts';
import { decodeUnlinked } from './unlinked-codec.ts';
import { textOfWaiting, unpackWaiting } from './waiting-codec.ts';
import { staleWord, type Words } from './words.ts';

const LIMIT = 50;

type TakeAnswer = [now: Buffer, brake: Buffer[], left: number, busy: Buffer[], units: UnitAnswer[], ended: Buffer];
type UnitAnswer = [
  keys: Buffer[],
  claims: Buffer[],
  first: Buffer | null,
  link: Buffer | null,
  entry: Buffer | null,
  open: Buffer[],
  recent: Buffer | null,
];

export async function take(context: StoreContext, reader: Reader, request: TakeRequest): Promise<Taken> {
  const { owner, ttlMs, limit = LIMIT, records } = request;
  const asked = { o: owner, ttl: ttlMs, ...(records ? { r: recordKeys(records) } : { n: limit }) };
  const [time, brake, left, busy, answers, ended] = await context.scripts.run<TakeAnswer>(
    'take',
    pack(asked as Packable),
  );
  const now = Number(time);
  const units = await decodeUnits(context.words, reader, answers, now);
  if (units)
    return {
      units,
      now,
      lastEnd: Number(ended),
      brake: parseBrake(Object.fromEntries(pairs(brake))),
      left,
      busy: busy.map((key) => parseRecordKey(key.toString())),
    };
  // A definition set went after the links were read: what was taken is taken again, now that they name another one.
  const taken = answers.map(([keys]) => triples(keys).map(([key]) => parseRecordKey(key)));
  if (records) throw staleWord();
  return take(context, reader, { owner, ttlMs, records: taken.flat() });
}

async function decodeUnits(
  words: Words,
  reader: Reader,
  answers: readonly UnitAnswer[],
  now: number,
): Promise<TakenUnit[] | undefined> {
  const links = await reader.decode(
    answers.flatMap(([, , first, value]) => (first && value ? [{ id: first.toString(), value }] : [])),
  );
  if (!links) return undefined;
  const entries = answers.map(([, , , , entry]) => (entry ? decodeUnlinked(entry) : undefined));
  const waiting = answers.flatMap(([, , , , , open]) => open.filter((value, i) => i % 3 === 2 && value.length > 0));
  const texts = await words.texts([
    ...entries.flatMap((entry) => (entry?.issue ? [entry.issue.text] : [])),
    ...waiting.map(textOfWaiting),
  ]);
  let next = 0;
  return answers.map(([keys, claims, , link, , open, recent], i) => {
    const opened: Record<string, OpenEntry> = {};
    for (let at = 0; at < open.length; at += 3) {
      const issue = open[at + 2]!.length > 0 ? unpackWaiting(open[at + 2]!, texts) : undefined;
      opened[open[at]!.toString()] = { ...parseOpen(open[at + 1]!.toString()), ...(issue ? { issue } : {}) };
    }
    const own = keys[0]!.toString();
    const quiet = quietIssue(entries[i], texts);
    if (quiet) opened[own] = { ...opened[own], issue: quiet };
    return {
      records: triples(keys).map(([key, due, event]) => ({
        ...parseRecordKey(key),
        key,
        due: due === '' ? undefined : Number(due),
        event: eventOf(event),
      })),
      claims: claims.map(String),
      ...(link ? { link: links[next++]! } : {}),
      ...(entries[i] ? { unlinked: entries[i] } : {}),
      open: opened,
      recent: parseRecent(recent?.toString(), now - RECENT),
    };
  });
}

/** `EPOCH_MS|TRACE`, as marks of events note it. */
function eventOf(noted: string): TakenUnit['records'][number]['event'] {
  const bar = noted.indexOf('|');
  return bar < 0 ? undefined : { at: Number(noted.slice(0, bar)), trace: noted.slice(bar + 1) || undefined };
}

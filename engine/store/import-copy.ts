/** Reads a copy of links (copy.ts), and puts back what is missing. */
import { setTimeout } from 'node:timers/promises';
import type { ErrorCode } from '../errors.ts';
import type { CopiedMapping, ExportCounts } from './copy.ts';
import { type Head, type Item, LINE, linesOf, parseObject, Refusal, readHead, readItem } from './copy-lines.ts';
import type { FingerprintRecord } from './fingerprints.ts';
import type { Restored } from './transfer.ts';

const BATCH = 500;
/** How long an import waits for workers that have a record just now, in ms. */
const PATIENCE = 10_000;
const BUSY_WAIT = 250;

/** A line that was not taken, and why. What is wrong with the copy as a whole has the number of its last line. */
export interface ImportProblem {
  /** Counts from 1. */
  readonly line: number;
  readonly code: ErrorCode;
  /** Names ids, never values. */
  readonly message: string;
}

export interface ImportCounts {
  /** Links put back, and records without a link of which something was put back. */
  imported: number;
  records: number;
  /** Known already: nothing was changed. */
  there: number;
  /** A record is linked to another one by now. */
  conflicting: number;
  /** Lines that could not be used. */
  bad: number;
}

export interface ImportOptions {
  readonly dry: boolean;
  /** Called for each line that was not taken. */
  readonly problem: (problem: ImportProblem) => void;
  /** Called before anything is put back. @throws TandemError where fingerprints of that key are of no use here */
  readonly adopt: (fingerprints: FingerprintRecord) => Promise<void>;
}

type ImportState = Pick<ImportOptions, 'dry' | 'problem'> & { readonly counts: ImportCounts };

/**
 * Reads a copy and puts back what is missing. What is there is never changed; a line that cannot be used stops no other.
 * @param text chunks of the copy
 * @throws TandemError BAD_REQUEST where it is no copy of links at all; what `adopt` throws
 */
export async function importLines(
  text: AsyncIterable<string>,
  mappings: ReadonlyMap<string, CopiedMapping>,
  { dry, problem, adopt }: ImportOptions,
): Promise<ImportCounts> {
  const counts: ImportCounts = { imported: 0, records: 0, there: 0, conflicting: 0, bad: 0 };
  const state = { dry, problem, counts };
  const waiting = new Map<string, Item[]>();
  let head: Head | undefined;
  let last = 0;
  let ended: unknown;
  let lines = 0;
  for await (const { number, content } of linesOf(text)) {
    last = number;
    if (content === undefined) {
      bad(state, number, 'BAD_REQUEST', `The line is longer than ${LINE} characters.`);
      continue;
    }
    if (content.trim() === '') continue;
    const parsed = parseObject(content);
    if (!head) {
      head = readHead(parsed);
      await adopt(head.fingerprints);
      continue;
    }
    if (parsed?.end === true) {
      ended = parsed;
      continue;
    }
    lines++;
    try {
      const item = readItem(parsed, number, head, mappings);
      const key = `${item.kind} ${item.mapping.name}`;
      const items = waiting.get(key) ?? [];
      waiting.set(key, items);
      items.push(item);
      if (items.length >= BATCH) await flush(state, items);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      bad(state, number, error.code, error.message);
    }
  }
  for (const items of waiting.values()) await flush(state, items);
  if (!head) readHead(undefined);
  const { links = 0, records = 0 } = (ended ?? {}) as Partial<ExportCounts>;
  if (!ended)
    bad(state, last, 'BAD_REQUEST', 'The copy has no end: it was cut short, and links after this line are missing.');
  else if (links + records !== lines)
    bad(state, last, 'BAD_REQUEST', `The copy says that it has ${links + records} lines, but it has ${lines}.`);
  return counts;
}

/** Puts back what one mapping has waiting of one kind. */
async function flush(state: ImportState, items: Item[]): Promise<void> {
  const { dry, problem, counts } = state;
  const end = performance.now() + PATIENCE;
  for (let open = items.splice(0); open.length > 0; ) {
    const results = await restore(open, dry);
    const busy: Item[] = [];
    for (const [i, item] of open.entries()) {
      const result = results[i]!;
      if (result === 'busy') busy.push(item);
      else if (result === 'there') counts.there++;
      else if (result === 'imported') counts[item.kind === 'link' ? 'imported' : 'records']++;
      // A record that has a link by now needs nothing of what was known of it without one.
      else if (item.kind === 'record') counts.there++;
      else {
        counts.conflicting++;
        problem({ line: item.line, code: 'LINK_TAKEN', message: taken(item) });
      }
    }
    open = busy;
    if (busy.length === 0) return;
    if (performance.now() > end) {
      for (const item of busy)
        bad(state, item.line, 'RECORD_LOCKED', 'A worker has one of the records; import it again later.');
      return;
    }
    await setTimeout(BUSY_WAIT);
  }
}

function bad({ counts, problem }: ImportState, line: number, code: ErrorCode, message: string): void {
  counts.bad++;
  problem({ line, code, message });
}

/** All of one kind and one mapping. */
function restore(items: readonly Item[], dry: boolean): Promise<Restored[]> {
  const { links } = items[0]!.mapping;
  return items[0]!.kind === 'link'
    ? links.restoreLinks(
        items.flatMap((item) => (item.kind === 'link' ? [item.link] : [])),
        dry,
      )
    : links.restoreRecords(
        items.flatMap((item) => (item.kind === 'record' ? [item.record] : [])),
        dry,
      );
}

function taken(item: Item & { kind: 'link' }): string {
  const [a, b] = item.mapping.sides;
  const [idA, idB] = item.link.ids;
  return `${item.mapping.name}: ${a} ${idA} or ${b} ${idB} is linked to another record. It stays so; break that link first if the copy is right.`;
}

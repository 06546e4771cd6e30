/**
 * The text of a copy of links: NDJSON. A head, a line per link or record, and an end that tells how many there are, so
 * that a copy that was cut short is not taken for a whole one. Sides go by their names. Reading and writing hold a
 * batch at a time, however many links there are.
 */
import { setTimeout } from 'node:timers/promises';
import { type ErrorCode, TandemError } from '../errors.ts';
import type { Base, SideIndex } from '../types.ts';
import type { FingerprintRecord } from './fingerprints.ts';
import { KIND_LETTERS } from './issue-codec.ts';
import { isToken } from './tokens.ts';
import type { CopiedLink, CopiedRecord, Restored, Transfer } from './transfer.ts';
import type { CorrelationNote, Issue, PendingCreate } from './types.ts';

const FORMAT = 2;
const BATCH = 500;
/** Longer lines are no links: base and pending create of some hundred properties. In characters. */
const LINE = 1_048_576;
/** How long an import waits for workers that have a record just now, in ms. */
const PATIENCE = 10_000;
const BUSY_WAIT = 250;

/** A mapping as a copy knows it. */
export interface CopiedMapping {
  readonly name: string;
  /** Names of its sides. */
  readonly sides: readonly [string, string];
  readonly links: Transfer;
}

/** How many lines were made so far: of links, and of records without a link. The last line of a copy states both. */
export interface ExportCounts {
  links: number;
  records: number;
}

/** The lines of a copy, each with its line end. @param counts grows as lines are made */
export async function* exportLines(
  mappings: readonly CopiedMapping[],
  counts: ExportCounts,
  fingerprints: FingerprintRecord,
): AsyncGenerator<string, void, undefined> {
  const sides = Object.fromEntries(mappings.map((mapping) => [mapping.name, mapping.sides]));
  yield line({ tandem: 'links', format: FORMAT, created: new Date().toISOString(), fingerprints, mappings: sides });
  for (const { name, sides, links } of mappings) {
    const named = <T>([a, b]: readonly [T, T]): Record<string, T> => ({ [sides[0]]: a, [sides[1]]: b });
    for await (const batch of links.copyLinks()) {
      counts.links += batch.length;
      yield batch
        .map(({ ids, lastSynced, correlation, ownWriteAt, foreignAt, ...link }) =>
          line({
            mapping: name,
            ids: named(ids),
            ...link,
            lastSynced: named(lastSynced),
            correlation:
              correlation && named(correlation.map((note) => note ?? null) as [string | null, string | null]),
            ownWriteAt: ownWriteAt && named(ownWriteAt),
            foreignAt: foreignAt && named(foreignAt),
          }),
        )
        .join('');
    }
    for await (const batch of links.copyRecords()) {
      counts.records += batch.length;
      yield batch
        .map(({ side, id, ...record }) => line({ mapping: name, record: { side: sides[side], id }, ...record }))
        .join('');
    }
  }
  yield line({ end: true, ...counts });
}

const line = (value: object): string => `${JSON.stringify(value)}\n`;

// ---------------------------------------------------------------- import

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

/** A line of a copy, once it is understood. */
type Item =
  | { readonly kind: 'link'; readonly line: number; readonly mapping: CopiedMapping; readonly link: CopiedLink }
  | { readonly kind: 'record'; readonly line: number; readonly mapping: CopiedMapping; readonly record: CopiedRecord };

export interface ImportOptions {
  readonly dry: boolean;
  /** Called for each line that was not taken. */
  readonly problem: (problem: ImportProblem) => void;
  /** Called before anything is put back. @throws TandemError where fingerprints of that key are of no use here */
  readonly adopt: (fingerprints: FingerprintRecord) => Promise<void>;
}

// Over 60 lines: one pass over a text, line by line, whose steps share what was counted so far.
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
  const waiting = new Map<string, Item[]>();
  const bad = (line: number, code: ErrorCode, message: string): void => {
    counts.bad++;
    problem({ line, code, message });
  };

  const flush = async (items: Item[]): Promise<void> => {
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
          bad(item.line, 'RECORD_LOCKED', 'A worker has one of the records; import it again later.');
        return;
      }
      await setTimeout(BUSY_WAIT);
    }
  };

  let head: Head | undefined;
  let last = 0;
  let ended: unknown;
  let lines = 0;
  for await (const { number, content } of linesOf(text)) {
    last = number;
    if (content === undefined) {
      bad(number, 'BAD_REQUEST', `The line is longer than ${LINE} characters.`);
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
      if (items.length >= BATCH) await flush(items);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      bad(number, error.code, error.message);
    }
  }
  for (const items of waiting.values()) await flush(items);
  if (!head) readHead(undefined);
  const { links = 0, records = 0 } = (ended ?? {}) as Partial<ExportCounts>;
  if (!ended) bad(last, 'BAD_REQUEST', 'The copy has no end: it was cut short, and links after this line are missing.');
  else if (links + records !== lines)
    bad(last, 'BAD_REQUEST', `The copy says that it has ${links + records} lines, but it has ${lines}.`);
  return counts;
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

// ---------------------------------------------------------------- lines

/** Lines of a text that comes in chunks; a line that is too long is reported without its content. */
async function* linesOf(text: AsyncIterable<string>): AsyncGenerator<{ number: number; content: string | undefined }> {
  let number = 0;
  let rest = '';
  let skipping = false;
  for await (const chunk of text) {
    const parts = chunk.split('\n');
    for (const [i, part] of parts.entries()) {
      if (!skipping) rest += part;
      if (rest.length > LINE) [rest, skipping] = ['', true];
      if (i === parts.length - 1) break;
      yield { number: ++number, content: skipping ? undefined : rest };
      [rest, skipping] = ['', false];
    }
  }
  if (rest !== '' || skipping) yield { number: ++number, content: skipping ? undefined : rest };
}

type Fields = Readonly<Record<string, unknown>>;

function parseObject(content: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(content);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

// ---------------------------------------------------------------- what a line says

interface Head {
  readonly mappings: Fields;
  readonly fingerprints: FingerprintRecord;
}

function readHead(head: Fields | undefined): Head {
  if (head?.tandem !== 'links' || !isFields(head.mappings))
    throw new TandemError('BAD_REQUEST', 'This is no copy of links: its first line is not what "links export" writes.');
  if (head.format !== FORMAT)
    throw new TandemError(
      'BAD_REQUEST',
      `The copy has format ${String(head.format)}; this version of Tandem reads format ${FORMAT}.`,
    );
  const { check, key } = isFields(head.fingerprints) ? head.fingerprints : {};
  if (typeof check !== 'string' || (key !== undefined && typeof key !== 'string'))
    throw new TandemError('BAD_REQUEST', 'The copy does not state by which key its fingerprints were made.');
  return { mappings: head.mappings, fingerprints: { check, ...(key === undefined ? {} : { key }) } };
}

/** Why a line is not taken. */
class Refusal extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const refuse = (message: string, code: ErrorCode = 'BAD_REQUEST'): never => {
  throw new Refusal(code, message);
};

function readItem(
  fields: Fields | undefined,
  line: number,
  head: Head,
  mappings: ReadonlyMap<string, CopiedMapping>,
): Item {
  if (!fields) return refuse('The line is no JSON object: it is damaged or was cut short.');
  const name = textOf(fields.mapping, '"mapping"');
  const mapping = mappings.get(name) ?? refuse(`There is no mapping "${name}".`, 'NOT_FOUND');
  const sides = head.mappings[name];
  if (!Array.isArray(sides) || sides[0] !== mapping.sides[0] || sides[1] !== mapping.sides[1])
    return refuse(
      `The sides of "${name}" are ${mapping.sides.join(', ')} here, and ${Array.isArray(sides) ? sides.join(', ') : 'not given'} in the copy: name and order must be the same.`,
    );
  return fields.record === undefined
    ? { kind: 'link', line, mapping, link: readLink(fields, mapping) }
    : { kind: 'record', line, mapping, record: readRecord(fields, mapping) };
}

function readLink(fields: Fields, { sides }: CopiedMapping): CopiedLink {
  const issue = issueOf(fields.issue);
  const { unconfirmed, correlation, ownWriteAt, foreignAt } = fields;
  if (unconfirmed !== undefined && !(Array.isArray(unconfirmed) && unconfirmed.every((one) => typeof one === 'string')))
    return refuse('"unconfirmed" must be a list of texts.');
  return {
    ids: pairOf(fields.ids, '"ids"', sides, idOf),
    base: baseOf(fields.base),
    lastSynced: pairOf(fields.lastSynced, '"lastSynced"', sides, tokenOf),
    ...(unconfirmed === undefined ? {} : { unconfirmed: unconfirmed as string[] }),
    ...(correlation === undefined ? {} : { correlation: pairOf(correlation, '"correlation"', sides, noteOf) }),
    ...(ownWriteAt === undefined ? {} : { ownWriteAt: pairOf(ownWriteAt, '"ownWriteAt"', sides, timeOf) }),
    ...(foreignAt === undefined ? {} : { foreignAt: pairOf(foreignAt, '"foreignAt"', sides, timeOf) }),
    ...(issue ? { issue } : {}),
  };
}

function readRecord(fields: Fields, { sides }: CopiedMapping): CopiedRecord {
  if (!isFields(fields.record)) return refuse('"record" must be an object.');
  const side = sides.indexOf(textOf(fields.record.side, '"record.side"'));
  if (side < 0) return refuse(`"record.side" must be ${sides.join(' or ')}.`);
  const issue = issueOf(fields.issue);
  const pending = fields.pendingCreate;
  if (pending !== undefined && !(isFields(pending) && isFields(pending.sent)))
    return refuse('"pendingCreate" must be a pending create.');
  return {
    side: side as SideIndex,
    id: idOf(fields.record.id, '"record.id"'),
    ...(fields.state === undefined ? {} : { state: textOf(fields.state, '"state"', 0, 250) }),
    ...(issue ? { issue } : {}),
    ...(pending === undefined ? {} : { pendingCreate: pending as unknown as PendingCreate }),
  };
}

function pairOf<T>(
  value: unknown,
  name: string,
  sides: readonly [string, string],
  read: (value: unknown, name: string) => T,
): [T, T] {
  if (!isFields(value) || Object.keys(value).length !== 2 || sides.some((side) => !Object.hasOwn(value, side)))
    return refuse(`${name} must have a value for ${sides.join(' and ')}, and no other.`);
  return [read(value[sides[0]], `${name} of ${sides[0]}`), read(value[sides[1]], `${name} of ${sides[1]}`)];
}

function issueOf(value: unknown): Issue | undefined {
  if (value === undefined) return undefined;
  const whole =
    isFields(value) &&
    ['reason', 'mapping'].every((key) => typeof value[key] === 'string') &&
    Object.hasOwn(KIND_LETTERS, String(value.kind)) &&
    Number.isFinite(value.since);
  return whole ? (value as unknown as Issue) : refuse('"issue" must state kind, reason, mapping and since.');
}

function baseOf(value: unknown): Base {
  if (!isFields(value)) return refuse('"base" must be an object.');
  for (const [name, entry] of Object.entries(value)) {
    if (!Array.isArray(entry) || entry.length < 2 || entry.length > 3)
      return refuse(`"base" of ${name} must be two fingerprints and a definition.`);
    tokenOf(entry[0], `"base" of ${name}`);
    tokenOf(entry[1], `"base" of ${name}`);
    if (entry[2] !== undefined) textOf(entry[2], `"base" of ${name}`);
  }
  return value as unknown as Base;
}

const idOf = (value: unknown, name: string): string => textOf(value, name, 1, 500);

const tokenOf = (value: unknown, name: string): string =>
  isToken(value) ? value : refuse(`${name} must be a fingerprint.`);

const noteOf = (value: unknown, name: string): CorrelationNote | undefined =>
  value === null ? undefined : isNote(value) ? value : refuse(`${name} must be new, open, refused or null.`);

const isNote = (value: unknown): value is CorrelationNote => ['new', 'open', 'refused'].includes(value as string);

const timeOf = (value: unknown, name: string): number =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : refuse(`${name} must be a time in ms.`);

function textOf(value: unknown, name: string, least = 1, most = 500): string {
  return typeof value === 'string' && value.length >= least && value.length <= most
    ? value
    : refuse(`${name} must be a text of ${least} to ${most} characters.`);
}

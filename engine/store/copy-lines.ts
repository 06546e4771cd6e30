/** Understands the lines of a copy of links: what is stated in them may come from anywhere. */
import { type ErrorCode, TandemError } from '../errors.ts';
import { isObject } from '../json.ts';
import type { Base, SideIndex } from '../types.ts';
import { type CopiedMapping, FORMAT } from './copy.ts';
import type { FingerprintRecord } from './fingerprints.ts';
import { KIND_LETTERS } from './issue-codec.ts';
import { isToken } from './tokens.ts';
import type { CopiedLink, CopiedRecord } from './transfer.ts';
import type { CorrelationNote, Issue, PendingCreate } from './types.ts';

/** Longer lines are no links: base and pending create of some hundred properties. In characters. */
export const LINE = 1_048_576;

/** A line of a copy, once it is understood. */
export type Item =
  | { readonly kind: 'link'; readonly line: number; readonly mapping: CopiedMapping; readonly link: CopiedLink }
  | { readonly kind: 'record'; readonly line: number; readonly mapping: CopiedMapping; readonly record: CopiedRecord };

/** Lines of a text that comes in chunks; a line that is too long is reported without its content. */
export async function* linesOf(
  text: AsyncIterable<string>,
): AsyncGenerator<{ number: number; content: string | undefined }> {
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

export function parseObject(content: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(content);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

// ---------------------------------------------------------------- what a line says

export interface Head {
  readonly mappings: Fields;
  readonly fingerprints: FingerprintRecord;
}

export function readHead(head: Fields | undefined): Head {
  if (head?.tandem !== 'links' || !isObject(head.mappings))
    throw new TandemError('BAD_REQUEST', 'This is no copy of links: its first line is not what "links export" writes.');
  if (head.format !== FORMAT)
    throw new TandemError(
      'BAD_REQUEST',
      `The copy has format ${String(head.format)}; this version of Tandem reads format ${FORMAT}.`,
    );
  const { check, key } = isObject(head.fingerprints) ? head.fingerprints : {};
  if (typeof check !== 'string' || (key !== undefined && typeof key !== 'string'))
    throw new TandemError('BAD_REQUEST', 'The copy does not state by which key its fingerprints were made.');
  return { mappings: head.mappings, fingerprints: { check, ...(key === undefined ? {} : { key }) } };
}

/** Why a line is not taken. */
export class Refusal extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const refuse = (message: string, code: ErrorCode = 'BAD_REQUEST'): never => {
  throw new Refusal(code, message);
};

export function readItem(
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
  if (!isObject(fields.record)) return refuse('"record" must be an object.');
  const side = sides.indexOf(textOf(fields.record.side, '"record.side"'));
  if (side < 0) return refuse(`"record.side" must be ${sides.join(' or ')}.`);
  const issue = issueOf(fields.issue);
  const pending = fields.pendingCreate;
  if (pending !== undefined && !(isObject(pending) && isObject(pending.sent)))
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
  if (!isObject(value) || Object.keys(value).length !== 2 || sides.some((side) => !Object.hasOwn(value, side)))
    return refuse(`${name} must have a value for ${sides.join(' and ')}, and no other.`);
  return [read(value[sides[0]], `${name} of ${sides[0]}`), read(value[sides[1]], `${name} of ${sides[1]}`)];
}

function issueOf(value: unknown): Issue | undefined {
  if (value === undefined) return undefined;
  const whole =
    isObject(value) &&
    ['reason', 'mapping'].every((key) => typeof value[key] === 'string') &&
    Object.hasOwn(KIND_LETTERS, String(value.kind)) &&
    Number.isFinite(value.since);
  return whole ? (value as unknown as Issue) : refuse('"issue" must state kind, reason, mapping and since.');
}

function baseOf(value: unknown): Base {
  if (!isObject(value)) return refuse('"base" must be an object.');
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

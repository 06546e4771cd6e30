/**
 * The entry of a record without a link, binary and at most 64 bytes long with two match keys: Redis keeps hashes compact only
 * while their values are that short.
 *
 *   0  1  flags: bit 0 it names a counterpart
 *   1  5  when it was first read, in ms since 2020-01-01, 0: not yet
 *   6  3  tag of the match rules by which it is indexed
 *   9  8  raw hash
 *  17  1  number of match keys, then 8 bytes each, zeros for none
 *   then  8 bytes of the correlation id, where the flag says so
 *   then  length of the state in one byte, and the state
 *   then  its issue, where it is a quiet one: kind, 5 bytes since when, 4 bytes number of the text
 *
 * scripts/lib.lua reads and writes it too.
 */
import { readShortTime, shortTime } from './short-time.ts';
import { getToken, isToken, TOKEN_BYTES, tokenBytes } from './tokens.ts';
import type { Token, UnlinkedRecord } from './types.ts';

/** First byte of a packed state: '' stands for one that was left open. */
const OPEN = 0;
const TOKENS = 1;
const TEXT = 2;

/** A state as few bytes: tokens joined by dots are 8 bytes each. Undefined is nothing at all. */
export function packState(state: string | undefined): Buffer {
  if (state === undefined) return Buffer.alloc(0);
  if (state === '') return Buffer.from([OPEN]);
  const parts = state.split('.');
  const exact = parts.every((part) => part !== '' && isToken(part));
  const [type, bytes] = exact ? [TOKENS, tokenBytes(...parts)] : [TEXT, Buffer.from(state)];
  return Buffer.concat([Buffer.from([type]), bytes]).subarray(0, 255);
}

export function unpackState(packed: Buffer): string | undefined {
  if (packed.length === 0) return undefined;
  if (packed[0] === OPEN) return '';
  if (packed[0] === TEXT) return packed.toString('utf8', 1);
  return Array.from({ length: (packed.length - 1) / TOKEN_BYTES }, (_, i) =>
    getToken(packed, 1 + i * TOKEN_BYTES),
  ).join('.');
}

/** How a quiet issue is kept in an entry, after its kind. @param number of the text that holds the rest */
export function packQuiet(since: number, number: number): Buffer {
  const text = Buffer.alloc(4);
  text.writeUInt32BE(number);
  return Buffer.concat([shortTime(since), text]);
}

export interface UnlinkedEntry extends UnlinkedRecord {
  /** Tag of the rules that its match keys are of. */
  readonly tag: string;
  readonly issue: { readonly kind: string; readonly since: number; readonly text: number } | undefined;
}

export function decodeUnlinked(value: Buffer): UnlinkedEntry {
  const seen = value.readUIntBE(1, 5);
  const count = value[17]!;
  const matchKeys: Token[] = [];
  let at = 18;
  for (let rule = 0; rule < count; rule++, at += TOKEN_BYTES) matchKeys.push(getToken(value, at));
  const names = (value[0]! & 1) === 1;
  const correlationId = names ? getToken(value, at) : '';
  if (names) at += TOKEN_BYTES;
  const end = at + 1 + value[at]!;
  const issue = value.subarray(end);
  return {
    firstSeen: seen === 0 ? undefined : readShortTime(value, 1),
    tag: value.toString('latin1', 6, 9),
    raw: getToken(value, 9),
    matchKeys,
    correlationId,
    state: unpackState(value.subarray(at + 1, end)),
    issue:
      issue.length === 0
        ? undefined
        : { kind: String.fromCharCode(issue[0]!), since: readShortTime(issue, 1), text: issue.readUInt32BE(6) },
  };
}

/**
 * The value of a link in Redis, binary: a link of 11 properties takes about 250 bytes. Numbers are big endian.
 *
 *   0  1  format, 1
 *   1  1  flags: bits 0-1 and 2-3 the correlation notes of side 0 and 1, 4: presence follows, 5: unconfirmed follows,
 *         6-7: how many match keys follow
 *   2  6  revision                  } filled in by commit.lua
 *   8  6  time of creation in ms    }
 *  14  4  number of the definition set
 *  18  8  last synced hash of side 0    26  8  of side 1
 *  34  8  raw hash of side 0            42  8  of side 1
 *  50  6  time of our own last write on side 0 in ms, 0 for none    56  6  on side 1
 *  62  6  time of the last modification by anybody else before it on side 0 in ms, 0: not known    68  6  on side 1
 *  74  2  length of the id on side 1 in bytes, then the id
 *   then  presence and unconfirmed: a bit per entry of the definition set, where the flags say so; without presence all are there
 *   then  two fingerprints of 8 bytes per property that is there
 *   then  the match keys of both records, 8 bytes each; where the flags say 3, their number in one byte: put there by commit.lua
 *
 * scripts/lib.lua knows the offsets up to the id.
 */
import { TandemError } from '../errors.ts';
import type { Base, Pair, PropertyBase } from '../types.ts';
import { getToken, putToken, TOKEN_BYTES } from './tokens.ts';
import type { CorrelationNote, Link } from './types.ts';

const FORMAT = 1;
const HEADER = 76;
const OTHER_ID = 74;
const PRESENCE = 16;
const UNCONFIRMED = 32;
const NOTES: readonly (CorrelationNote | undefined)[] = [undefined, 'new', 'open', 'refused'];

/** Property name and definition of each entry, in the order in which a link of this set holds them. */
export type DefinitionSet = readonly (readonly [name: string, definition: string])[];

/** The entries of a base in the order of their names, so that equal bases have equal sets. */
export function setOfBase(base: Base): DefinitionSet {
  return Object.entries(base)
    .map(([name, entry]): [string, string] => [name, entry[2] ?? ''])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Whether a set has every entry of a base under the same definition. */
export function fits(set: DefinitionSet, base: Base): boolean {
  const names = Object.keys(base);
  if (names.length > set.length) return false;
  const definitions = new Map(set);
  return names.every((name) => definitions.get(name) === (base[name]![2] ?? ''));
}

export type EncodedLink = Omit<Link, 'revision' | 'created' | 'ids'> & { readonly other: string };

/** Without revision and time of creation. @param number of the set, which `fits` the base */
export function encodeLink(link: EncodedLink, set: DefinitionSet, number: number): Buffer {
  const id = Buffer.from(link.other);
  const present = set.map(([name]) => Object.hasOwn(link.base, name));
  const bitmap = Math.ceil(set.length / 8);
  const partial = present.includes(false);
  const doubted = link.unconfirmed.length > 0;
  const entries = present.filter(Boolean).length;
  const size = HEADER + id.length + (partial ? bitmap : 0) + (doubted ? bitmap : 0) + entries * 2 * TOKEN_BYTES;
  const value = Buffer.alloc(size);
  value[0] = FORMAT;
  value[1] =
    NOTES.indexOf(link.correlation[0]) |
    (NOTES.indexOf(link.correlation[1]) << 2) |
    (partial ? PRESENCE : 0) |
    (doubted ? UNCONFIRMED : 0);
  value.writeUInt32BE(number, 14);
  for (const side of [0, 1] as const) {
    putToken(value, link.lastSynced[side], 18 + side * 8);
    putToken(value, link.raw[side], 34 + side * 8);
    value.writeUIntBE(link.ownWriteAt[side], 50 + side * 6, 6);
    value.writeUIntBE(link.foreignAt[side], 62 + side * 6, 6);
  }
  value.writeUInt16BE(id.length, OTHER_ID);
  let at = HEADER + id.copy(value, HEADER);
  if (partial) at = putBits(value, at, present);
  if (doubted) {
    const unconfirmed = new Set(link.unconfirmed);
    at = putBits(
      value,
      at,
      set.map(([name]) => unconfirmed.has(name)),
    );
  }
  for (const [i, [name]] of set.entries()) {
    if (!present[i]) continue;
    at = putToken(value, link.base[name]![0], at);
    at = putToken(value, link.base[name]![1], at);
  }
  return value;
}

/** @returns the number of the definition set by which the value is decoded */
export const setNumber = (value: Buffer): number => value.readUInt32BE(14);

export const otherId = (value: Buffer): string => value.toString('utf8', HEADER, HEADER + value.readUInt16BE(OTHER_ID));

/** @param id of the record on side 0. @throws TandemError INTERNAL where it is of a later format */
export function decodeLink(id: string, value: Buffer, set: DefinitionSet): Link {
  if (value[0] !== FORMAT)
    throw new TandemError(
      'INTERNAL',
      `A link in Redis has format ${value[0]}; this version of Tandem reads ${FORMAT}.`,
    );
  const flags = value[1]!;
  let at = HEADER + value.readUInt16BE(OTHER_ID);
  const bitmap = Math.ceil(set.length / 8);
  const present = flags & PRESENCE ? getBits(value, at, set.length) : undefined;
  if (present) at += bitmap;
  const doubted = flags & UNCONFIRMED ? getBits(value, at, set.length) : undefined;
  if (doubted) at += bitmap;
  const base: [string, PropertyBase][] = [];
  for (const [i, [name, definition]] of set.entries()) {
    if (present && !present[i]) continue;
    const entry = [getToken(value, at), getToken(value, at + TOKEN_BYTES)] as const;
    base.push([name, definition === '' ? entry : [...entry, definition]]);
    at += 2 * TOKEN_BYTES;
  }
  const both = <T>(read: (side: 0 | 1) => T): Pair<T> => [read(0), read(1)];
  return {
    ids: [id, otherId(value)],
    revision: value.readUIntBE(2, 6),
    created: value.readUIntBE(8, 6),
    base: Object.fromEntries(base),
    unconfirmed: doubted ? set.flatMap(([name], i) => (doubted[i] ? [name] : [])) : [],
    correlation: both((side) => NOTES[(flags >> (side * 2)) & 3]),
    lastSynced: both((side) => getToken(value, 18 + side * 8)),
    raw: both((side) => getToken(value, 34 + side * 8)),
    ownWriteAt: both((side) => value.readUIntBE(50 + side * 6, 6)),
    foreignAt: both((side) => value.readUIntBE(62 + side * 6, 6)),
  };
}

function putBits(target: Buffer, at: number, bits: readonly boolean[]): number {
  for (const [i, bit] of bits.entries()) if (bit) target[at + (i >> 3)]! |= 1 << (i & 7);
  return at + Math.ceil(bits.length / 8);
}

const getBits = (source: Buffer, at: number, count: number): boolean[] =>
  Array.from({ length: count }, (_, i) => ((source[at + (i >> 3)]! >> (i & 7)) & 1) === 1);

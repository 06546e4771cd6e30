/** Tokens as 8 bytes: '' is all zeros, an unknown value all ones. `createFingerprinter` makes neither. */
import { TandemError } from '../errors.ts';
import { type Token, UNKNOWN_VALUE } from './types.ts';

export const TOKEN_BYTES = 8;
const EMPTY = Buffer.alloc(TOKEN_BYTES);
const UNKNOWN = Buffer.alloc(TOKEN_BYTES, 0xff);

export function putToken(target: Buffer, token: Token, at: number): number {
  if (token === '') return EMPTY.copy(target, at) + at;
  if (token === UNKNOWN_VALUE) return UNKNOWN.copy(target, at) + at;
  if (token.length !== 11 || target.write(token, at, TOKEN_BYTES, 'base64url') !== TOKEN_BYTES)
    throw new TandemError('INTERNAL', 'What is stored as a fingerprint is none.');
  return at + TOKEN_BYTES;
}

export function getToken(source: Buffer, at: number): Token {
  const high = source.readUInt32BE(at);
  const low = source.readUInt32BE(at + 4);
  if (high === 0 && low === 0) return '';
  if (high === 0xffffffff && low === 0xffffffff) return UNKNOWN_VALUE;
  return source.toString('base64url', at, at + TOKEN_BYTES);
}

export function tokenBytes(...tokens: readonly Token[]): Buffer {
  const bytes = Buffer.allocUnsafe(tokens.length * TOKEN_BYTES);
  let at = 0;
  for (const token of tokens) at = putToken(bytes, token, at);
  return bytes;
}

/** Whether a text is one that `putToken` takes. */
export const isToken = (value: unknown): value is Token =>
  value === '' ||
  value === UNKNOWN_VALUE ||
  (typeof value === 'string' && value.length === 11 && Buffer.from(value, 'base64url').toString('base64url') === value);

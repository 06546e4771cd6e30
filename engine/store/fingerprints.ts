/**
 * Fingerprints of values, match keys and states as they are stored: HMAC-SHA256 with a key of the installation, cut to 8
 * bytes. Who reads them without the key cannot find out by trying whether a given e-mail address is among them.
 */
import { createHmac, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { createEncryption } from '../encryption.ts';
import { TandemError } from '../errors.ts';
import { canonical, EMPTY, type Fingerprinter } from '../expression/values.ts';

const BYTES = 8;
const KEY_BYTES = 32;

/** Tokens are 11 characters of base64url; '' stays ''. Two bytes sequences are kept free for "empty" and "unknown". */
export function createFingerprinter(key: Uint8Array): Fingerprinter {
  const secret = createSecretKey(key);
  const token = (text: string): string => {
    if (text === '') return EMPTY;
    const digest = createHmac('sha256', secret).update(text).digest().subarray(0, BYTES);
    if (digest.every((byte) => byte === 0) || digest.every((byte) => byte === 0xff)) digest[0] = 1;
    return digest.toString('base64url');
  };
  return { token, of: (raw, options) => token(canonical(raw, options)) };
}

export interface FingerprintKeys {
  /** TANDEM_FINGERPRINT_KEY */
  readonly fingerprintKey?: string | undefined;
  /** TANDEM_ENCRYPTION_KEY: encrypts the key that is kept in Redis. `new,old` while it is being changed. */
  readonly encryptionKey?: string | undefined;
}

/**
 * The fingerprinter of the installation under a prefix. Its key is TANDEM_FINGERPRINT_KEY; without it a random one, kept in
 * Redis, encrypted where there is an encryption key.
 * @throws TandemError STARTUP_REFUSED where the fingerprints in this Redis were made with another key
 */
export async function openFingerprinter(redis: Redis, prefix: string, keys: FingerprintKeys): Promise<Fingerprinter> {
  const place = `${prefix}:fingerprints`;
  const key = keys.fingerprintKey
    ? new Uint8Array(hkdfSync('sha256', keys.fingerprintKey, 'tandem', 'fingerprints', KEY_BYTES))
    : await keptKey(redis, place, keys.encryptionKey ?? '');
  const fingerprinter = createFingerprinter(key);
  const check = fingerprinter.token('tandem');
  await redis.hsetnx(place, 'check', check);
  if ((await redis.hget(place, 'check')) === check) return fingerprinter;
  throw new TandemError(
    'STARTUP_REFUSED',
    `The fingerprints in this Redis were made with another key than ${keys.fingerprintKey ? 'the present TANDEM_FINGERPRINT_KEY' : 'the one that is kept in it'}: every record would look changed. Set TANDEM_FINGERPRINT_KEY as it was before, or unset it where it was not set.`,
  );
}

const SEALED = 'sealed:';
const PLAIN = 'plain:';

async function keptKey(redis: Redis, place: string, encryptionKey: string): Promise<Uint8Array> {
  const encryption = createEncryption(encryptionKey, 'fingerprints');
  const stored = async (key: Buffer): Promise<string> => {
    const text = key.toString('base64url');
    return encryption ? `${SEALED}${await encryption.seal(text)}` : `${PLAIN}${text}`;
  };
  if (!(await redis.hexists(place, 'check'))) await redis.hsetnx(place, 'key', await stored(randomBytes(KEY_BYTES)));
  const kept = (await redis.hget(place, 'key')) ?? '';
  if (kept === '')
    throw new TandemError(
      'STARTUP_REFUSED',
      'The fingerprints in this Redis were made with a key that is not kept in it: set TANDEM_FINGERPRINT_KEY to the value that it had before.',
    );
  if (kept.startsWith(PLAIN)) {
    const key = Buffer.from(kept.slice(PLAIN.length), 'base64url');
    if (encryption) await redis.hset(place, 'key', await stored(key));
    return key;
  }
  const opened = await encryption?.open(kept.slice(SEALED.length));
  if (!opened)
    throw new TandemError(
      'STARTUP_REFUSED',
      'The key of the fingerprints in this Redis is encrypted with another TANDEM_ENCRYPTION_KEY: set the one that it had before, behind the new one (new,old).',
    );
  const key = Buffer.from(opened.text, 'base64url');
  if (opened.former) await redis.hset(place, 'key', await stored(key));
  return key;
}

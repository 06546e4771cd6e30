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
/** A value is met several times on its way: in a record, converted, and in what the other system answers. */
const REMEMBERED = 10_000;
/** Characters of a text that is remembered. */
const SHORT = 200;
const KEY_BYTES = 32;

/**
 * Makes fingerprints with a key: HMAC-SHA256, cut to 8 bytes.
 * @param key secret, of 32 bytes
 * @returns tokens of 11 characters of base64url; '' stays ''. Two byte sequences are kept free for "empty" and "unknown"
 */
export function createFingerprinter(key: Uint8Array): Fingerprinter {
  const secret = createSecretKey(key);
  const tokens = new Map<string, string>();
  const token = (text: string): string => {
    if (text === '') return EMPTY;
    if (text.length > SHORT) return digestOf(text);
    let known = tokens.get(text);
    if (known === undefined) {
      if (tokens.size >= REMEMBERED) tokens.clear();
      known = digestOf(text);
      tokens.set(text, known);
    }
    return known;
  };
  const digestOf = (text: string): string => {
    const digest = createHmac('sha256', secret).update(text).digest().subarray(0, BYTES);
    if (digest.every((byte) => byte === 0) || digest.every((byte) => byte === 0xff)) digest[0] = 1;
    return digest.toString('base64url');
  };
  return { token, of: (raw, options) => token(canonical(raw, options)) };
}

/** A fingerprinter with the key of the installation: made once per process, by `openFingerprinter`. */
export interface KeptFingerprinter extends Fingerprinter {
  /** Puts the key back where Redis was emptied or replaced: see `watchKey`. @throws TandemError STARTUP_REFUSED */
  keep(redis: Redis): Promise<void>;
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
export async function openFingerprinter(
  redis: Redis,
  prefix: string,
  keys: FingerprintKeys,
): Promise<KeptFingerprinter> {
  const place = placeOf(prefix);
  const key = keys.fingerprintKey
    ? derived(keys.fingerprintKey)
    : await keptKey(redis, place, keys.encryptionKey ?? '');
  const fingerprinter = createFingerprinter(key);
  const check = fingerprinter.token(CHECKED);
  await redis.hsetnx(place, 'check', check);
  if ((await redis.hget(place, 'check')) === check) {
    const kept = keys.fingerprintKey ? null : await redis.hget(place, 'key');
    return { ...fingerprinter, keep: (connection) => keep(connection, place, check, kept) };
  }
  throw new TandemError(
    'STARTUP_REFUSED',
    `The fingerprints in this Redis were made with another key than ${keys.fingerprintKey ? 'the present TANDEM_FINGERPRINT_KEY' : 'the one that is kept in it'}: every record would look changed. Set TANDEM_FINGERPRINT_KEY as it was before, or unset it where it was not set.`,
  );
}

/**
 * A Redis that was emptied or replaced while processes ran gets their key again, or the next one to start would make
 * another.
 * @throws TandemError STARTUP_REFUSED where another process was first: this one is to be started again
 */
async function keep(redis: Redis, place: string, check: string, key: string | null): Promise<void> {
  if ((await redis.eval(KEEP, 1, place, check, key ?? '')) !== check)
    throw new TandemError(
      'STARTUP_REFUSED',
      'Redis was replaced, and holds fingerprints of another key: this process has to be started again.',
    );
}

/** KEYS the record; ARGV check, key ('' where it is not kept). Answers the check that is there now. */
const KEEP = `
if redis.call('HSETNX', KEYS[1], 'check', ARGV[1]) == 1 and ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'key', ARGV[2]) end
return redis.call('HGET', KEYS[1], 'check')`;

/**
 * Looks at each connection, and once a second, whether the key is still there: FLUSHALL ends no connection. Where another
 * process has put another one there, this process ends by a rejection that nobody handles.
 * @returns ends it
 */
export function watchKey(redis: Redis, fingerprinter: Partial<KeptFingerprinter>, everyMs = 1_000): () => void {
  const look = (): void => {
    if (redis.status !== 'ready') return;
    fingerprinter.keep?.(redis).catch((error: unknown) => {
      // The next look reports a lost connection.
      if (error instanceof TandemError) throw error;
    });
  };
  redis.on('ready', look);
  const timer = setInterval(look, everyMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    redis.off('ready', look);
  };
}

/** By which key the fingerprints in a Redis, or in a copy of links, were made. */
export interface FingerprintRecord {
  /** Fingerprint of a known text. */
  readonly check: string;
  /** The key itself, encrypted or not, where it is kept in Redis. */
  readonly key?: string;
}

/** `check` is '' where no process has used this Redis yet. */
export async function fingerprintRecord(redis: Redis, prefix: string): Promise<FingerprintRecord> {
  const [check, key] = await redis.hmget(placeOf(prefix), 'check', 'key');
  return { check: check ?? '', ...(key ? { key } : {}) };
}

/**
 * Makes the key of a copy the one of this Redis, where nothing here was made with another one yet.
 * @param unused whether that is so
 * @throws TandemError BAD_REQUEST where the fingerprints of the copy are of no use here
 */
export async function adoptFingerprints(
  redis: Redis,
  prefix: string,
  keys: FingerprintKeys,
  copied: FingerprintRecord,
  { unused, dry }: { unused: boolean; dry: boolean },
): Promise<void> {
  const place = placeOf(prefix);
  const present = await redis.hget(place, 'check');
  if (present === copied.check || copied.check === '') return;
  const fail = (words: string): never => {
    throw new TandemError('BAD_REQUEST', `The fingerprints of the copy were made with another key: ${words}`);
  };
  if (present !== null && !unused) return fail('there are links in this Redis already, made with the present one.');
  if (keys.fingerprintKey ?? !copied.key) {
    const own = keys.fingerprintKey && createFingerprinter(derived(keys.fingerprintKey)).token(CHECKED);
    if (own !== copied.check)
      return fail('set TANDEM_FINGERPRINT_KEY to the value that it had when the copy was made.');
    if (!dry) await redis.multi().hset(place, 'check', copied.check).hdel(place, 'key').exec();
    return;
  }
  const opened = await opening(copied.key!, keys.encryptionKey ?? '');
  if (!opened || createFingerprinter(opened.key).token(CHECKED) !== copied.check)
    return fail('it is encrypted with another TANDEM_ENCRYPTION_KEY. Set the one that it had when the copy was made.');
  if (!dry) await redis.hset(place, { check: copied.check, key: copied.key! });
}

const placeOf = (prefix: string): string => `${prefix}:fingerprints`;
const derived = (key: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', key, 'tandem', 'fingerprints', KEY_BYTES));
/** Its fingerprint shows by which key fingerprints are made. */
const CHECKED = 'tandem';

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
  const opened = await opening(kept, encryptionKey);
  if (!opened)
    throw new TandemError(
      'STARTUP_REFUSED',
      'The key of the fingerprints in this Redis is encrypted with another TANDEM_ENCRYPTION_KEY: set the one that it had before, behind the new one (new,old).',
    );
  if (opened.former) await redis.hset(place, 'key', await stored(opened.key));
  return opened.key;
}

/** `former`: it is to be encrypted with the present key. Undefined where no key opens it. */
async function opening(kept: string, encryptionKey: string): Promise<{ key: Buffer; former: boolean } | undefined> {
  const encryption = createEncryption(encryptionKey, 'fingerprints');
  if (kept.startsWith(PLAIN))
    return { key: Buffer.from(kept.slice(PLAIN.length), 'base64url'), former: encryption !== undefined };
  const opened = await encryption?.open(kept.slice(SEALED.length));
  return opened && { key: Buffer.from(opened.text, 'base64url'), former: opened.former };
}

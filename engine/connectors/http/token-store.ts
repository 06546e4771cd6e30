/** The OAuth2 tokens of one system as they are kept: encrypted in Redis, for all processes, of which one refreshes at a time. */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Encryption } from '../../encryption.ts';
import { createScript } from '../script.ts';

export interface TokenSet {
  readonly access: string;
  /** Epoch milliseconds; undefined where the system does not tell: then it is used until refused. */
  readonly expires: number | undefined;
  /** Milliseconds that it lived when it was new. */
  readonly lifetime?: number;
  readonly refresh: string;
}

export interface TokenStore {
  readonly redis: Redis;
  /** Key of Redis; that of the lock begins with it. */
  readonly key: string;
  readonly encryption: Encryption;
  /** Got from the system, and not in Redis yet: lost if this process ends now. */
  unsaved?: TokenSet | undefined;
  /** Stored tokens that no key opens: most likely the key was changed without the former one behind it. */
  sealedElsewhere: boolean;
}

/** Releases or keeps the lock only for its holder. */
const RELEASE = createScript(
  `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`,
);

/** Only what was read is replaced: a refresh elsewhere may have stored newer tokens meanwhile. */
const RESEAL = createScript(
  `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0`,
);

export async function loadTokens(store: TokenStore): Promise<TokenSet | undefined> {
  const { redis, key, encryption } = store;
  const sealed = await redis.get(key);
  const opened = sealed === null ? undefined : await encryption.open(sealed);
  store.sealedElsewhere = sealed !== null && opened === undefined;
  if (sealed === null || opened === undefined) return undefined;
  // At once, not with the next refresh: that may be far away, and until then the former key could not go.
  if (opened.former) await RESEAL.run(redis, [key], [sealed, await encryption.seal(opened.text)]);
  return JSON.parse(opened.text) as TokenSet;
}

export async function saveTokens(store: TokenStore, set: TokenSet): Promise<void> {
  store.unsaved = set;
  await store.redis.set(store.key, await store.encryption.seal(JSON.stringify(set)));
  store.unsaved = undefined;
}

/** @returns what releases the lock; undefined where another process has it. @param ms after which it ends by itself */
export async function lockTokens(
  { redis, key }: TokenStore,
  ms: number,
): Promise<(() => Promise<unknown>) | undefined> {
  const holder = randomUUID();
  if ((await redis.set(`${key}:lock`, holder, 'PX', ms, 'NX')) !== 'OK') return undefined;
  return () => RELEASE.run(redis, [`${key}:lock`], [holder]);
}

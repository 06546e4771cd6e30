/**
 * OAuth2 access tokens by refresh token (RFC 6749, section 6), where every refresh may give a new refresh token and
 * end the old one: one process refreshes at a time, and what it got is stored before it is used.
 */
import type { Redis } from 'ioredis';
import { createEncryption } from '../../encryption.ts';
import { TandemError } from '../../errors.ts';
import { isLoopback } from '../../net.ts';
import { sleep } from '../../timing.ts';
import { askForTokens, type OAuthConfig, type TokenEndpoint } from './token-endpoint.ts';
import { loadTokens, lockTokens, saveTokens, type TokenSet, type TokenStore } from './token-store.ts';

export interface TokenSource {
  /** A token that is valid for another minute at least, or for a quarter of its time. @param refused a token that the system just refused: not that one again */
  token(refused?: string): Promise<string>;
}

export interface TokenOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly system: string;
  readonly encryptionKey: string | undefined;
  /** Milliseconds for the token endpoint to answer. */
  readonly timeout: number;
  readonly now?: () => number;
}

/** Milliseconds before its end at which a token is replaced. */
const SKEW = 60_000;
/** Of a token that lives a minute or less: else each call would ask for a new one. */
const skewOf = ({ lifetime = Number.POSITIVE_INFINITY }: TokenSet): number => Math.min(SKEW, lifetime / 4);
const POLL = 100;

/** @throws TandemError STARTUP_REFUSED where the encryption key is missing or the token endpoint is not encrypted */
export function createTokenSource(config: OAuthConfig, options: TokenOptions): TokenSource {
  const { redis, prefix, system, timeout } = options;
  const now = options.now ?? Date.now;
  const encryption = createEncryption(options.encryptionKey ?? '', `oauth2:${system}`);
  if (encryption === undefined) {
    throw new TandemError(
      'STARTUP_REFUSED',
      `${system} uses OAuth2, whose tokens are kept encrypted: set TANDEM_ENCRYPTION_KEY (for instance to the output of: openssl rand -base64 32)`,
      { system },
    );
  }
  const { protocol, hostname } = new URL(config.tokenUrl);
  if (protocol !== 'https:' && !isLoopback(hostname)) {
    throw new TandemError('STARTUP_REFUSED', `tokenUrl of ${system} must begin with https://`, { system });
  }
  const endpoint: TokenEndpoint = { config, system, timeout, now };
  const store: TokenStore = { redis, key: `${prefix}:{${system}}:oauth`, encryption, sealedElsewhere: false };
  let known: TokenSet | undefined;
  let underWay: Promise<TokenSet> | undefined;

  return {
    async token(refused) {
      if (isUsable(known, refused, now)) return known.access;
      // A second round: one that was under way may have begun before the refusal, and end with what was refused.
      for (let round = 1; ; round++) {
        underWay ??= obtain(endpoint, store, refused).finally(() => {
          underWay = undefined;
        });
        known = await underWay;
        if (known.access !== refused || round === 2) return known.access;
      }
    },
  };
}

const isUsable = (set: TokenSet | undefined, refused: string | undefined, now: () => number): set is TokenSet =>
  set !== undefined && set.access !== refused && (set.expires === undefined || set.expires - skewOf(set) > now());

async function obtain(endpoint: TokenEndpoint, store: TokenStore, refused: string | undefined): Promise<TokenSet> {
  const { system, timeout, now } = endpoint;
  if (store.unsaved !== undefined) await saveTokens(store, store.unsaved);
  const lockFor = timeout * 3 + 5_000;
  const deadline = performance.now() + lockFor + 1_000;
  for (;;) {
    const stored = await loadTokens(store);
    if (isUsable(stored, refused, now)) return stored;
    const release = await lockTokens(store, lockFor);
    if (release !== undefined) {
      try {
        // Another process may have been done between the look and the lock.
        const latest = await loadTokens(store);
        if (isUsable(latest, refused, now)) return latest;
        const fresh = await refresh(endpoint, store, latest);
        await saveTokens(store, fresh);
        return fresh;
      } finally {
        await release();
      }
    }
    if (performance.now() > deadline) {
      throw new TandemError('SYSTEM_UNAVAILABLE', `Another process holds the token refresh of ${system} for too long`, {
        system,
      });
    }
    await sleep(POLL);
  }
}

/** By the stored refresh token; where that is refused, by the one of the environment, which an operator may have renewed. */
async function refresh(endpoint: TokenEndpoint, store: TokenStore, stored: TokenSet | undefined): Promise<TokenSet> {
  const { refreshToken } = endpoint.config;
  const { sealedElsewhere } = store;
  if (stored === undefined) return await askForTokens(endpoint, refreshToken, sealedElsewhere);
  try {
    return await askForTokens(endpoint, stored.refresh, sealedElsewhere);
  } catch (error) {
    const other = refreshToken !== stored.refresh;
    if (!other || !(error instanceof TandemError) || error.code !== 'SYSTEM_AUTH') throw error;
    return await askForTokens(endpoint, refreshToken, sealedElsewhere);
  }
}

/**
 * OAuth2 access tokens by refresh token (RFC 6749, section 6), where every refresh may give a new refresh token and
 * end the old one: one process refreshes at a time, and what it got is stored before it is used.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import * as oauth from 'oauth4webapi';
import { request } from 'undici';
import type { AuthConfig } from '../../config/types.ts';
import { createEncryption, type Encryption } from '../../encryption.ts';
import { type ErrorContext, TandemError } from '../../errors.ts';
import { sleep } from '../../timing.ts';
import { networkFailure } from '../network.ts';
import { createScript } from '../script.ts';
import { retryAfterOf } from './response.ts';
import { type ResponseLimits, readBody, TooMuch } from './response-body.ts';

export type OAuthConfig = Extract<AuthConfig, { kind: 'oauth2' }>;

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

interface TokenSet {
  readonly access: string;
  /** Epoch milliseconds; undefined where the system does not tell: then it is used until refused. */
  readonly expires: number | undefined;
  /** Milliseconds that it lived when it was new. */
  readonly lifetime?: number;
  readonly refresh: string;
}

/** Milliseconds before its end at which a token is replaced. */
const SKEW = 60_000;
/** Of a token that lives a minute or less: else each call would ask for a new one. */
const skewOf = ({ lifetime = Number.POSITIVE_INFINITY }: TokenSet): number => Math.min(SKEW, lifetime / 4);
const POLL = 100;

/** Releases or keeps the lock only for its holder. */
const RELEASE = createScript(
  `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`,
);

/** Only what was read is replaced: a refresh elsewhere may have stored newer tokens meanwhile. */
const RESEAL = createScript(
  `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0`,
);

// Over 60 lines: a factory. What it returns are short functions that share the token and the request under way.
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
  const keys: Encryption = encryption;
  const endpoint = new URL(config.tokenUrl);
  if (endpoint.protocol !== 'https:' && !isLoopback(endpoint.hostname)) {
    throw new TandemError('STARTUP_REFUSED', `tokenUrl of ${system} must begin with https://`, { system });
  }
  const tokenKey = `${prefix}:{${system}}:oauth`;
  const lockKey = `${prefix}:{${system}}:oauth:lock`;
  let known: TokenSet | undefined;
  /** Got from the system, and not in Redis yet: lost if this process ends now. */
  let unsaved: TokenSet | undefined;
  let underWay: Promise<TokenSet> | undefined;

  const usable = (set: TokenSet | undefined, refused: string | undefined): set is TokenSet =>
    set !== undefined && set.access !== refused && (set.expires === undefined || set.expires - skewOf(set) > now());

  /** Stored tokens that no key opens: most likely the key was changed without the former one behind it. */
  let sealedElsewhere = false;

  async function load(): Promise<TokenSet | undefined> {
    const sealed = await redis.get(tokenKey);
    const opened = sealed === null ? undefined : await keys.open(sealed);
    sealedElsewhere = sealed !== null && opened === undefined;
    if (sealed === null || opened === undefined) return undefined;
    // At once, not with the next refresh: that may be far away, and until then the former key could not go.
    if (opened.former) await RESEAL.run(redis, [tokenKey], [sealed, await keys.seal(opened.text)]);
    return JSON.parse(opened.text) as TokenSet;
  }

  async function save(set: TokenSet): Promise<void> {
    unsaved = set;
    await redis.set(tokenKey, await keys.seal(JSON.stringify(set)));
    unsaved = undefined;
  }

  async function obtain(refused: string | undefined): Promise<TokenSet> {
    if (unsaved !== undefined) await save(unsaved);
    const lockFor = timeout * 3 + 5_000;
    const deadline = performance.now() + lockFor + 1_000;
    for (;;) {
      const stored = await load();
      if (usable(stored, refused)) return stored;
      const holder = randomUUID();
      if ((await redis.set(lockKey, holder, 'PX', lockFor, 'NX')) === 'OK') {
        try {
          // Another process may have been done between the look and the lock.
          const latest = await load();
          if (usable(latest, refused)) return latest;
          const fresh = await refresh(latest);
          await save(fresh);
          return fresh;
        } finally {
          await RELEASE.run(redis, [lockKey], [holder]);
        }
      }
      if (performance.now() > deadline) {
        throw new TandemError(
          'SYSTEM_UNAVAILABLE',
          `Another process holds the token refresh of ${system} for too long`,
          { system },
        );
      }
      await sleep(POLL);
    }
  }

  /** By the stored refresh token; where that is refused, by the one of the environment, which an operator may have renewed. */
  async function refresh(stored: TokenSet | undefined): Promise<TokenSet> {
    if (stored === undefined) return await ask(config.refreshToken);
    try {
      return await ask(stored.refresh);
    } catch (error) {
      const other = config.refreshToken !== stored.refresh;
      if (!other || !(error instanceof TandemError) || error.code !== 'SYSTEM_AUTH') throw error;
      return await ask(config.refreshToken);
    }
  }

  // Over 60 lines: one request for a token, and what each kind of its answers means.
  async function ask(refreshToken: string): Promise<TokenSet> {
    const server: oauth.AuthorizationServer = { issuer: endpoint.origin, token_endpoint: config.tokenUrl };
    const client: oauth.Client = { client_id: config.clientId };
    let response: Response;
    try {
      response = await oauth.refreshTokenGrantRequest(
        server,
        client,
        oauth.ClientSecretBasic(config.clientSecret),
        refreshToken,
        {
          signal: AbortSignal.timeout(timeout),
          [oauth.customFetch]: boundedFetch,
          [oauth.allowInsecureRequests]: endpoint.protocol === 'http:',
          ...(config.scope === undefined ? {} : { additionalParameters: { scope: config.scope } }),
        },
      );
    } catch (error) {
      if (error instanceof TooMuch)
        throw new TandemError('SYSTEM_BAD_RESPONSE', `The token endpoint of ${system} ${error.message}`, { system });
      throw networkFailure('update', system, 'oauth2', error);
    }
    const { status } = response;
    const context: ErrorContext = { system, status };
    if (status === 429) {
      const retryAfter = retryAfterOf(Object.fromEntries(response.headers), now()) ?? 60_000;
      throw new TandemError('SYSTEM_THROTTLED', `The token endpoint of ${system} asks to slow down`, {
        ...context,
        retryAfter,
      });
    }
    if (status >= 500)
      throw new TandemError('SYSTEM_UNAVAILABLE', `The token endpoint of ${system} failed (${status})`, context);
    try {
      const answer = await oauth.processRefreshTokenResponse(server, client, response);
      const seconds = answer.expires_in;
      return {
        access: answer.access_token,
        expires: seconds === undefined ? undefined : now() + seconds * 1000,
        ...(seconds === undefined ? {} : { lifetime: seconds * 1000 }),
        refresh: answer.refresh_token ?? refreshToken,
      };
    } catch (error) {
      if (status >= 400) {
        // Only the coded reason is repeated: descriptions of token endpoints may quote what was sent.
        const reason =
          error instanceof oauth.ResponseBodyError && /^[\w-]{1,40}$/.test(error.error) ? `: ${error.error}` : '';
        throw new TandemError(
          'SYSTEM_AUTH',
          `${system} refused the OAuth2 refresh token or client (${status}${reason}). ${
            sealedElsewhere
              ? 'The tokens kept in Redis cannot be opened: put the former key behind the new one in TANDEM_ENCRYPTION_KEY (new,old).'
              : 'Authorize again and set the new refresh token in the environment.'
          }`,
          context,
        );
      }
      throw new TandemError(
        'SYSTEM_BAD_RESPONSE',
        `The token endpoint of ${system} answered what cannot be read`,
        context,
      );
    }
  }

  return {
    async token(refused) {
      if (usable(known, refused)) return known.access;
      // A second round: one that was under way may have begun before the refusal, and end with what was refused.
      for (let round = 1; ; round++) {
        underWay ??= obtain(refused).finally(() => {
          underWay = undefined;
        });
        known = await underWay;
        if (known.access !== refused || round === 2) return known.access;
      }
    },
  };
}

/** Tokens are some kilobytes. */
const TOKEN_LIMITS: ResponseLimits = { bytes: 64 * 1024, values: 1_000 };
/** Statuses with which a response may hold no body. */
const EMPTY = new Set([204, 205, 304]);

/** Within limits, and never decompressed, which `fetch` does unasked: 2 MB of gzip may be 2 GB. Redirects are not followed. */
async function boundedFetch(
  url: string,
  { method, headers, body, signal }: oauth.CustomFetchOptions<'POST', URLSearchParams>,
): Promise<Response> {
  const answer = await request(url, {
    method,
    headers: { ...headers, 'accept-encoding': 'identity' },
    body: body.toString(),
    ...(signal ? { signal } : {}),
  });
  const bytes = await readBody(answer.body, TOKEN_LIMITS, Number.POSITIVE_INFINITY);
  const { statusCode: status } = answer;
  const pairs = Object.entries(answer.headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): [string, string] => [name, one]),
  );
  return new Response(EMPTY.has(status) ? null : new Uint8Array(bytes), { status, headers: pairs });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

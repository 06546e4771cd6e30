/** The token endpoint of a system: one request for new tokens, and what its response means. */
import * as oauth from 'oauth4webapi';
import { request } from 'undici';
import type { AuthConfig } from '../../config/types.ts';
import { type ErrorContext, TandemError } from '../../errors.ts';
import { networkFailure } from '../network.ts';
import { retryAfterOf } from './response.ts';
import { type ResponseLimits, readBody, TooMuch } from './response-body.ts';
import type { TokenSet } from './token-store.ts';

export type OAuthConfig = Extract<AuthConfig, { kind: 'oauth2' }>;

export interface TokenEndpoint {
  readonly config: OAuthConfig;
  readonly system: string;
  /** Milliseconds for it to answer. */
  readonly timeout: number;
  now(): number;
}

/** @param sealedElsewhere no key opens the stored tokens: what to do about a refusal depends on that */
export async function askForTokens(
  endpoint: TokenEndpoint,
  refreshToken: string,
  sealedElsewhere: boolean,
): Promise<TokenSet> {
  const { config, system, now } = endpoint;
  const server: oauth.AuthorizationServer = {
    issuer: new URL(config.tokenUrl).origin,
    token_endpoint: config.tokenUrl,
  };
  const client: oauth.Client = { client_id: config.clientId };
  const response = await send(endpoint, server, client, refreshToken);
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
    if (status >= 400) throw refusal(error, system, status, sealedElsewhere);
    throw new TandemError(
      'SYSTEM_BAD_RESPONSE',
      `The token endpoint of ${system} answered what cannot be read`,
      context,
    );
  }
}

async function send(
  { config, system, timeout }: TokenEndpoint,
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  refreshToken: string,
): Promise<Response> {
  try {
    return await oauth.refreshTokenGrantRequest(
      server,
      client,
      oauth.ClientSecretBasic(config.clientSecret),
      refreshToken,
      {
        signal: AbortSignal.timeout(timeout),
        [oauth.customFetch]: boundedFetch,
        [oauth.allowInsecureRequests]: new URL(config.tokenUrl).protocol === 'http:',
        ...(config.scope === undefined ? {} : { additionalParameters: { scope: config.scope } }),
      },
    );
  } catch (error) {
    if (error instanceof TooMuch)
      throw new TandemError('SYSTEM_BAD_RESPONSE', `The token endpoint of ${system} ${error.message}`, { system });
    throw networkFailure('update', system, 'oauth2', error);
  }
}

function refusal(error: unknown, system: string, status: number, sealedElsewhere: boolean): TandemError {
  // Only the coded reason is repeated: descriptions of token endpoints may quote what was sent.
  const reason =
    error instanceof oauth.ResponseBodyError && /^[\w-]{1,40}$/.test(error.error) ? `: ${error.error}` : '';
  return new TandemError(
    'SYSTEM_AUTH',
    `${system} refused the OAuth2 refresh token or client (${status}${reason}). ${
      sealedElsewhere
        ? 'The tokens kept in Redis cannot be opened: put the former key behind the new one in TANDEM_ENCRYPTION_KEY (new,old).'
        : 'Authorize again and set the new refresh token in the environment.'
    }`,
    { system, status },
  );
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

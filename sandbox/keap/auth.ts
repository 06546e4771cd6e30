// Who may ask: the static key, or an access token of the OAuth client. Each refresh rotates the refresh token.

import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { OAuthClient } from './data.ts';
import { KeapError } from './errors.ts';
import type { KeapStore } from './store.ts';

export interface Auth {
  /**
   * Throws the gateway's error unless the request bears a valid key or token.
   * @returns what the limits count by: the key, or the OAuth client
   */
  check(request: FastifyRequest): 'key' | 'oauth';
  /** Makes every access token worthless, as a revoked consent does. */
  revoke(): void;
}

export function createAuth(
  app: FastifyInstance,
  options: { apiKey: string; oauth: Omit<OAuthClient, 'refreshToken'>; store: KeapStore; lifetimeSeconds: number },
): Auth {
  const { apiKey, oauth, store, lifetimeSeconds } = options;
  /** Access token -> when it ends (ms). */
  const tokens = new Map<string, number>();

  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(String(body))));
  });

  app.post<{ Body: Record<string, string> | null }>('/token', async (request, reply) => {
    const [id, secret] = basic(request.headers.authorization);
    if (id !== oauth.clientId || secret !== oauth.clientSecret)
      return reply.code(401).send({ error: 'invalid_client', error_description: 'Client authentication failed.' });
    const { grant_type, refresh_token } = request.body ?? {};
    if (grant_type !== 'refresh_token')
      return reply.code(400).send({ error: 'unsupported_grant_type', error_description: 'Only refresh_token.' });
    if (refresh_token === undefined || refresh_token !== store.refreshToken)
      return reply.code(400).send({ error: 'invalid_grant', error_description: 'Invalid refresh token.' });
    const access = randomBytes(18).toString('base64url');
    store.refreshToken = randomBytes(18).toString('base64url');
    store.changed();
    tokens.set(access, Date.now() + lifetimeSeconds * 1_000);
    return {
      access_token: access,
      token_type: 'bearer',
      expires_in: lifetimeSeconds,
      refresh_token: store.refreshToken,
      scope: 'full',
    };
  });

  return {
    check(request) {
      const key = request.headers['x-keap-api-key'];
      const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
      const given = typeof key === 'string' ? key : bearer;
      if (given === undefined) throw KeapError.gateway(401, 'Invalid ApiKey', 'oauth.v2.FailedToResolveAPIKey');
      if (given === apiKey) return 'key';
      const end = tokens.get(given);
      if (end === undefined)
        throw KeapError.gateway(401, 'Invalid Access Token', 'keymanagement.service.invalid_access_token');
      if (end <= Date.now())
        throw KeapError.gateway(401, 'Access Token expired', 'keymanagement.service.access_token_expired');
      return 'oauth';
    },
    revoke: () => tokens.clear(),
  };
}

function basic(header: string | undefined): [string, string] {
  const encoded = /^Basic (.+)$/i.exec(header ?? '')?.[1] ?? '';
  const plain = Buffer.from(encoded, 'base64').toString();
  const at = plain.indexOf(':');
  return at < 0 ? ['', ''] : [decode(plain.slice(0, at)), decode(plain.slice(at + 1))];
}

/** RFC 6749 form-encodes id and secret before they are joined; many clients do not. Both are taken. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '));
  } catch {
    return part;
  }
}

/** The headers by which a system knows us. */
import type { SystemConfig } from '../../config/types.ts';
import type { ConnectorHost } from '../connector.ts';
import { createTokenSource } from './oauth.ts';

export interface Credentials {
  /** @param refused the Authorization header that was just refused */
  headers(refused?: string): Promise<Readonly<Record<string, string>>>;
  /** Whether others can be had after a refusal. */
  readonly renewable: boolean;
  readonly secrets: readonly string[];
}

export function createCredentials(config: SystemConfig, host: ConnectorHost): Credentials {
  const { auth } = config;
  const fixed = (headers: Record<string, string>, secrets: string[]): Credentials => ({
    headers: () => Promise.resolve(headers),
    renewable: false,
    secrets,
  });
  switch (auth.kind) {
    case 'none':
      return fixed({}, []);
    case 'header':
      return fixed({ [auth.header]: auth.value }, [auth.value]);
    case 'bearer':
      return fixed({ authorization: `Bearer ${auth.token}` }, [auth.token]);
    case 'basic': {
      const pair = Buffer.from(`${auth.user}:${auth.password}`).toString('base64');
      return fixed({ authorization: `Basic ${pair}` }, [auth.password, pair]);
    }
    case 'oauth2': {
      const source = createTokenSource(auth, {
        redis: host.redis,
        prefix: host.prefix,
        system: config.name,
        encryptionKey: host.encryptionKey,
        timeout: config.timeout,
        now: host.now,
      });
      return {
        headers: async (refused) => ({
          authorization: `Bearer ${await source.token(refused?.replace(/^Bearer /, ''))}`,
        }),
        renewable: true,
        secrets: [auth.clientSecret, auth.refreshToken],
      };
    }
  }
}

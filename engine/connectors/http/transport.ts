/** One HTTP exchange with a system: credentials, request, response as JSON, failures as coded errors. */
import { Pool } from 'undici';
import type { SystemConfig } from '../../config/types.ts';
import { TandemError } from '../../errors.ts';
import type { ConnectorHost, SystemCall, Turn } from '../connector.ts';
import { effectOf } from '../host.ts';
import { addressOf, type Call, type HttpResponse } from './call.ts';
import { createCredentials } from './credentials.ts';
import { quotaLeft } from './response.ts';
import { type Connections, sendOnce } from './send-once.ts';

export interface Transport {
  /** @throws TandemError: see response.ts. Reads are tried again a few times; a write only where nothing was sent. */
  send(call: Call): Promise<HttpResponse>;
  close(): Promise<void>;
}

/**
 * Opens connections to one origin when they are needed, `concurrency` at most. `close` waits for requests under way.
 * @throws TandemError STARTUP_REFUSED where OAuth2 lacks an encryption key, or its token endpoint is not encrypted
 */
export function createTransport(config: SystemConfig, host: ConnectorHost): Transport {
  const base = new URL(config.baseUrl);
  // A pool knows one origin only: no request can leave for another host. A redirect is not followed here.
  const pool = new Pool(base.origin, {
    connections: Math.max(1, config.concurrency),
    connect: { timeout: config.timeout },
    headersTimeout: config.timeout,
    bodyTimeout: config.timeout,
  });
  const connections: Connections = { config, host, pool, credentials: createCredentials(config, host) };

  function send(call: Call): Promise<HttpResponse> {
    const { entity, operation, effect, signal, method, once } = call;
    const [template] = call.template.split('?');
    const span = {
      name: `${method} ${template}`,
      attributes: { 'http.request.method': method, 'url.template': template, 'server.address': base.hostname },
    };
    const asked: SystemCall = { entity, operation, effect, address: () => addressOf(call), signal, once, span };
    return host.call(asked, async (turn) => {
      const response = await authorized(connections, call, turn);
      const { status, headers } = response;
      return { value: response, status, quotaLeft: quotaLeft(config.quota[0], headers) };
    });
  }

  return { send, close: () => pool.close() };
}

/** A token that is refused is replaced once: it may have been revoked before its time. */
async function authorized(connections: Connections, call: Call, turn: Turn): Promise<HttpResponse> {
  const { credentials } = connections;
  const effect = call.effect ?? effectOf(call.operation);
  const first = await credentials.headers();
  try {
    return await turn(() => sendOnce(connections, call, effect, first));
  } catch (error) {
    if (!(error instanceof TandemError) || error.code !== 'SYSTEM_AUTH' || !credentials.renewable) throw error;
    const second = await credentials.headers(first.authorization);
    return await turn(() => sendOnce(connections, call, effect, second));
  }
}

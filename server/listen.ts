/** Where a server listens, and where not: the one way in which every process begins to, with or without the whole surface. */
import type { FastifyInstance } from 'fastify';
import { isLoopback, TandemError } from '../engine/index.ts';

export interface ListenOptions {
  /** Default: 127.0.0.1 */
  readonly host?: string | undefined;
  /** Default: 0, any free one. */
  readonly port?: number | undefined;
}

/**
 * @returns the address at which the server is found from this machine
 * @throws TandemError STARTUP_REFUSED for an address that others can reach while no token is set, or one that cannot be had
 */
export async function listen(
  app: FastifyInstance,
  { host = '127.0.0.1', port = 0 }: ListenOptions = {},
): Promise<string> {
  requireProtection(host, !app.unprotected);
  try {
    await app.listen({ host, port });
  } catch (cause) {
    throw new TandemError('STARTUP_REFUSED', `The server cannot listen on ${host}:${port}: ${reasonOf(cause)}.`, {
      cause,
    });
  }
  const [address] = app.addresses();
  return `http://${reachable(host)}:${typeof address === 'object' ? address.port : port}`;
}

/**
 * Also asked before anything is started.
 * @param tokens whether a token is set
 * @throws TandemError STARTUP_REFUSED
 */
export function requireProtection(host: string, tokens: boolean): void {
  if (tokens || isLoopback(host)) return;
  throw new TandemError(
    'STARTUP_REFUSED',
    `Without tokens the server listens on loopback only, and others can reach ${host}. Set TANDEM_API_TOKEN (and TANDEM_READ_TOKEN for those who only look) to long random texts (openssl rand -base64 32), or TANDEM_HOST to 127.0.0.1.`,
  );
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'another program listens there already. Set TANDEM_PORT (TANDEM_HEALTH_PORT of a worker) to a free port, or end that program',
  EACCES: 'this user may not. Set TANDEM_PORT to one above 1023',
  EADDRNOTAVAIL: 'this machine has no such address. Set TANDEM_HOST to one that it has',
  ENOTFOUND: 'this name is not known. Set TANDEM_HOST to an address of this machine',
};

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  return REASONS[code] ?? code;
}

/** Where one connects to what listens on `host`, as it stands in an address. */
export function reachable(host: string): string {
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return near.includes(':') ? `[${near}]` : near;
}

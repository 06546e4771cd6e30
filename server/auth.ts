/**
 * Who may do what: the read token reads, the API token does everything. Health and webhooks are open (webhooks carry a
 * key of their own). Without tokens everything is open, to this machine only.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ERRORS, isLoopback, TandemError } from '../engine/index.ts';
import { HttpProblem } from './problems.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asks for no token. */
    open?: boolean;
    /** Changes nothing, although it is no GET: the read token is enough. */
    reads?: boolean;
    /** Is of use while Redis is away. */
    withoutRedis?: boolean;
  }
  interface FastifyInstance {
    /** No token is set: every caller may do everything. */
    unprotected: boolean;
  }
}

export interface AuthOptions {
  readonly readToken?: string | undefined;
  readonly apiToken?: string | undefined;
}

/** Refusals per address and minute before the answer becomes 429. A right token is never refused. */
const FAILURES = 30;

/** Pages that a person opens in a browser, which cannot send a bearer token but asks for a password. */
const isPage = (url: string): boolean => /^\/(queues\/board|docs)(\/|\?|$)/.test(url);

export const auth = fp(
  async (app: FastifyInstance, { readToken, apiToken }: AuthOptions) => {
    const api = apiToken ? digest(apiToken) : undefined;
    const read = readToken ? digest(readToken) : undefined;
    const unprotected = !api && !read;
    const failed = app.createRateLimit({ max: FAILURES, timeWindow: '1 minute' });
    app.decorate('unprotected', unprotected);

    app.addHook('onRequest', async (request, reply) => {
      if (request.routeOptions.config.open) return;
      const gets = request.method === 'GET' || request.method === 'HEAD';
      refuseForeignPages(request, gets, unprotected);
      if (unprotected) return;
      const given = tokenOf(request);
      const hashed = given === undefined ? undefined : digest(given);
      // Both are compared whatever the first says, so that the time taken tells nothing.
      const operates = same(hashed, api);
      const mayRead = same(hashed, read);
      if (operates || (mayRead && (gets || request.routeOptions.config.reads))) return;
      const limit = await failed(request);
      if (!limit.isAllowed && limit.isExceeded) {
        const words = 'Too many requests without a valid token came from this address.';
        throw new TandemError('RATE_LIMITED', words, { retryAfter: limit.ttl });
      }
      if (mayRead) throw new TandemError('FORBIDDEN', mayOnlyRead(api !== undefined));
      challenge(request, reply);
      throw refusal(given === undefined ? 'A token is needed.' : 'The token is not valid.', isPage(request.url));
    });
  },
  { name: 'auth', dependencies: ['@fastify/rate-limit'] },
);

const mayOnlyRead = (operable: boolean): string =>
  operable
    ? 'This token may only read: operating needs the API token (TANDEM_API_TOKEN).'
    : 'This token may only read, and no API token is set: set TANDEM_API_TOKEN where the server runs.';

const refusal = (detail: string, page: boolean): HttpProblem =>
  new HttpProblem('UNAUTHORIZED', ERRORS.UNAUTHORIZED.status, detail, page ? { remedy: PAGE_REMEDY } : {});

const PAGE_REMEDY = `In a browser: any user name, and a token as the password. ${ERRORS.UNAUTHORIZED.remedy.replace(/^Send/, 'Programs send')}`;

function challenge(request: FastifyRequest, reply: FastifyReply): void {
  reply.header(
    'www-authenticate',
    isPage(request.url)
      ? 'Basic realm="Tandem: any user name, a token as password", charset="UTF-8"'
      : 'Bearer realm="Tandem"',
  );
}

function tokenOf({ headers }: FastifyRequest): string | undefined {
  const [, scheme, credentials] = /^(\S+) +(\S+)$/.exec(headers.authorization ?? '') ?? [];
  if (scheme === undefined || credentials === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return credentials;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const pair = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon < 0 ? undefined : pair.slice(colon + 1);
}

/**
 * Names of headers that proxies, load balancers and networks for delivery add, and clients do not: a proxy on this machine
 * would let everybody in who reaches it. One that adds nothing cannot be seen.
 */
const FORWARDED = new RegExp(
  `^(${[
    'via|forwarded|cdn-loop|true-client-ip|max-forwards',
    'x-(forwarded|original|proxy[a-z]*|envoy|amzn?|azure|arr|appengine|vercel|nf|haproxy|nginx|varnish)(-.*)?',
    'x-(real|client|cluster-client|remote|originating)-(ip|addr)|x-(scheme|request-start|cloud-trace-context)',
    '(cf|fastly|fly|tailscale|ngrok|akamai)-.*',
  ].join('|')})$`,
);

/**
 * A browser sends a stored password, and reaches loopback, for any page that asks it to. So other pages may not operate,
 * and without tokens the server answers to names of this machine only (a page could point its own name at it).
 */
function refuseForeignPages(request: FastifyRequest, gets: boolean, unprotected: boolean): void {
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const foreign =
    (origin !== undefined && hostOf(origin) !== request.host) || site === 'cross-site' || site === 'same-site';
  if (!gets && foreign) throw new TandemError('FORBIDDEN', 'Requests of pages of other origins are refused.');
  if (unprotected && Object.keys(request.headers).some((name) => FORWARDED.test(name))) {
    throw new TandemError(
      'FORBIDDEN',
      'Without tokens the server answers to this machine only, and this request came through a proxy: set TANDEM_API_TOKEN and TANDEM_READ_TOKEN.',
    );
  }
  if (unprotected && !isLoopback(request.hostname)) {
    throw new TandemError(
      'FORBIDDEN',
      'Without tokens the server answers to localhost only: set TANDEM_API_TOKEN and TANDEM_READ_TOKEN.',
    );
  }
}

const hostOf = (origin: string): string | undefined => (URL.canParse(origin) ? new URL(origin).host : undefined);

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const NOTHING = Buffer.alloc(32);

function same(given: Buffer | undefined, expected: Buffer | undefined): boolean {
  const equal = timingSafeEqual(given ?? NOTHING, expected ?? NOTHING);
  return equal && given !== undefined && expected !== undefined;
}

/** Two secrets in constant time, whatever their lengths. */
export const sameSecret = (given: string, expected: string): boolean =>
  timingSafeEqual(digest(given), digest(expected));

/** One HTTP exchange with a system: credentials, request, response as JSON, failures as coded errors. */
import { Pool } from 'undici';
import type { SystemConfig } from '../../config/types.ts';
import { TandemError } from '../../errors.ts';
import { hash } from '../../expression/values.ts';
import { printJson } from '../../json.ts';
import type { JsonObject } from '../../types.ts';
import type { ConnectorHost, Effect, Operation, SystemCall, Turn } from '../connector.ts';
import { effectOf, withoutRepeat } from '../host.ts';
import { throttled } from '../limiter.ts';
import { networkFailure } from '../network.ts';
import { exchange } from './exchange.ts';
import { createTokenSource } from './oauth.ts';
import { parseBody } from './parse.ts';
import { failureOf, type Headers, headerOf, quotaLeft, quotaWait, unreadable, valuesOf } from './response.ts';
import { RECORD_LIMITS, REFUSAL_LIMITS, type ResponseLimits, TooMuch } from './response-body.ts';

export interface Call {
  readonly entity: string;
  readonly operation: Operation;
  readonly method: string;
  /** Below the base URL, beginning with a slash, values filled in. */
  readonly path: string;
  /** The path as it is declared, without values. */
  readonly template: string;
  readonly query?: URLSearchParams;
  /** Instead of path and query: where a `Link` header or a redirect leads. Another host is refused. */
  readonly url?: string | undefined;
  readonly body?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
  /** Addresses one record by its id. */
  readonly single?: boolean;
  /** Values in the query that no message may repeat. */
  readonly values?: readonly string[];
  /** `If-Match` is among the headers. */
  readonly conditional?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Path of the list in its response, where it is one. */
  readonly list?: string;
  /** A redirect to another place of the same system is a response: see `movedTo`. */
  readonly redirects?: boolean;
  /** What its response may hold; one record, unless said otherwise. */
  readonly limits?: ResponseLimits;
  /** Called right before the bytes leave, at each try; what it throws ends the call, and nothing was sent. */
  readonly guard?: (() => void) | undefined;
  /** It is not tried again in place. */
  readonly once?: boolean;
  /** What the call changes, where that does not follow from its operation. */
  readonly effect?: Effect;
}

export interface HttpResponse {
  /** What the clock of the system showed when the request was sent, in epoch ms; undefined where it states no time. */
  readonly systemTime?: number | undefined;
  readonly status: number;
  readonly headers: Headers;
  /** undefined where the answer is empty. */
  readonly body: unknown;
  /** The URL that was asked. */
  readonly url: string;
  /** The URL to which the system redirects a request for the record; the response has no body then. */
  readonly movedTo?: string;
}

export interface Transport {
  /** @throws TandemError: see response.ts. Reads are tried again a few times; a write only where nothing was sent. */
  send(call: Call): Promise<HttpResponse>;
  close(): Promise<void>;
}

/** A whole response may take this many times the timeout between two parts of it. */
const PATIENCE = 10;

// Over 60 lines: a factory. What it returns are functions that share the connections.
/**
 * Opens connections to one origin when they are needed, `concurrency` at most. `close` waits for requests under way.
 * @throws TandemError STARTUP_REFUSED where OAuth2 lacks an encryption key, or its token endpoint is not encrypted
 */
export function createTransport(config: SystemConfig, host: ConnectorHost): Transport {
  const system = config.name;
  const { clock, now } = host;
  const base = new URL(config.baseUrl);
  // A pool knows one origin only: no request can leave for another host. A redirect is not followed here.
  const pool = new Pool(base.origin, {
    connections: Math.max(1, config.concurrency),
    connect: { timeout: config.timeout },
    headersTimeout: config.timeout,
    bodyTimeout: config.timeout,
  });
  const credentials = createCredentials(config, host);

  function send(call: Call): Promise<HttpResponse> {
    const { entity, operation, effect, signal, method, once } = call;
    const [template] = call.template.split('?');
    const span = {
      name: `${method} ${template}`,
      attributes: { 'http.request.method': method, 'url.template': template, 'server.address': base.hostname },
    };
    const asked: SystemCall = { entity, operation, effect, address: () => addressOf(call), signal, once, span };
    return host.call(asked, async (turn) => {
      const response = await authorized(call, turn);
      const { status, headers } = response;
      return { value: response, status, quotaLeft: quotaLeft(config.quota[0], headers) };
    });
  }

  /** A token that is refused is replaced once: it may have been revoked before its time. */
  async function authorized(call: Call, turn: Turn): Promise<HttpResponse> {
    const effect = call.effect ?? effectOf(call.operation);
    const first = await credentials.headers();
    try {
      return await turn(() => request(call, effect, first));
    } catch (error) {
      if (!(error instanceof TandemError) || error.code !== 'SYSTEM_AUTH' || !credentials.renewable) throw error;
      const second = await credentials.headers(first.authorization);
      return await turn(() => request(call, effect, second));
    }
  }

  // Over 60 lines: one request in the order in which it is sent and answered; each part needs what the last one found.
  async function request(call: Call, effect: Effect, auth: Readonly<Record<string, string>>): Promise<HttpResponse> {
    const url = urlOf(call);
    const { entity } = call;
    let status = 0;
    let headers: Headers = {};
    let good = false;
    let bytes: Buffer;
    let systemTime: number | undefined;
    const sent = Date.now();
    try {
      bytes = await exchange(pool, {
        request: {
          path: `${url.pathname}${url.search}`,
          method: call.method as 'GET',
          headers: {
            accept: 'application/json',
            'user-agent': 'tandem',
            ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
            ...lowerCased(config.headers),
            ...lowerCased(auth),
            ...lowerCased(call.headers ?? {}),
          },
          body: call.body === undefined ? null : printJson(call.body),
        },
        guard: call.guard,
        signal: call.signal,
        within: config.timeout * PATIENCE,
        begun(statusCode, given) {
          status = statusCode;
          headers = given;
          systemTime = clock.note(headerOf(headers, 'date'), sent, Date.now(), entity);
          good = status >= 200 && status < 300;
          return good ? (call.limits ?? RECORD_LIMITS) : REFUSAL_LIMITS;
        },
      });
    } catch (error) {
      if (error instanceof TandemError) throw error;
      if (!(error instanceof TooMuch)) throw networkFailure(effect, system, entity, error);
      // Of a refusal the status says enough.
      if (good) throw withoutRepeat(unreadable(effect, system, entity, error.message));
      bytes = Buffer.alloc(0);
    }
    const parsed = await parseBody(bytes, good ? call.list : undefined);
    if (good) {
      const wait = quotaWait(config.quota, headers, now());
      if (wait !== undefined) await host.pause(wait);
      if (parsed.ok) return { status, headers, body: parsed.value, url: url.href, systemTime };
      const what = isPage(headers) ? 'a web page instead of JSON' : 'no readable JSON';
      throw unreadable(effect, system, entity, `answered ${what}`);
    }
    const movedTo = call.redirects === true ? targetOf(status, headers, url) : undefined;
    if (movedTo !== undefined) return { status, headers, body: undefined, url: url.href, systemTime, movedTo };
    const body = parsed.ok ? parsed.value : undefined;
    const error = failureOf({
      system,
      entity,
      effect,
      single: call.single ?? false,
      status,
      headers,
      body,
      throttled: await asksToSlowDown(config, status, headers, body),
      page: isPage(headers),
      messageAt: config.errors.message,
      conditional: call.conditional === true,
      transient: config.retry.statuses,
      secrets: [
        ...credentials.secrets,
        // Keys may stand among the fixed headers; a short value stands in ordinary words.
        ...Object.values(config.headers).filter((header) => header.length >= 8),
        ...Object.values(auth).map((header) => header.replace(/^(Bearer|Basic) /, '')),
        ...valuesOf(call.body),
        ...(call.values ?? []),
      ],
      now: now(),
    });
    if (error.code !== 'SYSTEM_THROTTLED') throw error;
    const asked = error.context.retryAfter ?? quotaWait(config.quota, headers, now());
    const { retryAfter } = throttled(system, await host.pause(asked)).context;
    throw new TandemError('SYSTEM_THROTTLED', error.message, { ...error.context, retryAfter: retryAfter ?? 0 });
  }

  function urlOf(call: Call): URL {
    if (call.url !== undefined) {
      const url = new URL(call.url, base);
      if (url.origin === base.origin) return url;
      throw new TandemError(
        'SYSTEM_BAD_RESPONSE',
        `${system} leads to another host for the next page, which is refused`,
        {
          system,
          entity: call.entity,
        },
      );
    }
    // A space is %20 to everybody, and + only to those who read a form.
    const query = call.query?.toString().replaceAll('+', '%20') ?? '';
    return new URL(
      `${config.baseUrl}${call.path}${query === '' ? '' : `${call.path.includes('?') ? '&' : '?'}${query}`}`,
    );
  }

  return { send, close: () => pool.close() };
}

const REDIRECTS: readonly number[] = [301, 302, 307, 308];

/** Where a redirect leads within the same system (RFC 9110, section 15.4); a query that it does not repeat still holds. */
function targetOf(status: number, headers: Headers, from: URL): string | undefined {
  const location = headerOf(headers, 'location');
  if (!REDIRECTS.includes(status) || location === undefined || !URL.canParse(location, from.href)) return undefined;
  const target = new URL(location, from);
  if (target.search === '') target.search = from.search;
  return target.origin === from.origin ? target.href : undefined;
}

/** What was asked for: of creates, which all go to one path, the record. */
const addressOf = ({ method, url, path, query, operation, body }: Call): string =>
  `${method} ${url ?? `${path}?${query}`}${operation === 'create' ? ` ${hash(JSON.stringify(body))}` : ''}`;

/** So that a declared header replaces ours instead of standing beside it. */
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

const isPage = (headers: Headers): boolean => /html/i.test(String(headers['content-type'] ?? ''));

async function asksToSlowDown(
  { errors }: SystemConfig,
  status: number,
  headers: Headers,
  body: unknown,
): Promise<boolean> {
  // An error of another shape than the expression expects is no such sign; it is reported as what it is.
  const sign = errors.throttled?.evaluate({ status, headers, body }).catch(() => false);
  return (await sign) === true;
}

interface Credentials {
  /** @param refused the Authorization header that was just refused */
  headers(refused?: string): Promise<Readonly<Record<string, string>>>;
  /** Whether others can be had after a refusal. */
  readonly renewable: boolean;
  readonly secrets: readonly string[];
}

function createCredentials(config: SystemConfig, host: ConnectorHost): Credentials {
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

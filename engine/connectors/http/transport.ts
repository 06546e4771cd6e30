/** One HTTP exchange with a system: slot, throttle, credentials, request, answer as JSON, failures as coded errors. */
import type { Redis } from 'ioredis';
import { type Dispatcher, Pool } from 'undici';
import type { SystemConfig } from '../../config/types.ts';
import { asTandemError, type ErrorCode, TandemError } from '../../errors.ts';
import { hash } from '../../expression/values.ts';
import { printJson } from '../../json.ts';
import type { Tracing } from '../../tracing.ts';
import type { JsonObject } from '../../types.ts';
import { type Circuit, createCircuit, type Standing } from '../circuit.ts';
import { createSystemClock, type SystemClock } from '../clock.ts';
import { createThrottle, throttled } from '../limiter.ts';
import { createSemaphore, jittered, sleep } from '../semaphore.ts';
import { type Guarded, guarding } from './guard.ts';
import { createTokenSource } from './oauth.ts';
import { parseBody } from './parse.ts';
import {
  type Effect,
  failureOf,
  type Headers,
  headerOf,
  networkFailure,
  quotaLeft,
  quotaWait,
  unreadable,
  valuesOf,
} from './response.ts';
import { RECORD_LIMITS, REFUSAL_LIMITS, type ResponseLimits, readBody, TooMuch } from './response-body.ts';

/** What was called and how it went, for metrics and logs; never a value. */
export interface CallInfo {
  readonly system: string;
  readonly entity: string;
  readonly operation: Operation;
  readonly method: string;
  /** undefined where no answer came. */
  readonly status: number | undefined;
  /** Milliseconds, waiting included. */
  readonly ms: number;
  readonly error: ErrorCode | undefined;
  /** How many calls the system says are left, where it says so. */
  readonly quotaLeft: number | undefined;
}

export type Operation = 'list' | 'read' | 'find' | 'create' | 'update' | 'delete' | 'webhook';

export interface Call {
  readonly entity: string;
  readonly operation: Operation;
  readonly method: string;
  /** Below the base URL, beginning with a slash, values filled in. */
  readonly path: string;
  /** The path as it is declared, without values. */
  readonly template: string;
  readonly query?: URLSearchParams;
  /** Instead of path and query: where a `Link` header leads. Another host is refused. */
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
  /** What its response may hold; one record, unless said otherwise. */
  readonly limits?: ResponseLimits;
  /** Called right before the bytes leave, at each try; what it throws ends the call, and nothing was sent. */
  readonly guard?: (() => void) | undefined;
  /** What the call changes, where that does not follow from its operation. */
  readonly effect?: Effect;
}

export interface Answer {
  /** What the clock of the system showed when the request was sent, in epoch ms; undefined where it states no time. */
  readonly systemTime?: number | undefined;
  readonly status: number;
  readonly headers: Headers;
  /** undefined where the answer is empty. */
  readonly body: unknown;
  /** The URL that was asked. */
  readonly url: string;
}

export interface Transport {
  readonly circuit: Circuit;
  readonly clock: SystemClock;
  /** @throws TandemError: see response.ts. Reads are tried again a few times; a write only where nothing was sent. */
  send(call: Call): Promise<Answer>;
  close(): Promise<void>;
}

export interface SystemDeps {
  readonly redis: Redis;
  /** First part of every Redis key, without a colon at its end. */
  readonly prefix: string;
  /** TANDEM_ENCRYPTION_KEY: needed by systems with OAuth2. `new,old` while the key is being changed. */
  readonly encryptionKey?: string | undefined;
  readonly onCall?: ((call: CallInfo) => void) | undefined;
  readonly tracing?: Tracing | undefined;
  /** Epoch milliseconds. */
  readonly now?: (() => number) | undefined;
  /** Milliseconds before the first try again in place; doubled with each further one. */
  readonly retryDelay?: number | undefined;
  /** That of another client of the same system in this process; without it, one of its own. */
  readonly circuit?: Circuit | undefined;
  /** Told when the clock of a system is more than a minute off, and when it is right again; ms by which it is ahead. */
  readonly onClock?: ((system: string, ahead: number) => void) | undefined;
  /** Told when the calls of a system begin to rest because it is down, and when they go again. */
  readonly onCircuit?: ((system: string, standing: Standing) => void) | undefined;
}

const TRIES = 4;
const FIRST_DELAY = 200;
const LONGEST_DELAY = 2_000;
/** The first rest of a system that is down is this many times the first delay. */
const REST = 5;
/** A whole answer may take this many times the timeout between two parts of it. */
const PATIENCE = 10;

export function createTransport(config: SystemConfig, deps: SystemDeps): Transport {
  const system = config.name;
  const now = deps.now ?? Date.now;
  const base = new URL(config.baseUrl);
  // A pool knows one origin only: no request can leave for another host. Redirects are not followed.
  const connections = new Pool(base.origin, {
    connections: Math.max(1, config.concurrency),
    connect: { timeout: config.timeout },
    headersTimeout: config.timeout,
    bodyTimeout: config.timeout,
  });
  const pool = connections.compose(guarding);
  const slots = createSemaphore(config.concurrency);
  const throttle = createThrottle({ redis: deps.redis, prefix: deps.prefix, system, limits: config.limits });
  const credentials = createCredentials(config, deps);
  const circuit =
    deps.circuit ??
    createCircuit(system, {
      firstRest: (deps.retryDelay ?? FIRST_DELAY) * REST,
      onChange: (standing) => deps.onCircuit?.(system, standing),
    });
  const clock = createSystemClock(deps.redis, `${deps.prefix}:{${system}}:clock`, (ahead) =>
    deps.onClock?.(system, ahead),
  );
  let closed = false;

  async function send(call: Call): Promise<Answer> {
    const effect = call.effect ?? effectOf(call.operation);
    const begun = performance.now();
    for (let attempt = 1; ; attempt++) {
      try {
        return await guarded(call, effect);
      } catch (error) {
        const code = error instanceof TandemError ? error.code : undefined;
        const again =
          code === 'SYSTEM_UNREACHABLE' ||
          (effect === 'read' && (code === 'SYSTEM_UNAVAILABLE' || code === 'SYSTEM_BAD_RESPONSE'));
        // A reconcile comes back by itself; a list would have to begin anew, so it alone sits a timeout out.
        const late = call.operation !== 'list' && performance.now() - begun >= config.timeout;
        if (!again || excesses.has(error as object) || late || closed || attempt >= TRIES || call.signal?.aborted)
          throw error;
        await sleep(
          Math.min(jittered((deps.retryDelay ?? FIRST_DELAY) * 2 ** (attempt - 1)), LONGEST_DELAY),
          call.signal,
        );
      }
    }
  }

  async function guarded(call: Call, effect: Effect): Promise<Answer> {
    // Hooks are no records: that they cannot be registered says nothing of these.
    const passage = circuit.enter(effectOf(call.operation) === 'read' ? 'read' : 'write');
    try {
      const answer = await measured(call, effect);
      passage.ended('', undefined);
      return answer;
    } catch (cause) {
      const error = asTandemError(cause);
      const down = passage.ended(addressOf(call), closed || call.signal?.aborted ? ABANDONED : error);
      // It counts as no failed attempt of whoever asked: the fault is not its own. Whether something was created must be told.
      if (down && OUTAGE.has(error.code)) throw down;
      if (down && error.code === 'OUTCOME_UNKNOWN')
        throw new TandemError(error.code, error.message, {
          ...error.context,
          retryAfter: down.context.retryAfter ?? 0,
          resting: true,
        });
      throw cause;
    }
  }

  async function measured(call: Call, effect: Effect): Promise<Answer> {
    const begun = performance.now();
    const [template] = call.template.split('?');
    const span = deps.tracing?.begin('client', `${call.method} ${template}`, {
      'http.request.method': call.method,
      'url.template': template,
      'server.address': base.hostname,
      'tandem.system': system,
      'tandem.entity': call.entity,
      'tandem.operation': call.operation,
    });
    const tell = (status: number | undefined, error?: ErrorCode, headers: Headers = {}): void => {
      span?.end({ 'http.response.status_code': status }, error);
      deps.onCall?.({
        system,
        entity: call.entity,
        operation: call.operation,
        method: call.method,
        status,
        ms: performance.now() - begun,
        error,
        quotaLeft: quotaLeft(config.quota[0], headers),
      });
    };
    try {
      const answer = await authorized(call, effect);
      tell(answer.status, undefined, answer.headers);
      return answer;
    } catch (error) {
      if (call.signal?.aborted) span?.end({}, 'aborted');
      call.signal?.throwIfAborted();
      const known = asTandemError(error);
      tell(known.context.status, known.code);
      throw known;
    }
  }

  /** A token that is refused is replaced once: it may have been revoked before its time. */
  async function authorized(call: Call, effect: Effect): Promise<Answer> {
    const first = await credentials.headers();
    try {
      return await exchange(call, effect, first);
    } catch (error) {
      if (!(error instanceof TandemError) || error.code !== 'SYSTEM_AUTH' || !credentials.renewable) throw error;
      return await exchange(call, effect, await credentials.headers(first.authorization));
    }
  }

  async function exchange(call: Call, effect: Effect, auth: Readonly<Record<string, string>>): Promise<Answer> {
    const release = await slots.acquire(call.signal);
    try {
      await throttle.acquire(call.signal);
      return await request(call, effect, auth);
    } finally {
      release();
    }
  }

  async function request(call: Call, effect: Effect, auth: Readonly<Record<string, string>>): Promise<Answer> {
    const url = urlOf(call);
    const { entity } = call;
    let status = 0;
    let headers: Headers = {};
    let good = false;
    let bytes: Buffer;
    let systemTime: number | undefined;
    const sent = Date.now();
    try {
      const options: Dispatcher.RequestOptions & Guarded = {
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
        ...(call.signal === undefined ? {} : { signal: call.signal }),
        guard: call.guard,
      };
      const response = await pool.request(options);
      status = response.statusCode;
      headers = response.headers;
      systemTime = clock.note(headerOf(headers, 'date'), sent, Date.now(), entity);
      good = status >= 200 && status < 300;
      const limits = good ? (call.limits ?? RECORD_LIMITS) : REFUSAL_LIMITS;
      bytes = await readBody(response.body, limits, config.timeout * PATIENCE);
    } catch (error) {
      if (error instanceof TandemError) throw error;
      if (!(error instanceof TooMuch)) throw networkFailure(effect, system, entity, error);
      // Of a refusal the status says enough.
      if (good) throw excessive(unreadable(effect, system, entity, error.message));
      bytes = Buffer.alloc(0);
    }
    const parsed = await parseBody(bytes, good ? call.list : undefined);
    if (good) {
      const wait = quotaWait(config.quota, headers, now());
      if (wait !== undefined) await throttle.pause(wait);
      if (parsed.ok) return { status, headers, body: parsed.value, url: url.href, systemTime };
      const what = /html/i.test(String(headers['content-type'] ?? ''))
        ? 'a web page instead of JSON'
        : 'no readable JSON';
      throw unreadable(effect, system, entity, `answered ${what}`);
    }
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
    const { retryAfter } = throttled(system, await throttle.pause(asked)).context;
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

  return {
    circuit,
    clock,
    send,
    async close() {
      closed = true;
      throttle.close();
      await pool.close();
    },
  };
}

/** What was asked for: of creates, which all go to one path, the record. */
const addressOf = ({ method, url, path, query, operation, body }: Call): string =>
  `${method} ${url ?? `${path}?${query}`}${operation === 'create' ? ` ${hash(JSON.stringify(body))}` : ''}`;

const OUTAGE = new Set<ErrorCode>(['SYSTEM_UNREACHABLE', 'SYSTEM_UNAVAILABLE', 'SYSTEM_BAD_RESPONSE']);
/** The caller, or this client, ended the call: that tells nothing of the system. */
const ABANDONED = new TandemError('INTERNAL', 'The call was called off');

function effectOf(operation: Operation): Effect {
  return operation === 'create' || operation === 'update' || operation === 'delete' ? operation : 'read';
}

/** Errors of responses that held too much: asked again at once, the system would send as much again. */
const excesses = new WeakSet<object>();

function excessive(error: TandemError): TandemError {
  excesses.add(error);
  return error;
}

/** So that a declared header replaces ours instead of standing beside it. */
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

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

function createCredentials(config: SystemConfig, deps: SystemDeps): Credentials {
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
        redis: deps.redis,
        prefix: deps.prefix,
        system: config.name,
        encryptionKey: deps.encryptionKey,
        timeout: config.timeout,
        ...(deps.now === undefined ? {} : { now: deps.now }),
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

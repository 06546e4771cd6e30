/** One request, sent once: its response as JSON, or the coded error that it stands for. */
import type { Dispatcher } from 'undici';
import type { SystemConfig } from '../../config/types.ts';
import { TandemError } from '../../errors.ts';
import { printJson } from '../../json.ts';
import type { ConnectorHost, Effect } from '../connector.ts';
import { withoutRepeat } from '../host.ts';
import { throttled } from '../limiter.ts';
import { networkFailure } from '../network.ts';
import { type Call, type HttpResponse, urlOf } from './call.ts';
import type { Credentials } from './credentials.ts';
import { exchange } from './exchange.ts';
import { parseBody } from './parse.ts';
import { failureOf, type Headers, headerOf, quotaWait, unreadable, valuesOf } from './response.ts';
import { RECORD_LIMITS, REFUSAL_LIMITS, TooMuch } from './response-body.ts';

/** A whole response may take this many times the timeout between two parts of it. */
const PATIENCE = 10;

/** What all requests to a system share. */
export interface Connections {
  readonly config: SystemConfig;
  readonly host: ConnectorHost;
  readonly pool: Dispatcher;
  readonly credentials: Credentials;
}

interface Sending extends Connections {
  readonly call: Call;
  readonly effect: Effect;
  /** Headers with the credentials. */
  readonly auth: Readonly<Record<string, string>>;
  readonly url: URL;
}

interface Answer {
  status: number;
  headers: Headers;
  /** The status is one of success. */
  good: boolean;
  bytes: Buffer;
  systemTime: number | undefined;
}

export async function sendOnce(
  connections: Connections,
  call: Call,
  effect: Effect,
  auth: Readonly<Record<string, string>>,
): Promise<HttpResponse> {
  const { config, host } = connections;
  const url = urlOf(config, call);
  const sending: Sending = { ...connections, call, effect, auth, url };
  const answer = await answerTo(sending);
  const { status, headers, good, systemTime } = answer;
  const parsed = await parseBody(answer.bytes, good ? call.list : undefined);
  if (good) {
    const wait = quotaWait(config.quota, headers, host.now());
    if (wait !== undefined) await host.pause(wait);
    if (parsed.ok) return { status, headers, body: parsed.value, url: url.href, systemTime };
    const what = isPage(headers) ? 'a web page instead of JSON' : 'no readable JSON';
    throw unreadable(effect, config.name, call.entity, `answered ${what}`);
  }
  const movedTo = call.redirects === true ? targetOf(status, headers, url) : undefined;
  if (movedTo !== undefined) return { status, headers, body: undefined, url: url.href, systemTime, movedTo };
  const error = await refusalOf(sending, answer, parsed.ok ? parsed.value : undefined);
  if (error.code !== 'SYSTEM_THROTTLED') throw error;
  const asked = error.context.retryAfter ?? quotaWait(config.quota, headers, host.now());
  const { retryAfter } = throttled(config.name, await host.pause(asked)).context;
  throw new TandemError('SYSTEM_THROTTLED', error.message, { ...error.context, retryAfter: retryAfter ?? 0 });
}

async function answerTo(sending: Sending): Promise<Answer> {
  const { config, host, pool, call, effect } = sending;
  const answer: Answer = { status: 0, headers: {}, good: false, bytes: Buffer.alloc(0), systemTime: undefined };
  const sent = Date.now();
  try {
    answer.bytes = await exchange(pool, {
      request: requestOf(sending),
      guard: call.guard,
      signal: call.signal,
      within: config.timeout * PATIENCE,
      begun(status, headers) {
        answer.status = status;
        answer.headers = headers;
        answer.systemTime = host.clock.note(headerOf(headers, 'date'), sent, Date.now(), call.entity);
        answer.good = status >= 200 && status < 300;
        return answer.good ? (call.limits ?? RECORD_LIMITS) : REFUSAL_LIMITS;
      },
    });
  } catch (error) {
    if (error instanceof TandemError) throw error;
    if (!(error instanceof TooMuch)) throw networkFailure(effect, config.name, call.entity, error);
    // Of a refusal the status says enough.
    if (answer.good) throw withoutRepeat(unreadable(effect, config.name, call.entity, error.message));
  }
  return answer;
}

const requestOf = ({ config, call, auth, url }: Sending): Dispatcher.DispatchOptions => ({
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
});

async function refusalOf(sending: Sending, { status, headers }: Answer, body: unknown): Promise<TandemError> {
  const { config, host, credentials, call, effect, auth } = sending;
  return failureOf({
    system: config.name,
    entity: call.entity,
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
    now: host.now(),
  });
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

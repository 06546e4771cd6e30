/** What an HTTP response means: one TandemError, in plain words, with secrets and values taken out. Pure. */
import { STATUS_CODES } from 'node:http';
import type { QuotaConfig } from '../../config/types.ts';
import { type ErrorCode, type ErrorContext, TandemError } from '../../errors.ts';
import type { Json } from '../../types.ts';
import type { Effect } from '../connector.ts';
import { isObject, property, readPath } from './read-path.ts';
import { toMillis } from './to-record.ts';

export type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface FailedResponse {
  readonly system: string;
  readonly entity: string;
  readonly effect: Effect;
  /** Whether one record was asked for by its id: only then does a 404 say that it does not exist. */
  readonly single: boolean;
  readonly status: number;
  readonly headers: Headers;
  /** Parsed body; undefined where it is empty or no JSON. */
  readonly body: unknown;
  /** The body is a web page: something in between may have answered. */
  readonly page: boolean;
  /** Whether `If-Match` was sent. */
  readonly conditional: boolean;
  /** Whether the system asks to slow down, by its own sign; a 429 always does. */
  readonly throttled: boolean;
  /** Path of the message in the body, where it is not one of the usual. */
  readonly messageAt: string | undefined;
  /** Statuses that the system file declares as transient. */
  readonly transient: readonly number[];
  /** Texts that must not appear in a message. */
  readonly secrets: readonly string[];
  readonly now: number;
}

/**
 * Refusals that may pass without an edit of the record: an unpaid bill, a missing right, a record that is locked, a limit of a proxy,
 * a method that is switched off (RFC 9110, section 15.5; RFC 4918, section 11.3; RFC 8470, section 5.2).
 */
const MAY_PASS = new Set([402, 403, 405, 407, 408, 409, 413, 423, 425]);

/** The error that a response outside 200-299 stands for. */
export function failureOf(failure: FailedResponse): TandemError {
  const { status, effect, system, entity } = failure;
  const retryAfter = retryAfterOf(failure.headers, failure.now);
  const context: ErrorContext = { system, entity, status, ...(retryAfter === undefined ? {} : { retryAfter }) };
  const make = (code: ErrorCode, words: string): TandemError => {
    const said = redact(beginningOf(wordsOf(failure.body, failure.messageAt), failure.secrets), failure.secrets);
    const text =
      said === '' ? `${words} (${status} ${STATUS_CODES[status] ?? ''}`.trimEnd().concat(')') : `${words}: ${said}`;
    return new TandemError(code, bounded(text), context);
  };
  if (status === 429 || failure.throttled) return make('SYSTEM_THROTTLED', `${system} asks to slow down`);
  if (failure.transient.includes(status)) return make('SYSTEM_UNAVAILABLE', `${system} is not ready for this yet`);
  if (status === 401) return make('SYSTEM_AUTH', `${system} refused the credentials`);
  // Whatever its status is, a web page says nothing of a record: a 404 of a gateway is no deletion.
  if (failure.page && status >= 400 && status < 500 && status !== 410)
    return make('SYSTEM_REFUSED', `${system} answered a web page instead of JSON`);
  if (status === 404 || status === 410) {
    if (failure.single) return make('SYSTEM_NOT_FOUND', `${system} has no such record of ${entity}`);
    if (effect === 'read')
      return make('SYSTEM_BAD_RESPONSE', `${system} has no list of ${entity} where it is asked for one`);
  }
  if ((status === 409 || status === 412) && failure.conditional) {
    return make('RECORD_CHANGED', `The record of ${entity} changed in ${system} since it was read`);
  }
  if (status === 408 && effect === 'create')
    return make('OUTCOME_UNKNOWN', `${system} gave up waiting while the record was being created`);
  if (MAY_PASS.has(status)) return make('SYSTEM_REFUSED', `${system} refuses this for now`);
  if (status >= 400 && status < 500) {
    return make('SYSTEM_REJECTED', `${system} rejected ${effect === 'read' ? 'the request' : 'the record'}`);
  }
  // 5xx, and whatever is no proper answer: 1xx, 3xx (redirects are not followed).
  if (effect === 'create') return make('OUTCOME_UNKNOWN', `${system} failed while the record was being created`);
  if (status >= 500) return make('SYSTEM_UNAVAILABLE', `${system} failed`);
  return make(
    effect === 'read' ? 'SYSTEM_BAD_RESPONSE' : 'SYSTEM_UNAVAILABLE',
    `${system} answered in a way that is not understood`,
  );
}

/** An answer of 200-299 that cannot be read. */
export function unreadable(
  effect: Effect,
  system: string,
  entity: string,
  words: string,
  cause?: unknown,
): TandemError {
  const code =
    effect === 'read' ? 'SYSTEM_BAD_RESPONSE' : effect === 'create' ? 'OUTCOME_UNKNOWN' : 'SYSTEM_UNAVAILABLE';
  return new TandemError(code, `${system} ${words}`, { system, entity, ...(cause === undefined ? {} : { cause }) });
}

const DAY = 86_400_000;

/** Milliseconds that `Retry-After` asks for (seconds or an HTTP date), within one day. */
export function retryAfterOf(headers: Headers, now: number): number | undefined {
  const text = headerOf(headers, 'retry-after')?.trim();
  if (text === undefined || text === '') return undefined;
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), DAY);
}

/** Without a reset header or a window the system is asked again after this time. */
const QUOTA_DEFAULT = 60_000;

/** How many calls the system says are left of a quota; undefined where it says nothing of that. */
export function quotaLeft(quota: QuotaConfig | undefined, headers: Headers): number | undefined {
  const stated = quota && headerOf(headers, quota.remaining);
  const text = (quota?.part === undefined ? stated : stated?.split('|')[quota.part])?.trim();
  return text !== undefined && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/** Milliseconds to wait because the headers say that nothing is left of a quota; undefined where something is left of all. */
export function quotaWait(quotas: readonly QuotaConfig[], headers: Headers, now: number): number | undefined {
  const waits = quotas.flatMap((quota) => {
    const left = quotaLeft(quota, headers);
    if (left === undefined || left > 0) return [];
    const reset = quota.reset === undefined ? undefined : toMillis(headerOf(headers, quota.reset));
    if (reset !== undefined) return reset > now ? [Math.min(reset - now, DAY)] : [];
    return [quota.window === undefined ? QUOTA_DEFAULT : quota.window - (now % quota.window)];
  });
  return waits.length === 0 ? undefined : Math.max(...waits);
}

export function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** What the answer says went wrong: field and message pairs first, else one message. '' where it says nothing readable. */
export function wordsOf(body: unknown, messageAt?: string): string {
  if (typeof body === 'string') return body;
  if (!isObject(body)) return '';
  const fields = [...entries(body.errors), ...entries(body.details), ...entries(body.violations)];
  const message = [
    messageAt === undefined ? undefined : readPath(body, messageAt),
    body.message,
    body.detail,
    body.title,
    body.error_description,
    body.error,
    readPath(body, 'error.message'),
  ].find((text): text is string => typeof text === 'string' && text !== '');
  return [...(message === undefined ? [] : [message]), ...fields].join('; ');
}

/** `[{field, message}]`, `[{domain, resource}]`, `["..."]` or `{field: ["..."]}` as texts. */
function entries(value: unknown): string[] {
  if (Array.isArray(value))
    return value
      .slice(0, 20)
      .map(entry)
      .filter((text) => text !== '');
  if (!isObject(value)) return [];
  return Object.entries(value)
    .slice(0, 20)
    .map(
      ([field, said]) =>
        `${field}: ${Array.isArray(said) ? said.filter((s) => typeof s === 'string').join(', ') : String(said)}`,
    );
}

function entry(value: Json): string {
  if (typeof value === 'string') return value;
  const text = (...names: string[]): string =>
    names
      .map((name) => property(value, name))
      .filter((found) => typeof found === 'string' || typeof found === 'number')
      .map(String)
      .find((found) => found !== '') ?? '';
  const field = text('field', 'path', 'param', 'pointer', 'domain');
  const said = text('message', 'detail', 'reason', 'resource', 'code');
  return field === '' ? said : said === '' ? field : `${field}: ${said}`;
}

const MAX_WORDS = 500;
/** What lies beyond is not looked at: an answer may be very long. */
const MOST_READ = 4_000;

function bounded(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters of an answer must not reach a terminal
  const plain = text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
  return plain.length <= MAX_WORDS ? plain : `${plain.slice(0, MAX_WORDS - 1)}…`;
}

/** What is cut off may cut a secret in two, of which no half would be recognized. */
function beginningOf(text: string, secrets: readonly string[]): string {
  if (text.length <= MOST_READ) return text;
  const read = text.slice(0, MOST_READ);
  let end = MOST_READ;
  for (const secret of secrets.flatMap(formsOf)) {
    for (let length = Math.min(secret.length - 1, MOST_READ); length > 0; length--) {
      if (!read.endsWith(secret.slice(0, length))) continue;
      end = Math.min(end, MOST_READ - length);
      break;
    }
  }
  return read.slice(0, end);
}

/** A secret as it may be repeated: plain, within JSON, within an address. */
function formsOf(secret: string): string[] {
  const inJson = JSON.stringify(secret).slice(1, -1);
  const forms = [secret, inJson, JSON.stringify(inJson).slice(1, -1)];
  // Half a surrogate pair cannot be encoded.
  if (!/\p{Surrogate}/u.test(secret)) forms.push(encodeURIComponent(secret));
  return forms;
}

/** Longest first, so that no part of a longer secret is left over. */
export function redact(text: string, secrets: readonly string[]): string {
  let result = text;
  const forms = secrets.filter((secret) => secret.length > 0).flatMap(formsOf);
  for (const form of [...new Set(forms)].sort((a, b) => b.length - a.length)) {
    result = result.replaceAll(form, '[…]');
  }
  return result
    .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, '$1 […]')
    .replace(/[^\s@"'<>()]+@[^\s@"'<>()]+\.[^\s@"'<>()]+/g, '[…]');
}

/** Values of a body that a message must not repeat: texts of some length that are not names of properties as well. */
export function valuesOf(body: unknown): string[] {
  const names = new Set<string>();
  const values = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value === 'string' && value.trim().length >= 5) values.add(value.trim());
    else if (Array.isArray(value)) value.forEach(visit);
    else if (isObject(value)) {
      for (const [name, inner] of Object.entries(value)) {
        names.add(name);
        visit(inner);
      }
    }
  };
  visit(body);
  return [...values].filter((value) => !names.has(value));
}

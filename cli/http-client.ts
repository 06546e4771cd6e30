/** HTTP client to a running Tandem: JSON in and out, its problem details as Failures. */
import type { Problem } from '../api/index.ts';
import { ERRORS, type ErrorCode } from '../engine/index.ts';
import { FAILED, Failure, statusOf } from './failure.ts';
import type { Environment } from './process/environment.ts';

export interface Client {
  readonly url: string;
  /** @param accept statuses beside 2xx that are no failure either. @param signal ends the wait for it. @throws Failure */
  get<T>(path: string, accept?: readonly number[], signal?: AbortSignal): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  delete<T>(path: string): Promise<T>;
}

/** Longer than any route takes; a Tandem that hangs is said to hang. */
const PATIENCE = 130_000;

export function createClient({
  url,
  readToken,
  apiToken,
}: Pick<Environment, 'url' | 'readToken' | 'apiToken'>): Client {
  async function call<T>(
    method: string,
    path: string,
    body?: unknown,
    accept: readonly number[] = [],
    signal?: AbortSignal,
  ): Promise<T> {
    // With the wrong one the server tells which one is needed.
    const token = method === 'GET' ? (readToken ?? apiToken) : (apiToken ?? readToken);
    const response = await reach(url, path, {
      method,
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    const received = text === '' ? undefined : parse(text);
    if (!response.ok && !accept.includes(response.status)) throw failureOf(response.status, received, url);
    if (text !== '' && received === undefined) throw strange(url);
    return received as T;
  }

  return {
    url,
    get: (path, accept, signal) => call('GET', path, undefined, accept, signal),
    post: (path, body = {}) => call('POST', path, body),
    delete: (path) => call('DELETE', path),
  };
}

async function reach(url: string, path: string, request: RequestInit): Promise<Response> {
  try {
    const patience = AbortSignal.timeout(PATIENCE);
    const signal = request.signal ? AbortSignal.any([patience, request.signal]) : patience;
    return await fetch(`${url}${path}`, { ...request, signal, redirect: 'error' });
  } catch (error) {
    const slow = error instanceof Error && error.name === 'TimeoutError';
    const why = slow ? `It did not answer within ${PATIENCE / 1000} s` : reasonOf(error);
    throw new Failure(
      'SYSTEM_UNREACHABLE',
      `No Tandem answers at ${url} (${why}).`,
      'Start one with: tandem start (it needs REDIS_URL). If it runs elsewhere, set TANDEM_URL to its address.',
      FAILED,
      error,
    );
  }
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
  return code !== '' ? code : cause instanceof Error ? cause.message : String(cause);
}

function failureOf(status: number, body: unknown, url: string): Failure {
  const { code, title, detail, remedy } = (typeof body === 'object' && body !== null ? body : {}) as Partial<Problem>;
  if (status === 401 || status === 403) {
    return new Failure(
      'UNAUTHORIZED',
      detail ?? `Tandem at ${url} wants a token.`,
      'Set TANDEM_API_TOKEN (operating) or TANDEM_READ_TOKEN (reading) to the value that the server runs with.',
    );
  }
  if (code === undefined || !isErrorCode(code)) return strange(url, status);
  return new Failure(code, detail ?? title ?? ERRORS[code].title, remedy ?? ERRORS[code].remedy, statusOf(code));
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);

const strange = (url: string, status?: number): Failure =>
  new Failure(
    'SYSTEM_BAD_RESPONSE',
    `What answers at ${url} does not answer like Tandem${status === undefined ? '' : ` (status ${status})`}.`,
    'Check TANDEM_URL, or TANDEM_HOST and TANDEM_PORT: another program may listen there.',
    FAILED,
  );

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** A path of which each part may hold any character. */
export const path = (...parts: readonly string[]): string =>
  parts.map((part) => `/${encodeURIComponent(part)}`).join('');

/** `?a=1&b=2` of the values that are there. */
export function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const given = Object.entries(values).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}

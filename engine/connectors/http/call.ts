/** A call over HTTP, and its response; where it goes. */
import type { SystemConfig } from '../../config/types.ts';
import { TandemError } from '../../errors.ts';
import { hash } from '../../expression/values.ts';
import type { JsonObject } from '../../types.ts';
import type { Effect, Operation } from '../connector.ts';
import type { Headers } from './response.ts';
import type { ResponseLimits } from './response-body.ts';

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

/** @throws TandemError SYSTEM_BAD_RESPONSE where a link leads to another host */
export function urlOf({ name, baseUrl }: SystemConfig, call: Call): URL {
  if (call.url !== undefined) {
    const base = new URL(baseUrl);
    const url = new URL(call.url, base);
    if (url.origin === base.origin) return url;
    throw new TandemError('SYSTEM_BAD_RESPONSE', `${name} leads to another host for the next page, which is refused`, {
      system: name,
      entity: call.entity,
    });
  }
  // A space is %20 to everybody, and + only to those who read a form.
  const query = call.query?.toString().replaceAll('+', '%20') ?? '';
  return new URL(`${baseUrl}${call.path}${query === '' ? '' : `${call.path.includes('?') ? '&' : '?'}${query}`}`);
}

/** What was asked for: of creates, which all go to one path, the record. */
export const addressOf = ({ method, url, path, query, operation, body }: Call): string =>
  `${method} ${url ?? `${path}?${query}`}${operation === 'create' ? ` ${hash(JSON.stringify(body))}` : ''}`;

/** A transport that can only read, and that keeps what was asked and what came back: for checks of live systems. */

import type { Call, HttpResponse } from '../connectors/http/call.ts';
import type { Transport } from '../connectors/http/transport.ts';
import { asTandemError, TandemError } from '../errors.ts';
import { sleep } from '../timing.ts';

/** One request and what came of it. */
export interface Exchange {
  /** `GET /v2/contacts?filter=email=={value}`: readable, without secrets and without the value searched for. */
  readonly request: string;
  /** Undefined where no answer came. */
  readonly status: number | undefined;
  /** Parsed body of a good answer, as the system sent it. */
  readonly body: unknown;
  readonly error: TandemError | undefined;
}

/** Does one `record` at a time: what the transport sends meanwhile counts as sent by its work. */
export interface Recorder {
  readonly transport: Transport;
  /**
   * Does some work and keeps what is sent meanwhile; nothing is kept otherwise.
   * @param most a further request ends the work: what was wanted has been seen
   * @returns the exchanges, and what the work threw, if anything
   */
  record(most: number, work: () => Promise<void>): Promise<Recorded>;
}

export interface Recorded {
  readonly exchanges: readonly Exchange[];
  readonly error: TandemError | undefined;
}

/** Thrown instead of a request that is one too many. */
const ENOUGH = new TandemError('INTERNAL', 'No further request is sent by this check.');

export interface RecorderOptions {
  /** Milliseconds that one request waits for quota, in all; default 10 minutes. */
  readonly patience?: number;
  /** Called before each wait for quota, with its milliseconds. */
  readonly onWait?: (ms: number) => void;
}

/**
 * @param inner does the requests
 * @returns a transport whose `send` waits for quota itself, and throws TandemError OPERATION_UNSUPPORTED for anything
 *   but a GET that reads, else what `inner` throws
 */
export function createRecorder(inner: Transport, { patience = 600_000, onWait }: RecorderOptions = {}): Recorder {
  let kept: { exchanges: Exchange[]; left: number } | undefined;

  async function send(call: Call): Promise<HttpResponse> {
    const request = requestLine(call);
    // Operations may be declared with any method: a check sends nothing that could change something.
    if (call.method.toUpperCase() !== 'GET' || (call.effect ?? 'read') !== 'read')
      throw new TandemError('OPERATION_UNSUPPORTED', `${request} is not sent by a check, which only sends GET.`);
    if (kept && kept.left-- <= 0) throw ENOUGH;
    try {
      const answer = await patiently(call);
      kept?.exchanges.push({ request, status: answer.status, body: answer.body, error: undefined });
      return answer;
    } catch (cause) {
      const error = asTandemError(cause);
      kept?.exchanges.push({ request, status: error.context.status, body: undefined, error });
      throw error;
    }
  }

  async function patiently(call: Call): Promise<HttpResponse> {
    const end = performance.now() + patience;
    for (;;) {
      try {
        return await inner.send(call);
      } catch (error) {
        const wait =
          error instanceof TandemError && error.code === 'SYSTEM_THROTTLED' ? error.context.retryAfter : undefined;
        if (wait === undefined || performance.now() + wait > end) throw error;
        onWait?.(wait);
        await sleep(wait, call.signal);
      }
    }
  }

  return {
    transport: { ...inner, send },
    async record(most, work) {
      const mine = { exchanges: [], left: most };
      kept = mine;
      try {
        await work();
        return { exchanges: mine.exchanges, error: undefined };
      } catch (error) {
        return { exchanges: mine.exchanges, error: error === ENOUGH ? undefined : asTandemError(error) };
      } finally {
        kept = undefined;
      }
    },
  };
}

const SECRET = /secret|token|api[-_]?key|password|signature/i;

function requestLine({ method, path, query, url, values = [] }: Call): string {
  const at = url === undefined ? undefined : new URL(url, 'http://system.invalid');
  const parts = [...(at?.searchParams ?? query ?? [])].map(([name, text]) => {
    if (SECRET.test(name)) return `${name}=[…]`;
    const shown = values.reduce((kept, value) => kept.replaceAll(value, '{value}'), text);
    return `${name}=${shown}`;
  });
  return `${method} ${at?.pathname ?? path}${parts.length === 0 ? '' : `?${parts.join('&')}`}`;
}

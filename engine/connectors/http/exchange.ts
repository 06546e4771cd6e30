/** One request and its response, read within limits. undici's own `request` makes a stream of each body, which costs more than the rest. */
import type { Dispatcher } from 'undici';
import type { Headers } from './response.ts';
import { createBody, type ResponseLimits } from './response-body.ts';

export interface Exchange {
  readonly request: Dispatcher.DispatchOptions;
  /** Called right before the bytes leave, after all waiting for a connection. What it throws ends the exchange: nothing is sent. */
  readonly guard?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds for the whole of the body: the timeout of the pool only watches the pauses between two parts. */
  readonly within: number;
  /** The head of the response is there. @returns what its body may hold */
  begun(status: number, headers: Headers): ResponseLimits;
}

/**
 * @returns the body
 * @throws TooMuch; what `guard` throws; the reason of the signal; errors of undici and of the network
 */
export function exchange(pool: Dispatcher, { request, guard, signal, within, begun }: Exchange): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let body: ReturnType<typeof createBody> | undefined;
    const end = (error: unknown): void => {
      signal?.removeEventListener('abort', abort);
      reject(error);
    };
    const abort = (): void => {
      end(signal?.reason);
      controller?.abort(signal?.reason);
    };
    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort, { once: true });
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(started) {
        controller = started;
        signal?.throwIfAborted();
        guard?.();
      },
      onResponseStart(_, status, headers) {
        // 1xx: the response is yet to come.
        if (status >= 200) body = createBody(begun(status, headers), within);
      },
      onResponseData(started, part) {
        try {
          body?.add(part);
        } catch (error) {
          end(error);
          started.abort(error as Error);
        }
      },
      onResponseEnd() {
        signal?.removeEventListener('abort', abort);
        resolve(body?.bytes() ?? Buffer.alloc(0));
      },
      onResponseError: (_, error) => end(error),
    };
    try {
      pool.dispatch(request, handler);
    } catch (error) {
      end(error);
    }
  });
}

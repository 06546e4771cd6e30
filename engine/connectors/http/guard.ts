/** Looks once more right before the bytes of a request leave: after all waiting for slots, quota and a connection. */
import type { Dispatcher } from 'undici';

/** Options of a request that carry a guard. */
export interface Guarded {
  /** @throws what the request then ends with: nothing is sent */
  readonly guard?: (() => void) | undefined;
}

type Handler = Dispatcher.DispatchHandler;

/** For `Pool.compose`. */
export const guarding: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  const { guard } = options as Guarded;
  return dispatch(options, guard === undefined ? handler : guardedHandler(handler, guard));
};

/** undici calls `onRequestStart` right before it writes the head of the request; what is thrown there ends the request. */
function guardedHandler(handler: Handler, guard: () => void): Handler {
  return {
    onRequestStart(...args) {
      guard();
      handler.onRequestStart?.(...args);
    },
    onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
    onResponseStart: (...args) => handler.onResponseStart?.(...args),
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
    onResponseError: (...args) => handler.onResponseError?.(...args),
  };
}

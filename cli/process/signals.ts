/** Being told to stop: the first signal asks for an orderly end, a second one ends the process at once. */
import type { Logger } from './log.ts';

export interface StopRequest {
  /** Settles with the signal. */
  readonly asked: Promise<NodeJS.Signals>;
  /** Signals act as they do by themselves again. */
  ignore(): void;
}

export function stopOnSignals(logger: Logger): StopRequest {
  let first = true;
  let tell: (signal: NodeJS.Signals) => void;
  const asked = new Promise<NodeJS.Signals>((resolve) => {
    tell = resolve;
  });
  const listener = (signal: NodeJS.Signals): void => {
    if (!first) process.exit(1);
    first = false;
    logger.info({ signal }, 'stopping; a second signal stops at once');
    tell(signal);
  };
  process.on('SIGTERM', listener);
  process.on('SIGINT', listener);
  return {
    asked,
    ignore() {
      process.off('SIGTERM', listener);
      process.off('SIGINT', listener);
    },
  };
}

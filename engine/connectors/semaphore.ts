/** Waiting that can be called off, slots that only so many may hold at once, and turns for what works long. */
import { setTimeout as delay, setImmediate } from 'node:timers/promises';

/** @throws the signal's reason as soon as it is aborted */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Up to a quarter more, so that many who wait for the same instant do not come at once. */
export function jittered(ms: number): number {
  return Math.ceil(ms * (1 + Math.random() / 4));
}

export interface Semaphore {
  /** Waits for a slot, first come first served. @returns its release, to be called once */
  acquire(signal?: AbortSignal): Promise<() => void>;
}

export function createSemaphore(slots: number): Semaphore {
  let free = Math.max(1, slots);
  const waiting: (() => void)[] = [];
  const release = (): void => {
    const next = waiting.shift();
    if (next === undefined) free += 1;
    else next();
  };
  const once = (): (() => void) => {
    let held = true;
    return () => {
      if (held) release();
      held = false;
    };
  };
  return {
    async acquire(signal) {
      signal?.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return once();
      }
      return await new Promise((resolve, reject) => {
        const grant = (): void => {
          signal?.removeEventListener('abort', abort);
          resolve(once());
        };
        const abort = (): void => {
          const place = waiting.indexOf(grant);
          if (place >= 0) waiting.splice(place, 1);
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', abort, { once: true });
        waiting.push(grant);
      });
    },
  };
}

/** Milliseconds of work on end before others get their turn: whoever asks for health must not wait for a page. */
const TURN = 20;

/** @returns what long work awaits between its steps: it lets others run whenever a turn is over, and costs nothing else */
export function takeTurns(): () => Promise<void> {
  let began = performance.now();
  return async () => {
    if (performance.now() - began < TURN) return;
    await setImmediate();
    began = performance.now();
  };
}

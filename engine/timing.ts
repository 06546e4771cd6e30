/** Waiting that can be called off, and turns for work that takes long. */
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

/** Milliseconds of work on end before others get their turn: a request for health must not wait for a page. */
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

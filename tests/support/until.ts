import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits for a condition, never for luck. It looks again after 25 ms, then less and less often: looks cost what the work that is
 * waited for needs.
 * @param longest milliseconds between two looks; 25 for what is soon over again
 */
export async function until<T>(
  what: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 20_000,
  longest = 100,
): Promise<T> {
  const end = Date.now() + ms;
  for (let wait = 25; ; wait = Math.min(wait * 1.25, longest)) {
    const found = await what();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
    await sleep(wait);
  }
}

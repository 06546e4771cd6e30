/** Slots that only so many may hold at once. */

export interface Semaphore {
  /**
   * Waits for a slot: first come first served, those that go ahead before the others.
   * @returns its release, to be called once
   */
  acquire(signal?: AbortSignal, ahead?: boolean): Promise<() => void>;
}

export function createSemaphore(slots: number): Semaphore {
  let free = Math.max(1, slots);
  const [first, others]: [(() => void)[], (() => void)[]] = [[], []];
  const release = (): void => {
    const next = first.shift() ?? others.shift();
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
    async acquire(signal, ahead = false) {
      signal?.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return once();
      }
      const waiting = ahead ? first : others;
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

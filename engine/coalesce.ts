/** Collects calls that come close together into one: what costs a round trip each costs one for all of them. */

/**
 * @param work does all that was collected, and answers in the same order
 * @param most items that go together at most
 * @param linger ms for which the first one waits for others
 */
export function coalesce<T, R>(
  work: (items: readonly T[]) => Promise<readonly R[]>,
  most = 100,
  linger = 0,
): (item: T) => Promise<R> {
  const waiting: { item: T; resolve: (result: R) => void; reject: (error: unknown) => void }[] = [];
  let running = false;

  async function flush(): Promise<void> {
    running = true;
    // What comes while one round trip is under way goes with the next one.
    while (waiting.length > 0) {
      const now = waiting.splice(0, most);
      try {
        const results = await work(now.map(({ item }) => item));
        for (const [i, one] of now.entries()) one.resolve(results[i]!);
      } catch (error) {
        for (const one of now) one.reject(error);
      }
    }
    running = false;
  }

  return (item) =>
    new Promise<R>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!running) {
        running = true;
        if (linger > 0) setTimeout(() => void flush(), linger);
        else setImmediate(() => void flush());
      }
    });
}

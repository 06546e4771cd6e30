/**
 * Keeps what was made last, by its text, so that the same text is not worked on again: a reload compiles only what has changed.
 * @param most values that are kept; the one that was asked for longest ago goes first
 * @returns the value of a key, made where none is kept; what throws is not kept
 */
export function keepLatest<T>(most: number): (key: string, make: () => T) => T {
  const kept = new Map<string, T>();
  return (key, make) => {
    const value = kept.has(key) ? kept.get(key)! : make();
    kept.delete(key);
    kept.set(key, value);
    if (kept.size > most) kept.delete(kept.keys().next().value!);
    return value;
  };
}

/**
 * Keeps what was asked for last, by its text, so that the same text is not worked on again: a reload compiles only what has changed.
 * @param most of all sizes together; what was asked for longest ago goes first, and what is larger alone is not kept
 * @param sizeOf a value; 1 for each unless given
 * @returns the value of a key, made where none is kept; what throws is not kept
 */
export function keepLatest<T>(
  most: number,
  sizeOf: (value: T, key: string) => number = () => 1,
): (key: string, make: () => T) => T {
  const kept = new Map<string, { readonly value: T; readonly size: number }>();
  let total = 0;
  return (key, make) => {
    let one = kept.get(key);
    if (one) kept.delete(key);
    else {
      const value = make();
      one = { value, size: sizeOf(value, key) };
      if (one.size > most) return value;
      total += one.size;
    }
    kept.set(key, one);
    for (const [oldest, { size }] of kept) {
      if (total <= most) break;
      kept.delete(oldest);
      total -= size;
    }
    return one.value;
  };
}

/** Did you mean: the known name that is nearest to a misspelt one. */

/** @returns the nearest of `names` within about a third of the letters; undefined where none is that near */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of names) {
    const distance = editDistance(wanted, candidate.toLowerCase(), least);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Damerau-Levenshtein distance (optimal string alignment); at least `limit` where it is known to reach it. */
export function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  // Stryker disable next-line EqualityOperator: saves the work only; the distance is at least the difference
  if (Math.abs(a.length - b.length) >= limit) return limit;
  // Stryker disable next-line ArrayDeclaration: no letter is swapped in the first row, so it is not read
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + cost);
      // Before the first letter there is nothing, which equals no letter.
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, beforeLast[j - 2]! + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

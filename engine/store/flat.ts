/** Lists of pairs and of triples, as Redis answers them: one element behind the other. */

export function pairs(flat: readonly (Buffer | string)[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) found.push([flat[i]!.toString(), flat[i + 1]!.toString()]);
  return found;
}

export function triples(flat: readonly Buffer[]): [string, string, string][] {
  const found: [string, string, string][] = [];
  for (let i = 0; i < flat.length; i += 3) found.push([String(flat[i]), String(flat[i + 1]), String(flat[i + 2])]);
  return found;
}

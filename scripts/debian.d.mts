export function unpackPackages(
  work: string,
  alternatives: readonly (readonly string[])[],
): Promise<{ readonly root: string; readonly chosen: number }>;

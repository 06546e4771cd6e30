export function findLongFunctions(
  files: Iterable<{ readonly path: string; readonly text: string }>,
): { path: string; line: number; name: string; lines: number }[];

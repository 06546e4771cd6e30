/** The command line, and the thread in which it evaluates expressions: paths from the root of this repository. */
export const PROGRAMS: readonly string[];

/**
 * Writes the program that begins at `source`, a path from the root of this repository such as `cli/main.ts`, with its libraries
 * and the scripts of the store to `outdir`, where it has the same path with the ending `.js`.
 */
export function bundle(source: string, outdir: string): Promise<void>;

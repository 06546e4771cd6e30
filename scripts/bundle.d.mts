/** The command line, and the thread in which it evaluates expressions: paths from the root of this repository. */
export const PROGRAMS: readonly string[];

/**
 * Writes the programs that begin at `sources`, paths from the root of this repository such as `cli/main.ts`, with their libraries and
 * the scripts of the store to `outdir`, where each has the same path with the ending `.js`.
 */
export function bundle(sources: readonly string[], outdir: string): Promise<void>;

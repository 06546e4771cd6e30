export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly passedInFailed: number;
  readonly skippedInFailed: number;
  readonly names: readonly string[];
  readonly files: readonly string[];
}

export function countTests(report: unknown, root: string): Counts | null;
export function together(
  first: Counts,
  second: Counts,
): { passed: number; failed: number; skipped: number; secondTry: string[] };

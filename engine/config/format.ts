/** A problem as one line that editors and terminals can follow. */
import type { Problem } from './types.ts';

/** `mappings/x.yaml:12:5 CONFIG_PATH properties[2].keap: …` */
export function formatProblem(problem: Problem): string {
  const where = problem.where === '' ? '' : ` ${problem.where}`;
  return `${problem.file}:${problem.line}:${problem.column} ${problem.code}${where}: ${problem.message}`;
}

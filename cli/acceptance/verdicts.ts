/** What an acceptance test finds out: one check per row and direction, or per rule of a mapping. */

export type CheckResult = 'passed' | 'failed' | 'not testable';

export type RowCheck = 'set' | 'changed' | 'one-way' | 'cleared' | 'entries' | 'refused';
export type RuleCheck =
  | 'created'
  | 'correlated'
  | 'matched'
  | 'review'
  | 'conflict'
  | 'deleted'
  | 'scope'
  | 'required'
  | 'reference'
  | 'first sync'
  | 'schedule'
  | 'brake'
  /** What could not be tested any more, as something failed. */
  | 'rest';

export interface Check {
  readonly mapping: string;
  /** Name of the property; absent where it is about a rule of the mapping. */
  readonly property?: string;
  /** Which rule of several of its kind, such as `match 1`. */
  readonly rule?: string;
  readonly what: RowCheck | RuleCheck;
  /** Names of the sides: where something was written, and where it was looked for. */
  readonly from: string;
  readonly to: string;
  readonly verdict: CheckResult;
  /** What was found, or why it cannot be tested. */
  readonly reason?: string;
  /** Milliseconds from the answer to the write until the other side had it. */
  readonly ms?: number;
}

export interface CheckCounts {
  readonly passed: number;
  readonly failed: number;
  readonly 'not testable': number;
}

export const countsOf = (checks: readonly Check[]): CheckCounts => ({
  passed: checks.filter(({ verdict }) => verdict === 'passed').length,
  failed: checks.filter(({ verdict }) => verdict === 'failed').length,
  'not testable': checks.filter(({ verdict }) => verdict === 'not testable').length,
});

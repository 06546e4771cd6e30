/** What an acceptance test gives back, and whether that is a pass. */
import { FAILED } from '../failure.ts';
import type { Check } from './verdicts.ts';

export interface AcceptanceReport {
  readonly checks: readonly Check[];
  readonly mark: string;
  readonly started: string;
  /** Milliseconds. */
  readonly took: number;
  readonly removed: number;
  /** What could not be removed or searched, as `SYSTEM/ENTITY/ID: why`. */
  readonly left: readonly string[];
  readonly stopped: boolean;
}

export const acceptancePassed = ({ checks, left, stopped }: AcceptanceReport): boolean =>
  !stopped &&
  left.length === 0 &&
  checks.some(({ verdict }) => verdict === 'passed') &&
  checks.every(({ verdict }) => verdict !== 'failed');

export const exitStatus = (report: AcceptanceReport): number =>
  report.stopped ? 130 : acceptancePassed(report) ? 0 : FAILED;

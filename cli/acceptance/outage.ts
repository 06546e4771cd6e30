/** Failures that say nothing about what is tested: a system, or Tandem, does not answer as it should. */
import type { ErrorCode } from '../../engine/index.ts';
import { asFailure } from '../failure.ts';

const OUTAGES: readonly ErrorCode[] = [
  'SYSTEM_UNREACHABLE',
  'SYSTEM_UNAVAILABLE',
  'SYSTEM_BAD_RESPONSE',
  'SYSTEM_THROTTLED',
  'SYSTEM_DOWN',
  'SYSTEM_AUTH',
  'UNAUTHORIZED',
  'UNAVAILABLE',
  'RATE_LIMITED',
];

export const isOutage = (error: unknown): boolean => OUTAGES.includes(asFailure(error).code);

/** What a command ends with when it cannot go on: a coded error, what to do about it, and the exit status. */
import { asTandemError, type ErrorCode } from '../engine/index.ts';

export const OK = 0;
/** The work itself failed. */
export const FAILED = 1;
/** The command was used wrongly, or the configuration is wrong. */
export const USAGE = 2;

export type ExitStatus = typeof OK | typeof FAILED | typeof USAGE;

export class Failure extends Error {
  override readonly name = 'Failure';
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly status: ExitStatus;

  constructor(code: ErrorCode, message: string, remedy: string, status: ExitStatus = USAGE, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.remedy = remedy;
    this.status = status;
  }
}

/** Errors that the author of the command or of the configuration can fix; all others are failed work. */
const MENDABLE: readonly ErrorCode[] = [
  'BAD_REQUEST',
  'NOT_FOUND',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'METHOD_NOT_ALLOWED',
  'TOO_LARGE',
  'UNSUPPORTED_TYPE',
  'REDIS_UNSAFE',
  'STARTUP_REFUSED',
];

export const statusOf = (code: ErrorCode): ExitStatus =>
  code.startsWith('CONFIG_') || MENDABLE.includes(code) ? USAGE : FAILED;

/** Any thrown value as a Failure. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const known = asTandemError(error);
  const { code, remedy } = known;
  // The caller of a command may see it all: it goes to nobody else.
  const message = known !== error && error instanceof Error ? error.message : known.message;
  return new Failure(code, message, remedy, statusOf(code), error);
}

/** Every error of Tandem: one coded list, from which docs/errors.md and the problem documents of HTTP follow. */

/**
 * Whether trying again can help, in words. `later`: transient, with backoff. `quota`: wait for `retryAfter`, no failed
 * attempt. `never`: a person or an edit must fix it. `unknown`: whether a write was done is not known, look first.
 */
export const RETRIES = {
  later: 'by itself, with growing pauses',
  quota: 'after a wait; it counts as no failed try',
  never: 'only once somebody corrects something',
  unknown: 'it is not known whether it was done: look first',
} as const;
export type Retry = keyof typeof RETRIES;

interface ErrorEntry {
  readonly title: string;
  readonly retry: Retry;
  readonly status: number;
  readonly remedy: string;
}

/**
 * What happened (`title`), whether trying again can help (`retry`), the HTTP status that the server gives it
 * (`status`), and what a person can do (`remedy`).
 */
export const ERRORS = {
  // Configuration: files that people edit
  CONFIG_FILE: entry(
    'A file of the configuration cannot be read',
    'never',
    422,
    'Put a file that Tandem may read in its place, or remove it.',
  ),
  CONFIG_YAML: entry('The file is not valid YAML', 'never', 422, 'Correct the line named.'),
  CONFIG_SCHEMA: entry('The file breaks its format', 'never', 422, 'Write what the message asks for.'),
  CONFIG_EXPRESSION: entry('An expression does not compile', 'never', 422, 'Correct the JSONata at the place named.'),
  CONFIG_PATH: entry(
    'A path names what the entity does not have',
    'never',
    422,
    'Use a property of the entity schema.',
  ),
  CONFIG_REFERENCE: entry('A name refers to nothing', 'never', 422, 'Declare it, or correct the name.'),
  CONFIG_CYCLE: entry('Mappings refer to each other in a circle', 'never', 422, 'Remove one required reference.'),
  CONFIG_TABLE: entry(
    'A value table cannot be used both ways',
    'never',
    422,
    'Make it one-to-one, or set a direction.',
  ),
  CONFIG_OPERATION: entry(
    'The mapping needs an operation that the system does not offer',
    'never',
    422,
    'Declare the operation in the system file, or do without it.',
  ),
  CONFIG_SECRET: entry(
    'A secret is written in a file',
    'never',
    422,
    'Move it to the environment, and name the variable here instead.',
  ),
  CONFIG_ENV: entry('An environment variable is missing', 'never', 422, 'Set the variable.'),
  CONFIG_DUPLICATE: entry('Something is declared twice', 'never', 422, 'Remove one of the two.'),
  // Values and expressions, per record
  EXPRESSION_FAILED: entry(
    'An expression failed on this record',
    'never',
    422,
    'Correct the expression or the record.',
  ),
  EXPRESSION_LIMIT: entry(
    'An expression used more time or space than it may',
    'never',
    422,
    'Simplify the expression.',
  ),
  VALUE_TYPE: entry('A value does not fit its declared type', 'never', 422, 'Correct the value or the type.'),
  VALUE_NOT_IN_TABLE: entry(
    'A value is not in its value table',
    'never',
    422,
    'Add the value to the table: `tandem explain` shows it.',
  ),
  VALUE_REQUIRED: entry('A required value is empty', 'never', 422, 'Fill it in.'),
  VALUE_NOT_FOUND: entry(
    'A value names a record that does not exist',
    'never',
    422,
    'Correct the value, or create the record.',
  ),
  RECORD_TOO_LARGE: entry(
    'A record holds more than may be handled',
    'never',
    422,
    'Make the record smaller in its system.',
  ),
  RECORD_SCHEMA: entry(
    'The record would break the schema of its target',
    'never',
    422,
    'Correct the properties named.',
  ),
  REFERENCE_WAITING: entry(
    'A record that this one refers to is not linked yet',
    'never',
    409,
    'Nothing: it is done automatically once that record is linked.',
  ),
  // Talking to systems
  SYSTEM_UNREACHABLE: entry('The system did not answer', 'later', 502, 'Nothing: it is tried again.'),
  SYSTEM_UNAVAILABLE: entry('The system answered with a server error', 'later', 502, 'Nothing: it is tried again.'),
  SYSTEM_BAD_RESPONSE: entry(
    'The system answered something that cannot be read',
    'later',
    502,
    'Check the system, or its system file.',
  ),
  SYSTEM_THROTTLED: entry('The quota of the system is used up', 'quota', 503, 'Nothing: the work waits.'),
  SYSTEM_DOWN: entry(
    'The system is down or takes no writes, and is not called for a while',
    'quota',
    503,
    'Nothing: the work waits, and goes on automatically once the system answers.',
  ),
  SYSTEM_AUTH: entry('The system refused the credentials', 'later', 502, 'Check the secrets of this system.'),
  SYSTEM_REFUSED: entry(
    'The system refused a call for a reason that may pass',
    'later',
    502,
    'Nothing at first: it is tried again with growing delays. Where it stays, see what the message says.',
  ),
  SYSTEM_REJECTED: entry(
    'The system rejected the record',
    'never',
    422,
    'Correct the properties named. Each full scan tries it once more.',
  ),
  SYSTEM_NOT_FOUND: entry(
    'The record does not exist in the system',
    'never',
    404,
    'Nothing, if it was deleted on purpose.',
  ),
  RECORD_MERGED: entry(
    'The record was merged into another one',
    'never',
    409,
    'Merge the counterparts too, if they are the same, or break this link.',
  ),
  ID_REUSED: entry(
    'The id of the record belongs to another one now',
    'never',
    409,
    'Break the link, and link the right ones by hand; if it is the same record, link them again.',
  ),
  RECORD_CHANGED: entry(
    'The record changed while it was being written',
    'later',
    409,
    'Nothing: it is read and tried again.',
  ),
  VERSION_REFUSED: entry(
    'The system refuses the version that it gave itself',
    'never',
    409,
    'See that nothing between rewrites ETag, or take "version" out of the system file.',
  ),
  WRITE_NOT_STORED: entry(
    'The system took a write without an error, but did not store the value as it was sent',
    'never',
    422,
    'See whether the property may be written there, and shorten or correct the value, or set a direction; then ask for the record again.',
  ),
  WRITE_LOOP: entry(
    'A value goes to and fro between the two systems, and nobody edits it',
    'never',
    422,
    'Declare the forms equal (`equal`), or set a direction; the values are in the history.',
  ),
  OPERATION_UNSUPPORTED: entry(
    'The system does not offer this operation',
    'never',
    422,
    'Declare it in the system file.',
  ),
  OUTCOME_UNKNOWN: entry(
    'It is not known whether the write was done',
    'unknown',
    502,
    'Nothing: the target is searched first.',
  ),
  // Links and work
  LINK_CHANGED: entry('Another worker was faster', 'later', 409, 'Nothing: the record is looked at again.'),
  CREATE_REFUSED: entry(
    'Records would be created beside others that nothing compares them with',
    'never',
    409,
    'Add a match rule or "correlate", or say in the file that it is meant: create: { SIDE: always }.',
  ),
  NOT_REFERENCED: entry(
    'A counterpart is created on demand, and no record that is synchronized refers to this one',
    'never',
    409,
    'Nothing: it is created once one does. Or create it by hand.',
  ),
  LINK_TAKEN: entry('One of the records is linked already', 'never', 409, 'Break that link first.'),
  RECORD_LOCKED: entry('Another worker holds this record', 'quota', 409, 'Nothing: it waits for its turn.'),
  BRAKE_ON: entry(
    'The brake of the mapping is on',
    'never',
    409,
    'Answer continue or discard in the reviews; then it is done automatically.',
  ),
  REDIS_UNSAFE: entry('Redis could lose link keys', 'never', 500, 'Set maxmemory-policy noeviction.'),
  MAPPING_MISSING: entry(
    'The file of a mapping that has links is missing',
    'never',
    409,
    'Restore the file, or its name; or run: tandem mapping retire NAME.',
  ),
  // HTTP surface
  NOT_FOUND: entry('There is no such thing', 'never', 404, 'Check the name or the id.'),
  BAD_REQUEST: entry('The request cannot be understood', 'never', 400, 'Send what the message asks for.'),
  UNAUTHORIZED: entry('A token is needed', 'never', 401, 'Send Authorization: Bearer TOKEN.'),
  FORBIDDEN: entry('This request may not do that', 'never', 403, 'See the message.'),
  METHOD_NOT_ALLOWED: entry(
    'The address does not take this method',
    'never',
    405,
    'Use a method that the Allow header names.',
  ),
  TOO_LARGE: entry('The request is too large', 'never', 413, 'Send less at once.'),
  UNSUPPORTED_TYPE: entry('The body is of a type that nobody reads here', 'never', 415, 'Send application/json.'),
  RATE_LIMITED: entry('Too many requests', 'quota', 429, 'Wait as long as Retry-After says.'),
  CONFLICT: entry('The present state does not allow this', 'never', 409, 'See the message.'),
  UNAVAILABLE: entry('Tandem cannot do this just now', 'later', 503, 'Ask again later; look at /health/ready.'),
  TIMEOUT: entry('It took too long, and may still be done', 'unknown', 503, 'Look at the state before asking again.'),
  STARTUP_REFUSED: entry('Tandem cannot run like this', 'never', 500, 'See the message.'),
  INTERNAL: entry('Tandem itself failed', 'later', 500, 'Report it with the log around it.'),
} as const satisfies Record<string, ErrorEntry>;

function entry(title: string, retry: Retry, status: number, remedy: string): ErrorEntry {
  return { title, retry, status, remedy };
}

/** Codes are for programs and stay as they are; titles and messages may change (docs/errors.md). */
export type ErrorCode = keyof typeof ERRORS;

export interface ErrorContext {
  /** Name of the mapping, system, entity or property concerned; never a value of a record. */
  readonly mapping?: string;
  readonly system?: string;
  readonly entity?: string;
  readonly property?: string;
  readonly side?: string;
  readonly id?: string;
  /** HTTP status that the system answered. */
  readonly status?: number;
  /** Nobody has looked yet at the record that is referred to: what comes of it will be known soon. */
  readonly pending?: boolean;
  /** Milliseconds to wait before trying again, where the cause states them. */
  readonly retryAfter?: number;
  /** No more such calls are made for now, because the system is down: the try counts as none. */
  readonly paused?: boolean;
  readonly cause?: unknown;
}

/** The one error class. `message` is in plain words and holds no secret and no customer data beyond names of properties. */
export class TandemError extends Error {
  override readonly name = 'TandemError';
  readonly code: ErrorCode;
  readonly context: ErrorContext;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.context = context;
  }

  get retry(): Retry {
    return ERRORS[this.code].retry;
  }

  get remedy(): string {
    return ERRORS[this.code].remedy;
  }
}

/** An error as it is shown beside what it concerns. */
export const faultOf = ({ code, message, context }: TandemError) => ({
  code,
  message,
  ...(context.property ? { property: context.property } : {}),
});

/**
 * Any thrown value as a TandemError; what is not one becomes INTERNAL, with its cause kept. Its message is stored and
 * shown, so it goes without what it quotes: `"…" is not valid JSON` would tell the content of a record.
 */
export function asTandemError(error: unknown): TandemError {
  if (error instanceof TandemError) return error;
  return new TandemError('INTERNAL', unquoted(error instanceof Error ? error.message : String(error)), {
    cause: error,
  });
}

const LONGEST = 300;

/** A text without what stands in it between quotation marks, from the first to the last; an apostrophe is none. */
export function unquoted(text: string): string {
  const plain = text.slice(0, 10 * LONGEST).replace(/(?<![\p{L}\p{N}])["'`](?:.*["'`]|.*$)/su, '[…]');
  return plain.length <= LONGEST ? plain : `${plain.slice(0, LONGEST - 1)}…`;
}

/** Logs of the long-running commands: JSON lines, or short coloured lines where a person looks on. */
import { type Logger, pino } from 'pino';
import { TandemError, unquoted } from '../../engine/index.ts';
import { colors, plain } from '../format/output.ts';
import type { LogLevel } from './environment.ts';

export type { Logger };

/**
 * @param to the stream that takes the log; `pretty` for people
 * @param redact what each line passes through before it is written
 */
export function createLogger(
  level: LogLevel,
  to: NodeJS.WritableStream,
  pretty: boolean,
  redact: (text: string) => string = (text) => text,
): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: levelName },
    serializers: { err: (error: unknown) => loggedError(error) },
    hooks: { streamWrite: redact },
  };
  return pino(options, pretty ? { write: (line: string) => void to.write(`${prettyLine(line)}\n`) } : to);
}

const levelName = (label: string): { level: string } => ({ level: label });

const DEEPEST = 4;

interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: readonly string[];
  readonly cause?: LoggedError;
}

/**
 * Where it arose and of what kind it is. Not its other properties (those of Redis hold the whole command), and not what
 * an unforeseen one quotes: both may be values of records.
 */
export function loggedError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: unquoted(String(error)) };
  const code = (error as NodeJS.ErrnoException).code;
  const stack = error.stack
    ?.split('\n')
    .map((line) => line.trim())
    .filter((line) => /^at .+:\d+:\d+\)?$/.test(line));
  return {
    type: error.name,
    message: error instanceof TandemError ? error.message : unquoted(error.message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(stack ? { stack } : {}),
    ...(error.cause === undefined || depth >= DEEPEST ? {} : { cause: loggedError(error.cause, depth + 1) }),
  };
}

function prettyLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const paint = level === 'error' || level === 'fatal' ? colors.red : level === 'warn' ? colors.yellow : colors.green;
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return (
    plain(`${String(time).slice(11, 19)} `) +
    paint(String(level).padEnd(5)) +
    plain(` ${String(msg)} `) +
    colors.dim(plain(rest.join(' ')))
  );
}

/** What a command prints: text for people, or one JSON value with --json; errors on stderr, never with a stack. */
import pc from 'picocolors';
import { asFailure } from '../failure.ts';

export interface Output {
  readonly json: boolean;
  /** A person looks on: colours, progress bars. */
  readonly tty: boolean;
  /** For people: one line on stdout; nothing with --json. */
  line(text?: string): void;
  /** One line on stderr: what is worth knowing but is no result. */
  note(text: string): void;
  /** With --json the value, else the text. */
  result(value: unknown, text: () => string): void;
}

/** Colours that are off where stdout is no terminal, or NO_COLOR is set. */
export const colors = pc.createColors(pc.isColorSupported && process.stdout.isTTY === true);

export function createOutput({ json }: { json: boolean }): Output {
  return {
    json,
    tty: process.stdout.isTTY === true && !json && !process.env.CI,
    line(text = '') {
      if (!json) process.stdout.write(`${text}\n`);
    },
    note(text) {
      process.stderr.write(`${text}\n`);
    },
    result(value, text) {
      process.stdout.write(`${json ? JSON.stringify(value, null, 2) : text()}\n`);
    },
  };
}

/** `CODE: message`, then what to do. @returns the exit status that belongs to it */
export function printFailure(error: unknown, json = false): number {
  const failure = asFailure(error);
  const { code, message, remedy, status } = failure;
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message, remedy } })}\n`);
  process.stderr.write(`${code}: ${message}\n`);
  if (remedy !== '') process.stderr.write(`${remedy}\n`);
  if (process.env.TANDEM_DEBUG) {
    for (let cause: unknown = failure; cause instanceof Error; cause = cause.cause)
      process.stderr.write(`${cause.stack}\n`);
  }
  return status;
}

/** Texts of a system or a record may hold control characters, which a terminal would obey. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
export const plain = (text: string): string => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');

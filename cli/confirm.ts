/** Asks a person on a terminal before what cannot be taken back; who is no person must have said yes. */
import { createInterface } from 'node:readline/promises';
import { Failure } from './failure.ts';
import type { Output } from './format/output.ts';

export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Not stdout: that holds what the command came to. */
const HERE: Terminal = { input: process.stdin, output: process.stderr };

/**
 * @param what will be done, as a sentence without its end: `Discard 5 jobs of people`
 * @param option that says yes beforehand
 * @returns whether the person wants it; anything but yes is no
 * @throws Failure BAD_REQUEST where nobody can be asked
 */
export async function confirm(
  what: string,
  option: string,
  { json }: Pick<Output, 'json'>,
  { input, output }: Terminal = HERE,
): Promise<boolean> {
  if (json || !input.isTTY || !output.isTTY)
    throw new Failure('BAD_REQUEST', `${what}? Nobody can be asked here, and nothing was done.`, `Say so: ${option}`);
  const reader = createInterface({ input, output });
  try {
    // The end of the input, or Ctrl-C, is no yes.
    const ended = new Promise<string>((resolve) => reader.once('close', () => resolve('')));
    return /^y(es)?$/i.test((await Promise.race([reader.question(`${what}? [y/N] `), ended])).trim());
  } finally {
    reader.close();
  }
}

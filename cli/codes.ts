/** Codes of errors as options take them: one that is misspelt would find nothing, and look like good news. */
import { InvalidArgumentError } from 'commander';
import { ERRORS } from '../engine/index.ts';

export function parseErrorCode(text: string): string {
  if (Object.hasOwn(ERRORS, text)) return text;
  const near = Object.keys(ERRORS).filter((code) => code.includes(text.toUpperCase()));
  throw new InvalidArgumentError(
    near.length > 0 && near.length < 6 ? `Is it ${near.join(' or ')}?` : 'The codes are listed in docs/errors.md.',
  );
}

/** What the keywords of schemas call that are not ajv's own. */
import { stableJson } from '../expression/values.ts';
import { parseDuration } from './duration.ts';

export { linearPattern } from '../expression/regex.ts';

export const areUnique = (list: readonly unknown[]): boolean => new Set(list.map(stableJson)).size === list.length;

/** A text that is no duration is recognized by its pattern, or is a word such as `off`. */
export function isDurationBetween([least = '0s', most = '365d']: readonly string[], text: string): boolean {
  const ms = parseDuration(text);
  return ms === undefined || (ms >= (parseDuration(least) ?? 0) && ms <= (parseDuration(most) ?? 0));
}

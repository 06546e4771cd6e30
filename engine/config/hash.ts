/** Short hashes of texts: equal texts, equal versions, on every process. */
import { createHash } from 'node:crypto';

/**
 * A short version of texts: SHA-256 of the parts, of which the order and the borders count.
 * @returns 12 hexadecimal digits
 */
export function shortHash(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 12);
}

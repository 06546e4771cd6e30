/** Short hashes of texts: equal texts, equal versions, on every process. */
import { createHash } from 'node:crypto';

/** The order and the borders of the parts count. */
export function shortHash(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex').slice(0, 12);
}

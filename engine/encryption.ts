/** Text encrypted for keeping in Redis: compact JWE (dir, A256GCM) under TANDEM_ENCRYPTION_KEY. */
import { hkdfSync } from 'node:crypto';
import { CompactEncrypt, compactDecrypt } from 'jose';

export interface Encryption {
  seal(text: string): Promise<string>;
  /**
   * undefined where no key opens it, or it was sealed for another purpose; `former`: a key other than the first opened
   * it, so that it is to be sealed again before that key is removed
   */
  open(sealed: string): Promise<{ readonly text: string; readonly former: boolean } | undefined>;
}

/**
 * @param keys comma-separated: the first seals, all open, so that a key is changed by putting the new one in front
 * @param purpose what is sealed; each purpose has its own key
 */
export function createEncryption(keys: string, purpose: string): Encryption | undefined {
  const derived = keys
    .split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '')
    .map((key) => new Uint8Array(hkdfSync('sha256', key, 'tandem', purpose, 32)));
  const [first] = derived;
  if (first === undefined) return undefined;
  return {
    async seal(text) {
      const plain = new TextEncoder().encode(text);
      return await new CompactEncrypt(plain).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(first);
    },
    async open(sealed) {
      for (const key of derived) {
        try {
          const { plaintext } = await compactDecrypt(sealed, key, {
            keyManagementAlgorithms: ['dir'],
            contentEncryptionAlgorithms: ['A256GCM'],
          });
          return { text: new TextDecoder().decode(plaintext), former: key !== first };
        } catch {
          // Not this key: the next one may open it.
        }
      }
      return undefined;
    },
  };
}

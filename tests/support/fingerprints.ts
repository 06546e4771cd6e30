/** Fingerprints of tests: one key for all of them, so that processes that share a Redis agree. */
import { createFingerprinter } from '../../engine/store/fingerprints.ts';

export const testFingerprinter = createFingerprinter(new Uint8Array(32).fill(7));

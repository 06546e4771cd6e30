/** What a failure of the network means: whether anything was sent, and which error it is. Pure. */
import { TandemError } from '../errors.ts';
import type { Effect } from './connector.ts';

/** Failures that happen before anything is sent, whatever the method: repeating is harmless. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
]);

/** Whether a network failure happened before anything was sent. */
export function isNotSent(error: unknown): boolean {
  const code = networkCode(error);
  return code !== undefined && NOT_SENT.has(code);
}

/**
 * The error for a request that got no response, or not the whole of it.
 * @param effect what the request changes: of a create it is not known then whether it was done
 * @param system its name
 * @param entity its name
 * @param error what the network threw; the first `code` in it and its causes shows whether anything was sent
 * @returns SYSTEM_UNREACHABLE where nothing was sent, and for a read; else OUTCOME_UNKNOWN for a create, SYSTEM_UNAVAILABLE for
 *   another write
 */
export function networkFailure(effect: Effect, system: string, entity: string, error: unknown): TandemError {
  const code = networkCode(error);
  const context = { system, entity, cause: error };
  if (isNotSent(error)) {
    return new TandemError('SYSTEM_UNREACHABLE', `${system} cannot be reached (${code})`, context);
  }
  const words = `The connection to ${system} failed before its response was complete (${code ?? 'network error'})`;
  if (effect === 'create') return new TandemError('OUTCOME_UNKNOWN', words, context);
  return new TandemError(effect === 'read' ? 'SYSTEM_UNREACHABLE' : 'SYSTEM_UNAVAILABLE', words, context);
}

function networkCode(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return undefined;
}
